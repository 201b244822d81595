"""How good were predictions, and how far can the numbers be trusted?  By group, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Any

from monitoring_dagster.sources.labels.label_account import LabelAccount
from monitoring_dagster.spec import Labels, Task
from monitoring_dagster.standalone.labelled import PredictionCount
from monitoring_dagster.standalone.roles import Roles
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.stats.quality.reliability import ReliabilityRow

if TYPE_CHECKING:
    import pandas as pd


class State(StrEnum):
    """How far the numbers of a group can be trusted."""

    PENDING = "PENDING"  # no label is here
    INSUFFICIENT = "INSUFFICIENT"  # too few labels: those that are here may be the odd ones
    PARTIAL = "PARTIAL"  # enough labels, and more are expected
    MATURE = "MATURE"  # no more are waited for


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the predictions of one group were."""

    by: str | None  # day, hour, version, a column; None: the whole
    value: str | None
    n: int  # labelled predictions
    predictions: int
    state: State
    reason: str
    metrics: Mapping[str, Metric]
    reliability: Sequence[ReliabilityRow]  # of a binary score; else empty

    @property
    def coverage(self) -> float | None:
        """Labelled predictions per prediction; None without any."""
        return self.n / self.predictions if self.predictions else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values; what is not defined is None."""
        return {
            "by": self.by,
            "value": self.value,
            "n": self.n,
            "predictions": self.predictions,
            "coverage": self.coverage,
            "state": str(self.state),
            "reason": self.reason,
            "metrics": {name: _finite(one._asdict()) for name, one in self.metrics.items()},
            "reliability": [_finite(row._asdict()) for row in self.reliability],
        }


@dataclass(frozen=True)
class Evaluation:
    """How good predictions were, as known at the end of a day: the whole first, then by group."""

    as_of: date | None
    task: Task
    groups: Sequence[Quality] = field(repr=False)
    predictions: PredictionCount = field(repr=False)
    labels: LabelAccount = field(repr=False)
    columns: Mapping[str, Roles] = field(repr=False)  # of either table: who plays which role
    notes: Sequence[str] = field(repr=False)  # what was taken for granted
    warnings: Sequence[str] = field(repr=False)  # what may be wrong

    @property
    def whole(self) -> Quality:
        return self.groups[0]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them; what is not defined is None."""
        labels = asdict(self.labels)
        del labels["annotators"], labels["oddities"]
        delays = {name[-3:]: labels.pop(name) for name in ("delay_days_p50", "delay_days_p95")}
        return {
            "as_of": str(self.as_of) if self.as_of else None,
            "task": self.task,
            "columns": {table: found.to_dict() for table, found in self.columns.items()},
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "predictions": self.predictions._asdict(),
            "labels": labels,
            "delay_days": delays,
            "groups": [one.to_dict() for one in self.groups],
        }

    def to_frame(self) -> "pd.DataFrame":
        """One row a group and metric, the whole first."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "by": one.by,
                    "value": one.value,
                    "state": str(one.state),
                    "coverage": one.coverage,
                    "metric": name,
                    "estimate": metric.value,
                    "low": metric.low,
                    "high": metric.high,
                    "n": metric.n,
                }
                for one in self.groups
                for name, metric in one.metrics.items()
            ]
        )


def state_of(
    n: int, predictions: int, *, last_served: date | None, last_day: date | None, rules: Labels
) -> tuple[State, str]:
    """How far numbers over *n* labels of some *predictions* can be trusted, and why.

    Labels are waited for until `mature_after_days` after the last of the predictions; without
    times nobody knows, and only the last missing label ends the wait.
    """
    if not predictions:
        return State.PENDING, "no predictions"
    share = f"{n:,} of {predictions:,} predictions have a label ({n / predictions:.1%})"
    waits_until = last_served and last_served + timedelta(days=rules.mature_after_days)
    is_over = n == predictions or bool(waits_until and last_day and waits_until <= last_day)
    wait = "no more are waited for"
    if not is_over:
        wait = f"more are waited for until {waits_until}" if waits_until else "more may come"
    reason = f"{share}, {wait}"
    if not n:
        return State.PENDING, reason
    if n < rules.min_coverage * predictions:
        return State.INSUFFICIENT, f"{share}, below the {rules.min_coverage:.0%} needed, {wait}"
    return (State.MATURE if is_over else State.PARTIAL), reason


def _finite(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {name: one if isfinite(one) else None for name, one in numbers.items()}
