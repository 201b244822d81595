"""A small world: one model, its rows and its labels day by day, all drawn from a seed."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from monitoring_dagster.act.notify.delivery import send
from monitoring_dagster.act.promotion import promote
from monitoring_dagster.act.retraining.retrain import retrain
from monitoring_dagster.act.retraining.training import LabelledFeatures, answers, register, train
from monitoring_dagster.act.retraining.trigger import pending_trigger
from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.decide.judging.statements import stated_findings
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.days.champions import traffic_on
from monitoring_dagster.store.monitor import House, Monitor

START = date(2026, 3, 2)  # the first served day, a Monday
HISTORY_DAYS = 15  # known before it
LATEST_DAYS = 3  # a label arrives up to so many days after its prediction
NUMBERS, WORDS = ["income", "age", "debt"], ["plan"]
FEATURES = [*NUMBERS, *WORDS]
ALERTS = {
    rule: {"breaches": 4}
    for rule in ("expected_drop", "performance_drop", "segment_drop", "miscalibration")
}


def pipeline(model):
    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((StandardScaler(), NUMBERS), (encode, WORDS))
    return make_pipeline(columns, model)


def train_classifier(rows, labels):
    """What the owners of the binary and the multiclass model hand in."""
    return pipeline(LogisticRegression()).fit(rows, labels)


def train_regressor(rows, labels):
    """What the owner of the regression model hands in."""
    return pipeline(LinearRegression()).fit(rows, labels)


def attributes(task="binary", **changed):
    """A defs.yaml of the small world."""
    classifies = task != "regression"
    return {
        "name": "tiny",
        "owner": "team:small",
        "task": task,
        "predictions": {
            "path": "data/predictions/{day}.parquet",
            "status": "status",
            "synthetic": "synthetic",
            "latency_ms": {"total": "latency_ms"},
            **({"score": "score"} if classifies else {}),
        },
        "labels": {"path": "data/labels/{day}.parquet", "mature_after_days": 5},
        "segments": ["country"],
        "rules": {"service": {"max_p99_ms": 100}, "alerts": ALERTS},
        "channels": {"clear_after_days": 2},
        "retraining": {
            "trainer": f"tests.world:train_{'classifier' if classifies else 'regressor'}",
            "train_days": 2,
            "holdout_days": 2,
            "min_labelled_rows": 250,
            "cooldown_days": 7,
        },
    } | changed


def as_table(frame):
    """A frame as the service writes it: times are UTC."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    times = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
    for name in times:
        place = table.column_names.index(name)
        table = table.set_column(place, name, table[name].cast(pa.timestamp("us", tz="UTC")))
    return table


def stated(monitor, day, signals):
    """What *signals* state to be wrong on a day: those of a step, or that it is about to store."""
    return list(stated_findings(monitor.spec, day, signals, traffic_on(monitor, day)))


def day_after(day, days=1):
    return day + timedelta(days=days)


