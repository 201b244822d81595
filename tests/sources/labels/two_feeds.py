"""Predictions and labels of a few days, as two feeds deliver them."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_dagster.spec import ModelSpec

START = date(2026, 3, 2)
NOON, EVENING = 12, 18


def on(day):
    return START + timedelta(days=day)


def at(day, hour=NOON):
    return datetime.combine(on(day), datetime.min.time(), UTC) + timedelta(hours=hour)


def times(*moments):
    return pa.array(moments, pa.timestamp("us", "UTC"))


def spec_of(task="binary", **labels):
    return ModelSpec.model_validate(
        {
            "name": "odd",
            "owner": "team:ml",
            "task": task,
            "first_day": START,
            "predictions": {
                "path": "served/{day}.parquet",
                **({} if task == "regression" else {"score": "score"}),
            },
            "labels": {"path": "told/{day}.parquet", "mature_after_days": 2} | labels,
        }
    )


def put(root, folder, day, columns):
    (root / folder).mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), root / folder / f"{on(day)}.parquet")


def serve(root, day, ids, **changed):
    """Predictions of 1, at noon, with a score of 0.9."""
    n = len(ids)
    columns = {
        "request_id": ids,
        "served_at": times(*[at(day)] * n),
        "model_version": ["1"] * n,
        "prediction": [1] * n,
        "score": [0.9] * n,
    }
    columns |= changed
    put(root, "served", day, {name: one for name, one in columns.items() if one is not None})


def tell(root, day, ids, labels=None, **changed):
    """Labels of 1, on the evening."""
    n = len(ids)
    columns = {
        "request_id": ids,
        "label": [1] * n if labels is None else labels,
        "arrived_at": times(*[at(day, EVENING)] * n),
    }
    put(root, "told", day, columns | changed)


def kinds(seen):
    """The buckets that are not empty."""
    return {name: n for name, n in asdict(seen).items() if n and isinstance(n, int)}


def odd(seen, kind):
    return next((one for one in seen.oddities if one.kind == kind), None)


IDS = ["a", "b", "c", "d"]
BIG = 1_790_000_000_000_000_001  # beyond what a float holds
