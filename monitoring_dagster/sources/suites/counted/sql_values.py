"""Columns and constants of a suite as SQL that DuckDB and Spark both understand."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

from monitoring_dagster.sources.rows.questions import AskedDay
from monitoring_dagster.sources.suites.arguments import as_number, as_time

Kind: TypeAlias = Literal["integer", "float", "text", "time", "date", "flag", "other"]

_INTEGER = re.compile(r"U?(TINY|SMALL|BIG)?INT(EGER)?$")
_ZONED = "TIMESTAMP WITH TIME ZONE"
_KINDS: dict[str, Kind] = {
    "FLOAT": "float",
    "DOUBLE": "float",
    "VARCHAR": "text",
    "BOOLEAN": "flag",
    "DATE": "date",
    "TIMESTAMP": "time",
    "TIMESTAMP_S": "time",
    "TIMESTAMP_MS": "time",
    "TIMESTAMP_NS": "time",
    _ZONED: "time",
}
_LARGEST = 2**63
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a day's rows."""

    name: str
    kind: Kind
    type: str  # DuckDB's
    value: str  # SQL: the value, null for NaN, which counts as missing
    engine: Literal["duckdb", "spark"]

    @classmethod
    def of(cls, name: str, asked: AskedDay) -> Self:
        arrived, sql = asked.columns[name], asked.quoted(name)
        kind: Kind = "integer" if _INTEGER.match(arrived) else _KINDS.get(arrived, "other")
        if asked.engine == "spark" and arrived.endswith("_NS"):
            kind = "other"  # Spark hands these out as plain numbers
        value = f"nullif({sql}, CAST('NaN' AS {arrived}))" if kind == "float" else sql
        return cls(name, kind, arrived, value, asked.engine)

    @property
    def is_number(self) -> bool:
        return self.kind in ("integer", "float")

    @property
    def shown(self) -> str:
        """SQL: the value as an example of it is shown, or one character more than that."""
        if self.is_number:
            return self.value
        return f"left(CAST({self.value} AS STRING), {_SHOWN_CHARACTERS + 1})"

    def is_like(self, other: "Column") -> bool:
        """Whether equal and greater mean one thing between the values of both."""
        return (self.is_number and other.is_number) or (
            self.type == other.type and self.kind in ("text", "time")
        )

    def constant(self, value: object) -> str | None:
        """SQL: *value* among those of this column; None where it is of another kind."""
        if self.is_number and isinstance(value, (int, float)) and not isinstance(value, bool):
            return number(value)
        if self.kind == "text" and isinstance(value, str) and "\0" not in value:
            return text(value, self.engine)
        return str(value).lower() if self.kind == "flag" and isinstance(value, bool) else None

    def limit(self, value: Any) -> str | None:
        """SQL: a limit for the values of this column; None where it is of another kind.

        A time without a zone is UTC.
        """
        if self.is_number and (it := as_number(value)) is not None:
            return number(it)
        if self.kind == "date" and isinstance(value, str):
            return f"CAST('{value}' AS DATE)" if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else None
        at = as_time(value)
        if self.kind != "time" or at is None:
            return None
        if self.type == _ZONED:
            zoned = "TIMESTAMP" if self.engine == "spark" else _ZONED
            return f"CAST('{at:%Y-%m-%d %H:%M:%S.%f}+00:00' AS {zoned})"
        plain = "TIMESTAMP_NS" if self.type == "TIMESTAMP_NS" else "TIMESTAMP"
        plain = "TIMESTAMP_NTZ" if self.engine == "spark" else plain
        return f"CAST('{at:%Y-%m-%d %H:%M:%S.%f}' AS {plain})"

    def one_of(self, values: Iterable[object]) -> str | None:
        """SQL: whether a value is one of *values*; None where they are of another kind."""
        constants = [self.constant(value) for value in values]
        if not constants or None in constants:
            return None
        return f"{self.value} IN ({', '.join(map(str, constants))})"


def number(value: float) -> str:
    if isinstance(value, int) and abs(value) < _LARGEST:
        return str(value)
    return f"CAST('{float(value)!r}' AS DOUBLE)"


def text(value: str, engine: Literal["duckdb", "spark"]) -> str:
    """SQL: *value*, whatever it holds but NUL."""
    if engine == "spark":  # where a backslash escapes
        value = value.replace("\\", "\\\\")
        return "'" + value.replace("'", "\\'") + "'"
    return "'" + value.replace("'", "''") + "'"


def counted(condition: str) -> str:
    """SQL: how many rows fulfil *condition*; several times as fast as FILTER in DuckDB."""
    return f"count(CASE WHEN {condition} THEN 1 END)"
