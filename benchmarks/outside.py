"""What happens around three small models for some weeks: rows, answers, late labels, and faults."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow import MlflowClient
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from monitoring_dagster.act.promotion import promote
from monitoring_dagster.act.retraining.training import LabelledFeatures, answers, register, train
from monitoring_dagster.spec.rules.alert_settings import WINDOWS
from monitoring_dagster.store.monitor import Monitor

FEATURES = ["income", "age", "plan"]
ROWS_A_DAY = 300
HISTORY_DAYS = 21
BARE = "2"  # of tickets
TASKS = {"loans": "binary", "tickets": "multiclass", "prices": "regression"}
DELAYS = {"loans": (5, 12), "tickets": (5, 20), "prices": (5, 15)}  # days until a label arrives

TRAINER = '''\
"""What the owner of {name} hands in."""

from pathlib import Path

from benchmarks.outside import fitted

FAILS = Path("data/{name}/trainer_fails")


def train(rows, labels):
    if FAILS.exists():
        FAILS.unlink()
        raise MemoryError("the machine was full")
    return fitted("{task}", rows, labels)
'''


def fitted(task: str, rows: pd.DataFrame, labels: "pd.Series[Any]") -> Any:
    """A fresh pipeline for *task*."""
    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((StandardScaler(), ["income", "age"]), (encode, ["plan"]))
    model = LinearRegression() if task == "regression" else LogisticRegression()
    return make_pipeline(columns, model).fit(rows, labels)


def attributes(name: str, first: date) -> dict[str, Any]:
    """The defs.yaml of one model."""
    task, (_, latest) = TASKS[name], DELAYS[name]
    place = (
        {"database": "data/prices/log.duckdb", "table": "log"}
        if name == "prices"
        else {"path": f"data/{name}/predictions/{{day}}.parquet"}
    )
    return {
        "name": name,
        "owner": f"team:{name}",
        "task": task,
        "first_day": first.isoformat(),
        "predictions": place | ({} if task == "regression" else {"score": "score"}),
        "labels": {
            "path": f"data/{name}/labels/{{day}}.parquet",
            "mature_after_days": latest,
            "expire_after_days": latest,
        },
        "rules": {
            "alerts": {str(rule): {"breaches": 6, "of_days": 8} for rule in WINDOWS},
        },
        "retraining": {
            "trainer": f"assets.{name}.train:train",
            "train_days": 3,
            "holdout_days": 3,
            "cooldown_days": 14,
            "min_labelled_rows": 500,
        },
    }


@dataclass
class Outside:
    """One model's service and label feed, drawn from a seed.

    Parameters
    ----------
    flips_on
        From this day on the features mean the opposite: concept drift.
    second_from, scrambled_from
        From when version 2 answers 30 % of the requests, and from when its answers are wrong.
    """

    monitor: Monitor
    first: date
    flips_on: date = date.max
    second_from: date = date.max
    scrambled_from: date = date.max
    bare_on: date = date.max
    models: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        return self.monitor.name

    @property
    def task(self) -> str:
        return TASKS[self.name]

    def rows(self, day: date) -> pd.DataFrame:
        """What is true of one day: features, label, and how many days the label takes."""
        number = (day - self.first).days + 1000
        rng = np.random.default_rng([list(TASKS).index(self.name), number])
        n = ROWS_A_DAY
        frame = pd.DataFrame(
            {
                "income": rng.normal(50, 10, n),
                "age": rng.integers(18, 80, n).astype(float),
                "plan": rng.choice(["basic", "plus", "pro"], n),
            }
        )
        sense = -1 if day >= self.flips_on else 1
        truth = (frame["income"] - 50) / 5 - (frame["age"] - 49) / 20 + (frame["plan"] == "pro")
        noisy = sense * truth + rng.logistic(size=n)
        if self.task == "binary":
            frame["label"] = (noisy > 0).astype(int)
        elif self.task == "multiclass":
            frame["label"] = np.select([noisy < -1, noisy < 1], ["low", "middle"], "high")
        else:
            frame["label"] = 30 + 5 * noisy
        earliest, latest = DELAYS[self.name]
        frame["delay"] = rng.integers(earliest, latest + 1, n)
        frame["request_id"] = [f"{self.name}-{number}-{row}" for row in range(n)]
        return frame

    def train(self, *, before: date) -> str:
        """One version, from the three weeks before *before*."""
        days = [before - timedelta(days=n) for n in range(HISTORY_DAYS, 0, -1)]
        known, holdout = self._labelled(days[:-7]), self._labelled(days[-7:])
        candidate = train(self.monitor, known, holdout)
        return register(self.monitor, candidate, tags={"cause": "by its owner"})

    def register_bare(self) -> None:
        """The next version as MLflow alone registers it: a model, and nothing to compare with."""
        name = self.monitor.spec.mlflow_name
        client = MlflowClient(self.monitor.house.tracking_uri, self.monitor.house.tracking_uri)
        first = client.get_model_version(name, "1")
        client.create_model_version(name, first.source)

    def train_first(self) -> None:
        """Version 1, which serves."""
        version = self.train(before=self.first)
        promote(
            self.monitor,
            version,
            previous=None,
            reason="the first version",
            by="owner",
            at=self.monitor.judged_at(self.first - timedelta(days=1)),
        )

    def served(self, day: date) -> pa.Table:
        """The inference log of one day."""
        champion = self.monitor.registry.champion(self.monitor.spec.mlflow_name)
        assert champion is not None
        rows = self.rows(day)
        versions = np.full(len(rows), champion, dtype=object)
        if day >= self.second_from:
            versions[: len(rows) * 3 // 10] = "2"
        if day == self.bare_on:
            versions[-15:] = BARE
        parts = []
        for version in sorted(set(versions)):
            chosen = rows[versions == version]
            model = self._model(champion if (self.name, version) == ("tickets", BARE) else version)
            said = answers(self.monitor.spec, model, chosen[FEATURES])
            if version == "2" and day >= self.scrambled_from:
                said = {"prediction": 1 - said["prediction"], "score": 1 - said["score"]}
            parts.append(chosen[["request_id", *FEATURES]].assign(model_version=version, **said))
        log = pd.concat(parts)
        start = datetime.combine(day, time(), UTC)
        log["served_at"] = [start + timedelta(minutes=4 * n) for n in range(len(log))]
        return _table(log)

    def arriving(self, day: date) -> pa.Table:
        """The labels that become known on one day."""
        parts = []
        earliest, latest = DELAYS[self.name]
        for lag in range(earliest, latest + 1):
            served = day - timedelta(days=lag)
            if served >= self.first:
                rows = self.rows(served)
                parts.append(rows[rows["delay"] == lag])
        evening = datetime.combine(day, time(20), UTC)
        empty = pd.DataFrame({"request_id": [], "label": []})
        found = pd.concat(parts) if parts else empty
        return _table(found[["request_id", "label"]].assign(arrived_at=evening))

    def file(self, folder: str, day: date) -> Path:
        return self.monitor.root / "data" / self.name / folder / f"{day}.parquet"

    def write_predictions(self, day: date) -> Path:
        """Lay the day's log where the model's owner promised it."""
        table = self.served(day)
        if self.name == "prices":
            return self._insert(table)
        return _written(table, self.file("predictions", day))

    def write_labels(self, day: date) -> Path:
        return _written(self.arriving(day), self.file("labels", day))

    def _insert(self, table: pa.Table) -> Path:
        path = self.monitor.root / "data" / self.name / "log.duckdb"
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.register("arrived", table)
            connection.execute("CREATE TABLE IF NOT EXISTS log AS FROM arrived LIMIT 0")
            connection.execute("INSERT INTO log FROM arrived")
        return path

    def _model(self, version: str) -> Any:
        if version not in self.models:
            name = self.monitor.spec.mlflow_name
            self.models[version] = self.monitor.registry.load_model(name, version)
        return self.models[version]

    def _labelled(self, days: Sequence[date]) -> LabelledFeatures:
        frame = pd.concat(self.rows(day).assign(day=day) for day in days)
        return LabelledFeatures(frame[FEATURES], frame["label"], frame["day"], frame[[]])


def _table(frame: pd.DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for name in ("served_at", "arrived_at"):
        if name in table.column_names:
            place = table.column_names.index(name)
            table = table.set_column(place, name, table[name].cast(pa.timestamp("us", tz="UTC")))
    return table


def _written(table: pa.Table, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path
