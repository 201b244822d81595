"""The outbox is drained: what waits goes out once, and one ill destination holds up no other."""

import json
from datetime import timedelta

import pytest

from monitoring_dagster.act.notify import drain as module
from monitoring_dagster.act.notify.drain import GRACE, Delivered, entries
from monitoring_dagster.act.notify.receivers import Receivers
from monitoring_dagster.act.notify.sender import Receipt, Refused, RefusedForEver, Uncertain
from tests.act.notify.crashes import kill_sender
from tests.act.notify.shared import LINKS, drained, judge, note, spec

LOST = Uncertain("TimeoutError")
TWO = {"slack": "#ml-alerts", "email": ["ann@example.org", "bob@example.org"]}


class Notes:
    """A sender that writes down what it is given, and fails as it is told."""

    def __init__(self):
        self.sent, self.fail, self.settled = [], {}, []

    def send(self, posting):
        if error := self.fail.get(posting.delivery.destination):
            raise error
        self.sent.append(posting)
        return Receipt("there", str(len(self.sent)))

    def settle(self, posting):
        self.settled.append(posting)


@pytest.fixture
def notes(monkeypatch):
    found = Notes()
    monkeypatch.setattr(Receivers, "sender_of", lambda self, destination: found)
    return found


@pytest.fixture
def send(ledger, clock, tmp_path):
    return lambda: drained(ledger, clock, tmp_path, {})


def test_one_message_goes_once_to_each_of_its_destinations(ledger, clock, send, notes):
    judge(ledger, clock, "income", "income age", "", model=spec(**TWO))
    assert send() == Delivered(sent=9)
    assert send() == Delivered()
    ids = {posting.delivery.id for posting in notes.sent}
    assert len(ids) == 9
    for destination in spec(**TWO).channels.destinations:
        mine = [one for one in notes.sent if one.delivery.destination == destination]
        assert [one.delivery.seq for one in mine] == [0, 1, 2]
        assert [one.address for one in mine] == [destination.partition(":")[2]] * 3


def test_a_reply_knows_what_arrived_at_its_own_destination(ledger, clock, send, notes):
    judge(ledger, clock, "income", "", model=spec(**TWO))
    send()
    for posting in notes.sent:
        assert {one.destination for one in posting.earlier} <= {posting.delivery.destination}
        assert (posting.root is None) == (posting.delivery.seq == 0)
        assert (posting.opening is None) == (posting.delivery.seq == 0)
    end = notes.sent[-1]
    assert end.opening.lead.startswith("Resolved on 6 January after 1 day.")


@pytest.mark.parametrize(
    ("failure", "outcome", "state"),
    [
        pytest.param(Refused("not_in_channel"), Delivered(sent=4, failed=1), (2, 0, 0),
                     id="refused: it is tried again"),
        pytest.param(RefusedForEver("no such user"), Delivered(sent=4, failed=1), (1, 0, 1),
                     id="refused for ever: a person has to look"),
        pytest.param(Uncertain("TimeoutError"), Delivered(sent=4, ambiguous=1), (1, 1, 0),
                     id="uncertain: it waits for the grace"),
        pytest.param(KeyError("x"), Delivered(sent=4, ambiguous=1), (1, 1, 0),
                     id="a mistake of ours: nobody knows what was sent"),
    ],
)  # fmt: skip
def test_one_ill_destination_holds_up_no_other(ledger, clock, send, notes, failure, outcome, state):
    notes.fail = {"email:ann@example.org": failure}
    judge(ledger, clock, "income", "income age", model=spec(**TWO))
    assert send() == outcome
    waiting = ledger.deliveries.waiting(clock())
    assert (waiting.pending, waiting.claimed, waiting.dead) == state
    assert waiting.last_error == (str(failure) if "x" not in failure.args else "KeyError")


def test_an_old_claim_is_settled_before_anything_is_sent_again(ledger, clock, send, notes):
    notes.fail = {"email:ann@example.org": Uncertain("TimeoutError")}
    judge(ledger, clock, "income", model=spec(**TWO))
    send()
    notes.fail = {}
    assert send() == Delivered(), "within the grace nobody looks and nobody sends"
    clock.moment += GRACE
    assert send() == Delivered(sent=1)
    assert [one.delivery.destination for one in notes.settled] == ["email:ann@example.org"]


