"""A queue, a clock and a model that tests of delivery share."""

from datetime import UTC, date, datetime, timedelta

from monitoring_dagster.act.notify.drain import drain
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.report.events import Announcement
from monitoring_dagster.report.links import Links
from monitoring_dagster.spec import Channels, ModelSpec, Predictions
from tests.fake_slack import TOKEN

DAY = date(2026, 1, 5)
LINKS = Links("http://127.0.0.1:3000", "http://127.0.0.1:5000", "https://wiki.example.org")


def spec(name="credit", channel="#ml-alerts", **channels):
    receivers = channels or {"slack": channel}
    return ModelSpec(
        name=name,
        owner="team:risk",
        task="binary",
        predictions=Predictions(path="{day}.parquet"),
        channels=Channels(clear_after_days=1, **receivers),
    )


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self):
        self.moment = datetime(2026, 1, 6, 12, tzinfo=UTC)

    def __call__(self):
        return self.moment

    def sleep(self, seconds):
        self.moment += timedelta(seconds=seconds)


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


def note():
    return Announcement(
        "credit", "credit", "team:risk", FindingKind.RETRAINING, DAY, "version 2 serves", "It won."
    )


def with_slack(slack, token=TOKEN):
    """The environment of a project that sends to *slack*."""
    return {"SLACK_BOT_TOKEN": token, "SLACK_API_URL": slack.base_url}


def drained(ledger, clock, folder, environment, **more):
    """One drain of the queue."""
    return drain(
        ledger,
        links=LINKS,
        outbox=folder / "outbox",
        environment=environment,
        clock=clock,
        sleep=clock.sleep,
        **more,
    )
