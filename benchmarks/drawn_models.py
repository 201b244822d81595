"""Models whose years are drawn: their source days, each answered by a model that never saw it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from monitoring_dagster.act.promotion import promote
from monitoring_dagster.act.retraining.training import (
    LabelledFeatures,
    register,
    train,
    trainer_of,
)
from monitoring_dagster.demo.fake_service import labels_of, serve_day
from monitoring_dagster.demo.flights import draws, flights
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.monitor import Monitor

CHECKOUT = Path(__file__).parents[1]
END = date(2025, 12, 28)  # of the year of flights, so that every run has the same days
SOURCE_DAYS, HOLDOUT_DAYS, FOLDS = 90, 14, 3  # as the demo and the product's own training have them
FEATURES = tuple(f"f{n:02}" for n in range(50))
MODELS = ("flight_delay", "flight_minutes", "many_features")


@dataclass(frozen=True)
class SourceDay:
    """One day as the service and the labellers wrote it down."""

    day: date
    rows: pd.DataFrame  # what was true, before anything was answered
    model: Any
    served: pa.Table
    labels: pa.Table  # request_id, label, arrived_at: all that ever arrive


@dataclass(frozen=True)
class Source:
    """A model, the spec that monitors it, and what happened on its source days."""

    spec: ModelSpec
    rows: pd.DataFrame
    label: str

    @cached_property
    def days(self) -> list[date]:
        return [one.date() for one in sorted(self.rows["day"].unique())]

    @property
    def features(self) -> list[str]:
        return [one.name for one in self.spec.features or ()]

    def begin(self, monitor: Monitor) -> list[Any]:
        """Register version 1, from all days but the last 14; returns the model of each day.

        The days that version 1 has learnt from are answered as its reference is: by a model of the
        other two thirds of them. For a model is surer of rows that it has seen.
        """
        known = self.rows[self.rows[self.label].notna()]
        learnt = self.days[:-HOLDOUT_DAYS]
        rows = self._labelled(known[known["day"].dt.date <= learnt[-1]])
        holdout = self._labelled(known[known["day"].dt.date > learnt[-1]])
        candidate = train(monitor, rows, holdout)
        for _ in range(2):  # the second is what a bad deployment claims to be
            version = register(monitor, candidate, tags={"cause": "of a drawn year"})
            if version == "1":
                promote(monitor, version, previous=None, reason="the first version",
                        by="benchmark", at=monitor.judged_at(self.days[-1]))  # fmt: skip
        fold_of = {day: place * FOLDS // len(learnt) for place, day in enumerate(learnt)}
        folds = rows.days.map(fold_of).to_numpy()
        models = [
            trainer_of(self.spec)(rows.features[folds != fold], rows.labels[folds != fold])
            for fold in range(FOLDS)
        ]
        return [models[fold_of[day]] if day in fold_of else candidate.model for day in self.days]

    def served(self, rows: pd.DataFrame, day: date, model: Any) -> SourceDay:
        """What *rows* of one day leave behind."""
        table = serve_day(rows, model, day=day, version="1", features=self.features)
        arrivals = sorted(rows["arrived_at"].dropna().dt.date.unique())
        labels = [labels_of(rows, arrival_day=one, label=self.label) for one in arrivals]  # type: ignore[arg-type]
        return SourceDay(day, rows, model, table, pa.concat_tables(labels))

    def day(self, day: date, model: Any) -> SourceDay:
        return self.served(self.rows[self.rows["day"] == pd.Timestamp(day)], day, model)

    def _labelled(self, rows: pd.DataFrame) -> LabelledFeatures:
        labels = rows[self.label]
        return LabelledFeatures(
            features=rows[self.features],
            labels=labels.astype(int) if self.label == "late" else labels,
            days=rows["day"].dt.date,
            segments=rows[list(self.spec.segments)],
        )


def source_of(name: str, rules: Mapping[str, Any] | None = None) -> Source:
    """The model *name* of `MODELS`."""
    spec = spec_of(name, rules)
    if name == "many_features":
        return Source(spec, many_features(), "late")
    year = flights(end=END)
    first = sorted(year["day"].unique())[:SOURCE_DAYS]
    rows = year[year["day"].isin(first)]
    # One station once wrote down 1,048 mph: a fault, which a quiet year has none of.
    rows = rows.assign(wind_speed_mph=rows["wind_speed_mph"].where(rows["wind_speed_mph"] <= 200))
    if name == "flight_minutes":
        return Source(spec, rows[rows["origin"] == "JFK"], "minutes")
    return Source(spec, rows, "late")


def spec_of(name: str, rules: Mapping[str, Any] | None = None) -> ModelSpec:
    """The spec of a model, whose *rules* go before those that its file has."""
    if name == "many_features":
        attributes: dict[str, Any] = {
            "name": name,
            "owner": "team:benchmarks",
            "task": "binary",
            "predictions": {
                "path": "data/predictions/{day}.parquet",
                "score": "score",
                "status": "status",
                "synthetic": "synthetic",
                "latency_ms": {"total": "latency_total_ms"},
            },
            "features": [{"name": one} for one in FEATURES],
            "labels": {"path": "data/labels/{day}.parquet", "expire_after_days": 14},
            "retraining": {"trainer": "benchmarks.drawn_models:train_many"},
        }
    else:
        written = (CHECKOUT / "assets" / name / "defs.yaml").read_text()
        attributes = yaml.safe_load(written)["attributes"]
    attributes["rules"] = merged(attributes.get("rules", {}), rules or {})
    return ModelSpec.model_validate(attributes)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, key by key; where both say something, what is *above* counts. A tolerance has one unit,
    so that it is replaced whole.

    >>> merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 4}})
    {'a': {'b': 4, 'c': 2}, 'd': 3}
    >>> merged({"log_loss": {"relative": 0.05}}, {"log_loss": {"absolute": 0.02}})
    {'log_loss': {'absolute': 0.02}}
    """
    found = dict(below)
    for key, value in above.items():
        inside = found.get(key)
        is_tolerance = isinstance(value, Mapping) and value.keys() & {"relative", "absolute"}
        deeper = isinstance(inside, Mapping) and isinstance(value, Mapping) and not is_tolerance
        found[key] = merged(inside, value) if deeper else value
    return found


