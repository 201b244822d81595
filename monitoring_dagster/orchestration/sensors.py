"""What runs without a click: each day's steps, alerts, retraining, and a word about failed runs."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from monitoring_dagster.orchestration.retraining import job_name, request
from monitoring_dagster.pipeline.monitor import Monitor

RUNNING = dg.DefaultSensorStatus.RUNNING


def model_sensors(monitor: Monitor) -> list[Any]:
    """Every sensor of one model; all of them run by default."""
    sensors: list[Any] = [_automation(monitor), _alerts(monitor), _failed_runs(monitor)]
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
        description="Sends what waits in the ledger: to Slack where SLACK_BOT_TOKEN is set, else"
        " to the local outbox.",
    )
    def alerts() -> dg.SkipReason:
        from monitoring_dagster.pipeline.alerts import send

        delivered = send(monitor.house, token=dg.EnvVar("SLACK_BOT_TOKEN").get_value())
        return dg.SkipReason(delivered.words)

    return alerts


def _retraining(monitor: Monitor) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{monitor.name}_retraining",
        job_name=job_name(monitor),
        minimum_interval_seconds=300,
        default_status=RUNNING,
        description="Starts a retraining when the verdicts ask for one and nothing speaks against"
        " it.",
    )
    def retraining() -> Iterator[dg.RunRequest | dg.SkipReason]:
        from monitoring_dagster.pipeline.trigger import pending_trigger

        trigger = pending_trigger(monitor)
        if trigger is None:
            yield dg.SkipReason("no retraining is due")
        else:
            yield request(monitor, as_of=trigger.day, cause=trigger.words)

    return retraining


def _failed_runs(monitor: Monitor) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name=f"{monitor.name}_failed_runs",
        default_status=RUNNING,
        description="Writes a failed run of this model into the ledger; the alerts sensor tells.",
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> None:
        from monitoring_dagster.pipeline.alerts import note_failed_run

        run = context.dagster_run
        keys = run.asset_selection or set()
        ours = any(key.path[0] == monitor.name for key in keys)
        if (ours or run.job_name == f"retrain_{monitor.name}") and (
            run.tags.get("dagster/will_retry") != "true"
        ):
            note_failed_run(monitor, run_id=run.run_id, words=context.failure_event.message or "")

    return failed_runs
