"""What did one column look like?  Counts per bin and moments that add up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from typing import Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.columns.bins import Bins, CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.values import Floats

Counts: TypeAlias = NDArray[np.int64]

ColumnProfile: TypeAlias = "NumericProfile | CategoricalProfile"

MAX_UNSEEN = 10  # names of unseen values kept for the reader


class MismatchedBins(MonitoringError):
    """Two profiles, or a profile and its bins, were counted differently."""

    @classmethod
    def between(cls, left: str, right: str) -> Self:
        return cls(
            f"bins {left} and {right} differ, so their counts cannot be compared or added:"
            " profile both again over the same reference"
        )

    @classmethod
    def columns(cls, left: Mapping[str, object], right: Mapping[str, object]) -> Self:
        odd = ", ".join(sorted(set(left) ^ set(right)))
        return cls(f"only one of two profiles has {odd}: profile both again over the same columns")


def order(name: str) -> bytes:
    """A random but fixed rank of a name: which names are kept never depends on row order."""
    return blake2b(name.encode(), digest_size=8).digest()


def merge_moments(left: Floats, right: Floats) -> Floats:
    """Moments of two samples taken together, elementwise.

    Parameters
    ----------
    left, right
        Count, mean and sum of squared deviations from the mean, shape ``(..., 3)``.

    Returns
    -------
    The same of both. Finite values beyond about 1e150 make the last one infinite.

    >>> merge_moments(np.array([2, 1.5, 0.5]), np.array([2, 3.5, 0.5])).tolist()
    [4.0, 2.5, 5.0]

    Source: Chan, Golub & LeVeque (1983), The American Statistician 37(3).
    """
    (n, mean, m2), (other_n, other_mean, other_m2) = (
        np.moveaxis(left, -1, 0),
        np.moveaxis(right, -1, 0),
    )
    total = np.maximum(n + other_n, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        gap = np.where((n == 0) | (other_n == 0), 0.0, other_mean - mean)
        both = np.where(
            gap == 0, np.where(n == 0, other_mean, mean), (n * mean + other_n * other_mean) / total
        )
        both_m2 = m2 + other_m2 + gap**2 * (n * other_n / total)
    return np.stack([n + other_n, both, both_m2], axis=-1)


@dataclass(frozen=True, slots=True, eq=False)
class NumericProfile:
    """One numeric column of some rows. NaN counts as null, infinite values apart."""

    digest: str  # of the bins
    counts: Counts  # finite rows per bin
    sums: Floats  # of the finite values, per bin
    nulls: int = 0
    negative_infinite: int = 0
    positive_infinite: int = 0
    minimum: float = np.inf  # of the finite values; inf and -inf where there are none
    maximum: float = -np.inf
    mean: float = 0.0
    m2: float = 0.0  # sum of squared deviations from the mean

    @classmethod
    def empty(cls, bins: NumericBins) -> Self:
        return cls(bins.digest, np.zeros(bins.size, np.int64), np.zeros(bins.size))

    @property
    def finite(self) -> int:
        return int(self.counts.sum())

    @property
    def infinite(self) -> int:
        return self.negative_infinite + self.positive_infinite

    @property
    def rows(self) -> int:
        return self.finite + self.infinite + self.nulls

    @property
    def variance(self) -> float:
        """Of the finite values, with n - 1; NaN below two of them."""
        return self.m2 / (self.finite - 1) if self.finite > 1 else float("nan")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NumericProfile) and _same(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Self) -> Self:
        if self.digest != other.digest:
            raise MismatchedBins.between(self.digest, other.digest)
        _, mean, m2 = merge_moments(
            np.array([self.finite, self.mean, self.m2], dtype=np.float64),
            np.array([other.finite, other.mean, other.m2], dtype=np.float64),
        )
        return type(self)(
            self.digest,
            self.counts + other.counts,
            self.sums + other.sums,
            self.nulls + other.nulls,
            self.negative_infinite + other.negative_infinite,
            self.positive_infinite + other.positive_infinite,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
            float(mean),
            float(m2),
        )


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalProfile:
    """One categorical column of some rows; the last counts are of values the reference lacks."""

    digest: str  # of the bins
    counts: Counts  # rows per level, then of the unseen, per bucket
    nulls: int = 0
    unseen: Mapping[str, int] = field(default_factory=dict)  # a few of the unseen, by name

    @classmethod
    def empty(cls, bins: CategoricalBins) -> Self:
        return cls(bins.digest, np.zeros(bins.size, np.int64))

    @property
    def rows(self) -> int:
        return int(self.counts.sum()) + self.nulls

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CategoricalProfile) and _same(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Self) -> Self:
        if self.digest != other.digest:
            raise MismatchedBins.between(self.digest, other.digest)
        return type(self)(
            self.digest,
            self.counts + other.counts,
            self.nulls + other.nulls,
            few_names([*self.unseen.items(), *other.unseen.items()]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class NumericStack:
    """The same numeric column of several samples, over the same bins."""

    counts: Counts  # shape (..., bins), as are the sums; all others (...)
    sums: Floats
    nulls: Counts
    negative_infinite: Counts
    positive_infinite: Counts
    minimum: Floats
    maximum: Floats
    mean: Floats
    m2: Floats
    finite: Counts

    @classmethod
    def of(cls, profiles: Sequence[NumericProfile]) -> Self:
        counts = np.stack([one.counts for one in profiles])
        return cls(
            counts,
            np.stack([one.sums for one in profiles]),
            np.array([one.nulls for one in profiles]),
            np.array([one.negative_infinite for one in profiles]),
            np.array([one.positive_infinite for one in profiles]),
            np.array([one.minimum for one in profiles]),
            np.array([one.maximum for one in profiles]),
            np.array([one.mean for one in profiles]),
            np.array([one.m2 for one in profiles]),
            counts.sum(axis=-1),
        )

    @property
    def rows(self) -> Counts:
        found: Counts = self.finite + self.nulls + self.negative_infinite + self.positive_infinite
        return found

    def take(self, at: NDArray[np.intp]) -> Self:
        """The samples at these positions, in the shape of *at*."""
        return type(self)(*(getattr(self, part.name)[at] for part in fields(self)))

    def total(self) -> Self:
        """The samples of the last leading axis taken together."""
        counts, n = self.counts.sum(-2), self.finite.sum(-1)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = (self.finite * self.mean).sum(-1) / np.maximum(n, 1)
            off = np.where(self.finite > 0, self.mean - mean[..., None], 0.0)
            m2 = (self.m2 + self.finite * off**2).sum(-1)
        return type(self)(
            counts,
            self.sums.sum(-2),
            self.nulls.sum(-1),
            self.negative_infinite.sum(-1),
            self.positive_infinite.sum(-1),
            self.minimum.min(-1),
            self.maximum.max(-1),
            mean,
            m2,
            n,
        )

    def profile(self, at: int, digest: str) -> NumericProfile:
        """One sample by itself."""
        return NumericProfile(
            digest,
            self.counts[at],
            self.sums[at],
            int(self.nulls[at]),
            int(self.negative_infinite[at]),
            int(self.positive_infinite[at]),
            float(self.minimum[at]),
            float(self.maximum[at]),
            float(self.mean[at]),
            float(self.m2[at]),
        )

    @property
    def sd(self) -> Floats:
        """Of the finite values, with n - 1; NaN below two of them."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.sqrt(np.where(self.finite > 1, self.m2 / (self.finite - 1), np.nan))


