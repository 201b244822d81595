"""Difference of two versions that served on the same days, over the same mix of segments."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.inference.intervals import Z95, mean_of_blocks
from monitoring_dagster.stats.quality.performance import Metric

_LEAST_DAYS = 4  # below which days say too little about how they differ


@dataclass(frozen=True, slots=True)
class SameDays:
    """How far the mean of the first version lies above that of the second."""

    difference: Metric  # n: rows of both versions that were compared
    days: int  # on which both served


def difference_on_same_days(
    rows: ArrayLike, totals: ArrayLike, *, variances: tuple[float, float]
) -> SameDays:
    """Do two versions differ where both answered: on the same days, in the same segments?

    With n rows of mean m of versions a and b on day d in segment value g::

        difference  =  sum_dg v (m_a - m_b) / sum_dg v        v = n_a n_b / (n_a + n_b)

    so that a cell in which only one of them served counts nothing, and neither a worse day nor a
    harder segment that one of them served more speaks against it. The 95 % interval has days as
    blocks, weighted by their v; of fewer than four days that of the rows::

        se^2  =  sum_dg v^2 (s_a^2 / n_a + s_b^2 / n_b) / (sum_dg v)^2

    Parameters
    ----------
    rows, totals
        Of both versions by day and segment value, shape ``(2, days, segment values)``: rows, and
        the sum of their values.
    variances
        s^2 of the values of each version's rows.

    Returns
    -------
    NaN, of no days, where they never served together.

    >>> found = difference_on_same_days(
    ...     [[[90, 10]], [[10, 90]]], [[[9, 5]], [[1, 45]]], variances=(0.1, 0.2)
    ... )
    >>> round(found.difference.value, 3)  # although one has a mean of 0.14, and one of 0.46
    0.0

    Source: Mantel & Haenszel (1959), J. Natl. Cancer Inst. 22(4), for the weights; Li, Morgan &
    Zaslavsky (2018), J. Am. Stat. Assoc. 113(521), for why they are the ones of least variance.
    """
    n, sums = np.asarray(rows, np.float64), np.asarray(totals, np.float64)
    both = (n > 0).all(axis=0)
    safe = np.where(both, n, 1.0)
    weight: Floats = np.where(both, safe.prod(axis=0) / safe.sum(axis=0), 0.0)
    apart = np.where(both, (sums[0] / safe[0]) - (sums[1] / safe[1]), 0.0)
    of_days = weight.sum(axis=1)
    served = of_days > 0
    compared, days = int(n[:, both].sum()), int(served.sum())
    if not days:
        return SameDays(Metric(np.nan, np.nan, np.nan, 0), 0)
    by_day = (weight * apart).sum(axis=1)[served] / of_days[served]
    value, low, high = mean_of_blocks(by_day, of_days[served])
    if days < _LEAST_DAYS:
        per_row = sum(s / rows for s, rows in zip(variances, safe, strict=True))
        reach = Z95 * float(np.sqrt((weight**2 * per_row).sum()) / weight.sum())
        low, high = value - reach, value + reach
    return SameDays(Metric(value, low, high, compared), days)
