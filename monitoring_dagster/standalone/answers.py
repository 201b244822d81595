"""What does a model predict, and what do its rows say?  Labels, predictions and scores, read."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitoring_dagster.errors import MonitoringError, did_you_mean
from monitoring_dagster.standalone.roles import Roles
from monitoring_dagster.stats.labelled_rows import SPELLED, Task
from monitoring_dagster.stats.outcomes import Outcomes
from monitoring_dagster.stats.performance import Metric, metrics
from monitoring_dagster.stats.values import Codes, Floats, categories, is_numeric, numbers

THRESHOLD = 0.5
_MOST_CLASSES = 20  # numbers with more values than these are measured rather than named
_SHOWN_CHARACTERS = 40

Values: TypeAlias = pa.ChunkedArray


class UnusableAnswer(MonitoringError):
    """A label, prediction or score that its task does not know."""

    @classmethod
    def without_positive(cls, names: Iterable[str]) -> Self:
        return cls(
            f"the label is {' or '.join(map(_short, names))}, and scores do not show of which they"
            " are the probability: name it with --positive, or say --task multiclass"
        )

    @classmethod
    def unknown_positive(cls, positive: str, names: Collection[str]) -> Self:
        return cls(f"no label is {_short(positive)}. {did_you_mean(positive, names)}")

    @classmethod
    def not_binary(cls, value: str, known: Collection[str]) -> Self:
        return cls(
            f"prediction {_short(value)} is none of {', '.join(map(_short, known))}: where it is a"
            " probability, name its column with --score"
        )

    @classmethod
    def not_numeric(cls, role: str, column: str, arrow_type: object) -> Self:
        return cls(f"the {role}, column {column!r}, is {arrow_type}: give numbers")

    @classmethod
    def no_probability(cls, column: str, value: float) -> Self:
        return cls(
            f"the score, column {column!r}, holds {value:g}, outside 0 to 1: give probabilities"
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What is predicted: learnt from the reference, asked of any rows."""

    task: Task
    ones: frozenset[str] = frozenset()  # names that count as 1, where the task is binary
    zeros: frozenset[str] = frozenset()
    note: str = ""  # what was chosen, and why

    @classmethod
    def of(
        cls,
        label: Values,
        *,
        prediction: Values | None,
        score: Values | None,
        task: Task | None = None,
        positive: str | None = None,
    ) -> Self:
        """From what the caller says, and else from the values: labels of two values are binary,
        numbers with fractions or of more than 20 values a regression, all others multiclass.

        Of two names that are neither 0 and 1 nor false and true, the one whose rows have the higher
        mean *score* counts as 1.

        Raises
        ------
        UnusableAnswer
            The positive label is not there, or two are and no score tells which it is.
        """
        if positive is None and (task or _task_of(label, prediction, score)) != "binary":
            return cls(task or _task_of(label, prediction, score))
        codes, names = categories(label, column="label")
        if positive is not None:
            if positive not in names:
                raise UnusableAnswer.unknown_positive(positive, names)
            return cls("binary", frozenset({positive}), frozenset(names) - {positive})
        if _are_spelled(names):
            return cls("binary")
        scores = np.array([np.nan]) if score is None else _numbers(score, "score", "score")
        means = (
            [_mean(scores[codes == code]) for code in range(len(names))]
            if score is not None
            else []
        )
        if len(means) != 2 or not (means[0] < means[1] or means[1] < means[0]):
            raise UnusableAnswer.without_positive(names)
        zero, one = names if means[0] < means[1] else names[::-1]
        note = (
            f"label {_short(one)} counts as 1: its rows have the higher mean score"
            f" ({max(means):.3g} against {min(means):.3g})"
        )
        return cls("binary", frozenset({one}), frozenset({zero}), note)

    def answers(self, values: Values, *, role: str, column: str) -> NDArray[Any]:
        """Labels or predictions as the statistics take them, shape ``(rows,)``: numbers, NaN where
        missing, for binary (0 and 1) and regression, where infinite ones count as missing; names,
        None where missing, for multiclass.

        Raises
        ------
        UnusableAnswer
            A value that the task does not know.
        """
        if self.task == "regression":
            found_numbers = _numbers(values, role, column)
            return np.where(np.isfinite(found_numbers), found_numbers, np.nan)
        codes, names = categories(values, column=column)
        if self.task == "multiclass":
            return np.array([*names, None], dtype=object)[codes]
        known = {**SPELLED, **dict.fromkeys(self.ones, 1.0), **dict.fromkeys(self.zeros, 0.0)}
        found = [known.get(name, known.get(name.lower(), np.nan)) for name in names]
        if np.isnan(found).any():
            strange = names[int(np.isnan(found).argmax())]
            raise UnusableAnswer.not_binary(strange, self.zeros | self.ones or {"0", "1"})
        return np.array([*found, np.nan])[codes]