def _same(left: ColumnProfile, right: ColumnProfile) -> bool:
    return all(
        np.array_equal(getattr(left, part.name), getattr(right, part.name)) for part in fields(left)
    )


def few_names(rows: list[tuple[str, int]]) -> dict[str, int]:
    """The names of lowest rank with their rows added up; whoever sums first, the same names."""
    total: dict[str, int] = {}
    for name, n in rows:
        total[name] = total.get(name, 0) + n
    return {name: total[name] for name in sorted(total, key=order)[:MAX_UNSEEN]}


def empty_column(bins: Bins) -> ColumnProfile:
    """No rows yet, over these bins."""
    if isinstance(bins, NumericBins):
        return NumericProfile.empty(bins)
    return CategoricalProfile.empty(bins)


_Kind = TypeVar("_Kind", NumericProfile, CategoricalProfile)


def of_kind(kind: type[_Kind], profiles: Iterable[ColumnProfile], bins: Bins) -> list[_Kind]:
    """The *profiles*, all of this kind and counted over *bins*; else MismatchedBins."""
    found = []
    for one in profiles:
        if one.digest != bins.digest or not isinstance(one, kind):
            raise MismatchedBins.between(one.digest, bins.digest)
        found.append(one)
    return found


def add_columns(left: ColumnProfile, right: ColumnProfile) -> ColumnProfile:
    """Both taken together; refused where the bins differ."""
    if isinstance(left, NumericProfile) and isinstance(right, NumericProfile):
        return left + right
    if isinstance(left, CategoricalProfile) and isinstance(right, CategoricalProfile):
        return left + right
    raise MismatchedBins.between(left.digest, right.digest)
