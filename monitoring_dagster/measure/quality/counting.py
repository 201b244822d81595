"""What do joined rows say in counts and sums, those of the model's own metrics included?"""

from datetime import date

import pyarrow as pa

from monitoring_dagster.sources.rows.expressions import row_values
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.outcomes import Outcomes, outcomes_by_group


def counted_columns(spec: ModelSpec) -> list[str]:
    """The columns of the inference log that counting needs beside the usual ones."""
    return [name for one in spec.row_metrics for name in one.columns]


def counted(spec: ModelSpec, joined: pa.Table) -> dict[tuple[date, Group], Outcomes]:
    """*joined*, rows as `join_labels` returns them, by prediction day and group.

    Raises
    ------
    UnusableMetric, UnusableOutcome
    """
    for one in spec.row_metrics:
        values = row_values(one, joined, task=spec.task)
        joined = joined.append_column(one.label, pa.array(values, from_pandas=True))
    return outcomes_by_group(
        joined,
        task=spec.task,
        segments=tuple(spec.segments),
        values=[one.label for one in spec.row_metrics],
    )
