"""Into which bins do the values of a column fall?  Laid once over the reference, used every day."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from hashlib import blake2b
from itertools import repeat
from typing import Literal, Self, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.stats.columns.spelling import Spellings, plain_number
from monitoring_dagster.stats.columns.values import (
    Codes,
    Floats,
    categories,
    is_numeric,
    numbers,
    plain,
)

GUARDS = (0.1, 1.0, 10.0, 100.0, 1e3, 1e6)  # edges beyond the range, in ranges
CORE = (0.001, 0.999)  # quantiles that one wild value cannot move
CORE_REACH = 0.5  # in ranges of the core
TAILS = (1e-4, 3e-4, 1e-3, 2e-3)  # finer quantiles at either end
BUCKETS = 32  # for values that the reference never had
MAX_VALUES = 200_000  # of a reference, that are known
TIMES = 10
CELLS = 8192
MAX_STEPS = 3
ROUNDING = 1e-5  # of a value: what float32, a decimal of six digits and a sum leave of it
_LAST_BITS = 1e-12  # of a value: what a sum in another order leaves of it
_HASH_BYTES = 8

Hashes: TypeAlias = NDArray[np.uint64]


def _no_hashes() -> Hashes:
    return np.empty(0, np.uint64)


@dataclass(frozen=True, eq=False)
class NumericBins:
    """Right-closed bins: bin 0 is ``(-inf, e[0]]``, bin i ``(e[i-1], e[i]]``, the last open.

    >>> NumericBins(np.array([0.0, 1.0])).index(np.array([-5.0, 0.0, 0.5, 1.0, 9.0])).tolist()
    [0, 0, 1, 1, 2]
    """

    edges: Floats
    near: tuple[float, float] = (-np.inf, np.inf)  # two edges; what lies beyond them is far out
    singles: Codes = field(default_factory=lambda: np.empty(0, np.intp))  # bins of a single value

    def __post_init__(self) -> None:
        edges = np.asarray(self.edges, dtype=np.float64) + 0.0  # no negative zero in the digest
        edges.flags.writeable = False
        object.__setattr__(self, "edges", edges)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, NumericBins)
            and np.array_equal(self.edges, other.edges)
            and self.near == other.near
            and np.array_equal(self.singles, other.singles)
        )

    def __hash__(self) -> int:
        return hash(self.digest)

    @classmethod
    def from_reference(
        cls, values: ArrayLike, *, bins: int = 240, cuts: Sequence[float] = ()
    ) -> Self:
        """Lay about *bins* equal-mass bins over the finite *values*, and edges at *cuts*.

        A value that carries at least ``1 / bins`` of the rows gets a bin of its own (all values do
        where they are few), so zeros, caps and defaults are never mixed with their neighbours; it
        reaches as far as rounding does (`ROUNDING`, at most a quarter of the way to the next
        value), so that 0.3, 0.1 + 0.2 and 0.3 as float32 are one value.
        The outer 0.2 % are cut finer, and guard edges beyond the range tell near from far: far out
        is what lies beyond the range by a tenth of it, or beyond the central 99.8 % by half of
        theirs, whichever is nearer; so a wild value in the reference hides no other.
        """
        x = np.asarray(values, dtype=np.float64).ravel()
        unique, rows = _values_and_rows(x[np.isfinite(x)])
        if not unique.size:
            return cls(np.unique(np.array(cuts, dtype=np.float64)))
        n, few = int(rows.sum()), 2 * unique.size <= bins
        own = (rows >= max(n / bins, 2)) | few
        low, high = unique[0], unique[-1]
        core_low, core_high = _quantiles(unique, rows, np.array(CORE))
        below, above = _around(unique, own, cuts)
        with np.errstate(over="ignore"):
            reach = np.array(GUARDS) * ((high - low) or max(abs(high), 1.0))
            core_reach = CORE_REACH * ((core_high - core_low) or max(abs(core_high), 1.0))
            near = (
                float(max(low - reach[0], core_low - core_reach)),
                float(min(high + reach[0], core_high + core_reach)),
            )
            edges = [above, below, [high] if not own[-1] else [], high + reach, low - reach]
            edges += [[] if own[0] else [np.nextafter(low, -np.inf)]]
            edges += [np.array(near), np.array(cuts, dtype=np.float64)]
        if not few:
            shares = np.arange(0, 1, n / (bins * max(rows[~own].sum(), 1)))[1:]
            edges.append(_quantiles(unique[~own], rows[~own], shares))
            edges.append(_quantiles(unique, rows, np.array([*TAILS, *(1 - np.array(TAILS))])))
        every = np.unique(np.concatenate(edges))
        every = every[np.isfinite(every)]
        inside = np.searchsorted(below, every, "right") > np.searchsorted(above, every, "right")
        every = every[~inside | np.isin(every, below)]
        return cls(every, near, np.searchsorted(every, unique[own], "left"))

    @property
    def size(self) -> int:
        return int(self.edges.size) + 1

    @cached_property
    def digest(self) -> str:
        """Short name of exactly these bins; profiles over other bins are refused."""
        numbers = np.append(self.edges, self.near).astype("<f8")
        return hashlib.sha256(b"numeric" + numbers.tobytes()).hexdigest()[:16]

    @cached_property
    def halves(self) -> Floats:
        """What each 16-bit float is read as, by its bits: the value of a bin that it rounds."""
        found = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float64)
        inner = self.singles[(self.singles > 0) & (self.singles < self.edges.size)]
        values = (self.edges[inner - 1] + self.edges[inner]) / 2
        with np.errstate(over="ignore"):
            found[values.astype(np.float16).view(np.uint16)] = values
        return found

    @cached_property
    def far(self) -> NDArray[np.bool_]:
        """Which bins lie beyond `near`."""
        far = np.zeros(self.size, dtype=bool)
        far[1:] |= self.edges >= self.near[1]
        far[:-1] |= self.edges <= self.near[0]
        return far

    def index(self, values: Floats) -> Codes:
        """The bin of each value, equal to ``np.searchsorted(edges, values, "left")``.

        A table over the core of the range gives the bin where a value's cell begins, and at most
        three comparisons correct it: several times faster than a search per value. NaN has no bin.
        """
        if self._table is None:
            return np.searchsorted(self.edges, values, "left")
        start, steps = self._table.start, self._table.steps
        found = start.take(self._table.cell(values), mode="clip")
        rest = np.flatnonzero(found < 0)
        if rest.size:
            found[rest] = np.searchsorted(self.edges, values[rest], "left")
        for _ in range(steps):
            found += values > self._table.edges.take(found, mode="clip")
        return found

    @cached_property
    def _table(self) -> "_LookupTable | None":
        return _LookupTable.over(self.edges)


def _values_and_rows(values: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The different values and their rows; those that differ by their last bits are one."""
    unique, rows = np.unique(values, return_counts=True)
    if unique.size < 2:
        return unique, rows
    with np.errstate(over="ignore"):
        apart = np.diff(unique) > _LAST_BITS * np.abs(unique[1:])
    first = np.flatnonzero(np.r_[True, apart])
    return unique[first], np.add.reduceat(rows, first)


