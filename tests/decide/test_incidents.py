from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import REOPENING, advance, closed_by_hand, repaired, unsent
from monitoring_dagster.decide.rules import FAMILIES
from monitoring_dagster.kinds import Family, FindingKind, Reason, Severity

FIRST_DAY = date(2026, 1, 1)
DRIFT, DROP = FindingKind.FEATURE_DRIFT, FindingKind.PERFORMANCE_DROP
KINDS = {"drop": DROP, "expected": FindingKind.EXPECTED_DROP, "segment": FindingKind.SEGMENT_DROP}
BEHAVIOUR = FAMILIES[Family.BEHAVIOUR]
SETTINGS = {"remind_every_days": 7, "clear_after_days": 3}


def found(subject, day, severity=Severity.P2, kind=DRIFT):
    return Finding("credit", day, kind, subject, severity, f"{subject} is off", "drift")


def lived(*days, **settings):
    """Judge one day after another.

    A day is ``"income age"`` (both drift), ``"income:P1"``, ``"drop:P1"`` (of performance), ``""``,
    or, where labels are missing and so nothing is known of performance, ``"unlabelled"``.
    """
    incident, reasons = None, []
    for number, words in enumerate(days):
        day = FIRST_DAY + timedelta(days=number)
        findings, judged = [], set(BEHAVIOUR)
        for word in words.split():
            subject, _, severity = word.partition(":")
            kind = KINDS.get(subject, DRIFT)
            if subject == "unlabelled":
                judged.discard(DROP)
            else:
                findings.append(found(subject, day, Severity(severity or "P2"), kind))
        incident, reason = advance(
            incident, findings, judged=judged, day=day, **{**SETTINGS, **settings}
        )
        reasons.append(reason)
    return incident, reasons


SAME = ["income"] * 7
OVER = ["income", "", "", ""]


@pytest.mark.parametrize(
    ("days", "last_reason"),
    [
        pytest.param([""], None, id="silence about nothing"),
        pytest.param(["income"], Reason.FIRST, id="the first finding is announced"),
        pytest.param(["income", "income"], None, id="the same finding is not repeated at once"),
        pytest.param(["income age", "income"], None, id="fewer findings are not news"),
        pytest.param(["income", "income age"], None, id="one more column waits for the reminder"),
        pytest.param(["income:P1", "income:P1 age:P1"], Reason.WORSE, id="unless it cannot wait"),
        pytest.param(["income:P1", "income:P1 age"], None, id="what matters less is not news"),
        pytest.param(["income:P1 age:P1", "income:P1", "age:P1"], None, id="a return is not"),
        pytest.param(["income:P2", "income:P1"], Reason.WORSE, id="a rise in urgency is news"),
        pytest.param(["income:P1", "income:P2"], None, id="a fall in urgency is not"),
        pytest.param(["income:P1", "income:P2", "income:P1"], None, id="nor is its return"),
        pytest.param(["income", "expected"], Reason.WORSE, id="another sign is news"),
        pytest.param(["income", "income drop:P1"], Reason.WORSE, id="and so is its confirmation"),
        pytest.param(["drop:P1", "drop:P1 segment"], None, id="a lesser sign of it is not"),
        pytest.param(["income:P3"], None, id="P3 waits for the report"),
        pytest.param(["income:P3", "income:P2"], Reason.FIRST, id="until it is no P3 any more"),
        pytest.param(["income", "income age:P3"], None, id="a P3 that joins is not news"),
        pytest.param([*SAME], None, id="six days later nobody is reminded"),
        pytest.param([*SAME, "income"], Reason.REMINDER, id="on the seventh day they are"),
        pytest.param([*SAME, ""], None, id="but not on a quiet day"),
        pytest.param([*SAME, "income:P3"], None, id="nor on one that is for the record only"),
        pytest.param([*SAME, "income", "income"], None, id="and once is enough"),
        pytest.param(["income", "", ""], None, id="two quiet days end nothing"),
        pytest.param(OVER, Reason.RESOLVED, id="the third one does"),
        pytest.param(["income", *["income:P3"] * 3], Reason.RESOLVED, id="P3 keeps nothing open"),
        pytest.param([*OVER, ""], None, id="and only once"),
        pytest.param(["income", "", "", "income", "", ""], None, id="a finding starts the count"),
        pytest.param([*OVER, "income"], Reason.REOPENED, id="a relapse opens it again"),
        pytest.param([*OVER, "income:P3"], None, id="but P3 does not"),
        pytest.param([*OVER, "drop"], Reason.REOPENED, id="whatever sign it comes back with"),
        pytest.param([*OVER, *[""] * 6, "income"], Reason.REOPENED, id="within a week"),
        pytest.param([*OVER, *[""] * 7, "income"], Reason.FIRST, id="later it is another problem"),
        pytest.param(
            ["income drop:P1", *["unlabelled"] * 9], None, id="what nobody could judge is not over"
        ),
        pytest.param(
            ["income drop:P1", *["unlabelled"] * 9, "", "", ""], Reason.RESOLVED, id="until it is"
        ),
        pytest.param(
            ["income drop:P1", *["income"] * 3, "income drop:P1"], None,
            id="a sign that was over for days and returns is not news",
        ),
        pytest.param(
            ["income drop:P1", *["income"] * 8, "income drop:P1"], Reason.WORSE,
            id="after more than a week it is",
        ),
    ],
)  # fmt: skip
def test_what_people_hear_on_the_last_day(days, last_reason):
    assert lived(*days)[1][-1] is last_reason


