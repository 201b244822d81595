"""A challenger: trained, compared with the champion on the same rows, and registered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring_dagster.decisions.retraining import Gate, gate
from monitoring_dagster.integrations.label_decisions import discarded_on
from monitoring_dagster.integrations.labels import labelled_rows
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.reference import reference_of
from monitoring_dagster.pipeline.training import (
    NoChampion,
    Rows,
    TooFewLabels,
    loss_name,
    register,
    row_losses,
    train,
)
from monitoring_dagster.stats.comparison import Comparison, paired


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
    candidate = train(monitor, known, holdout)
    verdict, numbers = _compare(monitor, champion, candidate.model, holdout)
    tags = {
        "cause": cause,
        "as_of": str(day),
        "attempt": attempt,
        "compared_with": champion,
        "gate": verdict.words,
        "gate_passed": json.dumps(verdict.passed),
    }
    return Challenger(register(monitor, candidate, tags=tags), champion, verdict, numbers)


def _compare(
    monitor: Monitor, champion: str, challenger: object, holdout: Rows
) -> tuple[Gate, dict[str, float]]:
    spec = monitor.spec
    serving = monitor.registry.load_model(spec.mlflow_name, champion)
    now = row_losses(spec, serving, holdout.features, holdout.labels)
    new = row_losses(spec, challenger, holdout.features, holdout.labels)
    blocks = pd.factorize(holdout.days)[0]

    def compared(rows: NDArray[np.bool_]) -> Comparison:
        return paired(now[rows], new[rows], blocks=blocks[rows])

    everything = np.ones(holdout.count, dtype=bool)
    overall = compared(everything)
    segments = {
        f"{name}={value}": compared((holdout.segments[name] == value).to_numpy())
        for name in holdout.segments
        for value in holdout.segments[name].dropna().unique()
    }
    numbers = {
        "holdout_rows": float(holdout.count),
        "champion_loss": overall.champion,
        "challenger_loss": overall.challenger,
        "p_value": overall.p_value,
    }
    return gate(overall, segments, metric=loss_name(spec)), numbers


def _labelled(monitor: Monitor, features: list[str], first: date, last: date, as_of: date) -> Rows:
    decisions = monitor.ledger.label_decisions.of(monitor.name)
    table = labelled_rows(
        monitor.spec, first=first, last=last, as_of=as_of,
        features=[*features, *(one for one in monitor.spec.segments if one not in features)],
        root=monitor.root, without=discarded_on(decisions, as_of),
    )  # fmt: skip
    frame = table.to_pandas()
    return Rows(
        features=frame[features],
        labels=frame["label"],
        days=pd.to_datetime(frame["served_at"], utc=True).dt.date,
        segments=frame[list(monitor.spec.segments)],
    )
