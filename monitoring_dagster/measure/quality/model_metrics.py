"""How good were counted outcomes by every metric of a model, its own included?"""

from collections.abc import Collection
from typing import Self

from monitoring_dagster.errors import MonitoringError, did_you_mean
from monitoring_dagster.sources.rows.expressions import row_values
from monitoring_dagster.spec.metrics import METRICS, MetricDefinition
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.outcomes_file import counts_table
from monitoring_dagster.stats.quality.own_metric import of_counts, of_values, value_per_prediction
from monitoring_dagster.stats.quality.performance import Metric, metrics, quantile_loss


class UnknownMetric(MonitoringError):
    """A metric that the model does not have."""

    @classmethod
    def named(cls, name: str, *, known: Collection[str]) -> Self:
        return cls(f"there is no metric {name!r}. {did_you_mean(name, known)}")


def metric_label(spec: ModelSpec, name: str) -> str:
    """The label of a metric by its name or label; of several definitions the newest.

    Raises
    ------
    UnknownMetric
    """
    newest = {one.name: one.label for one in sorted(spec.metrics, key=lambda one: one.version)}
    known = {*METRICS[spec.task], *(one.label for one in spec.metrics), *newest}
    if name not in known:
        raise UnknownMetric.named(name, known=known)
    return newest.get(name, name)


def metrics_of(
    spec: ModelSpec, outcomes: Outcomes, *, own: Collection[MetricDefinition] | None = None
) -> dict[str, Metric]:
    """The task's metrics, and the *own* ones (by default all), by their labels.

    Raises
    ------
    UnusableMetric
    """
    definitions = spec.metrics if own is None else own
    return metrics(outcomes) | {one.label: own_metric(spec, one, outcomes) for one in definitions}


def own_metric(spec: ModelSpec, definition: MetricDefinition, outcomes: Outcomes) -> Metric:
    """One metric of the owner's."""
    if definition.value is not None:
        return value_per_prediction(outcomes, **definition.value.model_dump())
    if definition.quantile is not None:
        return quantile_loss(outcomes, definition.quantile)
    if definition in spec.row_metrics:
        return of_values(outcomes, definition.label)
    counts = counts_table(outcomes)
    return of_counts(outcomes, row_values(definition, counts, task=spec.task))


def label_of(group: Group) -> str:
    """A group in words: its version, and the segment if it is one."""
    return f"v{group.version}" + (f" {group.segment}={group.value}" if group.segment else "")
