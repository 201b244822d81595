"""What do labelled rows say in numbers?  Rows in, counts and sums of any selection out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, Self, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.columns.values import Codes, Floats, arrow, categories, numbers
from monitoring_dagster.stats.inference.sums import Sum, sums_by_slot

Task: TypeAlias = Literal["binary", "multiclass", "regression"]
Cell: TypeAlias = tuple[str, str]  # label, prediction

SCORE_BINS = 8192
LARGEST_LOG_ODDS = 16.0  # 1e-7 from 0 and 1
ROUNDING = 1e-9  # of a probability: so far beyond 0 or 1 it is still one
_LABEL_BINS = 50  # an octave, so that each is 1.4 % wide; 40 octaves below 1 and 41 above it
_SINGLE_ROUNDING = 1e-6  # in single precision
_WHOLE = re.compile(r"-?[0-9]+\.0+")  # a whole number as a column of floats writes it
SPELLED = {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}  # binary values, lower case


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


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCounts:
    """Rows per bin of scores, or of a regression's labels, sparse: `bins` ascend and no count is 0.
    Neutral when empty."""

    bins: NDArray[np.int32]
    rows: NDArray[np.int64]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ScoreCounts)
            and np.array_equal(self.bins, other.bins)
            and np.array_equal(self.rows, other.rows)
        )

    def __bool__(self) -> bool:
        return self.bins.size > 0

    def __add__(self, other: Self) -> Self:
        both = np.zeros(SCORE_BINS, np.int64)
        both[self.bins] = self.rows
        both[other.bins] += other.rows
        bins = np.flatnonzero(both != 0)  # of booleans it is several times as quick
        return type(self)(bins.astype(np.int32), both[bins])

    def __neg__(self) -> Self:
        return type(self)(self.bins, -self.rows)


Counted: TypeAlias = tuple[dict[Cell, int], dict[Cell, ScoreCounts], dict[str, Sum]]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Rows made numbers once: they are counted by any slots from these arrays."""

    known: NDArray[np.bool_]  # rows with a label and a prediction
    names: Sequence[str] = ()  # of classes
    cell: Codes = field(default_factory=lambda: np.empty(0, np.intp))
    bins: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    summands: Mapping[str, Floats] = field(default_factory=dict)  # NaN where there is none

    def counted(self, slots: Codes, count: int) -> list[Counted]:
        """Cells, scores and sums of the rows of each slot."""
        found: list[Counted] = [({}, {}, {}) for _ in range(count)]
        if self.names:
            self._count(slots, found)
        for name, values in self.summands.items():
            for place, one in enumerate(sums_by_slot(values, slots, count)):
                if one:
                    found[place][2][name] = one
        return found

    def _count(self, slots: Codes, found: list[Counted]) -> None:
        classes = len(self.names)
        places = slots * classes**2 + self.cell
        for place, rows in zip(*_sizes(places[self.known]), strict=True):
            slot, cell = divmod(int(place), classes**2)
            found[slot][0][self._cell(cell)] = int(rows)
        if not self.bins.size:
            return
        keys, rows = _sizes((places * SCORE_BINS + self.bins)[self.bins >= 0])
        bins = (keys % SCORE_BINS).astype(np.int32)
        owners = keys // SCORE_BINS
        starts = np.flatnonzero(np.diff(owners, prepend=-1)).tolist()
        for start, end in pairwise([*starts, keys.size]):
            slot, cell = divmod(int(owners[start]), classes**2)
            found[slot][1][self._cell(cell)] = ScoreCounts(bins[start:end], rows[start:end])

    def _cell(self, code: int) -> Cell:
        label, prediction = divmod(code, len(self.names))
        return self.names[label], self.names[prediction]


def _sizes(keys: Codes) -> tuple[Codes, NDArray[np.int64]]:
    """The distinct keys, ascending, and the rows of each."""
    ranked = np.sort(keys)
    starts = np.flatnonzero(np.diff(ranked, prepend=-1))
    return ranked[starts], np.diff(starts, append=ranked.size)


