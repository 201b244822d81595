"""Is anything wrong with a model, or with telling people about it?"""

from dataclasses import dataclass
from datetime import UTC, datetime

from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.verdict import STEP as VERDICT


@dataclass(frozen=True, slots=True)
class Status:
    """One model at a glance."""

    model: str
    healthy: bool
    judged_until: str | None
    champion: str | None
    incidents: tuple[str, ...]
    undelivered: int
    words: str


def status_of(monitor: Monitor) -> Status:
    """Open incidents, messages that did not arrive, and who serves by the ledger."""
    judged = monitor.results.days(monitor.name, VERDICT)
    incidents = tuple(
        f"{one.severity} {one.kind} since {one.opened_on}"
        for one in monitor.ledger.open_incidents(monitor.name)
    )
    waiting = monitor.ledger.deliveries.waiting(datetime.now(UTC))
    promotions = monitor.ledger.promotions(monitor.name)
    champion = promotions[-1].version if promotions else None
    parts = [
        f"{monitor.name}: judged until {judged[-1] if judged else 'never'}",
        f"version {champion or '?'} serves",
        "; ".join(incidents) or "no open incident",
    ]
    if waiting.dead:
        parts.append(f"{waiting.dead} messages could not be delivered: {waiting.last_error}")
    return Status(
        model=monitor.name,
        healthy=not incidents and not waiting.dead and bool(judged),
        judged_until=str(judged[-1]) if judged else None,
        champion=champion,
        incidents=incidents,
        undelivered=waiting.dead,
        words=", ".join(parts),
    )
