"""Do labels come later than they used to, and do those that come late differ from the others?"""

import math
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.inference.evidence import chi_square
from monitoring_dagster.stats.inference.intervals import Z95, wilson
from monitoring_dagster.stats.labels.maturity import arrival_curve, counted
from monitoring_dagster.stats.quality.performance import Metric

_WEEK = 7
_MIN_WEEKS, _LEARNT_WEEKS = 4, 8
_MIN_MISSING, _MIN_BACKLOG_DAYS = 0.1, 0.5
_BEHIND_DAYS, _OF_DAYS, _BEHIND_SD = 3, 5, 3.0
_NORMAL = 1.4826  # standard deviations in a median absolute one, of a normal distribution
_NO_VARIANCE = 1e-9  # of a week without predictions
_MIN_LABELS = 30  # early ones and late ones, below which they are not compared
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Delay:
    """Labels come later than they used to, or fewer of them."""

    days: int  # recent prediction days that were looked at
    expected: float  # labels of theirs that are usually here by now
    arrived: int
    missing: float  # share of the expected
    backlog_days: float  # the missing, in labels of a usual day
    p50_before_days: float
    p50_days: float  # as the last seven days show it
    p_value: float
    words: str


def labels_due(came: ArrayLike, predictions: ArrayLike, *, mature_after_days: int) -> bool:
    """Ought a label to arrive today?

    By the lags on which labels came so far: of each lag the usual share of the predictions that
    are so old today. Due are labels from a tenth of what an ordinary day brings; so none is on the
    first days after a pause of the service. Where none ever came, they are due once the wait for
    some predictions is over.

    Parameters
    ----------
    came
        Labels by lag in days that arrived before today, shape ``(lags,)``.
    predictions
        Per day, oldest first, the last one today; shape ``(days,)``.

    >>> labels_due([0, 90], [100, 100, 100], mature_after_days=3)
    True
    >>> labels_due([0, 90], [100, 0, 0], mature_after_days=3)
    False
    >>> [labels_due([0, 0], [100] * days, mature_after_days=3) for days in (3, 4)]
    [False, True]
    """
    labels, rows = np.asarray(came, np.float64), np.asarray(predictions, np.float64)
    today = rows.size - 1
    if not labels.sum():
        last = rows.size - mature_after_days  # of the days whose wait is over, and a week of them
        return bool(rows[max(last - _WEEK, 0) : max(last, 0)].sum())
    lags = np.arange(min(labels.size, rows.size))
    before = np.append(0.0, np.cumsum(rows))[today - lags]  # predictions that were so old already
    share = np.divide(labels[lags], before, out=np.zeros(lags.size), where=before > 0)
    ordinary = float(rows[rows > 0].mean()) * float(share.sum()) if rows.any() else 0.0
    return ordinary > 0 and bool(share @ rows[today - lags] >= _MIN_MISSING * ordinary)


