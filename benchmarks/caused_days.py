"""A credit model whose days are drawn with one planted cause: rows, answers, and every real step.

Version 2 answers nine in ten requests and version 4, which is honestly worse, one in ten. Version 1
served before, with features of other code; version 3 promises what version 2 does.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from monitoring_dagster.act.promotion import promote
from monitoring_dagster.act.retraining.training import LabelledFeatures, register, train
from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.decide.diagnosis.causes import CauseKind
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.monitor import HOME, House, Monitor

START = date(2026, 3, 2)  # the first served day, a Monday
REFERENCE_DAYS, QUIET_DAYS = 60, 35
FEATURES = ["age", "income", "debt", "tenure"]
ROWS = 900
_LAGS = ([1, 2, 3, 5, 7], [0.7, 0.1, 0.1, 0.06, 0.04])  # days until a label, and how many
_TRAINED_ON = {"1": ["debt"], "2": FEATURES, "3": FEATURES, "4": ["age"]}
CODE = {"1": "a1", "2": "a2", "3": "a2", "4": "a2"}  # of the features of each version
_LIBRARIES = {name: installed(name) for name in ("numpy", "scikit-learn")}


def trained_on_all(rows: pd.DataFrame, labels: "pd.Series[Any]") -> Any:
    return _fitted(FEATURES, rows, labels)


def trained_on_debt(rows: pd.DataFrame, labels: "pd.Series[Any]") -> Any:
    return _fitted(_TRAINED_ON["1"], rows, labels)


def trained_on_age(rows: pd.DataFrame, labels: "pd.Series[Any]") -> Any:
    return _fitted(_TRAINED_ON["4"], rows, labels)


def _fitted(columns: list[str], rows: pd.DataFrame, labels: "pd.Series[Any]") -> Any:
    chosen = make_column_transformer((StandardScaler(), columns))
    return make_pipeline(chosen, LogisticRegression()).fit(rows, labels)


def spec_of(trainer: str = "trained_on_all") -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "credit",
            "owner": "team:benchmarks",
            "task": "binary",
            "predictions": {
                "path": "data/predictions/{day}.parquet",
                "score": "score",
                "feature_code": "feature_code",
                "libraries": "libraries",
            },
            "labels": {
                "path": "data/labels/{day}.parquet",
                "mature_after_days": 7,
                "annotator": "annotator",
            },
            "segments": ["region"],
            "retraining": {"trainer": f"benchmarks.caused_days:{trainer}"},
        }
    )


def rows_of(seed: int, day: date, *, younger: float = 0.0) -> pd.DataFrame:
    """What is true of one day; *younger* by so many years."""
    rng = np.random.default_rng([seed, day.toordinal()])
    n = int(rng.poisson(ROWS * (0.75 if day.weekday() > 4 else 1.0)))
    frame = pd.DataFrame(
        {
            "age": np.clip(rng.normal(46 + rng.normal(0, 0.5) - younger, 11, n), 18, 90),
            "income": rng.lognormal(10.2 + rng.normal(0, 0.02), 0.5, n),
            "debt": rng.gamma(2.0, 2.0 + rng.normal(0, 0.05), n),
            "tenure": rng.exponential(5.0, n),
            "region": rng.choice(["north", "south", "east", "west"], n, p=[0.3, 0.3, 0.25, 0.15]),
        }
    )
    odds = (
        -1.3
        - 0.07 * (frame["age"] - 46)
        - 0.9 * (np.log(frame["income"]) - 10.2)
        + 0.25 * (frame["debt"] - 4)
        - 0.05 * (frame["tenure"] - 5)
        + rng.normal(0, 0.1)  # what nobody measures of the day
    )
    seconds = np.sort(rng.uniform(0, 86_400, n))
    midnight = pd.Timestamp(day, tz="UTC")
    return frame.assign(
        label=(rng.random(n) < expit(odds)).astype(int),
        lag=rng.choice(_LAGS[0], n, p=_LAGS[1]),
        annotator=rng.choice(["ann", "bob"], n, p=[0.6, 0.4]),
        chance=rng.random(n),
        request_id=[f"{day}/{number}" for number in range(n)],
        served_at=(midnight + pd.to_timedelta(seconds, unit="s")).as_unit("us"),
    )


@dataclass(frozen=True)
class Day:
    """One day before it is written: rows, who answers each, and what."""

    rows: pd.DataFrame
    version: NDArray[np.str_]
    score: NDArray[np.float64]
    libraries: Mapping[str, str]
    code: NDArray[np.str_]
    logged: NDArray[np.bool_]


def quiet(seed: int, day: date, models: Mapping[str, Any], *, younger: float = 0.0) -> Day:
    return answered(rows_of(seed, day, younger=younger), models, {"4": 0.1})


def answered(rows: pd.DataFrame, models: Mapping[str, Any], beside: Mapping[str, float]) -> Day:
    """Version 2 answers what none of those *beside* it does."""
    version, start = np.full(len(rows), "2"), 0.0
    for name, share in beside.items():
        version[(rows["chance"] >= start) & (rows["chance"] < start + share)] = name
        start += share
    score = np.empty(len(rows))
    for name in np.unique(version):
        own = version == name
        score[own] = models[name].predict_proba(rows.loc[own, FEATURES])[:, 1]
    code = np.array([CODE[name] for name in version])
    return Day(rows, version, score, _LIBRARIES, code, np.ones(len(rows), bool))


# What each scenario makes of a day, from its begin on.


def flipped(seed: int, day: date, models: Mapping[str, Any]) -> Day:
    """In one region the likeliest turn out as the least likely did."""
    one = quiet(seed, day, models)
    own = np.flatnonzero(one.rows["region"] == "north")
    order = own[np.argsort(one.score[own], kind="stable")]
    labels = one.rows["label"].to_numpy().copy()
    labels[order] = labels[order[::-1]]
    return replace(one, rows=one.rows.assign(label=labels))


def younger(seed: int, day: date, models: Mapping[str, Any]) -> Day:
    """People are 14 years younger, and what follows from their age is as ever."""
    return quiet(seed, day, models, younger=14.0)


def bad_version(seed: int, day: date, models: Mapping[str, Any]) -> Day:
    """Version 3 answers 30 % of the requests, each with what it would say of another one."""
    one = answered(rows_of(seed, day), models, {"4": 0.1, "3": 0.3})
    own = np.flatnonzero(one.version == "3")
    score = one.score.copy()
    score[own] = score[np.random.default_rng([seed, 3, day.toordinal()]).permutation(own)]
    return replace(one, score=score)


def moved_traffic(seed: int, day: date, models: Mapping[str, Any]) -> Day:
    """Version 4 answers seven in ten requests in place of one: as badly as it promised."""
    return answered(rows_of(seed, day), models, {"4": 0.7})


def zeros(seed: int, day: date, models: Mapping[str, Any]) -> Day:
    """Income is 0 in every row, and the models answer accordingly; people earn what they did."""
    return answered(rows_of(seed, day).assign(income=0.0), models, {"4": 0.1})


def rolled_back(seed: int, day: date, models: Mapping[str, Any]) -> Day:
    """Version 1 serves again in place of version 2, on features of that one's code."""
    one = answered(rows_of(seed, day), models, {"4": 0.1, "1": 0.9})
    return replace(one, code=np.full(len(one.rows), CODE["2"]))


