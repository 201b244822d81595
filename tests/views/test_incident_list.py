"""What is open, who handles it, what is silenced, and what happened since."""

from datetime import timedelta

import pytest

from monitoring_dagster.decide.people.handling import Action, Handling
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec.matchers import Matcher
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.views.incident_list import (
    NoSuchIncident,
    incident_named,
    listed,
    shown,
    to_text,
)
from tests.store.ledger.test_ledger import DAY, DROP, NOON, SPEC, claimed, found


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    late = FindingKind.LATE_LABELS
    findings = [found("feed", kind=late), found("auc", kind=DROP, severity=Severity.P1)]
    ledger.record_day(SPEC, DAY, findings, now=NOON)
    return ledger


def acknowledge(ledger, number=0, action=Action.ACKNOWLEDGE, **more):
    incident = ledger.incidents()[number]
    ledger.handlings.record("credit", Handling(incident.id, action, "ada", NOON, **more))
    return incident


def test_the_most_urgent_stands_first_with_who_handles_it(ledger):
    acknowledge(ledger, 1)
    ledger.silences.add(
        [Matcher.parsed("severity=P1")], now=NOON, ends_at=NOON + timedelta(hours=1), by="bob",
        comment="",
    )  # fmt: skip
    lines = [one.words.partition("  ")[2] for one in listed(ledger, now=NOON)]
    assert lines == [
        "P1 credit performance_drop since 2026-01-05 (silenced by bob until 2026-01-06 13:00 UTC)",
        "P2 credit late_labels since 2026-01-05 (acknowledged by ada)",
    ]


def test_who_has_it_is_listed_and_shown_beside_what_was_done_since(ledger):
    incident = acknowledge(ledger, action=Action.ASSIGN, assignee="bob")
    words = [one.words.partition("since 2026-01-05 ")[2] for one in listed(ledger, now=NOON)]
    assert words == ["(assigned to bob by ada)", ""]
    acknowledge(ledger, action=Action.SNOOZE, until=NOON + timedelta(hours=1))
    found, timeline = shown(ledger, incident.id, now=NOON)
    assert found.words.endswith(
        "(assigned to bob by ada, snoozed until 2026-01-06 13:00 UTC by ada)"
    )
    assert [one.words for one in timeline if one.words.startswith("assigned to")] == [
        "assigned to bob by ada"
    ]
    later = shown(ledger, incident.id, now=NOON + timedelta(hours=1))[0].to_dict()
    assert (later["assigned_to"], later["handling"]) == ("bob", None)
    assert listed(ledger, now=NOON)[1].to_dict()["assigned_to"] is None


def test_a_hostile_name_is_harmless_in_a_terminal(ledger):
    incident = acknowledge(ledger, action=Action.ASSIGN, assignee="\x1b[2J\nbob\u202e")
    text = to_text(*shown(ledger, incident.id, now=NOON))
    assert "assigned to \\x1b[2J\\nbob\\u202e by ada" in text
    assert text.replace("\n", "").isprintable()


def test_what_is_closed_is_listed_when_it_is_asked_for(ledger):
    acknowledge(ledger, action=Action.RESOLVE)
    assert len(listed(ledger, now=NOON)) == 1
    *_, closed = listed(ledger, now=NOON, closed=True)
    assert closed.words.endswith("since 2026-01-05, closed on 2026-01-06")
    assert listed(ledger, now=NOON, model="other", closed=True) == []


def test_a_timeline_is_told_in_order(ledger):
    sent = claimed(ledger)
    incident = acknowledge(ledger)
    text = to_text(*shown(ledger, incident.id[:8], now=NOON))
    assert len(sent) == 2
    assert text.splitlines()[1:] == [
        f"  id {incident.id}",
        "  P1 performance_drop: since 2026-01-05, 1 finding on 2026-01-05",
        "  2026-01-06 12:00 UTC  first seen: slack:#ml-alerts sent at 2026-01-06 12:00 UTC",
        "  2026-01-06 12:00 UTC  acknowledged: slack:#ml-alerts pending",
        "  2026-01-06 12:00 UTC  acknowledged by ada",
    ]


@pytest.mark.parametrize(
    ("id_", "words"),
    [("zzz", "no incident begins with 'zzz'"), ("", "2 incidents begin with ''")],
)
def test_an_id_must_name_one_incident(ledger, id_, words):
    with pytest.raises(NoSuchIncident, match=words):
        incident_named(ledger, id_)
