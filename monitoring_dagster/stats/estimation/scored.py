"""Which scores do rows have, and what are their metrics, however the labels fall?"""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.stats.columns.values import Codes, Floats, arrow, categories
from monitoring_dagster.stats.quality.labelled_rows import (
    LARGEST_LOG_ODDS,
    SCORE_BINS,
    Task,
    probabilities,
    spelled_alike,
    zero_or_one,
)

_GROUPS = 64  # of scores, where merged
_EPS = float(np.finfo(np.float64).eps)  # scikit-learn clips the scores of a log loss so


@dataclass(frozen=True, slots=True)
class Cells:
    """Distinct cells that are known in full, in an order that is theirs alone."""

    x: Floats  # log-odds of the score, at the middle of its bin
    score: Floats  # means over the cell's rows: score, -ln(score), -ln(1 - score)
    loss_of_one: Floats
    loss_of_zero: Floats
    rows: Floats
    names: tuple[str, ...]
    prediction: Codes  # index into names, as is label
    label: Codes
    right: NDArray[np.bool_]  # label 1 (binary), or that of the prediction
    block: Codes

    @classmethod
    def of(
        cls,
        task: Task,
        *,
        prediction: ArrayLike,
        score: ArrayLike,
        label: ArrayLike | None = None,
        rows: ArrayLike | None = None,
        block: ArrayLike | None = None,
    ) -> Self:
        value = np.asarray(probabilities(arrow(score)))
        n = np.ones(value.size) if rows is None else np.asarray(rows, dtype=np.float64)
        names, predicted, truth = _codes(task, prediction, label)
        time = np.zeros(value.size, np.intp)
        if block is not None:
            time = np.unique(np.asarray(block), return_inverse=True)[1]
        known = (predicted >= 0) & (truth >= 0) & ~np.isnan(value) & (n > 0)
        value, n = value[known], n[known]
        predicted, truth, time = predicted[known], truth[known], time[known]
        inside = np.clip(value, _EPS, 1 - _EPS)
        one, zero = -np.log(inside), -np.log1p(-inside)
        width = 2 * LARGEST_LOG_ODDS / SCORE_BINS
        bin_ = np.clip((zero - one + LARGEST_LOG_ODDS) / width, 0, SCORE_BINS - 1).astype(np.intp)
        key = bin_
        for codes in (predicted, truth, time):
            key = key * (int(codes.max(initial=0)) + 1) + codes
        _, first, cell = np.unique(key, return_index=True, return_inverse=True)
        total = np.bincount(cell, n).astype(np.float64)
        right = truth == (1 if task == "binary" else predicted)
        return cls(
            (bin_[first].astype(np.float64) + 0.5) * width - LARGEST_LOG_ODDS,
            np.bincount(cell, n * value) / total,
            np.bincount(cell, n * one) / total,
            np.bincount(cell, n * zero) / total,
            total,
            tuple(names),
            predicted[first],
            truth[first],
            right[first],
            time[first],
        )

    def chosen(self, some: NDArray[np.bool_]) -> Self:
        """These cells alone."""
        parts = {
            one.name: getattr(self, one.name)[some] for one in fields(self) if one.name != "names"
        }
        return replace(self, **parts)


def _codes(
    task: Task, prediction: ArrayLike, label: ArrayLike | None
) -> tuple[list[str], Codes, Codes]:
    """The names of classes, and each row's prediction and label as places in them, -1 where
    missing; without labels they are the predictions."""
    columns = {"prediction": prediction} | ({} if label is None else {"label": label})
    found = {role: categories(arrow(values), column=role) for role, values in columns.items()}
    if task == "binary":
        own = [[str(zero_or_one(one, role)) for one in names] for role, (_, names) in found.items()]
        classes = ["0", "1"]
    else:
        own = spelled_alike(*(names for _, names in found.values()))
        classes = list(dict.fromkeys(name for names in own for name in sorted(names)))
    place = {name: i for i, name in enumerate(classes)}
    coded = [
        np.array([*(place[one] for one in names), -1], dtype=np.intp)[codes]
        for names, (codes, _) in zip(own, found.values(), strict=True)
    ]
    return classes, coded[0], coded[-1]


