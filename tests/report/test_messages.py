"""What people read about an incident: one sentence each, harmless, and within Slack's limits."""

import json
import re
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from monitoring_dagster.decide.diagnosis.causes import CauseKind, LikelyCause, Remedy
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.rules import RULES, Partitions
from monitoring_dagster.kinds import FindingKind, Reason, Severity
from monitoring_dagster.report import runbooks
from monitoring_dagster.report.messages import opening_of, render, to_text
from monitoring_dagster.report.on_call import OnCall
from tests.fake_slack import texts
from tests.report.example import LINKS, NOTE, event, found


def test_a_message_reads_like_a_sentence():
    assert to_text(render(event(found()), LINKS)) == (
        "P2 credit: feature drift, PSI 0.31, more than 0.2\n"
        "First seen: 1 finding on 7 January.\n"
        "  - income: PSI 0.31, more than 0.2\n"
        "  Model: credit\n"
        "  Owner: team:risk\n"
        "  Day: 2026-01-07, judged 2026-01-08 06:00 UTC\n"
        "  Next: Ask whether the world or the pipeline changed; a sudden shift is usually the"
        " pipeline.\n"
        "  Runbook: https://wiki.example.org/runbooks/feature_drift.md\n"
        "  Dagster: drift of 2026-01-07:"
        " http://127.0.0.1:3000/assets/credit/drift?view=partitions&partition=2026-01-07\n"
        "  MLflow model: http://127.0.0.1:5000/#/models/credit_risk"
    )


@pytest.mark.parametrize(
    ("reason", "title", "lead"),
    [
        pytest.param(
            Reason.WORSE,
            "P2 credit: worse: feature drift, PSI 0.31, more than 0.2",
            "Got worse: 1 finding on 7 January, open since 5 January, for 2 days.",
            id="worse",
        ),
        pytest.param(
            Reason.REMINDER,
            "P2 credit: open since 5 January: feature drift, PSI 0.31, more than 0.2",
            "Still open: 1 finding on 7 January, open since 5 January, for 2 days.",
            id="reminder",
        ),
        pytest.param(
            Reason.RESOLVED,
            "credit: feature drift resolved on 7 January after 2 days",
            "Resolved on 7 January after 2 days.",
            id="resolved",
        ),
    ],
)
def test_each_reason_has_its_words(reason, title, lead):
    message = render(event(found(), reason=reason), LINKS)
    assert (message.title, message.lead) == (title, lead)


END = replace(event(reason=Reason.RESOLVED), day=date(2026, 1, 9))


def test_the_opening_message_tells_of_its_end():
    message = opening_of([event(found()), END], LINKS)
    assert message.tone == "resolved"
    assert message.title == "credit: feature drift resolved on 9 January after 4 days"
    assert (
        message.lead == "Resolved on 9 January after 4 days. The last was 1 finding on 7 January."
    )
    assert message.changes == ()


DROP = Finding(
    "credit", date(2026, 1, 8), FindingKind.PERFORMANCE_DROP, "log_loss", Severity.P1,
    "log_loss of version 1 was 0.71 (0.65 to 0.77, 300 labels)", "verdict",
    brief="log loss 0.71 against 0.45",
)  # fmt: skip
LATER = replace(
    event(DROP, found(), reason=Reason.WORSE, kind=DROP.kind), severity=Severity.P1,
    day=date(2026, 1, 8),
)  # fmt: skip


def test_the_opening_message_reads_as_it_stands_now_and_tells_how_it_came_to_that():
    message = opening_of([event(found()), LATER, NOTE], LINKS)
    assert message.tone == "P1"
    assert message.title == "P1 credit: performance drop, log loss 0.71 against 0.45 (+1 more)"
    assert message.lead == "Open since 5 January, for 3 days: 2 findings on 8 January."
    assert message.timeline == (
        "7 January  first seen: feature drift, PSI 0.31, more than 0.2",
        "8 January  got worse: performance drop, log loss 0.71 against 0.45",
        "7 January  version 2 serves",
    )
    assert message.next_step.startswith("Read the attribution first")
    told = texts(message.blocks)
    assert any("*So far*" in one and "version 2 serves" in one for one in told)


