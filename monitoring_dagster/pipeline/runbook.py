"""The on-call steps of one model, each answered from what is stored."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from monitoring_dagster.decisions.findings import Finding, FindingKind
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.integrations.rows import days_available
from monitoring_dagster.pipeline import drift_findings, profile
from monitoring_dagster.pipeline.contract import STEP as CONTRACT
from monitoring_dagster.pipeline.findings import stored_findings
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.outcomes import are_due
from monitoring_dagster.pipeline.promotion import predecessor
from monitoring_dagster.pipeline.verdict import STEP as VERDICT

OK, FAIL, UNKNOWN = "OK", "FAIL", "UNKNOWN"
_RECENT_DAYS = 7
_SERVICE = {FindingKind.SERVICE_ERRORS, FindingKind.SLOW_SERVICE, FindingKind.LOW_VOLUME}


@dataclass(frozen=True, slots=True)
class Answer:
    """One step of the runbook and what the data says about it."""

    title: str
    state: str  # OK, FAIL or UNKNOWN
    evidence: str


def walk(monitor: Monitor, *, today: date) -> list[Answer]:
    """The eight steps of `runbooks/on_call.md` for the last judged day."""
    judged = monitor.results.days(monitor.name, VERDICT)
    if not judged:
        return [Answer("Is the model monitored at all?", FAIL, "no day was judged yet")]
    day = judged[-1]
    service = profile.findings_of(monitor, day)
    return [
        _of("Service health", [one for one in service if one.kind in _SERVICE], day,
            _service(monitor, day)),
        _of("Prediction distribution",
            [one for one in drift_findings.findings_of(monitor, day)
             if one.kind is FindingKind.PREDICTION_DRIFT], day, "as in the reference"),
        _of("Input data quality", stored_findings(monitor, CONTRACT, day), day,
            "ranges, nulls and schema keep the contract"),
        _upstream(monitor, today),
        _versions(monitor, day, service),
        _freshness(monitor, day),
        _rollback(monitor, day),
        _fallback(monitor),
    ]  # fmt: skip


def _of(title: str, found: Iterable[Finding], day: date, fine: str) -> Answer:
    words = "; ".join(one.words for one in found)
    return Answer(title, FAIL if words else OK, f"{day}: {words or fine}")


def _service(monitor: Monitor, day: date) -> str:
    service = profile.service_of(monitor, day)
    if not service.get("rows"):
        return "no rows"
    return f"{service['rows']:,} requests, {service['error_rate']:.2%} failed"


def _upstream(monitor: Monitor, today: date) -> Answer:
    """Fresh data flows when yesterday's files are there."""
    sources = {"predictions": monitor.spec.predictions, "labels": monitor.spec.labels}
    said, late = [], False
    for name, source in sources.items():
        if source is None:
            continue
        if name == "labels" and not are_due(monitor, today - timedelta(days=1)):
            said.append("labels: none is due yet")
            continue
        try:
            days = days_available(source, root=monitor.root)
        except MonitoringError as error:
            said.append(f"{name}: {error}")
            late = True
            continue
        newest = days[-1] if days else None
        age = (today - newest).days if newest else None
        late |= age is None or age > 1
        said.append(f"{name} until {newest} ({age} days old)" if newest else f"{name}: none")
    return Answer("Upstream pipelines", FAIL if late else OK, ", ".join(said))


def _versions(monitor: Monitor, day: date, service: list[Finding]) -> Answer:
    unknown = [one.words for one in service if one.kind is FindingKind.UNKNOWN_VERSION]
    since = datetime.combine(day - timedelta(days=_RECENT_DAYS), time(), tzinfo=None)
    moves = [
        f"version {one.version} since {one.at:%Y-%m-%d} ({one.by})"
        for one in monitor.ledger.promotions(monitor.name)
        if one.at.replace(tzinfo=None) >= since
    ]
    evidence = "; ".join(unknown + moves) or f"no change of version in {_RECENT_DAYS} days"
    return Answer("Model version", FAIL if unknown or moves else OK, evidence)


def _freshness(monitor: Monitor, day: date) -> Answer:
    """Stale features look alike: a column whose spread collapsed or that went missing."""
    stale = [
        one.words for one in drift_findings.findings_of(monitor, day)
        if one.kind is FindingKind.FEATURE_DRIFT and ("missing" in one.words)
    ]  # fmt: skip
    if stale:
        return Answer("Feature freshness", FAIL, "; ".join(stale))
    return Answer("Feature freshness", OK, "no feature has newly gone missing")


def _rollback(monitor: Monitor, day: date) -> Answer:
    open_kinds = {one.kind for one in monitor.ledger.open_incidents(monitor.name)}
    if FindingKind.PERFORMANCE_DROP not in open_kinds:
        return Answer("Degradation", OK, "quality is within what registration promised")
    previous = predecessor(monitor)
    way = (
        f"monitoring-dagster rollback {monitor.name} --reason … brings back version {previous}"
        if previous
        else "no earlier version to go back to: retrain"
    )
    return Answer("Degradation", FAIL, f"performance_drop is open on {day}; {way}")


def _fallback(monitor: Monitor) -> Answer:
    now = monitor.ledger.fallback(monitor.name)
    if now is None or not now.on:
        return Answer("Fallback", OK, "off; for a broken pipeline: monitoring-dagster fallback"
                      f" {monitor.name} on")  # fmt: skip
    return Answer("Fallback", FAIL, f"on since {now.at:%Y-%m-%d %H:%M} by {now.by}")
