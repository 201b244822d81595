"""What is silenced is recorded and not sent; at the end it goes out if it is still so."""

from datetime import timedelta

import pytest

from monitoring_dagster.kinds import FindingKind, Reason, Severity
from monitoring_dagster.report.events import SHOWN_FINDINGS
from monitoring_dagster.spec import Channels
from monitoring_dagster.spec.matchers import Matcher
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.store.ledger.silenced_messages import signs_of
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


EVENING = NOON + timedelta(hours=7)  # of a Tuesday
MORNING = NOON + timedelta(hours=21)


def waiting_until(ledger):
    (delivery,) = ledger.deliveries.all_of(ledger.incidents()[0].id)
    return delivery.state, delivery.not_before


def test_what_a_silence_held_back_waits_for_business_hours_as_it_would_have_at_first(ledger):
    silence(ledger, hours=6)
    ledger.record_day(SPEC, DAY, [found(severity=Severity.P2)], now=NOON)
    assert waiting_until(ledger) == ("silenced", NOON)
    assert ledger.silences.release(now=EVENING) == 1
    assert waiting_until(ledger) == ("pending", MORNING)
    assert claimed(ledger, now=EVENING) == []
    assert len(claimed(ledger, now=MORNING)) == 1


def test_what_may_go_out_at_any_hour_goes_out_as_the_silence_ends(ledger):
    silence(ledger, hours=6)
    ledger.record_day(SPEC, DAY, [found(severity=Severity.P1)], now=NOON)
    assert ledger.silences.release(now=EVENING) == 1
    assert waiting_until(ledger) == ("pending", None)
    assert len(claimed(ledger, now=EVENING)) == 1


@pytest.mark.parametrize(
    ("matcher", "is_silenced"),
    [
        ("family=behaviour", True),
        ("family=service", False),
        ("segment=country=DE", True),
        ("segment=country=FR", False),
    ],
)
def test_a_family_or_a_segment_is_silenced(ledger, matcher, is_silenced):
    silence(ledger, matcher)
    segment = found("log_loss where country is DE", kind=FindingKind.SEGMENT_DROP)
    ledger.record_day(SPEC, DAY, [segment], now=NOON)
    assert (claimed(ledger) == []) is is_silenced


def of_segments(ledger, *values):
    """The signs of a message about so many segments that fell."""
    several = [
        found(f"log_loss where country is {one}", kind=FindingKind.SEGMENT_DROP) for one in values
    ]
    ledger.record_day(SPEC, DAY, several, now=NOON)
    (delivery,) = claimed(ledger)
    return sorted(one["segment"] for one in signs_of(delivery.event))


def test_a_silenced_segment_hides_no_other_one(ledger):
    silence(ledger, "segment=country=DE")
    assert of_segments(ledger, "DE", "FR") == ["country=DE", "country=FR"]


def test_of_findings_that_a_message_does_not_show_nobody_knows_the_segment(ledger):
    silence(ledger, "segment=~country=.*")
    signs = of_segments(ledger, *range(SHOWN_FINDINGS + 1))
    assert signs == ["", *(f"country={one}" for one in range(SHOWN_FINDINGS))]


@pytest.mark.parametrize(
    ("since", "until", "is_named"),
    [
        pytest.param(0, 1, True, id="from its moment on"),
        pytest.param(-1, 0, False, id="before"),
        pytest.param(1, 2, False, id="after"),
    ],
)
def test_what_was_held_back_is_named_with_by_whom(ledger, since, until, is_named):
    silence(ledger)
    judge(ledger, "a")
    (incident,) = ledger.incidents()
    period = (NOON + since * MINUTE, NOON + until * MINUTE)
    words = {incident.id: "silenced by ada until 2026-01-06 13:00 UTC: the feed moves"}
    assert ledger.silences.held_back("credit", *period) == (words if is_named else {})
    assert ledger.silences.held_back("other", *period) == {}


def test_what_went_out_after_all_was_not_held_back(ledger):
    silence(ledger)
    judge(ledger, "a")
    ledger.silences.release(now=NOON + timedelta(hours=1))
    assert ledger.silences.held_back("credit", NOON, NOON + timedelta(days=1)) == {}
