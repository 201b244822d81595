import logging
import os
import pickle
import random
import signal
import traceback
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from monitoring_dagster.act.notify import alerts
from monitoring_dagster.act.notify import slack as slack_module
from monitoring_dagster.act.notify.slack import GRACE, Delivered, SlackError, api_address, drain
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.report.events import Announcement
from monitoring_dagster.report.links import Links
from monitoring_dagster.spec import Channels, ModelSpec, Predictions
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.store.monitor import House
from tests import fork_server
from tests.fake_slack import TOKEN, FakeSlack, Fault, Posted, texts

DAY = date(2026, 1, 5)
LINKS = Links("http://127.0.0.1:3000", "http://127.0.0.1:5000", "https://wiki.example.org")
LAG_SECONDS = 30
BEFORE_AND_AFTER = [fault for fault in Fault if fault is not Fault.HANG_AFTER]


def spec(name="credit", channel="#ml-alerts"):
    return ModelSpec(
        name=name,
        owner="team:risk",
        task="binary",
        predictions=Predictions(path="{day}.parquet"),
        channels=Channels(clear_after_days=1, slack=channel),
    )


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self):
        self.moment = datetime(2026, 1, 6, 12, tzinfo=UTC)

    def __call__(self):
        return self.moment

    def sleep(self, seconds):
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def slack(clock, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)  # the SDK would send loopback there, too
    with FakeSlack(clock=clock, history_lag_seconds=LAG_SECONDS, one_a_second=True) as server:
        yield server


@pytest.fixture
def ledger(tmp_path):
    return Ledger(f"sqlite:///{tmp_path}/ledger.db")


@pytest.fixture
def send(ledger, slack, clock, tmp_path):
    def drained(token=TOKEN, base_url=None):
        return drain(
            ledger,
            links=LINKS,
            outbox=tmp_path / "outbox",
            token=token,
            clock=clock,
            sleep=clock.sleep,
            base_url=base_url or slack.base_url,
        )

    return drained


def judge(ledger, clock, *days, model=None):
    """Record one day after another; a day is its subjects, as in ``"income age"``."""
    for number, subjects in enumerate(days):
        day = DAY + timedelta(days=number)
        findings = [
            Finding(
                (model or spec()).name,
                day,
                FindingKind.FEATURE_DRIFT,
                subject,
                Severity.P1,
                f"{subject} is off",
                "drift",
            )
            for subject in subjects.split()
        ]
        ledger.record_day(model or spec(), day, findings, now=clock())


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
    assert root.edits == 1
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
    monkeypatch.setattr(slack_module, "TIMEOUT_SECONDS", 0.3)
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


def note():
    return Announcement(
        "credit", "credit", "team:risk", FindingKind.RETRAINING, DAY, "version 2 serves", "It won."
    )


SENDER = """
import os, signal, sys
from datetime import datetime, timedelta
from pathlib import Path
from monitoring_dagster.act.notify import slack
from monitoring_dagster.store.ledger.deliveries import Deliveries
from monitoring_dagster.report.links import Links
from monitoring_dagster.store.ledger.ledger import Ledger

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

point, call = os.environ["CRASH_AT"], slack._call
def dying_call(method, **arguments):
    if point == "before " + method.__name__:
        die()
    answer = call(method, **arguments)
    if point == "after " + method.__name__:
        die()
    return answer
slack._call = dying_call
if point == "before mark_sent":
    Deliveries.mark_sent = die
url, base_url, outbox, token, moment = sys.argv[1:]
now = datetime.fromisoformat(moment)
slack.drain(Ledger(url), links=Links("http://d", "http://m", "http://r"), outbox=Path(outbox),
            token=token or None, clock=lambda: now, sleep=lambda s: None, base_url=base_url)
"""


def killed(*arguments, at):
    """How a sender in a process of its own ended, which dies at one point of its work."""
    env = {**os.environ, "CRASH_AT": at}
    return fork_server.run(["python", "-c", SENDER, *arguments], cwd=Path.cwd(), env=env)


