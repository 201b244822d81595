"""Dagster's view of a monitored model: one YAML in, its lineage, checks and sensors out."""

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import dagster as dg

from monitoring_dagster.orchestration.assets import external_assets, step_assets
from monitoring_dagster.orchestration.retraining import retraining_asset, retraining_job
from monitoring_dagster.orchestration.scaffolder import ModelScaffolder
from monitoring_dagster.orchestration.sensors import model_sensors
from monitoring_dagster.pipeline.monitor import House, Monitor
from monitoring_dagster.spec import ModelSpec


@dg.scaffold_with(ModelScaffolder)
@dataclass
class MonitoredModel(dg.Component):
    """Watch one model: contract, drift, delayed labels, versions, alerts and retraining.

    .. code-block:: yaml

        type: monitoring_dagster.orchestration.MonitoredModel
        attributes:
          name: churn
          owner: team:growth
          task: binary
          predictions: {path: "data/predictions/{day}.parquet", score: score}
          labels: {path: "data/labels/{day}.parquet"}
    """

    spec: ModelSpec

    @classmethod
    def get_model_cls(cls) -> type[ModelSpec]:
        return ModelSpec

    @classmethod
    def load(cls, attributes: ModelSpec, context: dg.ComponentLoadContext) -> Self:  # type: ignore[override]
        rendered = context.resolution_context.resolve_value(attributes.model_dump(mode="json"))
        return cls(ModelSpec.model_validate(rendered))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return definitions_of(House.at(Path(context.project_root)).monitor(self.spec))


def definitions_of(monitor: Monitor) -> dg.Definitions:
    """All that Dagster is told about one model."""
    with warnings.catch_warnings():
        # Checks by day and days that look ahead are a preview and a beta in Dagster 1.13.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _definitions(monitor)


def _definitions(monitor: Monitor) -> dg.Definitions:
    first = monitor.first_day() or datetime.now(UTC).date() - timedelta(days=1)
    retrains = monitor.spec.retraining is not None
    return dg.Definitions(
        assets=[
            *external_assets(monitor.spec),
            *step_assets(monitor, first),
            *([retraining_asset(monitor)] if retrains else []),
        ],
        jobs=[retraining_job(monitor)] if retrains else [],
        sensors=model_sensors(monitor),
        executor=dg.in_process_executor,
    )
