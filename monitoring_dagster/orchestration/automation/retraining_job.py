"""The retraining of a model in Dagster: an asset to look at, and the one job that trains."""

from collections.abc import Mapping
from datetime import date

import dagster as dg

from monitoring_dagster.orchestration.automation.retraining_request import (
    RETRAINING,
    RetrainingConfig,
    job_name,
    op_name,
)
from monitoring_dagster.orchestration.runs import RUN, run_resource
from monitoring_dagster.store.monitor import Monitor


def retraining_asset(monitor: Monitor) -> dg.AssetSpec:
    """What the job makes, in its place in the lineage.

    Nobody can materialise it: a selection of assets, a group and a backfill train nothing.
    """
    spec = monitor.spec
    return dg.AssetSpec(
        [spec.name, RETRAINING],
        deps=[[spec.name, "verdict"], [spec.name, "labels"], [spec.name, "predictions"]],
        group_name=spec.name,
        owners=[spec.owner],
        kinds={"mlflow", "scikitlearn"},
        description="A challenger, trained on the labels known by then and compared with the"
        " champion on the same recent rows, which neither has seen. The job"
        f" {job_name(monitor)} makes it: its sensor starts that, or a person does in the"
        f" Launchpad or by `monitoring-dagster model retrain {spec.name}`.",
    )


def retraining_job(monitor: Monitor) -> dg.JobDefinition:
    """What the sensor starts, and what the Launchpad offers."""

    @dg.op(name=op_name(monitor), out=dg.Out(dg.Nothing), required_resource_keys={RUN})
    def train(context: dg.OpExecutionContext, config: RetrainingConfig) -> None:
        from monitoring_dagster.act.retraining.retrain import retrain

        by = config.by.strip() or _launcher(context.run.tags)
        report = retrain(
            monitor,
            as_of=date.fromisoformat(config.as_of) if config.as_of else None,
            cause=config.cause or f"Asked for by {by}.",
            by=by,
            run_id=context.run_id,
        )
        context.log_event(
            dg.AssetMaterialization(
                [monitor.name, RETRAINING],
                metadata={**report.numbers, **report.words, "by": by, "promoted": report.promoted},
            )
        )

    @dg.job(
        name=job_name(monitor),
        description=f"Train a challenger for {monitor.name} and compare it with the champion.",
        executor_def=dg.in_process_executor,
        resource_defs={RUN: run_resource},
        tags={"dagster/max_retries": "0"},  # the sensor tries again, later each time
    )
    def job() -> None:
        train()

    return job


def _launcher(tags: Mapping[str, str]) -> str:
    """Who started a run whose configuration names nobody."""
    for kind in ("sensor", "schedule"):
        if name := tags.get(f"dagster/{kind}_name"):
            return f"the {kind} {name}"
    return "a person in Dagster"