def likely(cause, action, **changes):
    fields = {"rule": "performance_drop", "evidence": ("log_loss 0.71 against 0.45",)}
    return LikelyCause(cause=cause, weight=0.87, action=action, **(fields | changes))


DRIFT = likely(CauseKind.CONCEPT_DRIFT, Remedy.RETRAIN)


def test_the_likely_cause_is_the_title_and_what_helps_against_it_the_next_step():
    message = render(replace(event(found()), cause=DRIFT), LINKS)
    assert message.title == "P2 credit: likely concept drift, PSI 0.31, more than 0.2"
    assert message.cause == "concept drift (87%): log_loss 0.71 against 0.45"
    assert message.next_step.startswith("Let a challenger learn the newest labelled rows")
    assert "  Likely cause: concept drift (87%): log_loss 0.71 against 0.45" in to_text(message)
    assert any("*Likely cause*  concept drift" in one for one in texts(message.blocks))


def test_what_was_delivered_is_called_and_repaired_as_its_rule_says():
    breach = replace(found("age", "gone"), kind=FindingKind.SCHEMA_BREACH)
    cause = likely(CauseKind.CONTRACT, Remedy.FIX_PIPELINE)
    message = render(replace(event(breach, kind=FindingKind.SCHEMA_BREACH), cause=cause), LINKS)
    assert message.title == "P2 credit: schema breach, gone"
    assert message.next_step == RULES[FindingKind.SCHEMA_BREACH].first_step
    assert message.cause.startswith("contract (87%)")


def test_a_turn_that_knows_no_cause_leaves_the_one_that_is_known():
    told = replace(event(found()), cause=DRIFT)
    later = event(found(), reason=Reason.REMINDER)
    assert opening_of([told, later], LINKS).cause == render(told, LINKS).cause


def test_what_is_over_has_no_likely_cause_any_more():
    over = replace(event(reason=Reason.RESOLVED), cause=DRIFT)
    assert render(over, LINKS).cause == ""
    assert opening_of([replace(event(found()), cause=DRIFT), over], LINKS).cause == ""


def test_without_a_runbook_on_the_web_the_cause_comes_before_its_steps():
    message = render(replace(event(found()), cause=DRIFT), replace(LINKS, runbook_url=None))
    assert message.steps[0].startswith("First: Let a challenger learn")
    assert message.steps[1].startswith("1. ")


def test_evidence_from_data_calls_nobody():
    cause = likely(CauseKind.NEW_VERSION, Remedy.ROLL_BACK, version="<!here>", evidence=("<@U1>",))
    message = render(replace(event(found()), cause=cause), LINKS)
    assert not any("<!" in one or "<@" in one for one in texts(message.blocks))


def test_a_person_who_handles_it_changes_no_number():
    by = replace(event(reason=Reason.ACKNOWLEDGED), by="ada", comment="the feed was late")
    message = opening_of([event(found()), by], LINKS)
    assert message.title == "P2 credit: feature drift, PSI 0.31, more than 0.2"
    assert message.lead.endswith("Acknowledged by ada: the feed was late.")


def test_names_and_comments_keep_their_capitals():
    by = replace(event(reason=Reason.ACKNOWLEDGED), by="Ada Lovelace", comment="the AUC is low")
    assert render(by, LINKS).lead == "Acknowledged by Ada Lovelace: the AUC is low."
    opened = opening_of([event(found()), by], LINKS)
    assert opened.lead.endswith(" Acknowledged by Ada Lovelace: the AUC is low.")


GIVEN = replace(
    event(reason=Reason.ASSIGNED), by="Grace", assignee="Ada <!here>", comment="you know the feed"
)


def test_who_has_it_is_said_in_the_thread_and_stays_in_the_opening_message():
    reply = render(GIVEN, LINKS)
    assert reply.title.startswith("P2 credit: feature drift assigned to Ada <!here> by Grace")
    assert reply.lead == "Assigned to Ada <!here> by Grace: you know the feed."
    message = opening_of([event(found()), GIVEN, LATER], LINKS)
    assert facts(message)["Assigned to"] == "Ada <!here>"
    assert any(one.endswith("you know the feed") for one in message.timeline)
    shown = json.dumps(message.blocks)
    assert "Ada &lt;!here&gt;" in shown
    assert "<!here>" not in shown


