"""Metric that is a mean over rows: its sums from stored counts, and its value row by row."""

from dataclasses import dataclass
from math import nan
from typing import NamedTuple, Self

import numpy as np

from monitoring_dagster.decide.judging.tolerance import higher_is_better
from monitoring_dagster.sources.rows.expressions import row_values
from monitoring_dagster.spec.metrics import MetricDefinition
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.inference.sums import Sum
from monitoring_dagster.stats.quality.labelled_rows import Encoded
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.outcomes_file import counts_table

_SUMS = {"log_loss": "log_loss", "brier": "brier", "mse": "square", "mape": "share"}
_MEANS = {*_SUMS, "accuracy", "mae"}
_STAND_INS = {
    **dict.fromkeys(("roc_auc", "average_precision"), "log_loss"),
    **dict.fromkeys(("rmse", "r2"), "mse"),
}  # of metrics that are no mean over rows; of every other accuracy, of a regression mae


class Totals(NamedTuple):
    """Values of some rows, added up; larger is worse."""

    n: float = 0.0
    total: float = 0.0
    squares: float = 0.0

    def plus(self, other: "Totals") -> "Totals":
        """Of the rows of both."""
        return Totals(self.n + other.n, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """NaN without rows."""
        return self.total / self.n if self.n > 0 else nan

    @property
    def variance(self) -> float:
        """Mean squared distance from the mean; NaN without rows."""
        return max(self.squares / self.n - self.mean**2, 0.0) if self.n > 0 else nan


@dataclass(frozen=True)
class MeanMetric:
    """The first judged metric of a model, turned so that larger is worse.

    Where that is no mean over rows, which alone can be split among them, one that is stands in.
    """

    spec: ModelSpec
    label: str

    @classmethod
    def of(cls, spec: ModelSpec) -> Self:
        """The one that stands first, or its stand-in."""
        own = spec.definition(spec.metric)
        if own is not None or spec.metric in _MEANS:
            return cls(spec, spec.metric)
        usual = "mae" if spec.task == "regression" else "accuracy"
        stand_in = _STAND_INS.get(spec.metric, usual)
        return cls(spec, usual if stand_in == "log_loss" and spec.task != "binary" else stand_in)

    @property
    def sign(self) -> float:
        """-1 where higher is better, else 1."""
        return -1.0 if higher_is_better(self.spec, self.label) else 1.0

    @property
    def definition(self) -> MetricDefinition | None:
        """The owner's own, if it is one."""
        return self.spec.definition(self.label)

    @property
    def key(self) -> str:
        """What tells it from any other."""
        own = self.definition
        return f"{self.spec.task} {self.label} {own.model_dump_json() if own else ''}"

    @property
    def needs_scores(self) -> bool:
        """Whether it is computed from the counts by score."""
        own = self.definition
        return own is not None and self._by_expression(own)

    def totals(self, outcomes: Outcomes) -> Totals:
        """Of counted rows, or of a change to them; rows of infinite value are left out.

        Raises
        ------
        UnusableMetric
        """
        found = self._totals(outcomes)
        return found._replace(total=self.sign * found.total)

    def of_rows(self, rows: Encoded, values: Floats | None) -> Floats:
        """Of each row, shape ``(rows,)``, NaN where it has none; *values* are those of a metric of
        the owner's by expression or function."""
        found = values_of(self.label, self.definition, rows) if values is None else values
        assert found is not None, "a mean over rows has a value for each"
        return self.sign * found

    def _totals(self, outcomes: Outcomes) -> Totals:
        own = self.definition
        if own is None and self.label in _SUMS:
            return _of_sum(outcomes.sums.get(_SUMS[self.label], Sum()))
        if own is None and self.label == "mae":
            error, over = (outcomes.sums.get(name, Sum()) for name in ("error", "over"))
            return _of_sum(
                Sum(error.n, 2 * over.total - error.total, error.squares, error.infinite)
            )
        if own is None:
            right = sum(n for (label, said), n in outcomes.cells.items() if label == said)
            return Totals(outcomes.n, right, right)
        if own.value is not None:
            prices = _prices(own)
            worth = [(n, prices[cell]) for cell, n in outcomes.cells.items()]
            return Totals(*(float(sum(n * x**power for n, x in worth)) for power in (0, 1, 2)))
        if own.quantile is not None:
            return _of_quantile(outcomes, own.quantile)
        if not self._by_expression(own):
            return _of_sum(outcomes.sums.get(f"value:{self.label}", Sum()))
        counts = counts_table(outcomes)
        x = row_values(own, counts, task=self.spec.task)
        n, known = counts["rows"].to_numpy(), np.isfinite(x)
        return Totals(*(float((n[known] * x[known] ** power).sum()) for power in (0, 1, 2)))

    def _by_expression(self, own: MetricDefinition) -> bool:
        by_rows = own in self.spec.row_metrics
        return own.value is None and own.quantile is None and not by_rows


def values_of(metric: str, own: MetricDefinition | None, rows: Encoded) -> Floats | None:
    """What a metric is the mean of, row by row, in its own direction; None where it is no mean over
    rows, or one of the owner's by expression or function."""
    if own is not None and own.value is not None:
        prices = _prices(own)
        worth = np.array([prices[x, y] for x in rows.names for y in rows.names])
        return np.asarray(worth[rows.cell], float)
    if own is not None and own.quantile is not None:
        error, level = rows.summands["error"], own.quantile
        return np.where(error > 0, (1 - level) * error, -level * error)
    if metric == "accuracy":
        right = rows.cell // len(rows.names) == rows.cell % len(rows.names)
        return np.asarray(right, float)
    if metric == "mae":
        return np.abs(rows.summands["error"])
    return rows.summands.get(_SUMS.get(metric, ""))


def _prices(own: MetricDefinition) -> dict[tuple[str, str], float]:
    """By label and prediction."""
    assert own.value is not None, "only a value table has prices"
    of = own.value
    return {("1", "1"): of.tp, ("0", "1"): of.fp, ("1", "0"): of.fn, ("0", "0"): of.tn}


def _of_sum(one: Sum) -> Totals:
    unit = 1 << 1074
    return Totals(float(one.n - one.infinite), one.total / unit, one.squares / unit)


def _of_quantile(outcomes: Outcomes, level: float) -> Totals:
    error, over = (_of_sum(outcomes.sums.get(name, Sum())) for name in ("error", "over"))
    under = Totals(error.n, over.total - error.total, error.squares - over.squares)
    return Totals(
        error.n,
        level * under.total + (1 - level) * over.total,
        level**2 * under.squares + (1 - level) ** 2 * over.squares,
    )
