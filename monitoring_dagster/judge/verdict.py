"""What is wrong with the model, as known at the end of this day?"""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from monitoring_dagster.decide.diagnosis.causes import Diagnosis
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.judge import judge_day
from monitoring_dagster.decide.judging.own_rules import why_unjudged
from monitoring_dagster.decide.judging.quality.floor_rule import untold_skill
from monitoring_dagster.decide.judging.quality.quality_rules import bars_in, pooled_windows
from monitoring_dagster.decide.judging.quality.version_days import POOLED_SKILL
from monitoring_dagster.decide.rules import judged_with
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.judge.alert_signals import alert_signals
from monitoring_dagster.judge.attributing import attribution_signals, relation_signals
from monitoring_dagster.judge.diagnosing import diagnosis_on
from monitoring_dagster.judge.importance_shift import importance_signals
from monitoring_dagster.judge.judged import latest_judged
from monitoring_dagster.judge.labelling import labelling_signals
from monitoring_dagster.judge.outside import outside_signals
from monitoring_dagster.judge.quality_verdict import accuracy_signals
from monitoring_dagster.judge.revisions import revision_signals
from monitoring_dagster.measure.quality.arrived_labels import feed_signals
from monitoring_dagster.measure.quality.quality_as_known import quality_as_known
from monitoring_dagster.measure.quality.quality_signals import first_champion_signals
from monitoring_dagster.measure.quality.quality_variation import variation_signals
from monitoring_dagster.measure.step import StepReport
from monitoring_dagster.measure.version_gaps import registration_signals
from monitoring_dagster.store.days import seen_files
from monitoring_dagster.store.days.champions import champion_on, traffic_on
from monitoring_dagster.store.days.diagnoses import noted_causes
from monitoring_dagster.store.days.signals import StoredSignals, noted
from monitoring_dagster.store.days.step_findings import (
    POOLED_OVER,
    VERDICT,
    findings_table,
)
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.version_reference import reference_of


class Prepared(NamedTuple):
    """What a day is judged by that no other day's verdict changes."""

    signals: list[Signal]
    files: str  # that the steps have read


def prepare(monitor: Monitor, day: date) -> Prepared:
    """Compute what the verdict on *day* needs and no step of the day could know."""
    files = seen_files.read_by_steps(monitor, day)
    return Prepared([*known_at_the_end(monitor, day)], files)


def run(monitor: Monitor, day: date, prepared: Prepared | None = None) -> StepReport:
    """Judge the day by its signals, move its incidents on, and queue what people must be told."""
    signals, files = prepared or prepare(monitor, day)
    signals = [*signals, *alert_signals(monitor, day)]
    if monitor.spec.labels is not None:
        signals += revision_signals(monitor, day)
    log = StoredSignals(monitor, day, signals)
    traffic = traffic_on(monitor, day)
    judged = judge_day(
        monitor.spec,
        day,
        log,
        traffic=traffic,
        open_incidents=monitor.ledger.open_incidents(monitor.name),
    )
    signals += relation_signals(monitor, day, judged.findings, log, traffic)
    log = StoredSignals(monitor, day, signals)
    diagnosis = diagnosis_on(monitor, day, judged.findings, log, traffic)
    is_history = monitor.is_history(day)
    is_new = not is_history and monitor.results.stamp(monitor.name, VERDICT, day) is None
    incidents = monitor.ledger.record_day(
        monitor.spec,
        day,
        judged.findings,
        now=monitor.judged_at(day),
        judged=judged_with(judged.evidence),
        is_new=is_new,
        run_id=_run_of_champion(monitor, day),
        diagnosis=diagnosis,
        history_at=monitor.house.now() if is_history else None,
    )
    # Last: a day of which the ledger has not heard is new when it is tried again.
    monitor.results.write(
        monitor.name,
        VERDICT,
        day,
        findings_table(judged.findings),
        metadata={
            POOLED_OVER: json.dumps(pooled_windows(monitor.spec)),
            **noted_causes(diagnosis),
            **noted(signals),
        },
    )
    seen_files.keep(monitor, VERDICT, day, files)
    still_open = [one for one in incidents if one.closed_on is None]
    return _report(monitor, day, judged.findings, diagnosis, len(still_open), log)


def known_at_the_end(monitor: Monitor, day: date) -> Iterator[Signal]:
    """What no step of the day could know: it rests on labels, on other days, or on the registry.

    But for what was found and told on other days (`revision_signals`, `alert_signals`), which the
    verdict itself asks for.
    """
    yield from registration_signals(monitor, day)
    yield from importance_signals(monitor, day)
    if monitor.spec.labels is not None:
        yield from feed_signals(monitor, day)
        yield from labelling_signals(monitor, day)
    quality = quality_as_known(monitor, day)
    yield from quality
    yield from variation_signals(monitor, day, quality)
    yield from attribution_signals(monitor, day, quality)
    yield from first_champion_signals(monitor, day)
    yield from accuracy_signals(monitor, day)
    yield from outside_signals(monitor, day)


def _report(
    monitor: Monitor,
    day: date,
    found: list[Finding],
    diagnosis: Diagnosis,
    open_incidents: int,
    log: StoredSignals,
) -> StepReport:
    words = {"worst": str(min((one.severity for one in found), default="none"))}
    words |= {f"likely cause {place}": one.words for place, one in enumerate(diagnosis.causes, 1)}
    words |= {str(part): one.words for part, one in latest_judged(monitor, day).items()}
    own = monitor.spec.rules.own
    today = log.on(day)
    words |= dict(_without_floor(monitor, today))
    words |= {
        f"own rule {name}": f"not judged: {why}"
        for name, rule in own.items()
        if (why := why_unjudged(rule, today))
    }
    return StepReport(
        numbers={"findings": len(found), "open_incidents": open_incidents},
        words=words,
        table=[
            {"severity": str(one.severity), "kind": str(one.kind), "subject": one.subject,
             "words": one.words}
            for one in found[:20]
        ],
    )  # fmt: skip


def _without_floor(monitor: Monitor, today: Sequence[Signal]) -> Iterator[tuple[str, str]]:
    """The metrics that are not held against a constant, and why."""
    bars = bars_in(today)
    names = dict.fromkeys((one.name, one.version) for one in bars)
    for metric in monitor.spec.tolerances:
        for name, version in names:
            if name == f"{POOLED_SKILL}.{metric}" and (why := untold_skill(bars, version, metric)):
                yield f"floor of {metric}, version {version}", f"not judged: {why}"


def _run_of_champion(monitor: Monitor, day: date) -> str | None:
    """The MLflow run of the version that was champion on *day*."""
    champion = champion_on(monitor, day)
    reference = reference_of(monitor, champion) if champion else None
    return reference.run_id if reference else None
