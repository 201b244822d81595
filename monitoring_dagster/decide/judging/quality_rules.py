"""Rules on quality, as it is expected and as labels show it: findings from signals alone."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import isfinite

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.quality_charts import (
    CHART_DAYS,
    VARIATION,
    QualityCharts,
)
from monitoring_dagster.decide.judging.tolerance import (
    higher_is_better,
    metric_of,
    room_of,
    tolerated,
    worse_by_value,
    worse_than_tolerated,
)
from monitoring_dagster.decide.judging.traffic import FEWEST_ROWS, Traffic
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.decide.signal import Signal, SignalLog, readable
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.stats.quality.segment_drop import (
    SegmentDrop,
    SegmentMetric,
    SegmentVerdict,
    segment_drops,
)
from monitoring_dagster.stats.series.control_chart import LIMIT, Chart

OF_LABELS = (
    FindingKind.PERFORMANCE_DROP,
    FindingKind.SEGMENT_DROP,
    FindingKind.MISCALIBRATION,
)
CALIBRATION_GAP = "calibration_gap"  # of scores: a quantity of quality beside the metrics
MIN_GAP = 0.02  # in probability, between score and share of ones
ALPHA = 0.01  # of one look, as there is one every day

_OF_LABELS = ("quality", "pooled")  # areas of the signals that labels are in
ESTIMATE_ACCURACY = "estimate_accuracy"  # area of the signals that say how right estimates were
Breaches = dict[date, dict[str, dict[str, str]]]  # day: version: metric: in words


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
        *quality_drops(spec, day, traffic, known, of_area.get("pooled", []), estimates, charts),
    ]


def pooled_windows(spec: ModelSpec) -> dict[str, int]:
    """The rules that look at several days together, and at how many."""
    kinds = (FindingKind.SEGMENT_DROP, FindingKind.MISCALIBRATION)
    return {str(kind): spec.rules.window(kind).of_days for kind in kinds}


def quality_names(spec: ModelSpec) -> Iterator[str]:
    """The signals that these rules read."""
    for metric in _judged(spec):
        areas = ("estimate", *_OF_LABELS, ESTIMATE_ACCURACY, VARIATION)
        yield from (f"{area}.{metric}" for area in areas)
    yield from (f"{area}.{CALIBRATION_GAP}" for area in (*_OF_LABELS, VARIATION))


def _judged(spec: ModelSpec) -> list[str]:
    """The metrics that are judged, of the whole or of a segment."""
    of_segments = (some for of in spec.rules.segments.values() for some in of.values())
    return [*dict.fromkeys([*spec.tolerances, *(one for some in of_segments for one in some)])]


def _names(area: str, metrics: Iterable[str]) -> list[str]:
    return [f"{area}.{metric}" for metric in metrics]


def breaches_of(spec: ModelSpec, known: Sequence[Signal]) -> Breaches:
    """Metrics that labels show to be worse than tolerated with 95 % certainty, in words, by day and
    version.

    A version that is fine has an empty entry, one without a verdict has none. Each is judged
    against its own registration; a day counts as worse only where the whole interval lies beyond
    the tolerance. ``bias`` is judged by its size.
    """
    found: Breaches = {}
    for one in known:
        if not one.segment:
            found.setdefault(one.day, {}).setdefault(one.version, {})
    for worse in worse_than_tolerated(spec, known):
        of_version = found[worse.signal.day][worse.signal.version]
        of_version[worse.metric] = worse.said("was", "labels")
    return found


def expected_breaches(spec: ModelSpec, estimates: Sequence[Signal]) -> Breaches:
    """The same of what is expected: of versions side by side one with few rows is not judged."""
    rows: dict[date, dict[str, int]] = {}
    for one in estimates:
        if not one.segment:
            of_day = rows.setdefault(one.day, {})
            of_day[one.version] = max(of_day.get(one.version, 0), one.n)
    found: Breaches = {
        day: {version: {} for version, n in of.items() if len(of) == 1 or n >= FEWEST_ROWS}
        for day, of in rows.items()
    }
    for worse in worse_than_tolerated(spec, estimates):
        of_version = found[worse.signal.day].get(worse.signal.version)
        if of_version is not None:
            of_version[worse.metric] = worse.said("is expected to be", "predictions")
    return found


def expected_drops(
    spec: ModelSpec,
    day: date,
    traffic: Traffic,
    estimates: Sequence[Signal],
    accuracy: Mapping[str, Signal],
    charts: QualityCharts,
) -> Iterator[Finding]:
    """A metric of a version that is expected to be worse than tolerated on several of the last
    days, and on average beyond normal variation, where that is known; *accuracy* says of a metric
    how right its estimates were."""
    kind = FindingKind.EXPECTED_DROP
    needed, of_days = spec.rules.window(kind)
    worse = expected_breaches(spec, estimates)
    days = [day - timedelta(days=n) for n in range(of_days)]
    for version, expected in worse.get(day, {}).items():
        of_version = _Version(spec, day, traffic, version, charts=charts)
        for metric, words in expected.items():
            count = sum(metric in worse.get(one, {}).get(version, {}) for one in days)
            chart = charts.of_estimates(version, metric)
            if count >= needed and (chart is None or chart.is_beyond):
                trust = accuracy.get(metric)
                at_most = Severity(trust.severity) if trust and trust.severity else Severity.P0
                said = f"; {trust.reason}" if trust else ""
                words = f"{words} ({count} of the last {of_days} days){said}"
                yield of_version.finding(kind, metric, words, at_most=at_most)


@dataclass(frozen=True, slots=True)
class _Version:
    """One version and its newest days with a verdict of its own, newest first."""

    spec: ModelSpec
    day: date  # on which they are known
    traffic: Traffic
    version: str
    days: Sequence[date] = ()
    known: Sequence[Signal] = ()  # of those days, of all versions
    pooled: Sequence[Signal] = ()  # of them together
    estimated: Collection[tuple[date, str]] = ()  # days and metrics that have an estimate
    of_champion: Collection[str] | None = None  # what fell there; None without a verdict on it
    charts: QualityCharts = field(kw_only=True)

    def finding(
        self,
        kind: FindingKind,
        what: str,
        words: str,
        *,
        by_version: bool = False,
        about: date | None = None,
        at_most: Severity = Severity.P0,
    ) -> Finding:
        """A finding about this version, as *about* shows it; *by_version* where *what* names it.

        No more urgent than *at_most*, nor than the version's part in the traffic.
        """
        at_most = max(at_most, self.traffic.at_most(self.version))
        return Finding(
            self.spec.name,
            self.day,
            kind,
            what if by_version else self.traffic.subject(what, self.version),
            max(RULES[kind].severity, at_most),
            f"{words}{self.traffic.words(self.version)}",
            RULES[kind].asset,
            about,
            at_most,
        )

    def within(self, kind: FindingKind) -> Sequence[date]:
        """The days that the rule *kind* looks at."""
        return self.days[: self.spec.rules.window(kind).of_days]

    def beyond(self, day: date, metric: str) -> str:
        """How a metric was worse than tolerated on a day, in words; empty where it was not."""
        one = self._signal(day, metric)
        worse = None if one is None else worse_by_value(self.spec, one)
        return "" if worse is None else worse.said("was", "labels")

    def room(self, metric: str) -> float:
        """How much worse than its baseline the metric may be, by the newest day that has it."""
        newest = next((one for day in self.days if (one := self._signal(day, metric))), None)
        return 0.0 if newest is None else tolerated(self.spec, newest)

    def _signal(self, day: date, metric: str) -> Signal | None:
        name = f"quality.{metric}"
        return next(
            (
                one
                for one in self.known
                if (one.name, one.version, one.segment, one.day) == (name, self.version, "", day)
            ),
            None,
        )

    def values(self, kind: FindingKind, name: str, segment: str, value: str) -> list[float]:
        """One number of the days of the rule *kind*, newest first; days without it are left out."""
        days = self.within(kind)
        by_day = {
            one.day: one.value
            for one in self.known
            if (one.name, one.version, one.segment, one.segment_value)
            == (name, self.version, segment, value)
        }
        return [by_day[day] for day in days if day in by_day]

    def pooled_over(self, kind: FindingKind) -> list[Signal]:
        """What the days of the rule *kind* say together."""
        days = self.within(kind)
        start, end = min(days), max(days) + timedelta(days=1)
        return [
            one
            for one in self.pooled
            if one.version == self.version and (one.day, one.end.date()) == (start, end)
        ]


def quality_drops(
    spec: ModelSpec,
    day: date,
    traffic: Traffic,
    known: Sequence[Signal],
    pooled: Sequence[Signal],
    estimates: Sequence[Signal],
    charts: QualityCharts,
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
    """
    worse, expected = breaches_of(spec, known), expected_breaches(spec, estimates)
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
        of_version = _Version(
            spec, day, traffic, version, days, known, pooled, estimated, of_champion,
            charts=charts,
        )  # fmt: skip
        said = {one: worse[one][version] for one in days}
        fallen = dict(_performance(of_version, said, expected))
        if version == traffic.champion:
            of_champion = fallen.keys()
        found += [*fallen.values(), *_segments(of_version, without=fallen.keys())]
        # Where the whole is worse on some day that is the problem, and one is told.
        if not any(said[one] for one in of_version.within(FindingKind.MISCALIBRATION)):
            found += _calibration(of_version)
    return found


