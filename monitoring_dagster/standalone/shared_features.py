"""Columns that two tables share and that play no other part, and whether these drifted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator
from numpy.typing import NDArray

from monitoring_dagster.standalone.compare import compare, unusable
from monitoring_dagster.standalone.reading.question import PLAIN, plainly
from monitoring_dagster.standalone.reading.written_values import are_spelled, spelled
from monitoring_dagster.standalone.table_profile import NothingInCommon, read_reference
from monitoring_dagster.stats.columns.design import Design
from monitoring_dagster.stats.columns.values import Codes, Floats, categories, is_numeric, is_words
from monitoring_dagster.stats.columns.written import Style, numbers_in
from monitoring_dagster.stats.drift import joint_drift
from monitoring_dagster.stats.drift.drift_verdict import Verdict
from monitoring_dagster.stats.estimation.reweighting import Weights, weights
from monitoring_dagster.stats.quality.labelled_rows import SPELLED
from monitoring_dagster.store.references.reference import ColumnKind, Reference

_SEED = 20260101
_JOINT_ROWS = 1_000  # of either side, for all features together
_MIN_COMMON = 0.05  # of the current values that lie among the reference's
_FEW_ROWS = 100  # below, numbers that only grow may do so by chance


@dataclass(frozen=True)
class Features:
    """The columns that two tables share and that play no other part, ready to be compared."""

    reference: Reference | None = field(repr=False)  # None: there is no such column
    left_out: Mapping[str, str]  # column: why
    unreadable: Mapping[str, str]  # those of them that one table has and the other has otherwise
    before: pa.Table = field(repr=False)
    now: pa.Table = field(repr=False)
    points_before: Floats = field(repr=False)  # shape (rows, columns)
    points_now: Floats = field(repr=False)
    categorical: NDArray[np.bool_] = field(repr=False)

    @classmethod
    def of(
        cls,
        before: pa.Table,
        now: pa.Table,
        *,
        played: Collection[str],
        ignore: Collection[str] = (),
    ) -> Self:
        """All columns but those that *played* a part or are to be left out, those whose name says
        that they would play one, and those that cannot be compared or tell nothing.
        """
        named = {name for role in PLAIN for name in plainly(role, before.column_names)}
        names = [one for one in before.column_names if one not in {*played, *ignore, *named}]
        before, now = alike(before, now, names)
        first = _reference_over(before.select(names))
        if first is None:
            return cls._without({}, {}, before, now)
        left_out = {name: one.why for name, one in first.kinds.items() if one.kind is None}
        unreadable = _of_other_kinds(first, before, now) | unusable(first, now.schema)
        left_out |= unreadable
        design = Design.over(before, {n: b for n, b in first.bins.items() if n not in left_out})
        points = design.points(before)
        silent = {
            name: why
            for name, values in zip(design.levels, points.T, strict=True)
            if (why := _tells_nothing(values))
        }
        left_out |= silent
        kept = np.array([name not in silent for name in design.levels], dtype=bool)
        if not kept.any():
            return cls._without(left_out, unreadable, before, now)
        names = [name for name in design.levels if name not in silent]
        return cls(
            _reference_over(before.select(names), {name: first.kinds[name] for name in names}),
            left_out,
            unreadable,
            before.select(names),
            now.select(names),
            points[:, kept],
            design.points(now)[:, kept],
            design.categorical[kept],
        )

    @classmethod
    def _without(
        cls,
        left_out: Mapping[str, str],
        unreadable: Mapping[str, str],
        before: pa.Table,
        now: pa.Table,
    ) -> Self:
        return cls(
            None,
            left_out,
            unreadable,
            before.select([]),
            now.select([]),
            np.empty((before.num_rows, 0)),
            np.empty((now.num_rows, 0)),
            np.empty(0, bool),
        )

    def towards(self, rows: Codes, *, rng: Generator) -> Weights:
        """How much each reference row counts for these current rows."""
        points = self.points_now[rows]
        return weights(self.points_before, points, categorical=self.categorical, rng=rng)

    def apart(self, rows: Codes) -> list[str]:
        """The columns of these current rows with hardly a value where the reference has any."""
        now = self.points_now[rows]
        common = (
            _share_in_common(
                self.points_before[:, place], now[:, place], is_code=self.categorical[place]
            )
            for place in range(now.shape[1])
        )
        return [name for name, one in zip(self.names, common, strict=True) if one < _MIN_COMMON]

    @property
    def names(self) -> list[str]:
        return list(self.before.column_names)

    def shifted(self, rows: Codes, *, rng: Generator) -> bool:
        """Whether these current rows drifted from the reference: one feature, or all together.

        All together are looked at where no single one drifted, and only if they did so over all
        current rows: a classifier takes a second.
        """
        if self.reference is None:
            return False
        chunk = self.now.take(pa.array(rows))
        if compare(self.reference, chunk).verdict is Verdict.DRIFT:
            return True
        return self._together and _drifted_together(self.before, chunk, rng)

    @cached_property
    def _together(self) -> bool:
        return _drifted_together(self.before, self.now, np.random.default_rng(_SEED))


def _drifted_together(before: pa.Table, now: pa.Table, rng: Generator) -> bool:
    """Whether the weekly check would say so, over at most a thousand rows of either side."""
    if before.num_columns < 2:  # what a single one does is judged by itself
        return False
    found = joint_drift.compare(_some(before, rng), _some(now, rng), rng=rng)
    return found.verdict is Verdict.DRIFT


def _of_other_kinds(first: Reference, before: pa.Table, now: pa.Table) -> dict[str, str]:
    """Columns that are numbers in one table and words in the other, though numbers may be text."""
    found = {}
    for name in first.bins:
        if name in now.column_names:
            kinds = before[name].type, now[name].type
            if (
                {is_words(one) for one in kinds}
                == {is_numeric(one) for one in kinds}
                == {True, False}
            ):
                found[name] = f"{kinds[0]} in the reference, and arrives as {kinds[1]}"
    return found


def _reference_over(
    before: pa.Table, kinds: Mapping[str, ColumnKind] | None = None
) -> Reference | None:
    if not before.column_names:
        return None
    given = {
        kind: [name for name, one in (kinds or {}).items() if one.kind == kind]
        for kind in ("categorical", "numeric")
    }
    try:
        return read_reference(before, **given, ignore=(), segments=(), advance=lambda n: None)
    except NothingInCommon:
        return None


def _tells_nothing(values: Floats) -> str:
    """Why a column of the reference cannot show which of its rows are like others; "" if it can."""
    known = values[~np.isnan(values)]
    if not known.size:
        return "without any value in the reference"
    if known.size == values.size and np.ptp(known) == 0:
        return "always the same in the reference"
    if known.size >= _FEW_ROWS and (np.diff(known) > 0).all():
        return "a running number: it only ever grows"
    return ""


def _share_in_common(before: Floats, now: Floats, *, is_code: bool) -> float:
    """The share of the current values that lie among the reference's; missing ones do if some of
    the reference's are missing.
    """
    if not now.size:
        return 1.0
    first, second = before[~np.isnan(before)], now[~np.isnan(now)]
    if is_code:
        there = np.isin(second, first).sum()
    else:
        there = ((second >= first.min()) & (second <= first.max())).sum()
    missing = now.size - second.size if first.size < before.size else 0
    return float((there + missing) / now.size)


def _some(table: pa.Table, rng: Generator) -> pa.Table:
    if table.num_rows <= _JOINT_ROWS:
        return table
    return table.take(pa.array(np.sort(rng.choice(table.num_rows, _JOINT_ROWS, replace=False))))


def alike(before: pa.Table, now: pa.Table, names: Sequence[str]) -> tuple[pa.Table, pa.Table]:
    """Both tables, with the columns *names* in common types where nothing is lost by that.

    True against 1.0 or 'True', 7 against '7', 0.1 against the float32 nearest to it: both become
    the plainer of the two. Numbers as text are numbers on both sides; text among them is null.
    """
    for name in names:
        if name not in now.column_names:
            continue
        first, second = _pair(_bare(before[name]), _bare(now[name]))
        before = before.set_column(before.column_names.index(name), name, first)
        now = now.set_column(now.column_names.index(name), name, second)
    return before, now


def _bare(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without codes and decimals."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return values.cast(pa.float64()) if pa.types.is_decimal(values.type) else values


def _pair(
    first: pa.ChunkedArray, second: pa.ChunkedArray
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    both = (first, second)
    texts = [one for one in both if is_words(one.type)]
    if any(pa.types.is_boolean(one.type) for one in both):
        found = [_as_bool(one) for one in both]
    elif texts and all(is_words(one.type) or is_numeric(one.type) for one in both):
        found = [_as_numbers(one) if is_words(one.type) else one for one in both]
    elif any(pa.types.is_float32(one.type) for one in both):
        found = [_as_float32(one) for one in both]
    else:
        return both
    return both if None in found else (found[0], found[1])


def _as_float32(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Numbers as near as float32 has them; None for others."""
    if not is_numeric(values.type):
        return None
    return values.cast(pa.float32(), safe=False).cast(pa.float64())


def _as_bool(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """What is 0 and 1 in any spelling; None where anything else is there."""
    kind = values.type
    if pa.types.is_boolean(kind):
        return values
    if not (is_numeric(kind) or is_words(kind)) or pc.count_distinct(values).as_py() > len(SPELLED):
        return None
    codes, names = categories(values, column="")
    if not are_spelled(names):
        return None
    ones = np.array([*(bool(SPELLED[spelled(name).lower()]) for name in names), False])[codes]
    return pa.chunked_array([pa.array(ones, mask=codes < 0)])


def _as_numbers(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Numbers that are written as text; None for words."""
    style = Style.of(values)
    return None if style is None else pa.chunked_array([numbers_in(values, style).values])
