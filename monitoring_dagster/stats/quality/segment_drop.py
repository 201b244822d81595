"""Which segment got worse, while the whole looks as usual?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.inference.evidence import benjamini_hochberg
from monitoring_dagster.stats.inference.intervals import Z95, standard_error
from monitoring_dagster.stats.quality.performance import HIGHER_IS_BETTER, Metric

MIN_ROWS = 100  # of a segment, now and in its baseline, below which it gets no verdict
_NAN = float("nan")
_NO_VARIANCE = 1e-18  # below it, rounding: the segment is the whole of its column
_SHOWN_CHARACTERS = 40  # of a segment's value, which is a value from the data

Better: TypeAlias = Literal["higher", "lower", "zero"]


class SegmentVerdict(StrEnum):
    """What is said about a segment."""

    OK = "OK"
    WORSE = "WORSE"
    INSUFFICIENT = "INSUFFICIENT"  # too few rows for a verdict


class SegmentMetric(NamedTuple):
    """One metric of one segment, now and as it used to be."""

    segment: str  # the column
    value: str
    now: Metric
    before: Metric | None  # its own baseline; None for a value that is new
    tolerance: float  # how much worse is tolerated, in the metric's unit


@dataclass(frozen=True, slots=True)
class SegmentDrop:
    """One segment, judged among all that were looked at."""

    of: SegmentMetric
    loss: float  # how much worse it got than segments of its column did on the whole; raw
    pooled: Metric  # the same, drawn towards the others as far as its own rows are few
    impact: float  # rows x loss: what the segment costs; of the pooled loss without a verdict
    p_adjusted: float  # NaN where no verdict is given
    verdict: SegmentVerdict
    words: str


def better_when(metric: str) -> Better:
    """In which direction a metric of scikit-learn's names improves; bias towards zero.

    >>> better_when("roc_auc"), better_when("log_loss"), better_when("bias")
    ('higher', 'lower', 'zero')
    """
    if metric == "bias":
        return "zero"
    return "higher" if metric in HIGHER_IS_BETTER else "lower"


def gap_to_whole(segment: Metric, whole: Metric) -> tuple[float, float]:
    """How far a segment's metric lies from that of all rows, and the standard error of that::

        gap = m_s - m,   error^2 = (1 - n_s / n) error_s^2

    The segment is a part of the whole: where it is all of it there is no gap, and no error. What
    befalls every segment of a day, such as its weather, is in neither.
    """
    outside = max(1 - segment.n / whole.n, 0.0) if whole.n else 0.0
    error = math.sqrt(outside) * standard_error(segment.low, segment.high)
    return segment.value - whole.value, error


def segment_drops(
    segments: Sequence[SegmentMetric],
    *,
    metric: str,
    better: Better | None = None,
    alpha: float = 0.05,
    min_rows: int = MIN_ROWS,
) -> list[SegmentDrop]:
    """Which segments got worse than the whole did, the costliest first?

    A segment's change against its own baseline, d, is compared with what happened to all: the mean
    of d over its column, weighted by today's rows, so that more rows of a hard segment are no drop
    of anybody. With v the variance of d and w the share of the rows::

        loss      =  d - sum w_i d_i                  positive where it is worse
        variance  =  v (1 - 2 w) + sum w_i^2 v_i      as the segment is part of the whole

    A metric that is better near zero is judged by its size: with d signed, the loss is
    ``|now - sum w_i d_i| - |before|``, and its p-value has two sides.

    Worse needs a one-sided p-value below *alpha* after the Benjamini-Hochberg correction over all
    segments, a loss above its tolerance, and a value worse than its own baseline: one that
    improved less than the others is no drop. The variance of today's metric is the larger of its
    own and its baseline's for as few rows: near 0 and 1 either alone is too small.

    The pooled loss is Stein's: (1 - B) loss, B = v / (v + tau^2), with tau^2 how far segments truly
    differ, and Morris' interval.

    Parameters
    ----------
    segments
        Of one metric; every value of a column, as those beside it are the whole.
    metric, better
        Its name, and its direction where scikit-learn does not know it.

    Returns
    -------
    Worse ones first; each kind by falling impact.

    Source: DerSimonian & Laird (1986), Controlled Clinical Trials 7 (tau^2); Morris (1983), JASA
    78(381); Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57(1).
    """
    if not segments:
        return []
    way = better or better_when(metric)
    change = _Change.of(segments, way)
    enough = change.known & (np.minimum(change.rows, change.rows_before) >= min_rows)
    p = np.full(len(segments), _NAN)
    if enough.any():
        p[enough] = benjamini_hochberg(change.p_values(way)[enough])
    loss = change.loss
    worse = (p < alpha) & (loss > [one.tolerance for one in segments]) & (change.own > 0)
    pooled, reach = _pooled(loss, change.variance, change.known)
    impact = change.rows * np.where(enough, loss, pooled)
    looked_at = int(enough.sum())
    verdicts = np.where(
        enough,
        np.where(worse, SegmentVerdict.WORSE, SegmentVerdict.OK),
        SegmentVerdict.INSUFFICIENT,
    ).tolist()
    columns = [column.tolist() for column in (loss, pooled, reach, impact, p)]
    found = []
    for i, one in enumerate(segments):
        raw, drawn, width, cost, adjusted = (column[i] for column in columns)
        near = Metric(drawn, drawn - width, drawn + width, one.now.n)
        verdict = SegmentVerdict(verdicts[i])
        words = _words(one, metric, verdict, raw, near, adjusted, looked_at, min_rows, alpha)
        found.append(SegmentDrop(one, raw, near, cost, adjusted, verdict, words))
    return [found[i] for i in np.lexsort([-impact, ~worse])]


@dataclass(frozen=True, slots=True)
class _Change:
    """Every segment's change beyond what the whole did; shape (segments,)."""

    loss: Floats  # NaN where there is nothing to compare
    own: Floats  # against its own baseline alone; positive where it is worse
    variance: Floats
    rows: Floats
    rows_before: Floats
    known: NDArray[np.bool_]

    @classmethod
    def of(cls, segments: Sequence[SegmentMetric], way: Better) -> Self:
        nothing = Metric(_NAN, _NAN, _NAN, 0)
        now = np.array([one.now for one in segments], np.float64).T
        before = np.array([one.before or nothing for one in segments], np.float64).T
        change = (before[0] - now[0]) if way == "higher" else (now[0] - before[0])
        size = np.abs(before[0])
        usual = _squared_error(before)
        with np.errstate(divide="ignore", invalid="ignore"):
            for_as_few = usual * before[3] / now[3]
        variance = np.fmax(_squared_error(now), for_as_few) + usual
        known = np.isfinite(change) & (variance > 0) & np.isfinite(variance) & (now[3] > 0)
        rows, change = np.where(known, now[3], 0.0), np.where(known, change, 0.0)
        variance = np.where(known, variance, 0.0)
        names = {name: i for i, name in enumerate(dict.fromkeys(s.segment for s in segments))}
        column = np.array([names[one.segment] for one in segments])

        def of_column(values: Floats) -> Floats:
            total = np.zeros(len(names))
            np.add.at(total, column, values)
            of_each: Floats = total[column]
            return of_each

        share = rows / np.maximum(of_column(rows), 1.0)
        of_all = of_column(share * change)
        loss, own = change - of_all, change
        if way == "zero":
            loss, own = np.abs(now[0] - of_all) - size, np.abs(now[0]) - size
        beyond = variance * (1 - 2 * share) + of_column(share**2 * variance)
        return cls(np.where(known, loss, _NAN), own, beyond, now[3], before[3], known)

    def p_values(self, way: Better) -> Floats:
        from scipy import special  # late: starting often must stay cheap

        # The only segment of its column is the whole: it cannot be worse than itself.
        spread = np.sqrt(np.where(self.variance > _NO_VARIANCE, self.variance, np.inf))
        z = self.loss / spread
        p: Floats = special.ndtr(-z)
        if way == "zero":  # it may have left zero on either side
            p = np.minimum(2 * p, 1.0)
        return p


