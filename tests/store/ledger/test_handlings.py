"""What people do about incidents is stored once, told once, and stops reminders alone."""

from datetime import timedelta

import pytest

from monitoring_dagster.decide.people.handling import Action, Handling
from monitoring_dagster.kinds import Reason, Severity
from monitoring_dagster.store.ledger.ledger import Ledger
from tests.store.ledger.test_ledger import DAY, NOON, SPEC, claimed, found

WEEK = SPEC.model_copy(
    update={"channels": SPEC.channels.model_copy(update={"remind_every_days": 2})}
)


@pytest.fixture
def ledger(ledger_url):
    return Ledger(ledger_url)


def judge(ledger, *days, first=0, severity=Severity.P2):
    """One day after the other, each its subjects; returns why people hear of it."""
    for number, subjects in enumerate(days, start=first):
        day = DAY + timedelta(days=number)
        findings = [found(one, day=day, severity=severity) for one in subjects.split()]
        ledger.record_day(WEEK, day, findings, now=NOON + timedelta(days=number))
    return [one.event.reason for one in claimed(ledger)]


def handle(
    ledger, action="acknowledge", *, by="ada", hours=0, until_hours=None, comment="", to=None
):
    """Handle the latest incident, some hours after noon."""
    at = NOON + timedelta(hours=hours)
    until = None if until_hours is None else NOON + timedelta(hours=until_hours)
    incident = ledger.incidents("credit")[-1]
    new = Handling(incident.id, Action(action), by, at, until, comment, assignee=to)
    return ledger.handlings.record("credit", new)


def test_an_acknowledgement_is_one_reply_and_stops_reminders(ledger):
    judge(ledger, "a")
    for by in ("ada", "bob"):
        handle(ledger, by=by, comment="looking")
    (reply,) = claimed(ledger)
    assert (reply.seq, reply.event.reason) == (1, Reason.ACKNOWLEDGED)
    assert (reply.event.by, reply.event.comment) == ("ada", "looking")
    assert judge(ledger, "a", "a", "a", "a", first=1) == []


def test_an_assignment_is_one_reply_for_each_person_and_stops_reminders(ledger):
    judge(ledger, "a")
    for to in ("ada", "ada", "bob"):
        handle(ledger, "assign", by="grace", to=to, comment="yours")
    replies = claimed(ledger)
    assert [(one.event.reason, one.event.assignee, one.event.by) for one in replies] == [
        (Reason.ASSIGNED, "ada", "grace"),
        (Reason.ASSIGNED, "bob", "grace"),
    ]
    assert {one.event.comment for one in replies} == {"yours"}
    assert judge(ledger, "a", "a", "a", "a", first=1) == []
    stored = ledger.handlings.of(ledger.incidents()[0].id)
    assert [one.assignee for one in stored] == ["ada", "bob"]


def test_without_one_reminders_come(ledger):
    assert judge(ledger, "a", "a", "a") == [Reason.FIRST, Reason.REMINDER]


def test_what_gets_worse_is_sent_all_the_same(ledger):
    judge(ledger, "a")
    handle(ledger)
    worse = judge(ledger, "a b", first=1, severity=Severity.P1)
    assert worse == [Reason.ACKNOWLEDGED, Reason.WORSE]


def test_after_a_snooze_the_reminder_comes(ledger):
    judge(ledger, "a")
    handle(ledger, "snooze", until_hours=24 * 4)
    assert judge(ledger, "a", "a", "a", first=1) == [Reason.SNOOZED]
    assert judge(ledger, "a", first=4) == [Reason.REMINDER]


def test_the_end_comes_after_an_acknowledgement(ledger):
    judge(ledger, "a")
    handle(ledger)
    assert judge(ledger, "", first=1) == [Reason.ACKNOWLEDGED, Reason.RESOLVED]


def test_who_resolves_it_closes_it_once(ledger):
    judge(ledger, "a")
    incident, is_new = handle(ledger, "resolve")
    assert (incident.closed_on, is_new) == (NOON.date(), True)
    assert handle(ledger, "resolve") == (incident, False)
    assert handle(ledger, "acknowledge") == (incident, False)
    (end,) = claimed(ledger)
    assert (end.event.reason, end.event.by) == (Reason.RESOLVED, "ada")


def test_days_until_it_was_resolved_do_not_open_it_again_and_later_ones_do(ledger):
    """What went on until then is what the person has looked at, whenever it is judged."""
    judge(ledger, "a")
    handle(ledger, "resolve")
    claimed(ledger)
    assert judge(ledger, "a", "a") == []
    assert ledger.open_incidents() == []
    assert judge(ledger, "a", first=2) == [Reason.REOPENED]
    assert len(ledger.incidents()) == 1


def test_an_incident_that_nobody_heard_of_is_handled_without_a_message(ledger):
    ledger.record_day(SPEC, DAY, [found("a")], now=NOON, history_at=NOON + timedelta(days=90))
    _, is_new = handle(ledger)
    assert is_new
    assert claimed(ledger) == []
    assert [one.by for one in ledger.handlings.of(ledger.incidents()[0].id)] == ["ada"]


@pytest.mark.parametrize("told", [True, False])
def test_the_end_of_what_a_digest_told_is_told_in_its_thread(ledger, told):
    later = NOON + timedelta(days=90)
    ledger.record_day(SPEC, DAY, [found("a")], now=NOON, history_at=later)
    if told:
        ledger.announce_history(SPEC, now=later)
    claimed(ledger)
    handle(ledger, "resolve", hours=24 * 91)
    if not told:
        assert claimed(ledger) == []
        assert ledger.announce_history(SPEC, now=later + timedelta(days=2))
        return
    (end,) = claimed(ledger)
    assert (end.seq, end.event.reason) == (1, Reason.RESOLVED)


def test_what_people_write_is_stored_as_it_may_be(ledger):
    judge(ledger, "a")
    for _ in range(2):
        handle(ledger, "assign", by="a\0b", comment="\ud800", to="\ud800\0")
    (one,) = ledger.handlings.of(ledger.incidents()[0].id)
    assert (one.by, one.comment, one.assignee) == ("a\ufffdb", "?", "?\ufffd")


@pytest.mark.parametrize(
    ("since", "until", "is_named"),
    [
        pytest.param(-2, 0, False, id="before it"),
        pytest.param(-2, 1, True, id="it begins within"),
        pytest.param(3, 4, True, id="it lasts all the while"),
        pytest.param(5, 9, False, id="it has ended"),
    ],
)
def test_a_snooze_is_named_where_it_held(ledger, since, until, is_named):
    judge(ledger, "a")
    handle(ledger, "snooze", until_hours=5)
    (incident,) = ledger.incidents()
    period = (NOON + timedelta(hours=since), NOON + timedelta(hours=until))
    words = {incident.id: "snoozed until 2026-01-06 17:00 UTC by ada"}
    assert ledger.handlings.snoozed("credit", *period) == (words if is_named else {})
    assert ledger.handlings.snoozed("other", *period) == {}


def test_an_acknowledgement_is_no_snooze(ledger):
    judge(ledger, "a")
    handle(ledger)
    assert ledger.handlings.snoozed("credit", NOON, NOON + timedelta(days=9)) == {}
