"""What is wrong with the model, as known at the end of this day?"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from monitoring_dagster.decisions.findings import Finding, FindingKind, Severity
from monitoring_dagster.pipeline import drift_findings, multivariate, outcomes, profile
from monitoring_dagster.pipeline.contract import STEP as CONTRACT
from monitoring_dagster.pipeline.evaluation import breaches, evaluate
from monitoring_dagster.pipeline.findings import findings_table, stored_findings
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.reference import reference_of
from monitoring_dagster.pipeline.step import StepReport

STEP = "verdict"
_LOOK_BACK_DAYS = 7  # how far behind the newest maturing day an evaluated day may lie
_BREACHES, _OF_DAYS = 3, 5  # where the model has no retraining policy that says otherwise
_OF_FILES = {
    FindingKind.MISSING_DAY,
    FindingKind.EMPTY_DAY,
    FindingKind.UNREADABLE_DATA,
}
_OF_ROWS = {
    FindingKind.SCHEMA_BREACH,
    FindingKind.LOW_VOLUME,
    FindingKind.SERVICE_ERRORS,
    FindingKind.SLOW_SERVICE,
    FindingKind.UNKNOWN_VERSION,
    FindingKind.VERSION_METADATA,
    FindingKind.IMPORTANCE_SHIFT,
    FindingKind.PREDICTION_DRIFT,
    FindingKind.FEATURE_DRIFT,
}
_OF_LABELS = {FindingKind.LATE_LABELS, FindingKind.ORPHAN_LABELS}


def run(monitor: Monitor, day: date) -> StepReport:
    """Collect the day's findings, move its incidents on, and queue what people must be told."""
    found = [
        *stored_findings(monitor, CONTRACT, day),
        *profile.findings_of(monitor, day),
        *drift_findings.findings_of(monitor, day),
    ]
    judged = set(_OF_FILES)
    if profile.service_of(monitor, day).get("rows"):
        judged |= _OF_ROWS
    week = multivariate.findings_of(monitor, day)
    if week is not None:
        found += week
        judged.add(FindingKind.MULTIVARIATE_DRIFT)
    if monitor.spec.labels:
        recent = recent_breaches(monitor, day)
        found += outcomes.findings_of(monitor, day)
        found += _performance(monitor, day, recent)
        judged |= _OF_LABELS | ({FindingKind.PERFORMANCE_DROP} if recent else set())
    found.sort(key=lambda one: (one.severity, one.kind is not FindingKind.PREDICTION_DRIFT))
    monitor.results.write(monitor.name, STEP, day, findings_table(found))
    incidents = monitor.ledger.record_day(
        monitor.spec,
        day,
        found,
        now=morning_after(day),
        judged=judged,
        run_id=_run_of_champion(monitor, day),
    )
    still_open = [one for one in incidents if one.closed_on is None]
    return StepReport(
        numbers={"findings": len(found), "open_incidents": len(still_open)},
        words={"worst": str(min((one.severity for one in found), default="none"))},
        table=[
            {"severity": str(one.severity), "kind": str(one.kind), "subject": one.subject,
             "words": one.words}
            for one in found[:20]
        ],
    )  # fmt: skip


def recent_breaches(monitor: Monitor, day: date) -> dict[date, dict[str, str]]:
    """The newest prediction days with a verdict on quality, as known on *day*, with what was
    worse than tolerated on each."""
    labels, policy = monitor.spec.labels, monitor.spec.retraining
    found: dict[date, dict[str, str]] = {}
    if labels is None:
        return found
    wanted = policy.of_days if policy else _OF_DAYS
    for lag in range(labels.mature_after_days + _LOOK_BACK_DAYS):
        if len(found) == wanted:
            break
        evaluation = evaluate(monitor, day - timedelta(days=lag), as_of=day)
        if evaluation.judged:
            found[evaluation.day] = breaches(monitor, evaluation)
    return found


def newest_quality(monitor: Monitor, day: date) -> dict[str, float]:
    """The judged metrics of the newest evaluated day, as known on *day*, by version."""
    found = recent_breaches(monitor, day)
    if not found:
        return {}
    evaluation = evaluate(monitor, max(found), as_of=day)
    return {
        f"{name}, version {group.version}": metrics[name].value
        for group, metrics in evaluation.metrics.items()
        for name in monitor.spec.tolerances
        if not group.segment and name in metrics
    }


def _run_of_champion(monitor: Monitor, day: date) -> str | None:
    """The MLflow run of the newest version that served on *day*."""
    versions = profile.service_of(monitor, day).get("versions", {})
    known = [one for one in (reference_of(monitor, name) for name in versions) if one]
    return max(known, key=lambda one: int(one.version)).run_id if known else None


def morning_after(day: date) -> datetime:
    """When a day is judged: 06:00 UTC on the next one."""
    return datetime.combine(day + timedelta(days=1), time(6), UTC)


def _performance(
    monitor: Monitor, day: date, recent: Mapping[date, Mapping[str, str]]
) -> list[Finding]:
    """A metric is told when it was worse than tolerated on several of the last evaluated days."""
    policy = monitor.spec.retraining
    needed = policy.breaches if policy else _BREACHES
    found = []
    for metric in monitor.spec.tolerances:
        worse = {served: said[metric] for served, said in recent.items() if metric in said}
        if len(worse) >= needed:
            newest = max(worse)
            found.append(
                Finding(
                    model=monitor.name,
                    day=day,
                    kind=FindingKind.PERFORMANCE_DROP,
                    subject=metric,
                    severity=Severity.P1,
                    words=f"{worse[newest]} (on {newest}; {len(worse)} of the last {len(recent)}"
                    " evaluated days were as bad)",
                    step=STEP,
                )
            )
    return found
