"""Labels, predictions and scores of a table as the statistics take them."""

from collections.abc import Callable, Mapping, Sequence
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
    is_text,
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
    def not_numeric(cls, role: str, column: str, arrived: object) -> Self:
        if role == "score":
            return cls(
                f"column {column!r} is {arrived}, and a score is a probability, 0 to 1:"
                " name another column with --score"
            )
        return cls(f"the {role}, column {column!r}, is {arrived}: give numbers")


Say: TypeAlias = Callable[[str, NDArray[np.bool_]], object]  # what is left out, of which rows


def by_row(warnings: list[str]) -> Say:
    """Warn of what is left out, by the places of its rows."""
    return lambda what, rows: warnings.append(
        left_out(what, int(rows.sum()), "row", np.flatnonzero(rows)[:SHOWN_IDS].tolist())
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
        classes: Classes,
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
        if classes.task != "regression":
            column = columns.columns["score"]
            everywhere = np.ones(rows.num_rows, bool)
            score, _ = scores_of(rows[column], column, known=everywhere, say=by_row(warnings))
        found: dict[str, NDArray[Any]] = {
            "label": np.full(rows.num_rows, np.nan),
            "prediction": np.where(score >= THRESHOLD, 1.0, 0.0),
        }
        for role in ("label", "prediction") if labelled else ("prediction",):
            if role in columns.columns:
                name = columns.columns[role]
                found[role] = _answers(rows[name], classes, role, name, warnings)
        known = ~_missing(found["prediction"])
        if classes.task != "regression":
            known &= ~np.isnan(score)
        if labelled:
            known &= ~_missing(found["label"])
        return cls(classes.task, found["label"], found["prediction"], score, known)

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


def _answers(
    values: Values, classes: Classes, role: str, column: str, warnings: list[str]
) -> NDArray[Any]:
    """Labels or predictions as the statistics take them, shape ``(rows,)``: numbers, NaN where
    missing, for binary (0 and 1) and regression; names, None where missing, for multiclass.

    What the task does not know counts as missing, which is one of the *warnings*. Raises
    UnusableAnswer, UnclearClasses where it is more than one value in twenty.
    """
    say, everywhere = by_row(warnings), np.ones(len(values), bool)
    if classes.task == "regression":
        return measures(values, role, column, known=everywhere, say=say)
    codes, names = categories(values, column=column)
    there = _counted(codes, names)
    if any(classes.of(name, role) is None for name in names):
        classes.refuse_many(there, role)
    meant = named(codes, names, classes, role, column, known=everywhere, say=say)
    if classes.task == "multiclass":
        _compare(there, classes, role, warnings)
        return np.array([*meant, None], dtype=object)[codes]
    return np.array([*(np.nan if one is None else float(one) for one in meant), np.nan])[codes]


def _compare(there: Written, classes: Classes, role: str, warnings: list[str]) -> None:
    """Say how many are of a class that the reference does not have; refuse where all are."""
    known = set(classes.names.values())
    strange = [name for name in there.names if classes.of(name, role) not in known]
    if strange and len(strange) == len(there.names):
        raise UnclearClasses.nothing_shared(known, strange)
    if strange and not there.is_few(strange):
        warnings.append(
            f"{there.share(strange):.1%} of the {role}s are of a class that the reference"
            f" does not have, such as {short(strange[0])}"
        )


def scores_of(
    values: Values, column: str, *, known: NDArray[np.bool_], say: Say
) -> tuple[Floats, NDArray[np.bool_]]:
    """Probabilities, NaN where missing or none; and which rows have something that is none. All of
    shape ``(rows,)``, as are the rows that are *known*: of the others nothing is said.

    Raises
    ------
    NoProbability, UnusableAnswer
        More than one in twenty is none.
    """
    found, words = _read(values, "score", column, known=known, say=say)
    outside = (found < -ROUNDING) | (found > 1 + ROUNDING)
    if (odd := outside & known).any():
        there = found[known & ~np.isnan(found)]
        least, most = float(there.min()), float(there.max())
        refuse_most(column, int(odd.sum()), there.size, least=least, most=most)
        say(f"scores of {column!r} that are no probability, such as {found[odd][0]:.4g}", odd)
    return np.where(outside, np.nan, np.clip(found, 0, 1)), outside | words


def measures(
    values: Values, role: str, column: str, *, known: NDArray[np.bool_], say: Say
) -> Floats:
    """Finite numbers, NaN where there is none, shape ``(rows,)``. Raises UnusableAnswer where more
    than one value in twenty of the *known* rows is none."""
    found, _ = _read(values, role, column, known=known, say=say)
    if (odd := np.isinf(found) & known).any():
        say(f"{role}s of {column!r} that are no number, such as '{found[odd][0]}'", odd)
    return np.where(np.isfinite(found), found, np.nan)


def named(
    codes: Codes,
    names: Sequence[str],
    classes: Classes,
    role: str,
    column: str,
    *,
    known: NDArray[np.bool_],
    say: Say,
) -> list[str | None]:
    """The class that each of the *names* is; None of a name in *known* rows that is none."""
    meant = [classes.of(name, role) for name in names]
    strange = np.array([*(one is None for one in meant), False])[codes] & known
    if strange.any():
        least = min(names[code] for code in np.unique(codes[strange]))
        say(f"{role}s of {column!r} that are no value of a {classes.task} task, such as"
            f" {short(least)}", strange)  # fmt: skip
    return meant


def written(values: Values) -> Written:
    """What a column holds, by its distinct values."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    some = values.drop_null().slice(0, _LOOKED_AT)
    if is_numeric(kind) and pc.count_distinct(some).as_py() > _MOST_NAMES:
        return Written(_counted(*categories(some, column="")).rows, measured=True)
    found = _counted(*categories(values, column=""))
    is_many = len(found.rows) > _MOST_NAMES
    return Written(found.rows, is_many and (is_numeric(kind) or found.numbers is not None))


def _counted(codes: Codes, names: Sequence[str]) -> Written:
    rows = np.bincount(codes[codes >= 0], minlength=len(names))
    return Written(dict(zip(names, rows.tolist(), strict=True)))


def mean_scores(values: Values, scores: Floats) -> dict[str, float]:
    """The mean score of the rows with each value; without those that have none."""
    codes, names = categories(values, column="")
    known = (codes >= 0) & ~np.isnan(scores)
    rows = np.bincount(codes[known], minlength=len(names))
    sums = np.bincount(codes[known], scores[known], minlength=len(names))
    return {name: sums[i] / rows[i] for i, name in enumerate(names) if rows[i]}


def lowest(scores: Floats) -> float:
    """The lowest score; 0 where there is none."""
    return float(np.nanmin(scores, initial=np.inf)) if not np.isnan(scores).all() else 0.0


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = values == None if values.dtype == object else np.isnan(values)  # noqa: E711
    return found


def numbers_of(values: Values, role: str, column: str) -> Floats:
    """Numbers, NaN where there is none, also of text, shape ``(rows,)``. Raises UnusableAnswer."""
    everywhere = np.ones(len(values), bool)
    return _read(values, role, column, known=everywhere, say=lambda what, rows: None)[0]


def _read(
    values: Values, role: str, column: str, *, known: NDArray[np.bool_], say: Say
) -> tuple[Floats, NDArray[np.bool_]]:
    """Numbers, NaN where missing or none; and which rows hold words."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    if not is_text(kind):
        if not (is_numeric(kind) or pa.types.is_null(kind) or pa.types.is_boolean(kind)):
            raise UnusableAnswer.not_numeric(role, column, kind)
        return np.asarray(numbers(values, column=column), np.float64), np.zeros(len(values), bool)
    codes, names = categories(values, column=column)
    found = [number(name) for name in names]
    is_word = [one is None and bool(name.strip()) for name, one in zip(names, found, strict=True)]
    words = np.array([*is_word, False])[codes]
    odd, rows = words & known, int(((codes >= 0) & known).sum())
    if odd.sum() > max(1, MOST_INVALID * rows) or (odd.any() and odd.sum() == rows):
        raise UnusableAnswer.not_numeric(role, column, kind)
    if odd.any():
        example = short(min(names[code] for code in np.unique(codes[odd])))
        say(f"{role}s of {column!r} that are no number, such as {example}", odd)
    return np.array([*(np.nan if one is None else one for one in found), np.nan])[codes], words


_NEEDED: Mapping[Task, tuple[Role, ...]] = {
    "binary": ("score",),
    "multiclass": ("prediction", "score"),
    "regression": ("prediction",),
}


def classes_of(past: pa.Table, columns: Roles, task: Task | None, positive: str | None) -> Classes:
    """What is predicted, learnt from the *past*: as the caller says, and else from the values.

    Raises
    ------
    UnclearClasses
        The positive label is not there, or two are and no score tells which it is.
    UnclearRole
        A column that the task needs is missing.
    """
    label, prediction, score = (
        past[columns.columns[role]] if role in columns.columns else None
        for role in ("label", "prediction", "score")
    )
    sides = [None if one is None else written(one) for one in (label, prediction)]

    def by_name() -> ByName:
        known = numbers_of(score, "score", columns.columns["score"])
        means = [{} if one is None else mean_scores(one, known) for one in (label, prediction)]
        return ByName(means[0], means[1], lowest(known))

    found = understood(
        sides[0] or Written({}),
        sides[1],
        scores=None if score is None else by_name,
        task=task,
        positive=positive,
    )
    for role in _NEEDED[found.task]:
        if role not in columns.columns:
            raise UnclearRole.missing(role, table="the reference", available=past.column_names)
    return found
