"""A day's rows as a table that SQL can ask about, whichever engine reads them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from monitoring_dagster.sources.rows.readings import Quote
from monitoring_dagster.sources.rows.row_sql import quoted
from monitoring_dagster.sources.rows.rows import connected, readable, rows_on
from monitoring_dagster.spec.sources import Predictions


@dataclass(frozen=True, slots=True)
class AskedDay:
    """All rows of one day, whatever their status."""

    engine: Literal["duckdb", "spark"]
    columns: Mapping[str, str]  # DuckDB's types, in the order of the rows
    table: str  # what to select FROM
    quoted: Quote
    ask: Callable[[str], list[tuple[Any, ...]]]  # raises UnreadableFile


@contextmanager
def asked_day(predictions: Predictions, day: date, *, root: Path) -> Iterator[AskedDay]:
    """The rows of *day*, asked in DuckDB. Raises MissingDay, UnreadableFile."""
    with connected(predictions) as connection:
        rows = rows_on(connection, predictions, day, root=root)

        def ask(sql: str) -> list[tuple[Any, ...]]:
            with readable(rows.place):
                return connection.execute(sql).fetchall()

        yield AskedDay("duckdb", rows.columns, rows.sql, quoted, ask)