def encoded(
    task: Task,
    *,
    label: ArrayLike | pa.Array,
    prediction: ArrayLike | pa.Array,
    score: ArrayLike | pa.Array | None,
    values: Mapping[str, pa.Array] | None = None,
    as_written: bool = False,
) -> Encoded:
    """Rows as numbers, and *values* as what is summed of them. Raises UnusableOutcome.

    Classes of labels and of predictions are spelled alike, unless they are left *as_written*: some
    of the rows do not tell how all of them are.
    """
    labels, predictions = arrow(label), arrow(prediction)
    if task == "regression":
        own = floats(labels, "label")
        # Of two numbers near the ends of what floats hold, and of two infinite ones: no error.
        with np.errstate(over="ignore", invalid="ignore"):
            error = floats(predictions, "prediction") - own
        known = ~np.isnan(error)
    else:
        names, truth, answer = _classes(labels, predictions, task=task, as_written=as_written)
        known = (truth >= 0) & (answer >= 0)
    more = {
        f"value:{name}": np.where(known, floats(column, name), np.nan)
        for name, column in (values or {}).items()
    }
    if task == "regression":
        bins = np.where(known, _bins_of_labels(own), -1)
        whole = np.zeros(known.size, np.intp)
        return Encoded(known, ("",), whole, bins, _of_errors(error, own) | more)
    cell = np.where(known, truth * len(names) + answer, 0)
    if score is None:
        return Encoded(known, names, cell, summands=more)
    given = np.where(known, probabilities(arrow(score), among=known), np.nan)
    with np.errstate(divide="ignore"):
        log_odds = (np.log(given) - np.log1p(-given)) / LARGEST_LOG_ODDS
    place = np.clip((log_odds + 1) / 2 * SCORE_BINS, 0, SCORE_BINS - 1)
    bins = np.where(np.isnan(given), -1, place).astype(np.int64)
    summands = {"score": given}
    if task == "binary":
        eps = np.finfo(np.float64).eps
        summands["log_loss"] = -np.log(np.clip(np.where(truth, given, 1 - given), eps, 1 - eps))
        summands["brier"] = np.square(given - truth)
    return Encoded(known, names, cell, bins, summands | more)


def _of_errors(error: Floats, label: Floats) -> dict[str, Floats]:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        share = np.where(label == 0, np.nan, np.abs(error / label))
        square = np.square(error)
    return {
        "error": error,
        "over": np.maximum(error, 0),
        "square": square,
        "share": share,
        "label": np.where(np.isnan(error), np.nan, label),
    }


