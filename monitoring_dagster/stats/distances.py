"""How far apart are two histograms over the same bins?  Counts in, one number or interval out.

Without rows on one side every distance is NaN, and every p-value 1: nothing is known.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from monitoring_dagster.stats.bins import Floats
from monitoring_dagster.stats.column_profile import NumericProfile

MIN_EXPECTED = 5.0  # rows in a cell, below which the chi-square law is a poor approximation


class Interval(NamedTuple):
    """The quantity certainly lies in [low, high]; the bins say no more about it."""

    low: float
    high: float


def psi(reference: ArrayLike, current: ArrayLike) -> float:
    """Population stability index between two histograms over the same bins.

    A bin that is empty on one side counts as half a row there, so that it is never an infinity;
    one that is empty on both sides is left out.

    Parameters
    ----------
    reference, current
        Rows per bin, shape ``(bins,)``.

    Returns
    -------
    Nats; 0 for equal shares. Without any drift it still averages about
    ``(bins - 1) * (1 / reference.sum() + 1 / current.sum())``.

    >>> round(psi([500, 500], [700, 300]), 3)
    0.169
    >>> round(psi([500, 500, 0], [500, 490, 10]), 3)
    0.029

    Source: Yurdakul & Naranjo (2020), J. Risk Model Validation 14(4).
    """
    if not (np.sum(reference) and np.sum(current)):
        return float("nan")
    rows = np.array([reference, current], dtype=np.float64)
    rows = np.maximum(rows[:, rows.any(axis=0)], 0.5)
    p, q = rows / rows.sum(axis=1, keepdims=True)
    return float(np.sum((p - q) * np.log(p / q)))


def jensen_shannon(reference: ArrayLike, current: ArrayLike) -> float:
    """Jensen-Shannon distance: the root of the base-2 divergence.

    Parameters
    ----------
    reference, current
        Rows per bin, shape ``(bins,)``.

    Returns
    -------
    0 for equal shares to 1 for shares without a common bin. Without any drift its square averages
    about ``(bins - 1) * (1 / reference.sum() + 1 / current.sum()) / (8 * ln 2)``.

    >>> jensen_shannon([5, 5, 0], [0, 0, 3])
    1.0

    Source: Endres & Schindelin (2003), IEEE Trans. Inf. Theory 49(7).
    """
    p, q = _shares(reference), _shares(current)
    middle = (p + q) / 2
    tilt = (p - q) / np.where(middle > 0, p + q, 1.0)  # -1 to 1; keeps the digits of small gaps
    divergence = np.sum(middle * (_x_log_x(1 + tilt, tilt) + _x_log_x(1 - tilt, -tilt))) / 2
    return float(np.sqrt(np.clip(divergence / np.log(2), 0, 1)))


def _x_log_x(x: Floats, x_minus_one: Floats) -> Floats:
    return x * np.log1p(np.where(x > 0, x_minus_one, 0.0))


def hellinger(reference: ArrayLike, current: ArrayLike) -> float:
    """Hellinger distance between two histograms over the same bins.

    Parameters
    ----------
    reference, current
        Rows per bin, shape ``(bins,)``.

    Returns
    -------
    0 for equal shares to 1 for shares without a common bin. Without any drift its square averages
    about ``(bins - 1) * (1 / reference.sum() + 1 / current.sum()) / 8``.

    >>> round(hellinger([500, 500], [700, 300]), 3)
    0.145

    Source: Le Cam & Yang (2000), Asymptotics in Statistics, with the factor 1/sqrt(2).
    """
    p, q = _shares(reference), _shares(current)
    return float(np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2) / 2))


def total_variation(reference: ArrayLike, current: ArrayLike) -> float:
    """The share of rows that would have to move for the two histograms to be equal.

    Parameters
    ----------
    reference, current
        Rows per bin, shape ``(bins,)``.

    Returns
    -------
    0 to 1. Without any drift it averages about
    ``sqrt((1 / reference.sum() + 1 / current.sum()) / (2 * pi)) * sum(sqrt(p * (1 - p)))``.

    >>> total_variation([50, 50], [750, 250])
    0.25

    Source: Levin & Peres (2017), Markov Chains and Mixing Times, proposition 4.2.
    """
    return float(np.sum(np.abs(_shares(reference) - _shares(current))) / 2)


def chi_square(reference: ArrayLike, current: ArrayLike) -> float:
    """How probable are such different shares, if both samples come from one population?

    Pearson's test on the contingency table, so both samples count as samples. Bins with fewer
    than five expected rows are pooled; where two bins are left that small, Fisher's exact test.

    Parameters
    ----------
    reference, current
        Rows per bin, shape ``(bins,)``.

    Returns
    -------
    p-value; below alpha in a share alpha of days without drift.

    >>> round(chi_square([500, 500], [530, 470]), 3)
    0.18

    Source: Agresti (2013), Categorical Data Analysis, section 3.2.
    """
    from scipy import special, stats  # late: scipy.stats takes most of a second

    table = np.array([reference, current], dtype=np.float64)
    table = table[:, table.any(axis=0)]
    if not table.any(axis=1).all() or table.shape[1] < 2:
        return 1.0
    table = _pooled(table)
    if table.shape[1] < 2:
        return 1.0
    expected = _expected(table)
    if table.shape[1] == 2 and expected.min() < MIN_EXPECTED:
        return float(stats.fisher_exact(table.astype(np.int64)).pvalue)
    statistic = np.sum((table - expected) ** 2 / expected)
    return float(special.chdtrc(table.shape[1] - 1, statistic))


def _pooled(table: Floats) -> Floats:
    """Small bins together as one; where that is still small, the next larger joins it."""
    table = table[:, np.argsort(table.sum(axis=0), kind="stable")]
    expected = _expected(table).min(axis=0)
    together = int(np.sum(expected < MIN_EXPECTED))
    if together and expected[:together].sum() < MIN_EXPECTED and together + 1 < len(expected):
        together += 1
    if not together:
        return table
    return np.column_stack([table[:, :together].sum(axis=1), table[:, together:]])


def _expected(table: Floats) -> Floats:
    expected: Floats = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return expected


def ks(reference: ArrayLike, current: ArrayLike, *, edges: Floats) -> Interval:
    """Kolmogorov-Smirnov distance: the largest gap between two distribution functions.

    Exact at every edge; inside a bin both functions may run anywhere between its two ends, which
    bounds the gap from above. A bin of one single value has no inside.

    Parameters
    ----------
    reference, current
        Finite rows per bin, shape ``(len(edges) + 1,)``.
    edges
        Of right-closed bins, strictly increasing.

    Returns
    -------
    0 to 1. Without any drift it averages about
    ``0.87 * sqrt(1 / reference.sum() + 1 / current.sum())``.

    >>> ks([50, 50], [75, 25], edges=np.array([0.0]))
    Interval(low=0.25, high=0.75)

    Source: Hodges (1958), Arkiv foer Matematik 3(43).
    """
    p, q = _shares(reference), _shares(current)
    gap = np.cumsum(p) - np.cumsum(q)
    before = np.append(0.0, gap[:-1])
    inside = np.maximum(before + p, q - before)
    inside[1:-1][edges[1:] == np.nextafter(edges[:-1], np.inf)] = 0.0
    low = float(np.max(np.abs(gap)))
    return Interval(low, float(np.maximum(low, np.max(inside))))


def ks_p_value(distance: float, n_reference: int, n_current: int) -> float:
    """How probable is such a gap, if both samples come from one continuous population?

    Parameters
    ----------
    distance
        0 to 1; the lower end of `ks` makes the test conservative, as ties do.
    n_reference, n_current
        Finite rows.

    Returns
    -------
    p-value; below alpha in at most a share alpha of days without drift.

    >>> round(ks_p_value(0.1, 1000, 1000), 6)
    8.3e-05

    Source: Simard & L'Ecuyer (2011), J. Statistical Software 39(11), at n m / (n + m) rows.
    """
    from scipy import stats  # late: it takes most of a second

    if not (n_reference and n_current):
        return 1.0
    rows = max(round(n_reference * n_current / (n_reference + n_current)), 1)
    return float(np.clip(stats.kstwo.sf(distance, rows), 0.0, 1.0))


def wasserstein(reference: NumericProfile, current: NumericProfile, *, edges: Floats) -> Interval:
    """How far must a finite value move on average, for the two columns to be equal?

    The area between two distribution functions F and G. In a bin from a to b that holds a share p,
    the area under F above F(a) is ``b * p - sum / n``, known exactly from the bin's sum; so is the
    area between F and G, unless they cross inside. Open bins end at the smallest and largest value.

    Returns
    -------
    In the column's own unit. Without any drift it is of the order of
    ``sd * sqrt(1 / reference.finite + 1 / current.finite)``.

    Source: Vallender (1974), Theory of Probability and its Applications 18(4).
    """
    if not (reference.finite and current.finite):
        return Interval(float("nan"), float("nan"))
    low_end = min(reference.minimum, current.minimum, *edges[:1])
    high_end = max(reference.maximum, current.maximum, *edges[-1:])
    ends = np.concatenate([[low_end], edges, [high_end]])
    with np.errstate(over="ignore", invalid="ignore"):
        width = np.diff(ends)
        p, q = _shares(reference.counts), _shares(current.counts)
        # Of counts, not of shares: the outermost bins are so wide that they show a rounding error.
        ahead = np.cumsum(reference.counts) / reference.finite
        gap = ahead - np.cumsum(current.counts) / current.finite
        before = np.append(0.0, gap[:-1])
        area_p = np.clip(ends[1:] * p - reference.sums / reference.finite, 0, width * p)
        area_q = np.clip(ends[1:] * q - current.sums / current.finite, 0, width * q)
        low = np.abs(before * width + area_p - area_q)
        apart = (before >= q) | (-before >= p)  # one function stays above: no crossing
        from_left = np.abs(before) * width + area_p + area_q
        from_right = np.abs(gap) * width + (width * p - area_p) + (width * q - area_q)
        widest = width * np.maximum(np.abs(before + p), np.abs(q - before))
        high = np.where(apart, low, np.minimum(np.minimum(from_left, from_right), widest))
        return Interval(float(np.sum(low)), float(np.sum(np.maximum(low, high))))


def _shares(counts: ArrayLike) -> Floats:
    rows = np.asarray(counts, dtype=np.float64)
    total = rows.sum()
    return rows / total if total else np.full(rows.shape, np.nan)
