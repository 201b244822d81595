"""Request for a retraining: the names under which one runs, what it is told, and its run."""

from typing import TYPE_CHECKING

import dagster as dg

from monitoring_dagster.store.monitor import Monitor

if TYPE_CHECKING:
    from monitoring_dagster.decide.retraining_policy import Trigger

RETRAINING = "retraining"
TRY = "monitoring/try"  # the tag by which the sensor finds the run of a try again


class RetrainingConfig(dg.Config):
    """What a retraining is told when it starts."""

    as_of: str = ""  # the last day that may be learnt from; by default the last one judged
    cause: str = ""
    by: str = ""  # who asks; by default what launched the run


def job_name(monitor: Monitor) -> str:
    return f"retrain_{monitor.name}"


def op_name(monitor: Monitor) -> str:
    return f"{monitor.name}__{RETRAINING}"


def request(monitor: Monitor, trigger: "Trigger") -> dg.RunRequest:
    """One run for one try: the ledger and the run key both refuse a second one."""
    from monitoring_dagster.act.retraining.failed_training import SENSOR

    config = RetrainingConfig(as_of=trigger.day.isoformat(), cause=trigger.words, by=SENSOR)
    return dg.RunRequest(
        run_key=run_key(monitor, trigger),
        job_name=job_name(monitor),
        run_config=dg.RunConfig(ops={op_name(monitor): config}),
        tags={"monitoring/as_of": trigger.day.isoformat(), TRY: run_key(monitor, trigger)},
    )


def run_key(monitor: Monitor, trigger: "Trigger") -> str:
    return f"{monitor.name}-{trigger.day}-try-{trigger.number}"


def run_of(
    monitor: Monitor, trigger: "Trigger", instance: dg.DagsterInstance
) -> dg.DagsterRun | None:
    """The newest run of this try, or None if it was not started yet."""
    of_this_try = dg.RunsFilter(job_name=job_name(monitor), tags={TRY: run_key(monitor, trigger)})
    return next(iter(instance.get_runs(of_this_try, limit=1)), None)
