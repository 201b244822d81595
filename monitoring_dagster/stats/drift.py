"""How far apart are two columns, and is it drift?  Profiles in, numbers and verdicts out."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from monitoring_dagster.stats.bins import GUARDS, Bins, NumericBins
from monitoring_dagster.stats.column_profile import (
    CategoricalProfile,
    ColumnProfile,
    Counts,
    MismatchedBins,
    NumericProfile,
)
from monitoring_dagster.stats.distances import (
    Interval,
    chi_square,
    hellinger,
    jensen_shannon,
    ks,
    ks_p_value,
    psi,
    total_variation,
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

    `psi`, `jensen_shannon`, `hellinger` and `total_variation` compare coarse cells: about ten
    groups of equal reference mass, or the twenty most frequent levels and the rest; and one cell
    each for missing, infinite and unseen values. `ks` and `wasserstein` compare the finite values
    over all fine bins; categories have none. `wasserstein_sd` is the certain part of the latter in
    standard deviations of the reference, if it has one.
    """

    column: str
    kind: Literal["numeric", "categorical"]
    psi: float
    jensen_shannon: float
    hellinger: float
    total_variation: float
    ks: Interval | None
    wasserstein: Interval | None
    wasserstein_sd: float | None
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


def measure(
    column: str, reference: ColumnProfile, current: ColumnProfile, bins: Bins
) -> ColumnDrift:
    """How far the *current* rows of a column lie from its *reference*, and how surely.

    The p-value knows both sample sizes. Numeric: the smaller of a Kolmogorov-Smirnov test of the
    finite values and a contingency test of the missing, infinite and far-out rows, times two
    (Bonferroni). Categorical: the contingency test of all levels, missing and unseen.
    """
    match _checked(reference, current, bins):
        case NumericProfile() as before, NumericProfile() as now, NumericBins() as numeric:
            return _numeric(column, before, now, numeric)
        case CategoricalProfile() as before, CategoricalProfile() as now, _:
            return _categorical(column, before, now, bins)
    raise MismatchedBins.between(reference.digest, current.digest)


def effect(reference: ColumnProfile, current: ColumnProfile, bins: Bins) -> float:
    """Share of rows that at least would have to move for two profiles of a column to be equal.

    Numeric: the Kolmogorov-Smirnov distance of the finite values, or the share that moved among
    near, far-out, missing and infinite ones, if that is larger. Categorical: the total variation.

    Returns
    -------
    0 to 1; 0 where nothing is known. Without any drift as noisy as `ks` and `total_variation`.
    """
    match _checked(reference, current, bins):
        case NumericProfile() as before, NumericProfile() as now, NumericBins() as numeric:
            far = _far_bins(before, numeric)
            gap = ks(before.counts, now.counts, edges=numeric.edges).low
            return _numeric_effect(gap, before, now, _masses(before, far), _masses(now, far))
        case CategoricalProfile() as before, CategoricalProfile() as now, _:
            moved = total_variation(_categorical_cells(before), _categorical_cells(now))
            return moved if np.isfinite(moved) else 0.0
    raise MismatchedBins.between(reference.digest, current.digest)


def _numeric_effect(
    gap: float, before: NumericProfile, now: NumericProfile, mass_before: Counts, mass_now: Counts
) -> float:
    share = min(profile.finite / max(profile.rows, 1) for profile in (before, now))
    found = (gap * share, total_variation(mass_before, mass_now))
    return max((value for value in found if np.isfinite(value)), default=0.0)


def new_mass(reference: ColumnProfile, current: ColumnProfile, bins: Bins) -> float:
    """By how much the share of missing, unseen and infinite values has grown; 0 to 1."""
    match _checked(reference, current, bins):
        case NumericProfile() as before, NumericProfile() as now, NumericBins() as numeric:
            far = _far_bins(before, numeric)
            new = [_masses(profile, far)[1:].sum() for profile in (before, now)]
        case CategoricalProfile() as before, CategoricalProfile() as now, _:
            new = [profile.counts[-1] + profile.nulls for profile in (before, now)]
    return _growth(reference, current, *new)


def _growth(
    reference: ColumnProfile, current: ColumnProfile, new_before: int, new_now: int
) -> float:
    if not (reference.rows and current.rows):
        return 0.0
    return max(float(new_now / current.rows - new_before / reference.rows), 0.0)


def _checked(
    reference: ColumnProfile, current: ColumnProfile, bins: Bins
) -> tuple[ColumnProfile, ColumnProfile, Bins]:
    for profile in (reference, current):
        if profile.digest != bins.digest:
            raise MismatchedBins.between(profile.digest, bins.digest)
    return reference, current, bins


