"""What does an ordinary day show?  How far single days lie from the period they are part of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.stats.bins import Bins, CategoricalBins, NumericBins
from monitoring_dagster.stats.cells import levels_of
from monitoring_dagster.stats.column_profile import (
    CategoricalProfile,
    ColumnProfile,
    NumericProfile,
    NumericStack,
    empty_column,
    few_names,
    of_kind,
)
from monitoring_dagster.stats.drift import levels_moved, numeric_moved
from monitoring_dagster.stats.profile import Profile
from monitoring_dagster.stats.values import Floats

QUANTILE = 0.99  # of ordinary days that stay below the bounds
MIN_ROWS = 100  # of a day that may say what is ordinary
NOISE = 0.01  # below it one day is as ordinary as another, and no day's luck widens the bounds

_Where = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Usual:
    """What an ordinary day shows at most, by column; 0 where nothing is known."""

    effect: Mapping[str, float] = field(default_factory=dict)
    new_mass: Mapping[str, float] = field(default_factory=dict)


def usual(days: Sequence[Profile], reference: Profile, bins: Mapping[str, Bins]) -> Usual:
    """How far an ordinary day of the reference period lies from the whole of it, by column.

    Some columns move every day without anything being wrong (weather, weekdays), and some lack
    values on some days: a day is drift only where it lies further out than such days did. One more
    such day stays below the returned bounds with about the probability `QUANTILE`: each is the
    larger of the observed quantile and, because few days know little of their tail, the log-normal
    prediction bound.

    Parameters
    ----------
    days
        Profiles of single days of the reference period. Those below `MIN_ROWS` are left out, and
        so is a column of a day that lacks it.

    Returns
    -------
    Bounds of effect and new mass, 0 to 1; 0 where fewer than two days are left.

    Source: Hahn & Meeker (1991), Statistical Intervals, section 4.2, for the bound.
    """
    enough = [day for day in days if day.rows >= MIN_ROWS]
    effect, new_mass = {}, {}
    for name, own in bins.items():
        if name not in reference.columns:
            raise UnknownColumn.named(name, table="the profile", available=reference.columns)
        samples = [day.columns[name] for day in enough if name in day.columns]
        if len(samples) < 2:
            effect[name] = new_mass[name] = 0.0
            continue
        if isinstance(own, NumericBins):
            moved = numeric_moved(
                NumericStack.of(of_kind(NumericProfile, [reference.columns[name]], own)),
                NumericStack.of(of_kind(NumericProfile, samples, own)),
                own,
            )
        else:
            moved = levels_moved(
                levels_of([reference.columns[name]], own), levels_of(samples, own), own
            )
        everywhere = np.ones((1, len(samples)), dtype=bool)
        effect[name], new_mass[name] = (
            float(_upper_bounds(one[None, :], everywhere)[0]) for one in moved
        )
    return Usual(effect, new_mass)


def windows(
    days: Sequence[Profile], at: NDArray[np.intp], bins: Mapping[str, Bins]
) -> list[tuple[Profile, Usual]]:
    """Each of many windows of days taken together, and what is usual for a day of it.

    Parameters
    ----------
    days
        Profiles of single days; a day without rows, or without a column, adds nothing to it.
    at
        The positions of each window's days, shape ``(windows, days in a window)``.
    """
    rows = np.array([day.rows for day in days])
    whole: list[dict[str, ColumnProfile]] = [{} for _ in at]
    effect: list[dict[str, float]] = [{} for _ in at]
    new_mass: list[dict[str, float]] = [{} for _ in at]
    for name, own in bins.items():
        columns = [day.columns.get(name) or empty_column(own) for day in days]
        there = np.array([name in day.columns for day in days]) & (rows >= MIN_ROWS)
        together, moved = (
            _numeric_windows(columns, at, own)
            if isinstance(own, NumericBins)
            else _level_windows(columns, at, own)
        )
        bounds = [_upper_bounds(one, there[at]).tolist() for one in moved]
        for i, column in enumerate(together):
            whole[i][name], effect[i][name], new_mass[i][name] = (
                column, bounds[0][i], bounds[1][i],
            )  # fmt: skip
    counted = rows[at].sum(1).tolist()
    return [(Profile(counted[i], whole[i]), Usual(effect[i], new_mass[i])) for i in range(len(at))]


_Moved = tuple[Floats, Floats]


def _numeric_windows(
    columns: Sequence[ColumnProfile], at: NDArray[np.intp], bins: NumericBins
) -> tuple[list[ColumnProfile], _Moved]:
    parts = NumericStack.of(of_kind(NumericProfile, columns, bins)).take(at)
    whole = parts.total()
    profiles: list[ColumnProfile] = [whole.profile(i, bins.digest) for i in range(len(at))]
    return profiles, numeric_moved(whole.take(np.arange(len(at))[:, None]), parts, bins)


def _level_windows(
    columns: Sequence[ColumnProfile], at: NDArray[np.intp], bins: CategoricalBins
) -> tuple[list[ColumnProfile], _Moved]:
    levels = levels_of(columns, bins)
    parts = levels[at]
    whole = parts.sum(1)
    known = of_kind(CategoricalProfile, columns, bins)
    profiles: list[ColumnProfile] = [
        CategoricalProfile(
            bins.digest,
            whole[i, :-1],
            int(whole[i, -1]),
            few_names([item for day in at[i] for item in known[day].unseen.items()]),
        )
        for i in range(len(at))
    ]
    return profiles, levels_moved(whole[:, None, :], parts, bins)


def _upper_bounds(found: Floats, there: _Where) -> Floats:
    """One more value stays below with the probability `QUANTILE`; shape (windows,)."""
    from scipy import special  # late: starting often must stay cheap

    n = there.sum(1)
    few = n < 2
    at_least = np.where(few, 2, n)
    logs = np.where(there, np.log(np.maximum(found, NOISE)), 0.0)
    mean = logs.sum(1) / at_least
    off = np.where(there, logs - mean[:, None], 0.0)
    sd = np.sqrt((off**2).sum(1) / (at_least - 1))
    predicted = np.exp(
        mean + special.stdtrit(at_least - 1, QUANTILE) * sd * np.sqrt(1 + 1 / at_least)
    )
    ranked = np.sort(np.where(there, found, -np.inf), axis=1)
    place = found.shape[1] - at_least + np.ceil(QUANTILE * (at_least - 1)).astype(np.intp)
    observed = np.take_along_axis(ranked, place.clip(max=found.shape[1] - 1)[:, None], 1)[:, 0]
    return np.where(few, 0.0, np.minimum(np.maximum(observed, predicted), 1.0))
