"""Quality of the days behind, held against its normal variation, for each version and metric."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import isfinite
from typing import Self

from monitoring_dagster.decide.judging.tolerance import as_metric, higher_is_better, metric_of
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.inference.intervals import standard_error
from monitoring_dagster.stats.quality.segment_drop import gap_to_whole
from monitoring_dagster.stats.series.control_chart import Chart, NormalVariation, control_chart

VARIATION = "variation"  # area of the signals that say how quality varies between days
CHART_DAYS = 45  # behind the newest: a day before them weighs less than a thousandth

_Days = Mapping[date, Signal]
_Series = tuple[str, str, str, str]  # metric, version, segment and its value


@dataclass(frozen=True)
class QualityCharts:
    """The days behind, of each version and of its segments."""

    spec: ModelSpec
    realised: Mapping[_Series, _Days]  # as the newest verdict knew each day
    estimated: Mapping[_Series, _Days]
    variation: Mapping[_Series, Signal]

    @classmethod
    def of(
        cls,
        spec: ModelSpec,
        *,
        known: Iterable[Signal],
        estimates: Iterable[Signal],
        variation: Iterable[Signal],
    ) -> Self:
        """From the signals of quality and of estimates, the later known after the earlier."""
        return cls(
            spec,
            _by_series(known),
            _by_series(estimates),
            {_series(one): one for one in variation},
        )

    def of_labels(self, version: str, metric: str) -> Chart | None:
        """How much worse than its baseline quality was; None where normal variation is unknown."""
        return self._against_baseline(self.realised, (metric, version, "", ""))

    def of_segment(self, version: str, metric: str, segment: str, value: str) -> Chart | None:
        """How much further behind the whole a segment was than it used to be; None as above."""
        whole = self.realised.get((metric, version, "", ""), {})
        series = metric, version, segment, value
        normal = self.normal(*series)
        if normal is None:
            return None
        gaps: list[float] = []
        errors: list[float] = []
        for day, one in sorted(self.realised.get(series, {}).items()):
            if day in whole:
                gap, error = gap_to_whole(as_metric(one), as_metric(whole[day]))
                promised = one.baseline - whole[day].baseline
                level = _worst_level(self.spec, metric, promised, normal.mean)
                gaps.append(worse_by(self.spec, metric, gap, level))
                errors.append(error)
        return _charted(metric, gaps, errors, normal)

    def against(self, version: str, metric: str, bar: Signal) -> Chart | None:
        """How much worse quality was than what another version promised, the one of *bar*; None
        where nobody knows how days of that one's reference differ."""
        normal = self.normal(metric, bar.version)
        days = self.realised.get((metric, version, "", ""), {})
        promised = {day: replace(one, baseline=bar.value) for day, one in days.items()}
        return None if normal is None else self._chart(metric, promised, normal)

    def of_estimates(self, version: str, metric: str) -> Chart | None:
        """How much worse than its baseline quality was expected to be; None as above."""
        return self._against_baseline(self.estimated, (metric, version, "", ""))

    def unexplained(self, version: str, metric: str) -> Chart | None:
        """How much worse quality was than its inputs let expect, day by day.

        The interval of an estimate holds what labels will show: chance in the labels, and what
        estimates missed between the days of the reference. None where nothing was estimated.
        """
        series = metric, version, "", ""
        normal = self.normal(*series)
        estimates = self.estimated.get(series, {})
        days = [
            (one, estimates[day])
            for day, one in sorted(self.realised.get(series, {}).items())
            if day in estimates
        ]
        if normal is None or not days:
            return None
        worse = [worse_by(self.spec, metric, one.value, of.value) for one, of in days]
        errors = [standard_error(of.low, of.high) for _, of in days]
        # The day effects lie in the errors already: the correlation is theirs.
        missed = NormalVariation(0.0, 0.0, normal.correlation, normal.days)
        return control_chart(worse, errors, missed)

    def normal(
        self, metric: str, version: str, segment: str = "", value: str = ""
    ) -> NormalVariation | None:
        """How a metric varies between the days of the reference; None where nobody knows."""
        one = self.variation.get((metric, version, segment, value))
        return None if one is None else variation_in(one)

    def _against_baseline(self, days: Mapping[_Series, _Days], series: _Series) -> Chart | None:
        normal = self.normal(*series)
        return None if normal is None else self._chart(series[0], days.get(series, {}), normal)

    def _chart(self, metric: str, days: _Days, normal: NormalVariation) -> Chart:
        of_days = [one for _, one in sorted(days.items())]
        errors = [standard_error(one.low, one.high) for one in of_days]
        worse = [
            worse_by(self.spec, metric, one.value, level_of(self.spec, normal, one))
            for one in of_days
        ]
        return _charted(metric, worse, errors, normal)


def _charted(
    metric: str, worse: Sequence[float], errors: Sequence[float], normal: NormalVariation
) -> Chart:
    """A bias may leave its level on either side."""
    chart = control_chart(worse, errors, normal)
    if metric != "bias":
        return chart
    other = control_chart([-one for one in worse], errors, normal)
    return max(chart, other, key=lambda one: one.distance)


def variation_in(signal: Signal) -> NormalVariation:
    """What a signal says of how a metric varies between days."""
    return NormalVariation(signal.baseline, signal.value, signal.effect, signal.n)


def level_of(spec: ModelSpec, normal: NormalVariation, one: Signal) -> float:
    """The worse of what was promised and what the reference's days were on average; of a bias
    zero, whatever was promised."""
    if metric_of(one) == "bias":
        return 0.0
    return _worst_level(spec, metric_of(one), one.baseline, normal.mean)


def _worst_level(spec: ModelSpec, metric: str, promised: float, usual: float) -> float:
    """The worse of the two; of a bias, which has no worse side, what is usual."""
    if metric == "bias" or not isfinite(promised):
        return usual
    return min(promised, usual) if higher_is_better(spec, metric) else max(promised, usual)


def worse_by(spec: ModelSpec, metric: str, value: float, level: float) -> float:
    """How much worse than *level* a value is, in the metric's unit; negative where better."""
    return level - value if higher_is_better(spec, metric) else value - level


def _series(one: Signal) -> _Series:
    return metric_of(one), one.version, one.segment, one.segment_value


def _by_series(signals: Iterable[Signal]) -> dict[_Series, dict[date, Signal]]:
    found: dict[_Series, dict[date, Signal]] = {}
    for one in signals:
        if isfinite(one.value):
            found.setdefault(_series(one), {})[one.day] = one
    return found
