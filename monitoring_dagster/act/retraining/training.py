"""A new version: the owner's trainer on labelled rows, with all that monitoring will need of it."""

import hashlib
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import metrics
from monitoring_dagster.store.models.registration import DAY, LABEL
from monitoring_dagster.store.monitor import Monitor

_FOLDS = 3
_SAMPLE_ROWS = 100
_IMPORTANCE_ROWS = 1000
Trainer = Callable[[pd.DataFrame, "pd.Series[Any]"], Any]


class BadTrainer(MonitoringError):
    """`retraining.trainer` does not lead to a function that trains."""

    @classmethod
    def named(cls, place: str, error: Exception) -> Self:
        return cls(
            f"retraining.trainer {place!r} cannot be used: {error}. It names a function"
            " train(rows, labels) as package.module:function"
        )


class NoTrainer(MonitoringError):
    """A retraining of a model that is never retrained."""

    @classmethod
    def of(cls, model: str) -> Self:
        return cls(f"model {model!r} has no `retraining`: name its trainer in defs.yaml")


class NoScore(MonitoringError):
    """A model that answers without the probability that is logged and judged."""

    @classmethod
    def of(cls, model: Any, column: str) -> Self:
        return cls(
            f"a {type(model).__name__} has no predict_proba, and predictions.score {column!r} is a"
            " probability: let retraining.trainer return a model that has it, such as"
            " CalibratedClassifierCV around it"
        )


class NoChampion(MonitoringError):
    """There is nothing to compare a challenger with."""

    @classmethod
    def of(cls, name: str) -> Self:
        return cls(
            f"{name!r} has no version under the alias champion in MLflow: register a first one"
            " and set the alias"
        )


@dataclass(frozen=True)
class LabelledFeatures:
    """Labelled rows of some days: features (one frame), labels, and what tells them apart."""

    features: pd.DataFrame
    labels: "pd.Series[Any]"
    days: "pd.Series[Any]"  # of the prediction
    segments: pd.DataFrame
    further: pd.DataFrame = field(default_factory=pd.DataFrame)  # what the owner's metric needs

    @property
    def count(self) -> int:
        return len(self.labels)

    def on(self, days: Collection[date]) -> "LabelledFeatures":
        """The rows of these *days* alone."""
        chosen = self.days.isin(days)
        return LabelledFeatures(
            features=self.features[chosen].reset_index(drop=True),
            labels=self.labels[chosen].reset_index(drop=True),
            days=self.days[chosen].reset_index(drop=True),
            segments=self.segments[chosen].reset_index(drop=True),
            further=self.further[chosen].reset_index(drop=True)
            if len(self.further)
            else self.further,
        )

    def split(self, last_days: int) -> "tuple[LabelledFeatures, LabelledFeatures]":
        """The rows before the *last_days* days that have any, and those of these days."""
        days = sorted(self.days.unique())
        return self.on(days[:-last_days]), self.on(days[-last_days:])


@dataclass(frozen=True)
class Candidate:
    """A trained model that is not registered yet."""

    model: Any
    sample: pd.DataFrame  # a few rows of the features: the signature is inferred from them
    reference: pa.Table
    baseline: Mapping[str, float]
    importances: Mapping[str, float]
    training_window: tuple[date, date]


def train(monitor: Monitor, rows: LabelledFeatures, holdout: LabelledFeatures) -> Candidate:
    """Fit the owner's trainer on *rows* and describe the result, judged on *holdout*.

    The reference holds the training rows with out-of-fold answers (three folds of whole days),
    because a model is surer of rows it has seen than it will be of any row it serves.
    """
    spec = monitor.spec
    trainer = trainer_of(spec)
    model = trainer(rows.features, rows.labels)
    answers(spec, model, rows.features[:1])  # what it cannot answer is told before the long part
    outside = _out_of_fold(trainer, rows, spec)
    columns: dict[str, Any] = {str(name): rows.features[name] for name in rows.features}
    columns |= {str(name): rows.segments[name] for name in rows.segments}
    columns |= {LABEL: rows.labels, DAY: rows.days} | outside
    return Candidate(
        model=model,
        sample=rows.features[:_SAMPLE_ROWS],
        reference=pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False),
        baseline=_metrics(spec, model, holdout),
        importances=_importances(spec, model, holdout),
        training_window=(rows.days.min(), rows.days.max()),
    )


