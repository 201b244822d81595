"""Trainings that failed: written down, announced once for their cause, and when to try again."""

import re
from collections.abc import Sequence
from datetime import date, datetime

from monitoring_dagster.act.notify.alerts import announce
from monitoring_dagster.act.retraining.enough_labels import TooFewLabels, TooManyInvalid
from monitoring_dagster.act.retraining.training import NoTrainer
from monitoring_dagster.decide.retraining_policy import TRIES, next_try
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.store.ledger.decided.promotions import PromotedMeanwhile
from monitoring_dagster.store.ledger.decided.retraining_decisions import RetrainingDecision
from monitoring_dagster.store.monitor import Monitor

SENSOR = "sensor"  # who asks for what the verdicts ask for
FAILED, GAVE_UP = "failed", "gave up"
_MAX_WORDS = 300
# What another try of the same day cannot mend: the next judged day is decided about anew.
_SETTLED = (TooFewLabels, TooManyInvalid, NoTrainer, PromotedMeanwhile)


def result_id(trigger_id: str) -> str:
    """The ledger's key for what came of one decision to retrain."""
    return f"{trigger_id}/result"


def failures_of(decisions: Sequence[RetrainingDecision], attempt: str) -> list[RetrainingDecision]:
    """The failed tries of one retraining."""
    return [one for one in decisions if one.trigger_id.startswith(f"{attempt}/try ")]


def is_recorded(monitor: Monitor, run_id: str) -> bool:
    """Whether that run of Dagster failed and said so itself."""
    decisions = monitor.ledger.decisions(monitor.name)
    return any(one.outcome in (FAILED, GAVE_UP) and one.inputs.get("run") == run_id
               for one in decisions)  # fmt: skip


def record_failure(
    monitor: Monitor, attempt: str, day: date, error: Exception, *, by: str, run_id: str | None
) -> None:
    """Write a failed try down, and say so unless its cause is known since the last success."""
    words = _words(error)
    if attempt != str(day):
        _record(monitor, result_id(attempt), day, words, None, by=by, run_id=run_id)
    elif by != SENSOR:  # one who tries it out leaves the sensor its tries
        decisions = monitor.ledger.decisions(monitor.name)
        number = sum(one.trigger_id.startswith(f"{attempt}/tried ") for one in decisions)
        _record(monitor, f"{attempt}/tried {number}", day, words, None, by=by, run_id=run_id)
    elif isinstance(error, _SETTLED):
        _record(monitor, result_id(attempt), day, words, None, by=by, run_id=run_id)
    else:
        _record_try(monitor, day, words, run_id=run_id)


def record_lost_run(monitor: Monitor, day: date, *, run_id: str, cancelled: bool) -> None:
    """A run that ended without a word: killed, out of memory, or cancelled by a person."""
    words = "its run was cancelled in Dagster" if cancelled else (
        "its run ended without a result: killed, or out of memory"
    )  # fmt: skip
    if cancelled:
        _record(monitor, result_id(str(day)), day, words, None, by=SENSOR, run_id=run_id)
    else:
        _record_try(monitor, day, words, run_id=run_id)


def _record_try(monitor: Monitor, day: date, words: str, *, run_id: str | None) -> None:
    """One failed try of what the sensor started; the last one is what came of it all."""
    now, attempt = monitor.house.now(), str(day)
    failed_at = [one.at for one in failures_of(monitor.ledger.decisions(monitor.name), attempt)]
    number, due = len(failed_at) + 1, next_try([*failed_at, now])
    if due is None:
        _record(monitor, result_id(attempt), day, words, None, by=SENSOR, run_id=run_id, last=True)
    _record(monitor, f"{attempt}/try {number}", day, words, due, by=SENSOR, run_id=run_id)


def _record(
    monitor: Monitor,
    trigger_id: str,
    day: date,
    words: str,
    due: datetime | None,
    *,
    by: str,
    run_id: str | None,
    last: bool = False,
) -> None:
    """Announce a failure, and only then call it written down; *due* is when it is tried again."""
    now = monitor.house.now()
    cause, title, after = _cause(words), "Retraining failed", ""
    if due is not None:
        after = f" It is tried again at {due:%Y-%m-%d %H:%M} UTC, {TRIES} times in all."
    if last:
        title = f"Retraining given up after {TRIES} failed tries"
        after = f" A person should look; then: monitoring-dagster model retrain {monitor.name}."
    if last or cause not in _announced(monitor.ledger.decisions(monitor.name), day):
        announce(
            monitor,
            FindingKind.RETRAINING,
            key=f"retraining/{trigger_id}",
            day=day,
            title=title,
            words=f"{words}.{after}",
            at=now,
        )
    inputs = {"cause": cause, "by": by, "run": run_id}
    outcome = GAVE_UP if last else FAILED
    monitor.ledger.record_decision(
        RetrainingDecision(monitor.name, trigger_id, day, outcome, words, inputs, now)
    )


def _announced(decisions: Sequence[RetrainingDecision], day: date) -> set[str]:
    """The causes of failures since the last day whose retraining succeeded."""
    ended = [one for one in decisions if one.trigger_id.endswith("/result")]
    since = max(
        (one.day for one in ended if one.outcome not in (FAILED, GAVE_UP)), default=date.min
    )
    return {one.inputs.get("cause", "") for one in decisions
            if one.outcome in (FAILED, GAVE_UP) and since < one.day <= day}  # fmt: skip


def _cause(words: str) -> str:
    """What an error says without its numbers, dates and addresses: they change at every try."""
    return re.sub(r"\S*\d\S*", "#", words)


def _words(error: Exception) -> str:
    """One line; the owner's trainer may raise anything."""
    try:
        said = " ".join(str(error).split())
    except Exception:
        said = ""
    if not isinstance(error, MonitoringError):
        said = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return said.rstrip(".") if len(said) <= _MAX_WORDS else f"{said[:_MAX_WORDS]}…"


def given_up_on(decisions: Sequence[RetrainingDecision], *, since: date) -> tuple[date, ...]:
    """When trainings were given up after a day."""
    return tuple(one.at.date() for one in decisions if one.outcome == GAVE_UP and one.day > since)


def due_at(decisions: Sequence[RetrainingDecision], attempt: str) -> datetime | None:
    """When the next try of a retraining may begin; None where none of it has failed."""
    failed = [one.at for one in failures_of(decisions, attempt)]
    return next_try(failed) if failed else None