@dataclass(frozen=True, slots=True)
class Answers:
    """Labels, predictions and scores of some rows, as the statistics take them."""

    task: Task
    label: NDArray[Any]  # shape (rows,), as are the others; all missing where none was asked for
    prediction: NDArray[Any]
    score: Floats  # all NaN in a regression
    known: NDArray[np.bool_]  # which rows have what an estimate needs

    @classmethod
    def of(cls, rows: pa.Table, question: Question, columns: Roles, *, labelled: bool) -> Self:
        """Of *rows*, whose labels are only looked at where they are *labelled*.

        Raises
        ------
        UnusableAnswer
            A value that the task does not know.
        """
        score = np.full(rows.num_rows, np.nan)
        if question.task != "regression":
            score = scores_of(rows[columns.columns["score"]], column=columns.columns["score"])
        found: dict[str, NDArray[Any]] = {
            "label": np.full(rows.num_rows, np.nan),
            "prediction": np.where(score >= THRESHOLD, 1.0, 0.0),
        }
        for role in ("label", "prediction") if labelled else ("prediction",):
            if role in columns.columns:
                name = columns.columns[role]
                found[role] = question.answers(rows[name], role=role, column=name)
        known = ~_missing(found["prediction"])
        if question.task != "regression":
            known &= ~np.isnan(score)
        if labelled:
            known &= ~_missing(found["label"])
        return cls(question.task, found["label"], found["prediction"], score, known)

    def of_rows(self, rows: Codes) -> Self:
        """The same of some rows."""
        return type(self)(
            self.task,
            self.label[rows],
            self.prediction[rows],
            self.score[rows],
            self.known[rows],
        )

    def realised(self) -> dict[str, Metric]:
        """The metrics that the labels show."""
        score = None if self.task == "regression" else self.score
        return metrics(
            Outcomes.of(self.task, label=self.label, prediction=self.prediction, score=score)
        )


def scores_of(values: Values, *, column: str) -> Floats:
    """Probabilities, shape ``(rows,)``, NaN where missing. Raises UnusableAnswer."""
    found = _numbers(values, "score", column)
    outside = (found < 0) | (found > 1)
    if outside.any():
        raise UnusableAnswer.no_probability(column, float(found[outside][0]))
    return found


def _task_of(label: Values, prediction: Values | None, score: Values | None) -> Task:
    if is_numeric(label.type):
        known = np.unique(_numbers(label, "label", "label"))
        known = known[~np.isnan(known)]
        if known.size > _MOST_CLASSES or not np.array_equal(known, np.round(known)):
            return "regression"
    names = categories(label, column="label")[1]
    answers = [] if prediction is None else categories(prediction, column="prediction")[1]
    if _are_spelled(names):
        # A prediction with fractions is a score in the wrong place: `answers` says so.
        fractions = prediction is not None and pa.types.is_floating(prediction.type)
        return "binary" if _are_spelled(answers) or fractions else "multiclass"
    two = len(names) == 2 and (set(answers) <= {*names} or _are_spelled(answers))
    return "binary" if two and score is not None else "multiclass"


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = values == None if values.dtype == object else np.isnan(values)  # noqa: E711
    return found


def _are_spelled(names: Iterable[str]) -> bool:
    return all(name.lower() in SPELLED for name in names)


def _numbers(values: Values, role: str, column: str) -> Floats:
    if not (is_numeric(values.type) or pa.types.is_null(values.type)):
        raise UnusableAnswer.not_numeric(role, column, values.type)
    return np.asarray(numbers(values, column=column), np.float64)


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _short(name: str) -> str:
    return repr(name if len(name) <= _SHOWN_CHARACTERS else name[:_SHOWN_CHARACTERS] + "...")
