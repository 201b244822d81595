"""How the columns of an inference log are read, whatever type they arrive in: SQL for any engine.

Types are DuckDB's names for them. The SQL keeps to what DuckDB and Spark both understand.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

from monitoring_dagster.sources.rows.row_sql import AS_IS
from monitoring_dagster.stats.columns.bins import Bins, CategoricalBins, NumericBins

Quote: TypeAlias = Callable[[str], str]  # a column's name as an identifier

NO_TYPE = '"NULL"'  # of a column that holds nothing but nulls
ROUNDING = 1e-9  # so far beyond 0 and 1 a probability was rounded, and is none otherwise
DURATION = re.compile(r"DURATION\((s|ms|us|ns)\)$")  # Arrow's, which Parquet stores as integers
TRUTHS = (("true", "false"), ("True", "False"), ("TRUE", "FALSE"))
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_NUMERIC = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)|BIGNUM)$")
_WIDE = re.compile(r"U?HUGEINT|BIGNUM")
_INSTANT = re.compile(r"TIMESTAMP|DATE$")
_NESTED = re.compile(r"STRUCT|MAP|UNION|VARIANT|.*\[\d*\]$")
_MISSING_WORDS = "'', 'nan', 'none', 'null', '<na>'"
_MISSING_NUMBERS = f"{_MISSING_WORDS}, 'na', 'n/a', '?', '-'"


def kind_of(duckdb_type: str) -> str:
    """What a column of this DuckDB type is to a model.

    >>> kind_of("DOUBLE"), kind_of("DECIMAL(18,3)"), kind_of("VARCHAR"), kind_of("BOOLEAN")
    ('numeric', 'numeric', 'categorical', 'categorical')
    >>> kind_of("INTERVAL"), kind_of("DOUBLE[]")
    ('categorical', 'categorical')
    """
    return "numeric" if _NUMERIC.match(duckdb_type) else "categorical"


def is_text(duckdb_type: str) -> bool:
    """Whether a column of this type holds words, which may be spelled numbers or times."""
    return duckdb_type == "VARCHAR" or duckdb_type.startswith("ENUM")


def is_nested(duckdb_type: str) -> bool:
    """Whether a value of this type is several values.

    >>> is_nested("BIGINT[]"), is_nested("STRUCT(a BIGINT)"), is_nested("VARCHAR")
    (True, True, False)
    """
    return _NESTED.match(duckdb_type) is not None


def reading(duckdb_type: str, bins: Sequence[Bins], *, engine: str = "duckdb") -> str | None:
    """How a column of this type is read beside references with these *bins*; None: not at all.

    >>> reading("DOUBLE", [CategoricalBins(("false", "true"))])
    "CASE {} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE CAST({} AS STRING) END"
    >>> reading("VARCHAR", [NumericBins([0.0])]), reading("BIGINT[]", [NumericBins([0.0])])
    ('TRY_CAST({} AS DOUBLE)', None)
    """
    if any(isinstance(one, NumericBins) for one in bins):
        return _as_number(duckdb_type, engine)
    levels = {name for one in bins if isinstance(one, CategoricalBins) for name in one.levels}
    return as_category(duckdb_type, levels, engine=engine)


def _as_number(duckdb_type: str, engine: str) -> str | None:
    if _WIDE.match(duckdb_type):
        return "CAST({} AS DOUBLE)"
    if duckdb_type == "BOOLEAN":
        return "CAST({} AS INT)"
    if kind_of(duckdb_type) == "numeric" or duckdb_type == NO_TYPE:
        return AS_IS
    if is_text(duckdb_type):
        return "TRY_CAST({} AS DOUBLE)"
    if duration := DURATION.match(duckdb_type):
        return f"({{}} / {_PER_SECOND[duration[1]]}.0)"
    if duckdb_type == "INTERVAL" or re.match(r"TIME( |_NS|$)", duckdb_type):
        return "epoch({})" if engine == "duckdb" else AS_IS
    return None


def as_category(duckdb_type: str, levels: Collection[str], *, engine: str = "duckdb") -> str | None:
    """How a column of this type is read where a reference has these *levels*; None: not at all.

    True, 1, 1.0 and their spellings are one value where the reference has only two of them.
    """
    if is_nested(duckdb_type):
        return None
    truth = truth_of(levels)
    if duckdb_type == "BOOLEAN":
        if truth == ("1", "0"):
            return "CAST({} AS INT)"
        if truth is None or truth == TRUTHS[0]:
            return AS_IS
        return f"CASE WHEN {{}} THEN '{truth[0]}' WHEN NOT {{}} THEN '{truth[1]}' END"
    if truth not in (None, ("1", "0")) and kind_of(duckdb_type) == "numeric":
        return (
            f"CASE {{}} WHEN 1 THEN '{truth[0]}' WHEN 0 THEN '{truth[1]}'"
            " ELSE CAST({} AS STRING) END"
        )
    if truth is not None and is_text(duckdb_type):
        return (
            "CASE WHEN lower(trim({})) IN ('true', '1', '1.0')"
            f" THEN '{truth[0]}' WHEN lower(trim({{}})) IN ('false', '0', '0.0')"
            f" THEN '{truth[1]}' ELSE {{}} END"
        )
    are_whole = bool(levels) and all(re.fullmatch(r"-?\d+", one) for one in levels)
    if are_whole and (is_text(duckdb_type) or duckdb_type.startswith("DECIMAL")):
        return "regexp_replace(CAST({} AS STRING), '[.]0+$', '')"
    if _WIDE.match(duckdb_type) or duckdb_type in ("UUID", "INTERVAL", "BIT"):
        return "CAST({} AS STRING)"
    if duckdb_type == "BLOB":
        return "TRY(decode({}))" if engine == "duckdb" else "CAST({} AS STRING)"
    return AS_IS


def truth_of(levels: Collection[str]) -> tuple[str, str] | None:
    """How a reference with these *levels*, and no other, spells true and false.

    >>> truth_of(["false", "true"]), truth_of(["0"]), truth_of(["0", "1", "2"]), truth_of([])
    (('true', 'false'), ('1', '0'), None, None)
    """
    spelled = (*TRUTHS, ("1", "0")) if levels else ()
    return next((pair for pair in spelled if set(levels) <= set(pair)), None)


def probability(number: str) -> str:
    """SQL: *number* where it is a probability or was rounded beside one, else null."""
    low, high = -ROUNDING, 1 + ROUNDING
    return f"CASE WHEN {number} BETWEEN {low} AND {high} THEN greatest(0, least(1, {number})) END"


def unreadable_number(column: str) -> str:
    """SQL: whether the text in *column* holds something, and that is no number."""
    return (
        f"({column} IS NOT NULL AND TRY_CAST({column} AS DOUBLE) IS NULL"
        f" AND lower(trim({column})) NOT IN ({_MISSING_NUMBERS}))"
    )


def version_of(column: str) -> str:
    """SQL: the model version in *column* as the registry spells it; null where there is none.

    A column in which some rows lack a version is one of floats: 1.0 is version 1.
    """
    spelled = f"regexp_replace(trim(CAST({column} AS STRING)), '[.]0+$', '')"
    return f"CASE WHEN lower({spelled}) NOT IN ({_MISSING_WORDS}) THEN {spelled} END"


def time_of(column: str, duckdb_type: str) -> str | None:
    """SQL: the instant in *column*, null where it cannot be read; None if it holds no times."""
    if _INSTANT.match(duckdb_type):
        return f"CAST({column} AS TIMESTAMPTZ)"
    if is_text(duckdb_type):
        return f"TRY_CAST({column} AS TIMESTAMPTZ)"
    return "CAST(NULL AS TIMESTAMPTZ)" if duckdb_type == NO_TYPE else None


def id_of(column: str, duckdb_type: str) -> str:
    """SQL: the request id in *column*; an empty text and NaN are none."""
    if is_text(duckdb_type):
        return f"nullif({column}, '')"
    if duckdb_type in ("FLOAT", "DOUBLE"):
        return f"nullif({column}, CAST('NaN' AS {duckdb_type}))"
    return column