def _bins_of_labels(label: Floats) -> NDArray[np.int64]:
    """Bins of equal width in the logarithm of a label's size: negative ones, zero, positive ones.

    The outermost ones hold what is too large for any.
    """
    with np.errstate(divide="ignore"):
        octave = np.log2(np.abs(np.where(np.isfinite(label), label, 0.0)))
    steps = np.floor(np.maximum(octave + 40, -1) * _LABEL_BINS).astype(np.int64)
    place = np.where(octave < -40, 0, np.minimum(steps + 1, SCORE_BINS // 2 - 1))
    place = np.where(octave >= 41, SCORE_BINS // 2 - 1, place)
    return SCORE_BINS // 2 + np.where(label < 0, -place, place)


def label_of_bin(bins: ArrayLike) -> Floats:
    """The label in the middle of each bin; infinite in the outermost, whose labels nobody knows.

    A half more or less is a bin's end.

    >>> label_of_bin([SCORE_BINS // 2, SCORE_BINS // 2 + 40 * 50 + 1]).round(3).tolist()
    [0.0, 1.007]
    """
    place = np.asarray(bins, np.float64) - SCORE_BINS // 2
    size = 2 ** ((np.abs(place) - 0.5) / _LABEL_BINS - 40)
    size = np.where(np.abs(place) < 0.5, 0.0, size)
    outermost = np.abs(place) >= SCORE_BINS // 2 - 1
    found: Floats = np.sign(place) * np.where(outermost, np.inf, size)
    return found


def _classes(
    label: pa.Array, prediction: pa.Array, *, task: Task, as_written: bool
) -> tuple[list[str], Codes, Codes]:
    """The names of classes, and the place of each row's label and prediction among them."""
    columns = {"label": label, "prediction": prediction}
    found = {role: categories(column, column=role) for role, column in columns.items()}
    own = {
        role: [str(zero_or_one(name, role)) for name in names] if task == "binary" else names
        for role, (_, names) in found.items()
    }
    if task != "binary" and not as_written:
        own = dict(zip(own, spelled_alike(*own.values()), strict=True))
    names = ["0", "1"] if task == "binary" else sorted({*own["label"], *own["prediction"]})
    place = {name: i for i, name in enumerate(names)}
    truth, answer = (
        np.array([*(place[name] for name in own[role]), -1])[codes]
        for role, (codes, _) in found.items()
    )
    return names, truth, answer


def floats(values: pa.Array | pa.ChunkedArray, column: str) -> Floats:
    """The values as floats, NaN where there is none; no copy where they are."""
    return numbers(values, column=column).astype(np.float64, copy=False)


def probabilities(
    values: pa.Array | pa.ChunkedArray, *, among: NDArray[np.bool_] | None = None
) -> Floats:
    """Scores, NaN where there is none; what rounding put beyond 0 or 1 is put back.

    Raises
    ------
    UnusableOutcome
        A score, of the rows *among* which is looked, is no probability.
    """
    read = numbers(values, column="score")
    room = _SINGLE_ROUNDING if read.dtype in (np.float32, np.float16) else ROUNDING
    given = read.astype(np.float64, copy=False)
    low, high = np.nanmin(given, initial=0), np.nanmax(given, initial=1)
    if low >= 0 and high <= 1:
        return given
    outside = (given < -room) | (given > 1 + room)
    wrong = given[outside if among is None else outside & among]
    if wrong.size:
        raise UnusableOutcome.no_probability(float(wrong[0]))
    return np.clip(given, 0, 1)


def unusable(
    task: Task,
    *,
    label: pa.Array | pa.ChunkedArray,
    prediction: pa.Array | pa.ChunkedArray,
    score: pa.Array | pa.ChunkedArray | None = None,
) -> NDArray[np.bool_]:
    """Rows whose label, prediction or score is none of the task, and is there; shape ``(rows,)``.

    >>> unusable("binary", label=pa.array([1, 2, None]), prediction=pa.array([1, 1, 1]))
    array([False,  True, False])
    """
    wrong = np.zeros(len(label), np.bool_)
    for role, column in (("label", label), ("prediction", prediction)):
        if task == "regression":
            wrong |= np.isinf(floats(column, role))
        elif task == "binary":
            codes, names = categories(column, column=role)
            wrong |= np.array([*(name.lower() not in SPELLED for name in names), False])[codes]
    if score is not None and task != "regression":
        given = floats(score, "score")
        wrong |= (given < -_SINGLE_ROUNDING) | (given > 1 + _SINGLE_ROUNDING)
    return wrong


def spelled_alike(*columns: Sequence[str]) -> list[list[str]]:
    """The classes of some columns, each written as the others write it.

    A column of floats writes class 2 as 2.0; true and 1 are one class where both are found.

    >>> spelled_alike(["1.0", "2.0"], ["1", "3"]), spelled_alike(["true", "false"], ["1"])
    ([['1', '2'], ['1', '3']], [['1', '0'], ['1']])
    >>> spelled_alike(["1.0", "2.0"], ["1.0"])
    [['1.0', '2.0'], ['1.0']]
    """
    found = [list(names) for names in columns]
    every = {name for names in found for name in names}
    truths = {name: SPELLED.get(name.lower()) for name in every}
    if None not in truths.values() and len({*truths.values()}) < len(every):
        return [[str(truths[name]) for name in names] for names in found]
    has_whole = [any(_WHOLE.fullmatch(name) for name in names) for names in found if names]
    if any(has_whole) and not all(has_whole):
        return [
            [name.partition(".")[0] if _WHOLE.fullmatch(name) else name for name in names]
            for names in found
        ]
    return found


def zero_or_one(name: str, role: str) -> int:
    """The binary value that a name spells.

    Raises
    ------
    UnusableOutcome
    """
    if name.lower() not in SPELLED:
        raise UnusableOutcome.not_binary(role, name)
    return SPELLED[name.lower()]