def train_many(rows: pd.DataFrame, labels: "pd.Series[Any]") -> Any:
    """What the owner of `many_features` hands in."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(rows, labels)


def many_features(*, days: int = SOURCE_DAYS, rows_a_day: int = 600) -> pd.DataFrame:
    """Rows of 50 features whose means and whose truth sway from day to day, and from one into the
    next, as those of flights do with the weather."""
    rng = np.random.default_rng(50)
    first = END - timedelta(days=363)
    shared = np.stack([_days_effect(rng, days, sway=0.15, memory=0.7) for _ in range(3)])
    own = np.stack([_days_effect(rng, days, sway=0.08, memory=0.5) for _ in FEATURES])
    means = own + rng.normal(0, 0.7, (len(FEATURES), 3)) @ shared
    hidden = _days_effect(rng, days, sway=0.12, memory=0.5)
    weights = rng.normal(0, 0.25, len(FEATURES))
    parts = []
    for number in range(days):
        day = first + timedelta(days=number)
        n = int(rng.poisson(rows_a_day * (0.75 if day.weekday() > 4 else 1.0)))
        values = rng.normal(means[:, number], 1.0, (n, len(FEATURES)))
        odds = values @ weights - 1.0 + hidden[number]
        ids = [f"{day}/{row}" for row in range(n)]
        midnight = pd.Timestamp(day)
        parts.append(
            pd.DataFrame(values, columns=list(FEATURES)).assign(
                request_id=ids,
                served_at=(midnight + pd.to_timedelta(np.sort(rng.uniform(0, 86_000, n)), unit="s"))
                .as_unit("us")
                .tz_localize("UTC"),
                day=midnight,
                late=(rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float),
                arrived_at=(midnight + pd.to_timedelta(_lags(ids), unit="D"))
                .as_unit("us")
                .tz_localize("UTC")
                + pd.Timedelta(hours=6),
            )
        )
    return pd.concat(parts, ignore_index=True)


def _days_effect(
    rng: np.random.Generator, days: int, *, sway: float, memory: float
) -> NDArray[np.float64]:
    """A series of standard deviation *sway*, each day *memory* times the one before and news."""
    news = rng.normal(0, sway * np.sqrt(1 - memory**2), days)
    found = np.empty(days)
    found[0] = rng.normal(0, sway)
    for n in range(1, days):
        found[n] = memory * found[n - 1] + news[n]
    return found


def _lags(ids: Sequence[str]) -> NDArray[np.float64]:
    """Days until a label arrives, as for flights."""
    luck = draws(ids, purpose="label")
    return np.select(
        [luck < 0.80, luck < 0.95],
        [1.0, 2 + np.floor((luck - 0.80) / 0.15 * 3)],
        5 + np.floor((luck - 0.95) / 0.05 * 9),
    )


def moved(table: pa.Table, days: int) -> pa.Table:
    """The *table*, all of whose times lie so many days later."""
    for place, field in enumerate(table.schema):
        column = table.column(place)
        if pa.types.is_timestamp(field.type):
            later = pc.add(column, pa.scalar(timedelta(days=days), pa.duration("us")))
        elif pa.types.is_date32(field.type):
            later = pc.add(column.cast(pa.int32()), pa.scalar(days, pa.int32()))
        else:
            continue
        table = table.set_column(place, field, later.cast(field.type))
    return table
