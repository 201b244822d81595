"""Quality of predictions as known at the end of a day, for any two tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from monitoring_dagster.sources.labels.label_account import LabelAccount
from monitoring_dagster.spec.metrics import Task, ValueTable
from monitoring_dagster.spec.sources import Labels
from monitoring_dagster.standalone.doubts import of_certainty, of_other_class
from monitoring_dagster.standalone.joined_tables import Labelled, PredictionCount, labelled
from monitoring_dagster.standalone.reading.question import (
    Question,
    Role,
    Roles,
    WrongQuestion,
    label_rules,
)
from monitoring_dagster.standalone.reading.written_values import (
    is_text,
)
from monitoring_dagster.standalone.table_profile import Advance, table_of
from monitoring_dagster.stats.labels.maturity import Maturity, maturity
from monitoring_dagster.stats.quality.outcomes import outcomes_by_slot
from monitoring_dagster.stats.quality.own_metric import value_per_prediction
from monitoring_dagster.stats.quality.performance import Metric, metrics, quantile_loss
from monitoring_dagster.stats.quality.reliability import ReliabilityRow, reliability

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
class TableEvaluation:
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
    known = maturity(
        None,
        predictions=predictions,
        arrived=n,
        lag_days=(last_day - last_served).days if last_served and last_day else -1,
        mature_after_days=rules.mature_after_days,
    )
    is_over = n == predictions or known.maturity is Maturity.MATURE
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


def evaluate(
    predictions: Any,
    labels: Any,
    *,
    as_of: date | None = None,
    by: str | Sequence[str] = (),
    segments: Sequence[str] = (),
    columns: Mapping[Role, str | None] | None = None,
    task: Task | None = None,
    positive: str | None = None,
    keep: Literal["first", "last"] = "first",
    ambiguous: Sequence[str] = (),
    mature_after_days: int = 14,
    expire_after_days: int | None = None,
    min_coverage: float = 0.8,
    value: ValueTable | None = None,
    quantile: float | None = None,
    advance: Advance = lambda columns: None,
) -> TableEvaluation:
    """Join *labels* to *predictions* as known at the end of *as_of*, and measure.

    Parameters
    ----------
    predictions, labels
        A pandas DataFrame, an Arrow table, anything that speaks Arrow's PyCapsule interface, or a
        path: Parquet or CSV, a file, a folder or a glob.
    as_of
        The UTC day by whose end a label must have arrived, and a prediction been served. The answer
        is the same whenever it is asked. None: all that is there counts.
    by
        `day` or `hour` of serving in UTC, `version`, or any other column of the predictions.
    segments
        More columns to split by, also ones that are called as above.
    columns
        Who plays which role; by default who has a plain name, such as y_true for the label.
    task
        By default what the labels and predictions look like.
    positive
        The label that counts as 1; all others count as 0. By default 1 or true, and of two other
        names the one with the higher scores. Predictions may be 0 and 1 where labels are words.
    keep
        Which of a request's labels counts.
    ambiguous
        Label values that say that nobody knows.
    mature_after_days
        Days after which no more labels are waited for.
    expire_after_days
        Labels that come later change nothing; by default all count.
    min_coverage
        Share of predictions with a label below which a group is INSUFFICIENT.
    value
        What each outcome of a binary prediction is worth: adds `value_per_prediction`.
    quantile
        Level, 0 to 1, of a regression's `quantile_loss`.
    advance
        Told the number of columns that have just been read, on either side.

    Raises
    ------
    MonitoringError
        A table cannot be read or says nothing, a column is not there, unclear or holds something
        else, or no label belongs to a prediction.

    >>> import pyarrow as pa
    >>> served = pa.table({"id": [1, 2, 3, 4], "prediction": [1, 0, 1, 0]})
    >>> labels = pa.table({"id": [1, 2, 3, 4], "label": [1, 0, 0, 0]})
    >>> evaluate(served, labels).whole.metrics["accuracy"].value
    0.75
    """
    if positive is not None:
        task = "binary"
    rules = label_rules(
        keep=keep,
        ambiguous=list(ambiguous),
        mature_after_days=mature_after_days,
        expire_after_days=expire_after_days,
        min_coverage=min_coverage,
    )
    by = [by] if isinstance(by, str) else by
    found = labelled(
        table_of(predictions, "predictions"),
        table_of(labels, "labels"),
        Question(columns or {}, as_of, by, segments, rules, task, positive),
        advance=advance,
    )
    notes = list(found.notes)
    if task is None:
        notes.append(f"the task is taken for {found.task}")
    task = found.task
    if value is not None and task != "binary":
        raise WrongQuestion.price_of(task)
    if quantile is not None and task != "regression":
        raise WrongQuestion.quantile_of(task)
    groups = list(_groups(found, task, rules, value=value, quantile=quantile))
    whole = groups[0].metrics
    doubts = [of_other_class(whole.get("roc_auc")), of_certainty(whole), *found.warnings]
    return TableEvaluation(
        as_of=as_of,
        task=task,
        groups=groups,
        predictions=found.predictions,
        labels=found.labels,
        columns=found.columns,
        notes=notes,
        warnings=[one for one in doubts if one],
    )


def _groups(
    found: Labelled,
    task: Task,
    rules: Labels,
    *,
    value: ValueTable | None,
    quantile: float | None,
) -> Iterator[Quality]:
    rows = found.rows
    for name in ("label", "prediction") if task == "regression" else ():
        if is_text(rows[name].type):  # numbers may have come as text
            place = rows.column_names.index(name)
            rows = rows.set_column(place, name, rows[name].cast(pa.float64()))
    slots = [(split.place, len(split.values)) for split in found.splits]
    for split, counted in zip(
        found.splits, outcomes_by_slot(rows, task=task, slots=slots), strict=True
    ):
        for one, outcomes, predictions, last in zip(
            split.values, counted, split.predictions, split.last_days, strict=True
        ):
            own = {}
            if value is not None:
                own["value_per_prediction"] = value_per_prediction(outcomes, **value.model_dump())
            if quantile is not None:
                own["quantile_loss"] = quantile_loss(outcomes, quantile)
            state, reason = state_of(
                outcomes.n, predictions, last_served=last, last_day=found.last_day, rules=rules
            )
            yield Quality(
                by=split.by,
                value=one,
                n=outcomes.n,
                predictions=predictions,
                state=state,
                reason=reason,
                metrics=metrics(outcomes) | own,
                reliability=reliability(outcomes) if task == "binary" else (),
            )
