"""Limits of a column learnt from days of it: the share present, a range, the set of values."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

MOST_LEVELS = 50  # more are no set that a person reviews
_WIDENINGS = (1, 2, 4)  # tried in this order, until held-out days keep the limit
_LEAST_ALLOWED = 0.01  # of a day's values may always be odd
_MOST_ALLOWED = 0.2  # a limit that so many values of a usual day may miss says nothing
_LEAST_PRESENT = 0.05
_RARE = 1e-5  # how often chance alone may break one limit on one day
_UNSEEN = 3.0  # events that none of the rows showed are expected at most so often (95 %)
_TAIL = 0.005  # of the values, on either side, that say nothing about the range
_MOST_COMMON = 0.5  # a value that takes more than this of the rows is not the range's middle
_MOST_ZEROS = 12  # of a whole number, before it is written as a power of ten
_ENOUGH_DAYS = 8  # that rise one after another by chance once in 20,000 times

Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NoLimit:
    """Why nothing can be asked of a column."""

    why: str


@dataclass(frozen=True, slots=True)
class Presence:
    """At least this share of a day's rows has a value."""

    mostly: float

    def holds(self, day: Sequence[bool] | NDArray[np.bool_]) -> bool:
        """Whether *day*, true where a value is there, keeps it."""
        return not len(day) or float(np.mean(day)) >= self.mostly


@dataclass(frozen=True, slots=True)
class Range:
    """At least this share of a day's values lies between two numbers, both included."""

    low: float | None
    high: float | None
    mostly: float

    def outside(self, day: Numbers) -> int:
        low, high = (
            -math.inf if self.low is None else self.low,
            math.inf if self.high is None else self.high,
        )
        return int(np.sum(~((day >= low) & (day <= high))))

    def holds(self, day: Numbers) -> bool:
        """Whether the values of *day*, none of them missing, keep it."""
        return not len(day) or (len(day) - self.outside(day)) / len(day) >= self.mostly


@dataclass(frozen=True, slots=True)
class Levels:
    """At least this share of a day's values is one of these."""

    values: tuple[object, ...]
    mostly: float

    def holds(self, day: Mapping[object, int]) -> bool:
        """Whether *day*, rows by value, keeps it."""
        rows, known = sum(day.values()), sum(day.get(one, 0) for one in self.values)
        return not rows or known / rows >= self.mostly


Limit = TypeVar("Limit", Presence, Range, Levels)


def learnt(
    learn: Callable[[Sequence[Any], int], Limit | NoLimit],
    days: Sequence[Any],
    *,
    held_out: int,
) -> Limit | NoLimit:
    """The narrowest limit that the last *held_out* of the *days* keep when the others teach it.

    Parameters
    ----------
    learn
        `presence`, `value_range` or `levels`.

    Returns
    -------
    The limit that all days teach, as wide as was needed, which each of them keeps; or why there is
    none.
    """
    for widening in _WIDENINGS:
        tried = learn(days[: len(days) - held_out], widening)
        if isinstance(tried, NoLimit):
            return tried
        if not all(tried.holds(day) for day in days[len(days) - held_out :]):
            continue
        limit = learn(days, widening)
        if isinstance(limit, NoLimit):
            return limit
        if all(limit.holds(day) for day in days):
            return limit
    return NoLimit("held-out days break what the others teach, also where it is widened")


def presence(days: Sequence[NDArray[np.bool_]], widening: int = 1) -> Presence | NoLimit:
    """How many of a day's rows have a value, at least.

    Parameters
    ----------
    days
        One array a day, true where a value is there.
    widening
        1, or more for a column that varies more than its *days* show.

    >>> presence([np.ones(1000, bool)] * 3)
    Presence(mostly=0.99)
    """
    missing, rows = [int(np.sum(~day)) for day in days], [len(day) for day in days]
    worst = _worst(missing, rows)
    if worst == 1:
        return NoLimit("a day of the reference holds nothing but missing values")
    more = min((2 * widening) * worst + 0.01 * widening, 0.25 * widening * (1 - worst))
    allowed = max(worst + more, _by_chance(missing, rows))
    if 1 - allowed < _LEAST_PRESENT:
        return NoLimit(f"{worst:.1%} of the values are missing on a day of the reference")
    return Presence(_mostly(allowed))


def value_range(days: Sequence[Numbers], widening: int = 1) -> Range | NoLimit:
    """Between which numbers the values of a day lie, but for a few.

    What 0.5 % of the values lie below or above, so that no outlier counts, moved outwards by the
    distance between the two: seasons move a column, and a wrong unit moves it further. Where no
    value is negative, none may be. Two-sided columns keep their limits when their sign is turned:
    drift tells of that.

    Parameters
    ----------
    days
        One array a day, without missing values.
    widening
        How many of these distances.

    >>> day = np.linspace(18, 80, 1000)
    >>> value_range([day, day, day])
    Range(low=0, high=150, mostly=0.99)
    """
    values = np.concatenate([*days, np.empty(0)])
    finite = values[np.isfinite(values)]
    if not finite.size:
        return NoLimit("the reference holds no number")
    if _climbs(days):
        return NoLimit("it rises or falls from day to day: every range would soon be left")
    if not np.any(finite):
        return NoLimit("the reference holds nothing but 0")
    low, high = _widened(finite, widening)
    tried = Range(low, high, 1.0)
    outside, rows = [tried.outside(day) for day in days], [len(day) for day in days]
    allowed = _allowed(outside, rows, widening)
    if allowed > _MOST_ALLOWED:
        return NoLimit(f"up to {allowed:.0%} of a day's few or scattered values may lie outside")
    return Range(low, high, _mostly(allowed))


