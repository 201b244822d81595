"""A judged day in the ledger: what opens, ends and repeats an incident, and who hears of it."""

from datetime import date, timedelta

import pytest

from monitoring_dagster.kinds import FindingKind, Reason, Severity
from monitoring_dagster.spec import Channels
from monitoring_dagster.store.ledger.ledger import Ledger
from tests.store.ledger.test_ledger import DAY, DRIFT, DROP, NOON, SPEC, claimed, found


@pytest.fixture
def ledger(ledger_url):
    return Ledger(ledger_url)


def test_a_bad_day_opens_an_incident_and_one_message(ledger):
    (incident,) = ledger.record_day(SPEC, DAY, [found("income"), found("age")], now=NOON)
    assert ledger.open_incidents("credit") == [incident]
    assert len(incident.firing) == 2
    (delivery,) = claimed(ledger)
    assert (delivery.incident, delivery.seq) == (incident.id, 0)
    assert delivery.destination == "slack:#ml-alerts"
    assert delivery.event.reason is Reason.FIRST
    assert [f.subject for f in delivery.event.findings] == ["age", "income"]


def test_the_same_day_twice_changes_nothing(ledger):
    first = ledger.record_day(SPEC, DAY, [found()], now=NOON)
    again = ledger.record_day(SPEC, DAY, [found()], now=NOON + timedelta(hours=1))
    assert again == first
    assert len(ledger.incidents()) == 1
    assert len(claimed(ledger)) == 1


def test_a_thread_is_told_in_order(ledger):
    for number, findings in enumerate([["a"], ["a", "b"], []]):
        day = DAY + timedelta(days=number)
        found_ = [found(s, day=day, severity=Severity.P1) for s in findings]
        ledger.record_day(SPEC, day, found_, now=NOON)
    reasons = [delivery.event.reason for delivery in claimed(ledger)]
    assert reasons == [Reason.FIRST, Reason.WORSE, Reason.RESOLVED]
    assert ledger.open_incidents() == []
    (incident,) = ledger.incidents("credit")
    assert incident.closed_on == date(2026, 1, 7)


def test_a_kind_that_was_not_judged_is_not_cleared(ledger):
    """Without labels a day says nothing about performance, so it cannot end its incident."""
    next_day = DAY + timedelta(days=1)
    ledger.record_day(SPEC, DAY, [found("auc", kind=DROP)], now=NOON)
    ledger.record_day(SPEC, next_day, [], judged=[DRIFT], now=NOON)
    assert [incident.kind for incident in ledger.open_incidents()] == [DROP]
    ledger.record_day(SPEC, next_day, [], judged=[DROP], now=NOON)
    assert ledger.open_incidents() == []


def test_a_kind_has_its_own_calendar(ledger):
    """Labels come two weeks late: performance of an old day is news, though drift moved on."""
    old = DAY - timedelta(days=14)
    ledger.record_day(SPEC, DAY, [], judged=[DRIFT], now=NOON)
    ledger.record_day(SPEC, old, [found("auc", day=old, kind=DROP)], judged=[DROP], now=NOON)
    assert [delivery.event.kind for delivery in claimed(ledger)] == [DROP]


def test_an_old_day_is_stored_and_not_told(ledger):
    old = DAY - timedelta(days=1)
    ledger.record_day(SPEC, DAY, [], now=NOON)
    assert ledger.record_day(SPEC, old, [found(day=old)], now=NOON) == []
    assert ledger.findings("credit", old, old) == [found(day=old)]
    assert claimed(ledger) == []


def test_a_day_whose_turn_comes_late_is_told_once(ledger):
    """It failed, and the next days were judged: what was wrong on it is no less wrong."""
    late, last, after = DAY - timedelta(days=2), DAY, DAY + timedelta(days=1)
    ledger.record_day(SPEC, last, [], now=NOON)
    for _ in range(2):
        ledger.record_day(SPEC, late, [found(day=late)], is_new=True, now=NOON)
    assert [delivery.event.day for delivery in claimed(ledger)] == [late]
    ledger.record_day(SPEC, after, [], now=NOON)
    assert ledger.open_incidents() == []


