"""Small days of every kind of column, and what Great Expectations says of them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_dagster.sources.rows import questions
from monitoring_dagster.sources.suites import contracts
from monitoring_dagster.sources.suites.suites import Expectation, Suite
from monitoring_dagster.spec.sources import Predictions

DAY = date(2026, 3, 1)
LOG = Predictions(path="{day}.parquet")
NAN, INF = float("nan"), float("inf")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def times(*hours):
    return [None if hour is None else NOON.replace(hour=hour) for hour in hours]


TABLE = pa.table(
    {
        "whole": pa.array([1, 2, 3, 3, 7, 9], pa.int64()),
        "gaps": pa.array([1, None, 3, 3, None, -4], pa.int64()),
        "small": pa.array([1, 2, 3, 250, 5, None], pa.uint8()),
        "real": pa.array([1.5, NAN, 3.0, None, -0.0, 0.0], pa.float64()),
        "wide": pa.array([INF, -INF, 2.0, 2.0, NAN, 5.5], pa.float64()),
        "round": pa.array([1.0, None, 3.0, 4.0, 5.0, 6.0], pa.float64()),
        "short": pa.array([0.1, 0.2, 0.3, None, 0.3, 7.0], pa.float32()),
        "words": pa.array(["a", "b", "b", None, "", "Straße"], pa.string()),
        "ids": pa.array(["id-1", "id-2", "id-3", "id-4", "id-5", "id-6"], pa.string()),
        "odd": pa.array(["it's", 'a"b', "a\\b", "x\n", "\u06612", "%_"], pa.string()),
        "flag": pa.array([True, False, True, True, False, True], pa.bool_()),
        "perhaps": pa.array([True, None, True, True, False, True], pa.bool_()),
        "at": pa.array(times(1, 2, None, 4, 4, 23), pa.timestamp("us", tz="UTC")),
        "since": pa.array(
            [None if it is None else it.replace(tzinfo=None) for it in times(1, 3, None, 4, 4, 2)],
            pa.timestamp("us"),
        ),
        "on": pa.array([date(2026, 3, n) if n else None for n in (1, 2, 0, 4, 4, 5)], pa.date32()),
        "price": pa.array([Decimal("1.50"), None, *[Decimal("2.25")] * 4], pa.decimal128(9, 2)),
        "lists": pa.array([[1], [2], None, [1], [], [3]], pa.list_(pa.int64())),
        "no number": pa.array([None] * 6, pa.float64()),
        "no word": pa.array([None] * 6, pa.string()),
        "no flag": pa.array([None] * 6, pa.bool_()),
        "hostile \"a`b'; --": pa.array([1, 2, 3, 4, 5, 6], pa.int64()),
    }
)
EMPTY = TABLE.slice(0, 0)


def expectation(kind, severity="critical", **kwargs):
    return Expectation(f"expect_{kind}", kwargs, severity)


def suite_of(*expectations):
    return Suite("small", Path("small.json"), expectations)


def on_day(table, root):
    """A day of these rows, ready to be asked."""
    pq.write_table(table, root / f"{DAY}.parquet")
    return questions.asked_day(LOG, DAY, root=root)


def said_by_great_expectations(expectations, table):
    """Success and counts of each, by its position, over all columns of a pandas frame."""
    suite = suite_of(*expectations)
    frame = table.to_pandas()
    return contracts._results(suite, dict(enumerate(expectations)), frame)
