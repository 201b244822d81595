"""Labels, predictions and scores of a table as the statistics take them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.standalone.reading.classes import ByName, Classes, understood
from monitoring_dagster.standalone.reading.question import Role, Roles, UnclearRole
from monitoring_dagster.standalone.reading.written_values import (
    MOST_INVALID,
    SHOWN_IDS,
    THRESHOLD,
    UnclearClasses,
    Written,
    left_out,
    number,
    refuse_most,
    short,
)
from monitoring_dagster.stats.columns.values import Codes, Floats, categories, is_numeric, numbers
from monitoring_dagster.stats.quality.labelled_rows import ROUNDING, Task
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import Metric, metrics

_LOOKED_AT, _MOST_NAMES = 10_000, 1_000  # as many different numbers are measured, not named

Values: TypeAlias = pa.ChunkedArray


class UnusableAnswer(MonitoringError):
    """A label, prediction or score that its task does not know."""

    @classmethod
    def not_numeric(cls, role: str, column: str, arrow_type: object) -> Self:
        return cls(f"the {role}, column {column!r}, is {arrow_type}: give numbers")


@dataclass(frozen=True, slots=True)
class PredictedTarget:
    """What is predicted: learnt from the reference, asked of any rows."""

    classes: Classes

    @property
    def task(self) -> Task:
        return self.classes.task

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
        """From what the caller says, and else from the values.

        Raises
        ------
        UnclearClasses
            The positive label is not there, or two are and no score tells which it is.
        """
        written = [None if one is None else _written(one) for one in (label, prediction)]

        def by_name() -> ByName:
            assert score is not None
            known = _numbers(score, "score", "score")
            means = [{} if one is None else _means(one, known) for one in (label, prediction)]
            least = known[~np.isnan(known)]
            return ByName(means[0], means[1], float(least.min()) if least.size else 0.0)

        return cls(
            understood(
                written[0] or Written({}),
                written[1],
                scores=None if score is None else by_name,
                task=task,
                positive=positive,
            )
        )

    def answers(
        self, values: Values, *, role: str, column: str, warnings: list[str]
    ) -> NDArray[Any]:
        """Labels or predictions as the statistics take them, shape ``(rows,)``: numbers, NaN where
        missing, for binary (0 and 1) and regression, where infinite ones count as missing; names,
        None where missing, for multiclass.

        What the task does not know counts as missing, which is one of the *warnings*. Raises
        UnusableAnswer where it is more than one value in twenty.
        """
        if self.task == "regression":
            found_numbers = _numbers(values, role, column, warnings)
            return np.where(np.isfinite(found_numbers), found_numbers, np.nan)
        codes, names = categories(values, column=column)
        meant = [self.classes.of(name, role) for name in names]
        strange = [name for name, value in zip(names, meant, strict=True) if value is None]
        rows = np.array([*(value is None for value in meant), False])[codes]
        if strange:
            self.classes.refuse_many(_counted(codes, names), role)
            warnings.append(_left_out(f"{role}s of {column!r} that are no class", rows, strange[0]))
        if self.task == "multiclass":
            self._compare(_counted(codes, names), role, warnings)
            return np.array([*meant, None], dtype=object)[codes]
        as_numbers = [np.nan if value is None else float(value) for value in meant]
        return np.array([*as_numbers, np.nan])[codes]

    def _compare(self, written: Written, role: str, warnings: list[str]) -> None:
        """Say how many are of a class that the reference does not have; refuse where all are."""
        known = set(self.classes.names.values())
        strange = [name for name in written.names if self.classes.of(name, role) not in known]
        if strange and len(strange) == len(written.names):
            raise UnclearClasses.nothing_shared(known, strange)
        if strange and not written.is_few(strange):
            warnings.append(
                f"{written.share(strange):.1%} of the {role}s are of a class that the reference"
                f" does not have, such as {short(strange[0])}"
            )


@dataclass(frozen=True, slots=True)
class Answers:
    """Labels, predictions and scores of some rows, as the statistics take them."""

    task: Task
    label: NDArray[Any]  # shape (rows,), as are the others; all missing where none was asked for
    prediction: NDArray[Any]
    score: Floats  # all NaN in a regression
    usable: NDArray[np.bool_]  # which rows have what an estimate needs

    @classmethod
    def of(
        cls,
        rows: pa.Table,
        target: PredictedTarget,
        columns: Roles,
        *,
        labelled: bool,
        warnings: list[str],
    ) -> Self:
        """Of *rows*, whose labels are only looked at where they are *labelled*; what is left out
        is one of the *warnings*.

        Raises
        ------
        UnusableAnswer, NoProbability
            More than a few values that the task does not know.
        """
        score = np.full(rows.num_rows, np.nan)
        if target.task != "regression":
            score = scores_of(
                rows[columns.columns["score"]], column=columns.columns["score"], warnings=warnings
            )
        found: dict[str, NDArray[Any]] = {
            "label": np.full(rows.num_rows, np.nan),
            "prediction": np.where(score >= THRESHOLD, 1.0, 0.0),
        }
        for role in ("label", "prediction") if labelled else ("prediction",):
            if role in columns.columns:
                name = columns.columns[role]
                found[role] = target.answers(rows[name], role=role, column=name, warnings=warnings)
        known = ~_missing(found["prediction"])
        if target.task != "regression":
            known &= ~np.isnan(score)
        if labelled:
            known &= ~_missing(found["label"])
        return cls(target.task, found["label"], found["prediction"], score, known)

    def of_rows(self, rows: Codes) -> Self:
        """The same of some rows."""
        return type(self)(
            self.task,
            self.label[rows],
            self.prediction[rows],
            self.score[rows],
            self.usable[rows],
        )

    def realised(self) -> dict[str, Metric]:
        """The metrics that the labels show."""
        score = None if self.task == "regression" else self.score
        return metrics(
            Outcomes.of(self.task, label=self.label, prediction=self.prediction, score=score)
        )


def scores_of(values: Values, *, column: str, warnings: list[str]) -> Floats:
    """Probabilities, shape ``(rows,)``, NaN where missing.

    A few that are none count as missing, which is one of the *warnings*. Raises NoProbability,
    UnusableAnswer.
    """
    found = _numbers(values, "score", column, warnings)
    outside = (found < -ROUNDING) | (found > 1 + ROUNDING)
    if outside.any():
        known = found[~np.isnan(found)]
        least, most = float(known.min()), float(known.max())
        refuse_most(column, int(outside.sum()), known.size, least=least, most=most)
        warnings.append(
            _left_out(f"scores of {column!r} that are no probability", outside, found[outside][0])
        )
    return np.where(outside, np.nan, np.clip(found, 0, 1))


def _written(values: Values) -> Written:
    kind = values.type
    if pa.types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    some = values.drop_null().slice(0, _LOOKED_AT)
    if is_numeric(kind) and pc.count_distinct(some).as_py() > _MOST_NAMES:
        return Written(_counted(*categories(some, column="")).rows, measured=True)
    found = _counted(*categories(values, column=""))
    is_many = len(found.rows) > _MOST_NAMES
    return Written(found.rows, is_many and (is_numeric(kind) or found.numbers is not None))


def _counted(codes: Codes, names: list[str]) -> Written:
    rows = np.bincount(codes[codes >= 0], minlength=len(names))
    return Written(dict(zip(names, rows.tolist(), strict=True)))


def _means(values: Values, scores: Floats) -> dict[str, float]:
    """The mean score of the rows with each value; without those that have none."""
    codes, names = categories(values, column="")
    known = (codes >= 0) & ~np.isnan(scores)
    rows = np.bincount(codes[known], minlength=len(names))
    sums = np.bincount(codes[known], scores[known], minlength=len(names))
    return {name: sums[i] / rows[i] for i, name in enumerate(names) if rows[i]}


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = values == None if values.dtype == object else np.isnan(values)  # noqa: E711
    return found


def _numbers(values: Values, role: str, column: str, warnings: list[str] | None = None) -> Floats:
    """Numbers, NaN where missing, also of text; the few that are none are *warnings*."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _of_text(values, role, column, warnings)
    if not (is_numeric(kind) or pa.types.is_null(kind) or pa.types.is_boolean(kind)):
        raise UnusableAnswer.not_numeric(role, column, kind)
    return np.asarray(numbers(values, column=column), np.float64)


