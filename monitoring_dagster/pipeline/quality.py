"""What is wrong with the model's quality, as known at the end of a day?"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from monitoring_dagster.decisions.findings import Finding, FindingKind, Severity
from monitoring_dagster.integrations.labels import labels_of
from monitoring_dagster.pipeline import estimate
from monitoring_dagster.pipeline.arrivals import labelled_by
from monitoring_dagster.pipeline.evaluation import STEP, Evaluation, breaches, evaluate
from monitoring_dagster.pipeline.metrics import higher_is_better, metrics_of
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.profile import profiles_of
from monitoring_dagster.pipeline.reference import Reference, reference_of
from monitoring_dagster.pipeline.track_record import track_record
from monitoring_dagster.stats.estimate_record import Trust
from monitoring_dagster.stats.miscalibration import CalibrationDrift, miscalibrated
from monitoring_dagster.stats.outcomes import Outcomes
from monitoring_dagster.stats.profile import Group
from monitoring_dagster.stats.reliability import RightByScore
from monitoring_dagster.stats.segment_drop import (
    SegmentDrop,
    SegmentMetric,
    SegmentVerdict,
    segment_drops,
)

_ALPHA = 0.01  # of one look, as there is one every day
_LOOK_BACK_DAYS = 7  # how far behind the newest maturing day an evaluated day may lie
_BREACHES, _OF_DAYS = 3, 5  # where the model has no retraining policy that says otherwise
_MIN_GAP = 0.02  # in probability, between score and share of ones


def recent_evaluations(monitor: Monitor, day: date) -> list[Evaluation]:
    """The newest prediction days with a verdict on quality, as known on *day*, newest first."""
    found: list[Evaluation] = []
    if monitor.spec.labels is None:
        return found
    _, wanted = _rule(monitor)
    looked_at = monitor.spec.labels.mature_after_days + _LOOK_BACK_DAYS
    labelled = labelled_by(monitor, day, days=looked_at)
    for lag in range(looked_at):
        if len(found) == wanted:
            break
        served = day - timedelta(days=lag)
        if labelled.get(str(served), 0) < _least(monitor, served):
            continue  # too few for a verdict: most days that are still young
        evaluation = evaluate(monitor, served, as_of=day)
        if evaluation.judged:
            found.append(evaluation)
    return found


def _least(monitor: Monitor, day: date) -> float:
    """Labels without which *day* gets no verdict."""
    profiles = profiles_of(monitor, day)
    rows = sum(one.rows for group, one in profiles.items() if not group.segment)
    return max(rows * labels_of(monitor.spec).min_coverage, 1)


def recent_breaches(monitor: Monitor, day: date) -> dict[date, dict[str, str]]:
    """What was worse than tolerated on each of `recent_evaluations`."""
    return {one.day: breaches(monitor, one) for one in recent_evaluations(monitor, day)}


def newest_quality(monitor: Monitor, day: date) -> dict[str, float]:
    """The judged metrics of the newest evaluated day, as known on *day*, by version."""
    found = recent_evaluations(monitor, day)
    return {
        f"{name}, version {group.version}": metrics[name].value
        for group, metrics in (found[0].metrics.items() if found else ())
        for name in monitor.spec.tolerances
        if not group.segment and name in metrics
    }


def of_labels(monitor: Monitor, day: date, recent: Sequence[Evaluation]) -> list[Finding]:
    """What labels say is wrong with the *recent* evaluated days."""
    worse = {one.day: breaches(monitor, one) for one in recent}
    fallen = list(_performance(monitor, day, worse))
    whole = {one.subject for one in fallen}
    calm = not any(worse.values())
    return [*fallen, *_in_parts(monitor, day, recent, without=whole, calm=calm)]


def _rule(monitor: Monitor) -> tuple[int, int]:
    """On how many of how many days something must be worse to be told."""
    policy = monitor.spec.retraining
    return (policy.breaches, policy.of_days) if policy else (_BREACHES, _OF_DAYS)


def _finding(
    monitor: Monitor, day: date, kind: FindingKind, subject: str, severity: Severity, words: str
) -> Finding:
    step = estimate.STEP if kind is FindingKind.EXPECTED_DROP else STEP
    return Finding(monitor.name, day, kind, subject, severity, words, step)


def _performance(
    monitor: Monitor, day: date, worse: Mapping[date, Mapping[str, str]]
) -> Iterator[Finding]:
    """A metric is told when it was worse than tolerated on several of the last evaluated days."""
    needed, _ = _rule(monitor)
    for metric in monitor.spec.tolerances:
        days = [served for served, said in worse.items() if metric in said]
        if len(days) >= needed:
            newest = max(days)
            words = (
                f"{worse[newest][metric]} (on {newest}; {len(days)} of the last {len(worse)}"
                f" evaluated days were as bad){_foreseen(monitor, days, metric)}"
            )
            yield _finding(monitor, day, FindingKind.PERFORMANCE_DROP, metric, Severity.P1, words)


def _foreseen(monitor: Monitor, days: Sequence[date], metric: str) -> str:
    """Did the inputs let expect it?  Where they did not, the relation itself has changed."""
    estimated = [day for day in days if _estimated(monitor, day, metric)]
    if not estimated:
        return ""
    foreseen = [day for day in estimated if metric in estimate.worse_than_promised(monitor, day)]
    if 2 * len(foreseen) >= len(estimated):
        return "; the inputs let expect it: the rows are harder"
    return (
        "; the inputs did not let expect it: the truth behind the same inputs has changed"
        " (concept drift), or the labels have"
    )


def _estimated(monitor: Monitor, day: date, metric: str) -> bool:
    found = estimate.estimates_of(monitor, day)
    return any(metric in metrics for group, metrics in found.items() if not group.segment)


def of_estimates(monitor: Monitor, day: date) -> Iterator[Finding]:
    """A metric that is expected to be worse than tolerated on several of the last days."""
    needed, of_days = _rule(monitor)
    days = [day - timedelta(days=n) for n in range(of_days)]
    if not (today := estimate.worse_than_promised(monitor, day)):
        return
    worse = [today, *(estimate.worse_than_promised(monitor, one) for one in days[1:])]
    for metric, words in today.items():
        count = sum(1 for said in worse if metric in said)
        if count < needed:
            continue
        severity, trust = Severity.P2, ""
        if monitor.spec.labels is not None:
            record = track_record(monitor, metric, as_of=day)
            severity = Severity.P3 if record.trust is Trust.LOW else severity
            trust = f"; {record.words}"
        yield _finding(
            monitor,
            day,
            FindingKind.EXPECTED_DROP,
            metric,
            severity,
            f"{words} ({count} of the last {of_days} days){trust}",
        )


def _in_parts(
    monitor: Monitor, day: date, recent: Sequence[Evaluation], *, without: set[str], calm: bool
) -> Iterator[Finding]:
    """Segments and calibration, over the *recent* days together: a single one says little."""
    for version in sorted({group.version for one in recent for group in one.outcomes}):
        reference = reference_of(monitor, version)
        if reference is None or not reference.outcomes:
            continue
        pooled: dict[Group, Outcomes] = {}
        for evaluation in recent:
            for group, one in evaluation.outcomes.items():
                if group.version == version:
                    pooled[group] = pooled[group] + one if group in pooled else one
        yield from _segments(monitor, day, reference, pooled, recent, without=without)
        if calm:  # where the whole is worse on some day that is the problem, and one is told
            yield from _calibration(monitor, day, reference, pooled, recent)


def _segments(
    monitor: Monitor,
    day: date,
    reference: Reference,
    pooled: Mapping[Group, Outcomes],
    recent: Sequence[Evaluation],
    *,
    without: set[str],
) -> Iterator[Finding]:
    """Told where all days together show it, and several of them each by itself."""
    spec = monitor.spec
    of_metric: dict[str, list[SegmentMetric]] = {}
    for group, one in pooled.items():
        if not group.segment:
            continue
        before = reference.outcomes.get(group)
        now = metrics_of(spec, one)
        usual = metrics_of(spec, before) if before is not None else {}
        for name, tolerance in spec.tolerances_where(group.segment, group.value).items():
            if name in now and name not in without:
                promise = usual.get(name)
                room = tolerance.around(promise.value) if promise is not None else 0.0
                of_metric.setdefault(name, []).append(
                    SegmentMetric(group.segment, group.value, now[name], promise, room)
                )
    for name, segments in of_metric.items():
        own = spec.definition(name)
        better = None if own is None else own.better
        for drop in segment_drops(segments, metric=name, better=better, alpha=_ALPHA):
            if drop.verdict is SegmentVerdict.WORSE and _lasts(
                monitor, drop, name, reference, recent
            ):
                subject = f"{name} where {drop.of.segment} is {drop.of.value}"
                yield _finding(
                    monitor, day, FindingKind.SEGMENT_DROP, subject, Severity.P2,
                    f"version {reference.version}: {drop.words}",
                )  # fmt: skip


def _lasts(
    monitor: Monitor,
    drop: SegmentDrop,
    name: str,
    reference: Reference,
    recent: Sequence[Evaluation],
) -> bool:
    """Whether several days by themselves were as bad: one storm over one airport is no drop."""
    group = Group(reference.version, drop.of.segment, drop.of.value)
    before = drop.of.before
    days = [one.metrics[group][name] for one in recent if group in one.metrics]
    assert before is not None, "without a baseline there is no verdict"
    up = higher_is_better(monitor.spec, name)
    losses = [before.value - one.value if up else one.value - before.value for one in days]
    if name == "bias":
        losses = [abs(one) for one in losses]
    needed, _ = _rule(monitor)
    return sum(loss >= drop.of.tolerance for loss in losses) >= min(needed, len(days))


def _calibration(
    monitor: Monitor,
    day: date,
    reference: Reference,
    pooled: Mapping[Group, Outcomes],
    recent: Sequence[Evaluation],
) -> Iterator[Finding]:
    """Told where all days together show it, and several of them each by itself."""
    whole = Group(reference.version)
    before = reference.outcomes.get(whole)
    if before is None or not before.scores or whole not in pooled:
        return
    usual = RightByScore.from_outcomes(before)

    def drift(outcomes: Outcomes) -> CalibrationDrift:
        now = RightByScore.from_outcomes(outcomes)
        return miscalibrated(now, usual, min_effect=_MIN_GAP, alpha=_ALPHA)

    found = drift(pooled[whole])
    if not found.alarm:
        return
    needed, _ = _rule(monitor)
    days = [one for one in recent if whole in one.outcomes]
    shown = [one for one in days if drift(one.outcomes[whole]).effect >= _MIN_GAP]
    if len(shown) >= min(needed, len(days)):
        words = f"version {reference.version}: {found.words}"
        yield _finding(
            monitor, day, FindingKind.MISCALIBRATION, reference.version, Severity.P2, words
        )
