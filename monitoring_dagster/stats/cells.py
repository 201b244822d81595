"""How is a profile cut into the few cells that distances compare?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitoring_dagster.stats.bins import BUCKETS, Bins, CategoricalBins, NumericBins
from monitoring_dagster.stats.column_profile import (
    CategoricalProfile,
    ColumnProfile,
    Counts,
    NumericStack,
    of_kind,
)
from monitoring_dagster.stats.values import Floats

NUMERIC_GROUPS = 10  # of about equal reference mass: the deciles PSI is defined over
FREQUENT_LEVELS = 20  # of the reference; all rarer ones are one cell
_UNSEEN = -BUCKETS - 1  # where the unseen begin; the last of all are the missing


def group_starts(counts: Counts) -> NDArray[np.intp]:
    """First fine bin of each of about `NUMERIC_GROUPS` groups of equal mass, by row of *counts*.

    Where one bin carries several groups' mass, all but one of them are empty.
    """
    upto = np.cumsum(counts, axis=1)
    targets = np.arange(1, NUMERIC_GROUPS) * upto[:, -1:] / NUMERIC_GROUPS - 1e-9
    inner = (upto[:, None, :] < targets[:, :, None]).sum(2) + 1
    inner = np.where(upto[:, -1:] > 0, inner, counts.shape[1])
    return np.pad(inner, ((0, 0), (1, 0)))


def grouped_of(counts: Counts, starts: NDArray[np.intp]) -> Counts:
    upto = np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0)))
    ends = np.pad(starts[:, 1:], ((0, 0), (0, 1)), constant_values=counts.shape[1])
    rows: Counts = np.take_along_axis(upto, ends, 1) - np.take_along_axis(upto, starts, 1)
    return rows


def masses_of(side: NumericStack, bins: NumericBins) -> Counts:
    """Rows near the reference's range, far below, far above, missing, and infinite either way."""
    above = bins.far & (np.cumsum(~bins.far) > 0)
    far_below, far_above = (side.counts[..., where].sum(-1) for where in (bins.far & ~above, above))
    return np.stack(
        [
            side.finite - far_below - far_above,
            far_below,
            far_above,
            side.nulls,
            side.negative_infinite,
            side.positive_infinite,
        ],
        axis=-1,
    )


def levels_of(profiles: Sequence[ColumnProfile], bins: Bins) -> Counts:
    """Rows of each level, then unseen by bucket, then missing; shape (profiles, bins + 1)."""
    found = of_kind(CategoricalProfile, profiles, bins)
    return np.stack([np.append(one.counts, one.nulls) for one in found])


def level_cells(levels: Counts) -> Counts:
    """The most frequent levels (bins are laid in that order), the rarer, unseen, missing."""
    known = levels[..., :_UNSEEN]
    rarer = known[..., FREQUENT_LEVELS:].sum(-1, keepdims=True)
    return np.concatenate(
        [known[..., :FREQUENT_LEVELS], rarer, unseen_of(levels)[..., None], levels[..., -1:]],
        axis=-1,
    )


def unseen_of(levels: Counts) -> Counts:
    """Rows of values that the reference never had."""
    rows: Counts = levels[..., _UNSEEN:-1].sum(-1)
    return rows


def testable_levels(before: Counts, now: Counts, bins: CategoricalBins) -> tuple[Counts, Counts]:
    """The same rows, with the levels that may be missing from a reference by chance in the buckets
    of the unseen values, on both sides.

    The reference decides which levels there are, so a level that it only just has is one of many
    that it might have missed; only where so many rows were to be expected that it could not have
    been missed is the level a cell of its own. The levels come by name: in the order of the bins
    those of equal size would still tell which of them the reference had more often.
    """
    n, m = (side.sum(-1, keepdims=True) for side in (before, now))
    expected = (before + now)[..., :_UNSEEN] * (n / np.maximum(n + m, 1))
    rare = expected < bins.rarest + 3 * np.sqrt(bins.rarest) + 5  # rows; missed once in 8,000 times
    by_name = sorted(range(len(bins.levels)), key=bins.levels.__getitem__)
    order = [*by_name, *range(len(bins.levels), before.shape[-1])]
    return _bucketed(before, rare, bins)[..., order], _bucketed(now, rare, bins)[..., order]


def _bucketed(levels: Counts, rare: NDArray[np.bool_], bins: CategoricalBins) -> Counts:
    cells = np.broadcast_to(levels, (*rare.shape[:-1], levels.shape[-1])).copy()
    moved = np.where(rare, levels[..., :_UNSEEN], 0)
    cells[..., :_UNSEEN] -= moved
    for bucket in np.unique(bins.buckets):
        cells[..., len(bins.levels) + bucket] += moved[..., bins.buckets == bucket].sum(-1)
    return cells


def new_share(levels: Counts, *, unseen_share: float = 0.0) -> Floats:
    """Share of missing and unseen values; of the latter at least *unseen_share* of the others."""
    rows = np.maximum(levels.sum(-1), 1)
    missing = levels[..., -1] / rows
    found: Floats = missing + np.maximum(unseen_of(levels) / rows, unseen_share * (1 - missing))
    return found
