"""How did predictions turn out?  Counts and sums per group of labelled rows, that add up."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.accumulate import MAX_SEGMENT_VALUES, MISSING, OTHER
from monitoring_dagster.stats.column_profile import merge_moments, order
from monitoring_dagster.stats.profile import Group
from monitoring_dagster.stats.values import Codes, Floats, categories, numbers

Task: TypeAlias = Literal["binary", "multiclass", "regression"]

SCORE_BINS = 8192
_LARGEST_LOG_ODDS = 16.0  # 1e-7 from 0 and 1


class UnusableOutcome(MonitoringError):
    """A label, prediction or score is none for this task."""

    @classmethod
    def not_binary(cls, role: str, value: object) -> Self:
        return cls(
            f"{role} {value!r} is neither 0 nor 1: write 0 and 1 (or false and true),"
            " or declare `task: multiclass`"
        )

    @classmethod
    def no_probability(cls, value: object) -> Self:
        return cls(f"score {value!r} lies outside 0 to 1: log the probability, not a raw score")

    @classmethod
    def other_task(cls, left: str, right: str) -> Self:
        return cls(f"outcomes of task {left} and {right} cannot be added: evaluate them apart")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Labelled rows of one group. `Outcomes(task)` is neutral under `+`.

    Rows without a label or without a prediction are left out; scores may be missing.
    """

    task: Task
    cells: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (label, prediction): rows
    sums: Mapping[str, float] = field(default_factory=dict)
    # By bin of the score's log-odds: rows the score was wrong and right about. Right means label 1
    # (binary) or prediction equal to label (multiclass).
    scores: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    label: tuple[float, float, float] = (0.0, 0.0, 0.0)  # n, mean, m2; regression alone

    @classmethod
    def of(
        cls,
        task: Task,
        *,
        label: ArrayLike | pa.Array,
        prediction: ArrayLike | pa.Array,
        score: ArrayLike | pa.Array | None = None,
    ) -> Self:
        """Count labelled rows.

        Parameters
        ----------
        label, prediction
            Shape ``(rows,)``. 0 and 1 for binary, names for multiclass, numbers for regression.
        score
            Probability of class 1 (binary) or of the predicted class (multiclass), 0 to 1.

        Raises
        ------
        UnusableOutcome
            A binary label or prediction is neither 0 nor 1, or a score is no probability.
        """
        rows = _encoded(task, label=label, prediction=prediction, score=score)
        return cls._counted(rows, np.arange(rows.count))

    @classmethod
    def _counted(cls, rows: "_Numbers | _Classes", chosen: Codes) -> Self:
        """The *chosen* ones of encoded rows."""
        if isinstance(rows, _Numbers):
            return cls._of_numbers(rows.label[chosen], rows.prediction[chosen])
        pairs, counts = np.unique(rows.pair[chosen], return_counts=True)
        cells = {
            rows.cells[pair]: n
            for pair, n in zip(pairs.tolist(), counts.tolist(), strict=True)
            if pair >= 0
        }
        if rows.scored is None:
            return cls(rows.task, cells)
        scored = chosen[rows.scored[chosen]]
        places, counts = np.unique(rows.place[scored], return_counts=True)
        scores: dict[int, tuple[int, int]] = {}
        for place, n in zip(places.tolist(), counts.tolist(), strict=True):
            bin_, right = divmod(place, 2)
            wrong = scores.get(bin_, (0, 0))[0]  # places ascend: wrong comes before right
            scores[bin_] = (wrong, n) if right else (n, 0)
        sums = {name: float(values[scored].sum()) for name, values in rows.summands.items()}
        return cls(rows.task, cells, {"scored": float(scored.size), **sums}, scores)

    @classmethod
    def _of_numbers(cls, label: NDArray[Any], prediction: NDArray[Any]) -> Self:
        known = ~(np.isnan(label) | np.isnan(prediction))
        y = label[known].astype(np.float64)
        error = prediction[known] - y
        share = np.abs(error[y != 0] / y[y != 0])
        n, mean = float(y.size), float(y.mean()) if y.size else 0.0
        sums = {
            "error": error.sum(),
            "absolute": np.abs(error).sum(),
            "square": np.square(error).sum(),
            "fourth": (error**4).sum(),
            "share": share.sum(),
            "share_square": np.square(share).sum(),
            "nonzero": share.size,
        }
        return cls(
            "regression",
            sums={name: float(value) for name, value in sums.items()},
            label=(n, mean, float(np.square(y - mean).sum())),
        )

    @property
    def n(self) -> int:
        """Rows with a label and a prediction."""
        return int(self.label[0]) if self.task == "regression" else sum(self.cells.values())

    def __add__(self, other: Self) -> Self:
        if self.task != other.task:
            raise UnusableOutcome.other_task(self.task, other.task)
        scores = dict(self.scores)
        for bin_, (wrong, right) in other.scores.items():
            before = scores.get(bin_, (0, 0))
            scores[bin_] = (before[0] + wrong, before[1] + right)
        n, mean, m2 = merge_moments(np.array(self.label), np.array(other.label)).tolist()
        return type(self)(
            self.task,
            dict(Counter(self.cells) + Counter(other.cells)),
            {
                name: self.sums.get(name, 0.0) + other.sums.get(name, 0.0)
                for name in {**self.sums, **other.sums}
            },
            scores,
            (n, mean, m2),
        )