def levels(days: Sequence[Mapping[object, int]], widening: int = 1) -> Levels | NoLimit:
    """Which values a column holds, and how many of a day may be new.

    As many as a day of the reference has that no other day has, and some more.

    Parameters
    ----------
    days
        Rows by value, one mapping a day, without missing values.

    >>> levels([{"DE": 900, "FR": 100}] * 3)
    Levels(values=('DE', 'FR'), mostly=0.99)
    """
    on_days: dict[object, int] = {}
    for day in days:
        for value in day:
            on_days[value] = on_days.get(value, 0) + 1
    if not on_days:
        return NoLimit("the reference holds no value")
    if len(on_days) > MOST_LEVELS:
        return NoLimit(f"{len(on_days):,} levels are more than the {MOST_LEVELS} of a set")
    new = [sum(n for value, n in day.items() if on_days[value] == 1) for day in days]
    allowed = _allowed(new, [sum(day.values()) for day in days], widening)
    if allowed > _MOST_ALLOWED:
        return NoLimit(f"up to {allowed:.0%} of a day's values may be ones that no other day has")
    return Levels(tuple(sorted(on_days, key=lambda one: (str(type(one)), one))), _mostly(allowed))


def _worst(odd: Sequence[int], rows: Sequence[int]) -> float:
    return max((n / of for n, of in zip(odd, rows, strict=True) if of), default=0.0)


def _allowed(odd: Sequence[int], rows: Sequence[int], widening: int) -> float:
    """The share of a day's values that may be odd: twice that of the worst day, or of chance."""
    return max(_LEAST_ALLOWED * widening, 2 * widening * _worst(odd, rows), _by_chance(odd, rows))


def _by_chance(odd: Sequence[int], rows: Sequence[int]) -> float:
    """The share of odd values that chance alone brings on the smallest of the days."""
    smallest = min((n for n in rows if n), default=0)
    if not smallest:
        return 1.0
    share = min(1.0, (sum(odd) + _UNSEEN) / sum(rows))
    return float(stats.binom.isf(_RARE, smallest, share)) / smallest


def _mostly(allowed: float) -> float:
    """Rounded so that a little more is allowed: to two digits of what is.

    >>> _mostly(0.0123), _mostly(0.41)
    (0.987, 0.59)
    """
    digits = 2 if allowed >= 0.1 else 3
    unit = 10.0**digits
    return round(1 - math.ceil(allowed * unit - 1e-9) / unit, digits)


def _climbs(days: Sequence[Numbers]) -> bool:
    """Whether the middle of every day lies above, or below, that of the day before."""
    finite = [day[np.isfinite(day)] for day in days]
    middles = np.array([np.median(day) for day in finite if len(day)])
    steps = np.diff(middles)
    return len(middles) >= _ENOUGH_DAYS and bool(np.all(steps > 0) or np.all(steps < 0))


def _widened(finite: Numbers, widening: int) -> tuple[float, float]:
    values, counts = np.unique(finite, return_counts=True)
    if np.array_equal(values, [0, 1]):
        return 0, 1  # a flag
    low, high = _middle(finite, values, counts)
    with np.errstate(over="ignore"):
        wide = widening * (high - low or abs(high))
        low, high = low - wide, high + wide
    if finite.min() >= 0:
        low = max(low, 0.0)
    if finite.max() <= 0:
        high = min(high, 0.0)
    return _readable(low, high)


def _middle(finite: Numbers, values: Numbers, counts: NDArray[np.intp]) -> tuple[float, float]:
    """What all but 1 % of the values lie between; where one value takes most of the rows, what
    all but 1 % of the others do, and it."""
    common = values[np.argmax(counts)]
    others = finite[finite != common]
    if others.size >= (1 - _MOST_COMMON) * finite.size:
        others = finite
    if not others.size:
        return float(common), float(common)
    low, high = np.quantile(others, [_TAIL, 1 - _TAIL], method="nearest")
    if others is finite:
        return float(low), float(high)
    return float(min(low, common)), float(max(high, common))


def _readable(low: float, high: float) -> tuple[float, float]:
    """Both moved outwards to two digits of the distance between them.

    >>> _readable(-45.3, 120.9), _readable(0.0123, 0.0456)
    ((-50, 130), (0.012, 0.046))
    """
    most = float(np.finfo(np.float64).max)
    low, high = max(low, -most), min(high, most)
    if not 1e-200 < high / 2 - low / 2 < 1e200:
        return low, high
    exponent = math.floor(math.log10(high - low)) - 1
    return _moved(low, exponent, math.floor), _moved(high, exponent, math.ceil)


def _moved(value: float, exponent: int, towards: Callable[[float], int]) -> float:
    if exponent < 0:
        return round(towards(value * 10.0**-exponent) / 10.0**-exponent, -exponent)
    moved = towards(value / 10.0**exponent) * int(10**exponent)
    return moved if exponent <= _MOST_ZEROS else float(moved)
