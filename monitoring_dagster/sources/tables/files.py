"""One door for rows: files, folders, globs and frames, with one account of how they were read."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.sources.tables.places import (
    DataFile,
    NoFiles,
    files_at,
    is_whole_number,
    others_at,
)
from monitoring_dagster.stats.columns.values import (
    as_plain,
    is_numeric,
    is_time,
    is_words,
    names_of,
    plain_type,
)
from monitoring_dagster.stats.columns.written import Unread

BATCH_ROWS = 65_536
KEPT = b"monitoring_dagster"  # metadata key of what this package writes: no rows of anybody's
_SHOWN = 3  # names of files
_BUFFER_BYTES = 1 << 20
_Read: TypeAlias = Callable[[list[str], Collection[str]], Iterator[pa.RecordBatch]]
_INDEX = "__index_level_"  # how pandas calls an index without a name: no column of anybody's


class UnreadableTable(MonitoringError):
    """A file is there, and holds no table."""

    @classmethod
    def at(cls, path: Path, error: Exception) -> Self:
        return cls(f"cannot read {path}: {str(error).partition(chr(10))[0]}")

    @classmethod
    def kept(cls, path: Path) -> Self:
        return cls(
            f"{path} is the kept profile of a reference, which holds no rows: give the rows' own"
            " file, and a kept profile as REFERENCE of `drift` alone"
        )


class NoRows(MonitoringError):
    """A table without a row: nothing can be said about it."""

    @classmethod
    def of(cls, what: str) -> Self:
        return cls(f"{what} has no rows: there is nothing to judge")


class UnusableColumn(MonitoringError):
    """A column is there, and nobody can look at it."""

    @classmethod
    def because(cls, column: str, why: str, *, table: str) -> Self:
        return cls(
            f"column {column!r} of {table} cannot be read: {why}. Write it anew, or leave it out"
        )


class _Part(NamedTuple):
    """One file, or a table in memory."""

    source: DataFile | None
    schema: pa.Schema  # as it lies there
    rows: int
    read: _Read


@dataclass(frozen=True)
class Table:
    """Rows that can be read more than once, some columns at a time, in plain types.

    A column that a file lacks is null in the rows of that file. Columns that nobody can look at
    (nested ones, two of one name, files that disagree) are in `left_out`, not in `schema`.
    """

    schema: pa.Schema
    rows: int
    parts: Sequence[_Part] = field(repr=False)
    place: str
    left_out: Mapping[str, str] = field(default_factory=dict)  # column: why
    notes: Sequence[str] = ()  # what was taken for granted
    unread: Mapping[str, Unread] = field(default_factory=dict)  # text among a CSV's numbers

    @classmethod
    def at(cls, place: str) -> Self:
        """The table in the file or folder *place*, or in the files that the glob *place* matches.

        Folders called ``name=value`` are a column. What writers hide, and what this package kept,
        is not read.

        Raises
        ------
        NoFiles, LoggedTable, UnreadableTable
        """
        parts: list[_Part] = []
        notes: list[str] = []
        unread: dict[str, Unread] = {}
        sources = files_at(place)
        for source in sources:
            part, more, odd = _opened(source)
            if part is None and len(sources) == 1:
                raise UnreadableTable.kept(source.path)
            if part is None:
                notes.append(f"{source.path} is a profile that was kept: left out")
                continue
            parts.append(part)
            notes += [f"{source.path}: {one}" for one in more]
            for name, one in odd.items():
                unread[name] = unread.get(name, Unread()).and_then(one)
        if not parts:
            raise NoFiles.at(place)
        if others := others_at(place):
            shown = ", ".join(others[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
            notes.append(f"{place}: not read, as they are neither Parquet nor CSV: {shown}")
        return cls._of(parts, place, {}, notes, unread)

    @classmethod
    def of(cls, given: Any, *, side: str) -> Self:
        """A table that lies in memory. Raises NotATable."""
        from monitoring_dagster.sources.tables.frames import read_frame  # late, as CSV below

        table, rows, left_out = read_frame(given, side=side)
        part = _Part(None, table.schema, rows, partial(_batches_of, table))
        return cls._of([part], f"the {side}", left_out, [], {})

    @classmethod
    def _of(
        cls,
        parts: Sequence[_Part],
        place: str,
        left_out: Mapping[str, str],
        notes: Sequence[str],
        unread: Mapping[str, Unread],
    ) -> Self:
        fields, odd, said = _unified(parts)
        rows = sum(part.rows for part in parts)
        return cls(
            pa.schema(fields), rows, parts, place, {**left_out, **odd}, [*notes, *said], unread
        )

    @property
    def twice(self) -> frozenset[str]:
        """Names that several columns of one file have."""
        return frozenset(
            name for part in self.parts for name in part.schema.names
            if part.schema.names.count(name) > 1
        )  # fmt: skip

    @property
    def durations(self) -> frozenset[str]:
        """Columns of durations and times of day, which are read as seconds."""
        return frozenset(
            one.name for part in self.parts for one in part.schema
            if pa.types.is_duration(one.type) or pa.types.is_time(one.type)
        )  # fmt: skip

    def require(self, names: Collection[str], *, table: str | None = None) -> None:
        """Raise UnknownColumn, or UnusableColumn, for the first of *names* that cannot be read."""
        for name in names:
            if name in self.left_out:
                raise UnusableColumn.because(name, self.left_out[name], table=table or self.place)
            if name not in self.schema.names:
                raise UnknownColumn.named(
                    name, table=table or self.place, available=self.schema.names
                )

    def read(
        self, columns: Sequence[str], *, distinct: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """All rows, at most 65,536 at a time. Raises UnknownColumn, UnusableColumn,
        UnreadableTable.

        The words of *distinct* columns differ in nearly every row: making codes of them would take
        many times longer than to read them.
        """
        self.require(columns)
        for part in self.parts:
            partitions = part.source.partitions if part.source else {}
            for batch in part.read(list(columns), distinct):
                yield _completed(batch, columns, self.schema, partitions)


def _opened(source: DataFile) -> tuple[_Part | None, list[str], dict[str, Unread]]:
    """One file, what was taken for granted, and what is no number; None for what was kept."""
    path = source.path
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        if not is_parquet:
            return _opened_csv(source)
        with pq.ParquetFile(path) as parquet:
            schema, metadata = parquet.schema_arrow, parquet.metadata
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise UnreadableTable.at(path, error) from error
    if (schema.metadata or {}).get(KEPT) == b"reference":
        return None, [], {}
    read = partial(_stream, path, schema, metadata)
    return _Part(source, schema, metadata.num_rows, read), [], {}


def _opened_csv(source: DataFile) -> tuple[_Part, list[str], dict[str, Unread]]:
    from monitoring_dagster.sources.tables.csv_files import (
        NotCsv,
        read_csv,
    )  # late: brings much along

    try:
        table, notes, unread = read_csv(source.path)
    except NotCsv as error:
        raise UnreadableTable.at(source.path, error) from error
    part = _Part(source, table.schema, table.num_rows, partial(_batches_of, table))
    return part, notes, unread


def _stream(
    path: Path,
    schema: pa.Schema,
    metadata: pq.FileMetaData,
    columns: list[str],
    distinct: Collection[str],
) -> Iterator[pa.RecordBatch]:
    """A Parquet file piece by piece; words as codes, since counting needs no text."""
    words = [
        one.name
        for one in schema
        if one.name not in distinct
        and (pa.types.is_string(one.type) or pa.types.is_large_string(one.type))
    ]
    there = [name for name in columns if name in schema.names]
    try:
        with pq.ParquetFile(
            path,
            metadata=metadata,
            read_dictionary=words,
            pre_buffer=False,
            buffer_size=_BUFFER_BYTES,
            page_checksum_verification=True,
        ) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=there, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableTable.at(path, error) from error


def _batches_of(
    table: pa.Table, columns: list[str], _distinct: Collection[str]
) -> Iterator[pa.RecordBatch]:
    there = [name for name in columns if name in table.schema.names]
    if there:
        yield from table.select(there).to_batches(max_chunksize=BATCH_ROWS)
        return
    for start in range(0, table.num_rows, BATCH_ROWS):
        nothing = pa.nulls(min(BATCH_ROWS, table.num_rows - start))
        yield pa.RecordBatch.from_arrays([nothing], names=[_INDEX])


def _unified(parts: Sequence[_Part]) -> tuple[list[pa.Field], dict[str, str], list[str]]:
    """The columns of all parts in types that all can have; those that cannot be read, and why; and
    what to say of the others."""
    fields, left_out, said = [], {}, []
    lying: dict[str, list[tuple[_Part, pa.DataType]]] = {}
    for part in parts:
        for name, arrow_type in _columns_of(part):
            lying.setdefault(name, []).append((part, arrow_type))
    for name, found in lying.items():
        if why := _why_not(name, found):
            left_out[name] = why
            continue
        plain = list(dict.fromkeys(plain_type(one) for _, one in found))
        common = _common(plain)
        if common is None:
            left_out[name] = f"the files disagree: {_where(found)}"
            continue
        fields.append(pa.field(name, common))
        if is_words(common) and not all(is_words(one) or pa.types.is_null(one) for one in plain):
            said.append(f"column {name!r} is read as text: {_where(found)}")
        if len(found) < len(parts):
            lacking = len(parts) - len(found)
            said.append(f"column {name!r} is missing in {lacking} of {len(parts)} files")
    return fields, left_out, said


def _columns_of(part: _Part) -> Iterator[tuple[str, pa.DataType]]:
    """By name and type, as they lie; names may stand twice."""
    for one in part.schema:
        if not one.name.startswith(_INDEX):
            yield one.name, one.type
    for name, value in (part.source.partitions if part.source else {}).items():
        if name not in part.schema.names:
            yield name, _partition_type(value)


def _partition_type(value: str | None) -> pa.DataType:
    if value is None:
        return pa.null()
    return pa.int64() if is_whole_number(value) else pa.string()


def _why_not(name: str, found: Sequence[tuple[_Part, pa.DataType]]) -> str:
    for part, arrow_type in found:
        if (times := part.schema.names.count(name)) > 1:
            return f"{times} columns have this name"
        if plain_type(arrow_type) is None:
            return f"{arrow_type} is neither number, text nor time"
    return ""


def _where(found: Sequence[tuple[_Part, pa.DataType]]) -> str:
    """The first place of each type."""
    first: dict[pa.DataType, _Part] = {}
    for part, arrow_type in found:
        first.setdefault(arrow_type, part)
    return " and ".join(
        f"{one} in {part.source.path}" if part.source else str(one) for one, part in first.items()
    )


def _common(types: Sequence[pa.DataType]) -> pa.DataType | None:
    """A plain type that holds the values of all *types*; None where there is none."""
    known = [one for one in types if not pa.types.is_null(one)]
    if len(known) < 2:
        return known[0] if known else pa.null()
    if any(map(is_words, known)):
        return pa.large_string() if pa.large_string() in known else pa.string()
    if all(map(is_time, known)):
        zoned = any(pa.types.is_timestamp(one) and one.tz for one in known)
        return pa.timestamp("us", "UTC") if zoned else pa.timestamp("us")
    if any(map(is_time, known)):
        return None
    measured = [one for one in known if is_numeric(one)]
    if all(map(pa.types.is_integer, measured)):
        if len(measured) == 1:
            return measured[0]
        return pa.decimal128(20) if pa.uint64() in measured else pa.int64()
    return pa.float64()


def _completed(
    batch: pa.RecordBatch,
    columns: Sequence[str],
    schema: pa.Schema,
    partitions: Mapping[str, str | None],
) -> pa.RecordBatch:
    """The wanted columns in the wanted order, in the types that all files agree about."""
    there = set(batch.schema.names)
    return pa.RecordBatch.from_arrays(
        [
            _as(schema.field(name).type, batch.column(name))
            if name in there
            else _constant(partitions.get(name), schema.field(name).type, len(batch))
            for name in columns
        ],
        names=list(columns),
    )


def _constant(value: str | None, arrow_type: pa.DataType, rows: int) -> pa.Array:
    if value is None:
        return pa.nulls(rows, arrow_type)
    return pa.repeat(pa.scalar(value).cast(arrow_type), rows)


def _as(arrow_type: pa.DataType, column: pa.Array) -> pa.Array:
    column = as_plain(column)
    if column.type == arrow_type or (is_words(arrow_type) and is_words(column.type)):
        return column
    if is_words(arrow_type) and not is_time(column.type):
        return names_of(column)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    return column.cast(arrow_type, safe=False)
