"""Control chart of a quantity by day: whether it has left its normal variation, and by how much."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from monitoring_dagster.stats.columns.values import Floats

_WEIGHT = 0.15  # of the newest day; half of all weight lies on the newest 4.3 days
_MOST = 3.0  # standard deviations that one day counts for: no single storm is a change
_MOST_CORRELATION = 0.9


@dataclass(frozen=True, slots=True)
class NormalVariation:
    """How a daily number varies between days while nothing is wrong."""

    mean: float
    deviation: float  # standard deviation between days, without what chance in their rows adds
    correlation: float  # of a day with the next one, 0 to 0.9
    days: int  # that it was learnt from


@dataclass(frozen=True, slots=True)
class Chart:
    """Where the average of the newest days stands."""

    distance: float  # in its standard errors; positive is worse
    change: float  # weighted mean of the changes, in the number's unit
    days: int

    def is_beyond(self, limit: float) -> bool:
        """Whether it has left normal variation; exactly on the *limit* it has not."""
        return self.distance > limit


def normal_variation(values: ArrayLike, errors: ArrayLike) -> NormalVariation | None:
    """How a number varies between the days of a reference; None for fewer than three days.

    ::

        deviation^2 = max(var(values) - mean(errors^2), 0)
        correlation = cov(values[t], values[t + 1]) / deviation^2,   within 0 and 0.9

    The covariance of neighbours has no part of chance in the rows, so neither has the correlation.
    As a mean that was estimated from the same n days takes a part of the covariance away, it is
    given back: 1 / n of the whole variance for each day that the series remembers.

    Parameters
    ----------
    values, errors
        A number a day in the order of days, and the standard error that its rows leave it; shape
        ``(days,)``. Days without either are left out.

    Source: DerSimonian & Laird (1986), Controlled Clinical Trials 7, for the deviation; Marriott &
    Pope (1954), Biometrika 41, for the correlation's bias.
    """
    x, chance = np.asarray(values, np.float64), np.asarray(errors, np.float64)
    known = np.isfinite(x) & np.isfinite(chance)
    x, chance = x[known], chance[known]
    if x.size < 3:
        return None
    variance = max(float(x.var(ddof=1) - np.mean(chance**2)), 0.0)
    centred = x - x.mean()
    covariance = float(centred[:-1] @ centred[1:]) / (x.size - 1)
    correlation = covariance / variance if variance > 0 else 0.0
    correlation += (1 + 3 * max(correlation, 0.0)) / x.size  # Marriott & Pope
    return NormalVariation(
        float(x.mean()), sqrt(variance), float(np.clip(correlation, 0, _MOST_CORRELATION)), x.size
    )


def control_chart(changes: ArrayLike, errors: ArrayLike, normal: NormalVariation) -> Chart:
    """Whether the newest days lie beyond normal variation: an EWMA of standardised changes.

    ::

        z[t] = min(change[t] / sqrt(deviation^2 + error[t]^2), 3)
        e[t] = 0.15 z[t] + 0.85 e[t - 1],   e before the first day = 0
        distance = e / sqrt(w / (2 - w) * (1 + (1 - w) c) / (1 - (1 - w) c) + b)

    with w = 0.15 and the correlation c of neighbouring days; b is the variance of the baseline,
    which is the mean of ``days`` days of that correlation, in units of z. The correlation counts
    for the part of a day's variance that chance in its rows does not make.

    Parameters
    ----------
    changes, errors
        How much worse each day was than its baseline, oldest first, and the standard error that
        its rows leave it; shape ``(days,)``. Days without either are left out.

    Source: Roberts (1959), Technometrics 1, for the chart; Schmid (1997), Sequential Analysis 16,
    for its variance where days are correlated.
    """
    x, chance = np.asarray(changes, np.float64), np.asarray(errors, np.float64)
    known = np.isfinite(x) & np.isfinite(chance)
    x, chance = x[known], chance[known]
    if not x.size:
        return Chart(0.0, 0.0, 0)
    variance = normal.deviation**2 + chance**2
    scale = np.sqrt(variance)
    z = np.divide(x, scale, out=np.sign(x) * _MOST, where=scale > 0)
    weights = _WEIGHT * (1 - _WEIGHT) ** np.arange(x.size)[::-1]
    average = float(weights @ np.minimum(z, _MOST))
    between = float(weights @ _share(normal.deviation**2, variance)) / float(weights.sum())
    c = normal.correlation * between
    chart = _WEIGHT / (2 - _WEIGHT) * (1 + (1 - _WEIGHT) * c) / (1 - (1 - _WEIGHT) * c)
    c = normal.correlation
    baseline = between * (1 + c) / (1 - c) / normal.days * float(weights.sum()) ** 2
    return Chart(
        average / sqrt(chart + baseline),
        float(weights @ x) / float(weights.sum()),
        x.size,
    )


def _share(part: float, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
