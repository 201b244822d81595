"""Train a challenger, compare it with the champion on the same rows, promote it or say why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring_dagster.decisions.findings import FindingKind
from monitoring_dagster.decisions.retraining import Gate, gate
from monitoring_dagster.integrations.labels import labelled_rows
from monitoring_dagster.integrations.ledger import Promotion, RetrainingDecision
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.reference import reference_of
from monitoring_dagster.pipeline.training import (
    Rows,
    TooFewLabels,
    answers,
    loss_name,
    register,
    row_losses,
    train,
)
from monitoring_dagster.pipeline.trigger import RETRAIN, result_id
from monitoring_dagster.pipeline.verdict import STEP as VERDICT
from monitoring_dagster.pipeline.verdict import morning_after
from monitoring_dagster.report.messages import Announcement
from monitoring_dagster.stats.comparison import Comparison, paired

PROMOTED, REJECTED, APPROVAL = "promoted", "rejected", "waits for approval"


@dataclass(frozen=True)
class Retrained:
    """What came of one retraining."""

    version: str
    promoted: bool
    words: Mapping[str, str]
    numbers: Mapping[str, float]


def retrain(monitor: Monitor, *, as_of: date | None, cause: str) -> Retrained:
    """One retraining with the labels known on *as_of*, by default the last judged day.

    The champion and the challenger answer the same newest ``holdout_days``, which neither saw in
    training; the challenger is trained on the ``train_days`` before them.

    Raises
    ------
    TooFewLabels, BadTrainer, RegistryUnavailable
    """
    spec, policy = monitor.spec, monitor.spec.retraining
    assert policy is not None, "a model without retraining is never trained here"
    day = as_of or monitor.results.days(monitor.name, VERDICT)[-1]
    _remember_attempt(monitor, day, cause)
    champion = monitor.registry.champion(spec.mlflow_name)
    reference = reference_of(monitor, champion) if champion else None
    if champion is None or reference is None:
        message = f"{spec.mlflow_name!r} has no champion in MLflow: register a first version"
        raise TooFewLabels(message)
    features = [name for name, _ in reference.features]
    cut = day - timedelta(days=policy.holdout_days)
    known = _labelled(monitor, features, cut - timedelta(days=policy.train_days - 1), cut, day)
    holdout = _labelled(monitor, features, cut + timedelta(days=1), day, day)
    if known.count < policy.min_labelled_rows or not holdout.count:
        raise TooFewLabels.between(
            cut - timedelta(days=policy.train_days - 1), day, known.count, policy.min_labelled_rows
        )
    candidate = train(monitor, known, holdout)
    verdict, numbers = _compare(monitor, champion, candidate.model, holdout)
    version = register(
        monitor, candidate,
        tags={"cause": cause, "as_of": str(day), "compared_with": champion, "gate": verdict.words},
    )  # fmt: skip
    outcome = REJECTED
    if verdict.passed:
        outcome = PROMOTED if policy.promotion == "automatic" else APPROVAL
    if outcome == PROMOTED:
        promote(monitor, version, previous=champion, reason=verdict.words, by="gate", day=day)
    _tell(monitor, day, version, champion, outcome, cause, verdict)
    return Retrained(
        version=version,
        promoted=outcome == PROMOTED,
        words={"cause": cause, "outcome": outcome, "gate": verdict.words, "version": version},
        numbers=numbers,
    )


def promote(
    monitor: Monitor, version: str, *, previous: str | None, reason: str, by: str, day: date
) -> None:
    """Make *version* the champion: first in the ledger, which is the truth, then in MLflow."""
    monitor.ledger.record_promotion(
        Promotion(monitor.name, version, previous, reason, by, morning_after(day))
    )
    monitor.registry.set_champion(monitor.spec.mlflow_name, version)


def _compare(
    monitor: Monitor, champion: str, challenger: object, holdout: Rows
) -> tuple[Gate, dict[str, float]]:
    spec = monitor.spec
    labels = holdout.labels.to_numpy()
    now = row_losses(
        spec, labels,
        answers(spec, monitor.registry.load_model(spec.mlflow_name, champion), holdout.features),
    )  # fmt: skip
    new = row_losses(spec, labels, answers(spec, challenger, holdout.features))
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
    table = labelled_rows(
        monitor.spec, first=first, last=last, as_of=as_of,
        features=[*features, *(one for one in monitor.spec.segments if one not in features)],
        root=monitor.root,
    )  # fmt: skip
    frame = table.to_pandas()
    return Rows(
        features=frame[features],
        labels=frame["label"],
        days=pd.to_datetime(frame["served_at"], utc=True).dt.date,
        segments=frame[list(monitor.spec.segments)],
    )


def _remember_attempt(monitor: Monitor, day: date, cause: str) -> None:
    """An attempt is written down before it begins, whoever asked for it."""
    decisions = {one.trigger_id: one for one in monitor.ledger.decisions(monitor.name)}
    decided = decisions.get(str(day))
    if decided is not None and decided.outcome == RETRAIN:
        return
    monitor.ledger.record_decision(
        RetrainingDecision(
            monitor.name, f"{day}/by hand", day, RETRAIN, cause, {}, morning_after(day)
        )
    )


def _tell(
    monitor: Monitor, day: date, version: str, champion: str, outcome: str, cause: str, gate_: Gate
) -> None:
    words = f"{cause} Version {version}: {gate_.words}."
    monitor.ledger.record_decision(
        RetrainingDecision(
            monitor.name, result_id(day), day, outcome, words,
            {"version": version, "compared_with": champion}, morning_after(day),
        )
    )  # fmt: skip
    title = {
        PROMOTED: f"Version {version} serves from now on, in place of version {champion}",
        REJECTED: f"Version {version} was trained and does not serve: version {champion} stays",
        APPROVAL: f"Version {version} is better than version {champion} and waits for approval",
    }[outcome]
    monitor.ledger.announce(
        monitor.spec,
        Announcement(
            model=monitor.name,
            registered_model=monitor.spec.mlflow_name,
            owner=monitor.spec.owner,
            kind=FindingKind.RETRAINING,
            day=day,
            title=title,
            words=words,
            version=version,
        ),
        key=f"retraining/{day}",
        now=morning_after(day),
    )
