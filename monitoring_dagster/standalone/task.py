"""Which task are these labels and predictions of?  Guessed from their values."""

from collections.abc import Iterable
from typing import Self

import numpy as np
import pyarrow as pa

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.spec import Task
from monitoring_dagster.stats.values import Floats, categories, is_numeric, numbers

_MOST_CLASSES = 20  # more different numbers are measured rather than named


class UnclearTask(MonitoringError):
    """What the values are cannot be seen in them."""

    @classmethod
    def scores_or_numbers(cls) -> Self:
        return cls(
            "labels are 0 and 1, and predictions lie between: name their column with --score if"
            " they are probabilities, or say --task regression"
        )

    @classmethod
    def two_names(cls, names: Iterable[str]) -> Self:
        return cls(
            f"labels are {' and '.join(map(repr, names))}: say with --positive which one the score"
            " is the probability of, or --task multiclass if it is that of the predicted one"
        )

    @classmethod
    def without_prediction(cls, task: Task) -> Self:
        return cls(
            f"there is a score and no prediction, and the task is {task}: say what was predicted,"
            " and name its column with --prediction"
        )


def inferred_task(
    label: pa.ChunkedArray, prediction: pa.ChunkedArray, *, is_scored: bool = False
) -> Task:
    """The task that values without nulls look like.

    Labels and predictions that are all 0 and 1 (or false and true) are binary; words, and at most
    20 different whole numbers, multiclass; all other numbers are of a regression.

    Raises
    ------
    UnclearTask
        Labels of 0 and 1 beside fractions between them; two other names, beside a score.

    >>> import pyarrow as pa
    >>> inferred_task(pa.chunked_array([[0, 1]]), pa.chunked_array([[True, True]]))
    'binary'
    """
    truth, answer = _as_numbers(label), _as_numbers(prediction)
    if truth is None or answer is None:
        names = sorted(categories(label, column="label")[1])
        if is_scored and len(names) == 2:
            raise UnclearTask.two_names(names)
        return "multiclass"
    both = np.unique(np.concatenate([truth, answer]))
    if np.isin(both, (0, 1)).all():
        return "binary"
    is_whole = bool((both == np.trunc(both)).all())
    if (
        truth.size
        and np.isin(truth, (0, 1)).all()
        and not is_whole
        and 0 <= both[0] <= both[-1] <= 1
    ):
        raise UnclearTask.scores_or_numbers()
    return "multiclass" if is_whole and both.size <= _MOST_CLASSES else "regression"


def read_as(task: Task, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values as the task counts them: a regression's numbers may have come as text."""
    is_text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    return values.cast(pa.float64()) if task == "regression" and is_text else values


def _as_numbers(values: pa.ChunkedArray) -> Floats | None:
    """None for words."""
    if not is_numeric(values.type) and values.type != pa.bool_() and values.type != pa.null():
        try:
            values = values.cast(pa.float64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return None
    return numbers(values, column="label").astype(np.float64)