@dataclass
class World:
    """What happens outside (rows, answers, labels), and our own work on it day by day."""

    root: Path
    task: str = "binary"
    rows_a_day: int = 300
    changes_on: date = date.max  # from then on the features mean the opposite
    today: date = START  # the next day to be lived
    spec_changes: dict = field(default_factory=dict)
    models: dict = field(default_factory=dict, repr=False)  # loaded, by version

    def __post_init__(self):
        home = self.root / ".monitoring"
        environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db"}
        self.house = House.at(self.root, environment)

    def __getstate__(self):
        """All but open databases; see `tests.once`."""
        return {name: value for name, value in vars(self).items() if name != "house"}

    def __setstate__(self, state):
        vars(self).update(state)
        self.__post_init__()

    @property
    def spec(self):
        return ModelSpec.model_validate(attributes(self.task, **self.spec_changes))

    @property
    def monitor(self):
        morning = datetime.combine(day_after(self.today), time(6), UTC)
        return Monitor(self.spec, replace(self.house, as_of=morning))

    def rows(self, day):
        """What is true of one day: features, label, and how many days the label takes."""
        rng = np.random.default_rng([20260302, day.toordinal()])
        n = self.rows_a_day
        frame = pd.DataFrame(
            {
                "income": rng.normal(50, 10, n),
                "age": rng.integers(18, 80, n).astype(float),
                "debt": rng.exponential(5, n),
                "plan": rng.choice(["basic", "plus", "pro"], n),
                "country": rng.choice(["DE", "FR"], n),
            }
        )
        sense = -1 if day >= self.changes_on else 1
        truth = sense * (
            (frame["income"] - 50) / 5 - (frame["age"] - 49) / 20 + (frame["plan"] == "pro")
        )
        noisy = truth + rng.logistic(size=n)
        if self.task == "binary":
            frame["label"] = (noisy > 0).astype(int)
        elif self.task == "multiclass":
            frame["label"] = np.select([noisy < -1, noisy < 1], ["low", "middle"], "high")
        else:
            frame["label"] = 30 + 5 * noisy
        frame["delay"] = rng.integers(0, LATEST_DAYS + 1, n)
        frame["request_id"] = [f"{day}/{number}" for number in range(n)]
        return frame

    def train_first(self):
        """Version 1, from the history."""
        days = [day_after(START, -n) for n in range(HISTORY_DAYS, 0, -1)]
        known, holdout = self._labelled(days[:-5]), self._labelled(days[-5:])
        candidate = train(self.monitor, known, holdout)
        version = register(self.monitor, candidate, tags={"cause": "first version"})
        promote(self.monitor, version, previous=None, reason="the first version", by="test",
                at=self.monitor.judged_at(days[-1]))  # fmt: skip
        return version

    def served(self, day):
        """The inference log of one day, as a frame: two errors and three probes among it."""
        version = self.monitor.registry.champion(self.spec.mlflow_name)
        if version not in self.models:
            self.models[version] = self.monitor.registry.load_model(self.spec.mlflow_name, version)
        rows = self.rows(day)
        switch = self.monitor.ledger.fallback(self.spec.name)
        said = answers(self.spec, self.models[version], rows[FEATURES])
        start = datetime.combine(day, time())
        log = rows[["request_id"]].assign(
            served_at=[start + timedelta(minutes=number) for number in range(len(rows))],
            model_version=version,
            **{name: rows[name] for name in [*FEATURES, "country"]},
            **said,
            latency_ms=20 + rows["income"] / 5,
            status="fallback" if switch and switch.on else "ok",
            synthetic=False,
        )
        log.loc[:1, "status"] = "error"
        log.loc[2:4, "synthetic"] = True
        return log

    def arriving(self, day):
        """The labels that become known on one day."""
        parts = []
        for lag in range(LATEST_DAYS + 1):
            rows = self.rows(day_after(day, -lag))
            since = day_after(day, -lag) >= START  # what was served before is not monitored
            parts.append(rows[(rows["delay"] == lag) & since])
        evening = datetime.combine(day, time(23))
        return pd.concat(parts)[["request_id", "label"]].assign(arrived_at=evening)

    def write(self, day, log=None, labels=None):
        """Lay the day's two files where the model's owner promised them."""
        for folder, frame in (
            ("predictions", self.served(day) if log is None else log),
            ("labels", self.arriving(day) if labels is None else labels),
        ):
            path = self.file(folder, day)
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(as_table(frame), path)

    def file(self, folder, day):
        return self.root / "data" / folder / f"{day}.parquet"

    def monitored(self, day, *, looks_ahead=False):
        """Every step of one day, as Dagster would run them; returns their reports."""
        reports = {
            step.name: step.run(self.monitor, key)
            for step in steps_of(self.monitor)
            if (looks_ahead or not step.looks_ahead) and (key := step.ending_on(day))
        }
        for one in self.monitor.ledger.findings(self.spec.name, day, day):
            assert one.severity >= RULES[one.kind].severity, "more urgent than the catalogue says"
        return reports

    def live(self, days=1, *, acts=True):
        """Serve, monitor, let the sensors act, tell; returns the retrainings that came of it."""
        done = []
        for _ in range(days):
            self.write(self.today)
            self.monitored(self.today)
            if acts:
                done += self.tick()
            send(self.house, environment={})
            self.today = day_after(self.today)
        return done

    def tick(self):
        """One tick of the retraining sensor, and what it asks for."""
        monitor = self.judged()
        trigger = pending_trigger(monitor)
        if trigger is None:
            return []
        return [retrain(monitor, as_of=trigger.day, cause=trigger.words, by="sensor")]

    def judged(self, *, hours_ago=0):
        """The monitor when the newest verdict is so many hours old."""
        days = self.monitor.results.days("tiny", "verdict")
        now = self.monitor.judged_at(days[-1]) + timedelta(hours=hours_ago)
        return replace(self.monitor, house=replace(self.house, as_of=now))

    def revise(self, days):
        """Evaluate earlier days anew, with every label that is there now."""
        for day in days:
            for step in steps_of(self.monitor):
                if step.looks_ahead:
                    step.run(self.monitor, day)

    def days(self):
        """The days lived so far."""
        return [day_after(START, n) for n in range((self.today - START).days)]

    def joined(self, day, *, as_of=date.max):
        """The raw rows that count, each beside its label, by pandas alone."""
        log = pd.read_parquet(self.file("predictions", day))
        log = log[(log["status"] == "ok") & ~log["synthetic"]]
        told = [
            pd.read_parquet(self.file("labels", one))
            for lag in range(LATEST_DAYS + 1)
            if (one := day_after(day, lag)) <= as_of and self.file("labels", one).exists()
        ]
        return log.merge(pd.concat(told), on="request_id")

    def copied_to(self, root):
        """The same world elsewhere: what is done to it there changes nothing here."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        models, changed = dict(self.models), dict(self.spec_changes)
        return replace(self, root=root, models=models, spec_changes=changed)

    def memory(self):
        """All that is remembered: every result file, and the ledger but for times of sending."""
        home = self.root / ".monitoring"
        found = {
            str(path.relative_to(home)): path.read_bytes()
            for path in sorted((home / "results").rglob("*"))
            if path.is_file()
        }
        with closing(sqlite3.connect(home / "ledger.db")) as connection:
            # MLflow draws the ids of its runs at random.
            strip = re.compile(r'"run_id": "[0-9a-f]{32}"')
            connection.create_function("plain", 1, lambda event: strip.sub("", event))
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (name,) in names.fetchall():
                if name == "deliveries":
                    query = "SELECT id, plain(event), state, created_at FROM deliveries ORDER BY id"
                else:
                    query = f"SELECT * FROM {name}"
                found[name] = sorted(connection.execute(query).fetchall(), key=repr)
        return found

    def messages(self):
        """What the channel would show: (thread, text) in order."""
        text = (self.house.outbox / "messages.jsonl").read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        return [(line["thread"], line["text"]) for line in lines]

    def findings(self, day):
        return self.monitor.ledger.findings(self.spec.name, day, day)

    def declare(self):
        """Write the project files, so that commands find the model from its folder."""
        folder = self.root / "assets" / "tiny"
        folder.mkdir(parents=True)
        (self.root / "assets" / "__init__.py").touch()
        (self.root / "pyproject.toml").write_text(
            '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "assets"\n'
            'defs_module = "assets"\n'
        )
        body = {
            "type": "monitoring_dagster.orchestration.MonitoredModel",
            "attributes": attributes(self.task, **self.spec_changes),
        }
        (folder / "defs.yaml").write_text(yaml.safe_dump(body))

    def _labelled(self, days):
        frame = pd.concat(self.rows(day).assign(day=day) for day in days)
        return LabelledFeatures(frame[FEATURES], frame["label"], frame["day"], frame[["country"]])
