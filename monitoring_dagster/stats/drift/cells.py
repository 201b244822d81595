"""How is a profile cut into the few cells that distances compare?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring_dagster.stats.columns.bins import BUCKETS, CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.column_profile import (
    CategoricalProfile,
    ColumnProfile,
    Counts,
    NumericStack,
    of_kind,
)
from monitoring_dagster.stats.columns.values import Floats

NUMERIC_GROUPS = 10  # of about equal reference mass: the deciles PSI is defined over
FREQUENT_LEVELS = 20  # of the reference; all rarer ones are one cell


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


def levels_of(profiles: Sequence[ColumnProfile], bins: CategoricalBins) -> Counts:
    """Rows of each bin, then missing; shape (profiles, bins + 1)."""
    found = of_kind(CategoricalProfile, profiles, bins)
    return np.stack([np.append(one.counts, one.nulls) for one in found])


def level_cells(levels: Counts, bins: CategoricalBins) -> Counts:
    """The most frequent levels (bins are laid in that order), the rarer, unseen, missing."""
    frequent = levels[..., : min(FREQUENT_LEVELS, len(bins.levels))]
    unseen, missing = unseen_of(levels, bins)[..., None], levels[..., -1:]
    rarer = levels.sum(-1, keepdims=True) - frequent.sum(-1, keepdims=True) - unseen - missing
    return np.concatenate([frequent, rarer, unseen, missing], axis=-1)


def unseen_of(levels: Counts, bins: CategoricalBins) -> Counts:
    """Rows of values that the reference never had."""
    rows: Counts = levels[..., bins.unseen].sum(-1)
    return rows


def testable_levels(
    before: Counts, now: Counts, bins: CategoricalBins
) -> tuple[Counts, Counts, NDArray[np.bool_]]:
    """The same rows, with the levels that may be missing from a reference by chance in the buckets
    of the unseen values, on both sides; and where there are such levels, or so many levels that a
    new one is lost among them.

    The reference decides which levels there are, so a level that it only just has is one of many
    that it might have missed; only where so many rows were to be expected that it could not have
    been missed is the level a cell of its own. The levels come by name: in the order of the bins
    those of equal size would still tell which of them the reference had more often.
    """
    named, unseen = len(bins.levels), bins.unseen
    n, m = (side.sum(-1, keepdims=True) for side in (before, now))
    expected = (before + now)[..., :named] * (n / np.maximum(n + m, 1))
    rare = expected < bins.rarest + 3 * np.sqrt(bins.rarest) + 5  # rows; missed once in 8,000 times
    by_name = sorted(range(named), key=bins.levels.__getitem__)
    order = [*by_name, *range(unseen.start, unseen.stop), before.shape[-1] - 1]
    together = before + now
    some = (together[..., :named] * rare).sum(-1) + together[..., unseen.stop : -1].sum(-1)
    many = (together[..., :named] > 0).sum(-1) > FREQUENT_LEVELS
    first, second = (_bucketed(side, rare, bins)[..., order] for side in (before, now))
    return first, second, many | (some > 0)


def _bucketed(levels: Counts, rare: NDArray[np.bool_], bins: CategoricalBins) -> Counts:
    cells = np.broadcast_to(levels, (*rare.shape[:-1], levels.shape[-1])).copy()
    moved = np.where(rare, levels[..., : len(bins.levels)], 0)
    cells[..., : len(bins.levels)] -= moved
    for bucket in np.unique(bins.buckets):
        cells[..., len(bins.levels) + bucket] += moved[..., bins.buckets == bucket].sum(-1)
    for start in range(bins.unseen.stop, bins.size, BUCKETS):
        cells[..., bins.unseen] += cells[..., start : start + BUCKETS]
    return cells


class Expected(NamedTuple):
    """Rows of a reference whose values its other rows never had: as many unseen ones are to be
    expected of as many further rows."""

    unseen: Floats
    rows: Floats  # among which they were looked for; the missing ones left out
    at_most: Floats  # what a test should count as expected
    clustering: float  # by how much more the unseen vary than by the binomial law

    @property
    def share(self) -> Floats:
        return self.unseen / np.maximum(self.rows, 1)


def expected_unseen(before: Counts, bins: CategoricalBins, *, own: bool) -> Expected:
    """How many rows like those of the reference have values that the bins do not know.

    Parameters
    ----------
    before
        Rows of the reference side by bin, as `levels_of` gives them.
    own
        Whether these are the rows that the bins were laid over. Their values are known for that
        alone, so what counts is what they had once; or, where the bins were laid over a part of
        the rows, how many of the others they do not know.

    Source: Good (1953), Biometrika 40(3); the variance is Esty's (1983), Ann. Statist. 11(3).
    """
    rows = (before.sum(-1) - before[..., -1]).astype(np.float64)
    unseen = unseen_of(before, bins).astype(np.float64)
    if not own:
        return Expected(unseen, rows, unseen, 1.0)
    if bins.laid_over < 1:
        return Expected(unseen, rows * (1 - bins.laid_over), unseen, 1.0)
    singles = _singles(before, bins).sum(-1).astype(np.float64)
    more, clustering = _by_chance(bins.times)
    return Expected(singles, rows, singles + more * rows / max(bins.rows, 1), clustering)


def _by_chance(times: Sequence[int]) -> tuple[float, float]:
    """How many more values the reference might have had once, and how the unseen rows cluster.

    Where each of a few levels has some rows, one may be missed although none was had once, and all
    its rows are unseen together. So the values that were had r times, by how probable it is that
    another such reference would have had them once or twice, count where they are more than those
    that were. (Of an unknown mean of which r were seen, the next count is negative binomial.)
    """
    values = np.array(times or (0, 0), np.float64)
    r = np.arange(1, values.size + 1)
    once = max(values[0], float(values @ (r / 2 ** (r + 1))))
    twice = max(values[1], float(values @ (r * (r + 1) / 2 ** (r + 3))))
    return once - values[0], (once + 2 * twice + 1) / (once + 1)


def held_out(before: Counts, bins: CategoricalBins) -> Counts:
    """The rows that the bins were laid over, as further rows of the kind would fall into them: with
    as many unseen ones as are to be expected, taken from the rarest."""
    cells = before.copy()
    singles = _singles(before, bins)
    if bins.laid_over < 1:
        more = np.rint(unseen_of(before, bins) * (bins.laid_over / (1 - bins.laid_over)))
        singles = _from_the_rarest(before, more.astype(np.int64), bins)
    cells -= singles
    cells[..., bins.unseen.start] += singles.sum(-1)
    return cells


def unlike_other_days(days: Counts, whole: Counts, bins: CategoricalBins) -> Counts:
    """Rows of single *days* of a reference, as if the bins were laid over its other days: what all
    of it had on one of them alone is unseen there."""
    cells = days.copy()
    alone = np.where(days == whole, days, 0)[..., : len(bins.levels)]
    cells[..., : len(bins.levels)] -= alone
    cells[..., bins.unseen.start] += alone.sum(-1)
    once = cells[..., bins.unseen.stop + BUCKETS : -1]
    cells[..., bins.unseen.start] += once.sum(-1)
    once[...] = 0
    return cells


def _singles(levels: Counts, bins: CategoricalBins) -> Counts:
    """The rows of values that the reference had once, and 0 elsewhere."""
    found = np.zeros_like(levels)
    for where in (
        slice(bins.first_single, len(bins.levels)),
        slice(bins.unseen.stop + BUCKETS, -1),
    ):
        found[..., where] = levels[..., where]
    return found


def _from_the_rarest(levels: Counts, rows: Counts, bins: CategoricalBins) -> Counts:
    """As many *rows* as given, or all there are, of known values from the rarest up."""
    order = [*range(bins.unseen.stop, bins.size), *range(len(bins.levels))[::-1]]
    upto = np.minimum(np.cumsum(levels[..., order], axis=-1), rows[..., None])
    found = np.zeros_like(levels)
    found[..., order] = np.diff(upto, axis=-1, prepend=0)
    return found
