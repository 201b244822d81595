"""The same incident arrives once in every channel, whatever fails, and no secret is left behind."""

import logging
import random
from dataclasses import dataclass, field

import pytest

from monitoring_dagster.act.notify.drain import GRACE, Delivered
from monitoring_dagster.act.notify.receivers import Receivers
from monitoring_dagster.act.notify.senders.slack import Slack
from tests.act.notify.crashes import POINTS, kill_sender
from tests.act.notify.shared import drained, judge, note, spec, with_slack
from tests.fake_slack import FakeSlack
from tests.fake_smtp import MailFault
from tests.faults import Fault

KINDS = ("slack", "email", "pagerduty", "alertmanager", "webhook")
DOUBTS = [fault for fault in Fault if fault is not Fault.HANG_AFTER]
LOST = [
    Fault.RESET_BEFORE,
    Fault.RESET_AFTER,
    Fault.HTML_503_BEFORE,
    Fault.HTML_503_AFTER,
    Fault.RATE_LIMITED_BEFORE,
    Fault.RATE_LIMITED_AFTER,
]  # whoever looks at the status alone learns nothing from these

SURVIVED = [
    MailFault.RECEIVER_LATER_BEFORE,
    MailFault.LETTER_LATER_BEFORE,
    MailFault.CUT_BEFORE,
    MailFault.CUT_AFTER,
]


@dataclass
class Everything:
    """All channels at once, and what people see in each."""

    slack: FakeSlack
    receivers: object
    mail: object
    environment: dict = field(init=False)
    channels: dict = field(init=False)

    def __post_init__(self):
        self.slack.one_a_second = False
        self.environment = (
            with_slack(self.slack) | self.receivers.environment | self.mail.environment
        )
        self.channels = {"slack": "#ml-alerts", "email": ["ann@example.org"]}
        self.channels |= self.receivers.channels

    def fail(self, kind, fault):
        """*fault* at the next request to that channel, and none later."""
        left = [fault]
        one = {"slack": self.slack, "email": self.mail}.get(kind, self.receivers)
        one.fault = lambda _: left.pop() if left else None

    def openings(self):
        """How many incidents and announcements people see begun, by channel."""
        letters = self.mail.to("ann@example.org").values()
        alerts = {dict(labels)["incident"] for labels in self.receivers.alerts}
        hooks = {one["incident_id"] for one in self.receivers.deliveries.values()}
        return {
            "slack": len(self.slack.roots),
            "email": sum(letter["In-Reply-To"] is None for letter in letters),
            "pagerduty": len(self.receivers.pages) + len(self.receivers.changes),
            "alertmanager": len(alerts),
            "webhook": len(hooks),
        }

    def ended(self, now):
        """How many incidents people see ended, by channel."""
        letters = self.mail.to("ann@example.org").values()
        ends = {}
        for labels, end in self.receivers.alerts.items():
            incident = dict(labels)["incident"]
            ends[incident] = max(end, ends.get(incident, end))
        return {
            "slack": sum("resolved on" in root.text for root in self.slack.roots),
            "email": sum("resolved on" in letter["Subject"] for letter in letters),
            "pagerduty": list(self.receivers.pages.values()).count("resolve"),
            "alertmanager": sum(end <= now for end in ends.values()),
            "webhook": sum(
                one["event"].get("reason") == "resolved"
                for one in self.receivers.deliveries.values()
            ),
        }


@pytest.fixture
def world(slack, receivers, mail):
    return Everything(slack, receivers, mail)


@pytest.fixture
def send(ledger, clock, tmp_path, world):
    return lambda: drained(ledger, clock, tmp_path, world.environment)


def nothing_waits(ledger, clock):
    waiting = ledger.deliveries.waiting(clock())
    return (waiting.pending, waiting.claimed, waiting.dead) == (0, 0, 0)


def test_an_incident_is_one_in_every_channel(ledger, clock, world, send):
    judge(ledger, clock, "income", "income age", "", model=spec(**world.channels))
    assert send() == Delivered(sent=15)
    assert world.openings() == dict.fromkeys(KINDS, 1)
    assert world.ended(clock()) == dict.fromkeys(KINDS, 1)
    assert world.receivers.refusals == []
    assert send() == Delivered()


