"""What runs without a click: each day's steps, alerts, retraining, and a word about failed runs."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from monitoring_dagster.orchestration.automation.late_files_sensor import late_files_sensor
from monitoring_dagster.orchestration.automation.retraining_request import (
    TRY,
    job_name,
    request,
    run_of,
)
from monitoring_dagster.orchestration.runs import error_of, failed_days
from monitoring_dagster.store.monitor import Monitor

RUNNING = dg.DefaultSensorStatus.RUNNING


def model_sensors(monitor: Monitor, first: date) -> list[Any]:
    """Every sensor of one model, monitored from *first* on; all of them run by default."""
    sensors: list[Any] = [_automation(monitor), _alerts(monitor), _failed_runs(monitor)]
    sensors.append(late_files_sensor(monitor, first=first))
    if monitor.spec.retraining:
        sensors.append(_retraining(monitor))
    return sensors


def _automation(monitor: Monitor) -> dg.AutomationConditionSensorDefinition:
    return dg.AutomationConditionSensorDefinition(
        f"{monitor.name}_automation",
        target=dg.AssetSelection.groups(monitor.name),
        default_status=RUNNING,
        description="Requests the days that are missing and the days whose labels arrived.",
    )


def _alerts(monitor: Monitor) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{monitor.name}_alerts",
        minimum_interval_seconds=30,
        default_status=RUNNING,
        description="Sends what waits in the ledger to its receivers, and once a week what was"
        " sent in no message of its own; while no secret of any is"
        " set, to the local outbox. A tick fails where a receiver begins to be out of order.",
    )
    def alerts() -> dg.SkipReason:
        from monitoring_dagster.act.notify.alerts import tell_left_behind
        from monitoring_dagster.act.notify.delivery import send
        from monitoring_dagster.act.notify.watch import watch
        from monitoring_dagster.act.notify.weeks import tell_week

        tell_left_behind(monitor)
        tell_week(monitor)
        delivered = send(monitor.house)
        watch(monitor.house)
        return dg.SkipReason(delivered.words)

    return alerts


def _retraining(monitor: Monitor) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{monitor.name}_retraining",
        job_name=job_name(monitor),
        minimum_interval_seconds=300,
        default_status=RUNNING,
        description="Starts a retraining when the verdicts ask for one and nothing speaks against"
        " it; a training that failed is tried again after an hour, six hours, then daily.",
    )
    def retraining(
        context: dg.SensorEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        from monitoring_dagster.act.fallback import publish_switch
        from monitoring_dagster.act.retraining.failed_training import record_lost_run
        from monitoring_dagster.act.retraining.trigger import pending_trigger, why_not

        publish_switch(monitor)
        trigger = pending_trigger(monitor)
        if trigger is None:
            yield dg.SkipReason(why_not(monitor))
            return
        run = run_of(monitor, trigger, context.instance)
        if run is None:
            yield request(monitor, trigger)
        elif not run.is_finished:
            yield dg.SkipReason(f"run {run.run_id} trains a challenger as of {trigger.day}")
        else:  # killed: what retrain() itself saw fail, it wrote down
            cancelled = run.status is dg.DagsterRunStatus.CANCELED
            record_lost_run(monitor, trigger.day, run_id=run.run_id, cancelled=cancelled)
            yield dg.SkipReason(why_not(monitor))

    return retraining


def _failed_runs(monitor: Monitor) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name=f"{monitor.name}_failed_runs",
        default_status=RUNNING,
        description="Writes a failed run of this model into the ledger; the alerts sensor tells."
        " Of a retraining that the sensor started, that sensor does.",
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> None:
        from monitoring_dagster.act.notify.alerts import note_failed_days, note_failed_run
        from monitoring_dagster.act.retraining.failed_training import is_recorded

        run = context.dagster_run
        if TRY in run.tags or is_recorded(monitor, run.run_id):
            return
        retrains = run.job_name == job_name(monitor)
        keys = run.asset_selection or set()
        ours = retrains or any(key.path[0] == monitor.name for key in keys)
        if not ours or run.tags.get("dagster/will_retry") == "true":
            return
        steps = context.get_step_failure_events()
        mine = [
            one for one in steps if retrains or f"{one.step_key}".startswith(f"{monitor.name}__")
        ]
        if days := list(dict.fromkeys(filter(None, map(failed_days, mine)))):
            note_failed_days(
                monitor, words=max(days, key=len), run_id=run.run_id
            )  # the last step knows of all days
        if others := list(dict.fromkeys(error_of(one) for one in mine if not failed_days(one))):
            note_failed_run(monitor, run_id=run.run_id, words="; ".join(others))
        if not steps:  # else another model of this run has failed
            note_failed_run(monitor, run_id=run.run_id, words=context.failure_event.message or "")

    return failed_runs
