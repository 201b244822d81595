"""Ids of requests and points in time as two tables write them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.sources.labels.label_oddities import Mismatch
from monitoring_dagster.sources.labels.label_values import id_of
from monitoring_dagster.sources.rows.row_sql import quoted
from monitoring_dagster.sources.rows.rows import connected
from monitoring_dagster.standalone.reading.question import Role
from monitoring_dagster.standalone.reading.written_values import MOST_INVALID, short
from monitoring_dagster.stats.columns.values import is_numeric, numbers

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

_FEW_IDS, _MANY_ROWS = 100, 20
_LEAST_ROWS = 10


class UnusableIds(MonitoringError):
    """A column of ids that cannot tell requests apart."""

    @classmethod
    def lost_digits(cls, column: str, table: str, example: object) -> Self:
        return cls(
            f"the ids of {table}, column {column!r}, have lost digits: {example!s:.40} is a"
            " floating number too large to be exact, so different requests share it. Write ids as"
            " whole numbers or text (a column with gaps becomes floats in pandas: use Int64 or str)"
        )

    @classmethod
    def too_few(cls, column: str, table: str, ids: int, rows: int) -> Self:
        values = "one value" if ids == 1 else f"{ids:,} different values"
        return cls(
            f"the ids of {table}, column {column!r}, are {values} in {rows:,} rows, so they name no"
            " requests: name another column with --id; where an id is asked again each day, say"
            " after how many days labels expire with --expire-after"
        )


class NothingJoins(MonitoringError):
    """No label belongs to any prediction."""

    @classmethod
    def since(cls, cause: str) -> Self:
        return cls(f"no label belongs to a prediction: {cause}")


class Ids(NamedTuple):
    """A column of ids that can be compared as text, and what was done to it."""

    sql: str
    note: str = ""


def in_words(found: Mismatch) -> str:
    """Why ids of labels are not among those of predictions, and the way out."""
    label, prediction = short(found.label), short(found.prediction)
    if found.by:
        return (
            f"ids differ by {found.by} (label {label}, prediction {prediction}): write them alike"
            " in both"
        )
    return (
        f"ids of labels are like {label}, those of predictions like {prediction}: write them alike,"
        " or name the column with --id"
    )


def ids_of(connection: "Connection", relation: str, name: str, *, column: str, table: str) -> Ids:
    """The ids in column *name* of a registered *relation*, as the daily join reads them: 7.0 of a
    column with gaps, of decimals or as text is 7. The user calls it *column* of *table*.

    Raises
    ------
    UnusableIds
        Floats beyond what they can tell apart, and text of them.
    """
    kinds = {key: kind for key, kind, *_ in connection.execute(f"DESCRIBE {relation}").fetchall()}
    text, reading = f"CAST({quoted(name)} AS VARCHAR)", id_of(name, kinds)
    ((rows, lost, example, shortened),) = connection.execute(f"""
        SELECT count({quoted(name)}), count(*) FILTER ({reading.fault}),
            min({text}) FILTER ({reading.fault}), count(*) FILTER ({reading.value} <> {text})
        FROM {relation}""").fetchall()
    if lost and (kinds[name] != "VARCHAR" or lost > MOST_INVALID * rows):
        raise UnusableIds.lost_digits(column, table, example)
    if shortened and kinds[name] == "VARCHAR":
        note = f"ids of {table} are written with a decimal point: '7.0' is taken for 7"
        return Ids(reading.value, note)
    return Ids(reading.value)


def refuse_few(column: str, table: str, *, ids: int, rows: int) -> None:
    """Raise UnusableIds where *ids* are far too few to name *rows*."""
    if rows >= _LEAST_ROWS and ids <= min(_FEW_IDS, max(1, rows // _MANY_ROWS)):
        raise UnusableIds.too_few(column, table, ids, rows)


def doubled(rows: int, ids: int) -> str:
    """How often an id comes: `exactly 2 times`, or `1.4 times on average`."""
    return (
        f"exactly {rows // ids} times" if rows % ids == 0 else f"{rows / ids:.2g} times on average"
    )


Days: TypeAlias = NDArray[np.datetime64]

HAS_ZONE = r"\d:\d\d.*([zZ]|[+-]\d\d(:?\d\d)?| [A-Za-z/_]+)$"
_DIGITS = r"-?\d{9,20}(\.\d*)?"
# By size: 1973 to 2286, which are 10 digits of seconds, is what an epoch of each unit lies in.
_UNITS = {"seconds": 1e0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
_FIRST_SECOND, _LAST_SECOND = 1e8, 1e10


class WrongTime(MonitoringError):
    """A column that is to say when says something else."""

    @classmethod
    def of_type(cls, column: str, role: Role, arrived: object) -> Self:
        return cls(
            f"column {column!r} is {arrived}, which is no time: write timestamps, dates or ISO"
            f" text, or name another column with --{role}"
        )

    @classmethod
    def in_text(cls, column: str, role: Role, example: str) -> Self:
        return cls(
            f"column {column!r} holds no time that can be read (such as {example[:40]!r}):"
            f" write 2026-01-31T12:00:00Z, or name another column with --{role}"
        )

    @classmethod
    def of_zones(cls, column: str, role: Role, zoned: int, rows: int) -> Self:
        return cls(
            f"{zoned:,} of {rows:,} times in column {column!r} say their zone, and the others do"
            " not, so the column is no point in time: write 2026-01-31T12:00:00Z everywhere, or"
            f" name another column with --{role}"
        )

    @classmethod
    def in_numbers(cls, column: str, role: Role, example: float) -> Self:
        return cls(
            f"column {column!r} holds numbers that are no time (such as {example:.15g}): write"
            " 2026-01-31T12:00:00Z, or seconds, milliseconds or microseconds since 1970,"
            f" or name another column with --{role}"
        )


@dataclass(frozen=True, slots=True)
class Time:
    """How a column of times is read."""

    sql: str  # of a relation that has the column under its name
    note: str = ""
    is_text: bool = False


def time_of(values: pa.ChunkedArray, name: str, *, column: str, role: Role) -> Time:
    """How to read the *values*, which lie in SQL as column *name* and in the user's as *column*.

    Numbers are taken for the unit in which most lie between 1973 and 2286; those that do not are
    null. Raises WrongTime.
    """
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        if _is_digits(values):
            return _epoch(
                values.cast(pa.float64()), f"CAST({quoted(name)} AS DOUBLE)", column, role
            )
        return Time(f"TRY_CAST(trim({quoted(name)}) AS TIMESTAMPTZ)", is_text=True)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_null(kind):
        return Time(f"CAST({quoted(name)} AS TIMESTAMPTZ)")
    if is_numeric(kind):
        return _epoch(values, quoted(name), column, role)
    raise WrongTime.of_type(column, role, kind)


def _is_digits(values: pa.ChunkedArray) -> bool:
    """Whether every text is a number as long as an epoch; looks at the first one first."""
    known = values.drop_null()
    pattern = f"^{_DIGITS}$"
    if not len(known) or not pc.match_substring_regex(known.slice(0, 1), pattern)[0].as_py():
        return False
    return bool(pc.all(pc.match_substring_regex(known, pattern)).as_py())


def _epoch(values: pa.ChunkedArray, sql: str, column: str, role: Role) -> Time:
    found = np.abs(numbers(values, column=column).astype(np.float64))
    found = found[np.isfinite(found)]
    if not found.size:
        return Time("NULL::TIMESTAMPTZ")
    middle = float(np.median(found))
    for unit, size in _UNITS.items():
        least, most = _FIRST_SECOND * size, _LAST_SECOND * size
        if least <= middle < most:
            inside = f"{sql} BETWEEN {least!r} AND {most!r}"
            micros = f"CAST(round({sql}::DOUBLE * {1e6 / size!r}) AS BIGINT)"
            if size >= 1e6 and pa.types.is_integer(values.type):
                micros = f"CAST({sql} // {int(size // 1e6)} AS BIGINT)"
            return Time(
                f"CASE WHEN {inside} THEN make_timestamptz({micros}) END",
                f"numbers in {column!r} are taken for {unit} since 1970 (UTC)",
            )
    raise WrongTime.in_numbers(column, role, middle)


def days_of(
    values: pa.ChunkedArray,
    *,
    column: str,
    notes: list[str] | None = None,
    warnings: list[str] | None = None,
) -> Days:
    """The UTC day of each row, NaT where there is no time; without a zone it is UTC.

    How numbers are taken is one of the *notes*, and how many cannot be read one of the *warnings*.
    Raises WrongTime where the column holds something else than timestamps, dates, ISO 8601 text or
    an epoch, or text of which some says its zone and some does not.
    """
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    time = time_of(values, "at", column=column, role="time")
    with connected() as connection:
        connection.register("times", pa.table({"at": values}))
        found = connection.sql(f"SELECT CAST({time.sql} AS DATE) AS day FROM times")
        days = found.to_arrow_table()["day"]
    unread = days.null_count - values.null_count
    if time.is_text:
        _refuse_mixed(values, unread, column)
    if time.note and notes is not None:
        notes.append(time.note)
    if unread and warnings is not None:
        warnings.append(
            f"times in {column!r} that cannot be read, of rows without a day: {unread:,}"
        )
    return np.asarray(days.cast(pa.date32())).astype("datetime64[D]")


def _refuse_mixed(values: pa.ChunkedArray, unread: int, column: str) -> None:
    known = values.drop_null()
    if len(known) and unread == len(known):
        raise WrongTime.in_text(column, "time", known[0].as_py())
    zoned = pc.sum(pc.match_substring_regex(known, HAS_ZONE)).as_py() or 0
    if 0 < zoned < len(known) - unread:
        raise WrongTime.of_zones(column, "time", zoned, len(known))
