"""Is anything wrong with a model, or with telling people about it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from monitoring_dagster.pipeline import drift, profile
from monitoring_dagster.pipeline.fallback import words_of
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.quality import newest_quality
from monitoring_dagster.pipeline.verdict import STEP as VERDICT
from monitoring_dagster.stats.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Status:
    """One model at a glance."""

    model: str
    healthy: bool
    judged_until: str | None
    champion: str | None
    fallback: str | None  # since when it is on, and by whom
    incidents: tuple[str, ...]
    undelivered: int
    metrics: Mapping[str, Mapping[str, float] | str]  # by family; MISSING where there is no data
    words: str


MISSING = "MISSING"


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
    switch = monitor.ledger.fallback(monitor.name)
    fallback = words_of(switch) if switch and switch.on else None
    parts = [
        f"{monitor.name}: judged until {judged[-1] if judged else 'never'}",
        f"version {champion or '?'} serves",
        *([f"fallback {fallback}"] if fallback else []),
        "; ".join(incidents) or "no open incident",
    ]
    if waiting.dead:
        parts.append(
            f"{waiting.dead} messages could not be delivered:"
            f" {waiting.last_error}; mend that, then: monitoring-dagster resend"
        )
    return Status(
        model=monitor.name,
        healthy=not incidents and not waiting.dead and bool(judged),
        judged_until=str(judged[-1]) if judged else None,
        champion=champion,
        fallback=fallback,
        incidents=incidents,
        undelivered=waiting.dead,
        metrics=_families(monitor, judged[-1]) if judged else {},
        words=", ".join(parts),
    )


def _families(monitor: Monitor, day: date) -> dict[str, Mapping[str, float] | str]:
    """The newest numbers of each family of metrics: a family without data is named all the same."""
    service = profile.service_of(monitor, day)
    drift_table = monitor.results.read(monitor.name, drift.STEP, day)
    quality = newest_quality(monitor, day)
    families: dict[str, Mapping[str, float]] = {
        "model": quality,
        "data": {
            "columns_drifted": sum(
                verdict == Verdict.DRIFT and not segment
                for verdict, segment in zip(
                    drift_table["verdict"].to_pylist(),
                    drift_table["segment"].to_pylist(),
                    strict=True,
                )
            )
        }
        if drift_table is not None and drift_table.num_rows
        else {},
        "service": {"rows": service["rows"], "error_rate": service["error_rate"]}
        if service.get("rows")
        else {},
        "infra": {},
    }
    return {name: found or MISSING for name, found in families.items()}
