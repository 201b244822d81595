"""Ids, times, labels and scores as people write them, in SQL that reads each as what it means."""

from collections.abc import Mapping
from typing import NamedTuple

from monitoring_dagster.sources.rows.row_sql import quoted
from monitoring_dagster.stats.quality.labelled_rows import SPELLED, Task

_FLOATS = ("FLOAT", "DOUBLE")
_NUMBERS = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
    "UBIGINT", "UHUGEINT", *_FLOATS, "BOOLEAN",
)  # fmt: skip
_EXACT = {"FLOAT": 2**24, "DOUBLE": 2**53}  # below it a float holds every whole number
_ROUNDING = {"FLOAT": 1e-6}  # of a probability; any other type's is far below the next
_USUAL_ROUNDING = 1e-9
# As pandas and SQL write floats: exact up to 15 digits, and in powers of ten beyond them.
_WHOLE, _POWER = r"-?[0-9]{1,15}\.0", r"-?[0-9]\.[0-9]+e\+[0-9]+|-?[0-9]{16,}\.0"


class Reading(NamedTuple):
    """A column as it is meant, and which of its rows cannot be meant so; both SQL."""

    value: str
    fault: str  # a condition, never NULL


def family_of(duckdb_type: str) -> str:
    """What a type is about: numbers, text, times or something else."""
    if duckdb_type in _NUMBERS or duckdb_type.startswith("DECIMAL"):
        return "number"
    if duckdb_type.startswith(("TIMESTAMP", "DATE")):
        return "time"
    return "text" if duckdb_type == "VARCHAR" else duckdb_type


def id_of(name: str, columns: Mapping[str, str]) -> Reading:
    """A request id as text: 7, 7.0 and "7.0" are the same request.

    A float beyond 2^53 names several requests, so it names none.
    """
    column, kind = quoted(name), columns[name]
    text = f"CAST({column} AS VARCHAR)"
    if kind in _FLOATS:
        whole = f"CAST(TRY_CAST({column} AS BIGINT) AS VARCHAR)"
        lost = f"(isfinite({column}) AND abs({column}) >= {_EXACT[kind]})"
        exact = f"{column} = trunc({column}) AND isfinite({column})"
        value = f"CASE WHEN isnan({column}) THEN NULL WHEN {exact} AND NOT {lost} THEN {whole}"
        return Reading(f"{value} ELSE {text} END", f"coalesce({lost}, false)")
    if kind.startswith("DECIMAL"):
        whole = f"CAST(TRY_CAST({column} AS HUGEINT) AS VARCHAR)"
        return Reading(
            f"CASE WHEN {column} = trunc({column}) THEN {whole} ELSE {text} END", "false"
        )
    if kind == "VARCHAR":  # a look at the last letters is cheap, a pattern is not
        is_whole = f"{column} LIKE '%.0' AND regexp_full_match({column}, '{_WHOLE}')"
        is_rounded = f"({column} LIKE '%e+%' OR {column} LIKE '%.0')"
        return Reading(
            f"CASE WHEN {is_whole} THEN left({column}, -2) ELSE nullif({column}, '') END",
            f"coalesce({is_rounded} AND regexp_full_match({column}, '{_POWER}'), false)",
        )
    return Reading(text, "false")


def time_of(name: str, columns: Mapping[str, str]) -> Reading:
    """A time, also where it is written as text; a number is none, as nobody says of which unit."""
    column = quoted(name)
    if family_of(columns[name]) == "time":
        return Reading(f"CAST({column} AS TIMESTAMPTZ)", "false")
    if columns[name] == '"NULL"':
        return Reading("NULL::TIMESTAMPTZ", "false")
    value = f"TRY_CAST(CAST({column} AS VARCHAR) AS TIMESTAMPTZ)"
    value = f"CASE WHEN isfinite({value}) THEN {value} END"
    return Reading(value, f"({column} IS NOT NULL AND ({value}) IS NULL)")


def truth_of(
    name: str, columns: Mapping[str, str], *, task: Task | None, as_text: bool = False
) -> Reading:
    """A label, or a prediction, of *task*; without one it is whatever the column holds.

    Parameters
    ----------
    as_text
        Other rows of the same column hold text or do not: classes are text then, 0 and 1 numbers.
    """
    column, kind = quoted(name), columns[name]
    text = f"CAST({column} AS VARCHAR)"
    is_number = family_of(kind) == "number" and not as_text
    if task is None or kind == '"NULL"':
        return Reading(text if as_text else column, "false")
    if task == "binary":
        if is_number:
            wrong = "false" if kind == "BOOLEAN" else f"({column} NOT IN (0, 1))"
            return Reading(column, f"coalesce({wrong} AND NOT {_is_nan(name, kind)}, false)")
        spelled = " ".join(f"WHEN '{word}' THEN '{value}'" for word, value in SPELLED.items())
        value = f"CASE lower(trim({text})) {spelled} ELSE {text} END"
        fault = f"coalesce(({value}) NOT IN ('0', '1'), false)"
        return Reading(f"TRY_CAST({value} AS BIGINT)" if as_text else value, fault)
    if task == "regression":
        value = column if is_number and kind != "BOOLEAN" else f"TRY_CAST({text} AS DOUBLE)"
        wrong = f"({column} IS NOT NULL AND coalesce(NOT isfinite(CAST({value} AS DOUBLE)), true))"
        return Reading(value, f"({wrong} AND NOT {_is_nan(name, kind)})")
    return Reading(text if as_text else column, "false")


def score_of(name: str, columns: Mapping[str, str]) -> Reading:
    """A probability: what rounding put outside 0 to 1 is put back."""
    column, kind = quoted(name), columns[name]
    value = f"TRY_CAST({column} AS DOUBLE)"
    if family_of(kind) not in ("number", "text"):
        value = f"TRY_CAST(CAST({column} AS VARCHAR) AS DOUBLE)"
    room = _ROUNDING.get(kind, _USUAL_ROUNDING)
    unreadable = "false"
    if family_of(kind) != "number":  # what another day's column of numbers lacks is no fault here
        words = f"lower(trim(CAST({column} AS VARCHAR)))"
        unreadable = (
            f"({value} IS NULL AND {column} IS NOT NULL AND {words} NOT IN ('', 'nan', 'none',"
            " 'null'))"
        )
    outside = f"(NOT isnan({value}) AND ({value} < -{room} OR {value} > 1 + {room}))"
    # Of a null, greatest and least take the other number.
    clipped = f"CASE WHEN {value} < 0 THEN 0 WHEN {value} > 1 AND NOT isnan({value}) THEN 1"
    clipped += f" ELSE {value} END"
    return Reading(clipped, f"({unreadable} OR coalesce({outside}, false))")


def day_number(time: str) -> str:
    """SQL: days since 1970 of an instant; a cast would ask the calendar of a time zone."""
    before = f"CASE WHEN epoch_us({time}) < 0 THEN 86399999999 ELSE 0 END"  # // goes towards 0
    return f"((epoch_us({time}) - {before}) // 86400000000)"


def _is_nan(name: str, kind: str) -> str:
    """SQL: whether the row has no number; as text it may come of a column of floats."""
    if kind in _FLOATS:
        return f"coalesce(isnan({quoted(name)}), false)"
    if family_of(kind) == "text":
        return f"(lower({quoted(name)}) = 'nan')"
    return "false"
