"""How were two columns spread together, when a day's rows were counted for each alone?"""

import numpy as np
from numpy.typing import ArrayLike

from monitoring_dagster.stats.columns.values import Floats

_ROUNDS = 50
_CLOSE = 1e-9


def raked(seed: ArrayLike, *, rows: ArrayLike, columns: ArrayLike) -> Floats:
    """The joint counts nearest to *seed* that add up to both margins.

    Each round scales rows, then columns, to what was counted (iterative proportional fitting). What
    never happened together in *seed* never does in the result; a row that *seed* never had is as
    its nearest neighbour was, and where the margins cannot both be kept the rows are.

    Parameters
    ----------
    seed
        Counts of a time when both were seen together, shape ``(rows, columns)``, rows in order.
    rows, columns
        Counts now, shapes ``(rows,)`` and ``(columns,)``.

    >>> raked([[8, 2], [1, 9]], rows=[10, 30], columns=[12, 28]).round(1).tolist()
    [[8.3, 1.7], [3.7, 26.3]]

    Source: Deming & Stephan (1940), Annals of Mathematical Statistics 11(4).
    """
    wanted_rows = np.asarray(rows, dtype=np.float64)
    wanted_columns = np.asarray(columns, dtype=np.float64)
    joint = _filled(np.asarray(seed, dtype=np.float64))
    for _ in range(_ROUNDS):
        joint = joint * _ratio(wanted_columns, joint.sum(axis=0))
        joint = joint * _ratio(wanted_rows, joint.sum(axis=1))[:, None]
        # A column that the rows' last scaling left alone: both margins hold.
        if np.abs(joint.sum(axis=0) - wanted_columns).max(initial=0) <= _CLOSE * joint.sum():
            break
    return joint


def _filled(seed: Floats) -> Floats:
    """Rows without any count take the shares of the nearest row that has some."""
    known = np.flatnonzero(seed.sum(axis=1) > 0)
    if not known.size:
        return np.ones_like(seed)
    places = np.arange(len(seed))
    after = np.searchsorted(known, places).clip(max=known.size - 1)
    before = (after - 1).clip(min=0)
    nearer = np.abs(known[before] - places) <= np.abs(known[after] - places)
    chosen = seed[np.where(nearer, known[before], known[after])]
    shares: Floats = chosen / chosen.sum(axis=1, keepdims=True)
    return shares


def _ratio(wanted: Floats, now: Floats) -> Floats:
    """1 where nothing can be scaled: a class that the seed never had."""
    possible = now > 0
    return np.divide(wanted, now, out=np.ones_like(now), where=possible)
