"""Does each incident arrive once, whatever fails on the way?  Incidents, and what people see.

Every incident opens and ends while requests fail at random, before or after their effect, in every
channel at once; then the servers' own logs are counted. *Lost* are openings and ends that nobody
saw, *doubled* are openings that people saw twice; *repeated* is what came twice and was dropped by
its key. Apprise knows no key, so it alone may double. Exit code 1 if anything else is lost or
doubled.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from monitoring_dagster.act.notify import sender
from monitoring_dagster.act.notify.drain import GRACE, drain
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.report.links import Links
from monitoring_dagster.spec import Channels, ModelSpec, Predictions
from monitoring_dagster.store.ledger.ledger import Ledger
from tests.fake_receivers import FakeReceivers
from tests.fake_slack import TOKEN, FakeSlack
from tests.fake_smtp import FakeSmtp, MailFault
from tests.faults import Fault

DAY = date(2026, 1, 5)
LINKS = Links("http://127.0.0.1:3000", "http://127.0.0.1:5000", "https://wiki.example.org")
FAR = datetime(2026, 12, 1, tzinfo=UTC)  # no alert that has ended ends so late
LAG_SECONDS = 30  # of Slack's history
MAY_DOUBLE = {"apprise"}
PATIENCE_SECONDS = 0.5  # of one request; a product waits for ten
SLACK = [*Fault]
HTTP = [
    Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.HANG_AFTER, Fault.TRUNCATED_AFTER,
    Fault.HTML_503_BEFORE, Fault.HTML_503_AFTER, Fault.RATE_LIMITED_BEFORE,
    Fault.RATE_LIMITED_AFTER,
]  # fmt: skip
MAIL = [
    MailFault.RECEIVER_LATER_BEFORE, MailFault.LETTER_LATER_BEFORE, MailFault.CUT_BEFORE,
    MailFault.CUT_AFTER,
]  # fmt: skip


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 6, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Seen(NamedTuple):
    """What people saw in one channel, by incident, and how many doubles were dropped."""

    openings: Counter[str]
    ends: Counter[str]
    repeated: int


def seen(slack: FakeSlack, receivers: FakeReceivers, mail: FakeSmtp) -> dict[str, Seen]:
    """The servers' logs, by channel; an incident is the only one of its model."""
    letters = mail.to("ann@example.org").values()
    hooks = list(receivers.deliveries.values())
    alerts = {dict(labels)["model"]: end for labels, end in receivers.alerts.items()}
    triggers = [one for one in receivers.events if one["event_action"] == "trigger"]
    models = {one["dedup_key"]: one["payload"]["source"] for one in triggers}
    return {
        "slack": Seen(
            Counter(_model(one.text) for one in slack.roots),
            Counter(_model(one.text) for one in slack.roots if "resolved on" in one.text),
            0,
        ),
        "email": Seen(
            Counter(_model(one["Subject"]) for one in letters if one["In-Reply-To"] is None),
            Counter(_model(one["Subject"]) for one in letters if "resolved on" in one["Subject"]),
            len(mail.letters) - len(letters),
        ),
        "pagerduty": Seen(
            Counter(models[key] for key in receivers.pages),
            Counter(models[key] for key, last in receivers.pages.items() if last == "resolve"),
            len(receivers.events) - 2 * len(receivers.pages),
        ),
        "alertmanager": Seen(
            Counter(list(alerts)),
            Counter(model for model, end in alerts.items() if end < FAR),
            len(receivers.posts) - 2 * len(receivers.alerts),
        ),
        "webhook": Seen(
            Counter(one["event"]["model"] for one in hooks if one["sequence"] == 0),
            Counter(one["event"]["model"] for one in hooks if one["sequence"] == 1),
            len(receivers.hooks) - len(hooks),
        ),
        "apprise": Seen(
            Counter(_model(one) for one in receivers.texts if "resolved on" not in one),
            Counter(_model(one) for one in receivers.texts if "resolved on" in one),
            0,
        ),
    }


