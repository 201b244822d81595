"""What does an ordinary day show?  How far single days lie from the period they are part of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.stats.columns.bins import Bins, CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.column_profile import (
    CategoricalProfile,
    ColumnProfile,
    Counts,
    NumericProfile,
    NumericStack,
    empty_column,
    few_names,
    of_kind,
)
from monitoring_dagster.stats.columns.profile import Profile
from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.drift.cells import expected_unseen, levels_of, unlike_other_days
from monitoring_dagster.stats.drift.column_drift import (
    NEW_CATEGORY,
    Growth,
    levels_moved,
    numeric_moved,
)

QUANTILE = 0.99  # of ordinary days that stay below the bounds
MIN_ROWS = 100  # of a day that may say what is ordinary
NOISE = 0.01  # below it one day is as ordinary as another, and no day's luck widens the bounds

_Where = NDArray[np.bool_]


class OrdinaryDay(NamedTuple):
    """What an ordinary day of one column shows at most."""

    effect: float = 0.0
    growth: Growth = Growth()
    constant: float = 1.0  # share of such days on which all values are the same one


@dataclass(frozen=True, slots=True)
class Usual:
    """What an ordinary day shows at most, by column; as `OrdinaryDay` where nothing is known."""

    effect: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, float] = field(default_factory=dict)  # growth, as are the next three
    new_category: Mapping[str, float] = field(default_factory=dict)
    infinite: Mapping[str, float] = field(default_factory=dict)
    out_of_range: Mapping[str, float] = field(default_factory=dict)
    constant: Mapping[str, float] = field(default_factory=dict)  # share of days

    @classmethod
    def of(cls, bounds: Mapping[str, Sequence[float]]) -> Self:
        """From the bounds of each column, in the order of the fields."""
        return cls(
            *({name: of[i] for name, of in bounds.items()} for i, _ in enumerate(fields(cls)))
        )

    def day_of(self, column: str) -> OrdinaryDay:
        """What an ordinary day of a column shows."""
        return OrdinaryDay(
            self.effect.get(column, 0.0),
            Growth(*(getattr(self, name).get(column, 0.0) for name in Growth._fields)),
            self.constant.get(column, 1.0),
        )


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
    Bounds of effect and growths, 0 to 1, and the share of days on which a column was constant; as
    where nothing is known where fewer than two days are left. Where most days have categories of
    their own, these count as new on their day.

    Source: Hahn & Meeker (1991), Statistical Intervals, section 4.2, for the bound.
    """
    enough = [day for day in days if day.rows >= MIN_ROWS]
    bounds = {}
    for name, own in bins.items():
        if name not in reference.columns:
            raise UnknownColumn.named(name, table="the profile", available=reference.columns)
        samples = [day.columns[name] for day in enough if name in day.columns]
        if len(samples) < 2:
            bounds[name] = [0.0] * (1 + len(Growth._fields)) + [1.0]
            continue
        if isinstance(own, NumericBins):
            stack = NumericStack.of(of_kind(NumericProfile, samples, own))
            moved = numeric_moved(
                NumericStack.of(of_kind(NumericProfile, [reference.columns[name]], own)),
                stack,
                own,
            )
            same = stack.minimum == stack.maximum
        else:
            whole, parts = levels_of([reference.columns[name]], own), levels_of(samples, own)
            expected = expected_unseen(whole, own, own=True)
            effect, growth = levels_moved(whole, parts, own, expected)
            _, alone = levels_moved(whole, unlike_other_days(parts, whole, own), own, expected)
            if (alone[:, NEW_CATEGORY] >= NOISE).mean() > 0.5:  # a habit, and not the odd day
                effect, growth = np.fmax(effect, alone.max(-1)), np.fmax(growth, alone)
            moved, same = (effect, growth), _of_one_level(parts)
        everywhere = np.ones((1, len(samples)), dtype=bool)
        found = _bounds((moved[0][None], moved[1][None]), same[None], everywhere)
        bounds[name] = [float(one[0]) for one in found]
    return Usual.of(bounds)


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
    bounds: list[dict[str, list[float]]] = [{} for _ in at]
    for name, own in bins.items():
        columns = [day.columns.get(name) or empty_column(own) for day in days]
        there = np.array([name in day.columns for day in days]) & (rows >= MIN_ROWS)
        together, moved, same = (
            _numeric_windows(columns, at, own)
            if isinstance(own, NumericBins)
            else _level_windows(columns, at, own)
        )
        of_windows = np.stack(_bounds(moved, same, there[at]), axis=-1).tolist()
        for i, column in enumerate(together):
            whole[i][name], bounds[i][name] = column, of_windows[i]
    counted = rows[at].sum(1).tolist()
    return [(Profile(counted[i], whole[i]), Usual.of(bounds[i])) for i in range(len(at))]


_Moved = tuple[Floats, Floats]


def _numeric_windows(
    columns: Sequence[ColumnProfile], at: NDArray[np.intp], bins: NumericBins
) -> tuple[list[ColumnProfile], _Moved, _Where]:
    parts = NumericStack.of(of_kind(NumericProfile, columns, bins)).take(at)
    whole = parts.total()
    profiles: list[ColumnProfile] = [whole.profile(i, bins.digest) for i in range(len(at))]
    moved = numeric_moved(whole.take(np.arange(len(at))[:, None]), parts, bins)
    return profiles, moved, parts.minimum == parts.maximum


def _level_windows(
    columns: Sequence[ColumnProfile], at: NDArray[np.intp], bins: CategoricalBins
) -> tuple[list[ColumnProfile], _Moved, _Where]:
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
    together = whole[:, None, :]
    expected = expected_unseen(together, bins, own=False)
    return profiles, levels_moved(together, parts, bins, expected), _of_one_level(parts)


def _of_one_level(levels: Counts) -> _Where:
    """Which samples of categories have one value alone, but for what is missing."""
    known = levels[..., :-1]
    found: _Where = (known.max(-1) == known.sum(-1)) & (known.max(-1) > 0)
    return found


def _bounds(moved: _Moved, same: _Where, there: _Where) -> list[Floats]:
    """Of the effect, then of each growth; then the share of days on which all was the same."""
    effect, growth = moved
    n = there.sum(1)
    constant = np.where(n < 2, 1.0, (same & there).sum(1) / np.maximum(n, 1))
    return [*(_upper_bounds(one, there) for one in (effect, *np.moveaxis(growth, -1, 0))), constant]


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
