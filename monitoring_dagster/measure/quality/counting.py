"""What do joined rows say in counts and sums, those of the model's own metrics included?"""

from datetime import date
from typing import Final

import pyarrow as pa

from monitoring_dagster.sources.rows.expressions import row_values
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.outcomes import OutcomeCounts, Outcomes


def counted_columns(spec: ModelSpec) -> list[str]:
    """The columns of the inference log that counting needs beside the usual ones."""
    return [name for one in spec.row_metrics for name in one.columns]


class RowCounts:
    """Counts of joined rows, as `count_changes` hands them over, by prediction day and group."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec: Final = spec
        self._outcomes: Final = OutcomeCounts(
            spec.task,
            segments=spec.segments,
            values=[one.label for one in spec.row_metrics],
        )

    def add(self, joined: pa.Table) -> None:
        """Count some more.

        Raises
        ------
        UnusableMetric, UnusableOutcome
        """
        for one in self._spec.row_metrics:
            values = row_values(one, joined, task=self._spec.task)
            joined = joined.append_column(one.label, pa.array(values, from_pandas=True))
        self._outcomes.add(joined)

    def total(self) -> dict[tuple[date, Group], Outcomes]:
        return self._outcomes.total()


def counted(spec: ModelSpec, joined: pa.Table) -> dict[tuple[date, Group], Outcomes]:
    """The `RowCounts` of one table.

    Raises
    ------
    UnusableMetric, UnusableOutcome
    """
    counts = RowCounts(spec)
    counts.add(joined)
    return counts.total()
