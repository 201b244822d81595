"""Slack: one thread an incident, whatever is lost on the way."""

import json
import random
from collections import Counter
from datetime import timedelta

import pytest

from monitoring_dagster.act.notify import sender
from monitoring_dagster.act.notify.drain import GRACE, Delivered
from monitoring_dagster.act.notify.senders.slack import Slack, content_of
from tests.act.notify.crashes import POINTS, kill_sender
from tests.act.notify.shared import drained, judge, note, spec, with_slack
from tests.act.notify.written import EVENTS, assert_golden
from tests.act.notify.written import posting as posting_of
from tests.fake_slack import TOKEN, Posted, texts
from tests.faults import Fault

BEFORE_AND_AFTER = [fault for fault in Fault if fault is not Fault.HANG_AFTER]


@pytest.fixture
def send(ledger, slack, clock, tmp_path):
    def sent(token=TOKEN, base_url=None):
        environment = with_slack(slack, token or "")
        if base_url:
            environment["SLACK_API_URL"] = base_url
        return drained(ledger, clock, tmp_path, environment)

    return sent


def once(fault, method="chat.postMessage"):
    """That fault at the first request to *method*, and none later."""
    left = [fault]
    return lambda called: left.pop() if called == method and left else None


def test_an_incident_is_one_thread(ledger, slack, send, clock):
    judge(ledger, clock, "income", "income age", "")
    assert send() == Delivered(sent=3)
    (root,) = slack.roots
    assert [reply.text for reply in slack.replies(root)] == [
        "P1 credit: worse: feature drift, age is off (+1 more)",
        "credit: feature drift resolved on 7 January after 2 days",
    ]
    assert "resolved on 7 January" in root.text, "the opening message tells of its end"
    assert root.edits == 2, "and of every turn before"
    assert send() == Delivered()


def test_a_message_unfurls_nothing_and_resolves_no_names(ledger, slack, send, clock):
    judge(ledger, clock, "<!channel>")
    send()
    ((_, arguments),) = slack.requests
    switches = {"unfurl_links", "unfurl_media", "link_names"}
    assert {arguments[name] for name in switches} == {False}
    assert arguments["parse"] == "none"
    assert not [text for text in texts(arguments["blocks"]) if "<!" in text or "<@" in text]


def test_one_channel_hears_one_message_a_second(ledger, slack, send, clock):
    for name in ("a", "b", "c"):
        judge(ledger, clock, "income", model=spec(name))
    begin = clock()
    assert send() == Delivered(sent=3), "the server refuses whoever is faster"
    assert clock() - begin == timedelta(seconds=2)


@pytest.mark.parametrize("fault", BEFORE_AND_AFTER)
def test_a_lost_answer_neither_loses_nor_doubles_a_message(ledger, slack, send, clock, fault):
    judge(ledger, clock, "income")
    slack.fault = once(fault)
    assert send() == Delivered(ambiguous=1)
    assert ledger.deliveries.waiting(clock()).claimed == 1
    assert send() == Delivered(), "within the grace nobody looks and nobody sends"
    clock.moment += GRACE
    assert send() == Delivered(sent=1)
    assert len(slack.roots) == 1


def test_a_hanging_slack_is_left_after_the_time_out(ledger, slack, send, clock, monkeypatch):
    monkeypatch.setattr(sender, "TIMEOUT_SECONDS", 0.3)
    slack.hang_seconds = 0.9
    judge(ledger, clock, "income")
    slack.fault = once(Fault.HANG_AFTER)
    assert send() == Delivered(ambiguous=1)
    clock.moment += GRACE
    assert send() == Delivered(sent=1)
    assert len(slack.roots) == 1


def test_an_unreadable_history_leaves_the_claim_standing(ledger, slack, send, clock):
    """Better late than twice: without a look there is no second attempt."""
    judge(ledger, clock, "income")
    faults = {
        "chat.postMessage": Fault.RESET_AFTER,
        "conversations.history": Fault.HTML_503_BEFORE,
    }
    slack.fault = faults.get
    send()
    clock.moment += GRACE
    assert send() == Delivered(ambiguous=1)
    assert ledger.deliveries.waiting(clock()).last_error == "cannot look it up: HTTP 503"
    slack.fault = lambda method: None
    assert send() == Delivered(sent=1)
    assert len(slack.roots) == 1


def test_a_busy_channel_is_read_page_by_page(ledger, slack, send, clock):
    """And the wait that Slack asks for between two pages is kept."""
    judge(ledger, clock, "income")
    slack.fault = once(Fault.RESET_AFTER)
    send()
    slack.fault = lambda method: None
    for number in range(40):
        clock.sleep(1)
        now, chatter = clock().timestamp(), {"event_payload": {"delivery_id": str(number)}}
        slack.messages.append(Posted("C0000ALERTS", f"{now:.6f}", None, "", [], chatter, now))
    clock.moment += GRACE
    slack.fault = once(Fault.RATE_LIMITED_BEFORE, "conversations.history")
    assert send() == Delivered(sent=1)
    assert [method for method, _ in slack.requests].count("conversations.history") == 4
    assert len(slack.roots) == 41


def test_a_half_ended_incident_is_ended_later(ledger, slack, send, clock):
    """The reply was posted and the update of the opening message failed."""
    judge(ledger, clock, "income", "")
    slack.fault = once(Fault.RESET_BEFORE, "chat.update")
    assert send() == Delivered(sent=1, ambiguous=1)
    clock.moment += GRACE
    assert send() == Delivered(sent=1)
    (root,) = slack.roots
    assert root.edits == 1
    assert len(slack.replies(root)) == 1


