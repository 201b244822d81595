"""Which version serves: forward, back, and in step with what MLflow says."""

from datetime import UTC, datetime
from typing import Self

from monitoring_dagster.decisions.findings import FindingKind
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.integrations.ledger import PromotedMeanwhile, Promotion
from monitoring_dagster.pipeline.alerts import announce
from monitoring_dagster.pipeline.monitor import Monitor


class NothingToRollBack(MonitoringError):
    """No version served before the champion."""

    @classmethod
    def of(cls, model: str) -> Self:
        return cls(
            f"no version of {model!r} served before the present one:"
            f" monitoring-dagster retrain {model}, or promote another one"
        )


def promote(
    monitor: Monitor, version: str, *, previous: str | None, reason: str, by: str, at: datetime
) -> None:
    """Make *version* the champion: first in MLflow, which the service asks, then in the ledger.

    A crash between the two leaves a champion that the ledger does not know yet, as a person does
    who moves the alias by hand: `adopt_champion` writes either down.

    Raises
    ------
    PromotedMeanwhile
        Neither *previous* nor *version* serves any more.
    """
    serving = monitor.registry.champion(monitor.spec.mlflow_name)
    if serving not in (previous, version):
        raise PromotedMeanwhile.of(monitor.name, expected=previous, found=serving or "none")
    monitor.registry.set_champion(monitor.spec.mlflow_name, version)
    monitor.ledger.record_promotion(Promotion(monitor.name, version, previous, reason, by, at))


def adopt_champion(monitor: Monitor, *, at: datetime) -> None:
    """Write a champion down that MLflow knows and the ledger does not."""
    champion = monitor.registry.champion(monitor.spec.mlflow_name)
    promotions = monitor.ledger.promotions(monitor.name)
    previous = promotions[-1].version if promotions else None
    if champion is not None and champion != previous:
        reason = "the alias champion was moved in MLflow"
        monitor.ledger.record_promotion(
            Promotion(monitor.name, champion, previous, reason, "MLflow", at)
        )


def predecessor(monitor: Monitor) -> str | None:
    """The version whose place the champion first took: rolling back twice goes back twice."""
    promotions = monitor.ledger.promotions(monitor.name)
    now = promotions[-1].version if promotions else None
    return next((one.previous for one in promotions if one.version == now), None)


def roll_back(monitor: Monitor, *, reason: str, by: str) -> str:
    """Promote the champion's predecessor; returns what was done in words.

    Raises
    ------
    NothingToRollBack
    """
    now = datetime.now(UTC)
    adopt_champion(monitor, at=now)
    good = predecessor(monitor)
    if good is None:
        raise NothingToRollBack.of(monitor.name)
    bad = monitor.ledger.promotions(monitor.name)[-1].version
    promote(monitor, good, previous=bad, reason=reason, by=by, at=now)
    words = f"version {good} serves again in place of version {bad}: {reason}"
    announce(
        monitor,
        FindingKind.RETRAINING,
        key=f"rollback/{bad}/{good}/{now.isoformat()}",
        day=now.date(),
        title=f"Rolled back to version {good} by {by}",
        words=words,
        at=now,
        version=good,
    )
    return words