def annotated(seed: int, day: date, models: Mapping[str, Any]) -> Day:
    """Half of the rows are labelled by somebody new, who overlooks a quarter of the ones."""
    one = quiet(seed, day, models)
    rng = np.random.default_rng([seed, 7, day.toordinal()])
    by_new = rng.random(len(one.rows)) < 0.5
    wrong = by_new & (one.rows["label"] == 1) & (rng.random(len(one.rows)) < 0.25)
    return replace(
        one,
        rows=one.rows.assign(
            label=one.rows["label"].where(~wrong, 0),
            annotator=one.rows["annotator"].where(~by_new, "eve"),
        ),
    )


def half_a_day(seed: int, day: date, models: Mapping[str, Any]) -> Day:
    """What was served after noon is not in the log; its labels come."""
    one = quiet(seed, day, models)
    return replace(one, logged=(one.rows["served_at"].dt.hour < 12).to_numpy())


def upgraded(seed: int, day: date, models: Mapping[str, Any]) -> Day:
    """The service runs on another scikit-learn, whose scores are surer."""
    one = quiet(seed, day, models)
    return replace(
        one,
        score=expit(1.8 * logit(one.score)),
        libraries=_LIBRARIES | {"scikit-learn": "99.1.0"},
    )


SCENARIOS: Mapping[str, tuple[Any, CauseKind | None]] = {
    "quiet": (quiet, None),
    "relation flipped in one region": (flipped, CauseKind.CONCEPT_DRIFT),
    "younger population": (younger, CauseKind.COVARIATE_SHIFT),
    "bad version at 30 %": (bad_version, CauseKind.NEW_VERSION),
    "traffic moved to a worse version": (moved_traffic, CauseKind.TRAFFIC_MIX),
    "zeros in a feature": (zeros, CauseKind.PIPELINE),
    "rollback without its features": (rolled_back, CauseKind.CONTRACT),
    "new annotator": (annotated, CauseKind.LABEL_PROCESS),
    "half a day": (half_a_day, CauseKind.PIPELINE),
    "library upgrade": (upgraded, CauseKind.CONTRACT),
}


