"""Which rows does a day hold, and where do they lie?"""

import glob
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeAlias

import pyarrow as pa

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.sources.rows.readings import time_of
from monitoring_dagster.sources.rows.row_sql import DAY, Rows, listed, literal, quoted
from monitoring_dagster.sources.tables.parts import (
    FileStamp,
    columns_apart,
    is_unfinished,
    partitions,
    parts_of,
    stamp_of,
)
from monitoring_dagster.sources.tables.places import LoggedTable
from monitoring_dagster.spec.sources import Labels, Predictions

if TYPE_CHECKING:
    import duckdb

    Connection: TypeAlias = duckdb.DuckDBPyConnection  # for those who may not know the library

_BATCH_ROWS = 65_536
_SPARING_BYTES = 260_000_000  # of memory, for a question that may write to disk
_FILE = "monitoring file"
# A Parquet file's smallest and largest value leave NaN out. DuckDB 2.0 takes them for all values,
# drops conditions that they fulfil, and so takes NaN for a number in the range of the others.
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "disabled_optimizers": "statistics_propagation"
}


class MissingDay(MonitoringError):
    """A day's file never came."""

    @classmethod
    def at(cls, day: date, path: Path) -> Self:
        what = f"no Parquet file in the folder {path}" if path.is_dir() else f"no file {path}"
        return cls(f"{day} is missing: {what}. Deliver it, then re-materialise {day}.")


class UnreadableFile(MonitoringError):
    """There is something, and it cannot be read as rows."""

    @classmethod
    def at(cls, place: str, error: Exception) -> Self:
        reason = str(error).partition("\n")[0].rstrip(".!")
        way = "Write it anew, then re-materialise the days it holds."
        if "Could not set lock" in reason:
            way = "Somebody else writes to it: re-materialise the day once they are done."
        elif reason.endswith("does not exist"):
            way = "Correct `database` or `table` in defs.yaml, or write it."
        return cls(f"cannot read {place}: {reason}. {way}")

    @classmethod
    def unfinished(cls, place: Path) -> Self:
        return cls(
            f"cannot read {place}: a writer is at work in it or broke off (it holds _temporary and"
            " no _SUCCESS). Let it finish, then re-materialise the days it holds."
        )

    @classmethod
    def without_times(cls, place: str, column: str, *, arrived: str) -> Self:
        return cls(
            f"cannot read {place}: {column!r} arrives as {arrived}, which is no time, so no row"
            " belongs to a day. Make it a timestamp in a view, and read the view."
        )


def days_available(source: Predictions | Labels, *, root: Path) -> list[date]:
    """The days that have a file, or rows in the table, in order."""
    if source.path is None:
        with connected(source) as connection:
            rows = rows_of(connection, source, root=root, first=date.min, last=date.max)
            with readable(rows.place):
                found = connection.execute(f"SELECT DISTINCT {quoted(DAY)} FROM {rows.sql}")
                return sorted(day for (day,) in found.fetchall() if day is not None)
    place = str(root.absolute() / source.path)
    before, *after = (re.escape(part) for part in place.split("{day}"))
    dated = re.compile(before + r"(\d{4}-\d\d-\d\d)" + r"\1".join(after))
    names = glob.iglob(glob.escape(place).replace("{day}", "????-??-??"))
    return sorted(_dates(match[1] for match in map(dated.fullmatch, names) if match))


def columns_of(source: Predictions | Labels, day: date, *, root: Path) -> dict[str, str]:
    """The columns of *day* and their DuckDB types, in order. Raises MissingDay, UnreadableFile."""
    return schema_of(source, day, root=root)[0]


def schema_of(
    source: Predictions | Labels, day: date, *, root: Path
) -> tuple[dict[str, str], dict[str, str]]:
    """The same, and why further columns of *day*, by name, cannot be read."""
    with connected(source) as connection:
        rows = rows_on(connection, source, day, root=root)
        return dict(rows.columns), dict(rows.unreadable)


