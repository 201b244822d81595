"""How far apart are histograms over the same bins?  Counts in, a number or bounds out.

All functions take any number of pairs at once: leading axes are kept, the last one is the bins.
Without rows on one side every distance is NaN: nothing is known.
"""

import numpy as np
from numpy.typing import ArrayLike

from monitoring_dagster.stats.columns.column_profile import NumericStack
from monitoring_dagster.stats.columns.values import Floats


def psi(reference: ArrayLike, current: ArrayLike) -> Floats:
    """Population stability index between two histograms over the same bins.

    A bin that is empty on one side counts as half a row there, so that it is never an infinity;
    one that is empty on both sides is left out.

    Parameters
    ----------
    reference, current
        Rows per bin, shape ``(..., bins)``.

    Returns
    -------
    Nats, shape ``(...)``; 0 for equal shares. Without any drift it still averages about
    ``(bins - 1) * (1 / reference.sum() + 1 / current.sum())``.

    >>> float(psi([500, 500], [700, 300]).round(3))
    0.169
    >>> float(psi([500, 500, 0], [500, 490, 10]).round(3))
    0.029

    Source: Yurdakul & Naranjo (2020), J. Risk Model Validation 14(4).
    """
    p, q = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    there = (p > 0) | (q > 0)
    known = (p.sum(-1) > 0) & (q.sum(-1) > 0)
    p, q = (_shares(np.where(there, np.maximum(rows, 0.5), 0.0)) for rows in (p, q))
    ratio = np.where(there, p, 1.0) / np.where(there, q, 1.0)
    return np.where(known, np.sum((p - q) * np.log(ratio), axis=-1), np.nan)[()]


def jensen_shannon(reference: ArrayLike, current: ArrayLike) -> Floats:
    """Jensen-Shannon distance: the root of the base-2 divergence.

    Parameters
    ----------
    reference, current
        Rows per bin, shape ``(..., bins)``.

    Returns
    -------
    Shape ``(...)``; 0 for equal shares to 1 for shares without a common bin. Without any drift its
    square averages about ``(bins - 1) * (1 / reference.sum() + 1 / current.sum()) / (8 * ln 2)``.

    >>> float(jensen_shannon([5, 5, 0], [0, 0, 3]))
    1.0

    Source: Endres & Schindelin (2003), IEEE Trans. Inf. Theory 49(7).
    """
    p, q = _shares(reference), _shares(current)
    middle = (p + q) / 2
    tilt = (p - q) / np.where(middle > 0, p + q, 1.0)  # -1 to 1; keeps the digits of small gaps
    divergence = np.sum(middle * (_x_log_x(1 + tilt, tilt) + _x_log_x(1 - tilt, -tilt)), -1) / 2
    distance: Floats = np.sqrt(np.clip(divergence / np.log(2), 0, 1))
    return distance


def _x_log_x(x: Floats, x_minus_one: Floats) -> Floats:
    return x * np.log1p(np.where(x > 0, x_minus_one, 0.0))


def hellinger(reference: ArrayLike, current: ArrayLike) -> Floats:
    """Hellinger distance between two histograms over the same bins.

    Parameters
    ----------
    reference, current
        Rows per bin, shape ``(..., bins)``.

    Returns
    -------
    Shape ``(...)``; 0 for equal shares to 1 for shares without a common bin. Without any drift its
    square averages about ``(bins - 1) * (1 / reference.sum() + 1 / current.sum()) / 8``.

    >>> float(hellinger([500, 500], [700, 300]).round(3))
    0.145

    Source: Le Cam & Yang (2000), Asymptotics in Statistics, with the factor 1/sqrt(2).
    """
    p, q = _shares(reference), _shares(current)
    distance: Floats = np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2, axis=-1) / 2)
    return distance


def total_variation(reference: ArrayLike, current: ArrayLike) -> Floats:
    """The share of rows that would have to move for the two histograms to be equal.

    Parameters
    ----------
    reference, current
        Rows per bin, shape ``(..., bins)``.

    Returns
    -------
    Shape ``(...)``, 0 to 1. Without any drift it averages `total_variation_noise`.

    >>> float(total_variation([50, 50], [750, 250]))
    0.25

    Source: Levin & Peres (2017), Markov Chains and Mixing Times, proposition 4.2.
    """
    moved: Floats = np.sum(np.abs(_shares(reference) - _shares(current)), axis=-1) / 2
    return moved


def total_variation_noise(reference: ArrayLike, current: ArrayLike) -> Floats:
    """The total variation that sampling alone leaves between two samples of one population.

    ``sqrt((1 / n + 1 / m) / (2 * pi)) * sum(sqrt(p * (1 - p)))``, with p the share of a bin in both
    samples together. With many rare bins it is large: half of all rows for 2,000 rows in 1,000
    bins, which no distance over so many bins can do without.

    >>> float(total_variation_noise([500, 500], [520, 480]).round(4))
    0.0178
    """
    before, now = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    n, m = before.sum(-1), now.sum(-1)
    p = _shares(before + now)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sum(np.sqrt(p * (1 - p)), axis=-1)
        noise: Floats = np.sqrt((1 / n + 1 / m) / (2 * np.pi)) * spread
    return noise