def _around(unique: Floats, own: NDArray[np.bool_], cuts: Sequence[float]) -> tuple[Floats, Floats]:
    """The edges below and above each value that has a bin of its own."""
    size = np.abs(unique)
    with np.errstate(over="ignore"):
        gaps = np.diff(unique, prepend=-np.inf, append=np.inf) / 4
        reach = np.minimum(
            np.maximum(ROUNDING * size, 1e-9 * np.median(size)), np.minimum(gaps[:-1], gaps[1:])
        )
    if (unique == np.trunc(unique)).all():
        reach = np.minimum(reach, 0.25)
    if len(cuts):  # an edge that somebody asked for stays where it is
        beside = np.abs(unique[:, None] - np.asarray(cuts, np.float64)[None, :]).min(1)
        reach = np.where(beside <= reach, 0.0, reach)
    value, reach = unique[own], reach[own]
    with np.errstate(over="ignore"):  # below the lowest number there is none
        return np.minimum(value - reach, np.nextafter(value, -np.inf)), value + reach


def _quantiles(unique: Floats, rows: NDArray[np.int64], at: Floats) -> Floats:
    """The smallest values with at least a share *at* of the rows at or below them."""
    if not unique.size:
        return unique
    upto = np.cumsum(rows)
    values: Floats = unique[np.searchsorted(upto, at * upto[-1])]
    return values