def score_of_bin(bins: ArrayLike) -> Floats:
    """The probability in the middle of each score bin: bins are equal in log-odds.

    So scores of rare events are told apart as well as those near one half.
    """
    middle = (np.asarray(bins) + 0.5) / SCORE_BINS * 2 - 1
    probability: Floats = 1 / (1 + np.exp(-middle * _LARGEST_LOG_ODDS))
    return probability


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Rows of a regression."""

    label: NDArray[Any]
    prediction: NDArray[Any]

    @property
    def count(self) -> int:
        return int(self.label.size)


@dataclass(frozen=True, slots=True)
class _Classes:
    """Rows of a classification, encoded once: any selection is counted from these arrays."""

    task: Task
    pair: Codes  # index into cells; -1 without a label or a prediction
    cells: Sequence[tuple[str, str]]
    scored: NDArray[np.bool_] | None = None  # None where there is no score at all
    place: Codes = field(default_factory=lambda: np.empty(0, np.intp))  # 2 * bin, + 1 if right
    summands: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return int(self.pair.size)


def _encoded(
    task: Task,
    *,
    label: ArrayLike | pa.Array,
    prediction: ArrayLike | pa.Array,
    score: ArrayLike | pa.Array | None,
) -> _Numbers | _Classes:
    labels, predictions = _arrow(label), _arrow(prediction)
    if task == "regression":
        return _Numbers(numbers(labels, column="label"), numbers(predictions, column="prediction"))
    codes, names = categories(labels, column="label")
    answers, answer_names = categories(predictions, column="prediction")
    if task == "binary":
        names = [_zero_or_one(name, "label") for name in names]
        answer_names = [_zero_or_one(name, "prediction") for name in answer_names]
    known = (codes >= 0) & (answers >= 0)
    # Two spellings of one name ("1" and "true") are one class.
    cells = sorted({(a, b) for a in names for b in answer_names})
    index = {cell: i for i, cell in enumerate(cells)}
    cell_of = np.array([[index[a, b] for b in answer_names] or [-1] for a in names] or [[-1]])
    pair = np.where(known, cell_of[codes, answers], -1)
    if score is None:
        return _Classes(task, pair, cells)
    given = numbers(_arrow(score), column="score").astype(np.float64)
    scored = known & ~np.isnan(given)
    right = np.array([a == ("1" if task == "binary" else b) for a, b in cells] or [False])[pair]
    value = np.where(scored, given, 0.5)
    if not (value.min(initial=0) >= 0 and value.max(initial=1) <= 1):
        raise UnusableOutcome.no_probability(float(value[(value < 0) | (value > 1)][0]))
    with np.errstate(divide="ignore"):
        log_odds = (np.log(value) - np.log1p(-value)) / _LARGEST_LOG_ODDS
    bins = np.clip((log_odds + 1) / 2 * SCORE_BINS, 0, SCORE_BINS - 1).astype(np.intp)
    summands = {"score": value, "score_square": np.square(value)}
    if task == "binary":
        eps = np.finfo(np.float64).eps
        loss = -np.log(np.clip(np.where(right, value, 1 - value), eps, 1 - eps))
        brier = np.square(value - right)
        summands |= {"log_loss": loss, "log_loss_square": np.square(loss)}
        summands |= {"brier": brier, "brier_square": np.square(brier)}
    return _Classes(task, pair, cells, scored, bins * 2 + right, summands)


def _arrow(values: ArrayLike | pa.Array) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    return pa.array(np.asarray(values), from_pandas=True)


def _zero_or_one(name: str, role: str) -> str:
    plain = {"0": "0", "0.0": "0", "false": "0", "1": "1", "1.0": "1", "true": "1"}.get(
        name.lower()
    )
    if plain is None:
        raise UnusableOutcome.not_binary(role, name)
    return plain


def outcomes_by_group(
    joined: pa.Table, *, task: Task, segments: Sequence[str] = ()
) -> dict[tuple[date, Group], Outcomes]:
    """Outcomes of labelled rows by the day of the prediction, version and segment value.

    Parameters
    ----------
    joined
        Columns `day`, `version`, `label`, `prediction`, *segments*, and `score` if there is one.
        Of more than 200 values of a segment those of lowest hash are kept, the rest is "(other)".
    """
    days = joined.column("day").combine_chunks().dictionary_encode()
    day_codes = days.indices.to_numpy(zero_copy_only=False)
    versions, version_names = _named(joined, "version")
    rows = _encoded(
        task,
        label=joined.column("label"),
        prediction=joined.column("prediction"),
        score=joined.column("score") if "score" in joined.column_names else None,
    )
    found = {}
    for segment in ("", *segments):
        values, value_names = _named(joined, segment) if segment else (versions * 0, [""])
        key = (day_codes * len(version_names) + versions) * len(value_names) + values
        for code, chosen in _by_code(key):
            rest, value = divmod(code, len(value_names))
            day, version = divmod(rest, len(version_names))
            group = Group(version_names[version], segment, value_names[value])
            found[days.dictionary[day].as_py(), group] = Outcomes._counted(rows, chosen)
    return found


def _named(table: pa.Table, column: str) -> tuple[Codes, list[str]]:
    codes, names = categories(table.column(column), column=column)
    kept = set(sorted(names, key=order)[:MAX_SEGMENT_VALUES])
    if len(names) <= len(kept):
        return np.where(codes < 0, len(names), codes), [*names, MISSING]
    short = [*sorted(kept), OTHER, MISSING]
    place = {name: i for i, name in enumerate(short)}
    recode = np.array([place.get(name, place[OTHER]) for name in names] + [place[MISSING]])
    return recode[codes], short


def _by_code(codes: Codes) -> Iterator[tuple[int, Codes]]:
    rows = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[rows], prepend=-1))
    for part in np.split(rows, starts[1:]) if rows.size else ():
        yield int(codes[part[0]]), part


_SCHEMA = pa.schema(
    [
        ("day", pa.date32()),
        *((name, pa.string()) for name in ("version", "segment", "value", "task")),
        (
            "cells",
            pa.list_(pa.struct({"label": pa.string(), "prediction": pa.string(), "n": pa.int64()})),
        ),
        ("sums", pa.map_(pa.string(), pa.float64())),
        (
            "scores",
            pa.list_(pa.struct({"bin": pa.int32(), "wrong": pa.int64(), "right": pa.int64()})),
        ),
        ("moments", pa.list_(pa.float64())),
    ]
)


def outcomes_to_table(outcomes: Mapping[tuple[date, Group], Outcomes]) -> pa.Table:
    """One row per day and group, for a file; `outcomes_from_table` reads it back."""
    records = [
        {
            "day": day,
            **group._asdict(),
            "task": one.task,
            "cells": [{"label": a, "prediction": b, "n": n} for (a, b), n in one.cells.items()],
            "sums": list(one.sums.items()),
            "scores": [
                {"bin": bin_, "wrong": wrong, "right": right}
                for bin_, (wrong, right) in one.scores.items()
            ],
            "moments": list(one.label),
        }
        for (day, group), one in outcomes.items()
    ]
    return pa.Table.from_pylist(records, schema=_SCHEMA)


def outcomes_from_table(table: pa.Table) -> dict[tuple[date, Group], Outcomes]:
    """The outcomes that `outcomes_to_table` wrote down."""
    return {
        (row["day"], Group(row["version"], row["segment"], row["value"])): Outcomes(
            row["task"],
            {(cell["label"], cell["prediction"]): cell["n"] for cell in row["cells"]},
            row["sums"],
            {score["bin"]: (score["wrong"], score["right"]) for score in row["scores"]},
            tuple(row["moments"]),
        )
        for row in table.to_pylist(maps_as_pydicts="strict")
    }