def l_infinity(reference: ArrayLike, current: ArrayLike) -> Floats:
    """By how much the share of a single bin changed at most.

    Parameters
    ----------
    reference, current
        Rows per bin, shape ``(..., bins)``.

    Returns
    -------
    Shape ``(...)``, 0 to 1. Without any drift it is of the order of
    ``sqrt(max(p * (1 - p)) * (1 / reference.sum() + 1 / current.sum()))``.

    >>> float(l_infinity([50, 30, 20], [50, 20, 30]).round(3))
    0.1

    Source: Breck et al. (2019), Data Validation for Machine Learning, MLSys.
    """
    largest: Floats = np.max(np.abs(_shares(reference) - _shares(current)), axis=-1)
    return largest


def ks_gap(reference: ArrayLike, current: ArrayLike) -> Floats:
    """The lower bound of `ks` alone: the largest gap at an edge.

    >>> float(ks_gap([50, 50], [75, 25]))
    0.25
    """
    gap: Floats = np.cumsum(_shares(reference), axis=-1) - np.cumsum(_shares(current), axis=-1)
    largest: Floats = np.max(np.abs(gap), axis=-1)
    return largest


def ks(
    reference: ArrayLike, current: ArrayLike, *, singles: ArrayLike = ()
) -> tuple[Floats, Floats]:
    """Kolmogorov-Smirnov distance: the largest gap between two distribution functions.

    Exact at every edge; inside a bin both functions may run anywhere between its two ends, which
    bounds the gap from above. A bin of one single value has no inside.

    Parameters
    ----------
    reference, current
        Finite rows per bin, shape ``(..., bins)``.
    singles
        Which bins hold one single value.

    Returns
    -------
    Bounds within which it certainly lies, each of shape ``(...)``, 0 to 1. Without any drift it
    averages about ``0.87 * sqrt(1 / reference.sum() + 1 / current.sum())``.

    >>> low, high = ks([50, 50], [75, 25])
    >>> float(low), float(high)
    (0.25, 0.75)

    Source: Hodges (1958), Arkiv foer Matematik 3(43).
    """
    p, q = _shares(reference), _shares(current)
    gap = np.cumsum(p, axis=-1) - np.cumsum(q, axis=-1)
    before = _shifted(gap)
    inside = np.maximum(before + p, q - before)
    inside[..., np.asarray(singles, np.intp)] = 0.0
    low = np.max(np.abs(gap), axis=-1)
    return low, np.maximum(low, np.max(inside, axis=-1))


def wasserstein(
    reference: NumericStack, current: NumericStack, *, edges: Floats
) -> tuple[Floats, Floats]:
    """How far must a finite value move on average, for the two columns to be equal?

    The area between two distribution functions F and G. In a bin from a to b that holds a share p,
    the area under F above F(a) is ``b * p - sum / n``, known exactly from the bin's sum; so is the
    area between F and G, unless they cross inside. Open bins end at the smallest and largest value.

    Returns
    -------
    Bounds within which it certainly lies, in the column's own unit, one for each pair. Without any
    drift it is of the order of ``sd * sqrt(1 / reference.finite + 1 / current.finite)``.

    Source: Vallender (1974), Theory of Probability and its Applications 18(4).
    """
    known = (reference.finite > 0) & (current.finite > 0)
    low_end = np.minimum(reference.minimum, current.minimum)
    high_end = np.maximum(reference.maximum, current.maximum)
    if edges.size:
        low_end, high_end = np.minimum(low_end, edges[0]), np.maximum(high_end, edges[-1])
    inner = np.broadcast_to(edges, (*low_end.shape, edges.size))
    ends = np.concatenate([low_end[..., None], inner, high_end[..., None]], axis=-1)
    n = np.maximum(reference.finite, 1)[..., None]
    m = np.maximum(current.finite, 1)[..., None]
    with np.errstate(over="ignore", invalid="ignore"):
        width = np.diff(ends, axis=-1)
        p, q = reference.counts / n, current.counts / m
        # Of counts, not of shares: the outermost bins are so wide that they show a rounding error.
        gap = np.cumsum(reference.counts, axis=-1) / n - np.cumsum(current.counts, axis=-1) / m
        before = _shifted(gap)
        area_p = np.clip(ends[..., 1:] * p - reference.sums / n, 0, width * p)
        area_q = np.clip(ends[..., 1:] * q - current.sums / m, 0, width * q)
        low = np.abs(before * width + area_p - area_q)
        apart = (before >= q) | (-before >= p)  # one function stays above: no crossing
        from_left = np.abs(before) * width + area_p + area_q
        from_right = np.abs(gap) * width + (width * p - area_p) + (width * q - area_q)
        widest = width * np.maximum(np.abs(before + p), np.abs(q - before))
        high = np.where(apart, low, np.minimum(np.minimum(from_left, from_right), widest))
        bounds = np.sum(low, axis=-1), np.sum(np.maximum(low, high), axis=-1)
    return np.where(known, bounds[0], np.nan)[()], np.where(known, bounds[1], np.nan)[()]


def _shifted(gap: Floats) -> Floats:
    """The gap at the lower end of each bin."""
    return np.concatenate([np.zeros_like(gap[..., :1]), gap[..., :-1]], axis=-1)


def _shares(counts: ArrayLike) -> Floats:
    rows = np.asarray(counts, dtype=np.float64)
    total = rows.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return rows / np.where(total > 0, total, np.nan)
