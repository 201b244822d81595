"""How are rows counted fast?  Growing arrays behind one pass, one slot per group of rows."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa

from monitoring_dagster.stats.columns.bins import Bins, CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.column_profile import (
    CategoricalProfile,
    ColumnProfile,
    NumericProfile,
    add_columns,
    empty_column,
    few_names,
    merge_moments,
    order,
)
from monitoring_dagster.stats.columns.groups import MAX_SEGMENT_VALUES, MISSING, OTHER
from monitoring_dagster.stats.columns.values import Codes, Floats, categories, numbers

CHUNK_ROWS = 65_536  # large enough that threads seldom wait for each other

Slots: TypeAlias = Codes | None  # the slot of each row; None: all rows are of slot 0


class NumericSums:
    """One numeric column, counted per slot."""

    def __init__(self, bins: NumericBins) -> None:
        self.bins: Final = bins
        self._counts = np.zeros((0, self.bins.size), np.int64)
        self._sums = np.zeros((0, self.bins.size))
        self._without_value = np.zeros((0, 3), np.int64)  # nulls, -inf, +inf
        self._shift = np.empty(0)  # near each slot's mean, so that the next two lose no digits
        self._deviations = np.zeros((0, 2))  # from the shift: sum, and sum of squares
        self._minimum, self._maximum = np.empty(0), np.empty(0)

    def reserve(self, slots: int) -> None:
        new = slots - len(self._counts)
        self._counts, self._sums, self._without_value, self._deviations = (
            np.concatenate([array, np.zeros((new, array.shape[1]), array.dtype)])
            for array in (self._counts, self._sums, self._without_value, self._deviations)
        )
        self._shift = np.append(self._shift, np.full(new, np.nan))
        self._minimum = np.append(self._minimum, np.full(new, np.inf))
        self._maximum = np.append(self._maximum, np.full(new, -np.inf))

    def add_finite(self, values: Floats, index: Codes, slots: Slots) -> None:
        shape = self._counts.shape
        cells = index if slots is None else slots * shape[1] + index
        counts = np.bincount(cells, minlength=self._counts.size).reshape(shape)
        sums = np.bincount(cells, values, minlength=self._sums.size).reshape(shape)
        self._counts += counts
        self._sums += sums
        with np.errstate(over="ignore", invalid="ignore"):
            new = np.isnan(self._shift)
            if new.any():
                n = counts.sum(axis=1)
                self._shift = np.where(
                    new & (n > 0), sums.sum(axis=1) / np.maximum(n, 1), self._shift
                )
            if slots is None:
                off = values - self._shift[0]
                self._deviations[0] += off.sum(), np.square(off, out=off).sum()
                self._minimum[0] = min(self._minimum[0], values.min())
                self._maximum[0] = max(self._maximum[0], values.max())
            else:
                off = values - self._shift.take(slots)
                self._deviations[:, 0] += np.bincount(slots, off, minlength=shape[0])
                self._deviations[:, 1] += np.bincount(slots, off * off, minlength=shape[0])
                np.minimum.at(self._minimum, slots, values)
                np.maximum.at(self._maximum, slots, values)

    def add_without_value(self, values: Floats, slots: Slots) -> None:
        """NaN and infinite *values*."""
        where = np.zeros(values.shape, np.intp) if slots is None else slots
        kind = np.where(np.isnan(values), 0, np.where(values < 0, 1, 2))
        flat = np.bincount(where * 3 + kind, minlength=self._without_value.size)
        self._without_value += flat.reshape(self._without_value.shape)

    def move(self, source: int, target: int) -> None:
        """Add the rows of slot *source* to *target* and empty it."""
        n, mean, m2 = merge_moments(self._moments(target), self._moments(source))
        self._shift[target], self._deviations[target] = mean if n else np.nan, (0.0, m2)
        self._shift[source], self._deviations[source] = np.nan, 0.0
        for array in (self._counts, self._sums, self._without_value):
            array[target] += array[source]
            array[source] = 0
        self._minimum[target] = min(self._minimum[target], self._minimum[source])
        self._maximum[target] = max(self._maximum[target], self._maximum[source])
        self._minimum[source], self._maximum[source] = np.inf, -np.inf

    def _moments(self, slot: int) -> Floats:
        n = self._counts[slot].sum()
        if not n:
            return np.zeros(3)
        off, squares = self._deviations[slot]
        with np.errstate(over="ignore", invalid="ignore"):
            m2 = max(squares - off * (off / n), 0.0) if np.isfinite(squares) else np.inf
            return np.array([n, self._shift[slot] + off / n, m2])

    def profile(self, slot: int) -> NumericProfile:
        nulls, negative, positive = self._without_value[slot].tolist()
        _, mean, m2 = self._moments(slot)
        return NumericProfile(
            self.bins.digest,
            self._counts[slot],
            self._sums[slot],
            nulls,
            negative,
            positive,
            float(self._minimum[slot]),
            float(self._maximum[slot]),
            float(mean),
            float(m2),
        )


class CategoricalSums:
    """One categorical column, counted per slot."""

    def __init__(self, bins: CategoricalBins) -> None:
        self.bins: Final = bins
        self._counts = np.zeros((0, self.bins.size), np.int64)
        self._nulls = np.zeros(0, np.int64)
        self._unseen: list[dict[str, int]] = []

    def reserve(self, slots: int) -> None:
        new = slots - len(self._counts)
        self._counts = np.concatenate([self._counts, np.zeros((new, self.bins.size), np.int64)])
        self._nulls = np.append(self._nulls, np.zeros(new, np.int64))
        self._unseen.extend({} for _ in range(new))

    def add(self, codes: Codes, names: Sequence[str], level_of: Codes, slots: Slots) -> None:
        where = np.zeros(codes.shape, np.intp) if slots is None else slots
        if codes.size and codes.min() < 0:
            missing = codes < 0
            self._nulls += np.bincount(where[missing], minlength=len(self._nulls))
            codes, where = codes[~missing], where[~missing]
        level = level_of.take(codes)
        cells = np.bincount(where * self.bins.size + level, minlength=self._counts.size)
        self._counts += cells.reshape(self._counts.shape)
        new = (level >= self.bins.unseen.start) & (level < self.bins.unseen.stop)
        pairs, rows = np.unique(where[new] * len(names) + codes[new], return_counts=True)
        for slot in np.unique(pairs // max(len(names), 1)):
            found = [
                (names[pair % len(names)], int(n))
                for pair, n in zip(pairs, rows, strict=True)
                if pair // len(names) == slot
            ]
            self._unseen[slot] = few_names([*self._unseen[slot].items(), *found])

    def move(self, source: int, target: int) -> None:
        for array in (self._counts, self._nulls):
            array[target] += array[source]
            array[source] = 0
        both = [*self._unseen[target].items(), *self._unseen[source].items()]
        self._unseen[target], self._unseen[source] = few_names(both), {}

    def profile(self, slot: int) -> CategoricalProfile:
        return CategoricalProfile(
            self.bins.digest, self._counts[slot], int(self._nulls[slot]), self._unseen[slot]
        )


def kept_values(names: set[str]) -> set[str]:
    """The values of a segment that keep a group of their own: missing, other, and 200 at most."""
    fixed = names & {MISSING, OTHER}
    return fixed.union(sorted(names - fixed, key=order)[:MAX_SEGMENT_VALUES])


class Split:
    """All columns of some rows, kept apart by the values of one segment column.

    A segment keeps its `MAX_SEGMENT_VALUES` values of lowest hash; rows of all others are counted
    as "(other)". So which values are kept depends on the set of values alone: never on the order
    of rows or on their number, and next to nothing changes from one day to the next.
    """

    def __init__(self, bins: Mapping[str, Bins], *, segment: str = "") -> None:
        self.segment: Final = segment
        self.sums: Final = {
            column: NumericSums(of) if isinstance(of, NumericBins) else CategoricalSums(of)
            for column, of in bins.items()
        }
        self._rows = np.zeros(0, np.int64)
        self._slot_of: dict[str, int] = {}
        if not segment:
            self._take_slot("")

    def count_rows(self, batch: pa.RecordBatch) -> Slots:
        """Count the rows of *batch* and return the slot of each."""
        if not self.segment:
            self._rows[0] += batch.num_rows
            return None
        codes, names = categories(batch.column(self.segment), column=self.segment)
        names = [*names, MISSING]
        codes = np.where(codes < 0, len(names) - 1, codes)
        rows = np.bincount(codes, minlength=len(names))
        self._admit({name for name, n in zip(names, rows, strict=True) if n})
        slot_of_code = np.array([self._slot_of.get(name, -1) for name in names], np.intp)
        other = self._slot_of.get(OTHER, -1)
        slots = np.where(slot_of_code < 0, other, slot_of_code).take(codes)
        self._rows += np.bincount(slots, minlength=len(self._rows))
        return slots

    def _admit(self, names: set[str]) -> None:
        known = names | set(self._slot_of)
        kept = kept_values(known)
        left = known - kept
        if left and OTHER not in self._slot_of:
            self._take_slot(OTHER)
        free = []
        for name in sorted(left & set(self._slot_of)):  # in this order floats add up the same
            free.append(self._slot_of.pop(name))
            self._move(free[-1], self._slot_of[OTHER])
        for name in sorted(kept - set(self._slot_of)):
            if free:
                self._slot_of[name] = free.pop()
            else:
                self._take_slot(name)

    def _take_slot(self, name: str) -> None:
        self._slot_of[name] = len(self._rows)
        self._rows = np.append(self._rows, 0)
        for sums in self.sums.values():
            sums.reserve(len(self._rows))

    def _move(self, source: int, target: int) -> None:
        self._rows[target] += self._rows[source]
        self._rows[source] = 0
        for sums in self.sums.values():
            sums.move(source, target)

    def groups(self) -> dict[str, tuple[int, dict[str, ColumnProfile]]]:
        """Rows and column profiles by segment value."""
        return {
            name: (
                int(self._rows[slot]),
                {column: sums.profile(slot) for column, sums in self.sums.items()},
            )
            for name, slot in self._slot_of.items()
        }

    def total(self) -> tuple[int, dict[str, ColumnProfile]]:
        """Rows and column profiles of all groups together."""
        columns = {}
        for column, sums in self.sums.items():
            parts = (sums.profile(slot) for slot in range(len(self._rows)))
            columns[column] = reduce(add_columns, parts, empty_column(sums.bins))
        return int(self._rows.sum()), columns


def count_column(column: str, values: pa.Array, splits: Sequence[tuple[Split, Slots]]) -> None:
    """Add one column of a batch to every split; each value's bin is looked up once."""
    first = splits[0][0].sums[column]
    if isinstance(first, CategoricalSums):
        codes, names = categories(values, column=column)
        level_of = first.bins.index(names)
        for split, slots in splits:
            sums = split.sums[column]
            assert isinstance(sums, CategoricalSums)
            sums.add(codes, names, level_of, slots)
        return
    plain = numbers(values, column=column)
    if plain.dtype == np.float16:
        plain = first.bins.halves.take(plain.view(np.uint16))
    for start in range(0, len(plain), CHUNK_ROWS):
        chunk = plain[start : start + CHUNK_ROWS].astype(np.float64, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            whole = bool(np.isfinite(chunk.sum()))  # quicker than to look at each
        finite = None if whole else np.isfinite(chunk)
        usable = chunk if finite is None else chunk[finite]
        index = first.bins.index(usable)
        for split, slots in splits:
            sums = split.sums[column]
            assert isinstance(sums, NumericSums)
            of_chunk = None if slots is None else slots[start : start + CHUNK_ROWS]
            if finite is not None:
                sums.add_without_value(
                    chunk[~finite], None if of_chunk is None else of_chunk[~finite]
                )
                of_chunk = None if of_chunk is None else of_chunk[finite]
            if usable.size:
                sums.add_finite(usable, index, of_chunk)
