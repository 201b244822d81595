"""Rules on quality, as it is expected and as labels show it: findings from signals alone."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.quality.breached_days import breaches_of, expected_breaches
from monitoring_dagster.decide.judging.quality.calibration_rule import (
    CALIBRATION_GAP,
    miscalibrations,
)
from monitoring_dagster.decide.judging.quality.expected_drop_rule import expected_drops
from monitoring_dagster.decide.judging.quality.first_champion_rule import behind_first
from monitoring_dagster.decide.judging.quality.floor_rule import floor_days
from monitoring_dagster.decide.judging.quality.performance_rule import performance_drops
from monitoring_dagster.decide.judging.quality.segment_rule import segment_findings
from monitoring_dagster.decide.judging.quality.version_days import (
    FIRST_CHAMPION,
    POOLED_SKILL,
    REFERENCE_SKILL,
    SKILL,
    VersionDays,
)
from monitoring_dagster.decide.judging.quality_charts import (
    CHART_DAYS,
    VARIATION,
    QualityCharts,
)
from monitoring_dagster.decide.judging.tolerance import metric_of
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.signal import Signal, SignalLog
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec.model import ModelSpec

OF_LABELS = (
    FindingKind.PERFORMANCE_DROP,
    FindingKind.SEGMENT_DROP,
    FindingKind.MISCALIBRATION,
)
ESTIMATE_ACCURACY = "estimate_accuracy"  # area of the signals that say how right estimates were
_OF_BARS = (SKILL, POOLED_SKILL, REFERENCE_SKILL, FIRST_CHAMPION)
_OF_LABELS = ("quality", "pooled")  # areas of the signals that labels are in


def quality_findings(
    spec: ModelSpec, day: date, today: Sequence[Signal], log: SignalLog, traffic: Traffic
) -> list[Finding]:
    """What is wrong with quality, as it is expected and as labels show it.

    *today* are the signals of the day; the *log* has the estimates of the days that it looks at.
    """
    of_area: dict[str, list[Signal]] = {}
    for one in today:
        of_area.setdefault(one.name.partition(".")[0], []).append(one)
    known = of_area.get("quality", [])
    first = min([day - timedelta(days=CHART_DAYS), *(one.day for one in known)])
    before = log.between(first, day - timedelta(days=1), *_names("quality", _judged(spec)))
    estimates = log.between(first, day, *_names("estimate", spec.tolerances))
    charts = QualityCharts.of(
        spec,
        known=[*before, *known],
        estimates=estimates,
        variation=of_area.get(VARIATION, ()),
    )
    accuracy = {metric_of(one): one for one in of_area.get(ESTIMATE_ACCURACY, ())}
    return [
        *expected_drops(spec, day, traffic, estimates, accuracy, charts),
        *quality_drops(
            spec, day, traffic, known, of_area.get("pooled", []), estimates, charts, bars_in(today)
        ),
    ]


def quality_drops(
    spec: ModelSpec,
    day: date,
    traffic: Traffic,
    known: Sequence[Signal],
    pooled: Sequence[Signal],
    estimates: Sequence[Signal],
    charts: QualityCharts,
    bars: Sequence[Signal] = (),
) -> list[Finding]:
    """What labels say is wrong with the newest evaluated days, each version judged by itself.

    Parameters
    ----------
    known
        Signals of quality of those days, as known on *day*.
    pooled
        The same over the days that a rule looks at, together.
    estimates
        What was expected of those days.
    charts
        Those days, and the ones behind them.
    bars
        What no promotion moves: how good a constant is, and what the first champion promised.
    """
    worse = breaches_of(spec, known, charts.variation.values())
    expected = expected_breaches(spec, estimates)
    newest_first = sorted(worse, reverse=True)
    of_days = most_days(spec)
    found: list[Finding] = []
    of_champion: Collection[str] | None = None
    versions = {version for said in worse.values() for version in said}
    for version in sorted(versions, key=lambda one: (one != traffic.champion, one)):
        # Of a version that serves no more only what is newest, so that it is over one day.
        looked_at = newest_first if version in traffic.shares else newest_first[:of_days]
        days = [one for one in looked_at if version in worse[one]][:of_days]
        if not days:
            continue
        estimated = {
            (one.day, metric_of(one))
            for one in estimates
            if one.version == version and not one.segment
        }
        of_version = VersionDays(
            spec, day, traffic, version, days, known, pooled, estimated, of_champion,
            charts=charts, bars=bars,
        )  # fmt: skip
        said = {one: worse[one][version] for one in days}
        fallen = dict(performance_drops(of_version, said, expected))
        if version == traffic.champion:
            of_champion = fallen.keys()
        found += [*fallen.values(), *segment_findings(of_version, without=fallen.keys())]
        found += behind_first(of_version, without=fallen.keys())
        # Where the whole is worse on some day that is the problem, and one is told.
        if not any(said[one] for one in of_version.within(FindingKind.MISCALIBRATION)):
            found += miscalibrations(of_version)
    return found


def bars_in(signals: Iterable[Signal]) -> list[Signal]:
    """Those of *signals* that no promotion moves: a constant, and the first champion."""
    return [one for one in signals if one.name.partition(".")[0] in _OF_BARS]


def pooled_windows(spec: ModelSpec) -> dict[str, int]:
    """The rules that look at several days together, and at how many."""
    kinds = (FindingKind.SEGMENT_DROP, FindingKind.MISCALIBRATION)
    return {str(kind): spec.rules.window(kind).of_days for kind in kinds}


def most_days(spec: ModelSpec) -> int:
    """The longest window of the rules on labels."""
    return max(floor_days(spec), *(spec.rules.window(kind).of_days for kind in OF_LABELS))


def quality_names(spec: ModelSpec) -> Iterator[str]:
    """The signals that these rules read."""
    for metric in _judged(spec):
        areas = ("estimate", *_OF_LABELS, ESTIMATE_ACCURACY, VARIATION, *_OF_BARS)
        yield from (f"{area}.{metric}" for area in areas)
    yield from (f"{area}.{CALIBRATION_GAP}" for area in (*_OF_LABELS, VARIATION))


def _judged(spec: ModelSpec) -> list[str]:
    """The metrics that are judged, of the whole or of a segment."""
    of_segments = (some for of in spec.rules.segments.values() for some in of.values())
    return [*dict.fromkeys([*spec.tolerances, *(one for some in of_segments for one in some)])]


def _names(area: str, metrics: Iterable[str]) -> list[str]:
    return [f"{area}.{metric}" for metric in metrics]