def slower(triangle: ArrayLike, predictions: ArrayLike, *, alpha: float = 0.05) -> Delay | None:
    """Is labelling slower than usual?

    One look over the recent days, as many as most labels take and at least a week: how many labels
    are behind? Expected is what like weekdays had by the same lag before, so weekends without
    labels are no news. With P predictions, C labels so far and q the usual share for the weekday
    and the lag::

        z  =  sum (P q - C) / sqrt(dispersion * sum P q (1 - q))       over the recent days

    The dispersion, at least 1, is that of the same sum on each past day on which one could have
    looked. So all that ordinary days do counts as chance, also what they do together. Slower needs
    p below *alpha* by Student's law, and either 10 % of the expected labels missing or a backlog of
    half a day's labels.

    And it lasts: of the last five days of which labels were due three have each been behind, now or
    when they were younger, by three standard deviations of chance and of what days differ by at
    that lag (by their median, which no single one moves). Where labels are slower each new day is;
    a storm of a day or two, whose cancelled flights never get a label, is no delay.

    Parameters
    ----------
    triangle, predictions
        As for `arrival_curve`, a row for every day without gaps. Learnt from are the eight weeks
        before the recent days, more where labels take more than nine days.

    Returns
    -------
    None where labels are no slower than usual, or fewer than four weeks are known.

    Source: McCullagh & Nelder (1989), Generalized Linear Models, section 4.5, for dispersion.
    """
    came, upto, rows = counted(triangle, predictions)
    today = len(rows) - 1
    usual = arrival_curve(came[:-_WEEK], rows[:-_WEEK])
    if usual is None:
        return None
    count = min(max(_WEEK, math.ceil(usual.p95_days) + 1), upto.shape[1])
    start = today + 1 - count
    weeks = min(max(_LEARNT_WEEKS, math.ceil(6 * count / _WEEK)), start // _WEEK)
    recent = np.arange(max(start, 0), today + 1)
    lag = (~np.isnan(upto[recent])).sum(1) - 1
    recent, lag = recent[lag >= 0], lag[lag >= 0]
    usual = arrival_curve(came[: max(start, 0)], rows[: max(start, 0)])
    if weeks < _MIN_WEEKS or not rows[recent].sum() or usual is None:
        return None
    past = np.arange(start - weeks * _WEEK, start)
    looks = np.append(past[count - 1 :], today)
    at = looks[:, None] - (today - recent)
    shares = _usual_shares(upto[past], rows[past], past)
    share = shares[at % _WEEK, lag]
    known = ~np.isnan(upto[at, lag])
    expected = np.where(known, rows[at] * share, 0.0)
    behind = (expected - np.where(known, upto[at, lag], 0.0)).sum(1)
    p = _p_value(
        behind / np.sqrt(np.maximum((expected * (1 - share)).sum(1), _NO_VARIANCE)),
        weeks=weeks,
        days=count,
    )
    due, late = float(expected[-1].sum()), float(behind[-1])
    backlog = late / (float(rows[recent].mean()) * usual.coverage.value)
    if p >= alpha or (late < _MIN_MISSING * due and backlog < _MIN_BACKLOG_DAYS):
        return None
    if not _lasts(upto, rows, past, shares):
        return None
    now = arrival_curve(came, rows, window_days=_WEEK)
    p50 = now.p50_days if now is not None else float("nan")
    return Delay(
        recent.size, due, round(due - late), late / due, backlog, usual.p50_days, p50, p,
        f"{late / due:.0%} of the labels that the last {recent.size} days usually have by now are"
        f" missing ({due - late:,.0f} of {due:,.0f} are here), a backlog of {backlog:.1f} days;"
        f" half of a day's labels came within {usual.p50_days:.1f} days before, and within"
        f" {p50:.1f} this week; {_evidence(p)}",
    )  # fmt: skip


def _usual_shares(upto: Floats, rows: Floats, days: NDArray[np.intp]) -> Floats:
    """Labels per prediction by weekday and lag, shape ``(7, lags)``; never quite 0 or 1, as a few
    weeks cannot know that (Jeffreys' prior)."""
    known = ~np.isnan(upto)
    weekday = days[:, None] % _WEEK == np.arange(_WEEK)
    labels = weekday.T.astype(np.float64) @ np.where(known, upto, 0.0)
    served = weekday.T.astype(np.float64) @ np.where(known, rows[:, None], 0.0)
    shares: Floats = (labels + 0.5) / (served + 1)
    return shares


def _lasts(upto: Floats, rows: Floats, past: NDArray[np.intp], shares: Floats) -> bool:
    """Whether several of the newest days have been behind at some age; days of which no label was
    due by now are left out."""
    days = np.arange(len(rows))
    expected = np.where(np.isnan(upto), 0.0, rows[:, None] * shares[days % _WEEK])
    chance = np.sqrt(np.maximum(expected * (1 - shares[days % _WEEK]), _NO_VARIANCE))
    off = (expected - np.nan_to_num(upto)) / chance
    served = past[rows[past] > 0]
    spread = np.fmax(_NORMAL * np.median(np.abs(off[served]), axis=0), 1.0)
    was_due: NDArray[np.bool_] = expected >= 1
    was_behind: NDArray[np.bool_] = np.any(was_due & (off >= _BEHIND_SD * spread), axis=1)
    newest = was_behind[np.any(was_due, axis=1)][-_OF_DAYS:]
    return int(newest.sum()) >= _BEHIND_DAYS


def _p_value(z: Floats, *, weeks: int, days: int) -> float:
    """One-sided, of the last look among all; each weekday's mean comes from *weeks* of them."""
    from scipy import special  # late: starting often must stay cheap

    dispersion = max(float(np.mean(np.square(z[:-1]))) / (1 - 1 / weeks), 1.0)
    looks = max(weeks * _WEEK / days - 1, 1.0)  # those of overlapping days tell nothing new
    return float(special.stdtr(looks, -z[-1] / math.sqrt(dispersion * (1 + 1 / weeks))))


def _evidence(p: float) -> str:
    return f"p = {p:.2g}" if p >= 1e-16 else "p < 1e-16"


class LabelMean(NamedTuple):
    """Labelled rows, and the mean of something over them: the label, or a loss."""

    n: int
    mean: float  # anything without rows
    variance: float  # of a single row
    is_share: bool = False  # of rows that are 0 or 1

    @classmethod
    def of_counts(cls, ones: int, n: int) -> Self:
        """Rows of which *ones* are 1 and the others 0."""
        share = ones / n if n else 0.0
        return cls(n, share, share * (1 - share), is_share=True)

    def metric(self) -> Metric:
        """With Wilson's interval for a share, a normal one for a mean; NaN without rows."""
        if not self.n:
            return Metric(_NAN, _NAN, _NAN, 0)
        if self.is_share:
            low, high = wilson(self.mean * self.n, self.n)
            return Metric(self.mean, float(low), float(high), self.n)
        reach = Z95 * math.sqrt(self.variance / self.n) if self.n > 1 else _NAN
        return Metric(self.mean, self.mean - reach, self.mean + reach, self.n)


@dataclass(frozen=True, slots=True)
class LateBias:
    """What late labels are like, and what a day becomes if its missing ones are like them."""

    early: Metric
    late: Metric
    p_value: float  # two-sided, that both have one mean; NaN where a side has too few rows
    differ: bool
    known: Metric  # of the day's labels that are here
    projected: Metric  # n: labels in the end
    words: str


def late_bias(
    early: LabelMean,
    late: LabelMean,
    *,
    known: LabelMean,
    missing: float,
    name: str = "base rate",
    alpha: float = 0.05,
) -> LateBias:
    """Do labels that come late differ from early ones, and what does a day without them hide?

    Shares are compared by the chi-square or Fisher's exact test, means by Welch's. Projected is the
    day's mean in the end, if the *missing* labels m are like the late ones::

        projected  =  (n known  +  m late) / (n + m)

    Its interval holds both the day's own mean and the one behind it, of which the day is a sample.

    Parameters
    ----------
    early, late
        Of complete days, so that every label had the time to come late; below 30 labels on either
        side nothing is said.
    known
        Of the day in question, as far as its labels are here.
    missing
        Labels that are still expected on it: `expected_labels` minus those here.
    name
        Of the mean, for the words.
    """
    few = min(early.n, late.n) < _MIN_LABELS
    p = _NAN if few else _difference(early, late)
    projected = _projected(known, late, missing)
    first, last = early.metric(), late.metric()
    differ = p < alpha
    if few:
        words = (
            f"{early.n:,} early and {late.n:,} late labels, below the {_MIN_LABELS} needed to tell"
            " whether late ones differ"
        )
    else:
        words = (
            f"the {name} is {_shown(last)} where labels come late and {_shown(first)} where they"
            f" come early ({_evidence(p)}): "
        )
        words += (
            f"with {missing:,.0f} of {known.n + missing:,.0f} labels missing it is"
            f" {_shown(known.metric())} as far as known, and {_shown(projected)} if the missing are"
            " like the late"
            if differ
            else "no more than chance"
        )
    return LateBias(first, last, p, differ, known.metric(), projected, words)


def _difference(early: LabelMean, late: LabelMean) -> float:
    if early.is_share and late.is_share:
        before, after = (
            [round(one.n * one.mean), round(one.n * (1 - one.mean))] for one in (early, late)
        )
        return float(chi_square(before, after))
    from scipy import special  # late: starting often must stay cheap

    parts = np.array([one.variance / one.n for one in (early, late)])
    if not parts.sum():
        return 1.0 if early.mean == late.mean else 0.0
    freedom = parts.sum() ** 2 / float(parts**2 @ [1 / (early.n - 1), 1 / (late.n - 1)])
    return float(2 * special.stdtr(freedom, -abs(early.mean - late.mean) / np.sqrt(parts.sum())))


def _projected(known: LabelMean, late: LabelMean, missing: float) -> Metric:
    """The missing are a sample like the late, whose mean is itself only known so well."""
    total = known.n + missing
    if not total or (missing and not late.n):
        return Metric(_NAN, _NAN, _NAN, round(total))
    value = known.n / total * known.mean + missing / total * late.mean
    variance = known.n * known.variance + missing * late.variance
    if missing:
        variance += missing**2 * late.variance / late.n
    reach = Z95 * math.sqrt(variance) / total
    low, high = value - reach, value + reach
    if known.is_share and late.is_share:
        low, value, high = (min(max(one, 0.0), 1.0) for one in (low, value, high))
    return Metric(value, low, high, round(total))


def _shown(metric: Metric) -> str:
    return f"{metric.value:.4g} ({metric.low:.4g} to {metric.high:.4g})"
