"""Were the estimates right, now that the labels are there?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.inference.intervals import wilson
from monitoring_dagster.stats.quality.performance import Metric

MIN_DAYS = 10  # with labels, below which nothing is known about the estimates
MIN_COVERAGE = 0.90  # of intervals that promise 95 %
_USELESS = 2.0  # tolerances: estimates that miss by more say nothing of a drop that matters
_MAX_FOLLOWS = 0.9  # a correlation that a month can still tell from a trend
_NAN = float("nan")


class Checked(NamedTuple):
    """One day's estimate, and what it turned out to be."""

    estimate: float
    low: float  # 95 % interval of what the day would turn out to be
    high: float
    realised: float  # NaN until the day is mature
    reference: float  # what one would have assumed without an estimate


class Trust(StrEnum):
    """How far the estimates of one metric can be relied on."""

    GOOD = "GOOD"
    COARSE = "COARSE"  # right within their intervals, and off by more than matters
    LOW = "LOW"
    UNKNOWN = "UNKNOWN"  # too few days to tell


class Trusted(NamedTuple):
    """How far, and why."""

    trust: Trust
    reason: str


@dataclass(frozen=True, slots=True)
class EstimateAccuracy:
    """How the estimates of one metric of one group have done; NaN where no day is known."""

    metric: str
    days: int  # mature ones with an estimate
    mean_absolute_error: float
    tolerance: float  # how much worse the metric may get; 0 where it is not judged
    beyond: int  # days on which the estimate missed by more than that
    bias: Metric  # mean of estimate minus realised; n: independent days that these are worth
    held: int  # days on which the interval held the realised value
    coverage: Metric  # share of them; n as for bias
    excess_error: Metric  # mean absolute error beyond that of the reference value; n as for bias
    skill: float  # 1: no error; 0: no better than the reference value; below 0: worse
    trust: Trust
    reason: str

    @property
    def words(self) -> str:
        """One sentence that a message can carry."""
        if not self.days:
            return f"no estimate of {self.metric} has been checked against labels yet"
        advice = {
            Trust.GOOD: "reliable",
            Trust.COARSE: f"reliable for large changes only, as {self.reason}",
            Trust.LOW: f"not reliable, as {self.reason}",
            Trust.UNKNOWN: self.reason,
        }[self.trust]
        return (
            f"the last {_counted(self.days, 'estimate')} of {self.metric} missed by"
            f" {self.mean_absolute_error:.2g} on average{self._against_tolerance} and their"
            f" intervals held the truth on {_counted(self.held, 'day')}: {advice}"
        )

    @property
    def _against_tolerance(self) -> str:
        if not self.tolerance:
            return ""
        return (
            f" ({self.tolerance:.2g} is tolerated, exceeded on {self.beyond} of"
            f" {_counted(self.days, 'day')})"
        )


def estimate_accuracy(
    checked: Sequence[Checked], *, metric: str, tolerance: float
) -> EstimateAccuracy:
    """How have the estimates of one metric of one group done?

    Neighbouring days err alike, so n days are worth fewer independent ones. With r the correlation
    of one day's error with the next::

        n_eff  =  n (1 - r) / (1 + r)          for means
        n_eff  =  n (1 - r^2) / (1 + r^2)      for coverage, as far errors follow each other by r^2

    r is corrected for the bias of few days, and never below 0. Intervals: Student's for means,
    Wilson's for coverage.

    Parameters
    ----------
    checked
        In the order of days. Those without an estimate, an interval or a realised value are left
        out.
    tolerance
        How much worse the metric may get, in its unit: see `trusted`.

    Source: Bartlett (1946), J. R. Stat. Soc. Suppl. 8(1) for n_eff; Kendall (1954), Biometrika 41
    for the bias of r; Murphy (1988), Monthly Weather Review 116(12) for skill.
    """
    known = [
        one
        for one in checked
        if np.isfinite([one.estimate, one.realised]).all()
        and not np.isnan([one.low, one.high]).any()
    ]
    n = len(known)
    estimate, low, high, realised, reference = np.array(known, np.float64).reshape(n, 5).T
    error, assumed = estimate - realised, np.abs(reference - realised)
    held = int(np.sum((low <= realised) & (realised <= high)))
    r = _follows(error)
    coverage = _share(held, n, worth=max(n * (1 - r**2) / (1 + r**2), 1.0))
    worth = max(n * (1 - r) / (1 + r), 1.0)
    excess = _mean(np.abs(error) - assumed, worth=worth)
    by_reference = float(assumed.sum())
    average = float(np.abs(error).mean()) if n else _NAN
    beyond = int(np.sum(np.abs(error) > tolerance)) if tolerance else 0
    judged = trusted(
        days=n,
        held=held,
        coverage=coverage,
        excess_error=excess,
        error=average,
        beyond=beyond,
        tolerance=tolerance,
    )
    return EstimateAccuracy(
        metric=metric,
        days=n,
        mean_absolute_error=average,
        tolerance=tolerance,
        beyond=beyond,
        bias=_mean(error, worth=worth),
        held=held,
        coverage=coverage,
        excess_error=excess,
        skill=1 - float(np.abs(error).sum()) / by_reference if by_reference else _NAN,
        trust=judged.trust,
        reason=judged.reason,
    )


