"""Profile of a table, sampled for its bins and counted over them; the reference that it makes."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.sources.tables.files import NoRows, Table
from monitoring_dagster.standalone.column_kinds import guessed, require_numbers
from monitoring_dagster.stats.columns.bins import (
    MAX_VALUES,
    Bins,
    CategoricalBins,
    NumericBins,
    bins_of,
)
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import COLUMNS_AT_ONCE, Profile, profile_by_columns
from monitoring_dagster.stats.columns.values import categories, is_numeric, is_words, plain
from monitoring_dagster.stats.columns.written import Style, Unread, numbers_in
from monitoring_dagster.stats.estimation.confidence import extremes_of
from monitoring_dagster.store.references.reference import ColumnKind, Reference

if TYPE_CHECKING:
    from numpy.random import Generator  # late: starting often must stay cheap

SAMPLE_ROWS = 131_072  # of the reference, evenly spread: over these the bins are laid
_MOST_ONCE = 0.5  # of the rows of a sample: with more, its values cannot be counted
_SIDE = "the reference"
Advance = Callable[[int], object]


class AlreadyKept(MonitoringError):
    """What was decided when a reference was kept cannot be decided again."""

    @classmethod
    def with_columns(cls, names: Collection[str]) -> Self:
        return cls(
            f"the kinds and segments of a kept reference are fixed ({', '.join(names)}):"
            " keep it anew from its rows"
        )


class NothingInCommon(MonitoringError):
    """Two tables without a column that could be compared."""

    @classmethod
    def between(cls, kinds: Mapping[str, ColumnKind]) -> Self:
        why = "; ".join(f"{name}: {one.why}" for name, one in kinds.items())
        return cls(f"the reference has no column to compare ({why or 'no columns at all'})")

    @classmethod
    def with_columns(cls, reference: Iterable[str], current: Iterable[str]) -> Self:
        sides = (", ".join(list(map(repr, side))[:10]) or "-" for side in (reference, current))
        return cls("the two have no column in common: {} against {}".format(*sides))


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


def read_reference(
    given: Any,
    categorical: Collection[str],
    numeric: Collection[str],
    ignore: Collection[str],
    segments: Sequence[str],
    advance: Advance,
) -> Reference:
    """The reference that rows make, or the one that was kept: of a table, or of a version."""
    kept = given if isinstance(given, Reference) else None
    if isinstance(given, str | Path):
        kept = Reference.kept(Path(given))
    if kept is not None:
        return _narrowed(kept, {*ignore}, {*categorical, *numeric, *segments})
    table = table_of(given, "reference")
    table.require(segments, table=_SIDE)
    table.require([*categorical, *numeric], table=_SIDE)
    if not table.rows:
        raise NoRows.of(_SIDE)
    sample, step = sampled(table, categorical)
    require_numbers(sample, numeric, categorical)
    kinds = guessed(
        sample,
        categorical=categorical,
        numeric=numeric,
        ignore=[name for name in ignore if name not in table.left_out],
        durations=table.durations & {*table.schema.names},
        step=step,
    ) | {
        name: ColumnKind(None, "as you said")
        if name in ignore
        else ColumnKind(None, why, unseen=True)
        for name, why in table.left_out.items()
    }
    styles = styles_of(sample, [name for name, one in kinds.items() if one.kind == "numeric"])
    bins = {
        name: bins_of(as_read(sample[name], styles.get(name)), column=name, kind=one.kind)
        for name, one in kinds.items()
        if one.kind is not None
    }
    if not bins:
        raise NothingInCommon.between(kinds)
    bins = with_all_values(bins, table, share=sample.num_rows / table.rows)
    found = profiled(table, bins, segments, unusable={}, advance=advance, styles=styles)
    return Reference(
        bins,
        found.profiles,
        kinds,
        tuple(segments),
        notes=(*table.notes, *found.notes),
        unread={**table.unread, **found.unread},
    )


def _narrowed(kept: Reference, ignore: set[str], named: set[str]) -> Reference:
    """The same without the columns to *ignore*, as of a table whose rows are of no version."""
    for name in ignore | named:
        if name not in kept.kinds:
            raise UnknownColumn.named(name, table=_SIDE, available=kept.kinds)
    if named:
        raise AlreadyKept.with_columns(sorted(named))
    left_out = ignore | {extremes_of(name) for name in ignore}
    bins = {name: one for name, one in kept.bins.items() if name not in left_out}
    kinds = {**kept.kinds, **dict.fromkeys(ignore, ColumnKind(None, "as you said"))}
    if not bins:
        raise NothingInCommon.between(kinds)
    return replace(
        kept,
        bins=bins,
        profiles={
            group._replace(version=""): Profile(
                one.rows, {name: one.columns[name] for name in bins}
            )
            for group, one in kept.profiles.items()
        },
        kinds=kinds,
        unread={name: one for name, one in kept.unread.items() if name in bins},
        version="",
        usual={group._replace(version=""): one for group, one in kept.usual.items()},
        outcomes={},
    )
