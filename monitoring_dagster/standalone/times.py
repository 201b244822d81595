"""Points in time: timestamps, dates, ISO text or epoch numbers; without a zone they are UTC."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.sources.rows.rows import quoted
from monitoring_dagster.standalone.roles import Role
from monitoring_dagster.stats.columns.values import is_numeric, numbers

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
    import pyarrow.compute as pc

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
