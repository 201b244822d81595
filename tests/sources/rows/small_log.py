"""A day of an inference log, a row or a column at a time."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_dagster.sources.rows.served import read_day
from monitoring_dagster.spec import Predictions

DAY = date(2025, 3, 1)
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
PREDICTIONS = Predictions(
    path="log/{day}.parquet",
    status="status",
    synthetic="is_test",
    score="score",
    latency_ms={"features": "feature_ms", "model": "model_ms"},
)
SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("served_at", pa.timestamp("us", tz="UTC")),
        ("model_version", pa.string()),
        ("prediction", pa.int64()),
        ("score", pa.float64()),
        ("status", pa.string()),
        ("is_test", pa.bool_()),
        ("feature_ms", pa.float64()),
        ("model_ms", pa.float64()),
        ("age", pa.float64()),
    ]
)


def served(request_id="a", *, minute=0, day=DAY, **other):
    """One row of the log; what is not said is usual."""
    usual = {
        "request_id": request_id,
        "served_at": NOON + (day - DAY) + timedelta(minutes=minute),
        "model_version": "1",
        "prediction": 1,
        "score": 0.5,
        "status": "ok",
        "is_test": False,
        "feature_ms": 1.0,
        "model_ms": 10.0,
        "age": 30.0,
    }
    return usual | other


def read(predictions, root, *, columns=("request_id", "age"), day=DAY):
    """The account, and the counted rows as tuples."""
    account, batches = read_day(predictions, day, root=root, columns=list(columns))
    rows = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    return account, rows


LOG = Predictions(path="{day}.parquet")


def write(root, name=f"{DAY}.parquet", **columns):
    """A day of as many rows as *columns* have, usual but for them."""
    rows = len(next(iter(columns.values())))
    usual = {
        "request_id": [f"r{number}" for number in range(rows)],
        "served_at": pa.array([1_740_830_400_000_000] * rows, pa.timestamp("us", tz="UTC")),
        "model_version": ["1"] * rows,
        "prediction": [1] * rows,
    }
    pq.write_table(pa.table(usual | columns), root / name)
