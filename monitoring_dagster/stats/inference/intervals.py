"""Between which bounds does a share lie?  Intervals that keep their promise near 0 and 1."""

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from monitoring_dagster.stats.columns.values import Floats

_Numbers = TypeVar("_Numbers", float, Floats)
Z95 = 1.959963984540054  # two-sided 95 % of the normal law


def standard_error(low: _Numbers, high: _Numbers) -> _Numbers:
    """The standard error that a 95 % interval of the normal law says.

    >>> round(standard_error(-1.96, 1.96), 3)
    1.0
    """
    return (high - low) / (2 * Z95)


def wilson(rows: ArrayLike, of: ArrayLike) -> tuple[Floats, Floats]:
    """The 95 % interval of a share, by Wilson's score method.

    Parameters
    ----------
    rows, of
        Counts of equal shape, ``rows <= of``.

    Returns
    -------
    Lower and upper ends, 0 to 1; NaN out of nothing.

    >>> low, high = wilson(7, 9)
    >>> float(low.round(3)), float(high.round(3))
    (0.453, 0.937)

    Source: Brown, Cai & DasGupta (2001), Statistical Science 16(2).
    """
    n = np.asarray(of, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.asarray(rows, np.float64) / n
        middle = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
        reach = Z95 / (1 + Z95**2 / n) * np.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    # Rounding must not leave the share itself outside.
    return np.maximum(np.minimum(middle - reach, p), 0.0), np.minimum(
        np.maximum(middle + reach, p), 1.0
    )


def mean_of_blocks(values: ArrayLike, rows: ArrayLike) -> tuple[float, float, float]:
    """A mean by rows, and its 95 % interval where rows of one block (a day) share their luck.

    With value v_b over the n_b rows of block b, B blocks and n rows::

        mean = sum_b n_b * v_b / n
        se^2 = B / (B - 1) * sum_b (n_b * (v_b - mean))^2 / n^2

    in Student's t with n^2 / sum_b n_b^2 - 1 degrees of freedom: B - 1 where all blocks have as
    many rows. A single block has a mean and no interval.

    Parameters
    ----------
    values, rows
        A block each, shape ``(blocks,)``.

    >>> mean, low, high = mean_of_blocks([1.0, 2.0, 3.0], [10, 10, 10])
    >>> round(mean, 3), round(low, 3), round(high, 3)
    (2.0, -0.484, 4.484)

    Source: as `paired` in `stats.quality.comparison`, which has both models' rows.
    """
    from scipy import special  # late: half a second

    x, n = np.asarray(values, np.float64), np.asarray(rows, np.float64)
    total = n.sum()
    mean = float(n @ x / total) if total > 0 else np.nan
    freedom = float(total**2 / np.square(n).sum()) - 1 if total > 0 else 0.0
    if x.size < 2 or not freedom > 0:
        return mean, np.nan, np.nan
    spread = np.square(n * (x - mean)).sum() * x.size / (x.size - 1)
    reach = float(special.stdtrit(freedom, 0.975)) * float(np.sqrt(spread) / total)
    return mean, mean - reach, mean + reach