@dataclass(frozen=True, slots=True)
class _LookupTable:
    """Equal cells over the core of the range, and the lowest bin each of them reaches.

    `cell` never decreases in its argument (subtraction, multiplication and clipping keep order in
    floating point), so an edge of an earlier cell lies below every value of a later one: counting
    the edges per cell bounds a value's bin from both sides without any tolerance.
    """

    origin: float
    scale: float
    start: Codes  # -1: too many edges in this cell, search exactly
    steps: int
    edges: Floats  # with +inf behind the last, so that a step stops there

    @classmethod
    def over(cls, edges: Floats) -> Self | None:
        outside = max(len(GUARDS) + 1, round(0.04 * edges.size))
        core = edges[outside : edges.size - outside]
        with np.errstate(over="ignore", divide="ignore"):
            width = core[-1] - core[0] if core.size > 1 else np.float64(0.0)
            scale = (CELLS - 3) / width
        if not (np.isfinite(width) and np.isfinite(scale) and scale > 0) or edges.size > 32_000:
            return None
        origin = float(core[0] - 1.5 / scale)  # the outermost cells hold what lies beyond
        plain = cls(origin, float(scale), np.empty(0, np.intp), 0, edges)
        cells = plain.cell(edges)
        inside = np.bincount(cells, minlength=CELLS)
        start = np.searchsorted(cells, np.arange(CELLS), "left").astype(np.intp)
        start[inside > MAX_STEPS] = -1
        steps = int(inside[inside <= MAX_STEPS].max(initial=0))
        return cls(origin, float(scale), start, steps, np.append(edges, np.inf))

    def cell(self, values: Floats) -> Codes:
        with np.errstate(over="ignore"):
            position = values - self.origin
            position *= self.scale
        np.clip(position, 0.0, CELLS - 1, out=position)
        return position.astype(np.intp)