def test_while_nobody_can_say_the_claim_stands(ledger, clock, send, notes, monkeypatch):
    """Better late than twice."""

    def silent(posting):
        raise ZeroDivisionError

    notes.fail = {"slack:#ml-alerts": Uncertain("TimeoutError")}
    judge(ledger, clock, "income")
    send()
    monkeypatch.setattr(notes, "settle", silent)
    for _ in range(2):
        clock.moment += GRACE
        assert send() == Delivered(ambiguous=1)
    assert ledger.deliveries.waiting(clock()).last_error == "cannot look it up: ZeroDivisionError"


def test_a_drain_ends_after_so_many_messages(ledger, clock, tmp_path, notes):
    for number in range(5):
        judge(ledger, clock, "income", model=spec(f"m{number}"))
    found = module.drain(
        ledger, links=LINKS, outbox=tmp_path, environment={}, clock=clock, sleep=clock.sleep,
        max_messages=3,
    )  # fmt: skip
    assert found == Delivered(sent=3)


def test_without_any_secret_the_page_tells_it_all(ledger, send, clock, tmp_path):
    """One entry a message, however many destinations it would have gone to."""
    judge(ledger, clock, "income", "income age", "", model=spec(**TWO))
    assert send() == Delivered(sent=9)
    html = (tmp_path / "outbox" / "index.html").read_text()
    assert html.count("<article") == 1
    assert "Resolved on 7 January" in html
    assert "06 Jan 2026, 12:00 UTC" in html
    lines = (tmp_path / "outbox" / "messages.jsonl").read_text().splitlines()
    assert len(lines) == 3
    for line in lines:
        named = json.loads(line)["channel"].split(", ")
        assert sorted(named) == sorted(spec(**TWO).channels.destinations)


def test_an_entry_is_what_people_read_now(ledger, send, clock):
    judge(ledger, clock, "income", "")
    ledger.announce(spec(), note(), key="k", now=clock())
    send()
    titles = [one.message.title for one in entries(ledger, LINKS)]
    assert sorted(titles) == [
        "credit: feature drift resolved on 6 January after 1 day",
        "credit: feature drift resolved on 6 January after 1 day",
        "credit: version 2 serves",
    ]
    assert len(entries(ledger, LINKS, limit=1)) == 1


def test_a_killed_writer_of_the_page_loses_nothing(ledger, send, clock, tmp_path):
    judge(ledger, clock, "income")
    kill_sender(ledger, clock, tmp_path, {}, at="before mark_sent")
    clock.moment += GRACE
    assert send() == Delivered(sent=1)
    assert (tmp_path / "outbox" / "index.html").read_text().count("<article") == 1


def test_a_drain_ends_before_dagster_ends_its_tick(ledger, clock, send, notes, monkeypatch):
    """Receivers that hang take ten seconds each."""

    def hang(posting):
        clock.sleep(10)
        raise LOST

    monkeypatch.setattr(notes, "send", hang)
    monkeypatch.setattr(notes, "settle", hang)
    people = [f"{name}@example.org" for name in "abcdefgh"]
    judge(ledger, clock, "income", model=spec(email=people))
    assert send() == Delivered(ambiguous=4)
    begun = clock.moment = clock.moment + GRACE
    assert send() == Delivered(ambiguous=4), "two of them looked up, and two sent"
    assert (clock.moment - begun).total_seconds() == 40


def test_those_that_hang_do_not_always_come_first(ledger, clock, send, notes, monkeypatch):
    def hang(posting):
        if "slow" in posting.address:
            clock.sleep(10)
            raise LOST

    places = ["slow1@example.org", "slow2@example.org", "well@example.org"]
    notes.fail = dict.fromkeys((f"email:{one}" for one in places), Uncertain("TimeoutError"))
    judge(ledger, clock, "income", model=spec(email=places))
    send()
    notes.fail = dict.fromkeys((f"email:{one}" for one in places[:2]), Uncertain("TimeoutError"))
    monkeypatch.setattr(notes, "settle", hang)
    clock.moment += GRACE
    for _ in range(6):
        send()
        clock.moment += timedelta(seconds=30)
    assert [one.address for one in notes.sent] == ["well@example.org"]
