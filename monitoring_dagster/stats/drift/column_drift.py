"""How far apart are two columns?  Profiles in; distances, effect and evidence out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from monitoring_dagster.stats.columns.bins import Bins, CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.column_profile import (
    CategoricalProfile,
    ColumnProfile,
    Counts,
    NumericProfile,
    NumericStack,
    of_kind,
)
from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.drift.cells import (
    Expected,
    expected_unseen,
    group_starts,
    grouped_of,
    held_out,
    level_cells,
    levels_of,
    masses_of,
    testable_levels,
    unseen_of,
)
from monitoring_dagster.stats.drift.distances import (
    hellinger,
    jensen_shannon,
    ks,
    ks_gap,
    l_infinity,
    psi,
    total_variation,
    total_variation_noise,
    wasserstein,
)
from monitoring_dagster.stats.drift.sides import Side, categorical_sides, numeric_sides
from monitoring_dagster.stats.inference.evidence import chi_square, ks_p_value, unseen_p_value

_UNSEEN_WEIGHT = 0.1  # of the evidence, for values that the reference never had


class Growth(NamedTuple):
    """By how much the share of rows without an ordinary value has grown; 0 where it has not."""

    missing: float = 0.0
    new_category: float = 0.0  # beyond what is to be expected where many levels are rare
    infinite: float = 0.0
    out_of_range: float = 0.0  # far outside the reference's range


NEW_CATEGORY = Growth._fields.index("new_category")  # its place


class Interval(NamedTuple):
    """The quantity certainly lies in [low, high]; the bins say no more about it."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How one column differs from its reference: distances, effect and evidence.

    `psi`, `jensen_shannon`, `hellinger`, `total_variation` and `l_infinity` compare coarse cells:
    about ten groups of equal reference mass, or the twenty most frequent levels and the rest; and
    one cell each for missing, infinite and unseen values. `ks` and `wasserstein` compare the finite
    values over all fine bins: bounds within which the exact value lies. Categories have none, nor
    any of the `_sd`s, which are in standard deviations of the reference.
    """

    column: str
    kind: Literal["numeric", "categorical"]
    psi: float
    jensen_shannon: float
    hellinger: float
    total_variation: float
    l_infinity: float
    ks: Interval | None
    wasserstein: Interval | None
    wasserstein_sd: float | None  # the lower bound
    mean_shift_sd: float | None
    variance_ratio: float | None  # current over reference
    reference: Side
    current: Side
    changed: tuple[str, float, float] | None  # the level whose share changed most, and its shares
    unseen: tuple[str, ...]  # a few of the values the reference never had; hostile until escaped
    expected_unseen: float  # share of rows of such values, as many rare levels let expect
    near: tuple[float, float] | None  # beyond these a number is out of range
    effect: float  # share of rows that at least would have to move
    growth: Growth
    p_value: float

    @property
    def n_reference(self) -> int:
        return self.reference.rows

    @property
    def n_current(self) -> int:
        return self.current.rows

    def distances(self) -> dict[str, float | None]:
        """How far apart both sides are, by name, as results and tables have it."""
        return {
            "psi": self.psi,
            "jensen_shannon": self.jensen_shannon,
            "hellinger": self.hellinger,
            "total_variation": self.total_variation,
            "l_infinity": self.l_infinity,
            "ks_low": self.ks and self.ks.low,
            "ks_high": self.ks and self.ks.high,
            "wasserstein_low": self.wasserstein and self.wasserstein.low,
            "wasserstein_high": self.wasserstein and self.wasserstein.high,
            "wasserstein_sd": self.wasserstein_sd,
            "mean_shift_sd": self.mean_shift_sd,
            "variance_ratio": self.variance_ratio,
        }


Pairs: TypeAlias = Sequence[tuple[ColumnProfile, ColumnProfile]]  # of a reference and a current one


def measure(
    column: str, reference: ColumnProfile, current: ColumnProfile, bins: Bins, *, own: bool = True
) -> ColumnDrift:
    """How far the *current* rows of a column lie from its *reference*, and how surely.

    The p-value knows both sample sizes. Numeric: the smaller of a Kolmogorov-Smirnov test of the
    finite values and a contingency test of the missing, infinite and far-out rows, times two
    (Bonferroni). Categorical: the contingency test of all levels, missing and unseen; where there
    are many levels or rare ones, the smaller of it and a test of how many rows have values that the
    reference never had, which counts for a tenth (Bonferroni, weighted).

    Parameters
    ----------
    own
        Whether the bins were laid over the rows of *reference*, and not over others before.
    """
    return measure_all(column, [(reference, current)], bins, own=own)[0]


def measure_all(column: str, pairs: Pairs, bins: Bins, *, own: bool = True) -> list[ColumnDrift]:
    """As `measure`, for many days or segments of a column at once, which is far quicker."""
    if not pairs:
        return []
    before, now = zip(*pairs, strict=True)
    if isinstance(bins, NumericBins):
        stacks = [NumericStack.of(of_kind(NumericProfile, side, bins)) for side in (before, now)]
        return _numeric(column, stacks[0], stacks[1], bins)
    return _categorical(column, before, now, bins, own=own)


def numeric_moved(
    before: NumericStack, now: NumericStack, bins: NumericBins
) -> tuple[Floats, Floats]:
    """How far samples of a numeric column lie from a reference: effects and growths.

    Effect is the share of rows that at least would have to move for both to be equal: the
    Kolmogorov-Smirnov distance of the finite values, or the share that moved among near, far-out,
    missing and infinite ones, if that is larger. Growth is by how much the shares of missing,
    infinite and far-out values have grown.

    Returns
    -------
    0 to 1; 0 where nothing is known. Effects are of the stacks' common shape; growths have one more
    axis, as long as `Growth`. Without any drift the effect is as noisy as `ks` and
    `total_variation`.
    """
    gap = ks_gap(before.counts, now.counts)
    masses = masses_of(before, bins), masses_of(now, bins)
    return _numeric_effect(gap, before, now, *masses), _numeric_growth(*masses)


def levels_moved(
    before: Counts, now: Counts, bins: CategoricalBins, expected: Expected
) -> tuple[Floats, Floats]:
    """As `numeric_moved`, of a column of categories: rows by level, unseen and missing.

    Effect is the largest of three: the total variation over the frequent levels and the rest; that
    over all levels less what sampling alone leaves there (a thousand rare levels would drown any
    change); and the growth of new categories, the share of unseen values beyond the *expected* one.
    """
    growth = _levels_growth(before, now, bins, expected)
    return np.fmax(_levels_effect(before, now, bins), growth[..., NEW_CATEGORY]), growth


def _numeric(
    column: str, before: NumericStack, now: NumericStack, bins: NumericBins
) -> list[ColumnDrift]:
    masses = masses_of(before, bins), masses_of(now, bins)
    starts = group_starts(np.where(bins.far, 0, before.counts))
    cells = [
        np.column_stack([grouped_of(np.where(bins.far, 0, side.counts), starts), mass[:, 1:]])
        for side, mass in zip((before, now), masses, strict=True)
    ]
    gaps = ks(before.counts, now.counts, singles=bins.singles)
    moved = wasserstein(before, now, edges=bins.edges)
    sd = np.where(before.sd > 0, before.sd, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        in_sd = [moved[0] / sd, (now.mean - before.mean) / sd, (now.sd / sd) ** 2]
    of_values = ks_p_value(gaps[0], before.finite, now.finite)
    return _records(
        column,
        "numeric",
        cells,
        sides=[numeric_sides(*side, bins) for side in zip((before, now), masses, strict=True)],
        effect=_numeric_effect(gaps[0], before, now, *masses),
        growth=_numeric_growth(*masses),
        near=bins.near,
        p_value=np.minimum(2 * np.minimum(of_values, chi_square(*masses)), 1.0),
        intervals=[_intervals(*gaps), _intervals(*moved)],
        in_sd=[[None if np.isnan(one) else one for one in of.tolist()] for of in in_sd],
    )


def _intervals(low: Floats, high: Floats) -> list[Interval]:
    return [Interval(*bounds) for bounds in zip(low.tolist(), high.tolist(), strict=True)]


def _categorical(
    column: str,
    before: Sequence[ColumnProfile],
    now: Sequence[ColumnProfile],
    bins: CategoricalBins,
    *,
    own: bool,
) -> list[ColumnDrift]:
    levels = levels_of(before, bins), levels_of(now, bins)
    expected = expected_unseen(levels[0], bins, own=own)
    like_new = held_out(levels[0], bins) if own else levels[0]
    effect, growth = levels_moved(*levels, bins, expected)
    return _records(
        column,
        "categorical",
        [level_cells(side, bins) for side in (like_new, levels[1])],
        sides=[
            # Rows over which the bins were laid have no value that was never there.
            categorical_sides(levels[0], unseen_of(levels[0], bins) * (not own)),
            categorical_sides(levels[1], unseen_of(levels[1], bins)),
        ],
        effect=effect,
        growth=growth,
        p_value=_levels_p_value(*levels, bins, expected),
        changed=_changed(*levels, bins),
        unseen=[
            _new_names(first, second)
            for first, second in zip(
                *(of_kind(CategoricalProfile, side, bins) for side in (before, now)), strict=True
            )
        ],
        expected_unseen=expected.share.tolist(),
    )


def _levels_p_value(
    before: Counts, now: Counts, bins: CategoricalBins, expected: Expected
) -> Floats:
    first, second, rare = testable_levels(before, now, bins)
    unseen = unseen_of(now, bins)
    of_levels = chi_square(first, second)
    of_unseen = unseen_p_value(
        expected.at_most,
        expected.rows,
        unseen,
        now.sum(-1) - now[..., -1],
        clustering=expected.clustering,
    )
    both = np.minimum(of_levels / (1 - _UNSEEN_WEIGHT), of_unseen / _UNSEEN_WEIGHT).clip(max=1.0)
    return np.where(rare & (expected.unseen + unseen > 0), both, of_levels)


def _new_names(before: CategoricalProfile, now: CategoricalProfile) -> tuple[str, ...]:
    """Those that have most rows first."""
    new = now.unseen.keys() - before.unseen.keys()
    return tuple(sorted(new, key=lambda name: (-now.unseen[name], name)))


def _records(
    column: str,
    kind: Literal["numeric", "categorical"],
    cells: Sequence[Counts],
    *,
    sides: Sequence[Sequence[Side]],
    effect: Floats,
    growth: Floats,
    p_value: Floats,
    near: tuple[float, float] | None = None,
    intervals: Sequence[Sequence[Interval]] | None = None,
    in_sd: Sequence[Sequence[float | None]] | None = None,
    changed: Sequence[tuple[str, float, float] | None] | None = None,
    unseen: Sequence[tuple[str, ...]] | None = None,
    expected_unseen: Sequence[float] | None = None,
) -> list[ColumnDrift]:
    distances = (psi, jensen_shannon, hellinger, total_variation, l_infinity)
    coarse = [distance(*cells).tolist() for distance in distances]
    return [
        ColumnDrift(
            column=column,
            kind=kind,
            psi=coarse[0][i],
            jensen_shannon=coarse[1][i],
            hellinger=coarse[2][i],
            total_variation=coarse[3][i],
            l_infinity=coarse[4][i],
            ks=intervals[0][i] if intervals else None,
            wasserstein=intervals[1][i] if intervals else None,
            wasserstein_sd=in_sd[0][i] if in_sd else None,
            mean_shift_sd=in_sd[1][i] if in_sd else None,
            variance_ratio=in_sd[2][i] if in_sd else None,
            reference=sides[0][i],
            current=sides[1][i],
            changed=changed[i] if changed else None,
            unseen=unseen[i] if unseen else (),
            expected_unseen=expected_unseen[i] if expected_unseen else 0.0,
            near=near,
            effect=float(effect[i]),
            growth=Growth(*growth[i].tolist()),
            p_value=float(p_value[i]),
        )
        for i in range(len(effect))
    ]


def _numeric_effect(
    gap: Floats, before: NumericStack, now: NumericStack, mass_before: Counts, mass_now: Counts
) -> Floats:
    share = np.minimum(*(side.finite / np.maximum(side.rows, 1) for side in (before, now)))
    return np.fmax(
        np.nan_to_num(gap * share), np.nan_to_num(total_variation(mass_before, mass_now))
    )


def _levels_effect(before: Counts, now: Counts, bins: CategoricalBins) -> Floats:
    coarse = [level_cells(side, bins) for side in (before, now)]
    for cells in coarse:  # an unseen value is a rare one that the reference may have missed
        cells[..., -3] += cells[..., -2]
        cells[..., -2] = 0
    first, second, _ = testable_levels(before, now, bins)
    fine = total_variation(first, second) - total_variation_noise(first, second)
    return np.fmax(np.nan_to_num(total_variation(*coarse)), np.nan_to_num(fine))


def _levels_growth(
    before: Counts, now: Counts, bins: CategoricalBins, expected: Expected
) -> Floats:
    """Growth of the shares of missing values and of new categories."""
    missing = [side[..., -1] / np.maximum(side.sum(-1), 1) for side in (before, now)]
    new = unseen_of(now, bins) / np.maximum(now.sum(-1), 1) - expected.share * (1 - missing[1])
    nothing = np.zeros_like(new)
    growth = np.stack([missing[1] - missing[0], new, nothing, nothing], axis=-1)
    return _where_known(growth, before.sum(-1), now.sum(-1))


def _numeric_growth(before: Counts, now: Counts) -> Floats:
    """Growth of the shares of missing, infinite and far-out values."""
    shares = [side / np.maximum(side.sum(-1, keepdims=True), 1) for side in (before, now)]
    near, below, above, missing, *infinite = np.moveaxis(shares[1] - shares[0], -1, 0)
    growth = np.stack([missing, np.zeros_like(near), sum(infinite), below + above], axis=-1)
    return _where_known(growth, before.sum(-1), now.sum(-1))


def _where_known(growth: Floats, n: Counts, m: Counts) -> Floats:
    return np.where(((n > 0) & (m > 0))[..., None], np.maximum(growth, 0.0), 0.0)


def _changed(
    before: Counts, now: Counts, bins: CategoricalBins
) -> list[tuple[str, float, float] | None]:
    """The level whose share changed most, on each pair, of two that changed as much the one that
    has grown; None where there is none."""
    if not bins.levels:
        return [None] * len(before)
    p, q = (
        side[:, : len(bins.levels)] / np.maximum(side.sum(1, keepdims=True), 1)
        for side in (before, now)
    )
    most = np.where(q > p, (q - p) * (1 + 1e-9), p - q).argmax(1)
    rows = np.arange(len(most))
    return [
        (bins.levels[level], first, second)
        for level, first, second in zip(
            most.tolist(), p[rows, most].tolist(), q[rows, most].tolist(), strict=True
        )
    ]
