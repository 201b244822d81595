"""How probable is such a difference, if both samples come from one population?

All functions take any number of pairs at once: leading axes are kept, the last one is the bins.
Without rows on one side every p-value is 1: nothing is known.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.stats.columns.values import Floats

MIN_EXPECTED = 5.0  # rows in a cell, below which the chi-square law is a poor approximation


def chi_square(reference: ArrayLike, current: ArrayLike) -> Floats:
    """How probable are such different shares, if both samples come from one population?

    Pearson's test on the contingency table, so both samples count as samples. Bins with fewer
    than five expected rows are put together with others of their size until they have as many; two
    cells have Yates' correction. If all small bins together have fewer, Fisher's exact test tells
    them from the rest, and the smaller of both p-values counts twice (Bonferroni).

    Parameters
    ----------
    reference, current
        Rows per bin, shape ``(..., bins)``; the bins in an order that does not come from the rows
        of one side.

    Returns
    -------
    p-values, shape ``(...)``; below alpha in at most a share alpha of days without drift.

    >>> float(chi_square([500, 500], [530, 470]).round(3))
    0.194

    Source: Agresti (2013), Categorical Data Analysis, sections 3.2 and 3.5.
    """
    before, now = np.broadcast_arrays(
        np.asarray(reference, np.float64), np.asarray(current, np.float64)
    )
    shape = before.shape[:-1]
    before, now = (rows.reshape(-1, rows.shape[-1]) for rows in (before, now))
    n, m = before.sum(1), now.sum(1)
    p_values = np.ones(len(n))
    possible = np.flatnonzero((n > 0) & (m > 0))
    if possible.size:
        before, now, few = _grouped(before[possible], now[possible])
        others = [
            np.column_stack([np.where(few, 0.0, side[:, 0]), side[:, 1:]]) for side in (before, now)
        ]
        found, cells = _pearson(*others)
        for row in np.flatnonzero(few):
            exact = _fisher(before[row], now[row])
            found[row] = exact if cells[row] < 2 else min(2 * min(exact, found[row]), 1.0)
        p_values[possible] = found
    return p_values.reshape(shape)[()]


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """The smallest false discovery rate at which each p-value would be a discovery.

    By hand, since each step and command that judges would wait for ``scipy.stats``, whose
    ``false_discovery_control`` is the same.

    >>> benjamini_hochberg([0.01, 0.5, 0.02]).tolist()
    [0.03, 0.5, 0.03]

    Source: Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57(1).
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p)[::-1]  # the largest first
    ranks = np.arange(p.size, 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum.accumulate(p[order] * p.size / ranks)
    return np.minimum(adjusted, 1.0)


def _pearson(before: Floats, now: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """p-values, 1 for a single cell, and how many cells there are."""
    from scipy import special  # late: starting often must stay cheap

    together = before + now
    n, m = before.sum(1), now.sum(1)
    cells = (together > 0).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = together * (n / (n + m))[:, None]
        gap = np.abs(before - expected) - np.where(cells == 2, 0.5, 0.0)[:, None]
        of_cell = np.maximum(gap, 0.0) ** 2 / (expected * (m / (n + m))[:, None])
    statistic = np.sum(np.where(together > 0, of_cell, 0.0), axis=1)
    known = (cells > 1) & (n > 0) & (m > 0)
    return np.where(known, special.chdtrc(np.maximum(cells - 1, 1), statistic), 1.0), cells


def _grouped(before: Floats, now: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Both sides with their small bins in groups of at least `MIN_EXPECTED` expected rows, and
    where the small bins are too few for that: they are the first cell then.

    Which bins go together must depend on nothing but the rows of both sides taken together, or the
    test would see its own choice. So bins of equal size stay in their order, which must not tell
    how frequent they are in the reference.
    """
    together = before + now
    n, m, bins = before.sum(1), now.sum(1), together.shape[1]
    order = np.argsort(together, axis=1, kind="stable")
    ranked = np.take_along_axis(together, order, axis=1)
    expected = ranked * (np.minimum(n, m) / (n + m))[:, None]  # the larger sample has more
    small = expected < MIN_EXPECTED
    but_largest = np.where(small, expected, 0.0)[:, :-1].sum(1)
    small[:, -1] &= but_largest >= MIN_EXPECTED  # else nothing is left to tell them from
    mass = np.where(small, expected, 0.0).sum(1)
    begun = (np.cumsum(expected, axis=1) - expected) // (2 * MIN_EXPECTED)
    last = np.maximum(mass // (2 * MIN_EXPECTED) - 1, 0)  # takes what would be too small a group
    group = np.where(small, np.minimum(begun, last[:, None]), np.arange(bins)).astype(np.intp)
    flat = (group + bins * np.arange(len(group))[:, None]).ravel()

    def summed(side: Floats) -> Floats:
        rows = np.take_along_axis(side, order, axis=1).ravel()
        cells = np.bincount(flat, weights=rows, minlength=rows.size).astype(np.float64)
        return cells.reshape(side.shape)

    return summed(before), summed(now), (mass > 0) & (mass < MIN_EXPECTED)


def _fisher(reference: Floats, current: Floats) -> float:
    """Two-sided p-value of the first cell and the rest: all tables no more probable than this."""
    from scipy import special  # late: as above

    n, m = float(reference.sum()), float(current.sum())
    first = float(reference[0] + current[0])
    k = np.arange(max(0.0, first - n), min(first, m) + 1)  # rows of `current` in the first cell
    logs = -(
        special.betaln(k + 1, m - k + 1) + special.betaln(first - k + 1, n - first + k + 1)
    )  # up to a constant, the logarithm of C(m, k) * C(n, first - k)
    weights = np.exp(logs - logs.max())
    observed = weights[int(current[0] - k[0])]
    return float(min(weights[weights <= observed * (1 + 1e-7)].sum() / weights.sum(), 1.0))


def ks_p_value(distance: ArrayLike, n_reference: ArrayLike, n_current: ArrayLike) -> Floats:
    """How probable is such a gap, if both samples come from one continuous population?

    Parameters
    ----------
    distance
        0 to 1; the lower end of `ks` makes the test conservative, as ties and small samples do.
    n_reference, n_current
        Finite rows.

    Returns
    -------
    p-values; below alpha in at most a share alpha of days without drift.

    >>> float(ks_p_value(0.1, 1000, 1000).round(6))
    9.1e-05

    Source: Smirnov (1939); the limit law at ``n * m / (n + m)`` rows.
    """
    from scipy import special  # late: starting often must stay cheap

    n, m = np.asarray(n_reference, np.float64), np.asarray(n_current, np.float64)
    known = (n > 0) & (m > 0)
    rows = n * m / np.where(known, n + m, 1.0)
    gap = np.where(known, np.nan_to_num(np.asarray(distance, np.float64)), 0.0)
    return np.clip(special.kolmogorov(np.sqrt(rows) * gap), 0.0, 1.0)


def unseen_p_value(
    expected: ArrayLike,
    reference_rows: ArrayLike,
    unseen: ArrayLike,
    current_rows: ArrayLike,
    *,
    clustering: float = 1.0,
) -> Floats:
    """How probable are so many rows of unseen values, if both samples come from one population?

    The binomial test of two rates, given the sum of both counts; one-sided, exact without
    *clustering*.

    Parameters
    ----------
    expected, reference_rows
        Rows of the reference whose values its other rows never had, and among how many.
    unseen, current_rows
        Rows whose values the reference never had, and among how many.
    clustering
        By how much more the number of expected rows varies than by the binomial law; at least 1.

    Returns
    -------
    p-values; below alpha in at most a share alpha of days without drift.

    >>> float(unseen_p_value(0, 900, 2, 100).round(3))
    0.01

    Source: Przyborowski & Wilenski (1940), Biometrika 31(3/4), for the test.
    """
    from scipy import special  # late: starting often must stay cheap

    k, n, u, m = (
        np.asarray(of, np.float64) for of in (expected, reference_rows, unseen, current_rows)
    )
    possible = (n > 0) & (m > 0) & (u > 0)
    share = m / np.where(possible, n + m, 1.0)
    found = special.betainc(np.where(possible, u, 1.0) / clustering, k / clustering + 1, share)
    return np.where(possible, found, 1.0)[()]
