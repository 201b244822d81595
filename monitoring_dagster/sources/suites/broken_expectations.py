"""Broken expectations of a suite on one day, whoever judges them."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Literal

import pyarrow as pa

from monitoring_dagster.sources.rows import questions, rows, spark
from monitoring_dagster.sources.suites.counted.counted_expectations import broken_by_count
from monitoring_dagster.sources.suites.suites import BrokenExpectation, Suite
from monitoring_dagster.spec.sources import Predictions


def broken_expectations(
    suite: Suite,
    predictions: Predictions,
    day: date,
    *,
    root: Path,
    engine: Literal["duckdb", "spark"] = "duckdb",
    sensitive: Collection[str] = (),
) -> list[BrokenExpectation]:
    """The expectations of *suite* that the rows of *day* do not meet, in the suite's order.

    All rows are looked at, whatever their status. Great Expectations is imported only where the
    engine cannot answer. Raises BadSuite, MissingDay, UnreadableFile, NoSpark.
    """
    reader = spark if engine == "spark" else questions
    with reader.asked_day(predictions, day, root=root) as asked:
        broken, left = broken_by_count(suite, asked, sensitive=sensitive)
        columns = dict(asked.columns)
    if left:
        from monitoring_dagster.sources.suites import contracts

        def read(names: Sequence[str]) -> Iterator[pa.RecordBatch]:
            return rows.read_batches(predictions, day, root=root, columns=names)

        broken |= contracts.broken_by_great_expectations(
            suite, left, read, columns, sensitive=sensitive
        )
    return [one for _, one in sorted(broken.items())]
