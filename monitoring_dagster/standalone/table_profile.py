"""Profile of a table: read from files or memory, sampled for its bins, counted over them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitoring_dagster.sources.tables.files import Table
from monitoring_dagster.stats.columns.bins import (
    MAX_VALUES,
    Bins,
    CategoricalBins,
    NumericBins,
)
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import COLUMNS_AT_ONCE, Profile, profile_by_columns
from monitoring_dagster.stats.columns.values import categories, is_numeric, is_words, plain
from monitoring_dagster.stats.columns.written import Style, Unread, numbers_in

if TYPE_CHECKING:
    from numpy.random import Generator  # late: starting often must stay cheap

SAMPLE_ROWS = 131_072  # of the reference, evenly spread: over these the bins are laid
_MOST_ONCE = 0.5  # of the rows of a sample: with more, its values cannot be counted
Advance = Callable[[int], object]


def table_of(given: Any, side: str) -> Table:
    return Table.at(str(given)) if isinstance(given, str | Path) else Table.of(given, side=side)


def in_memory(table: Table) -> pa.Table:
    """All of it in memory, words as words."""
    schema = pa.schema([one.with_type(_of_words(one.type)) for one in table.schema])
    batches = [
        pa.RecordBatch.from_arrays(
            [
                column.cast(one.type) if column.type != one.type else column
                for column, one in zip(batch.columns, schema, strict=True)
            ],
            schema=schema,
        )
        for batch in table.read(table.schema.names)
    ]
    return pa.Table.from_batches(batches, schema=schema)


def _of_words(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_string_view(kind) else kind


def sampled(table: Table, categorical: Collection[str]) -> tuple[pa.Table, int]:
    """At most `SAMPLE_ROWS` rows, evenly spread, and how far they lie apart.

    Of numbers the first of each block of rows, of categories any one of it: where these take turns,
    the first ones would be always the same.
    """
    step = -(-table.rows // SAMPLE_ROWS) or 1
    schema = table.schema
    named = [n for n in schema.names if n in categorical or not is_numeric(schema.field(n).type)]
    measured = [name for name in schema.names if name not in named]
    parts = [
        (of[i : i + COLUMNS_AT_ONCE], anywhere)
        for of, anywhere in ((measured, False), (named, True))
        for i in range(0, len(of), COLUMNS_AT_ONCE)
    ]

    def read(part: tuple[list[str], bool]) -> pa.Table:
        columns, anywhere = part
        rng = np.random.default_rng(0) if anywhere else None
        return _every(step, table.read(columns), rng)

    with ThreadPoolExecutor(_threads()) as pool:
        found = list(pool.map(read, parts))
    columns = {
        name: column
        for part in found
        for name, column in zip(part.schema.names, part.columns, strict=True)
    }
    return pa.table({name: columns[name] for name in schema.names}), step


def _every(step: int, batches: Iterable[pa.RecordBatch], rng: "Generator | None") -> pa.Table:
    """One row of every *step*: the first, or with *rng* any of them."""
    found, seen = [], 0
    for batch in batches:
        rows = np.arange(-seen % step, len(batch), step)
        if rng is not None:
            rows = (rows + rng.integers(step, size=rows.size)).clip(max=len(batch) - 1)
        found.append(batch.take(pa.array(rows)))
        seen += len(batch)
    return pa.Table.from_batches(found)


def with_all_values(bins: Mapping[str, Bins], table: Table, *, share: float) -> dict[str, Bins]:
    """The *bins*, laid over a *share* of the rows; of categories that this share has not seen all
    values of, over all rows, unless nearly all values differ or there are too many."""
    if share == 1:
        return dict(bins)

    def over_all(name: str) -> Bins:
        of = bins[name]
        if isinstance(of, NumericBins):
            return of
        if 0 < of.times[0] < _MOST_ONCE * of.rows and (found := _values(table, name)) is not None:
            return CategoricalBins.of_values(*found)
        return replace(of, laid_over=share * of.laid_over)

    with ThreadPoolExecutor(_threads()) as pool:
        return dict(zip(bins, pool.map(over_all, bins), strict=True))


def _values(table: Table, name: str) -> tuple[list[str], NDArray[np.int64]] | None:
    """The distinct values of a column and how many rows there are of each; None of too many."""
    parts: list[pa.Table] = []
    for batch in table.read([name]):
        codes, names = categories(batch.column(0), column=name)
        rows = np.bincount(codes[codes >= 0], minlength=len(names))
        parts.append(pa.table({"name": pa.array(names, pa.string()), "rows": rows}))
        if sum(part.num_rows for part in parts) > 4 * MAX_VALUES:
            parts = [_summed(parts)]
            if parts[0].num_rows > MAX_VALUES:
                return None
    found = _summed(parts)
    if found.num_rows > MAX_VALUES:
        return None
    return found["name"].to_pylist(), plain(found["rows_sum"]).astype(np.int64)


def _summed(parts: Sequence[pa.Table]) -> pa.Table:
    found = pa.concat_tables(part.rename_columns(["name", "rows"]) for part in parts)
    return found.group_by("name").aggregate([("rows", "sum")])


class Profiled(NamedTuple):
    """What rows look like, and what was read in another way than as it lies there."""

    profiles: dict[Group, Profile]
    notes: tuple[str, ...]
    unread: dict[str, Unread]  # by column: values that are written, and no number


def profiled(
    table: Table,
    bins: Mapping[str, Bins],
    segments: Sequence[str],
    *,
    unusable: Collection[str],
    advance: Advance,
    styles: Mapping[str, Style] | None = None,
) -> Profiled:
    """Count all rows over *bins*; the values of *unusable* columns count as missing.

    Numbers that come as text are read as such; by default their style is that of the first rows.
    """
    text = [
        name
        for name, one in bins.items()
        if isinstance(one, NumericBins) and name not in unusable
        and is_words(table.schema.field(name).type)
    ]  # fmt: skip
    if styles is None and text:
        first = next(iter(table.read(text)), None)
        styles = styles_of(first, text) if first is not None else {}
    written = dict.fromkeys(text, Style()) | dict(styles or {})
    unread: dict[str, Unread] = {}

    def read(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        usable = [name for name in columns if name not in unusable]
        for batch in table.read(usable or table.schema.names[:1]):
            there = dict(zip(batch.schema.names, batch.columns, strict=True))
            for name in text:
                if name in there:
                    found = numbers_in(there[name], written[name])
                    there[name] = found.values
                    if found.unread.rows:
                        unread[name] = unread.get(name, Unread()).and_then(found.unread)
            there |= {name: pa.nulls(len(batch)) for name in columns if name in unusable}
            yield pa.RecordBatch.from_pydict({name: there[name] for name in columns})

    found = profile_by_columns(
        read, {"": bins}, segments=segments, threads=_threads(), advance=advance
    )
    notes = tuple(
        f"column {name!r}: {style.words}" for name, style in written.items() if style.words
    )
    whole = {Group(""): found.get(Group(""), Profile.empty(bins)), **found}
    return Profiled(whole, notes, unread)


def styles_of(rows: pa.Table | pa.RecordBatch, names: Iterable[str]) -> dict[str, Style]:
    """How numbers are written in those columns of text that hold any."""
    found = {name: Style.of(rows[name]) for name in names if is_words(rows.schema.field(name).type)}
    return {name: one for name, one in found.items() if one is not None}


def as_read(values: pa.ChunkedArray, style: Style | None) -> pa.Array | pa.ChunkedArray:
    return values if style is None else numbers_in(values, style).values


def _threads() -> int:
    return min(cpu_count() or 1, 8)
