"""Send what the ledger holds, and put into it what nobody else would tell."""

import time
from datetime import UTC, date, datetime

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


def announce(
    monitor: Monitor,
    kind: FindingKind,
    *,
    key: str,
    day: date,
    title: str,
    words: str,
    at: datetime,
    version: str | None = None,
) -> bool:
    """Tell something in a thread of its own, once for each *key*; False if it was told before."""
    spec = monitor.spec
    described = monitor.registry.describe(spec.mlflow_name, version) if version else None
    return monitor.ledger.announce(
        spec,
        Announcement(
            model=spec.name,
            registered_model=spec.mlflow_name,
            owner=spec.owner,
            kind=kind,
            day=day,
            title=title,
            words=words,
            version=version,
            run_id=described.run_id if described else None,
        ),
        key=key,
        now=at,
    )


def note_failed_run(monitor: Monitor, *, run_id: str, words: str) -> None:
    """A failed run is told once, however often somebody notices it."""
    now = datetime.now(UTC)
    announce(
        monitor,
        FindingKind.FAILED_RUN,
        key=f"failed_run/{run_id}",
        day=now.date(),
        title=f"A run of {monitor.name} failed",
        words=f"run {run_id}: {words}",
        at=now,
    )
