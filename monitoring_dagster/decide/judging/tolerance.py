"""Tolerance: how much worse than its baseline a metric may get, and what lies beyond."""

from collections.abc import Iterable, Iterator
from math import isclose, isfinite, nan
from typing import NamedTuple

from monitoring_dagster.decide.signal import Signal, readable
from monitoring_dagster.spec.metrics import Tolerance
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.quality.performance import HIGHER_IS_BETTER, Metric


class Worse(NamedTuple):
    """A metric that lies beyond what is tolerated with 95 % certainty."""

    signal: Signal
    metric: str
    room: float  # how far beyond the baseline it is tolerated
    limit: float  # of a bias the largest size that is tolerated

    @property
    def words(self) -> str:
        """What it is compared with."""
        baseline = self.signal.baseline
        if self.metric == "bias":
            limit = readable(self.limit)
            return f"baseline {readable(baseline)}, at most {limit} from zero is tolerated"
        return f"baseline {readable(baseline)}, tolerance {readable(self.room)}"

    def said(self, verb: str, rows: str) -> str:
        """The whole sentence: *verb* says whether it was or will be, *rows* what n counts."""
        one = self.signal
        return (
            f"{self.metric} of version {one.version} {verb} {readable(one.value)}"
            f" ({readable(one.low)} to {readable(one.high)}, {one.n:,} {rows}), {self.words}"
        )


def metric_of(signal: Signal) -> str:
    """The metric that a signal of quality is about, by its label."""
    return signal.name.partition(".")[2]


def as_metric(signal: Signal) -> Metric:
    """The value of a signal of quality, with its interval and rows."""
    return Metric(signal.value, signal.low, signal.high, signal.n)


def worse_than_tolerated(spec: ModelSpec, signals: Iterable[Signal]) -> Iterator[Worse]:
    """The judged metrics that are worse; a single day of a segment says too little."""
    for one in signals:
        metric = metric_of(one)
        if metric in spec.tolerances and not one.segment:
            worse = _worse(spec, one, as_metric(one))
            if worse is not None:
                yield worse


def worse_by_value(spec: ModelSpec, signal: Signal) -> Worse | None:
    """The same of one judged metric by its value alone, however uncertain that is."""
    value = signal.value
    return _worse(spec, signal, Metric(value, value, value, signal.n))


def tolerated(spec: ModelSpec, signal: Signal) -> float:
    """How far from its baseline a judged metric may be on average; of a bias, from zero on."""
    metric = metric_of(signal)
    room = room_of(_tolerance(spec, signal), metric, signal.baseline, spread=signal.spread)
    if metric != "bias":
        return room
    return limit_of(spec, metric, signal.baseline, room, spread=signal.spread)


def _worse(spec: ModelSpec, one: Signal, metric: Metric) -> Worse | None:
    name = metric_of(one)
    if not isfinite(one.baseline):
        return None
    room = room_of(_tolerance(spec, one), name, one.baseline, spread=one.spread)
    limit = limit_of(spec, name, one.baseline, room, spread=one.spread)
    return Worse(one, name, room, limit) if beyond(spec, name, metric, limit) else None


def _tolerance(spec: ModelSpec, one: Signal) -> Tolerance:
    of_segment = spec.tolerances_where(one.segment, one.segment_value) if one.segment else None
    return (of_segment or spec.tolerances)[metric_of(one)]


def higher_is_better(spec: ModelSpec, name: str) -> bool:
    """Which way is up for a metric, by its label."""
    own = {one.label: one.better == "higher" for one in spec.metrics}
    return own.get(name, name in HIGHER_IS_BETTER)


def room_of(tolerance: Tolerance, name: str, promise: float, *, spread: float) -> float:
    """How much worse than its baseline a metric may be, in its unit; NaN where a tolerance is of
    the label's *spread* and nobody knows that."""
    return tolerance.around(spread if name == "bias" else promise)


def limit_of(
    spec: ModelSpec, name: str, promise: float, room: float, *, spread: float = nan
) -> float:
    """The worst value that is tolerated; of a bias its size.

    A bias is better nearer to zero, whatever was registered, and a bad baseline is no licence: it
    counts up to a fifth of the label's *spread*, a small effect, or up to *room* where that is
    unknown.

    Source: Cohen (1988), Statistical Power Analysis, for a small effect.
    """
    if name == "bias":
        most = _SMALL_EFFECT * spread if isfinite(spread) else room
        return min(abs(promise), most) + room
    return promise - room if higher_is_better(spec, name) else promise + room


_SMALL_EFFECT = 0.2  # in standard deviations


def beyond(spec: ModelSpec, name: str, metric: Metric, limit: float) -> bool:
    """Whether the whole interval lies on the bad side of *limit*; exactly on it is tolerated."""
    if name == "bias":
        return _above(metric.low, limit) or _above(-metric.high, limit)
    if higher_is_better(spec, name):
        return _above(limit, metric.high)
    return _above(metric.low, limit)


def _above(value: float, bound: float) -> bool:
    """Above by more than the rounding of a sum; never where either is unknown."""
    return value > bound and not isclose(value, bound, rel_tol=1e-12)