def test_the_latest_assignment_counts_until_it_is_over():
    thread = [event(found()), GIVEN, replace(GIVEN, assignee="bob")]
    assert facts(opening_of(thread, LINKS))["Assigned to"] == "bob"
    assert "Assigned to" not in facts(opening_of([*thread, END], LINKS))
    assert "Assigned to" not in facts(opening_of([event(found()), LATER], LINKS))


def test_of_a_long_thread_the_beginning_and_the_latest_turns_are_told():
    days = [replace(LATER, day=date(2026, 2, n)) for n in range(1, 29)]
    lines = opening_of([event(found()), *days], LINKS).timeline
    assert len(lines) == 12
    assert lines[0].startswith("7 January  first seen")
    assert lines[1] == "… 18 more"
    assert lines[-1].startswith("28 February  got worse")


def test_the_number_of_the_first_finding_is_drawn_day_by_day():
    one = replace(found(), trend=(0.02, 0.03, 0.31))
    line = "income, 3 days: ▁▁█  0.02 to 0.31"
    message = render(event(one, found("age")), LINKS)
    assert f"  {line}\n" in to_text(message)
    assert line in texts(message.blocks)
    assert render(event(replace(one, trend=(0.3,))), LINKS).trend == ""


def test_what_else_changed_is_told_with_the_first_message():
    changed = replace(event(found()), changes=("version 2 serves since 6 January <b>",))
    message = render(changed, LINKS)
    assert "  Changed lately: version 2 serves since 6 January <b>" in to_text(message)
    told = "\n".join(texts(message.blocks))
    assert "*Changed lately*\n• version 2 serves since 6 January &lt;b&gt;" in told


def test_an_announcement_links_to_the_version_it_is_about():
    message = render(NOTE, LINKS)
    assert message.title == "credit: version 2 serves"
    assert message.links[-1].url == "http://127.0.0.1:5000/#/models/credit_risk/versions/2"


@pytest.mark.parametrize("kind", FindingKind)
@pytest.mark.parametrize("reason", Reason)
def test_every_message_of_every_kind_leads_to_its_runbook(kind, reason):
    """And to a Dagster asset that exists, by its day if it has days, and to the model in MLflow."""
    blocks = json.dumps(render(event(found(), kind=kind, reason=reason), LINKS).blocks)
    assert f"<https://wiki.example.org/runbooks/{kind}.md|Runbook>" in blocks
    partition = {
        Partitions.DAYS: "?view=partitions&amp;partition=2026-01-07|",
        Partitions.WEEKS: "?view=partitions&amp;partition=2026-01-05|",  # its Monday
        Partitions.NONE: "?view=events|",
    }[RULES[kind].partitions]
    assert f"<http://127.0.0.1:3000/assets/credit/{RULES[kind].asset}{partition}" in blocks
    assert "<http://127.0.0.1:5000/#/models/credit_risk|MLflow model>" in blocks


@pytest.mark.parametrize("url", [None, "file:///srv/ml/runbooks", "/srv/ml/runbooks"])
@pytest.mark.parametrize("kind", FindingKind)
def test_without_a_runbook_on_the_web_its_first_steps_stand_in_the_opening_message(kind, url):
    """No link leads from Slack to somebody's disk; the command for the whole page is named."""
    message = render(event(found(), kind=kind), replace(LINKS, runbook_url=url))
    (text,) = [t for t in texts(message.blocks) if t.startswith("*Runbook*")]
    assert text.startswith("*Runbook*\n1. ")
    assert text.endswith(f"`monitoring-dagster runbook --page {kind}`")
    assert "MODEL" not in text
    assert ".md" not in text
    assert "```" not in text
    assert "file://" not in json.dumps(message.blocks)
    later = render(event(found(), kind=kind, reason=Reason.WORSE), replace(LINKS, runbook_url=url))
    assert "*Runbook*" not in json.dumps(later.blocks)


