"""Performance to expect of every chunk of a table, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from monitoring_dagster.standalone.chunks import Chunk
from monitoring_dagster.standalone.estimators import Estimated
from monitoring_dagster.standalone.roles import Roles
from monitoring_dagster.stats.quality.labelled_rows import Task
from monitoring_dagster.stats.quality.performance import Metric

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ChunkEstimate:
    """What the labels of some rows will show, once they come."""

    chunk: Chunk
    left_out: int  # rows without a score or a prediction
    shifted: bool  # whether the features drifted from the reference's
    estimated: Estimated = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; what is not defined is None."""
        day = {"day": self.chunk.day and self.chunk.day.isoformat()}
        return {
            "from": self.chunk.first,
            "to": self.chunk.last,
            "rows": len(self.chunk.rows),
            "left_out": self.left_out,
            **(day if self.chunk.by_day else {}),
            "shifted": self.shifted,
            "method": self.estimated.method,
            "note": self.estimated.note or None,
            "metrics": {
                name: {
                    "estimate": _plain(one.value),
                    "low": _plain(one.low),
                    "high": _plain(one.high),
                }
                for name, one in self.estimated.metrics.items()
            },
        }


@dataclass(frozen=True)
class Estimates:
    """The performance to expect of every chunk, in the order of the file."""

    task: Task
    columns: Roles
    features: Sequence[str]
    rows_reference: int
    reference: Mapping[str, Metric] = field(repr=False)  # what its labels show
    chunks: Sequence[ChunkEstimate] = field(repr=False)
    notes: Sequence[str] = field(repr=False)  # what was assumed, and what it cannot see
    warnings: Sequence[str] = field(repr=False)  # what may be wrong

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them; what is not defined is None."""
        return {
            "task": self.task,
            "columns": self.columns.to_dict(),
            "features": list(self.features),
            "reference": {
                "rows": self.rows_reference,
                "metrics": {name: _plain(one.value) for name, one in self.reference.items()},
            },
            "chunks": [one.to_dict() for one in self.chunks],
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }

    def to_frame(self) -> "pd.DataFrame":
        """One row a chunk and metric."""
        import pandas as pd

        return pd.DataFrame(
            [
                {**rest, "metric": name, **numbers}
                for one in self.chunks
                for rest in [one.to_dict()]
                for name, numbers in rest.pop("metrics").items()
            ]
        )


def _plain(value: float) -> float | None:
    return value if isfinite(value) else None