def read_batches(
    source: Predictions | Labels, day: date, *, root: Path, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """All rows of *day*, whatever their status, at most 65,536 at a time.

    Raises MissingDay, UnreadableFile (also in the middle), UnknownColumn.
    """
    with connected(source) as connection:
        rows = rows_on(connection, source, day, root=root)
        rows.require(columns)
        yield from streamed(connection, f"SELECT {listed(columns)} FROM {rows.sql}", rows.place)


@contextmanager
def connected(*sources: Predictions | Labels) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A session for one question about *sources*, in UTC.

    Files are read through this process's own database, since opening one takes time.
    Somebody else's database file is let go as soon as the question is answered.
    """
    holds_files = all(source.path is not None for source in sources)
    with _of_files() if holds_files else _opened() as connection:
        yield connection


def _of_files() -> "duckdb.DuckDBPyConnection":
    return _database(os.getpid()).cursor()


@lru_cache(maxsize=1)
def _database(_process: int) -> "duckdb.DuckDBPyConnection":
    beside = Path(tempfile.gettempdir()) / f"monitoring_dagster-{os.getuid()}"
    return _opened(temp_directory=str(beside))


def _opened(**settings: str) -> "duckdb.DuckDBPyConnection":
    """A database in memory, it and all its cursors in UTC."""
    import duckdb

    opened = duckdb.connect(config={**_SETTINGS, **settings})
    opened.execute("SET GLOBAL TimeZone = 'UTC'")
    return opened


@contextmanager
def sparing(
    connection: "duckdb.DuckDBPyConnection", source: Predictions | Labels
) -> Iterator[None]:
    """What is asked in here about *source* takes little memory: what does not fit is written to
    disk. A table's database has no place for that, so it may take what there is."""
    if source.path is None:
        yield
        return
    connection.execute(f"SET memory_limit = '{_SPARING_BYTES}B'")
    try:
        yield
    finally:
        connection.execute("RESET memory_limit")


@contextmanager
def readable(place: str) -> Iterator[None]:
    """Whatever DuckDB cannot read in here is an UnreadableFile at *place*."""
    import duckdb

    try:
        yield
    except (duckdb.Error, OSError, pa.ArrowException) as error:
        raise UnreadableFile.at(place, error) from error


def file_of(source: Predictions | Labels, day: date, *, root: Path) -> Path | None:
    """Where the file of *day*, or the folder of its files, ought to lie; None for a table."""
    if source.path is None:
        return None
    return root.absolute() / source.path.replace("{day}", day.isoformat())


def rows_of(
    connection: "duckdb.DuckDBPyConnection",
    source: Predictions | Labels,
    *,
    root: Path,
    first: date,
    last: date,
    without: Collection[date] = (),
) -> Rows:
    """The rows of those days from *first* to *last* that exist; no columns if there are none."""
    if source.path is None:
        return _rows_in_table(connection, source, root, first, last)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    files = {
        day: (path, parts)
        for day in days
        if day not in without
        and (path := file_of(source, day, root=root))
        and (parts := _parts(path))
    }
    if not files:
        return Rows("", {}, source.path)
    is_one = len(files) == 1
    place = str(next(iter(files.values()))[0]) if is_one else str(root.absolute() / source.path)
    with readable(place):
        stamped = tuple(
            (day, path, tuple((part, stamp_of(part)) for part in parts))
            for day, (path, parts) in files.items()
        )
    return _rows_in_files(place, stamped)


_Stamped: TypeAlias = tuple[date, Path, tuple[tuple[Path, FileStamp], ...]]  # the files of a day


@lru_cache(maxsize=128)
def _rows_in_files(place: str, files: tuple[_Stamped, ...]) -> Rows:
    """The same, described once as long as nobody writes one of the files anew: a day's own files
    are asked about by every step, and those of the weeks before it by two of them."""
    stamped = dict(part for _, _, of_day in files for part in of_day)
    parts = list(stamped)
    more = {DAY: {part: f"DATE '{day}'" for day, _, of_day in files for part, _ in of_day}}
    columns = _columns_in(parts, stamped, place)
    there = {name.lower() for name in columns}
    in_folders = partitions(path for _, path, _ in files)
    for name, values in in_folders.items():
        if name.lower() not in there:
            more[name] = {part: _constant(one) for part, one in values.items()}
    listed_more = ", ".join(
        f"{_by_file(values)} AS {quoted(name)}" for name, values in more.items()
    )
    found = Rows(f"(SELECT *, {listed_more} FROM {_read(parts)})", columns, place)
    if in_folders:
        with _of_files() as connection:
            found = _described(connection, found.sql, place)
    return _apart(found, parts, more) if len(files) == 1 else found


def _columns_in(
    parts: Sequence[Path], stamped: Mapping[Path, FileStamp], place: str
) -> dict[str, str]:
    """The columns of all *parts* together; no question where each of them alone has the same."""
    with readable(place):
        alone = {_columns_of_file(part, stamped[part]) for part in parts}
    if len(alone) == 1:
        return dict(alone.pop())
    with _of_files() as connection:
        return _described(connection, _read(parts), place).columns


@lru_cache(maxsize=2048)
def _columns_of_file(part: Path, _stamp: FileStamp) -> tuple[tuple[str, str], ...]:
    with _of_files() as connection:
        return tuple(_columns(connection, _read([part])).items())


def _read(parts: Sequence[Path]) -> str:
    """SQL: all rows of some files, with the name of each one's file."""
    names = ", ".join(literal(glob.escape(str(part))) for part in parts)
    return (
        f"read_parquet([{names}], union_by_name = true, hive_partitioning = false,"
        f" filename = {literal(_FILE)})"
    )


def _by_file(values: Mapping[Path, str]) -> str:
    """SQL: what *values* has for the file of a row."""
    pairs = ", ".join(f"{literal(str(part))}: {value}" for part, value in values.items())
    return f"MAP {{{pairs}}}[{quoted(_FILE)}]"


def _constant(value: str | int | None) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else literal(value)


def _apart(rows: Rows, parts: Sequence[Path], more: Collection[str]) -> Rows:
    """The *rows* of one day, without what DuckDB makes of a name that stands twice."""
    with readable(rows.place):
        names, apart, durations = columns_apart(parts)
    columns = {
        name: durations.get(name, kind)
        for name, kind in rows.columns.items()
        if name not in apart and (name in names or name in more)
    }
    return replace(rows, columns=columns, unreadable=apart)


def readable_rows_of(
    connection: "duckdb.DuckDBPyConnection",
    source: Predictions | Labels,
    *,
    root: Path,
    first: date,
    last: date,
) -> tuple[Rows, set[date]]:
    """As `rows_of`, without the files that cannot be read; and the days that have no readable one.

    One spoilt day must not spoil its month. A table has all days.
    """
    days = {first + timedelta(days=n) for n in range((last - first).days + 1)}
    without = {
        day
        for day in days
        if (path := file_of(source, day, root=root)) is not None and not _is_there(path)
    }
    try:
        return rows_of(connection, source, root=root, first=first, last=last), without
    except UnreadableFile:
        if source.path is None:
            raise
    for day in days - without:
        try:
            rows_of(connection, source, root=root, first=day, last=day)
        except UnreadableFile:
            without.add(day)
    return rows_of(connection, source, root=root, first=first, last=last, without=without), without


def streamed(
    connection: "duckdb.DuckDBPyConnection", query: str, place: str
) -> Iterator[pa.RecordBatch]:
    with readable(place):
        yield from connection.sql(query).to_arrow_reader(_BATCH_ROWS)


def rows_on(
    connection: "duckdb.DuckDBPyConnection", source: Predictions | Labels, day: date, *, root: Path
) -> Rows:
    """The rows of *day*. Raises MissingDay, UnreadableFile."""
    path = file_of(source, day, root=root)
    if path is not None and is_unfinished(path):
        raise UnreadableFile.unfinished(path)
    if path is not None and not _parts(path):
        raise MissingDay.at(day, path)
    return rows_of(connection, source, root=root, first=day, last=day)


def _parts(path: Path) -> list[Path]:
    try:
        return parts_of(path)
    except LoggedTable as error:
        raise UnreadableFile.at(str(path), error) from error


def _is_there(path: Path) -> bool:
    try:
        return bool(parts_of(path))
    except LoggedTable:
        return True  # and cannot be read


def place_of(source: Predictions | Labels, day: date, root: Path) -> str:
    path = file_of(source, day, root=root)
    return (
        str(path) if path else f"table {source.table!r} of {root.absolute() / str(source.database)}"
    )


def _rows_in_table(
    connection: "duckdb.DuckDBPyConnection",
    source: Predictions | Labels,
    root: Path,
    first: date,
    last: date,
) -> Rows:
    path = root.absolute() / (source.database or "")
    alias = f"database_{sha256(str(path).encode()).hexdigest()[:12]}"
    table = f"{alias}.{quoted(source.table or '')}"
    place = f"table {source.table!r} of {path}"
    clock = source.served_at if isinstance(source, Predictions) else source.arrived_at
    with readable(place):
        connection.execute(f"ATTACH IF NOT EXISTS {literal(str(path))} AS {alias} (READ_ONLY)")
    described = _described(connection, table, place)
    described.require([clock])
    time = time_of(quoted(clock), described.columns[clock])
    if time is None:
        raise UnreadableFile.without_times(place, clock, arrived=described.columns[clock])
    day = f"CAST({time} AS DATE)"
    return _described(
        connection,
        f"(SELECT *, {day} AS {quoted(DAY)} FROM {table}"
        f" WHERE {day} BETWEEN DATE '{first}' AND DATE '{last}')",
        place,
    )


def _described(connection: "duckdb.DuckDBPyConnection", sql: str, place: str) -> Rows:
    with readable(place):
        return Rows(sql, _columns(connection, sql), place)


def _columns(connection: "duckdb.DuckDBPyConnection", sql: str) -> dict[str, str]:
    columns = connection.execute(f"DESCRIBE SELECT * FROM {sql}").fetchall()
    return {name: kind for name, kind, *_ in columns if name not in (DAY, _FILE)}


def _dates(texts: Iterable[str]) -> Iterator[date]:
    for text in texts:
        with suppress(ValueError):
            yield date.fromisoformat(text)
