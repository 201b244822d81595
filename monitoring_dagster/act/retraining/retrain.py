"""Train a challenger, compare it with the champion on the same rows, promote it or say why not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Self

from monitoring_dagster.act.notify.alerts import announce
from monitoring_dagster.act.promotion import PAIRED, promote
from monitoring_dagster.act.retraining.challenger import Challenger, challenger
from monitoring_dagster.act.retraining.enough_labels import TooFewLabels
from monitoring_dagster.act.retraining.failed_training import SENSOR, record_failure, result_id
from monitoring_dagster.act.retraining.learning_days import learning_days
from monitoring_dagster.act.retraining.training import NoTrainer
from monitoring_dagster.decide.retraining_policy import RETRAIN, Gate
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.ledger.decided.promotions import PairedResult
from monitoring_dagster.store.ledger.decided.retraining_decisions import RetrainingDecision
from monitoring_dagster.store.monitor import Monitor

PROMOTED, REJECTED, APPROVAL = "promoted", "rejected", "waits for approval"


class AlreadyRetrained(MonitoringError):
    """The sensor's run comes after somebody carried its decision out by hand."""

    @classmethod
    def of(cls, model: str, day: date) -> Self:
        return cls(
            f"the retraining of {model!r} as of {day} was carried out meanwhile: nothing is left"
            f" to do. For one more: monitoring-dagster model retrain {model}"
        )


@dataclass(frozen=True)
class Retrained:
    """What came of one retraining."""

    version: str
    promoted: bool
    words: Mapping[str, str]
    numbers: Mapping[str, float]


def retrain(
    monitor: Monitor, *, as_of: date | None, cause: str, by: str, run_id: str | None = None
) -> Retrained:
    """One retraining with the labels known on *as_of*, by default the last judged day.

    The champion and the challenger answer the same newest ``holdout_days``, which neither saw in
    training; the challenger is trained on the ``train_days`` before them. Whatever comes of it,
    a failure too, is written down and announced.

    Parameters
    ----------
    by
        Who asks for it: the sensor, or a person.
    run_id
        The run of Dagster that it happens in, if there is one.

    Raises
    ------
    AlreadyRetrained, NoTrainer, TooFewLabels, NoChampion, BadTrainer, RegistryUnavailable
    """
    if monitor.spec.retraining is None:
        raise NoTrainer.of(monitor.name)
    judged = monitor.results.days(monitor.name, VERDICT)
    if as_of is None and not judged:
        raise TooFewLabels.never_judged(monitor.name)
    day = as_of or judged[-1]
    attempt = _attempt(monitor, day, cause, by, run_id)
    try:
        made = _made_before(monitor, attempt)
        if made is None:
            made = challenger(monitor, learning_days(monitor, day), cause, attempt, by)
        return _settle(monitor, day, cause, attempt, made, by)
    except Exception as error:  # the owner's trainer may raise anything
        record_failure(monitor, attempt, day, error, by=by, run_id=run_id)
        raise


def _made_before(monitor: Monitor, attempt: str) -> Challenger | None:
    """The version that this attempt registered before it died; it is not trained again."""
    name = monitor.spec.mlflow_name
    versions = monitor.registry.versions(name, tag=("attempt", attempt))
    if not versions:
        return None
    tags = monitor.registry.describe(name, versions[-1]).tags
    verdict = Gate(passed=json.loads(tags["gate_passed"]), words=tags["gate"])
    paired = PairedResult.from_dict(json.loads(tags.get(PAIRED, "null")))
    return Challenger(versions[-1], tags["compared_with"], verdict, {}, paired)


def _settle(
    monitor: Monitor, day: date, cause: str, attempt: str, made: Challenger, by: str
) -> Retrained:
    """Promote the challenger or say why not; once more after a crash changes nothing."""
    policy = monitor.spec.retraining
    assert policy is not None, "a model without retraining is never trained here"
    version, champion, verdict = made.version, made.champion, made.gate
    outcome = REJECTED
    if verdict.passed:
        outcome = PROMOTED if policy.promotion == "automatic" else APPROVAL
    if outcome == PROMOTED:
        at = monitor.judged_at(day)
        promote(
            monitor, version, previous=champion, reason=verdict.words, by="gate", at=at,
            paired=made.paired,
        )  # fmt: skip
    title = {
        PROMOTED: f"Challenger v{version} promoted; it replaces v{champion} as champion",
        REJECTED: f"Challenger v{version} not promoted; v{champion} remains champion",
        APPROVAL: f"Challenger v{version} waits for approval; v{champion} remains champion",
    }[outcome]
    words = f"{cause} Challenger v{version}: {verdict.words}."
    if outcome == APPROVAL:
        words += (
            f' Approve: monitoring-dagster model promote {monitor.name} {version} --reason "WHY".'
        )
    _announce_result(monitor, day, attempt, outcome, words, title=title, version=version, by=by)
    return Retrained(
        version=version,
        promoted=outcome == PROMOTED,
        words={"cause": cause, "outcome": outcome, "gate": verdict.words, "version": version},
        numbers=made.numbers,
    )


def _attempt(monitor: Monitor, day: date, cause: str, by: str, run_id: str | None) -> str:
    """The ledger's key of this retraining, written down before it begins, whoever asked for it:
    the decision that waits to be carried out, else one more by hand."""
    known = {one.trigger_id: one for one in monitor.ledger.decisions(monitor.name)}
    decided = known.get(str(day))
    if decided and decided.outcome == RETRAIN and result_id(str(day)) not in known:
        return str(day)
    if by == SENSOR:
        raise AlreadyRetrained.of(monitor.name, day)
    by_hand = (f"{day}/by hand {number}" for number in count(1))
    attempt = next(one for one in by_hand if result_id(one) not in known)
    inputs = {"by": by, "run": run_id, "begun": monitor.house.now().isoformat()}
    at = monitor.judged_at(day)
    monitor.ledger.record_decision(
        RetrainingDecision(monitor.name, attempt, day, RETRAIN, cause, inputs, at)
    )
    return attempt


def _announce_result(
    monitor: Monitor,
    day: date,
    attempt: str,
    outcome: str,
    words: str,
    *,
    title: str,
    version: str,
    by: str,
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
    inputs = {"version": version, "by": by}
    monitor.ledger.record_decision(
        RetrainingDecision(monitor.name, result_id(attempt), day, outcome, words, inputs, at)
    )
