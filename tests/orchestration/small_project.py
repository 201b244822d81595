"""A small project that Dagster can load: one model, a dozen days of rows, two of them bad."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from monitoring_dagster.orchestration.component import definitions_of
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.models.registry import ModelVersion
from monitoring_dagster.store.monitor import House, Monitor
from monitoring_dagster.store.references.version_reference import reference_of
from tests import fork_server

CHECKOUT = Path(__file__).parents[2]
FIRST = date(2026, 3, 2)
DAYS = [FIRST + timedelta(days=number) for number in range(12)]
DRIFTED, MISSING = DAYS[4], DAYS[8]  # a feature moved; a file never came
ROWS = 150
WINDOW = 3  # labels of a day may arrive on it and the three days after it

ATTRIBUTES = {
    "name": "churn",
    "owner": "team:growth",
    "description": "Will a customer leave?",
    "task": "binary",
    "first_day": FIRST.isoformat(),
    "predictions": {"path": "data/predictions/{day}.parquet", "score": "score"},
    "labels": {
        "path": "data/labels/{day}.parquet",
        "mature_after_days": WINDOW,
        "expire_after_days": WINDOW,
    },
    "rules": {"alerts": {"feature_drift": {"breaches": 1, "of_days": 1}}},  # it has a single day
    "retraining": {"trainer": "assets.churn.train:train"},
}


class OneVersion:
    """A registry that knows version 1, so that no test waits for MLflow."""

    def describe(self, name: str, version: str) -> ModelVersion:
        return ModelVersion(
            name=name,
            version=version,
            run_id="run",
            created_at=datetime(2026, 2, 1, tzinfo=UTC),
            task="binary",
            features=(("amount", "numeric"), ("country", "categorical")),
            training_window=(date(2025, 11, 1), date(2026, 1, 31)),
            metrics={"log_loss": 0.65},
            importances={"amount": 0.2, "country": 0.1},
            parameters={"depth": "3"},
            library_versions={"scikit-learn": "1.5"},
            code_hash="abc",
            tags={},
        )

    def champion(self, name: str) -> str:
        return "1"

    def reference(self, name: str, version: str) -> pa.Table:
        first = FIRST - timedelta(days=60)
        rows = rows_of(first, rows=2000)
        drawn = np.random.default_rng(0).random(rows.num_rows)
        label = (drawn < rows["score"].to_numpy()).astype(int)
        days = [first + timedelta(days=number // 200) for number in range(rows.num_rows)]
        return rows.append_column("label", pa.array(label)).append_column("day", pa.array(days))


def rows_of(day: date, *, rows: int = ROWS, shift: float = 0) -> pa.Table:
    """One day's inference log: *shift* moves the feature `amount` by that many deviations."""
    rng = np.random.default_rng(day.toordinal())
    score = rng.beta(2, 3, rows)
    return pa.table(
        {
            "request_id": [f"{day}/{number}" for number in range(rows)],
            "served_at": pa.array(
                [datetime.combine(day, time(12), UTC)] * rows, pa.timestamp("us", "UTC")
            ),
            "model_version": ["1"] * rows,
            "prediction": (score > 0.5).astype(int),
            "score": score,
            "amount": rng.normal(shift, 1, rows),
            "country": rng.choice(["de", "fr", "nl"], rows),
        }
    )


def labels_of(day: date) -> pa.Table:
    """What became of the requests of *day*, as written into one day's label file."""
    served = rows_of(day)
    late = np.random.default_rng(day.toordinal()).random(served.num_rows)
    return pa.table(
        {
            "request_id": served["request_id"],
            "label": (late < served["score"].to_numpy()).astype(int),
            "arrived_at": pa.array(
                [datetime.combine(day + timedelta(days=1), time(9), UTC)] * served.num_rows,
                pa.timestamp("us", "UTC"),
            ),
        }
    )


def write_days(root: Path, days: Sequence[date]) -> None:
    """The files that the service and the label feed would have written, a day late the latter."""
    for folder in ("predictions", "labels"):
        (root / "data" / folder).mkdir(parents=True, exist_ok=True)
    for day in days:
        if day != MISSING:
            served = rows_of(day, shift=3 if day == DRIFTED else 0)
            pq.write_table(served, root / f"data/predictions/{day}.parquet")
        pq.write_table(labels_of(day - timedelta(days=1)), root / f"data/labels/{day}.parquet")


def monitor_at(root: Path, spec: ModelSpec) -> Monitor:
    """*spec* in a house at *root*, with the reference of version 1 read once and for all."""
    house = House.at(root, environment={})
    house.__dict__["registry"] = OneVersion()
    monitor = house.monitor(spec)
    reference_of(monitor, "1")
    return monitor


def run_days(
    monitor: Monitor,
    instance: dg.DagsterInstance,
    steps: Sequence[str],
    first: date,
    last: date,
    **options: Any,
) -> dg.ExecuteInProcessResult:
    """Materialise *steps* for a range of days in one run, as a backfill does."""
    job = definitions_of(monitor).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey([monitor.name, step]) for step in steps],
        tags={
            ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
            ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
        },
        **options,
    )


def evaluations(result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    """Every verdict of a run."""
    return [
        event.event_specific_data
        for event in result.all_events
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]


@dataclass(frozen=True)
class Checkout:
    """A copy of this project in a folder of its own, and the environment to run commands in."""

    root: Path
    environment: dict[str, str]

    def declare(self, folder: str, attributes: object) -> Path:
        """Write assets/<folder>/defs.yaml."""
        file = self.root / "assets" / folder / "defs.yaml"
        file.parent.mkdir(exist_ok=True)
        text = attributes if isinstance(attributes, str) else declared(attributes)
        file.write_text(text, encoding="utf-8")
        return file

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the virtual environment; its output is one text."""
        env = self.environment | environment
        return fork_server.run_merged(words, cwd=self.root, env=env)

    def run_afresh(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """As `run`, in an interpreter that has loaded nothing: what an import says is seen."""
        return subprocess.run(
            [str(Path(sys.executable).parent / words[0]), *words[1:]],
            cwd=self.root,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )


def declared(attributes: object) -> str:
    """The text of a defs.yaml."""
    return yaml.safe_dump(
        {"type": "monitoring_dagster.orchestration.MonitoredModel", "attributes": attributes},
        sort_keys=False,
    )
