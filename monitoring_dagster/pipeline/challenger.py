"""A challenger: trained, compared with the champion on the same rows, and registered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from monitoring_dagster.decisions.retraining import Gate
from monitoring_dagster.integrations.label_decisions import discarded_on
from monitoring_dagster.integrations.labels import labelled_rows
from monitoring_dagster.pipeline.holdout import compare
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.reference import reference_of
from monitoring_dagster.pipeline.training import (
    NoChampion,
    Rows,
    TooFewLabels,
    answers,
    register,
    train,
)


@dataclass(frozen=True)
class Challenger:
    """A registered version and what its comparison said."""

    version: str
    champion: str
    gate: Gate
    numbers: Mapping[str, float]


def challenger(monitor: Monitor, day: date, cause: str, attempt: str) -> Challenger:
    """Train, compare and register; the version's tags keep all that settling it needs."""
    spec, policy = monitor.spec, monitor.spec.retraining
    assert policy is not None, "a model without retraining is never trained here"
    champion = monitor.registry.champion(spec.mlflow_name)
    reference = reference_of(monitor, champion) if champion else None
    if champion is None or reference is None:
        raise NoChampion.of(spec.mlflow_name)
    features = [name for name, _ in reference.features]
    cut = day - timedelta(days=policy.holdout_days)
    first = cut - timedelta(days=policy.train_days - 1)
    known = _labelled(monitor, features, first, cut, day)
    holdout = _labelled(monitor, features, cut + timedelta(days=1), day, day)
    if known.count < policy.min_labelled_rows or not holdout.count:
        raise TooFewLabels.between(first, day, known.count, policy.min_labelled_rows)
    serving = monitor.registry.load_model(spec.mlflow_name, champion)
    now = answers(spec, serving, holdout.features)
    candidate = train(monitor, known, holdout)
    new = answers(spec, candidate.model, holdout.features)
    verdict, numbers = compare(spec, now, new, holdout)
    tags = {
        "cause": cause,
        "as_of": str(day),
        "attempt": attempt,
        "compared_with": champion,
        "gate": verdict.words,
        "gate_passed": json.dumps(verdict.passed),
    }
    return Challenger(register(monitor, candidate, tags=tags), champion, verdict, numbers)


def _labelled(monitor: Monitor, features: list[str], first: date, last: date, as_of: date) -> Rows:
    own = monitor.spec.definition(monitor.spec.metric)
    further = list(own.columns) if own is not None else []
    names = dict.fromkeys([*features, *monitor.spec.segments, *further])
    decisions = monitor.ledger.label_decisions.of(monitor.name)
    table = labelled_rows(
        monitor.spec, first=first, last=last, as_of=as_of,
        features=list(names),
        root=monitor.root, without=discarded_on(decisions, as_of),
    )  # fmt: skip
    frame = table.to_pandas()
    return Rows(
        features=frame[features],
        labels=frame["label"],
        days=pd.to_datetime(frame["served_at"], utc=True).dt.date,
        segments=frame[list(monitor.spec.segments)],
        further=frame[further],
    )