def test_what_a_later_day_has_told_a_late_one_does_not_tell_again(ledger):
    late = DAY - timedelta(days=1)
    ledger.record_day(SPEC, DAY, [found()], now=NOON)
    ledger.record_day(SPEC, late, [found(day=late)], is_new=True, now=NOON)
    assert [delivery.event.day for delivery in claimed(ledger)] == [DAY]


MISSING = FindingKind.MISSING_DAY
PATIENT = SPEC.model_copy(update={"channels": Channels(clear_after_days=3)})


def recorded(ledger, *days):
    """Judge days, each a number after DAY and whether its file is missing, in this order."""
    for number, is_missing in days:
        day = DAY + timedelta(days=number)
        findings = [found("file", day=day, kind=MISSING)] if is_missing else []
        ledger.record_day(PATIENT, day, findings, now=NOON)
    return [delivery.event.reason for delivery in claimed(ledger)]


@pytest.mark.parametrize(
    ("days", "closed_on", "told"),
    [
        pytest.param(
            [(0, True), (0, False)], DAY, [Reason.RESOLVED], id="the last day is delivered"
        ),
        pytest.param(
            [(0, True), (1, False), (0, False)],
            DAY,
            [Reason.RESOLVED],
            id="an earlier day is delivered, and the next one was there",
        ),
        pytest.param(
            [(0, True), (1, True), (0, False)], None, [], id="a later day is missing still"
        ),
        pytest.param(
            [(0, True), (1, True), (1, False)], None, [], id="an earlier day is missing still"
        ),
        pytest.param(
            [(0, True), (1, True), (1, False), (0, False)],
            DAY,
            [Reason.RESOLVED],
            id="one after the other is delivered",
        ),
        pytest.param([(0, True), (1, False), (1, False)], None, [], id="another day runs again"),
        pytest.param(
            [(0, True), (0, False), (0, True)],
            None,
            [Reason.RESOLVED, Reason.REOPENED],
            id="it is lost again",
        ),
    ],
)
def test_a_day_that_is_delivered_after_all_ends_its_incident(ledger, days, closed_on, told):
    assert recorded(ledger, *days) == [Reason.FIRST, *told]
    assert recorded(ledger, days[-1]) == []  # a second run of the same changes nothing
    (incident,) = ledger.incidents("credit")
    assert incident.closed_on == closed_on


def test_a_finding_about_quality_waits_for_quiet_days_all_the_same(ledger):
    """A rerun that finds nothing any more may be chance; a file that is there is there."""
    ledger.record_day(PATIENT, DAY, [found("auc", kind=DROP)], now=NOON)
    ledger.record_day(PATIENT, DAY, [], now=NOON)
    assert [one.kind for one in ledger.open_incidents()] == [DROP]


@pytest.mark.parametrize(
    ("severity", "due"),
    [
        pytest.param(Severity.P0, NOON, id="P0 now"),
        pytest.param(Severity.P1, NOON + timedelta(hours=1), id="P1 within an hour"),
        pytest.param(Severity.P2, NOON + timedelta(days=1), id="P2 within a day"),
    ],
)
def test_what_is_new_or_worse_says_by_when_somebody_should_look(ledger, severity, due):
    ledger.record_day(SPEC, DAY, [found("a", severity=severity)], now=NOON)
    (delivery,) = claimed(ledger)
    assert (delivery.event.due, delivery.event.time_zone) == (due, "UTC")


def test_a_reminder_and_an_end_have_no_other_due_time(ledger):
    often = SPEC.model_copy(update={"channels": Channels(remind_every_days=1, clear_after_days=1)})
    for number, severity in enumerate([Severity.P2, Severity.P2, Severity.P1, None]):
        day, now = DAY + timedelta(days=number), NOON + timedelta(days=number)
        findings = [found("a", day=day, severity=severity)] if severity else []
        ledger.record_day(often, day, findings, now=now)
    asked = {one.event.reason: one.event.due is not None for one in claimed(ledger)}
    assert asked == {
        Reason.FIRST: True, Reason.REMINDER: False, Reason.WORSE: True, Reason.RESOLVED: False
    }  # fmt: skip
