"""Send what the ledger holds, and put into it what nobody else would tell."""

import time
from datetime import UTC, datetime

from monitoring_dagster.decisions.findings import FindingKind
from monitoring_dagster.integrations.slack import Delivered, drain
from monitoring_dagster.pipeline.monitor import House, Monitor
from monitoring_dagster.report.messages import Announcement


def send(house: House, *, token: str | None) -> Delivered:
    """Send what waits, of the whole project, once."""
    return drain(
        house.ledger,
        links=house.links,
        outbox=house.outbox,
        token=token or None,
        clock=lambda: datetime.now(UTC),
        sleep=time.sleep,
    )


def note_failed_run(monitor: Monitor, *, run_id: str, words: str) -> None:
    """A failed run is told once, in a thread of its own."""
    now = datetime.now(UTC)
    monitor.ledger.announce(
        monitor.spec,
        Announcement(
            model=monitor.name,
            registered_model=monitor.spec.mlflow_name,
            owner=monitor.spec.owner,
            kind=FindingKind.FAILED_RUN,
            day=now.date(),
            title=f"A run of {monitor.name} failed",
            words=f"run {run_id}: {words}",
        ),
        key=f"failed_run/{run_id}",
        now=now,
    )
