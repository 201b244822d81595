"""Dagster's view of a monitored model: one YAML in, its lineage, checks and sensors out."""

import logging
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._utils.pydantic_yaml import enrich_validation_errors_with_source_position
from dagster_shared.yaml_utils.source_position import ValueAndSourcePositionTree

from monitoring_dagster.orchestration.assets import external_assets, step_assets
from monitoring_dagster.orchestration.automation.retraining_job import (
    retraining_asset,
    retraining_job,
)
from monitoring_dagster.orchestration.automation.sensors import model_sensors
from monitoring_dagster.orchestration.checking import (
    DeclaredModel,
    WrongFile,
    check_all_files,
    line_of,
    mistakes_of,
    repeated_keys,
    same_names,
)
from monitoring_dagster.orchestration.scaffolder import ModelScaffolder
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.store.monitor import House, Monitor

_log = logging.getLogger(__name__)


class Attributes(ModelSpec):
    """What stands below `attributes`."""

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The schema; under `dg check`, which asks for it, once all models' files are right."""
        check_all_files()
        return super().model_json_schema(*args, **kwargs)


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
    declared: DeclaredModel | None = None  # nowhere, where Python made it

    @classmethod
    def get_model_cls(cls) -> type[ModelSpec]:
        return Attributes

    @classmethod
    def load(cls, attributes: ModelSpec | None, context: dg.ComponentLoadContext) -> Self:  # type: ignore[override]
        """The model that a document declares. Raises ValidationError, WrongFile."""
        document: ValueAndSourcePositionTree = context.component_decl.source_tree  # type: ignore[attr-defined]
        positions = document.source_position_tree
        file = Path(positions.position.filename)
        mistakes = repeated_keys(file)
        if attributes is None:
            mistakes += mistakes_of(file, document, Path(context.project_root))
        if attributes is None or mistakes:
            raise WrongFile.of(mistakes)
        with enrich_validation_errors_with_source_position(
            positions.children["attributes"], ["attributes"]
        ):
            written = attributes.model_dump(mode="json", exclude_unset=True)
            spec = ModelSpec.model_validate(context.resolution_context.resolve_value(written))
        return cls(spec, DeclaredModel(spec.name, file, line_of(document, ["attributes", "name"])))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        if self.declared is not None:
            refuse_same_names(context.component_tree.get_all_components(of_type=MonitoredModel))
        return definitions_of(House.at(Path(context.project_root)).monitor(self.spec))


def refuse_same_names(models: Collection[MonitoredModel]) -> None:
    """Raise WrongFile where two models of a project have one name."""
    if mistakes := same_names([one.declared for one in models if one.declared]):
        raise WrongFile.of(mistakes)


def definitions_of(monitor: Monitor) -> dg.Definitions:
    """All that Dagster is told about one model."""
    with warnings.catch_warnings():
        # Checks by day and days that look ahead are a preview and a beta in Dagster 1.13.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _definitions(monitor)


def _definitions(monitor: Monitor) -> dg.Definitions:
    found, problem = monitor.beginning()
    first = found or monitor.house.now().date() - timedelta(days=1)
    if problem:
        problem = f"Its days begin on {first} as long as its predictions cannot be asked: {problem}"
        _log.warning("model %s is loaded. %s", monitor.name, problem)
    retrains = monitor.spec.retraining is not None
    return dg.Definitions(
        assets=[
            *external_assets(monitor.spec, remark=problem),
            *step_assets(monitor, first),
            *([retraining_asset(monitor)] if retrains else []),
        ],
        jobs=[retraining_job(monitor)] if retrains else [],
        sensors=model_sensors(monitor, first),
        executor=dg.in_process_executor,
    )