def most_days(spec: ModelSpec) -> int:
    """The longest window of the rules on labels."""
    return max(spec.rules.window(kind).of_days for kind in OF_LABELS)


def _performance(
    of: _Version, worse: Mapping[date, Mapping[str, str]], expected: Breaches
) -> Iterator[tuple[str, Finding]]:
    """A metric is worse where it was so on several of the last evaluated days, and on average
    beyond normal variation: where nobody knows that, beyond tolerance with 95 % certainty on each.

    Not explained by the inputs it is urgent; where they explain it, retraining may not help.
    """
    kind = FindingKind.PERFORMANCE_DROP
    needed = of.spec.rules.window(kind).breaches
    looked_at = of.within(kind)
    for metric in of.spec.tolerances:
        total = of.charts.of_labels(of.version, metric)
        if total is None:
            days = {one: worse[one][metric] for one in looked_at if metric in worse[one]}
        else:
            days = {one: words for one in looked_at if (words := of.beyond(one, metric))}
        if len(days) < needed:
            continue
        newest = max(days)
        words = (
            f"{days[newest]} (on {newest}; {len(days)} of the last {len(looked_at)} evaluated days"
            " were as bad)"
        )
        if total is None:
            words += _foreseen(of, list(days), metric, expected)
            yield metric, of.finding(kind, metric, words, about=newest)
        elif (reason := _beyond_variation(of, metric, total)) is not None:
            said, at_most = reason
            yield metric, of.finding(kind, metric, words + said, about=newest, at_most=at_most)


