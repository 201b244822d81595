"""A model on an empty folder, and results put there by hand: for tests of what reads them."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa

from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.days.signals import noted
from monitoring_dagster.store.ledger.ledger import Promotion
from monitoring_dagster.store.monitor import House, Monitor
from monitoring_dagster.store.references.version_reference import Reference

DAY = date(2026, 3, 2)  # a Monday
NOWHERE = "http://127.0.0.1:1"  # who asks it is refused at once
SPEC = {
    "name": "tiny",
    "owner": "team:small",
    "task": "binary",
    "first_day": DAY,
    "predictions": {"path": "served/{day}.parquet", "score": "score"},
    "labels": {"path": "told/{day}.parquet", "mature_after_days": 5},
}


def after(days, day=DAY):
    return day + timedelta(days=days)


def noon(day=DAY):
    return datetime.combine(day, time(12), UTC)


def spec_of(**changed) -> ModelSpec:
    """The shortest spec, but for what *changed*; None leaves a key out."""
    whole = {**SPEC, **changed}
    return ModelSpec.model_validate({key: one for key, one in whole.items() if one is not None})


def monitor_of(root: Path, **changed) -> Monitor:
    """Its monitor; no MLflow answers."""
    return House.at(root, {"MLFLOW_TRACKING_URI": NOWHERE}).monitor(spec_of(**changed))


def keep(monitor, step, day=DAY, *, signals=(), rows=None, **notes):
    """Store what *step* would have; notes that are no text as JSON."""
    written = {
        name: one if isinstance(one, str) else json.dumps(one) for name, one in notes.items()
    }
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows or [])
    monitor.results.write(monitor.name, step, day, table, metadata={**noted(signals), **written})


def served_by(monitor, versions: Mapping[str, int], day=DAY, **more):
    """Store a profile that counted so many rows of each version."""
    rows = sum(versions.values())
    keep(
        monitor,
        "profile",
        day,
        service={"rows": rows, "counted": rows, "versions": versions, **more},
    )


def promoted(version, previous=None, *, on=DAY):
    """Version *version* took over from *previous* at noon."""
    return Promotion("tiny", version, previous, "", "test", noon(on))


def reference(version="1", **changed) -> Reference:
    """What a version promised: nothing, but for what *changed*."""
    return Reference(
        **{
            "version": version, "bins": {}, "profiles": {}, "usual": {}, "outcomes": {},
            "baseline": {}, "importances": {}, "features": (), "missing_metadata": (),
            "trained_until": None, "registered_on": DAY, "run_id": "r", **changed,
        }
    )  # fmt: skip