@pytest.mark.parametrize(
    ("days", "severity", "kind"),
    [
        pytest.param(["income", "drop:P1"], "P1", DROP, id="severity rises with the loss"),
        pytest.param(["drop:P1", "drop"], "P1", DROP, id="and stays while the rule is not over"),
        pytest.param(["income drop:P1", *["income"] * 3], "P2", DRIFT, id="then it falls"),
        pytest.param(["income drop"], "P2", DROP, id="the loss leads what may have led to it"),
        pytest.param(["income:P1 drop:P1"], "P1", DRIFT, id="a broken input explains the loss"),
        pytest.param(
            ["income drop:P1", *["income"] * 3, "", "", ""], "P1", DROP,
            id="once it is closed it is as urgent as it ever was",
        ),
    ],
)  # fmt: skip
def test_how_urgent_an_incident_is_and_which_rule_leads(days, severity, kind):
    incident, _ = lived(*days)
    assert (incident.severity, incident.kind) == (Severity(severity), kind)


def test_an_old_day_judged_again_is_not_told():
    """Late labels make old days speak; the incident has moved on."""
    incident, _ = lived("income", "income", "income")
    later = advance(
        incident,
        [found("age", FIRST_DAY, Severity.P0)],
        judged=BEHAVIOUR,
        day=FIRST_DAY,
        remind_every_days=1,
        clear_after_days=1,
    )
    assert later == (incident, None)


def test_an_old_day_that_is_the_first_to_say_anything_about_a_rule_joins_the_incident():
    incident, _ = lived(*["income unlabelled"] * 3)
    day = FIRST_DAY + timedelta(days=1)
    drop = found("log_loss", day, Severity.P1, DROP)
    after, reason = advance(incident, [drop], judged={DROP}, day=day, **SETTINGS)
    assert (after.id, after.severity, reason) == (incident.id, Severity.P1, Reason.WORSE)
    assert (after.judged_on, after.parts[DROP].judged_on) == (incident.judged_on, day)


def test_an_incident_remembers_what_each_rule_said_and_when():
    incident, _ = lived("income age:P1", "income drop:P1", "")
    drift, drop = incident.parts[DRIFT], incident.parts[DROP]
    assert (drift.since, drift.last_seen, drift.severity) == (FIRST_DAY, date(2026, 1, 2), "P1")
    assert (drop.since, drop.last_seen, drop.quiet_days) == (date(2026, 1, 2),) * 2 + (1,)
    assert (incident.severity, incident.firing) == (Severity.P1, frozenset())
    assert (incident.opened_on, incident.last_seen) == (FIRST_DAY, date(2026, 1, 2))
    assert incident.closed_on is None


def test_a_relapse_within_a_week_is_the_same_incident_and_a_later_one_is_not():
    before, _ = lived(*OVER)
    assert before.closed_on == date(2026, 1, 4)
    soon, _ = lived(*OVER, *[""] * (REOPENING.days - 1), "income")
    late, _ = lived(*OVER, *[""] * REOPENING.days, "income")
    assert (soon.id, soon.opened_on, soon.closed_on) == (before.id, FIRST_DAY, None)
    assert late.id != before.id


def test_a_day_that_was_only_briefly_wrong_does_not_end_its_own_incident():
    incident, _ = lived("income", clear_after_days=1)
    again = advance(
        incident, [], judged=BEHAVIOUR, day=FIRST_DAY, remind_every_days=7, clear_after_days=1
    )
    assert again[0].closed_on is None
    assert again[1] is None


SIGNS = st.tuples(
    st.sampled_from("abc"),
    st.sampled_from(list(Severity)),
    st.sampled_from([DRIFT, DROP, FindingKind.EXPECTED_DROP]),
)
DAYS = st.lists(
    st.tuples(
        st.lists(SIGNS, unique_by=lambda sign: (sign[0], sign[2]), max_size=3),
        st.booleans(),  # whether there were labels
    ),
    max_size=30,
)
RULES = st.fixed_dictionaries(
    {"remind_every_days": st.integers(1, 5), "clear_after_days": st.integers(1, 4)}
)


