"""Registration of a version, checked before anything of it is written."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from numbers import Real
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.errors import MonitoringError, did_you_mean
from monitoring_dagster.spec.metrics import METRICS, Task
from monitoring_dagster.stats.columns.values import (
    WrongType,
    categories,
    is_numeric,
    is_words,
    numbers,
)
from monitoring_dagster.stats.quality.labelled_rows import unusable

if TYPE_CHECKING:
    import pandas as pd

DAY = "day"  # the column of the reference table that tells its days apart
LABEL = "label"  # and the one that holds what turned out to be true, where that is known
_SHOWN_CHARACTERS = 40
_EARLIEST = date(1970, 1, 1)
_ALSO: Mapping[Task, tuple[str, ...]] = {
    "binary": ("base_rate", "mean_score"),
    "multiclass": ("mean_score",),
    "regression": ("r2",),
}  # metrics that are computed and that no rule may judge
_NOT_NEGATIVE = {"log_loss", "mae", "rmse", "mse", "mape"}
_ANY = (-math.inf, math.inf)


class RefusedRegistration(MonitoringError):
    """A version that could not be judged as its owner expects; nothing was registered."""

    @classmethod
    def of(cls, name: str, mistakes: Collection[str]) -> Self:
        return cls(f"no version of {shown(name)} was registered: {'; '.join(mistakes)}")


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody wants to register, beside the model itself."""

    task: Task
    features: "pd.DataFrame"
    reference: pa.Table
    training_window: tuple[date, date]
    metrics: Mapping[str, float]
    importances: Mapping[str, float]
    prediction: str  # the reference's column
    score: str | None  # the same; None: the inference log has none
    own_metrics: Collection[str]


def refuse_mistakes(name: str, one: Registration, *, today: date) -> None:
    """Let a registration pass that monitoring can work with.

    Raises
    ------
    RefusedRegistration
        With every mistake, the value in question and the way out.
    """
    if one.task not in get_args(Task):
        mistakes = [f"there is no task {shown(one.task)}. {_near(one.task, get_args(Task))}"]
    else:
        mistakes = [
            *_of_window(one.training_window, today),
            *_of_metrics(one),
            *_of_importances(one),
            *_of_reference(one),
        ]
    if mistakes:
        raise RefusedRegistration.of(name, mistakes)


def shown(value: object) -> str:
    """A value as an error repeats it."""
    return repr(str(value)[:_SHOWN_CHARACTERS])


def _near(word: object, known: Collection[str]) -> str:
    return did_you_mean(str(word)[:_SHOWN_CHARACTERS], known).rstrip(".")


def _of_window(window: object, today: date) -> Iterator[str]:
    form = "give the first and the last day of the training rows, as two dates"
    days = list(window) if isinstance(window, tuple | list) else []
    if len(days) != 2 or not all(type(day) is date for day in days):
        odd = next((day for day in days if type(day) is not date), window)
        kind = "a time" if isinstance(odd, datetime) else "no date"
        yield f"training_window holds {shown(odd)}, which is {kind}: {form}"
        return
    first, last = days
    if last < first:
        yield f"training_window ends on {last}, before it begins on {first}: {form}"
    elif first < _EARLIEST or last > today:
        bound = f"it is {today}" if last > today else f"no row is older than {_EARLIEST}"
        odd = last if last > today else first
        yield f"training_window holds {odd}, and {bound}: {form}"


def _of_metrics(one: Registration) -> Iterator[str]:
    known = {*METRICS[one.task], *_ALSO[one.task], *one.own_metrics}
    for name, value in one.metrics.items():
        if name not in known:
            yield (
                f"there is no metric {shown(name)} for task {one.task}. {_near(name, known)}"
                " (metrics of your own are named in own_metrics, as defs.yaml names them)"
            )
            continue
        wrong = _wrong_number(value)
        if wrong:
            yield f"metric {name} is {wrong}: leave it out where it is not known"
            continue
        low, high = _ANY if name in one.own_metrics else _range(one.task, name)
        if not low <= float(value) <= high:
            bounds = f"at least {low:g}" if high == math.inf else f"{low:g} to {high:g}"
            bounds = f"at most {high:g}" if low == -math.inf else bounds
            yield f"metric {name} is {float(value):g}, and can only be {bounds}: compute it anew"


def _range(task: Task, name: str) -> tuple[float, float]:
    if name in _NOT_NEGATIVE:
        return 0.0, math.inf
    if name == "bias":
        return _ANY if task == "regression" else (-1.0, 1.0)
    return (-math.inf, 1.0) if name == "r2" else (0.0, 1.0)


