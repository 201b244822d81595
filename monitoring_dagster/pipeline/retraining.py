"""Train a challenger, compare it with the champion on the same rows, promote it or say why not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring_dagster.decisions.findings import FindingKind
from monitoring_dagster.decisions.retraining import Gate, gate
from monitoring_dagster.integrations.label_decisions import discarded_on
from monitoring_dagster.integrations.labels import labelled_rows
from monitoring_dagster.integrations.ledger import RetrainingDecision
from monitoring_dagster.pipeline.alerts import announce
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.promotion import promote
from monitoring_dagster.pipeline.reference import reference_of
from monitoring_dagster.pipeline.training import (
    NoChampion,
    NoTrainer,
    Rows,
    TooFewLabels,
    loss_name,
    register,
    row_losses,
    train,
)
from monitoring_dagster.pipeline.trigger import RETRAIN, result_id
from monitoring_dagster.pipeline.verdict import STEP as VERDICT
from monitoring_dagster.pipeline.verdict import morning_after
from monitoring_dagster.stats.comparison import Comparison, paired

PROMOTED, REJECTED, APPROVAL, FAILED = "promoted", "rejected", "waits for approval", "failed"


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
    training; the challenger is trained on the ``train_days`` before them. Whatever comes of it,
    a failure too, is written down and told.

    Raises
    ------
    NoTrainer, TooFewLabels, NoChampion, BadTrainer, RegistryUnavailable
    """
    if monitor.spec.retraining is None:
        raise NoTrainer.of(monitor.name)
    judged = monitor.results.days(monitor.name, VERDICT)
    if as_of is None and not judged:
        raise TooFewLabels.never_judged(monitor.name)
    day = as_of or judged[-1]
    attempt = _attempt(monitor, day, cause)
    try:
        made = _made_before(monitor, attempt) or _challenger(monitor, day, cause, attempt)
        return _settle(monitor, day, cause, attempt, made)
    except Exception as error:  # the owner's trainer may raise anything
        words = f"Retraining failed: {error}"
        _tell(monitor, day, attempt, FAILED, words, title="A retraining failed")
        raise


@dataclass(frozen=True)
class _Challenger:
    """A registered version and what its comparison said."""

    version: str
    champion: str
    gate: Gate
    numbers: Mapping[str, float]


def _challenger(monitor: Monitor, day: date, cause: str, attempt: str) -> _Challenger:
    """Train, compare and register; the version's tags keep all that `_settle` needs."""
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
    return _Challenger(register(monitor, candidate, tags=tags), champion, verdict, numbers)


def _made_before(monitor: Monitor, attempt: str) -> _Challenger | None:
    """The version that this attempt registered before it died; it is not trained again."""
    name = monitor.spec.mlflow_name
    versions = monitor.registry.versions(name)
    tags = monitor.registry.describe(name, versions[-1]).tags if versions else {}
    if tags.get("attempt") != attempt:
        return None
    verdict = Gate(passed=json.loads(tags["gate_passed"]), words=tags["gate"])
    return _Challenger(versions[-1], tags["compared_with"], verdict, {})


def _settle(monitor: Monitor, day: date, cause: str, attempt: str, made: _Challenger) -> Retrained:
    """Promote the challenger or say why not; once more after a crash changes nothing."""
    policy = monitor.spec.retraining
    assert policy is not None, "a model without retraining is never trained here"
    version, champion, verdict = made.version, made.champion, made.gate
    outcome = REJECTED
    if verdict.passed:
        outcome = PROMOTED if policy.promotion == "automatic" else APPROVAL
    if outcome == PROMOTED:
        at = morning_after(day)
        promote(monitor, version, previous=champion, reason=verdict.words, by="gate", at=at)
    title = {
        PROMOTED: f"Version {version} serves from now on, in place of version {champion}",
        REJECTED: f"Version {version} was trained and does not serve: version {champion} stays",
        APPROVAL: f"Version {version} is better than version {champion} and waits for approval",
    }[outcome]
    words = f"{cause} Version {version}: {verdict.words}."
    _tell(monitor, day, attempt, outcome, words, title=title, version=version)
    return Retrained(
        version=version,
        promoted=outcome == PROMOTED,
        words={"cause": cause, "outcome": outcome, "gate": verdict.words, "version": version},
        numbers=made.numbers,
    )


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


def _attempt(monitor: Monitor, day: date, cause: str) -> str:
    """The ledger's key of this retraining, written down before it begins, whoever asked for it:
    the decision that waits to be carried out, else one more by hand."""
    known = {one.trigger_id: one for one in monitor.ledger.decisions(monitor.name)}
    decided = known.get(str(day))
    if decided and decided.outcome == RETRAIN and result_id(str(day)) not in known:
        return str(day)
    by_hand = (f"{day}/by hand {number}" for number in count(1))
    attempt = next(one for one in by_hand if result_id(one) not in known)
    monitor.ledger.record_decision(
        RetrainingDecision(monitor.name, attempt, day, RETRAIN, cause, {}, morning_after(day))
    )
    return attempt


def _tell(
    monitor: Monitor,
    day: date,
    attempt: str,
    outcome: str,
    words: str,
    *,
    title: str,
    version: str | None = None,
) -> None:
    """Announce what came of it, and only then call it done."""
    at = morning_after(day)
    announce(
        monitor,
        FindingKind.RETRAINING,
        key=f"retraining/{attempt}",
        day=day,
        title=title,
        words=words,
        at=at,
        version=version,
    )
    monitor.ledger.record_decision(
        RetrainingDecision(
            monitor.name, result_id(attempt), day, outcome, words, {"version": version}, at
        )
    )
