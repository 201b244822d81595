"""Segment drop: quality of one part of the rows that falls behind the whole."""

from collections.abc import Collection, Iterable, Iterator
from math import isfinite

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.quality.version_days import VersionDays
from monitoring_dagster.decide.judging.tolerance import (
    as_metric,
    higher_is_better,
    metric_of,
    room_of,
)
from monitoring_dagster.decide.signal import Signal, readable
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.stats.quality.segment_drop import (
    SegmentDrop,
    SegmentMetric,
    SegmentVerdict,
    segment_drops,
)

_ALPHA = 0.01  # of one look, as there is one every day


def segment_findings(of: VersionDays, *, without: Collection[str]) -> Iterator[Finding]:
    """Told where all days together show it, several of them each by itself, and the days behind
    lie further from the whole than the reference's days did."""
    kind = FindingKind.SEGMENT_DROP
    for metric, drop in fallen_behind(of.spec, of.pooled_over(kind)):
        if metric in without or not _lasts(of, drop, metric):
            continue
        chart = of.charts.of_segment(of.version, metric, drop.of.segment, drop.of.value)
        if chart is None or chart.is_beyond(of.spec.rules.control_limit(kind)):
            where = f"{metric} where {drop.of.segment} is {drop.of.value}"
            words = f"version {of.version}: {drop.words}"
            brief = f"{where}: {readable(drop.of.now.value)} against {readable(_before(drop))}"
            yield of.finding(kind, where, words, about=of.days[0], brief=brief)


def fallen_behind(spec: ModelSpec, pooled: Iterable[Signal]) -> Iterator[tuple[str, SegmentDrop]]:
    """The segments that *pooled*, several days of one version together, shows to be worse, each
    with the metric by which it is."""
    of_metric: dict[str, list[SegmentMetric]] = {}
    for one in pooled:
        metric = metric_of(one)
        tolerance = spec.tolerances_where(one.segment, one.segment_value).get(metric)
        if not one.segment or tolerance is None:
            continue
        before, room = None, 0.0
        if isfinite(one.baseline):
            before = Metric(one.baseline, one.baseline_low, one.baseline_high, one.baseline_n)
            room = room_of(tolerance, metric, one.baseline, spread=one.spread)
        of_metric.setdefault(metric, []).append(
            SegmentMetric(one.segment, one.segment_value, as_metric(one), before, room)
        )
    for metric, segments in of_metric.items():
        own = spec.definition(metric)
        better = None if own is None else own.better
        for drop in segment_drops(segments, metric=metric, better=better, alpha=_ALPHA):
            if drop.verdict is SegmentVerdict.WORSE:
                yield metric, drop


def _lasts(of: VersionDays, drop: SegmentDrop, metric: str) -> bool:
    """Whether several days by themselves were as bad: one storm over one airport is no drop."""
    kind, before = FindingKind.SEGMENT_DROP, _before(drop)
    values = of.values(kind, f"quality.{metric}", drop.of.segment, drop.of.value)
    if metric == "bias":
        losses = [abs(value) - abs(before) for value in values]
    elif higher_is_better(of.spec, metric):
        losses = [before - value for value in values]
    else:
        losses = [value - before for value in values]
    needed = of.spec.rules.window(kind).breaches
    return sum(loss > drop.of.tolerance for loss in losses) >= min(needed, len(values))


def _before(drop: SegmentDrop) -> float:
    assert drop.of.before is not None, "without a baseline there is no verdict"
    return drop.of.before.value