def trusted(
    *,
    days: int,
    held: int,
    coverage: Metric,
    excess_error: Metric,
    error: float,
    beyond: int,
    tolerance: float,
) -> Trusted:
    """Can the estimates be relied on?

    Not where their intervals beyond chance hold the truth on fewer than 90 % of days; nor where,
    beyond chance, they missed by more than the reference value did, by more than the *tolerance*;
    nor where they missed by more than twice the tolerance on average: then a drop that matters
    cannot be told from their errors. In quiet times the reference value is hard to beat, and an
    estimate that is off by less is no worse for it.

    COARSE, hence for large changes only, where the average miss exceeds the tolerance, or most
    days' do. Where the tolerance is 0 nobody has said how large a miss matters.

    Parameters
    ----------
    error
        Mean absolute error.
    beyond
        Days on which the estimate missed by more than *tolerance*.
    """
    if days < MIN_DAYS:
        return Trusted(
            Trust.UNKNOWN,
            f"{_counted(days, 'day')} with labels, below the {MIN_DAYS} needed to judge them",
        )
    if coverage.high < MIN_COVERAGE:
        return Trusted(
            Trust.LOW,
            f"intervals that promise 95 % held the truth on {held} of {days} days, which is at most"
            f" {coverage.high:.0%} beyond chance",
        )
    if excess_error.low > tolerance:
        return Trusted(
            Trust.LOW,
            f"they missed by {excess_error.value:.2g} more than the reference value would have,"
            f" at least {excess_error.low:.2g} beyond chance (tolerated {tolerance:.2g})",
        )
    if tolerance and error > tolerance:
        ratio = f"{error / tolerance:.1f} times what is tolerated"
        if error > _USELESS * tolerance:
            return Trusted(Trust.LOW, f"they missed by {ratio} on average")
        return Trusted(Trust.COARSE, f"they missed by {ratio} on average")
    if tolerance and 2 * beyond > days:
        return Trusted(
            Trust.COARSE, f"they missed by more than is tolerated on {beyond} of {days} days"
        )
    return Trusted(Trust.GOOD, f"their intervals held the truth on {held} of {days} days")


def _follows(error: Floats) -> float:
    """Correlation of one day's error with the next, 0 where it is negative."""
    off = error - error.mean() if error.size else error
    squares = float(off @ off)
    if error.size < 3 or not squares:
        return 0.0
    r = float(off[1:] @ off[:-1]) / squares
    return min(max(r + (1 + 3 * r) / error.size, 0.0), _MAX_FOLLOWS)


def _share(held: int, n: int, *, worth: float) -> Metric:
    if not n:
        return Metric(_NAN, _NAN, _NAN, 0)
    low, high = wilson(held / n * worth, worth)
    return Metric(held / n, float(low), float(high), round(worth))


def _mean(values: Floats, *, worth: float) -> Metric:
    from scipy import special  # late: starting often must stay cheap

    if not values.size:
        return Metric(_NAN, _NAN, _NAN, 0)
    mean = float(values.mean())
    if values.size < 2:
        return Metric(mean, _NAN, _NAN, 1)
    freedom = max(worth - 1, 1.0)
    reach = float(special.stdtrit(freedom, 0.975) * values.std(ddof=1) / np.sqrt(worth))
    return Metric(mean, mean - reach, mean + reach, round(worth))


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