def _numeric(
    column: str, reference: NumericProfile, current: NumericProfile, bins: NumericBins
) -> ColumnDrift:
    far = _far_bins(reference, bins)
    starts = _group_starts(np.where(far, 0, reference.counts))
    cells = [_numeric_cells(profile, far, starts) for profile in (reference, current)]
    masses = [_masses(profile, far) for profile in (reference, current)]
    distance = ks(reference.counts, current.counts, edges=bins.edges)
    moved = wasserstein(reference, current, edges=bins.edges)
    before, now = _numeric_side(reference, masses[0]), _numeric_side(current, masses[1])
    of_values = ks_p_value(distance.low, reference.finite, current.finite)
    return ColumnDrift(
        column,
        "numeric",
        *_coarse_distances(*cells),
        ks=distance,
        wasserstein=moved,
        wasserstein_sd=moved.low / before.sd if before.sd > 0 else None,
        reference=before,
        current=now,
        unseen=(),
        effect=_numeric_effect(distance.low, reference, current, *masses),
        new_mass=_growth(reference, current, *(int(mass[1:].sum()) for mass in masses)),
        p_value=min(2 * min(of_values, chi_square(*masses)), 1.0),
    )


def _categorical(
    column: str, reference: CategoricalProfile, current: CategoricalProfile, bins: Bins
) -> ColumnDrift:
    cells = [_categorical_cells(profile) for profile in (reference, current)]
    every = [np.append(profile.counts, profile.nulls) for profile in (reference, current)]
    return ColumnDrift(
        column,
        "categorical",
        *_coarse_distances(*cells),
        ks=None,
        wasserstein=None,
        wasserstein_sd=None,
        reference=_categorical_side(reference),
        current=_categorical_side(current),
        unseen=tuple(current.unseen),
        effect=effect(reference, current, bins),
        new_mass=new_mass(reference, current, bins),
        p_value=chi_square(*every),
    )


_Distances: TypeAlias = tuple[float, float, float, float]


def _coarse_distances(reference: Counts, current: Counts) -> _Distances:
    return (
        psi(reference, current),
        jensen_shannon(reference, current),
        hellinger(reference, current),
        total_variation(reference, current),
    )


def _far_bins(reference: NumericProfile, bins: NumericBins) -> NDArray[np.bool_]:
    """Bins that begin beyond the first guard edge: a tenth of the range, or more, outside of it."""
    far = np.zeros(bins.size, dtype=bool)
    if reference.finite:
        low, high = reference.minimum, reference.maximum
        reach = 0.999 * GUARDS[0] * ((high - low) or max(abs(high), 1.0))
        far[1:] |= bins.edges >= high + reach
        far[:-1] |= bins.edges <= low - reach
    return far


def _group_starts(counts: Counts) -> NDArray[np.intp]:
    """First fine bin of each of about `NUMERIC_GROUPS` groups of equal mass."""
    upto = np.cumsum(counts)
    targets = np.arange(1, NUMERIC_GROUPS) * upto[-1] / NUMERIC_GROUPS
    starts = np.searchsorted(upto, targets - 1e-9, "left") + 1
    return np.unique(np.append(0, starts[(starts < counts.size) & (upto[-1] > 0)]))


def _numeric_cells(
    profile: NumericProfile, far: NDArray[np.bool_], starts: NDArray[np.intp]
) -> Counts:
    groups = np.add.reduceat(np.where(far, 0, profile.counts), starts)
    cells: Counts = np.concatenate([groups, _masses(profile, far)[1:]])
    return cells


def _masses(profile: NumericProfile, far: NDArray[np.bool_]) -> Counts:
    """Rows near the reference's range, far below, far above, missing, and infinite either way."""
    beyond = profile.counts[far].sum()
    above = profile.counts[np.cumsum(~far) == (~far).sum()][1:].sum() if beyond else 0
    return np.array(
        [
            profile.finite - beyond,
            beyond - above,
            above,
            profile.nulls,
            profile.negative_infinite,
            profile.positive_infinite,
        ]
    )


def _categorical_cells(profile: CategoricalProfile) -> Counts:
    """The most frequent levels (bins are laid in that order), the rarer, unseen, missing."""
    known, unseen = profile.counts[:-1], profile.counts[-1]
    rarer = known[FREQUENT_LEVELS:].sum()
    return np.concatenate([known[:FREQUENT_LEVELS], [rarer, unseen, profile.nulls]])


def _numeric_side(profile: NumericProfile, masses: Counts) -> Side:
    rows, nan = profile.rows, float("nan")
    known = profile.finite > 0
    return Side(
        rows,
        profile.mean if known else nan,
        float(np.sqrt(profile.variance)),
        profile.minimum if known else nan,
        profile.maximum if known else nan,
        *(
            (n / rows if rows else nan)
            for n in (profile.nulls, profile.infinite, int(masses[1:3].sum()))
        ),
    )


def _categorical_side(profile: CategoricalProfile) -> Side:
    rows, nan = profile.rows, float("nan")
    shares = ((n / rows if rows else nan) for n in (profile.nulls, 0, int(profile.counts[-1])))
    return Side(rows, nan, nan, nan, nan, *shares)