@dataclass(frozen=True, slots=True)
class ScoreGrid:
    """Rows by score, and within it by binary prediction; scores ascend."""

    x: Floats  # (scores,), as are the next three
    score: Floats
    loss_of_one: Floats
    loss_of_zero: Floats
    rows: Floats  # (scores, 2)

    @classmethod
    def of(cls, cells: Cells) -> Self:
        x, place = np.unique(cells.x, return_inverse=True)
        rows = np.bincount(place * 2 + cells.prediction, cells.rows, minlength=2 * x.size)
        total = np.bincount(place, cells.rows)
        score, of_one, of_zero = (
            np.bincount(place, cells.rows * one) / total
            for one in (cells.score, cells.loss_of_one, cells.loss_of_zero)
        )
        return cls(x, score, of_one, of_zero, rows.astype(np.float64).reshape(-1, 2))

    def ones(self, cells: Cells) -> Floats:
        """How many of the same cells' rows have label 1, ``(scores, 2)``."""
        place = np.searchsorted(self.x, cells.x) * 2 + cells.prediction
        found = np.bincount(place, cells.rows * cells.right, minlength=self.rows.size)
        return found.astype(np.float64).reshape(-1, 2)

    def merged(self) -> Self:
        """At most 64 groups of neighbouring scores, of about equal rows and expected ones: where
        ones are rare, all of them may lie within a few rows."""
        if self.x.size <= _GROUPS:
            return self
        n = self.rows.sum(axis=1)
        part = n / n.sum() + n * self.score / (n @ self.score or 1.0)
        upto = part.cumsum()
        group = np.minimum((upto - part / 2) / upto[-1] * _GROUPS, _GROUPS - 1).astype(np.intp)
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        total = np.add.reduceat(n, starts)
        x, score, of_one, of_zero = (
            np.add.reduceat(n * one, starts) / total
            for one in (self.x, self.score, self.loss_of_one, self.loss_of_zero)
        )
        return type(self)(x, score, of_one, of_zero, np.add.reduceat(self.rows, starts))

    def metrics(self, ones: Floats) -> dict[str, Floats]:
        """Of every ``(..., scores, 2)`` way that ones may lie; NaN where not defined."""
        hits, missed = ones[..., 1].sum(-1), ones[..., 0].sum(-1)
        predicted, total = self.rows[:, 1].sum(), self.rows.sum()
        positive = hits + missed
        negative = total - positive
        rejected = (total - predicted) - missed
        of_score = ones.sum(-1)
        rows = self.rows.sum(-1)
        zeros = rows - of_score
        below = np.cumsum(zeros, -1) - zeros / 2
        found, alarms = np.cumsum(of_score[..., ::-1], -1), np.cumsum(rows[::-1])
        loss = of_score @ self.loss_of_one + zeros @ self.loss_of_zero
        brier = of_score @ np.square(1 - self.score) + zeros @ np.square(self.score)
        with np.errstate(invalid="ignore", divide="ignore"):
            recall, specificity = hits / positive, rejected / negative
            both = np.where(negative > 0, (recall + specificity) / 2, recall)
            return {
                "roc_auc": np.sum(below * of_score, -1) / (positive * negative),
                "accuracy": (hits + rejected) / total,
                "balanced_accuracy": np.where(positive > 0, both, specificity),
                "precision": hits / predicted,
                "recall": recall,
                "f1": 2 * hits / (predicted + positive),
                "average_precision": np.sum(of_score[..., ::-1] * found / alarms, -1) / positive,
                "log_loss": loss / total,
                "brier": brier / total,
                "base_rate": positive / total,
            }


def metrics_of_tables(table: Floats) -> dict[str, Floats]:
    """Of tables ``(tables, label, prediction)``: the plain means over classes that occur."""
    hits = np.diagonal(table, axis1=1, axis2=2)
    truth, predicted = table.sum(axis=2), table.sum(axis=1)
    with np.errstate(invalid="ignore"):
        recall, precision = hits / truth, hits / predicted
        f1 = 2 * hits / (truth + predicted)
        accuracy = hits.sum(axis=1) / table.sum(axis=(1, 2))
    occurs = (truth + predicted) > 0
    count = occurs.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return {
            "accuracy": accuracy,
            "balanced_accuracy": np.nan_to_num(recall).sum(axis=1) / (truth > 0).sum(axis=1),
            "precision": np.nan_to_num(precision).sum(axis=1) / count,
            "recall": np.nan_to_num(recall).sum(axis=1) / count,
            "f1": np.nan_to_num(f1).sum(axis=1) / count,
        }
