"""The queue of messages: each is taken by one sender alone, in order, and never lost."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.people.handling import Action, Handling
from monitoring_dagster.decide.routing import Routing
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.report.events import Announcement
from monitoring_dagster.spec import Channels, ModelSpec, Predictions
from monitoring_dagster.spec.channels import Route
from monitoring_dagster.store.ledger.ledger import Ledger

DAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
SPEC = ModelSpec(
    name="credit",
    owner="team:risk",
    task="binary",
    predictions=Predictions(path="{day}.parquet"),
    channels=Channels(clear_after_days=1),
)
OTHER = SPEC.model_copy(update={"name": "other", "channels": Channels(slack="#elsewhere")})


def found(subject, *, day=DAY):
    kind, severity = FindingKind.FEATURE_DRIFT, Severity.P1
    return Finding("credit", day, kind, subject, severity, f"{subject} is off", "drift")


def note(model="credit"):
    return Announcement(
        model=model,
        registered_model=model,
        owner="team:risk",
        kind=FindingKind.RETRAINING,
        day=DAY,
        title="version 2 serves",
        words="Its log loss is lower by 0.02 (0.01 to 0.03).",
        version="2",
    )


@pytest.fixture
def ledger(ledger_url):
    return Ledger(ledger_url)


def claimed(ledger, **asked):
    """Everything a sender could take now, in order, each marked sent at once."""
    taken = []
    while delivery := ledger.deliveries.claim(now=NOON, **asked):
        number = len(taken)
        at = NOON + timedelta(minutes=number)
        ledger.deliveries.mark_sent(delivery, channel="C1", ts=str(number), now=at)
        taken.append(delivery)
    return taken


def test_no_two_senders_claim_the_same_message(ledger):
    for number in range(12):
        ledger.announce(SPEC, note(), key=str(number), now=NOON)
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: ledger.deliveries.claim(now=NOON), range(16)))
    ids = [delivery.id for delivery in taken if delivery is not None]
    assert len(ids) == len(set(ids)) == 12


def test_replies_wait_until_the_thread_stands(ledger):
    next_day = DAY + timedelta(days=1)
    ledger.record_day(SPEC, DAY, [found("a")], now=NOON)
    ledger.record_day(SPEC, next_day, [found("b", day=next_day)], now=NOON)
    root = ledger.deliveries.claim(now=NOON)
    assert ledger.deliveries.claim(now=NOON) is None
    ledger.deliveries.mark_failed(root, "not_in_channel")
    root = ledger.deliveries.claim(now=NOON)
    assert (root.seq, root.attempts) == (0, 2)
    ledger.deliveries.mark_dead(root, "invalid_blocks")
    assert ledger.deliveries.claim(now=NOON) is None
    assert ledger.deliveries.revive() == 1
    assert [delivery.seq for delivery in claimed(ledger)] == [0, 1]


def test_an_overtaken_sender_cannot_give_back_what_another_has_claimed(ledger):
    ledger.announce(SPEC, note(), key="k", now=NOON)
    slow = ledger.deliveries.claim(now=NOON)
    ledger.deliveries.mark_failed(slow, "looked up: not there")
    ledger.deliveries.claim(now=NOON)
    ledger.deliveries.mark_failed(slow, "me too")
    assert ledger.deliveries.waiting(NOON).claimed == 1


def test_a_claim_is_stale_once_the_grace_is_over(ledger):
    ledger.announce(SPEC, note(), key="k", now=NOON)
    delivery = ledger.deliveries.claim(now=NOON)
    grace = timedelta(seconds=120)
    just_before = NOON + timedelta(seconds=119)
    assert ledger.deliveries.stale_claims(now=just_before, grace=grace) == []
    assert ledger.deliveries.stale_claims(now=NOON + grace, grace=grace) == [
        replace(delivery, state="claimed")
    ]


def test_waiting_counts_what_has_not_arrived(ledger):
    empty = ledger.deliveries.waiting(NOON)
    assert (empty.pending, empty.claimed, empty.dead, empty.oldest) == (0, 0, 0, None)
    for key in "abc":
        ledger.announce(SPEC, note(), key=key, now=NOON)
    ledger.deliveries.mark_dead(ledger.deliveries.claim(now=NOON), "invalid_blocks")
    ledger.deliveries.claim(now=NOON)
    waiting = ledger.deliveries.waiting(NOON + timedelta(hours=2))
    assert (waiting.pending, waiting.claimed, waiting.dead) == (1, 1, 1)
    assert waiting.oldest == timedelta(hours=2)
    assert waiting.last_error == "invalid_blocks"


def test_a_destination_that_cannot_be_reached_now_holds_up_no_other(ledger):
    ledger.announce(SPEC, note(), key="k", now=NOON)
    ledger.announce(OTHER, note("other"), key="k", now=NOON + timedelta(minutes=1))
    assert [one.event.model for one in claimed(ledger, skip=["slack:#ml-alerts"])] == ["other"]
    assert [one.event.model for one in claimed(ledger)] == ["credit"]


def test_the_oldest_message_goes_first(ledger):
    for minutes in (3, 1, 2):
        ledger.announce(SPEC, note(), key=str(minutes), now=NOON + timedelta(minutes=minutes))
    ages = [one.created_at - NOON for one in claimed(ledger)]
    assert ages == [timedelta(minutes=n) for n in (1, 2, 3)]


def test_a_message_that_may_be_there_stays_claimed_until_somebody_has_looked(ledger):
    ledger.announce(SPEC, note(), key="k", now=NOON)
    ledger.deliveries.mark_ambiguous(ledger.deliveries.claim(now=NOON), "timed out")
    assert ledger.deliveries.claim(now=NOON) is None
    waiting = ledger.deliveries.waiting(NOON)
    assert (waiting.claimed, waiting.last_error) == (1, "timed out")
    (stale,) = ledger.deliveries.stale_claims(now=NOON, grace=timedelta())
    assert stale.last_error == "timed out"


def test_what_is_visible_is_sent_whoever_learns_of_it_and_stays_so(ledger):
    ledger.announce(SPEC, note(), key="k", now=NOON)
    slow = ledger.deliveries.claim(now=NOON)
    ledger.deliveries.mark_failed(slow, "looked up: not there")
    ledger.deliveries.mark_sent(slow, channel="C1", ts="1.5", now=NOON)
    ledger.deliveries.mark_sent(slow, channel="C2", ts="9.9", now=NOON)
    ledger.deliveries.mark_dead(slow, "invalid_blocks")
    (sent,) = ledger.deliveries.thread(slow.incident, slow.destination)
    assert (sent.state, sent.channel, sent.ts, sent.last_error) == ("sent", "C1", "1.5", None)
    assert ledger.deliveries.claim(now=NOON) is None


def test_of_a_thread_what_has_arrived_in_order(ledger):
    next_day = DAY + timedelta(days=1)
    ledger.record_day(SPEC, DAY, [found("a")], now=NOON)
    ledger.record_day(SPEC, next_day, [found("b", day=next_day)], now=NOON)
    ledger.announce(SPEC, note(), key="k", now=NOON)
    (incident,) = ledger.open_incidents()
    assert ledger.deliveries.thread(incident.id, "slack:#ml-alerts") == []
    claimed(ledger)
    thread = ledger.deliveries.thread(incident.id, "slack:#ml-alerts")
    assert [one.seq for one in thread] == [0, 1, 2]
    assert thread[-1].event == note(), "what became of a retraining belongs to it"


@pytest.mark.parametrize(("limit", "latest"), [(1, ["2"]), (2, ["1", "2"]), (9, ["0", "1", "2"])])
def test_the_latest_that_arrived_oldest_first(ledger, limit, latest):
    for key in "abc":
        ledger.announce(SPEC, note(), key=key, now=NOON)
    claimed(ledger)
    assert [one.ts for one in ledger.deliveries.sent(limit=limit)] == latest


def test_what_waits_of_one_model(ledger):
    ledger.announce(SPEC, note(), key="k", now=NOON)
    for key in "ab":
        ledger.announce(OTHER, note("other"), key=key, now=NOON)
    models = ("credit", "other", "none")
    waiting = [ledger.deliveries.waiting(NOON, model=one).pending for one in models]
    assert waiting == [1, 2, 0]


def test_the_dead_are_as_old_as_nobody_waits_for_them(ledger):
    ledger.announce(SPEC, note(), key="k", now=NOON)
    ledger.deliveries.mark_dead(ledger.deliveries.claim(now=NOON), "invalid_blocks")
    assert ledger.deliveries.waiting(NOON + timedelta(days=9)).oldest is None
    assert ledger.deliveries.revive() == 1
    assert ledger.deliveries.waiting(NOON + timedelta(days=9)).oldest == timedelta(days=9)
    assert ledger.deliveries.revive() == 0


ANN, TEAM = "email:ann@example.org", "slack:#ml-alerts"
BOTH = SPEC.model_copy(
    update={"channels": Channels(slack="#ml-alerts", email=["ann@example.org"], clear_after_days=1)}
)


def judged(ledger, spec, *days):
    for number, subjects in enumerate(days):
        day = DAY + timedelta(days=number)
        ledger.record_day(spec, day, [found(s, day=day) for s in subjects.split()], now=NOON)


def test_each_destination_has_its_own_order(ledger):
    """A letter that is stuck holds up the letters after it, and not the channel."""
    judged(ledger, BOTH, "a", "a b", "")
    stuck = ledger.deliveries.claim(now=NOON, skip=[TEAM])
    assert (stuck.destination, stuck.seq) == (ANN, 0)
    rest = []
    while one := ledger.deliveries.claim(now=NOON):
        ledger.deliveries.mark_sent(one, channel="C1", ts=str(one.seq), now=NOON)
        rest.append((one.destination, one.seq))
    assert rest == [(TEAM, 0), (TEAM, 1), (TEAM, 2)]


def test_a_dead_opening_holds_up_its_own_destination_alone(ledger):
    judged(ledger, BOTH, "a", "a b")
    ledger.deliveries.mark_dead(ledger.deliveries.claim(now=NOON, skip=[TEAM]), "no such user")
    assert ledger.deliveries.claim(now=NOON, skip=[TEAM]) is None
    assert [one.destination for one in claimed(ledger)] == [TEAM, TEAM]


def test_a_thread_goes_on_where_it_stands_and_begins_where_it_is_new(ledger):
    """Somebody adds a receiver while an incident is open: it hears the next turn, not an end."""
    judged(ledger, SPEC, "a")
    day = DAY + timedelta(days=1)
    ledger.record_day(BOTH, day, [found("a", day=day), found("b", day=day)], now=NOON)
    assert {(one.destination, one.seq) for one in claimed(ledger)} == {
        (TEAM, 0), (ANN, 1), (TEAM, 1)
    }  # fmt: skip
    moved = SPEC.model_copy(
        update={"channels": Channels(email=["bob@example.org"], clear_after_days=1)}
    )
    ledger.record_day(moved, DAY + timedelta(days=2), [], now=NOON)
    assert {one.destination for one in claimed(ledger)} == {TEAM, ANN}


def test_what_was_announced_is_not_announced_again_to_another_receiver(ledger):
    assert ledger.announce(SPEC, note(), key="k", now=NOON)
    assert not ledger.announce(BOTH, note(), key="k", now=NOON)


def test_what_waits_at_each_destination(ledger):
    judged(ledger, BOTH, "a", "a b")
    ledger.deliveries.mark_failed(ledger.deliveries.claim(now=NOON, skip=[TEAM]), "450")
    hour = timedelta(hours=1)
    found = ledger.deliveries.waiting_by_destination(NOON + hour)
    assert {place: (one.pending, one.oldest, one.last_error) for place, one in found.items()} == {
        ANN: (2, hour, "450"),
        TEAM: (2, hour, None),
    }


def test_an_outage_begins_and_ends_once(ledger):
    def note_of(outage, is_over):
        return replace(note(), title=f"{outage.destination} {is_over}")

    def noted(*ill, minutes=0):
        begun, ended = ledger.deliveries.note_outages(
            dict.fromkeys(ill, "no answer"),
            now=NOON + timedelta(minutes=minutes),
            fallback=ANN,
            announcement=note_of,
        )
        return [[one.destination for one in found] for found in (begun, ended)]

    assert noted(TEAM, ANN) == [[ANN, TEAM], []]
    assert noted(TEAM, ANN, minutes=1) == [[], []]
    assert [one.since for one in ledger.deliveries.outages()] == [NOON, NOON]
    assert noted(ANN, minutes=2) == [[], [TEAM]]
    assert noted(minutes=3) == [[], [ANN]]
    sent = claimed(ledger)
    assert [(one.destination, one.event.title) for one in sent] == [
        (ANN, f"{TEAM} False"), (ANN, f"{TEAM} True")
    ]  # fmt: skip
    assert len({one.incident for one in sent}) == 1, "in one thread"


SATURDAY, SUNDAY, MONDAY = (datetime(2026, 1, day, 9, tzinfo=UTC) for day in (10, 11, 12))
MINUTE = timedelta(minutes=1)


def taken(ledger, now):
    """What a sender takes at a moment, each marked sent at once."""
    found = []
    while one := ledger.deliveries.claim(now=now):
        ledger.deliveries.mark_sent(one, channel="C1", ts="1", now=now)
        found.append((one.destination, one.seq))
    return sorted(found)


def record(ledger, subjects, *, now, severity=Severity.P2, spec=SPEC):
    day = now.date() - timedelta(days=1)
    findings = [replace(found(one, day=day), severity=severity) for one in subjects.split()]
    ledger.record_day(spec, day, findings, now=now)


def test_what_waits_for_business_hours_is_taken_from_then_on_and_is_not_overdue(ledger):
    record(ledger, "a", now=SATURDAY)
    assert taken(ledger, SATURDAY) == []
    waiting = ledger.deliveries.waiting(SUNDAY)
    assert (waiting.held, waiting.pending, waiting.oldest) == (1, 0, None)
    assert ledger.deliveries.waiting_by_destination(SUNDAY)[TEAM].oldest is None
    assert taken(ledger, MONDAY - MINUTE) == []
    late = ledger.deliveries.waiting(MONDAY + MINUTE)
    assert (late.held, late.pending, late.oldest) == (0, 1, MINUTE)
    assert taken(ledger, MONDAY) == [(TEAM, 0)]


def test_what_gets_urgent_takes_along_what_its_thread_holds(ledger):
    """Else the reply of a P1 would wait behind the opening of a P2 until Monday."""
    record(ledger, "a", now=SATURDAY)
    record(ledger, "a", now=SUNDAY, severity=Severity.P1)
    assert taken(ledger, SUNDAY) == [(TEAM, 0), (TEAM, 1)]


def test_an_end_waits_with_what_it_ends(ledger):
    """People who heard of nothing at the weekend need not hear of its end there."""
    record(ledger, "a", now=SATURDAY)
    record(ledger, "", now=SUNDAY)
    assert taken(ledger, SUNDAY) == []
    waiting = ledger.deliveries.waiting(SUNDAY)
    assert (waiting.held, waiting.oldest) == (2, None)
    assert taken(ledger, MONDAY) == [(TEAM, 0), (TEAM, 1)]


def test_an_end_of_what_people_have_heard_waits_for_them_and_for_no_machine(ledger):
    friday, page = SATURDAY - timedelta(days=1), "pagerduty:PAGERDUTY_RISK"
    channels = Channels(slack="#ml-alerts", pagerduty="PAGERDUTY_RISK", clear_after_days=1)
    both = SPEC.model_copy(update={"channels": channels})
    record(ledger, "a", now=friday, spec=both)
    assert taken(ledger, friday) == [(page, 0), (TEAM, 0)]
    record(ledger, "", now=SATURDAY, spec=both)
    assert taken(ledger, SATURDAY) == [(page, 1)]
    assert taken(ledger, MONDAY) == [(TEAM, 1)]


def test_what_a_person_does_is_seen_at_once(ledger):
    friday = SATURDAY - timedelta(days=1)
    record(ledger, "a", now=friday)
    assert taken(ledger, friday) == [(TEAM, 0)]
    (incident,) = ledger.incidents()
    ledger.handlings.record("credit", Handling(incident.id, Action.RESOLVE, "ada", SATURDAY))
    assert taken(ledger, SATURDAY) == [(TEAM, 1)]


def test_a_severity_that_grows_reaches_the_receivers_of_its_route_too(ledger_url):
    page = Route(match=["severity=~P0|P1"], pagerduty="PAGERDUTY_RISK")
    ledger = Ledger(ledger_url, Routing((page,)))
    tuesday = NOON
    record(ledger, "a", now=tuesday)
    assert taken(ledger, tuesday) == [(TEAM, 0)]
    record(ledger, "a", now=tuesday + timedelta(days=1), severity=Severity.P1)
    assert taken(ledger, tuesday + timedelta(days=1)) == [
        ("pagerduty:PAGERDUTY_RISK", 1), (TEAM, 1)
    ]  # fmt: skip


def test_an_announcement_takes_a_route_that_asks_for_no_severity(ledger_url):
    routes = (
        Route(match=["severity=~P.*"], slack="#urgent"),
        Route(match=["kind=retraining"], slack="#training", when="business_hours"),
    )
    ledger = Ledger(ledger_url, Routing(routes))
    ledger.announce(SPEC, note(), key="k", now=SATURDAY)
    assert taken(ledger, SATURDAY) == []
    assert taken(ledger, MONDAY) == [("slack:#training", 0)]


def test_what_came_of_a_retraining_waits_with_the_thread_that_it_belongs_to(ledger):
    """It goes out at any hour by itself, and takes along no opening that waits."""
    record(ledger, "a", now=SATURDAY)
    ledger.announce(SPEC, replace(note(), day=SATURDAY.date()), key="k", now=SATURDAY)
    assert taken(ledger, SATURDAY) == []
    assert taken(ledger, MONDAY) == [(TEAM, 0), (TEAM, 1)]