def test_what_was_decided_is_told_in_every_channel_and_pages_nobody(ledger, clock, world, send):
    ledger.announce(spec(**world.channels), note(), key="k", now=clock())
    assert send() == Delivered(sent=5)
    assert world.openings() == dict.fromkeys(KINDS, 1)
    assert world.receivers.events == []


@pytest.mark.parametrize(
    "variable", ["SLACK_BOT_TOKEN", "SMTP_URL", "PAGERDUTY_RISK", "MONITORING_WEBHOOK_SECRET"]
)
def test_a_channel_whose_secret_is_not_set_says_so_and_holds_up_no_other(
    ledger, clock, world, send, variable
):
    world.environment.pop(variable)
    judge(ledger, clock, "income", model=spec(**world.channels))
    assert send() == Delivered(sent=4, failed=1)
    assert ledger.deliveries.waiting(clock()).last_error == (
        f"{variable} is not set in the environment"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_neither_loses_nor_doubles(ledger, clock, world, send, kind, fault):
    if kind == "email":
        fault = MailFault.CUT_AFTER if fault.spares_the_effect else MailFault.CUT_BEFORE
    judge(ledger, clock, "income", model=spec(**world.channels))
    world.fail(kind, fault)
    if kind in ("slack", "email"):
        assert send() == Delivered(sent=4, ambiguous=1)
    else:
        send()  # the three share a server: one of them meets the fault
    assert ledger.deliveries.waiting(clock()).claimed == 1
    assert send() == Delivered(), "within the grace nobody looks and nobody sends"
    clock.moment += GRACE
    assert send() == Delivered(sent=1)
    assert world.openings() == dict.fromkeys(KINDS, 1)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_fails_each_incident_is_seen_once(ledger, clock, world, send, seed):
    """A random fault at every third request, then all is well: nothing lost, nothing double."""
    fate = random.Random(seed)
    for server, faults in ((world.slack, DOUBTS), (world.receivers, LOST), (world.mail, SURVIVED)):
        server.fault = lambda _, faults=faults: (
            fate.choice(faults) if fate.random() < 0.35 else None
        )
    for number in range(3):
        judge(ledger, clock, "income", "income age", "",
              model=spec(f"model_{number}", **world.channels))  # fmt: skip
    for _ in range(12):
        send()
        clock.moment += GRACE
    for server in (world.slack, world.receivers, world.mail):
        server.fault = lambda _: None
    for _ in range(6):
        clock.moment += GRACE
        send()
    assert nothing_waits(ledger, clock)
    assert world.openings() == dict.fromkeys(KINDS, 3)
    assert world.ended(clock()) == dict.fromkeys(KINDS, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_sender_loses_nothing_and_doubles_nothing(
    ledger, clock, tmp_path, world, send, kind, point
):
    """``kill -9``, a restart, and the receivers' own logs."""
    alone = {kind: world.channels[kind]}
    judge(ledger, clock, "income", "", model=spec(**alone))
    kill_sender(ledger, clock, tmp_path, world.environment, at=point)
    for _ in range(2):
        clock.moment += GRACE
        send()
    assert nothing_waits(ledger, clock)
    assert world.openings()[kind] == world.ended(clock())[kind] == 1


@pytest.mark.parametrize("fault", [None, Fault.HTML_503_BEFORE, Fault.RESET_AFTER])
def test_no_secret_is_in_a_log_a_repr_the_ledger_or_the_page(
    ledger, clock, tmp_path, world, send, fault, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    judge(ledger, clock, "income", model=spec(**world.channels))
    world.slack.fault = world.receivers.fault = lambda _: fault
    world.mail.fault = lambda _: MailFault.RELAY_DENIED if fault else None
    secrets = ["canary", *world.environment.values()]
    shown = repr(Receivers(world.environment, clock, clock.sleep))
    shown += repr(Slack("xoxb-canary", None, clock, clock.sleep))
    send()
    clock.moment += GRACE
    send()
    drained(ledger, clock, tmp_path, {})
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    said = "".join([caplog.text, shown, *capfd.readouterr()])
    public = {"ml@example.org", world.slack.base_url, world.receivers.base_url}
    for secret in secrets:
        if secret not in public:
            assert secret.lower() not in said.lower()
            assert secret.lower().encode() not in written.lower()