def _beyond_variation(of: _Version, metric: str, total: Chart) -> tuple[str, Severity] | None:
    """Why the days behind are beyond normal variation, and how urgent that is; None where they are
    not, or by less than is tolerated."""
    room = of.room(metric)
    unexplained = of.charts.unexplained(of.version, metric)
    if unexplained is not None and unexplained.is_beyond and abs(unexplained.change) > room:
        return f"; {_in_words(unexplained)}{_at_fault(of, metric)}", Severity.P0
    if not (total.is_beyond and abs(total.change) > room):
        return None
    if unexplained is None:
        return f"; {_in_words(total)}", Severity.P0
    return f"; {_in_words(total)}; expected from the inputs: harder cases", Severity.P2


def _in_words(chart: Chart) -> str:
    return (
        f"over {chart.days} days worse by {readable(abs(chart.change))} on average,"
        f" {chart.distance:.1f} standard errors of normal variation (limit {chart.limit:g})"
    )


def _at_fault(of: _Version, metric: str) -> str:
    if of.of_champion is not None and metric not in of.of_champion:
        return (
            f"; not explained by the inputs, and version {of.traffic.champion} is within tolerance:"
            f" likely a fault of version {of.version}"
        )
    return "; not explained by the inputs: likely concept drift, or changed labels"