def test_steps_are_cut_between_steps():
    for kind in FindingKind:
        steps = runbooks.first_steps(kind, model="credit")
        assert 0 < sum(map(len, steps)) <= 1000
        assert all(re.match(r"\d\. \S", step) for step in steps)
        assert steps[-1].endswith((".", "`", "?")), steps[-1]


def test_a_link_leads_to_the_day_that_was_judged_not_to_the_one_on_which_it_was_noticed():
    """Of a resolved message it is the last day with a finding."""
    late = replace(event(reason=Reason.RESOLVED), evidence=date(2026, 1, 2))
    (dagster,) = [one for one in render(late, LINKS).links if "Dagster" in one.label]
    assert dagster.label == "Dagster: drift of 2026-01-02"
    assert dagster.url.endswith("/assets/credit/drift?view=partitions&partition=2026-01-02")


def test_a_failed_run_leads_to_the_run():
    failed = replace(NOTE, kind=FindingKind.FAILED_RUN, version=None, dagster_run="4f1c")
    assert "http://127.0.0.1:3000/runs/4f1c" in [one.url for one in render(failed, LINKS).links]


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        pytest.param(Reason.FIRST, "P2 credit: feature drift, PSI 0.31, more than 0.2", id="first"),
        pytest.param(
            Reason.WORSE, "P2 credit: worse: feature drift, PSI 0.31, more than 0.2", id="worse"
        ),
        pytest.param(
            Reason.REMINDER,
            "P2 credit: open since 5 January: feature drift, PSI 0.31, more than 0.2",
            id="reminder",
        ),
        pytest.param(
            Reason.RESOLVED, "credit: feature drift resolved on 7 January after 2 days", id="end"
        ),
    ],
)
def test_the_notification_line_holds_cause_and_number(reason, line):
    assert render(event(found(), reason=reason), LINKS).text == line
    several = render(event(found(), found("age"), total=12), LINKS).text
    assert several.endswith("PSI 0.31, more than 0.2 (+11 more)")


def test_of_many_findings_eight_are_shown_and_the_rest_counted():
    message = render(event(*[found(f"column_{n}") for n in range(8)], total=1000), LINKS)
    assert len(message.findings) == 8
    assert "+992 more" in json.dumps(message.blocks)


LONG = "a column whose name somebody wrote as a whole sentence, with every unit and source " * 4
NAME = "a_feature_with_a_name_that_nobody_would_want_to_type_" * 6
NUMBERS = "; ".join(f"source {n}: {n / 7:.4f} where {n / 9:.4f} was promised" for n in range(40))


@pytest.mark.parametrize("name", [NAME, LONG, NUMBERS])
@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("kind", FindingKind)
def test_no_message_cuts_off_its_conclusion(kind, count, name):
    """However long the names in it; behind a long name the number is kept, too."""
    number, conclusion = "0.71 where 0.45 was promised", "not explained by inputs: concept drift"
    words = f"{name}: {number} (on 2026-03-04; {name}); {conclusion}"
    findings = [found(name, words)] * count
    for links in (LINKS, replace(LINKS, runbook_url=None)):
        message = render(event(*findings, kind=kind), links)
        shown = "".join(texts(message.blocks)[1:])
        in_terminal = to_text(message).partition("\n")[2]
        assert shown.count(conclusion) == in_terminal.count(conclusion) == count
        assert conclusion in message.title
        assert name is NUMBERS or shown.count(number) == count
        assert conclusion in message.text
        assert len(shown) < 10_000


def test_short_words_are_never_touched():
    words = (
        "log_loss of version 1 was 0.7100 (0.6500 to 0.7700, 300 labels) where registration"
        " promised 0.4500 and 0.0225 is tolerated (on 2026-03-04; 4 of the last 5 evaluated days"
        " were as bad); not explained by the inputs: likely concept drift"
    )
    assert render(event(found("log_loss", words)), LINKS).findings == (("log_loss", words),)


