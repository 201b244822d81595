"""The retraining asset of a model and the job that a sensor, or a person, starts."""

from datetime import date
from typing import Any

import dagster as dg

from monitoring_dagster.pipeline.monitor import Monitor

RETRAINING = "retraining"


class RetrainingConfig(dg.Config):
    """What a retraining is told when it starts."""

    as_of: str = ""  # the last day that may be learnt from; by default the last one judged
    cause: str = "asked for by hand"


def retraining_asset(monitor: Monitor) -> dg.AssetsDefinition:
    """Train a challenger in MLflow, compare it with the champion, and promote it or say why not."""
    spec = monitor.spec

    @dg.asset(
        key=[spec.name, RETRAINING],
        deps=[[spec.name, "verdict"], [spec.name, "labels"], [spec.name, "predictions"]],
        group_name=spec.name,
        owners=[spec.owner],
        kinds={"mlflow", "scikitlearn"},
        description="A challenger, trained on the labels known by then and compared with the"
        " champion on the same recent rows, which neither has seen. Materialise it to"
        " retrain by hand.",
    )
    def retraining(context: dg.AssetExecutionContext, config: RetrainingConfig) -> Any:
        from monitoring_dagster.pipeline.retraining import retrain

        as_of = date.fromisoformat(config.as_of) if config.as_of else None
        report = retrain(monitor, as_of=as_of, cause=config.cause)
        return dg.MaterializeResult(
            metadata={**report.numbers, **report.words, "promoted": report.promoted}
        )

    return retraining


def job_name(monitor: Monitor) -> str:
    return f"retrain_{monitor.name}"


def retraining_job(monitor: Monitor) -> Any:
    """What the sensor starts, and what the Launchpad offers."""
    return dg.define_asset_job(
        job_name(monitor),
        selection=dg.AssetSelection.assets([monitor.name, RETRAINING]),
        description=f"Train a challenger for {monitor.name} and let it show what it can do.",
        executor_def=dg.in_process_executor,
    )


def request(monitor: Monitor, *, as_of: date, cause: str) -> dg.RunRequest:
    """One run for one decision: the ledger and the run key both refuse a second one."""
    return dg.RunRequest(
        run_key=f"{monitor.name}-{as_of}",
        job_name=job_name(monitor),
        run_config=dg.RunConfig(
            ops={
                f"{monitor.name}__{RETRAINING}": RetrainingConfig(
                    as_of=as_of.isoformat(), cause=cause
                )
            }
        ),
        tags={"monitoring/as_of": as_of.isoformat()},
    )