def _model(text: str) -> str:
    """The model of a headline, such as "P1 m7: feature drift"."""
    return text.partition(":")[0].split()[-1]


def record(ledger: Ledger, channels: Channels, clock: Clock, incidents: int) -> None:
    """Every incident opens on one day and ends on the next."""
    for number in range(incidents):
        spec = ModelSpec(
            name=f"m{number}", owner="team:risk", task="binary",
            predictions=Predictions(path="{day}.parquet"), channels=channels,
        )  # fmt: skip
        found = Finding(
            spec.name, DAY, FindingKind.FEATURE_DRIFT, "income", Severity.P1, "PSI 0.31", "drift"
        )
        ledger.record_day(spec, DAY, [found], now=clock())
        ledger.record_day(spec, DAY + timedelta(days=1), [], now=clock())


def deliver(send: Callable[[], Any], ledger: Ledger, clock: Clock) -> int:
    """Drain until nothing waits; returns how many drains that took."""
    for number in range(1, 1_000_000):
        send()
        clock.now += GRACE
        waiting = ledger.deliveries.waiting(clock())
        if not waiting.pending + waiting.claimed:
            return number
    return 0


def run(incidents: int, rate: float, seed: int) -> tuple[dict[str, Seen], int, int]:
    """Deliver so many incidents while a share *rate* of requests fails."""
    clock, fate = Clock(), random.Random(seed)

    def failing(faults: list[Any]) -> Callable[[str], Any]:
        return lambda _: fate.choice(faults) if fate.random() < rate else None

    with (
        tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as home,
        FakeSlack(clock=clock, history_lag_seconds=LAG_SECONDS) as slack,
        FakeReceivers(clock=clock) as receivers,
        FakeSmtp() as mail,
        patch.object(sender, "TIMEOUT_SECONDS", PATIENCE_SECONDS),
    ):
        slack.fault, receivers.fault, mail.fault = map(failing, (SLACK, HTTP, MAIL))
        urls = {"apprise": "APPRISE_TEAM"} if find_spec("apprise") else {}
        channels = Channels.model_validate(
            {"slack": "#ml-alerts", "email": ["ann@example.org"], "clear_after_days": 1}
            | receivers.channels
            | urls
        )
        environment = {"SLACK_BOT_TOKEN": TOKEN, "SLACK_API_URL": slack.base_url}
        environment |= receivers.environment | mail.environment
        ledger = Ledger(f"sqlite:///{home}/ledger.db")
        record(ledger, channels, clock, incidents)

        def send() -> None:
            drain(
                ledger, links=LINKS, outbox=Path(home), environment=environment, clock=clock,
                sleep=lambda seconds: None, max_messages=1_000,
            )  # fmt: skip

        drains = deliver(send, ledger, clock)
        dead = ledger.deliveries.waiting(clock()).dead
        found = seen(slack, receivers, mail)
        if not urls:
            found.pop("apprise")
        return found, drains, dead


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--incidents", type=int, default=2_000)
    parser.add_argument("--rate", type=float, default=0.2, help="Share of requests that fail.")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    begun = time.monotonic()
    found, drains, dead = run(asked.incidents, asked.rate, asked.seed)
    title = f"{asked.incidents:,} incidents, {asked.rate:.0%} of requests fail, {drains:,} drains"
    table = Table(title=title)
    for name in ("channel", "incidents", "roots", "ends", "lost", "doubled", "repeated"):
        table.add_column(name, justify="left" if name == "channel" else "right")
    is_good = dead == 0
    for channel, one in found.items():
        lost = 2 * asked.incidents - len(one.openings) - len(one.ends)
        doubled = one.openings.total() - len(one.openings)
        is_good &= lost == 0 and (doubled == 0 or channel in MAY_DOUBLE)
        numbers = (asked.incidents, one.openings.total(), one.ends.total(), lost, doubled)
        table.add_row(channel, *(f"{number:,}" for number in (*numbers, one.repeated)))
    Console().print(table)
    print(f"{dead} dead letters, {time.monotonic() - begun:.0f} s")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