@dataclass(frozen=True, eq=False)
class CategoricalBins:
    """One bin a level of the reference, `BUCKETS` for the values it never had; and where it had
    more values than are named, `BUCKETS` each for those it had more than once, and once.

    Which bucket a value falls into depends on its name alone. So a rare level can be put into the
    bucket that it would be in, had the reference missed it: rare and unseen values are compared as
    one, which a test must do that was not told beforehand which levels there are.

    >>> bins = CategoricalBins(("a", "b"))
    >>> bins.index(["b", "a", "new", "newer"]).tolist()
    [1, 0, 15, 25]
    """

    levels: tuple[str, ...]
    rarest: int = 1  # rows of the reference that a level needs to be among `levels`
    repeated: int | None = None  # as many of `levels`, the first ones, it had more than once
    times: tuple[int, ...] = ()  # how many values it had once, twice, up to `TIMES` times
    rows: int = 0  # of the reference that these bins were laid over, the missing ones left out
    seldom: Hashes = field(
        default_factory=_no_hashes
    )  # of further values that it had more than once, sorted
    once: Hashes = field(default_factory=_no_hashes)  # of further values that it had once, sorted
    laid_over: float = 1.0  # share of the reference's rows; the values of the others are unseen

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CategoricalBins) and all(
            np.array_equal(getattr(self, part.name), getattr(other, part.name))
            for part in fields(self)
        )

    def __hash__(self) -> int:
        return hash(self.digest)

    @classmethod
    def from_reference(
        cls,
        values: pa.Array | pa.ChunkedArray,
        *,
        max_levels: int = 1000,
        max_values: int = MAX_VALUES,
    ) -> Self:
        """The *max_levels* most frequent values by name, the most frequent first, ties by name; all
        others by a hash. With more than *max_values* of them, those of a random part of the rows:
        how many of the other rows are of values that this part never had is what to expect of
        further rows.
        """
        codes, names = categories(values, column="reference")
        codes = codes[codes >= 0]
        known, rng = codes, np.random.default_rng(codes.size)
        rows = np.bincount(known, minlength=len(names))
        while np.count_nonzero(rows) > max_values:
            known = known[rng.random(known.size) < 0.5]
            rows = np.bincount(known, minlength=len(names))
        return cls.of_values(
            names, rows, max_levels=max_levels, laid_over=known.size / max(codes.size, 1)
        )

    @classmethod
    def of_values(
        cls,
        names: Sequence[str],
        rows: NDArray[np.int64],
        *,
        max_levels: int = 1000,
        laid_over: float = 1.0,
    ) -> Self:
        """From distinct *names*, and how many *rows* there are of each."""
        there = np.flatnonzero(rows)
        named = (names[i] for i in there.tolist())
        ranked = sorted(zip((-rows[there]).tolist(), named, strict=True))
        kept, others = ranked[:max_levels], ranked[max_levels:]
        seldom = np.unique(_hashes((name for n, name in others if n < -1), _HASH_BYTES))
        once = np.unique(_hashes((name for n, name in others if n == -1), _HASH_BYTES))
        return cls(
            tuple(name for _, name in kept),
            -kept[-1][0] if others else 1,
            sum(n < -1 for n, _ in kept),
            tuple(np.bincount(rows[there], minlength=TIMES + 1)[1 : TIMES + 1].tolist()),
            int(rows.sum()),
            seldom,
            np.setdiff1d(once, seldom, assume_unique=True),  # two spellings of one number
            laid_over,
        )

    @property
    def first_single(self) -> int:
        """From here on the reference had the `levels` once."""
        return len(self.levels) if self.repeated is None else self.repeated

    @property
    def unseen(self) -> slice:
        """The bins of values that the reference never had."""
        return slice(len(self.levels), len(self.levels) + BUCKETS)

    @property
    def size(self) -> int:
        return len(self.levels) + (3 if self._knows_more else 1) * BUCKETS

    @cached_property
    def digest(self) -> str:
        """Short name of exactly these bins; profiles over other bins are refused."""
        written = hashlib.sha256(b"categorical" + json.dumps(self.levels).encode())
        if self._knows_more:
            for hashes in (self.seldom, self.once):
                written.update(b"and" + hashes.astype("<u8").tobytes())
        return written.hexdigest()[:16]

    @cached_property
    def buckets(self) -> Codes:
        """The bucket of each level, had the reference missed it; 0 to `BUCKETS` - 1."""
        return _buckets(_hashes(self.levels, self._hash_bytes))

    def index(self, names: Sequence[str]) -> Codes:
        """The bin of each name; call it on the distinct values, not on every row.

        A name that is no level may be one in another spelling: a number with zeros behind its
        point, or true and false as 1 and 0. Nothing else is taken for the same.
        """
        found = np.fromiter(map(self._codes.get, names, repeat(-1)), np.intp, len(names))
        unknown = np.flatnonzero(found < 0)
        if unknown.size and self._spellings.places:
            places = (self._spellings.place(names[i]) for i in unknown.tolist())
            found[unknown] = [-1 if place is None else place for place in places]
            unknown = unknown[found[unknown] < 0]
        if unknown.size:
            found[unknown] = self._beyond([names[i] for i in unknown.tolist()])
        return found

    def respelled(self, names: Sequence[str]) -> list[str]:
        """The *names*, those that are levels in another spelling as the reference has them."""
        codes = self.index(names).tolist()
        return [
            self.levels[code] if code < len(self.levels) else name
            for code, name in zip(codes, names, strict=True)
        ]

    def _beyond(self, names: list[str]) -> Codes:
        hashes = _hashes(names, self._hash_bytes)
        found = len(self.levels) + _buckets(hashes)
        for place, known in enumerate((self.seldom, self.once), start=1):
            if known.size:
                at = np.searchsorted(known, hashes).clip(max=known.size - 1)
                found += BUCKETS * place * (known[at] == hashes)
        return found

    @property
    def _knows_more(self) -> bool:
        return bool(self.seldom.size or self.once.size)

    @property
    def _hash_bytes(self) -> int:
        return _HASH_BYTES if self._knows_more else 1  # a bucket needs no more

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {level: code for code, level in enumerate(self.levels)}

    @cached_property
    def _spellings(self) -> Spellings:
        found = Spellings.of(self.levels)
        if not (self._knows_more and found.places):
            return found
        names = list(found.places)
        return found.but(
            name
            for name, code in zip(names, self._beyond(names), strict=True)
            if code >= self.unseen.stop
        )


