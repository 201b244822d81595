"""Which rows lie in these files?  Parquet and CSV: one file, a glob, or a folder of them."""

import glob
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_dagster.errors import MonitoringError, UnknownColumn

BATCH_ROWS = 65_536
_SUFFIXES = (".parquet", ".pq", ".csv", ".csv.gz", ".tsv", ".tsv.gz")
_BUFFER_BYTES = 1 << 20
_Read: TypeAlias = Callable[[list[str], Collection[str]], Iterator[pa.RecordBatch]]
_INDEX = "__index_level_"  # how pandas calls an index without a name: no column of anybody's


class NoFiles(MonitoringError):
    """Nothing lies there that could be read."""

    @classmethod
    def at(cls, place: str) -> Self:
        return cls(
            f"{place}: no such file, and no folder or glob with {', '.join(_SUFFIXES[:3])} in it"
        )


class UnreadableTable(MonitoringError):
    """A file is there, and holds no table."""

    @classmethod
    def at(cls, path: Path, error: Exception) -> Self:
        return cls(f"cannot read {path}: {str(error).partition(chr(10))[0]}")


class MixedTypes(MonitoringError):
    """The files of one table disagree about a column."""

    @classmethod
    def of(cls, column: str, first: tuple[Path, object], second: tuple[Path, object]) -> Self:
        return cls(
            f"column {column!r} is {first[1]} in {first[0]} and {second[1]} in {second[0]}:"
            " write one of them anew, or leave the column out"
        )


@dataclass(frozen=True)
class Table:
    """Rows that can be read more than once, some columns at a time.

    A column that a file lacks is null in the rows of that file.
    """

    schema: pa.Schema
    rows: int
    parts: Sequence[_Read]
    place: str

    @classmethod
    def at(cls, place: str) -> Self:
        """The table in the file or folder *place*, or in the files that the glob *place* matches.

        Raises
        ------
        NoFiles, UnreadableTable, MixedTypes
        """
        opened = [(path, *_opened(path)) for path in _paths(place)]
        schema = _unified([(path, one) for path, one, _, _ in opened])
        rows = sum(n for _, _, n, _ in opened)
        return cls(schema, rows, [read for *_, read in opened], place)

    @classmethod
    def of(cls, table: pa.Table, *, place: str) -> Self:
        """A table that lies in memory."""
        schema = pa.schema([one for one in table.schema if not one.name.startswith(_INDEX)])
        return cls(schema, table.num_rows, [partial(_batches_of, table)], place)

    def read(
        self, columns: Sequence[str], *, distinct: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """All rows, at most 65,536 at a time. Raises UnknownColumn, UnreadableTable.

        The words of *distinct* columns differ in nearly every row: making codes of them would take
        many times longer than to read them.
        """
        for name in columns:
            if name not in self.schema.names:
                raise UnknownColumn.named(name, table=self.place, available=self.schema.names)
        for read in self.parts:
            for batch in read(list(columns), distinct):
                yield _completed(batch, columns, self.schema)


def _paths(place: str) -> list[Path]:
    path = Path(place)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [one for one in path.rglob("*") if one.name.lower().endswith(_SUFFIXES)]
    else:
        found = [Path(name) for name in glob.glob(place, recursive=True)]
    files = sorted(one for one in found if one.is_file())
    if not files:
        raise NoFiles.at(place)
    return files


def _opened(path: Path) -> tuple[pa.Schema, int, _Read]:
    """Schema, rows and reader of one file."""
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        if not is_parquet:
            table = _csv(path)
            return table.schema, table.num_rows, partial(_batches_of, table)
        with pq.ParquetFile(path) as parquet:
            schema, metadata = parquet.schema_arrow, parquet.metadata
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UnreadableTable.at(path, error) from error
    return schema, metadata.num_rows, partial(_stream, path, schema, metadata)


def _csv(path: Path) -> pa.Table:
    from pyarrow import csv

    delimiter = "\t" if ".tsv" in path.suffixes else ","
    return csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(strings_can_be_null=True),
    )


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
    yield from table.select(there).to_batches(max_chunksize=BATCH_ROWS)


def _unified(schemas: Sequence[tuple[Path, pa.Schema]]) -> pa.Schema:
    seen: dict[str, tuple[Path, pa.Field]] = {}
    for path, schema in schemas:
        for field in schema:
            before, known = seen.get(field.name, (path, field))
            try:
                both = pa.unify_schemas(
                    [pa.schema([known]), pa.schema([field])], promote_options="permissive"
                )
            except pa.ArrowException:
                raise MixedTypes.of(field.name, (before, known.type), (path, field.type)) from None
            seen[field.name] = (before, both.field(0))
    return pa.schema([one for _, one in seen.values() if not one.name.startswith(_INDEX)])


def _completed(batch: pa.RecordBatch, columns: Sequence[str], schema: pa.Schema) -> pa.RecordBatch:
    """The wanted columns in the wanted order, in the types that all files agree about."""
    there = set(batch.schema.names)
    return pa.RecordBatch.from_arrays(
        [
            _as(schema.field(name).type, batch.column(name))
            if name in there
            else pa.nulls(len(batch), schema.field(name).type)
            for name in columns
        ],
        names=list(columns),
    )


def _as(arrow_type: pa.DataType, column: pa.Array) -> pa.Array:
    coded = pa.types.is_dictionary(column.type) and not pa.types.is_dictionary(arrow_type)
    return column if coded or column.type == arrow_type else column.cast(arrow_type)
