"""What nobody else would tell goes into the ledger: digests, announcements, failed runs."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from monitoring_dagster.errors import without_secrets
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.report.events import Announcement
from monitoring_dagster.store.monitor import Monitor

_A_RUN_IS_OVER = timedelta(hours=1)  # without a new turn: it told its digest, or died


def tell_at_end(monitor: Monitor, days: Collection[date]) -> None:
    """One digest of what incidents did on those of a run's *days* that are long over, if anything.

    A run that died before left its turns in the ledger; the next one tells them.
    """
    past = {day for day in days if monitor.is_history(day)}
    if past:
        monitor.ledger.announce_history(monitor.spec, past, now=monitor.house.now())


def tell_left_behind(monitor: Monitor) -> None:
    """The digest of a run that died before it could tell it, once that run must be over."""
    now = monitor.house.now()
    monitor.ledger.announce_history(monitor.spec, now=now, quiet_since=now - _A_RUN_IS_OVER)


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
    dagster_run: str | None = None,
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
            at=at,
            dagster_run=dagster_run,
        ),
        key=key,
        now=at,
    )


def note_failed_run(monitor: Monitor, *, run_id: str, words: str) -> None:
    """A failed run is told once, however often somebody notices it."""
    _note(monitor, key=f"failed_run/{run_id}", words=f"run {run_id}: {words}", run_id=run_id)


def note_failed_days(monitor: Monitor, *, words: str, run_id: str) -> None:
    """Days that cannot be judged are told once, however many runs try them again."""
    _note(monitor, key=f"failed_days/{words}", words=words, run_id=run_id)


def _note(monitor: Monitor, *, key: str, words: str, run_id: str) -> None:
    now = monitor.house.now()
    announce(
        monitor,
        FindingKind.FAILED_RUN,
        key=key,
        day=now.date(),
        title=f"A run of {monitor.name} failed",
        words=without_secrets(words),
        at=now,
        dagster_run=run_id,
    )