def _foreseen(of: _Version, days: Sequence[date], metric: str, expected: Breaches) -> str:
    """Did the inputs let expect it?  Where they did not, the relation itself has changed."""
    estimated = [day for day in days if (day, metric) in of.estimated]
    if not estimated:
        return ""
    foreseen = [day for day in estimated if metric in expected.get(day, {}).get(of.version, {})]
    if 2 * len(foreseen) >= len(estimated):
        return "; expected from the inputs: harder cases"
    return _at_fault(of, metric)


def _segments(of: _Version, *, without: Collection[str]) -> Iterator[Finding]:
    """Told where all days together show it, and several of them each by itself."""
    kind, spec = FindingKind.SEGMENT_DROP, of.spec
    of_metric: dict[str, list[SegmentMetric]] = {}
    for one in of.pooled_over(kind):
        metric = metric_of(one)
        tolerance = spec.tolerances_where(one.segment, one.segment_value).get(metric)
        if not one.segment or tolerance is None or metric in without:
            continue
        before, room = None, 0.0
        if isfinite(one.baseline):
            before = Metric(one.baseline, one.baseline_low, one.baseline_high, one.baseline_n)
            room = room_of(tolerance, metric, one.baseline, spread=one.spread)
        now = Metric(one.value, one.low, one.high, one.n)
        of_metric.setdefault(metric, []).append(
            SegmentMetric(one.segment, one.segment_value, now, before, room)
        )
    for metric, segments in of_metric.items():
        own = spec.definition(metric)
        better = None if own is None else own.better
        for drop in segment_drops(segments, metric=metric, better=better, alpha=ALPHA):
            if drop.verdict is not SegmentVerdict.WORSE or not _lasts(of, drop, metric):
                continue
            chart = of.charts.of_labels(of.version, metric, drop.of.segment, drop.of.value)
            if chart is None or chart.is_beyond:
                where = f"{metric} where {drop.of.segment} is {drop.of.value}"
                words = f"version {of.version}: {drop.words}"
                yield of.finding(kind, where, words, about=of.days[0])


def _lasts(of: _Version, drop: SegmentDrop, metric: str) -> bool:
    """Whether several days by themselves were as bad: one storm over one airport is no drop."""
    kind = FindingKind.SEGMENT_DROP
    assert drop.of.before is not None, "without a baseline there is no verdict"
    before = drop.of.before.value
    values = of.values(kind, f"quality.{metric}", drop.of.segment, drop.of.value)
    if metric == "bias":
        losses = [abs(value) - abs(before) for value in values]
    elif higher_is_better(of.spec, metric):
        losses = [before - value for value in values]
    else:
        losses = [value - before for value in values]
    needed = of.spec.rules.window(kind).breaches
    return sum(loss > drop.of.tolerance for loss in losses) >= min(needed, len(values))


def _calibration(of: _Version) -> Iterator[Finding]:
    """Told where all days together show it, and several of them each by itself."""
    kind = FindingKind.MISCALIBRATION
    for one in of.pooled_over(kind):
        if metric_of(one) != CALIBRATION_GAP or not (one.p_value < ALPHA and one.value >= MIN_GAP):
            continue
        gaps = of.values(kind, f"quality.{CALIBRATION_GAP}", "", "")
        needed = of.spec.rules.window(kind).breaches
        normal = of.charts.normal(CALIBRATION_GAP, of.version)
        usual = 0.0 if normal is None else normal.mean + LIMIT * normal.deviation
        if one.value > usual and sum(gap >= MIN_GAP for gap in gaps) >= min(needed, len(gaps)):
            words = f"version {of.version}: {one.reason}"
            yield of.finding(kind, of.version, words, by_version=True, about=of.days[0])
