"""What was sent in no message of its own is told once a week, as people begin the next one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitoring_dagster.act.notify.weeks import judged_between, tell_week
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.people.handling import Action, Handling
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.report.events import Announcement
from monitoring_dagster.spec.matchers import Matcher
from tests.tiny import DAY, after, at, monitor_of, noon

DRIFT = FindingKind.FEATURE_DRIFT
NEXT_MONDAY = noon(after(7)).replace(hour=9)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def monitor(tmp_path):
    """A model that has been monitored since before DAY, a Monday."""
    monitor = monitor_of(tmp_path)
    assert not tell_week(at(monitor, noon()))
    return monitor


def judge(monitor, day, *subjects, severity=Severity.P3):
    findings = [
        Finding("tiny", day, DRIFT, one, severity, f"{one} is off", "drift") for one in subjects
    ]
    monitor.ledger.record_day(monitor.spec, day, findings, now=noon(after(1, day)))


def told(monitor, now):
    """Titles and lines of the digests that a sender takes."""
    found = []
    while one := monitor.ledger.deliveries.claim(now=now):
        monitor.ledger.deliveries.mark_sent(one, channel="C", ts="1", now=now)
        if isinstance(one.event, Announcement):
            found.append((one.destination, one.event.title, one.event.rows))
    return found


def test_the_findings_of_a_week_are_one_message_on_monday_morning(monitor):
    for number in range(3):
        judge(monitor, after(number), "age", "income")
    assert not tell_week(at(monitor, NEXT_MONDAY - MINUTE))
    assert tell_week(at(monitor, NEXT_MONDAY))
    assert told(monitor, NEXT_MONDAY) == [
        (
            "slack:#ml-alerts",
            "2 March to 8 March: 6 P3 findings, 0 incidents held back",
            (("feature drift", "6 findings on 3 days: age, income"),),
        )
    ]


def test_a_week_is_told_once_however_often_somebody_looks(monitor):
    judge(monitor, DAY, "age")
    looked = [tell_week(at(monitor, NEXT_MONDAY + n * MINUTE)) for n in range(3)]
    assert looked == [True, False, False]
    assert not tell_week(at(monitor, NEXT_MONDAY + timedelta(days=4)))
    assert len(told(monitor, NEXT_MONDAY)) == 1


def test_a_week_without_anything_to_tell_is_told_to_nobody_whatever_is_found_later(monitor):
    """A backfill of its days comes after it, and tells nobody."""
    judge(monitor, DAY)
    assert not tell_week(at(monitor, NEXT_MONDAY))
    judge(monitor, DAY, "age")
    assert not tell_week(at(monitor, NEXT_MONDAY + timedelta(days=1)))
    assert told(monitor, NEXT_MONDAY + timedelta(days=1)) == []


def test_the_week_before_monitoring_began_is_told_to_nobody(tmp_path):
    new = monitor_of(tmp_path)
    judge(new, DAY, "age")
    assert not tell_week(at(new, NEXT_MONDAY + timedelta(days=2)))
    assert told(new, NEXT_MONDAY + timedelta(days=2)) == []


def test_each_day_is_in_one_digest(monitor):
    """Sunday is judged on Monday at six, before the digest of nine; at ten it would be the next."""
    for number in range(14):
        judge(monitor, after(number), f"c{number}")
    digests = []
    for weeks in (1, 2, 3):
        monday = noon(after(7 * weeks)).replace(hour=9)
        tell_week(at(monitor, monday))
        digests += [(title[:19], rows[0][1]) for _, title, rows in told(monitor, monday)]
    assert digests == [
        ("2 March to 8 March:", "7 findings on 7 days: c0, c1, c2, c3, c4 and 2 more"),
        ("9 March to 15 March", "7 findings on 7 days: c10, c11, c12, c13, c7 and 2 more"),
    ]
    later = monitor_of(monitor.root, schedule={"at": "10:00"})
    begun = noon(after(7)).replace(hour=9)
    days = judged_between(later, begun - timedelta(days=7), begun)
    assert days == [after(n) for n in range(-1, 6)]


def test_a_digest_that_comes_late_waits_for_business_hours(monitor):
    judge(monitor, DAY, "age")
    evening = NEXT_MONDAY + timedelta(hours=11)
    assert tell_week(at(monitor, evening))
    assert told(monitor, evening) == []
    assert len(told(monitor, NEXT_MONDAY + timedelta(days=1))) == 1


def test_a_holiday_moves_it_to_the_next_working_day(monitor):
    hours = monitor.house.routing.hours.model_copy(update={"holidays": [after(7)]})
    routing = replace(monitor.house.routing, hours=hours)
    monitor = replace(monitor, house=replace(monitor.house, routing=routing))
    judge(monitor, DAY, "age")
    assert not tell_week(at(monitor, NEXT_MONDAY))
    assert tell_week(at(monitor, NEXT_MONDAY + timedelta(days=1)))


def test_what_was_silenced_or_snoozed_is_told_with_by_whom(monitor):
    ledger, now = monitor.ledger, noon(after(1))
    judge(monitor, DAY, "age", severity=Severity.P2)
    (incident,) = ledger.incidents("tiny")
    snoozed = Handling(incident.id, Action.SNOOZE, "bob", now, now + timedelta(days=2))
    ledger.handlings.record("tiny", snoozed)
    ledger.silences.add(
        [Matcher.parsed("kind=late_labels")], now=now, ends_at=now + timedelta(days=30),
        by="ada", comment="the feed moves",
    )  # fmt: skip
    late = FindingKind.LATE_LABELS
    finding = Finding("tiny", after(1), late, "x", Severity.P1, "late", "outcomes")
    ledger.record_day(monitor.spec, after(1), [finding], now=noon(after(2)), judged=[late])
    assert tell_week(at(monitor, NEXT_MONDAY))
    ((_, title, rows),) = told(monitor, NEXT_MONDAY)
    assert title.endswith("0 P3 findings, 2 incidents held back")
    assert rows == (
        ("late labels", "P1, since 3 March, silenced by ada until 2026-04-02 12:00 UTC:"
         " the feed moves"),
        ("feature drift", "P2, since 2 March, snoozed until 2026-03-05 12:00 UTC by bob"),
    )  # fmt: skip
    assert not tell_week(at(monitor, NEXT_MONDAY + timedelta(days=7))), "of that week nothing"


def test_what_a_fleet_wide_incident_kept_quiet_is_told_for_each_model(monitor):
    """Three of three models drift at once: the third has no thread of its own."""
    ledger = monitor.ledger
    others = [monitor_of(monitor.root, name=name) for name in ("first", "second")]
    for one in (*others, monitor):
        found = Finding(one.name, DAY, DRIFT, "age", Severity.P1, "age is off", "drift")
        ledger.record_day(one.spec, DAY, [found], now=noon(after(1)))
    told(monitor, NEXT_MONDAY)
    assert tell_week(at(monitor, NEXT_MONDAY))
    ((_, _, rows),) = told(monitor, NEXT_MONDAY)
    words = "P1, since 2 March, told in the fleet-wide incident of 2026-03-02"
    assert rows == (("feature drift", words),)