def _squared_error(metric: Floats) -> Floats:
    """From the width of the 95 % interval."""
    variance: Floats = np.square(standard_error(metric[1], metric[2]))
    return variance


def _pooled(loss: Floats, variance: Floats, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Losses drawn towards 0, which is what the whole did, and the reach of their intervals."""
    known = known & (variance > _NO_VARIANCE)
    k = int(known.sum())
    v = np.where(known, variance, 1.0)
    y, w = np.where(known, loss, 0.0), np.where(known, 1 / v, 0.0)
    if k < 4:  # too few to know how far segments differ
        return np.where(known, y, _NAN), np.where(known, Z95 * np.sqrt(v), _NAN)
    excess = float(w @ y**2) - (k - 1)
    tau2 = max(excess / float(w.sum() - w @ w / w.sum()), 0.0)
    drawn = np.where(known, (k - 3) / (k - 1) * v / (v + tau2), 1.0)
    spread = np.where(
        known, v * (1 - (k - 1) / k * drawn) + 2 / (k - 3) * np.square(drawn * y), tau2
    )
    return (1 - drawn) * y, Z95 * np.sqrt(spread)


def _words(
    one: SegmentMetric,
    metric: str,
    verdict: SegmentVerdict,
    loss: float,
    pooled: Metric,
    p: float,
    looked_at: int,
    min_rows: int,
    alpha: float,
) -> str:
    """One sentence with the numbers; the value comes from the data and is shortened."""
    where = f"{one.segment} = {one.value[:_SHOWN_CHARACTERS]!r}"
    if verdict is SegmentVerdict.INSUFFICIENT:
        if one.before is None or not one.before.n:
            why = "its baseline has no rows"
        elif min(one.now.n, one.before.n) < min_rows:
            why = (
                f"{one.now.n:,} rows now and {one.before.n:,} in its baseline, and {min_rows:,}"
                " are needed for a verdict"
            )
        else:
            why = f"{metric} is not defined on its rows"
        guess = (
            f"; with what the others show it lost {pooled.value:.3g}"
            f" ({pooled.low:.3g} to {pooled.high:.3g})"
        )
        return f"{where}: {why}{'' if math.isnan(pooled.value) else guess}"
    assert one.before is not None, "a verdict needs a baseline"
    evidence = f"p = {p:.2g} among {looked_at}" if p >= 1e-16 else f"p < 1e-16 among {looked_at}"
    numbers = (
        f"{metric} {one.now.value:.4g} ({one.now.low:.4g} to {one.now.high:.4g}, {one.now.n:,}"
        f" rows), baseline {one.before.value:.4g}"
    )
    if verdict is SegmentVerdict.WORSE:
        return (
            f"{where}: {numbers}, {loss:.3g} worse than the change of the whole (tolerance"
            f" {one.tolerance:.3g}; {evidence})"
        )
    if loss > one.tolerance and p < alpha:
        return f"{where}: {numbers}, not worse than its baseline, where the whole got better"
    if loss > one.tolerance:
        return f"{where}: {numbers}, not significant ({evidence})"
    return f"{where}: {numbers}, within {one.tolerance:.3g} of the change of the whole"