def each(days, rules):
    """The incident before and after each day, with what was found and said."""
    incident = None
    for number, (signs, has_labels) in enumerate(days):
        day = FIRST_DAY + timedelta(days=number)
        findings = [
            found(subject, day, severity, kind)
            for subject, severity, kind in signs
            if has_labels or kind is not DROP
        ]
        judged = BEHAVIOUR if has_labels else BEHAVIOUR - {DROP}
        before = incident
        incident, reason = advance(before, findings, judged=judged, day=day, **rules)
        yield before, findings, judged, day, incident, reason


@given(days=DAYS, rules=RULES)
def test_every_thread_begins_with_first_and_goes_on_only_while_it_is_open(days, rules):
    for before, findings, _, _, incident, reason in each(days, rules):
        was_open = before is not None and before.closed_on is None
        if reason is Reason.FIRST:
            assert before is None or incident.id != before.id
        elif reason is Reason.REOPENED:
            assert not was_open
            assert incident.id == before.id
        elif reason is not None:
            assert was_open
        assert (reason is Reason.RESOLVED) == (was_open and incident.closed_on is not None)
        if any(one.severity < Severity.P3 for one in findings):
            assert incident.closed_on is None, "nobody was told of something loud"
            assert incident.told
        elif incident is not None and incident.closed_on is None:
            assert was_open, "what is for the record only opened an incident"


@example(
    days=[
        ([("a", Severity.P0, FindingKind.FEATURE_DRIFT)], False),
        ([], False),
        ([("a", Severity.P1, FindingKind.PERFORMANCE_DROP)], True),
        ([("a", Severity.P1, FindingKind.FEATURE_DRIFT)], False),
    ],
    rules={"remind_every_days": 2, "clear_after_days": 1},
)  # once as urgent as can be, and back after its end as something less
@given(days=DAYS, rules=RULES)
def test_people_have_always_heard_how_urgent_an_open_incident_is(days, rules):
    for _, _, _, _, incident, _ in each(days, rules):
        if incident is not None and incident.closed_on is None:
            assert incident.told.severity <= incident.severity


@given(days=DAYS, rules=RULES)
def test_the_same_day_twice_changes_nothing(days, rules):
    for _, findings, judged, day, incident, _ in each(days, rules):
        again = advance(incident, findings, judged=judged, day=day, **rules)
        assert again == (incident, None)


@given(days=DAYS, rules=RULES)
def test_an_incident_is_open_as_long_as_one_of_its_rules_is_not_over(days, rules):
    for *_, incident, _ in each(days, rules):
        if incident is not None:
            over = [one.is_over for one in incident.parts.values()]
            assert all(over) == (incident.closed_on is not None)
            if incident.closed_on is None:
                quiet_days = [one.quiet_days for one in incident.active.values()]
                assert max(quiet_days) < rules["clear_after_days"]


def test_a_repaired_day_ends_its_incident_which_opens_again_when_the_day_breaks_again():
    missing = [found("file", FIRST_DAY)]
    judged = dict(judged=BEHAVIOUR, day=FIRST_DAY, **SETTINGS)
    incident, first = advance(None, missing, **judged)
    closed, over = repaired(incident, [DRIFT], day=FIRST_DAY)
    assert (first, over) == (Reason.FIRST, Reason.RESOLVED)
    assert (closed.closed_on, closed.firing) == (FIRST_DAY, frozenset())
    assert advance(closed, [], **judged) == (closed, None)
    again, reason = advance(closed, missing, **judged)
    assert (again.id, again.closed_on, reason) == (incident.id, None, Reason.REOPENED)


def test_a_repaired_day_leaves_open_what_else_is_wrong():
    incident, _ = lived("income:P1 drop")
    after, reason = repaired(incident, [DRIFT], day=FIRST_DAY)
    assert (after.closed_on, reason) == (None, None)
    assert (after.severity, set(after.active)) == (Severity.P2, {DROP})


def test_what_was_never_told_ends_without_a_word():
    incident, _ = lived("income")
    assert repaired(unsent(None, incident), [DRIFT], day=FIRST_DAY)[1] is None


def test_what_a_person_ends_is_over_for_every_rule():
    incident, _ = lived("income drop:P1")
    closed = closed_by_hand(incident, day=FIRST_DAY - timedelta(days=3))
    assert (closed.closed_on, closed.severity) == (FIRST_DAY, Severity.P1)
    assert all(one.is_over for one in closed.parts.values())


def test_what_opened_again_without_a_message_is_told_on_the_next_live_day():
    before, _ = lived(*OVER)
    after, _ = lived(*OVER, "income")
    held = unsent(before, after)
    day = after.judged_on + timedelta(days=1)
    _, reason = advance(held, [found("income", day)], judged=BEHAVIOUR, day=day, **SETTINGS)
    assert reason is Reason.WORSE