def _hashes(names: Iterable[str], size: int) -> Hashes:
    """One of *size* bytes for each name; of many bytes, one for all spellings of a number."""
    words: Iterable[str] = map(plain_number, names) if size > 1 else names
    written = b"".join([blake2b(word.encode(), digest_size=size).digest() for word in words])
    return np.frombuffer(written, "<u8" if size > 1 else "u1").astype(np.uint64)


def _buckets(hashes: Hashes) -> Codes:
    return (hashes % BUCKETS).astype(np.intp)


Bins: TypeAlias = NumericBins | CategoricalBins


def bins_of(
    values: pa.Array | pa.ChunkedArray,
    *,
    column: str,
    kind: Literal["numeric", "categorical"] | None = None,
    cuts: Sequence[float] = (),
) -> Bins:
    """The bins of one reference column; by default numbers are numeric, all else categorical.

    *cuts* are further edges, where shares must be exact.
    """
    if kind == "numeric" or (kind is None and is_numeric(values.type)):
        return NumericBins.from_reference(numbers(values, column=column), cuts=cuts)
    return CategoricalBins.from_reference(values)


def bins_to_table(bins: Mapping[str, Bins]) -> pa.Table:
    """One row a column, for a file; `bins_from_table` reads it back."""
    return pa.table(
        {
            "column": pa.array(list(bins), pa.string()),
            "edges": pa.array(
                [b.edges if isinstance(b, NumericBins) else None for b in bins.values()],
                pa.list_(pa.float64()),
            ),
            "near": pa.array(
                [b.near if isinstance(b, NumericBins) else None for b in bins.values()],
                pa.list_(pa.float64()),
            ),
            "singles": pa.array(
                [b.singles if isinstance(b, NumericBins) else None for b in bins.values()],
                pa.list_(pa.int64()),
            ),
            "levels": pa.array(
                [b.levels if isinstance(b, CategoricalBins) else None for b in bins.values()],
                pa.list_(pa.string()),
            ),
            **{
                name: pa.array(
                    [
                        getattr(b, name) if isinstance(b, CategoricalBins) else None
                        for b in bins.values()
                    ],
                    of,
                )
                for name, of in _OF_LEVELS.items()
            },
        }
    )


_HASHED = ("seldom", "once")
_OF_LEVELS = {
    "rarest": pa.int64(),
    "repeated": pa.int64(),
    "times": pa.list_(pa.int64()),
    "rows": pa.int64(),
    **dict.fromkeys(_HASHED, pa.list_(pa.uint64())),
    "laid_over": pa.float64(),
}


def bins_from_table(table: pa.Table) -> dict[str, Bins]:
    """The bins that `bins_to_table` wrote down."""
    found: dict[str, Bins] = {}
    for i, row in enumerate(table.drop_columns(list(_HASHED)).to_pylist()):
        if row["edges"] is not None:
            edges, singles = np.array(row["edges"], np.float64), np.array(row["singles"], np.intp)
            found[row["column"]] = NumericBins(edges, tuple(row["near"]), singles)
            continue
        found[row["column"]] = CategoricalBins(
            tuple(row["levels"]),
            row["rarest"],
            row["repeated"],
            tuple(row["times"]),
            row["rows"],
            seldom=plain(table["seldom"][i].values).astype(np.uint64),
            once=plain(table["once"][i].values).astype(np.uint64),
            laid_over=row["laid_over"],
        )
    return found