def register(monitor: Monitor, candidate: Candidate, *, tags: Mapping[str, str]) -> str:
    """Log the candidate to MLflow and register it; returns its version."""
    spec = monitor.spec
    return monitor.registry.log_version(
        spec.mlflow_name,
        model=candidate.model,
        task=spec.task,
        features=candidate.sample,
        reference=candidate.reference,
        training_window=candidate.training_window,
        metrics=candidate.baseline,
        importances=candidate.importances,
        code_hash=code_hash(spec),
        parameters=_parameters(candidate.model),
        tags=tags,
        prediction=spec.predictions.prediction,
        score=spec.predictions.score,
        own_metrics=[one.label for one in spec.metrics],
        today=monitor.house.now().date(),
    )


def answers(spec: ModelSpec, model: Any, features: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """What the model says about rows, under the names of the inference log."""
    log = spec.predictions
    said = {log.prediction: np.asarray(model.predict(features))}
    if spec.task != "regression" and log.score:
        if not hasattr(model, "predict_proba"):
            raise NoScore.of(model, log.score)
        probabilities = model.predict_proba(features)
        said[log.score] = probabilities[:, 1] if spec.task == "binary" else probabilities.max(1)
    return said


def row_losses(
    spec: ModelSpec, model: Any, features: pd.DataFrame, labels: "pd.Series[Any]"
) -> NDArray[np.float64]:
    """The loss of each row: log loss with scores, else wrong or right; |error| for regression."""
    truth = labels.to_numpy()
    if spec.task == "binary" and spec.predictions.score:
        tiny = np.finfo(float).eps
        score = np.clip(model.predict_proba(features)[:, 1], tiny, 1 - tiny)
        return np.asarray(-np.log(np.where(truth == 1, score, 1 - score)), float)
    said = np.asarray(model.predict(features))
    if spec.task == "regression":
        error: NDArray[np.float64] = np.asarray(said - truth, float)
        return np.abs(error)
    return np.asarray(said != truth, float)


def trainer_of(spec: ModelSpec) -> Trainer:
    """The owner's function, imported."""
    assert spec.retraining is not None, "a model without retraining is never trained here"
    place = spec.retraining.trainer
    module, _, name = place.partition(":")
    try:
        trainer: Trainer = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadTrainer.named(place, error) from error
    return trainer


def code_hash(spec: ModelSpec) -> str:
    """The digest of the file that holds the trainer: which code made a version."""
    module = sys.modules[trainer_of(spec).__module__]
    return hashlib.sha256(inspect.getsource(module).encode()).hexdigest()


def _out_of_fold(trainer: Trainer, rows: LabelledFeatures, spec: ModelSpec) -> dict[str, Any]:
    """Answers about every row by a model that did not see its day."""
    days = np.unique(rows.days.to_numpy())
    fold_of = {day: index * _FOLDS // len(days) for index, day in enumerate(days)}
    folds = rows.days.map(fold_of).to_numpy()
    if len(np.unique(folds)) < 2:
        return answers(spec, trainer(rows.features, rows.labels), rows.features)
    found: dict[str, NDArray[Any]] = {}
    for fold in np.unique(folds):
        inside = folds != fold
        model = trainer(rows.features[inside], rows.labels[inside])
        for name, values in answers(spec, model, rows.features[~inside]).items():
            found.setdefault(name, np.zeros(rows.count, dtype=values.dtype))[~inside] = values
    return found


def _metrics(spec: ModelSpec, model: Any, holdout: LabelledFeatures) -> dict[str, float]:
    said = answers(spec, model, holdout.features)
    outcomes = Outcomes.of(
        spec.task,
        label=holdout.labels.to_numpy(),
        prediction=said[spec.predictions.prediction],
        score=said.get(spec.predictions.score or ""),
    )
    found = {name: metric.value for name, metric in metrics(outcomes).items()}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _importances(spec: ModelSpec, model: Any, holdout: LabelledFeatures) -> dict[str, float]:
    """How much the loss grows when a column is shuffled: permutation importance, in its unit."""
    rng = np.random.default_rng(0)
    chosen = rng.permutation(holdout.count)[:_IMPORTANCE_ROWS]
    features, labels = holdout.features.iloc[chosen], holdout.labels.iloc[chosen]
    usual = row_losses(spec, model, features, labels).mean()
    found = {}
    for name in features:
        shuffled = features.assign(**{str(name): rng.permutation(features[name].to_numpy())})
        found[str(name)] = float(row_losses(spec, model, shuffled, labels).mean() - usual)
    return found


def _parameters(model: Any) -> dict[str, str]:
    """Hyperparameters, as far as the model tells them."""
    if not hasattr(model, "get_params"):
        return {}
    plain = (str, int, float, bool, type(None))
    return {name: str(value) for name, value in model.get_params().items()
            if isinstance(value, plain)}  # fmt: skip
