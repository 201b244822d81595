"""How far apart are two columns?  Profiles in; distances, effect and evidence out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from monitoring_dagster.stats.bins import Bins, Floats, NumericBins
from monitoring_dagster.stats.column_profile import (
    CategoricalProfile,
    ColumnProfile,
    Counts,
    MismatchedBins,
    NumericProfile,
    NumericStack,
)
from monitoring_dagster.stats.distances import (
    chi_square,
    hellinger,
    jensen_shannon,
    ks,
    ks_p_value,
    l_infinity,
    psi,
    total_variation,
    total_variation_noise,
    wasserstein,
)

NUMERIC_GROUPS = 10  # of about equal reference mass: the deciles PSI is defined over
FREQUENT_LEVELS = 20  # of the reference; all rarer ones are one cell


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
class Side:
    """One column of one sample. Shares are of all rows; NaN where there is nothing to measure."""

    rows: int  # nulls included
    mean: float  # of the finite values, as are the next three
    sd: float
    minimum: float
    maximum: float
    null_share: float
    infinite_share: float
    unseen_share: float  # values the reference never had, or far outside its range


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
    if isinstance(bins, NumericBins):
        return _numeric(column, *_numeric_stacks(pairs, bins), bins)
    return _categorical(column, pairs, bins)


def effects(pairs: Pairs, bins: Bins) -> Floats:
    """Share of rows that at least would have to move for two profiles of a column to be equal.

    Numeric: the Kolmogorov-Smirnov distance of the finite values, or the share that moved among
    near, far-out, missing and infinite ones, if that is larger. Categorical: the total variation
    over the frequent levels and the rest, or that over all levels less what sampling alone leaves
    there (a thousand rare levels would drown any change), if that is larger.

    Returns
    -------
    One a pair, 0 to 1; 0 where nothing is known. Without any drift as noisy as `ks` and
    `total_variation`.
    """
    if not pairs:
        return np.empty(0)
    if isinstance(bins, NumericBins):
        before, now = _numeric_stacks(pairs, bins)
        gap, _ = ks(before.counts, now.counts, edges=bins.edges)
        return _numeric_effect(gap, before, now, *(_masses(side, bins) for side in (before, now)))
    return _categorical_effect(*_levels(pairs, bins))


def new_masses(pairs: Pairs, bins: Bins) -> Floats:
    """By how much the share of missing, unseen and infinite values has grown; 0 to 1, by pair."""
    if not pairs:
        return np.empty(0)
    if isinstance(bins, NumericBins):
        return _growth(*(_masses(side, bins) for side in _numeric_stacks(pairs, bins)), known=1)
    return _growth(*_levels(pairs, bins), known=bins.size - 1)


def _numeric_stacks(pairs: Pairs, bins: NumericBins) -> tuple[NumericStack, NumericStack]:
    before, now = (
        NumericStack.of(_only(NumericProfile, (pair[side] for pair in pairs), bins))
        for side in (0, 1)
    )
    return before, now


def _levels(pairs: Pairs, bins: Bins) -> tuple[Counts, Counts]:
    """Rows of each level, then unseen, then missing, on both sides; shape (pairs, levels + 2)."""
    before, now = (
        np.stack(
            [
                np.append(one.counts, one.nulls)
                for one in _only(CategoricalProfile, (pair[side] for pair in pairs), bins)
            ]
        )
        for side in (0, 1)
    )
    return before, now


_Kind = TypeVar("_Kind", NumericProfile, CategoricalProfile)


def _only(kind: type[_Kind], profiles: Iterable[ColumnProfile], bins: Bins) -> list[_Kind]:
    found = []
    for one in profiles:
        if one.digest != bins.digest or not isinstance(one, kind):
            raise MismatchedBins.between(one.digest, bins.digest)
        found.append(one)
    return found


def _numeric(
    column: str, before: NumericStack, now: NumericStack, bins: NumericBins
) -> list[ColumnDrift]:
    masses = _masses(before, bins), _masses(now, bins)
    starts = _group_starts(np.where(bins.far, 0, before.counts))
    cells = [
        np.column_stack([_grouped(np.where(bins.far, 0, side.counts), starts), mass[:, 1:]])
        for side, mass in zip((before, now), masses, strict=True)
    ]
    gaps = ks(before.counts, now.counts, edges=bins.edges)
    moved = wasserstein(before, now, edges=bins.edges)
    sd = np.where(before.sd > 0, before.sd, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        in_sd = [moved[0] / sd, (now.mean - before.mean) / sd, (now.sd / sd) ** 2]
    of_values = ks_p_value(gaps[0], before.finite, now.finite)
    return _records(
        column,
        "numeric",
        cells,
        sides=[_numeric_sides(*side) for side in zip((before, now), masses, strict=True)],
        effect=_numeric_effect(gaps[0], before, now, *masses),
        new_mass=_growth(*masses, known=1),
        p_value=np.minimum(2 * np.minimum(of_values, chi_square(*masses)), 1.0),
        intervals=[_intervals(*gaps), _intervals(*moved)],
        in_sd=[[None if np.isnan(one) else one for one in of.tolist()] for of in in_sd],
    )


def _intervals(low: Floats, high: Floats) -> list[Interval]:
    return [Interval(*bounds) for bounds in zip(low.tolist(), high.tolist(), strict=True)]


def _categorical(column: str, pairs: Pairs, bins: Bins) -> list[ColumnDrift]:
    levels = _levels(pairs, bins)
    current = _only(CategoricalProfile, (now for _, now in pairs), bins)
    return _records(
        column,
        "categorical",
        [_categorical_cells(side) for side in levels],
        sides=[_categorical_sides(side) for side in levels],
        effect=_categorical_effect(*levels),
        new_mass=_growth(*levels, known=bins.size - 1),
        p_value=chi_square(*levels),
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


def _categorical_effect(before: Counts, now: Counts) -> Floats:
    coarse = total_variation(_categorical_cells(before), _categorical_cells(now))
    fine = total_variation(before, now) - total_variation_noise(before, now)
    return np.fmax(np.nan_to_num(coarse), np.nan_to_num(fine))


def _growth(before: Counts, now: Counts, *, known: int) -> Floats:
    """Growth of the share of all cells behind the first *known* ones."""
    shares = [side[:, known:].sum(1) / np.maximum(side.sum(1), 1) for side in (before, now)]
    growth: Floats = np.maximum(shares[1] - shares[0], 0.0)
    return np.where((before.sum(1) > 0) & (now.sum(1) > 0), growth, 0.0)


def _group_starts(counts: Counts) -> NDArray[np.intp]:
    """First fine bin of each of about `NUMERIC_GROUPS` groups of equal mass, by row of *counts*.

    Where one bin carries several groups' mass, all but one of them are empty.
    """
    upto = np.cumsum(counts, axis=1)
    targets = np.arange(1, NUMERIC_GROUPS) * upto[:, -1:] / NUMERIC_GROUPS - 1e-9
    inner = (upto[:, None, :] < targets[:, :, None]).sum(2) + 1
    inner = np.where(upto[:, -1:] > 0, inner, counts.shape[1])
    return np.pad(inner, ((0, 0), (1, 0)))


def _grouped(counts: Counts, starts: NDArray[np.intp]) -> Counts:
    upto = np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0)))
    ends = np.pad(starts[:, 1:], ((0, 0), (0, 1)), constant_values=counts.shape[1])
    rows: Counts = np.take_along_axis(upto, ends, 1) - np.take_along_axis(upto, starts, 1)
    return rows


def _masses(side: NumericStack, bins: NumericBins) -> Counts:
    """Rows near the reference's range, far below, far above, missing, and infinite either way."""
    above = bins.far & (np.cumsum(~bins.far) > 0)
    far_below, far_above = (side.counts[:, where].sum(1) for where in (bins.far & ~above, above))
    return np.column_stack(
        [
            side.finite - far_below - far_above,
            far_below,
            far_above,
            side.nulls,
            side.negative_infinite,
            side.positive_infinite,
        ]
    )


def _categorical_cells(levels: Counts) -> Counts:
    """The most frequent levels (bins are laid in that order), the rarer, unseen, missing."""
    known = levels[:, :-2]
    rarer = known[:, FREQUENT_LEVELS:].sum(1)
    return np.column_stack([known[:, :FREQUENT_LEVELS], rarer, levels[:, -2:]])


def _numeric_sides(side: NumericStack, masses: Counts) -> list[Side]:
    known = side.finite > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = masses / side.rows[:, None]
    columns = (
        side.rows,
        *(np.where(known, of, np.nan) for of in (side.mean, side.sd, side.minimum, side.maximum)),
        shares[:, 3],
        shares[:, 4:].sum(1),
        shares[:, 1:3].sum(1),
    )
    return [Side(*row) for row in zip(*(of.tolist() for of in columns), strict=True)]


def _categorical_sides(levels: Counts) -> list[Side]:
    rows, nan = levels.sum(1), float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        unseen, missing = (levels[:, -2:] / rows[:, None]).T
    return [
        Side(n, nan, nan, nan, nan, null_share, 0.0 if n else nan, unseen_share)
        for n, null_share, unseen_share in zip(
            rows.tolist(), missing.tolist(), unseen.tolist(), strict=True
        )
    ]