def found_base(root: Path) -> None:
    """Four registered versions, of which the second is champion, in a project without any day."""
    house = house_of(root, root)
    days = [START - timedelta(days=n) for n in range(REFERENCE_DAYS, 0, -1)]
    frame = pd.concat(rows_of(0, day).assign(day=day) for day in days)
    rows = LabelledFeatures(frame[FEATURES], frame["label"], frame["day"], frame[["region"]])
    known, holdout = rows.split(14)
    trainers = {"1": "trained_on_debt", "4": "trained_on_age"}
    for name in _TRAINED_ON:
        monitor = house.monitor(spec_of(trainers.get(name, "trained_on_all")))
        tags = {"cause": "of a benchmark", "feature_code": CODE[name]}
        register(monitor, train(monitor, known, holdout), tags=tags)
    monitor = house.monitor(spec_of())
    for number, name in enumerate(("1", "2")):
        promote(monitor, name, previous=str(number) if number else None, reason="it is better",
                by="benchmark", at=monitor.judged_at(days[-40 + number]))  # fmt: skip


def house_of(root: Path, base: Path) -> House:
    (root / HOME).mkdir(parents=True, exist_ok=True)
    return House.at(root, {"MLFLOW_TRACKING_URI": f"sqlite:///{base / HOME / 'mlflow.db'}"})


@dataclass
class Lived:
    """A project that lives day by day; what lies ahead of it may be copied and changed."""

    root: Path
    base: Path
    seed: int

    @property
    def monitor(self) -> Monitor:
        return house_of(self.root, self.base).monitor(spec_of())

    def on(self, day: date) -> Monitor:
        """As it is on the morning after *day*."""
        morning = datetime.combine(day + timedelta(days=1), time(6), UTC)
        house = replace(house_of(self.root, self.base), as_of=morning)
        return house.monitor(spec_of())

    def live(self, number: int, make: Any) -> date:
        """Serve, label and judge one more day, which *make* has made."""
        day = START + timedelta(days=number)
        one = make(self.seed, day, _models(self.base))
        self._write("predictions", day, _log(one))
        labels = one.rows[["request_id", "label", "annotator", "lag"]]
        pending = self.root / "pending"
        pending.mkdir(exist_ok=True)
        for lag, some in labels.groupby("lag"):
            arrives = day + timedelta(days=int(lag))
            some = some.assign(arrived_at=pd.Timestamp(arrives, tz="UTC").as_unit("us"))
            some.drop(columns="lag").to_pickle(pending / f"{arrives}-{day}.pickle")
        arrived = sorted(pending.glob(f"{day}-*.pickle"))
        if arrived:
            frame = pd.concat(map(pd.read_pickle, arrived))
            self._write("labels", day, frame)
        monitor = self.on(day)
        for step in steps_of(monitor):
            if not step.looks_ahead and step.ending_on(day):
                step.run(monitor, day)
        return day

    def copied_to(self, root: Path) -> "Lived":
        shutil.copytree(self.root, root, symlinks=True)
        return replace(self, root=root)

    def _write(self, kind: str, day: date, frame: pd.DataFrame) -> None:
        path = self.root / "data" / kind / f"{day}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)


def _log(one: Day) -> pd.DataFrame:
    columns = ["request_id", "served_at", *FEATURES, "region"]
    log = one.rows[columns].assign(
        model_version=one.version,
        score=one.score,
        prediction=(one.score >= 0.5).astype(int),
        feature_code=one.code,
        libraries=json.dumps(dict(one.libraries)),
    )
    return log[one.logged]


@cache
def _models(base: Path) -> dict[str, Any]:
    registry = house_of(base, base).registry
    return {name: registry.load_model("credit", name) for name in _TRAINED_ON}
