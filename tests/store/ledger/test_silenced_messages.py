"""What is silenced is recorded and not sent; at the end it goes out if it is still so."""

from datetime import timedelta

import pytest

from monitoring_dagster.decide.silences import Matcher
from monitoring_dagster.kinds import Reason, Severity
from monitoring_dagster.spec import Channels
from monitoring_dagster.store.ledger.ledger import Ledger
from tests.store.ledger.test_ledger import DAY, NOON, SPEC, claimed, found, note

MINUTE = timedelta(minutes=1)
BOTH = SPEC.model_copy(
    update={"channels": Channels(slack="#ml-alerts", email=["a@b.org"], clear_after_days=1)}
)


@pytest.fixture
def ledger(ledger_url):
    return Ledger(ledger_url)


def silence(ledger, *matchers, hours=1, now=NOON):
    return ledger.silences.add(
        [Matcher.parsed(one) for one in matchers or ["model=credit"]],
        now=now, ends_at=now + timedelta(hours=hours), by="ada", comment="the feed moves",
    )  # fmt: skip


def judge(ledger, *days, first=0, spec=SPEC, now=NOON):
    for number, subjects in enumerate(days, start=first):
        day = DAY + timedelta(days=number)
        found_ = [found(s, day=day, severity=Severity.P1) for s in subjects.split()]
        ledger.record_day(spec, day, found_, now=now)


def reasons(ledger):
    return [one.event.reason for one in claimed(ledger)]


def test_what_is_silenced_is_recorded_and_says_by_whom(ledger):
    silence(ledger)
    judge(ledger, "a")
    assert claimed(ledger) == []
    (incident,) = ledger.open_incidents()
    (held,) = ledger.deliveries.all_of(incident.id)
    assert held.state == "silenced"
    assert held.silenced == "silenced by ada until 2026-01-06 13:00 UTC: the feed moves"
    assert ledger.deliveries.waiting(NOON).oldest is None, "nobody waits for it"


def test_another_model_is_sent(ledger):
    silence(ledger, "model=churn")
    judge(ledger, "a")
    assert reasons(ledger) == [Reason.FIRST]


@pytest.mark.parametrize(
    ("minutes", "sent"),
    [
        pytest.param(59, [], id="before"),
        pytest.param(60, [Reason.FIRST], id="at the end"),
    ],
)
def test_at_the_end_of_a_silence_what_is_still_so_is_sent(ledger, minutes, sent):
    silence(ledger)
    judge(ledger, "a")
    now = NOON + minutes * MINUTE
    assert ledger.silences.release(now=now) == len(sent)
    assert ledger.silences.release(now=now) == 0
    found = claimed(ledger)
    assert [one.event.reason for one in found] == sent
    assert [one.created_at for one in found] == [now] * len(sent), "it waits since now"


def test_a_silence_that_is_ended_early_lets_it_go(ledger):
    one = silence(ledger)
    judge(ledger, "a")
    assert ledger.silences.expire(one.number, now=NOON + MINUTE).ends_at == NOON + MINUTE
    assert ledger.silences.expire(one.number, now=NOON + 9 * MINUTE).ends_at == NOON + MINUTE
    assert ledger.silences.release(now=NOON + MINUTE) == 1
    assert ledger.silences.expire(99, now=NOON) is None


def test_of_several_held_messages_the_latest_goes_out_and_opens_the_thread(ledger):
    silence(ledger)
    judge(ledger, "a", "a b", spec=BOTH)
    ledger.silences.release(now=NOON + 60 * MINUTE)
    sent = claimed(ledger)
    assert {(one.destination, one.seq) for one in sent} == {
        ("slack:#ml-alerts", 1), ("email:a@b.org", 1)
    }  # fmt: skip
    judge(ledger, "", first=2, now=NOON + 61 * MINUTE)
    assert len(claimed(ledger)) == 2, "its end follows in both"


def test_what_is_over_before_the_silence_is_never_sent(ledger):
    silence(ledger)
    judge(ledger, "a", "")
    assert ledger.silences.release(now=NOON + 60 * MINUTE) == 0
    assert claimed(ledger) == []
    (incident,) = ledger.incidents()
    assert {one.state for one in ledger.deliveries.all_of(incident.id)} == {"dropped"}


def test_the_end_of_what_people_heard_of_is_sent_though_it_is_silenced(ledger):
    """Else a page would stay open, and a thread without its end."""
    judge(ledger, "a")
    silence(ledger)
    judge(ledger, "a b", "", first=1)
    assert reasons(ledger) == [Reason.FIRST, Reason.RESOLVED]


def test_while_it_is_quiet_nobody_can_say_and_nothing_is_sent(ledger):
    patient = SPEC.model_copy(update={"channels": Channels(clear_after_days=3)})
    silence(ledger)
    judge(ledger, "a", "", spec=patient)
    assert ledger.silences.release(now=NOON + 60 * MINUTE) == 0
    judge(ledger, "a", first=2, spec=patient, now=NOON + 60 * MINUTE)
    assert ledger.silences.release(now=NOON + 60 * MINUTE) == 1
    assert reasons(ledger) == [Reason.FIRST]


def test_what_was_decided_is_announced_all_the_same(ledger):
    silence(ledger)
    assert ledger.announce(SPEC, note(), key="k", now=NOON)
    assert len(claimed(ledger)) == 1


def test_a_silence_comes_back_as_it_was_asked_for(ledger):
    made = silence(ledger, "model=credit", "kind=~.*_drift")
    assert ledger.silences.all() == [made]
    assert [str(one) for one in made.matchers] == ["model=credit", "kind=~.*_drift"]
    assert (made.by, made.comment, made.starts_at) == ("ada", "the feed moves", NOON)