def _of_text(values: Values, role: str, column: str, warnings: list[str] | None) -> Floats:
    codes, names = categories(values, column=column)
    found = [number(name) for name in names]
    words = {name for name, one in zip(names, found, strict=True) if one is None and name.strip()}
    strange = np.array([*(name in words for name in names), False])[codes]
    count = int(strange.sum())
    if count > max(1, MOST_INVALID * (codes >= 0).sum()) or (words and len(words) == len(names)):
        raise UnusableAnswer.not_numeric(role, column, values.type)
    if count and warnings is not None:
        warnings.append(_left_out(f"{role}s of {column!r} that are no number", strange, min(words)))
    return np.array([*(np.nan if one is None else one for one in found), np.nan])[codes]


def _left_out(what: str, rows: NDArray[np.bool_], example: object) -> str:
    shown = short(example) if isinstance(example, str) else f"{example:.4g}"
    return left_out(
        f"{what}, such as {shown}",
        int(rows.sum()),
        "row",
        np.flatnonzero(rows)[:SHOWN_IDS].tolist(),
    )


_NEEDED: Mapping[Task, tuple[Role, ...]] = {
    "binary": ("score",),
    "multiclass": ("prediction", "score"),
    "regression": ("prediction",),
}


def target_of(
    past: pa.Table, columns: Roles, task: Task | None, positive: str | None
) -> PredictedTarget:
    """What is predicted; refused where a column that its task needs is missing."""
    label, prediction, score = (
        past[columns.columns[role]] if role in columns.columns else None
        for role in ("label", "prediction", "score")
    )
    target = PredictedTarget.of(
        label, prediction=prediction, score=score, task=task, positive=positive
    )
    for role in _NEEDED[target.task]:
        if role not in columns.columns:
            raise UnclearRole.missing(role, table="the reference", available=past.column_names)
    return target
