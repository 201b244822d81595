"""Is a retraining due, as known on the last day that was judged?"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from monitoring_dagster.act.promotion import adopt_champion
from monitoring_dagster.act.retraining.failed_training import (
    FAILED,
    GAVE_UP,
    SENSOR,
    due_at,
    failures_of,
    given_up_on,
    result_id,
)
from monitoring_dagster.act.retraining.learning_days import learning_days
from monitoring_dagster.decide.incidents import HEALING
from monitoring_dagster.decide.judging.quality.breached_days import Breaches, breaches_of
from monitoring_dagster.decide.judging.quality_charts import VARIATION
from monitoring_dagster.decide.retraining_policy import (
    RETRAIN,
    TRIES,
    WAIT,
    RetrainingVerdict,
    Situation,
    Trigger,
    decide,
)
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec.retraining import Retraining
from monitoring_dagster.store.days.diagnoses import diagnosis_of
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.ledger.decided.retraining_decisions import RetrainingDecision
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.version_reference import reference_of

DROP = FindingKind.PERFORMANCE_DROP  # the rule whose days ask for a retraining
_AT_WORK = timedelta(days=1)  # so long a retraining by hand may take


def pending_trigger(monitor: Monitor) -> Trigger | None:
    """Decide about the last judged day, once; return the retraining that is to be done now.

    Every decision is a row in the ledger with all it looked at, one for a model and a day: asking
    again changes nothing, and a crash between deciding and doing loses nothing. While one waits to
    be carried out, no other is decided; and none about history, which a backfill judges.
    """
    if _open(monitor) is None:  # a retraining that died has yet to say why
        adopt_champion(monitor, at=monitor.house.now())
        day = _last_judged(monitor)
        known = {one.trigger_id for one in monitor.ledger.decisions(monitor.name)}
        if day and not monitor.is_history(day) and str(day) not in known:
            found = decision_on(monitor, day)
            if found is not None:
                record(monitor, day, *found)
    return waiting_trigger(monitor)


def waiting_trigger(monitor: Monitor) -> Trigger | None:
    """The newest decision to retrain, unless it was carried out or waits after a failed try."""
    asked = _open(monitor)
    if asked is None:
        return None
    decisions = monitor.ledger.decisions(monitor.name)
    due = due_at(decisions, asked.trigger_id)
    if due is not None and monitor.house.now() < due:
        return None
    number = len(failures_of(decisions, asked.trigger_id)) + 1
    return Trigger(asked.day, asked.words, number)


def why_not(monitor: Monitor) -> str:
    """Why no retraining begins now, in words."""
    day = _last_judged(monitor)
    if day is None:
        return "no day is judged yet"
    decisions = monitor.ledger.decisions(monitor.name)
    if asked := _open(monitor):
        failed = failures_of(decisions, asked.trigger_id)
        number, due = len(failed) + 1, due_at(decisions, asked.trigger_id)
        return (
            f"try {number} of {TRIES} as of {asked.day} at {due:%Y-%m-%d %H:%M} UTC:"
            f" {failed[-1].words}"
        )
    about = [one for one in decisions if one.day == day]
    if about:
        return f"as of {day}: {about[-1].outcome}. {about[-1].words}"
    if monitor.is_history(day):
        return f"the last judged day {day} is more than {HEALING.days} days ago: no retraining"
    return f"no retraining is due as of {day}"


def decision_on(monitor: Monitor, day: date) -> tuple[RetrainingVerdict, Situation] | None:
    """What would be decided on *day*, and from what; None if nothing is due."""
    policy = monitor.spec.retraining
    champion = monitor.registry.champion(monitor.spec.mlflow_name)
    reference = reference_of(monitor, champion) if champion else None
    if policy is None or reference is None:
        return None
    situation = _situation(monitor, policy, reference, day)
    decision = decide(policy, situation)
    return (decision, situation) if decision else None


def record(monitor: Monitor, day: date, decision: RetrainingVerdict, situation: Situation) -> None:
    """Write the decision down with everything it looked at."""
    monitor.ledger.record_decision(
        RetrainingDecision(
            model=monitor.name,
            trigger_id=str(day),
            day=day,
            outcome=RETRAIN if decision.retrain else WAIT,
            words=decision.words,
            inputs={
                "by": SENSOR,
                "breaches": {str(one): list(said) for one, said in situation.breaches.items()},
                "trained_on": str(situation.trained_on),
                "attempts": [str(one) for one in situation.attempts],
                "given_up": [str(one) for one in situation.given_up],
                "labelled_rows": situation.labelled_rows,
                "invalid_share": situation.invalid_share,
                "open_kinds": sorted(situation.open_kinds),
                "likely_cause": situation.likely.title if situation.likely else None,
            },
            at=monitor.judged_at(day),
        )
    )


def stored_breaches(monitor: Monitor, day: date) -> Breaches:
    """What was breached on each of the evaluated days that the verdict of *day* saw."""
    known, variation = (
        signals(
            monitor, *(f"{area}.{metric}" for metric in monitor.spec.tolerances),
            first=day, last=day,
        )
        for area in ("quality", VARIATION)
    )  # fmt: skip
    return breaches_of(monitor.spec, known, variation)


def _open(monitor: Monitor) -> RetrainingDecision | None:
    """The newest decision to retrain that has no result; what a person asked for by hand is that
    person's to carry out."""
    decisions = monitor.ledger.decisions(monitor.name)
    done = {one.trigger_id for one in decisions}
    asked = [one for one in decisions if one.outcome == RETRAIN and one.trigger_id == str(one.day)]
    if not asked or result_id(asked[-1].trigger_id) in done:
        return None
    return None if monitor.is_history(asked[-1].day) else asked[-1]


def _last_judged(monitor: Monitor) -> date | None:
    return next(reversed(monitor.results.days(monitor.name, VERDICT)), None)


def _situation(monitor: Monitor, policy: Retraining, champion: Reference, day: date) -> Situation:
    decisions, rules = monitor.ledger.decisions(monitor.name), monitor.spec.rules
    attempts = _attempts(decisions, monitor.house.now())
    diagnosis = diagnosis_of(monitor, day)
    found = learning_days(monitor, day)
    return Situation(
        day=day,
        breaches={
            served: tuple(said[champion.version])
            for served, said in stored_breaches(monitor, day).items()
            if champion.version in said  # another version's trouble is no reason to retrain it
        },
        trained_on=champion.trained_until or champion.registered_on,
        attempts=attempts,
        labelled_rows=found.training_rows,
        invalid_share=found.invalid_share,
        open_kinds=frozenset(
            kind for one in monitor.ledger.open_incidents(monitor.name) for kind in one.active
        ),
        window=rules.window(DROP) if rules.alert(DROP).enabled else None,
        given_up=given_up_on(decisions, since=max(attempts, default=date.min)),
        likely=diagnosis.leading if diagnosis else None,
    )


def _attempts(decisions: Sequence[RetrainingDecision], now: datetime) -> tuple[date, ...]:
    """The days of retrainings that made a challenger, or are at work on one by hand."""
    results = {one.trigger_id: one.outcome for one in decisions}

    def counts(asked: RetrainingDecision) -> bool:
        outcome = results.get(result_id(asked.trigger_id))
        if outcome is not None:
            return outcome not in (FAILED, GAVE_UP)
        begun = asked.inputs.get("begun")
        return begun is not None and now - datetime.fromisoformat(begun) < _AT_WORK

    return tuple(one.day for one in decisions if one.outcome == RETRAIN and counts(one))
