"""Is a retraining due, as known on the last day that was judged?"""

from dataclasses import dataclass
from datetime import date

from monitoring_dagster.decisions.findings import FindingKind, Severity
from monitoring_dagster.decisions.retraining import Decision, Situation, decide
from monitoring_dagster.integrations.ledger import RetrainingDecision
from monitoring_dagster.pipeline.learning_days import learning_days
from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.promotion import adopt_champion
from monitoring_dagster.pipeline.quality import recent_breaches
from monitoring_dagster.pipeline.reference import Reference, reference_of
from monitoring_dagster.pipeline.verdict import STEP as VERDICT
from monitoring_dagster.spec import Retraining

RETRAIN, WAIT = "retrain", "wait"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One decided retraining that has not been carried out."""

    day: date
    words: str


def pending_trigger(monitor: Monitor) -> Trigger | None:
    """Decide about the last judged day, once; return the retraining that is still to be done.

    Every decision is a row in the ledger with all it looked at, one for a model and a day: asking
    again changes nothing, and a crash between deciding and doing loses nothing.
    """
    judged = monitor.results.days(monitor.name, VERDICT)
    if judged and waiting_trigger(monitor) is None:  # a retraining that died has yet to say why
        adopt_champion(monitor, at=monitor.judged_at(judged[-1]))
    known = {one.trigger_id for one in monitor.ledger.decisions(monitor.name)}
    if judged and str(judged[-1]) not in known:
        found = decision_on(monitor, judged[-1])
        if found is not None:
            record(monitor, judged[-1], *found)
    return waiting_trigger(monitor)


def waiting_trigger(monitor: Monitor) -> Trigger | None:
    """The newest decision to retrain, unless it was carried out; what a person asked for by hand
    is that person's to carry out."""
    decisions = monitor.ledger.decisions(monitor.name)
    done = {one.trigger_id for one in decisions}
    asked = [one for one in decisions if one.outcome == RETRAIN and one.trigger_id == str(one.day)]
    if not asked or result_id(asked[-1].trigger_id) in done:
        return None
    return Trigger(asked[-1].day, asked[-1].words)


def result_id(trigger_id: str) -> str:
    """The ledger's key for what came of one decision to retrain."""
    return f"{trigger_id}/result"


def decision_on(monitor: Monitor, day: date) -> tuple[Decision, Situation] | None:
    """What would be decided on *day*, and from what; None if nothing is due."""
    policy = monitor.spec.retraining
    champion = monitor.registry.champion(monitor.spec.mlflow_name)
    reference = reference_of(monitor, champion) if champion else None
    if policy is None or reference is None:
        return None
    situation = _situation(monitor, policy, reference, day)
    decision = decide(policy, situation)
    return (decision, situation) if decision else None


def record(monitor: Monitor, day: date, decision: Decision, situation: Situation) -> None:
    """Write the decision down with everything it looked at."""
    monitor.ledger.record_decision(
        RetrainingDecision(
            model=monitor.name,
            trigger_id=str(day),
            day=day,
            outcome=RETRAIN if decision.retrain else WAIT,
            words=decision.words,
            inputs={
                "breaches": {str(one): list(said) for one, said in situation.breaches.items()},
                "trained_on": str(situation.trained_on),
                "attempts": [str(one) for one in situation.attempts],
                "labelled_rows": situation.labelled_rows,
                "open_kinds": sorted(situation.open_kinds),
            },
            at=monitor.judged_at(day),
        )
    )


def _situation(monitor: Monitor, policy: Retraining, champion: Reference, day: date) -> Situation:
    decisions = monitor.ledger.decisions(monitor.name)
    since = champion.trained_until or champion.registered_on
    return Situation(
        day=day,
        breaches={served: tuple(said) for served, said in recent_breaches(monitor, day).items()},
        trained_on=since,
        attempts=tuple(one.day for one in decisions if one.outcome == RETRAIN),
        labelled_rows=_to_learn_from(monitor, day),
        open_kinds=frozenset(
            one.kind
            for one in monitor.ledger.open_incidents(monitor.name)
            # A few rows that cannot be read are left out, and the rest may be learnt from.
            if (one.kind, one.severity) != (FindingKind.UNREADABLE_DATA, Severity.P3)
        ),
    )


def _to_learn_from(monitor: Monitor, day: date) -> int:
    """How many labelled rows a training would find before its holdout."""
    return learning_days(monitor, day).training_rows