def test_a_closed_port_is_a_certain_refusal(ledger, slack, send, clock):
    judge(ledger, clock, "income")
    assert send(base_url="http://127.0.0.1:9/api/") == Delivered(failed=1)
    assert send() == Delivered(sent=1), "no grace: nothing can have been posted"


@pytest.mark.parametrize(
    ("token", "channel", "error"),
    [
        pytest.param("xoxb-wrong", "#ml-alerts", "invalid_auth", id="a wrong token"),
        pytest.param(TOKEN, "#nowhere", "channel_not_found", id="an unknown channel"),
    ],
)
def test_what_a_setting_can_mend_waits_for_it(ledger, slack, send, clock, token, channel, error):
    judge(ledger, clock, "income", model=spec(channel=channel))
    assert send(token=token) == Delivered(failed=1)
    waiting = ledger.deliveries.waiting(clock())
    assert (waiting.pending, waiting.dead, waiting.last_error) == (1, 0, error)
    slack.channels["nowhere"] = "C0000NOWHERE"
    assert send() == Delivered(sent=1)


def test_one_ill_channel_does_not_silence_the_other(ledger, slack, send, clock):
    judge(ledger, clock, "income", model=spec("a", "#nowhere"))
    judge(ledger, clock, "income", model=spec("b", "#nowhere"))
    judge(ledger, clock, "income", model=spec("c"))
    assert send() == Delivered(sent=1, failed=1)


def test_a_refused_message_is_dead_and_loud(ledger, slack, send, clock, monkeypatch):
    monkeypatch.setattr("tests.fake_slack._invalid", lambda *_: "msg_blocks_too_long")
    judge(ledger, clock, "income")
    assert send() == Delivered(failed=1)
    waiting = ledger.deliveries.waiting(clock())
    assert (waiting.dead, waiting.last_error) == (1, "msg_blocks_too_long")
    monkeypatch.undo()
    assert ledger.deliveries.revive() == 1
    assert send() == Delivered(sent=1)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_fails_each_incident_is_told_exactly_once(ledger, slack, send, clock, seed):
    """A random fault at every third request, then Slack heals: nothing lost, nothing double."""
    fate = random.Random(seed)
    slack.fault = lambda _: fate.choice(BEFORE_AND_AFTER) if fate.random() < 0.35 else None
    for number in range(4):
        judge(ledger, clock, "income", "income age", "", model=spec(f"model_{number}"))
    ledger.announce(spec(), note(), key="k", now=clock())
    for _ in range(10):
        send()
        clock.moment += timedelta(seconds=fate.choice([5, 60, 150]))
    slack.fault = lambda _: None
    for _ in range(4):
        clock.moment += GRACE
        send()
    waiting = ledger.deliveries.waiting(clock())
    assert (waiting.pending, waiting.claimed, waiting.dead) == (0, 0, 0)
    seen = Counter(message.delivery_id for message in slack.messages)
    assert seen == Counter(delivery.id for delivery in ledger.deliveries.sent(limit=100))
    assert len(slack.roots) == 5
    for incident in ledger.incidents():
        (root,) = [m for m in slack.roots if f"{incident.model}: feature drift" in m.text]
        starts = [reply.text.split()[0] for reply in slack.replies(root)]
        assert starts == ["P1", f"{incident.model}:"]
        assert root.edits >= 1


def test_a_thread_that_began_on_the_page_goes_on_in_slack(ledger, slack, send, clock):
    """Somebody sets the token in the middle of an incident."""
    judge(ledger, clock, "income")
    send(token=None)
    judge(ledger, clock, "income", "income age", "")
    assert send() == Delivered(sent=2)
    (root,) = slack.roots
    assert root.edits == 1
    assert len(slack.replies(root)) == 1


@pytest.mark.parametrize(
    "point",
    [
        *POINTS,
        "before chat_postMessage",
        "after chat_postMessage",
        "before chat_update",
        "after chat_update",
    ],
)
def test_a_killed_sender_loses_nothing_and_doubles_nothing(
    ledger, slack, send, clock, tmp_path, point
):
    slack.one_a_second = False  # a dying process has no time for manners
    judge(ledger, clock, "income")
    if "update" in point:
        send()
        judge(ledger, clock, "income", "")
    kill_sender(ledger, clock, tmp_path, with_slack(slack), at=point)
    for _ in range(3):
        clock.moment += GRACE
        send()
    waiting = ledger.deliveries.waiting(clock())
    assert (waiting.pending, waiting.claimed, waiting.dead) == (0, 0, 0)
    (root,) = slack.roots
    assert len(slack.replies(root)) == ("update" in point)
    assert ("resolved on" in root.text) == ("update" in point)


def test_no_client_shows_its_token(slack, clock):
    sender = Slack(TOKEN, slack.base_url, clock, clock.sleep)
    assert "canary" not in repr(sender)


@pytest.mark.parametrize("name", EVENTS)
def test_a_message_reads_as_it_is_kept(name):
    posting = posting_of(name, "slack:#ml-alerts")
    content = {"posted": content_of(posting.message, posting.delivery.id)}
    if posting.opening:
        content["opening message"] = content_of(posting.opening, posting.root.id)
    assert_golden(f"slack_{name}.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")
