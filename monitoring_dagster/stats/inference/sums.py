"""How much is it all together?  Sums without rounding: what was added can be taken away again."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monitoring_dagster.stats.columns.values import Codes, Floats

_LARGEST = 1e140  # its square is a float, and so are the sums of many
_LOWEST_BIT = 1074  # every float is a whole number of 2**-1074
_LEVEL_BITS = 26  # the sums of 2**26 rows fill a float's 53
_BLOCK_ROWS = 16_384  # what a core keeps at hand


@dataclass(frozen=True, slots=True)
class Sum:
    """Values of some rows, added up; of rows that were taken away, subtracted. `Sum()` is neutral.

    Exact, so that neither the order of rows nor what was added and taken away leaves a trace: a
    label of 1e9 that was corrected to 1 costs no digit.
    """

    n: int = 0
    total: int = 0  # in units of 2**-1074, as are the squares
    squares: int = 0
    infinite: int = 0  # of the n rows those beyond 1e140, which are not in the total

    @property
    def mean(self) -> float:
        """NaN without rows, or where a value is infinite."""
        if self.infinite or self.n < 1:
            return nan
        return self.total / (self.n << _LOWEST_BIT)

    @property
    def variance(self) -> float:
        """Mean squared distance from the mean; NaN without rows, or where a value is infinite."""
        if self.infinite or self.n < 1:
            return nan
        spread = self.n * (self.squares << _LOWEST_BIT) - self.total**2
        return spread / (self.n**2 << 2 * _LOWEST_BIT)

    def __bool__(self) -> bool:
        return self != type(self)()

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.n + other.n,
            self.total + other.total,
            self.squares + other.squares,
            self.infinite + other.infinite,
        )

    def __neg__(self) -> Self:
        return type(self)(-self.n, -self.total, -self.squares, -self.infinite)


def sums_by_slot(values: Floats, slots: Codes, count: int) -> list[Sum]:
    """The sum of every slot of rows.

    Parameters
    ----------
    values
        One a row; NaN is left out.
    slots
        0 to ``count - 1``, one a row.
    """
    small = np.abs(values) <= _LARGEST
    infinite = np.zeros(count, np.intp)
    if not small.all():
        infinite = np.bincount(slots[~small & ~np.isnan(values)], minlength=count)
        values, slots = values[small], slots[small]
    _, exponent = np.frexp(np.abs(values).max(initial=0))
    totals, squares = _Levels(int(exponent), count), _Levels(2 * int(exponent), count)
    for start in range(0, values.size, _BLOCK_ROWS):
        block, owners = values[start : start + _BLOCK_ROWS], slots[start : start + _BLOCK_ROWS]
        square, rest = _square(block)
        totals.add(block, owners)
        squares.add(square, owners)
        squares.add(rest, owners, depth=2)  # at most 2**-53 of the largest square
    return [
        Sum(n + far, total, square, far)
        for n, far, total, square in zip(
            np.bincount(slots, minlength=count).tolist(),
            infinite.tolist(),
            totals.sums(),
            squares.sums(),
            strict=True,
        )
    ]


def as_floats(total: int) -> list[float]:
    """The few floats whose sum is *total*, the largest first; `from_floats` adds them up."""
    found: list[float] = []
    while total:
        found.append(total / (1 << _LOWEST_BIT))
        total -= _whole(found[-1])
    return found


def from_floats(parts: Iterable[float]) -> int:
    """What `as_floats` took apart."""
    return sum(map(_whole, parts))


class _Levels:
    """Sums of values below 2**exponent: level by level their next 26 bits, which add up exactly.

    Source: Rump, Ogita & Oishi (2008), SIAM J. Sci. Comput. 31(1), for cutting the bits.
    """

    def __init__(self, exponent: int, count: int) -> None:
        self._exponent, self._count = exponent, count
        self._levels: list[Floats] = []

    def add(self, values: Floats, slots: Codes, depth: int = 0) -> None:
        while values.any():
            while depth >= len(self._levels):
                self._levels.append(np.zeros(self._count))
            lowest = self._exponent - _LEVEL_BITS * (depth + 1)
            rounding = 1.5 * 2.0 ** (max(lowest, -_LOWEST_BIT) + 52)
            upper = (values + rounding) - rounding
            if self._count == 1:  # all that bincount knows, five times as fast
                self._levels[depth] += upper.sum()
            else:
                self._levels[depth] += np.bincount(slots, upper, minlength=self._count)
            values = values - upper
            depth += 1

    def sums(self) -> list[int]:
        return [from_floats(parts) for parts in np.transpose(self._levels).tolist()] or [
            0
        ] * self._count


def _whole(value: float) -> int:
    numerator, denominator = value.as_integer_ratio()
    return numerator << (_LOWEST_BIT + 1 - denominator.bit_length())


def _square(values: Floats) -> tuple[Floats, Floats]:
    """Each square, rounded, and what rounding took from it.

    Source: Dekker (1971), Numerische Mathematik 18.
    """
    square: NDArray[np.float64] = values * values
    split = values * (2.0**27 + 1)
    high = split - (split - values)
    low = values - high
    return square, low * low - ((square - high * high) - 2 * (high * low))
