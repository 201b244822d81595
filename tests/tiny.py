"""A model on an empty folder, and results put there by hand: for tests of what reads them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile, profiles_to_table
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.outcomes_file import outcomes_to_table
from monitoring_dagster.store.days.signals import noted
from monitoring_dagster.store.ledger.decided.promotions import Promotion
from monitoring_dagster.store.models.registry import (
    ModelVersion,
    Registry,
    Serving,
    UnknownVersion,
)
from monitoring_dagster.store.monitor import House, Monitor
from monitoring_dagster.store.references.reference import Reference

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
            "version": version, "bins": {}, "profiles": {}, "kinds": {}, "usual": {},
            "outcomes": {}, "baseline": {}, "importances": {}, "features": (),
            "missing_metadata": (), "trained_until": None, "registered_on": DAY,
            "run_id": "r", **changed,
        }
    )  # fmt: skip


def described(version, **changed) -> ModelVersion:
    """All that MLflow says of a version."""
    return ModelVersion(
        **{
            "name": "tiny", "version": version, "run_id": f"run {version}", "created_at": noon(),
            "task": "binary", "features": (("age", "numeric"),),
            "training_window": (after(-9), after(-2)), "metrics": {"log_loss": 0.5},
            "importances": {"age": 1.0}, "parameters": {"depth": "3"},
            "library_versions": {"numpy": "2"}, "code_hash": "abc", "tags": {}, **changed,
        }
    )  # fmt: skip


def registered(monkeypatch, table, **changed):
    """Let MLflow know one version, 1, with these reference rows; returns how often it was asked."""
    asked = []
    known = described("1", **changed)

    def describe(_, name, version):
        asked.append(version)
        if version != known.version:
            raise UnknownVersion.named(name, version, available=[known.version])
        return known

    def rows(*_):
        if isinstance(table, Exception):
            raise table
        return table

    monkeypatch.setattr(Registry, "describe", describe)
    monkeypatch.setattr(Registry, "reference", rows)
    return asked


def turned_out(right, wrong=0) -> Outcomes:
    """So many rows that were said to be 1: *right* of them are."""
    rows = right + wrong
    label = [1] * right + [0] * wrong
    return Outcomes.of("binary", label=label, prediction=[1] * rows, score=[0.9] * rows)


def counted(monitor, rows: Mapping[str, int], day=DAY):
    """Store a profile of so many rows of each version, all of which count."""
    whole = sum(rows.values())
    service = {"rows": whole, "counted": whole, "versions": dict(rows)}
    profiles = {Group(version): Profile(n) for version, n in rows.items()}
    keep(monitor, "profile", day, rows=profiles_to_table(profiles), service=service)


def labelled(monitor, found, day=DAY, *, step="outcomes", **account):
    """Store what labels arrived on *day*: outcomes by prediction day, of version 1, or by group."""
    groups = {
        (key if isinstance(key, tuple) else (key, Group("1"))): one for key, one in found.items()
    }
    by_day = {}
    for (served, group), one in groups.items():
        if not group.segment:
            by_day[str(served)] = by_day.get(str(served), 0) + one.n
    table = outcomes_to_table({key: one for key, one in groups.items() if one})
    name = "decided_by_day" if step == "label_decisions" else "by_day"
    keep(monitor, step, day, rows=table, account={name: by_day, **account})


def put(root: Path, folder, table, day=DAY) -> Path:
    """Lay a day's Parquet file; returns where."""
    path = root / folder / f"{day}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), path)
    return path


def replaced(table: pa.Table, **columns) -> pa.Table:
    """The *table* with other columns: None leaves one out, a plain value stands in every row."""
    for name, one in columns.items():
        if name in table.column_names:
            place = table.column_names.index(name)
            table = table.remove_column(place)
        if one is not None:
            plain = isinstance(one, str | int | float | bool)
            table = table.append_column(name, pa.array([one] * table.num_rows if plain else one))
    return table


def log_of(rows=300, day=DAY, *, seed=0, **columns) -> pa.Table:
    """An inference log of version 1, whose scores are right about their labels, and these."""
    rng = np.random.default_rng([seed, day.toordinal()])
    age = rng.normal(size=rows)
    score = 1 / (1 + np.exp(-1.5 * age))
    whole = pa.table(
        {
            "request_id": [f"{day}/{n}" for n in range(rows)],
            "served_at": pa.array([noon(day)] * rows, pa.timestamp("us", "UTC")),
            "model_version": ["1"] * rows,
            "prediction": (score > 0.5).astype(int),
            "score": score,
            "age": age,
            "debt": rng.exponential(size=rows),
            "country": rng.choice(["DE", "FR"], rows),
            "label": (rng.uniform(size=rows) < score).astype(int),
        }
    )
    return replaced(whole, **columns)


def reference_rows(days=8, rows=300, **columns) -> pa.Table:
    """What a version was trained on: such rows of the days before DAY."""
    parts = []
    for n in range(1, days + 1):
        day = after(-n)
        parts.append(log_of(rows, day).append_column("day", pa.array([day] * rows, pa.date32())))
    return replaced(pa.concat_tables(parts), **columns)


class FakeMlflow:
    """A registry in memory: versions with their tags, the champion, and the switch."""

    def __init__(self, *versions, champion=None, **tags):
        self.known = {one: dict(tags) for one in versions}
        self.alias, self.switch = champion, False
        self.models: dict[str, object] = {}

    def versions(self, _name, *, tag=None):
        return [one for one, of in self.known.items() if tag is None or of.get(tag[0]) == tag[1]]

    def champion(self, _name):
        return self.alias if self.alias in self.known else None

    def serving(self, _name):
        return Serving(self.alias, self.switch) if self.known else None

    def set_champion(self, name, version):
        self._refuse(name, version)
        self.alias = version

    def set_fallback(self, _name, *, on):
        self.switch = on

    def describe(self, name, version):
        self._refuse(name, version)
        return described(version, tags=self.known[version])

    def reference(self, name, version):
        self._refuse(name, version)
        return reference_rows(1, 10)

    def load_model(self, name, version):
        self._refuse(name, version)
        return self.models[version]

    def _refuse(self, name, version):
        if version not in self.known:
            raise UnknownVersion.named(name, version, available=list(self.known))


def with_mlflow(monitor, mlflow):
    """The *monitor*, whose models lie there."""
    monitor.house.__dict__["registry"] = mlflow
    return monitor


def at(monitor, moment):
    """The same monitor at another moment, with the same registry."""
    house = replace(monitor.house, as_of=moment)
    if "registry" in monitor.house.__dict__:
        house.__dict__["registry"] = monitor.house.registry
    return house.monitor(monitor.spec)


def told(monitor):
    """Title and words of every announcement that waits, in order; they are sent."""
    found = []
    now = monitor.house.now()
    while delivery := monitor.ledger.deliveries.claim(now=now):
        monitor.ledger.deliveries.mark_sent(delivery, channel="C", ts="1", now=now)
        found.append((delivery.event.title, delivery.event.words))
    return found
