"""How far apart are two columns?  Profiles in; distances, effect and evidence out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from monitoring_dagster.stats.bins import Bins, CategoricalBins, NumericBins
from monitoring_dagster.stats.cells import (
    group_starts,
    grouped_of,
    level_cells,
    levels_of,
    masses_of,
    new_share,
    testable_levels,
)
from monitoring_dagster.stats.column_profile import (
    CategoricalProfile,
    ColumnProfile,
    Counts,
    NumericProfile,
    NumericStack,
    of_kind,
)
from monitoring_dagster.stats.distances import (
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
from monitoring_dagster.stats.evidence import chi_square, ks_p_value
from monitoring_dagster.stats.sides import Side, categorical_sides, numeric_sides
from monitoring_dagster.stats.values import Floats


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """Where evidence and effect begin; the defaults are the recommended values."""

    alpha: float = 0.05
    min_rows: int = 100
    min_effect: float = 0.05
    min_new_mass: float = 0.02
    psi_moderate: float = 0.1
    psi_alert: float = 0.15
    psi_significant: float = 0.2


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
    effect: float  # share of rows that at least would have to move
    new_mass: float  # growth of the share that is missing, unseen or infinite
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
    column: str, reference: ColumnProfile, current: ColumnProfile, bins: Bins
) -> ColumnDrift:
    """How far the *current* rows of a column lie from its *reference*, and how surely.

    The p-value knows both sample sizes. Numeric: the smaller of a Kolmogorov-Smirnov test of the
    finite values and a contingency test of the missing, infinite and far-out rows, times two
    (Bonferroni). Categorical: the contingency test of all levels, missing and unseen.
    """
    return measure_all(column, [(reference, current)], bins)[0]


def measure_all(column: str, pairs: Pairs, bins: Bins) -> list[ColumnDrift]:
    """As `measure`, for many days or segments of a column at once, which is far quicker."""
    if not pairs:
        return []
    before, now = zip(*pairs, strict=True)
    if isinstance(bins, NumericBins):
        stacks = [NumericStack.of(of_kind(NumericProfile, side, bins)) for side in (before, now)]
        return _numeric(column, stacks[0], stacks[1], bins)
    return _categorical(column, before, now, bins)


def numeric_moved(
    before: NumericStack, now: NumericStack, bins: NumericBins
) -> tuple[Floats, Floats]:
    """How far samples of a numeric column lie from a reference: effects and new masses.

    Effect is the share of rows that at least would have to move for both to be equal: the
    Kolmogorov-Smirnov distance of the finite values, or the share that moved among near, far-out,
    missing and infinite ones, if that is larger. New mass is by how much the share of far-out,
    missing and infinite values has grown.

    Returns
    -------
    Each of the stacks' common shape, 0 to 1; 0 where nothing is known. Without any drift the
    effect is as noisy as `ks` and `total_variation`.
    """
    gap = ks_gap(before.counts, now.counts)
    masses = masses_of(before, bins), masses_of(now, bins)
    return _numeric_effect(gap, before, now, *masses), _growth(*masses)


def levels_moved(before: Counts, now: Counts, bins: CategoricalBins) -> tuple[Floats, Floats]:
    """As `numeric_moved`, of a column of categories: rows by level, unseen and missing.

    Effect is the total variation over the frequent levels and the rest, or that over all levels
    less what sampling alone leaves there (a thousand rare levels would drown any change), if that
    is larger. New mass is by how much the share of unseen and missing values has grown; where
    there are many rare levels, some unseen ones are to be expected.
    """
    return _levels_effect(before, now, bins), _levels_growth(before, now, bins)


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
        new_mass=_growth(*masses),
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
) -> list[ColumnDrift]:
    levels = levels_of(before, bins), levels_of(now, bins)
    current = of_kind(CategoricalProfile, now, bins)
    return _records(
        column,
        "categorical",
        [level_cells(side) for side in levels],
        sides=[categorical_sides(side) for side in levels],
        effect=_levels_effect(*levels, bins),
        new_mass=_levels_growth(*levels, bins),
        p_value=chi_square(*testable_levels(*levels, bins)),
        changed=_changed(*levels, bins),
        unseen=[tuple(one.unseen) for one in current],
    )


def _records(
    column: str,
    kind: Literal["numeric", "categorical"],
    cells: Sequence[Counts],
    *,
    sides: Sequence[Sequence[Side]],
    effect: Floats,
    new_mass: Floats,
    p_value: Floats,
    intervals: Sequence[Sequence[Interval]] | None = None,
    in_sd: Sequence[Sequence[float | None]] | None = None,
    changed: Sequence[tuple[str, float, float] | None] | None = None,
    unseen: Sequence[tuple[str, ...]] | None = None,
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
            effect=float(effect[i]),
            new_mass=float(new_mass[i]),
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
    coarse = [level_cells(side) for side in (before, now)]
    for cells in coarse:  # an unseen value is a rare one that the reference may have missed
        cells[..., -3] += cells[..., -2]
        cells[..., -2] = 0
    tested = testable_levels(before, now, bins)
    fine = total_variation(*tested) - total_variation_noise(*tested)
    return np.fmax(np.nan_to_num(total_variation(*coarse)), np.nan_to_num(fine))


def _levels_growth(before: Counts, now: Counts, bins: CategoricalBins) -> Floats:
    growth = new_share(now) - new_share(before, unseen_share=bins.unseen_share)
    known = (before.sum(-1) > 0) & (now.sum(-1) > 0)
    return np.where(known, np.maximum(growth, 0.0), 0.0)


def _growth(before: Counts, now: Counts) -> Floats:
    """Growth of the share of all masses but the first, the near one."""
    shares = [side[..., 1:].sum(-1) / np.maximum(side.sum(-1), 1) for side in (before, now)]
    growth: Floats = np.maximum(shares[1] - shares[0], 0.0)
    return np.where((before.sum(-1) > 0) & (now.sum(-1) > 0), growth, 0.0)


def _changed(
    before: Counts, now: Counts, bins: CategoricalBins
) -> list[tuple[str, float, float] | None]:
    """The level whose share changed most, on each pair; None where there is none."""
    if not bins.levels:
        return [None] * len(before)
    p, q = (
        side[:, : len(bins.levels)] / np.maximum(side.sum(1, keepdims=True), 1)
        for side in (before, now)
    )
    most = np.abs(q - p).argmax(1)
    rows = np.arange(len(most))
    return [
        (bins.levels[level], first, second)
        for level, first, second in zip(
            most.tolist(), p[rows, most].tolist(), q[rows, most].tolist(), strict=True
        )
    ]
