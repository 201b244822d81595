"""Train a challenger, compare it with the champion on the same rows, promote it or say why not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import count

from monitoring_dagster.decisions.findings import FindingKind
from monitoring_dagster.decisions.retraining import Gate
from monitoring_dagster.integrations.ledger import RetrainingDecision
from monitoring_dagster.pipeline.alerts import announce
from monitoring_dagster.pipeline.challenger import Challenger, challenger
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.promotion import promote
from monitoring_dagster.pipeline.training import NoTrainer, TooFewLabels
from monitoring_dagster.pipeline.trigger import RETRAIN, result_id
from monitoring_dagster.pipeline.verdict import STEP as VERDICT

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
        made = _made_before(monitor, attempt) or challenger(monitor, day, cause, attempt)
        return _settle(monitor, day, cause, attempt, made)
    except Exception as error:  # the owner's trainer may raise anything
        words = f"Retraining failed: {error}"
        _tell(monitor, day, attempt, FAILED, words, title="A retraining failed")
        raise


def _made_before(monitor: Monitor, attempt: str) -> Challenger | None:
    """The version that this attempt registered before it died; it is not trained again."""
    name = monitor.spec.mlflow_name
    versions = monitor.registry.versions(name)
    tags = monitor.registry.describe(name, versions[-1]).tags if versions else {}
    if tags.get("attempt") != attempt:
        return None
    verdict = Gate(passed=json.loads(tags["gate_passed"]), words=tags["gate"])
    return Challenger(versions[-1], tags["compared_with"], verdict, {})


def _settle(monitor: Monitor, day: date, cause: str, attempt: str, made: Challenger) -> Retrained:
    """Promote the challenger or say why not; once more after a crash changes nothing."""
    policy = monitor.spec.retraining
    assert policy is not None, "a model without retraining is never trained here"
    version, champion, verdict = made.version, made.champion, made.gate
    outcome = REJECTED
    if verdict.passed:
        outcome = PROMOTED if policy.promotion == "automatic" else APPROVAL
    if outcome == PROMOTED:
        at = monitor.judged_at(day)
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
        RetrainingDecision(monitor.name, attempt, day, RETRAIN, cause, {}, monitor.judged_at(day))
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
    at = monitor.judged_at(day)
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
