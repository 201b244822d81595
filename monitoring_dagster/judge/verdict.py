"""What is wrong with the model, as known at the end of this day?"""

from collections.abc import Sequence
from datetime import date

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judgement import limit_findings
from monitoring_dagster.decide.rules import Evidence, judged_with
from monitoring_dagster.decide.rules_in_force import as_asked
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.judge import (
    drift_findings,
    labelling,
    own_rules,
    revisions,
)
from monitoring_dagster.judge.judged import evidence_of, latest_judged
from monitoring_dagster.judge.quality_verdict import accuracy_signals, quality_findings
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.measure import profiling
from monitoring_dagster.measure.drift import multivariate
from monitoring_dagster.measure.quality import arrived_labels
from monitoring_dagster.measure.quality.quality_as_known import quality_as_known
from monitoring_dagster.measure.step import StepReport
from monitoring_dagster.store.days import seen_files
from monitoring_dagster.store.days.champions import champion_on
from monitoring_dagster.store.days.signals import limited_signals, noted
from monitoring_dagster.store.days.step_findings import VERDICT, findings_table, stored_findings
from monitoring_dagster.store.days.usable_rows import CONTRACT
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.version_reference import reference_of


def run(monitor: Monitor, day: date) -> StepReport:
    """Collect the day's findings, move its incidents on, and queue what people must be told."""
    signals = [
        *quality_as_known(monitor, day),
        *accuracy_signals(monitor, day),
        *own_rules.outside_signals(monitor, day),
    ]
    found, evidence = _found(monitor, day, signals)
    found = as_asked(found, monitor.spec.rules.alerts)
    found = drift_findings.within_budget(
        monitor.spec, day, found, lambda one: stored_findings(monitor, VERDICT, one)
    )
    found.sort(key=lambda one: (one.severity, one.kind is not FindingKind.PREDICTION_DRIFT))
    is_history = monitor.is_history(day)
    is_new = not is_history and monitor.results.stamp(monitor.name, VERDICT, day) is None
    incidents = monitor.ledger.record_day(
        monitor.spec,
        day,
        found,
        now=monitor.judged_at(day),
        judged=judged_with(evidence),
        is_new=is_new,
        run_id=_run_of_champion(monitor, day),
        history_at=monitor.house.now() if is_history else None,
    )
    # Last: a day of which the ledger has not heard is new when it is tried again.
    monitor.results.write(
        monitor.name, VERDICT, day, findings_table(found), metadata=noted(signals)
    )
    seen_files.keep_judged(monitor, day)
    still_open = [one for one in incidents if one.closed_on is None]
    return StepReport(
        numbers={"findings": len(found), "open_incidents": len(still_open)},
        words={"worst": str(min((one.severity for one in found), default="none"))}
        | {str(part): one.words for part, one in latest_judged(monitor, day).items()},
        table=[
            {"severity": str(one.severity), "kind": str(one.kind), "subject": one.subject,
             "words": one.words}
            for one in found[:20]
        ],
    )  # fmt: skip


def _found(
    monitor: Monitor, day: date, signals: Sequence[Signal]
) -> tuple[list[Finding], set[Evidence]]:
    """What is wrong by every rule, and what there was to judge by; *signals* are the verdict's."""
    found = [
        *stored_findings(monitor, CONTRACT, day),
        *profiling.findings_of(monitor, day),
        *limit_findings(monitor.spec, day, limited_signals(monitor, day)),
        *drift_findings.findings_of(monitor, day),
        *quality_findings(monitor, day, signals),
    ]
    evidence = evidence_of(monitor, day)
    week = multivariate.findings_of(monitor, day)
    if week is not None:
        found += week
        evidence.add(Evidence.WEEK)
    if monitor.spec.labels:
        found += arrived_labels.findings_of(monitor, day)
        found += labelling.findings_of(monitor, day)
        found += revisions.findings_of(monitor, day)
        evidence.add(Evidence.LABELS)
    if any(one.name.startswith("quality.") for one in signals):
        evidence.add(Evidence.QUALITY)
    judgements = own_rules.judged(monitor, day, signals)
    if judgements and own_rules.can_clear(monitor, judgements):
        evidence.add(Evidence.OWN)
    if judgements:
        found += own_rules.findings_of(monitor.spec, day, judgements)
    return found, evidence


def _run_of_champion(monitor: Monitor, day: date) -> str | None:
    """The MLflow run of the version that was champion on *day*."""
    champion = champion_on(monitor, day)
    reference = reference_of(monitor, champion) if champion else None
    return reference.run_id if reference else None
