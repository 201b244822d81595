"""Back to the version that served before."""

from datetime import UTC, datetime

from monitoring_dagster.decisions.findings import FindingKind
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.integrations.ledger import Promotion
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.report.messages import Announcement


class NothingToRollBack(MonitoringError):
    """No version served before the champion."""


def roll_back(monitor: Monitor, *, reason: str, by: str) -> str:
    """Promote the champion's predecessor, in the ledger first; returns what was done in words.

    Raises
    ------
    NothingToRollBack
    """
    promotions = monitor.ledger.promotions(monitor.name)
    if not promotions or promotions[-1].previous is None:
        message = f"no version of {monitor.name!r} served before the present one"
        raise NothingToRollBack(message)
    now = datetime.now(UTC)
    bad, good = promotions[-1].version, promotions[-1].previous
    monitor.registry.describe(monitor.spec.mlflow_name, good)  # it must still be there
    monitor.ledger.record_promotion(Promotion(monitor.name, good, bad, reason, by, now))
    monitor.registry.set_champion(monitor.spec.mlflow_name, good)
    words = f"version {good} serves again in place of version {bad}: {reason}"
    monitor.ledger.announce(
        monitor.spec,
        Announcement(
            model=monitor.name,
            registered_model=monitor.spec.mlflow_name,
            owner=monitor.spec.owner,
            kind=FindingKind.RETRAINING,
            day=now.date(),
            title=f"Rolled back to version {good} by {by}",
            words=words,
            version=good,
        ),
        key=f"rollback/{bad}/{good}/{now.isoformat()}",
        now=now,
    )
    return words