def _wrong_number(value: object) -> str:
    """What *value* is, where it is no finite number."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return f"{shown(value)}, which is no number"
    return "" if math.isfinite(value) else str(float(value))


def _of_importances(one: Registration) -> Iterator[str]:
    names = [str(name) for name in one.features.columns]
    for name, value in one.importances.items():
        if name not in names:
            yield f"importances name {shown(name)}, which is no feature. {_near(name, names)}"
        elif wrong := _wrong_number(value):
            yield f"the importance of {name} is {wrong}: leave it out where it is not known"


def _of_reference(one: Registration) -> Iterator[str]:
    table = one.reference
    if not isinstance(table, pa.Table):
        yield (
            f"the reference is a {type(table).__name__}: give a pyarrow.Table"
            " (pa.Table.from_pandas(rows, preserve_index=False))"
        )
        return
    if not table.num_rows or not len(one.features):
        what = "features" if table.num_rows else "the reference"
        yield f"{what} has no row: give the training rows, or a sample of them"
        return
    columns = table.column_names
    needed = {
        **{str(name): "a feature of the model" for name in one.features.columns},
        one.prediction: "what the model said, or the name that the inference log has for it"
        " as `prediction`",
        LABEL: "what turned out to be true",
        DAY: "the day of each row, as a date",
    }
    if one.score is not None and one.task != "regression":
        needed[one.score] = (
            "the probability of its answer, or the name that the inference log has for it as"
            " `score`; None where it logs none"
        )
    missing = [name for name in needed if name not in columns]
    for name in missing:
        near = [other for other in columns if other not in needed]
        yield f"the reference has no column {shown(name)} ({needed[name]}). {_near(name, near)}"
    twice = sorted({name for name in needed if columns.count(name) > 1})
    if twice:
        yield f"the reference has two columns {shown(twice[0])}: take one of them out"
    if not missing and not twice:
        yield from _of_features(one)
        yield from _of_days(one)
        yield from _of_answers(one)


def _of_features(one: Registration) -> Iterator[str]:
    for name in map(str, one.features.select_dtypes("number").columns):
        column = one.reference[name]
        try:
            has_none = is_words(column.type) and np.isnan(numbers(column, column=name)).all()
        except WrongType:
            has_none = True
        if has_none:
            yield (
                f"the reference's {shown(name)} arrives as {column.type}, and the model was fitted"
                " on numbers: give the rows as the model sees them"
            )


def _of_days(one: Registration) -> Iterator[str]:
    if DAY in one.features.columns:
        return  # its name is taken: the reference cannot tell its days apart
    column = one.reference[DAY]
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        if column.null_count == len(column):
            yield f"the reference's {DAY!r} holds nothing but missing values: give dates"
        return
    distinct = pc.drop_null(pc.unique(column)).to_pylist()
    odd = next((value for value in distinct if not _is_day(value)), None)
    if odd is not None or not distinct:
        found = shown(odd) if distinct else "nothing but missing values"
        yield f"the reference's {DAY!r} holds {found}, which is no day: give dates (2026-01-31)"


def _is_day(value: object) -> bool:
    try:
        date.fromisoformat(str(value)[:10])
    except ValueError:
        return False
    return True


def _of_answers(one: Registration) -> Iterator[str]:
    roles = {LABEL: LABEL, one.prediction: "prediction"}
    if one.score is not None and one.task != "regression":
        roles[one.score] = "score"
    for name, role in roles.items():
        yield from _of_answer(one, name, role)


def _of_answer(one: Registration, name: str, role: str) -> Iterator[str]:
    """What one column of labels, predictions or scores holds that is none of the task."""
    column = one.reference[name]
    form = {"score": "numbers from 0 to 1", "label": "numbers", "prediction": "numbers"}[role]
    if one.task == "binary" and role != "score":
        form = "0 and 1"
    try:
        codes, names = categories(column, column=name)
    except WrongType:
        yield f"the reference's {name!r} arrives as {column.type}: give {form}"
        return
    if not names:
        yield f"the reference's {name!r} holds nothing but missing values: give {form}"
        return
    if one.task == "regression" or role == "score":
        if not is_numeric(column.type):
            yield f"the reference's {name!r} holds {shown(names[0])}: give {form}"
            return
        column = pa.chunked_array([numbers(column, column=name).astype(np.float64)])
    wrong = _none_of_the_task(one.task, role, column)
    if wrong.any():
        example = names[codes[int(np.argmax(wrong))]]
        yield (
            f"the reference's {name!r} holds {shown(example)} in {int(wrong.sum()):,} of"
            f" {wrong.size:,} rows: give {form}"
        )
    elif role == LABEL and one.task != "regression" and len(names) < 2:
        yield (
            f"the reference's {name!r} holds nothing but {shown(names[0])}: without a second class"
            " nothing can be learnt from it; give rows of every class"
        )


def _none_of_the_task(task: Task, role: str, column: pa.ChunkedArray) -> Any:
    nothing = pa.nulls(len(column), pa.float64())
    if role == "score":
        return unusable("multiclass", label=nothing, prediction=nothing, score=column)
    return unusable(task, label=column, prediction=nothing)