HOSTILE = [
    "<!channel>",
    "<@U012AB3CD>",
    "<https://evil.example|Runbook>",
    "&lt;!here&gt;",
    "income\u202egnp.exe\x00\u200b\n\n*bold*",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_values_from_data_call_nobody_and_link_nowhere(value):
    message = render(event(found(value, value)), LINKS)
    note = render(replace(NOTE, title=value, words=value), LINKS)
    for text in [*texts(message.blocks), *texts(note.blocks), message.text, note.text]:
        assert "<!" not in text
        assert "<@" not in text
        assert "<https://evil" not in text
        assert not [c for c in text if unicodedata.category(c) in {"Cf", "Cs"}]
    assert "&amp;lt;" in json.dumps(note.blocks) or value != "&lt;!here&gt;"


def test_a_bare_address_stays_plain_text():
    """Slack turns addresses into links unless the text is verbatim."""
    blocks = render(event(found("https://evil.example")), LINKS).blocks
    bodies = [b["text"] for b in blocks if b["type"] == "section" and "text" in b]
    assert all(body["verbatim"] for body in bodies)


TEXT = st.text(max_size=40) | st.text("<>&\u202e\ud800é😀", min_size=500, max_size=6000)


@given(subject=TEXT, words=TEXT, owner=TEXT, count=st.integers(0, 8), more=st.integers(0, 999))
def test_any_message_keeps_slacks_limits(subject, words, owner, count, more):
    """The SDK's own validators, and the sum that Slack does not document."""
    findings = [found(subject, words)] * count
    told = replace(event(*findings, total=count + more), owner=owner)
    noted = replace(NOTE, title=subject, words=words, owner=owner)
    nowhere = replace(LINKS, runbook_url=None)
    digest = replace(noted, rows=((subject, words),) * count, total=count + more)
    for message in (
        render(told, LINKS),
        render(noted, LINKS),
        render(told, nowhere),
        render(noted, nowhere),
        render(digest, nowhere),
    ):
        for block in Block.parse_all(message.blocks):
            block.validate_json()
        assert all(0 < len(text) <= 3000 for text in texts(message.blocks))
        assert sum(map(len, texts(message.blocks))) < 10_000
        assert 0 < len(message.text) <= 300
        json.dumps(message.blocks).encode()


def facts(message):
    return dict(message.facts)


DUE = datetime(2026, 1, 13, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("severity", "zone", "words"),
    [
        ("P2", "UTC", "by Tue 13 January 08:00 UTC"),
        ("P2", "Europe/Berlin", "by Tue 13 January 09:00 CET"),
        ("P1", "America/New_York", "by Tue 13 January 03:00 EST"),
        ("P0", "Europe/Berlin", "now"),
    ],
)
def test_it_says_by_when_somebody_should_look(severity, zone, words):
    asked = replace(event(found()), due=DUE, time_zone=zone, severity=Severity(severity))
    assert facts(render(asked, LINKS))["Due"] == words
    assert "Due" not in facts(render(event(found()), LINKS))


def test_who_is_on_call_is_named_and_mentioned_where_somebody_should_look():
    ada = OnCall("ada <!here>", "U0ADA0000")
    message = render(event(found()), LINKS, on_call=ada)
    assert facts(message)["On call"] == "ada <!here>"
    assert "*On call*\\nada &lt;!here&gt; <@U0ADA0000>" in json.dumps(message.blocks)
    nameless = render(event(found()), LINKS, on_call=OnCall("bob"))
    assert "<@" not in json.dumps(nameless.blocks)
    handled = replace(event(reason=Reason.ACKNOWLEDGED), by="ada")
    for over in (handled, event(reason=Reason.RESOLVED), NOTE):
        assert "On call" not in facts(render(over, LINKS, on_call=ada))
        assert "<@" not in json.dumps(render(over, LINKS, on_call=ada).blocks)


def test_the_opening_message_keeps_saying_by_when_though_a_reminder_does_not():
    first = replace(event(found()), due=DUE)
    again = opening_of(
        [first, event(found(), reason=Reason.REMINDER)], LINKS, on_call=OnCall("bob")
    )
    assert facts(again)["Due"] == "by Tue 13 January 08:00 UTC"
    assert facts(again)["On call"] == "bob"
    assert "Due" not in facts(opening_of([first, END], LINKS, on_call=OnCall("bob")))
