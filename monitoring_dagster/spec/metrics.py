"""Metrics by task, the owner's own, and how much worse each may get."""

from datetime import date
from typing import Literal

from pydantic import Field

from monitoring_dagster.spec.record import Day, Identifier, Named, Record, Reference

Task = Literal["binary", "multiclass", "regression"]


METRICS: dict[Task, tuple[str, ...]] = {
    "binary": (
        "log_loss",
        "brier",
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "roc_auc",
        "average_precision",
        "ece",
        "bias",
    ),
    "multiclass": ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "ece"),
    "regression": ("mae", "rmse", "mse", "mape", "bias"),
}  # what a rule may judge: every one has an interval
SCORE_METRICS: dict[Task, frozenset[str]] = {
    "binary": frozenset({"log_loss", "brier", "roc_auc", "average_precision", "ece", "bias"}),
    "multiclass": frozenset({"ece"}),
    "regression": frozenset(),
}  # those of them that judge a probability


class ValueTable(Record):
    """What a prediction is worth, by how it turned out; costs are negative."""

    tp: float = 0.0
    fp: float = 0.0
    fn: float = 0.0
    tn: float = 0.0


class MetricDefinition(Record):
    """A metric of your own; exactly one of `value`, `quantile`, `expression` and `function`."""

    name: Identifier
    version: int = Field(default=1, ge=1)
    valid_from: Day | None = Field(
        default=None, description="First day judged by it; by default from the beginning."
    )
    retired_on: Day | None = Field(
        default=None, description="From this day on it is computed, and judged no more."
    )
    better: Literal["higher", "lower"] = "higher"
    value: ValueTable | None = Field(
        default=None, description="Binary: what each outcome is worth; the mean per prediction."
    )
    quantile: float | None = Field(
        default=None, gt=0, lt=1, description="Regression: the quantile loss at this level."
    )
    expression: Named | None = Field(
        default=None,
        description="SQL over label, prediction, score and `columns`; the mean of its values.",
    )
    function: Reference | None = Field(
        default=None,
        description="module:name; takes an Arrow table with label, prediction, score, `columns`"
        " and rows (how many are alike); returns a value for each of its rows.",
    )
    columns: list[Named] = Field(
        default_factory=list,
        description="Further columns of the inference log that it needs. With them, and for"
        " regression, it is computed as labels arrive; else from the stored counts, for any day.",
    )

    def _check(self) -> None:
        ways = ("value", "quantile", "expression", "function")
        given = [name for name in ways if getattr(self, name) is not None]
        if len(given) != 1:
            message = f"metric {self.name!r}: give exactly one of {', '.join(ways)}"
            raise ValueError(message)

    @property
    def label(self) -> str:
        """Its name in results, where a later definition is another metric."""
        return self.name if self.version == 1 else f"{self.name}_v{self.version}"

    def judged_on(self, day: date) -> bool:
        """Whether it is valid, and not retired, on *day*."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.retired_on is None or day < self.retired_on
        )


class Tolerance(Record):
    """How much worse a metric may get before somebody is told, in exactly one unit; and the worst
    value that is good enough whatever was promised.

    A bias is good at zero, so its tolerance lies around zero and not around its baseline, and five
    per cent of a baseline near zero would be nothing: `relative` is of the label's spread there.
    """

    relative: float | None = Field(
        default=None,
        gt=0,
        description="0.05: five per cent of the baseline; of bias, of the label's standard"
        " deviation in the reference.",
    )
    absolute: float | None = Field(default=None, gt=0, description="In the metric's own unit.")
    limit: float | None = Field(
        default=None,
        description="The worst value that is good enough, whatever a version promised: the highest"
        " loss, the lowest accuracy, the largest size of a bias.",
    )
    version: int = Field(
        default=1, ge=1, description="Which definition of a metric of your own it was set for."
    )

    def _check(self) -> None:
        if (self.relative is None) == (self.absolute is None):
            message = "give either `relative` or `absolute`"
            raise ValueError(message)

    def around(self, scale: float) -> float:
        """The tolerated distance, in the metric's unit: of *scale*, its baseline or a spread."""
        return self.absolute if self.absolute is not None else abs(scale) * (self.relative or 0)