@pytest.mark.parametrize(
    "point",
    [
        "before chat_postMessage",
        "after chat_postMessage",
        "before chat_update",
        "after chat_update",
        "before mark_sent",
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
    arguments = [ledger.url, slack.base_url, str(tmp_path / "o"), TOKEN, clock().isoformat()]
    died = killed(*arguments, at=point)
    assert died.returncode == -signal.SIGKILL, died.stderr
    for _ in range(3):
        clock.moment += GRACE
        send()
    waiting = ledger.deliveries.waiting(clock())
    assert (waiting.pending, waiting.claimed, waiting.dead) == (0, 0, 0)
    (root,) = slack.roots
    assert len(slack.replies(root)) == ("update" in point)
    assert ("resolved on" in root.text) == ("update" in point)


def test_a_killed_writer_of_the_page_loses_nothing(ledger, slack, send, clock, tmp_path):
    judge(ledger, clock, "income")
    arguments = [ledger.url, "", str(tmp_path / "outbox"), "", clock().isoformat()]
    died = killed(*arguments, at="before mark_sent")
    assert died.returncode == -signal.SIGKILL, died.stderr
    clock.moment += GRACE
    assert send(token=None) == Delivered(sent=1)
    assert (tmp_path / "outbox" / "index.html").read_text().count("<article") == 1


def test_without_a_token_the_page_tells_it_all(ledger, slack, send, clock, tmp_path):
    judge(ledger, clock, "income", "income age", "")
    assert send(token=None) == Delivered(sent=3)
    html = (tmp_path / "outbox" / "index.html").read_text()
    assert html.count("<article") == 1
    assert "Resolved on 7 January" in html
    assert "06 Jan 2026, 12:00 UTC" in html
    assert slack.requests == []


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
    ("token", "fault"),
    [
        pytest.param(TOKEN, Fault.HTML_503_BEFORE, id="an answer that is none"),
        pytest.param(TOKEN, Fault.RESET_BEFORE, id="a broken connection"),
        pytest.param("xoxb-canary-but-wrong", None, id="a refusal"),
        pytest.param("xoxb-canary\nX-Evil: 1", None, id="a token that is no header"),
    ],
)
def test_the_token_is_in_no_log_no_error_and_no_pickle(
    ledger, slack, send, clock, caplog, capfd, token, fault
):
    caplog.set_level(logging.DEBUG)
    judge(ledger, clock, "income")
    slack.fault = lambda _: fault
    said = []
    try:
        send(token=token)
    except SlackError as error:
        said += ["".join(traceback.format_exception(error)), str(pickle.dumps(error))]
    for method in ("auth_test", "chat_delete"):
        client = slack_module._client(token.split()[0], slack.base_url)
        with pytest.raises(SlackError) as caught:
            slack_module._call(
                getattr(client, method), **({"channel": "C", "ts": "1"} if "d" in method else {})
            )
        assert caught.value.__context__ is None
        said += ["".join(traceback.format_exception(caught.value)), str(pickle.dumps(caught.value))]
    out = capfd.readouterr()
    stored = str(ledger.deliveries.waiting(clock()))
    for text in [*said, caplog.text, out.out, out.err, stored]:
        assert "canary" not in text


@pytest.mark.parametrize(
    "address",
    [
        "http://slack.example.org/api/",
        "http://10.0.0.7/api/",
        "ftp://127.0.0.1/",
        "slack.example.org",
        "https://",
        "https://user:canary@slack.example.org/api/",
        "https://slack.example.org/api/?next=canary",
        "https://slack.example.org/api\n/canary",
        "https://[::1/api",
        "https://slack.example.org:99999/",
    ],
)
def test_a_token_goes_over_https_or_stays_on_this_machine(address, ledger, send, clock):
    judge(ledger, clock, "income")
    with pytest.raises(SlackError, match="write https://HOST/api/") as caught:
        send(base_url=address)
    assert "canary" not in str(caught.value)
    assert ledger.deliveries.waiting(clock()).pending == 1, "nothing was claimed"


@pytest.mark.parametrize(
    "address", ["https://slack.example.org/api", "http://127.0.0.1:9/api", "http://localhost/x/"]
)
def test_the_address_of_the_api_ends_with_a_slash(address):
    assert api_address(address) == f"{address.rstrip('/')}/"


def test_the_address_is_a_setting(ledger, slack, clock, tmp_path):
    """SLACK_API_URL, read once with the project's other settings."""
    house = House.at(tmp_path, {"SLACK_API_URL": slack.base_url})
    house.ledger.announce(spec(), note(), key="k", now=clock())
    assert alerts.send(house, token=TOKEN) == Delivered(sent=1)
    assert len(slack.messages) == 1
