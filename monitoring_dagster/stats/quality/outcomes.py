"""How did predictions turn out?  Counts and sums per group of labelled rows, that add up."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike

from monitoring_dagster.stats.columns.column_profile import order
from monitoring_dagster.stats.columns.groups import MAX_SEGMENT_VALUES, MISSING, OTHER, Group
from monitoring_dagster.stats.columns.values import Codes, Floats, categories, plain
from monitoring_dagster.stats.inference.sums import Sum
from monitoring_dagster.stats.quality.labelled_rows import (
    LARGEST_LOG_ODDS,
    SCORE_BINS,
    Cell,
    Encoded,
    ScoreCounts,
    Task,
    UnusableOutcome,
    encoded,
    floats,
    spelled_alike,
)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Labelled rows of one group, or a change to them. `Outcomes(task)` is neutral under `+`.

    A corrected label is a change: the old row taken away, the new one added. Counts of a change may
    be negative; added to what it changes they are true again, and as nothing is rounded, equal to
    those of the corrected rows. No entry is empty.
    """

    task: Task
    cells: Mapping[Cell, int] = field(default_factory=dict)  # rows, with a score or without
    # Rows by score; of a regression by label, all in one cell.
    scores: Mapping[Cell, ScoreCounts] = field(default_factory=dict)
    # Classification: score; binary also log_loss and brier, per row with a score.
    # Regression, per row: error (prediction - label), over (its positive part), square (of it),
    # share (|error / label|, without labels of 0), label.
    # Any task: values of its own, under their names with "value:" before.
    sums: Mapping[str, Sum] = field(default_factory=dict)

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
            Rows that lack one are left out.
        score
            Probability of class 1 (binary) or of the predicted class (multiclass), 0 to 1; may be
            missing.

        Raises
        ------
        UnusableOutcome
            A binary label or prediction is neither 0 nor 1, or a score is no probability.
        """
        rows = encoded(task, label=label, prediction=prediction, score=score)
        return cls(task, *rows.counted(np.zeros(rows.known.size, np.intp), 1)[0])

    @property
    def n(self) -> int:
        """Rows with a label and a prediction."""
        if self.task == "regression":
            return self.sums.get("error", Sum()).n
        return sum(self.cells.values())

    def __add__(self, other: Self) -> Self:
        if self.task != other.task:
            raise UnusableOutcome.other_task(self.task, other.task)
        return type(self)(
            self.task,
            _added(self.cells, other.cells),
            _added(self.scores, other.scores),
            _added(self.sums, other.sums),
        )

    def __neg__(self) -> Self:
        return type(self)(
            self.task,
            {cell: -rows for cell, rows in self.cells.items()},
            {cell: -rows for cell, rows in self.scores.items()},
            {name: -one for name, one in self.sums.items()},
        )

    def __sub__(self, other: Self) -> Self:
        return self + -other

    def __bool__(self) -> bool:
        return bool(self.cells or self.scores or self.sums)

    @property
    def has_scores(self) -> bool:
        """Whether any row has a score; a regression has none, its rows are counted by label."""
        return bool(self.scores) and self.task != "regression"

    def by_score(self) -> tuple[Codes, Floats, Floats]:
        """Score bins, ascending, and in each the rows that the score was wrong and right about.

        Right is label 1 for binary, and a prediction equal to the label for multiclass.
        """
        counts = np.zeros((2, SCORE_BINS))
        for (label, prediction), scored in self.scores.items() if self.has_scores else ():
            right = label == ("1" if self.task == "binary" else prediction)
            counts[int(right)][scored.bins] += scored.rows
        bins = np.flatnonzero(counts.any(axis=0))
        return bins, counts[0, bins], counts[1, bins]


def _added(left: Mapping[Any, Any], right: Mapping[Any, Any]) -> dict[Any, Any]:
    """Entry by entry; what adds up to nothing is no entry."""
    both = dict(left)
    for key, value in right.items():
        if key not in both:
            both[key] = value
        elif total := both[key] + value:
            both[key] = total
        else:
            del both[key]
    return both


def score_of_bin(bins: ArrayLike) -> Floats:
    """The probability in the middle of each score bin: bins are equal in log-odds.

    So scores of rare events are told apart as well as those near one half.
    """
    middle = (np.asarray(bins) + 0.5) / SCORE_BINS * 2 - 1
    probability: Floats = 1 / (1 + np.exp(-middle * LARGEST_LOG_ODDS))
    return probability


class OutcomeCounts:
    """Outcomes of labelled rows by the day of the prediction, version and segment value.

    Rows come in batches, and what is found never depends on how they were cut: sums are exact, and
    which values of a segment are kept, and how classes are spelled, is decided over all of them.

    Parameters
    ----------
    values
        Columns of numbers to be summed, of own metrics; a missing one is left out.
    """

    def __init__(
        self, task: Task, *, segments: Sequence[str] = (), values: Sequence[str] = ()
    ) -> None:
        self._task: Final = task
        self._segments: Final = tuple(segments)
        self._values: Final = tuple(values)
        self._found: dict[tuple[date, Group], Outcomes] = {}
        self._names: dict[str, set[str]] = {}  # of each column one more than is kept
        self._classes: dict[str, set[str]] = {"label": set(), "prediction": set()}

    def add(self, joined: pa.Table) -> None:
        """Count the rows of a batch.

        Parameters
        ----------
        joined
            Columns `day`, `version`, `label`, `prediction`, the segments and values; `score` if
            there is one; `sign` where rows are also taken away: -1 for the label that was
            corrected, else 1.

        Raises
        ------
        UnusableOutcome
            A label, prediction or score is none for the task.
        """
        if not joined.num_rows:
            return
        days = joined.column("day").combine_chunks().dictionary_encode()
        day_codes = plain(days.indices).astype(np.intp)
        versions, version_names = self._named(joined, "version")
        rows = self._encoded(joined)
        taken = np.zeros_like(rows.known)
        if "sign" in joined.column_names:
            taken = floats(joined.column("sign"), "sign") < 0
        for segment in self._segments or ("",):
            own, own_names = self._named(joined, segment) if segment else (versions * 0, [""])
            key = (day_codes * len(version_names) + versions) * len(own_names) + own
            codes = pa.array(key * 2 + taken).dictionary_encode()
            slots = plain(codes.indices).astype(np.intp)
            for code, parts in zip(
                codes.dictionary.to_pylist(),
                rows.counted(slots, len(codes.dictionary)),
                strict=True,
            ):
                part = -Outcomes(self._task, *parts) if code % 2 else Outcomes(self._task, *parts)
                rest, value = divmod(code // 2, len(own_names))
                day, version = divmod(rest, len(version_names))
                groups = {Group(version_names[version], segment, own_names[value])}
                if segment in self._segments[:1]:  # its values together are the whole version
                    groups.add(Group(version_names[version]))
                for group in groups:
                    _add(self._found, (days.dictionary[day].as_py(), group), part)

    def total(self) -> dict[tuple[date, Group], Outcomes]:
        """What all batches are together.

        Of more than 200 values of a segment those of lowest hash are kept, the rest is "(other)".
        """
        kept = {column: _kept(names) for column, names in self._names.items()}
        spelled = self._spelled()
        found: dict[tuple[date, Group], Outcomes] = {}
        for (day, group), one in self._found.items():
            value = group.value if group.segment else ""
            place = Group(
                _kept_name(group.version, kept["version"]),
                group.segment,
                _kept_name(value, kept[group.segment]) if group.segment else "",
            )
            _add(found, (day, place), _respelled(one, *spelled) if spelled else one)
        return {place: found[place] for place in sorted(found) if found[place]}

    def _encoded(self, joined: pa.Table) -> Encoded:
        if self._task == "multiclass":
            for role, found in self._classes.items():
                found.update(categories(pc.unique(joined.column(role)), column=role)[1])
        return encoded(
            self._task,
            label=joined.column("label"),
            prediction=joined.column("prediction"),
            score=joined.column("score") if "score" in joined.column_names else None,
            values={name: joined.column(name) for name in self._values},
            as_written=True,
        )

    def _spelled(self) -> tuple[dict[str, str], dict[str, str]] | None:
        """How the classes of labels, and those of predictions, are written; None: as they are."""
        if self._task != "multiclass":
            return None
        written = [list(found) for found in self._classes.values()]
        labels, predictions = (
            dict(zip(own, alike, strict=True))
            for own, alike in zip(written, spelled_alike(*written), strict=True)
        )
        return labels, predictions

    def _named(self, table: pa.Table, column: str) -> tuple[Codes, list[str]]:
        codes, names = categories(table.column(column), column=column)
        every = self._names.get(column, set()).union(names)
        self._names[column] = set(sorted(every, key=order)[: MAX_SEGMENT_VALUES + 1])
        kept = set(sorted(names, key=order)[:MAX_SEGMENT_VALUES])
        if len(names) <= len(kept):
            return np.where(codes < 0, len(names), codes), [*names, MISSING]
        short = [*sorted(kept), OTHER, MISSING]
        place = {name: i for i, name in enumerate(short)}
        recode = np.array([place.get(name, place[OTHER]) for name in names] + [place[MISSING]])
        return recode[codes], short


def _add(
    found: dict[tuple[date, Group], Outcomes], place: tuple[date, Group], part: Outcomes
) -> None:
    found[place] = found[place] + part if place in found else part


def _kept(names: Collection[str]) -> set[str] | None:
    """The values that keep a group of their own; None: all of them."""
    if len(names) <= MAX_SEGMENT_VALUES:
        return None
    return {*sorted(names, key=order)[:MAX_SEGMENT_VALUES], MISSING, OTHER}


def _kept_name(name: str, kept: Collection[str] | None) -> str:
    return name if kept is None or name in kept else OTHER


def _respelled(
    outcomes: Outcomes, labels: Mapping[str, str], predictions: Mapping[str, str]
) -> Outcomes:
    """The same rows, their classes written as these say."""
    cells: dict[Cell, int] = {}
    scores: dict[Cell, ScoreCounts] = {}
    for before, after in ((outcomes.cells, cells), (outcomes.scores, scores)):
        for (label, prediction), rows in before.items():
            cell = labels[label], predictions[prediction]
            after |= _added(after, {cell: rows})
    return Outcomes(outcomes.task, cells, scores, outcomes.sums)


def outcomes_by_group(
    joined: pa.Table, *, task: Task, segments: Sequence[str] = (), values: Sequence[str] = ()
) -> dict[tuple[date, Group], Outcomes]:
    """The `OutcomeCounts` of one table.

    Raises
    ------
    UnusableOutcome
        A label, prediction or score is none for the task.
    """
    counts = OutcomeCounts(task, segments=segments, values=values)
    counts.add(joined)
    return counts.total()


def outcomes_by_slot(
    joined: pa.Table, *, task: Task, slots: Sequence[tuple[Codes, int]]
) -> list[list[Outcomes]]:
    """Outcomes of labelled rows, split in several ways at once.

    Parameters
    ----------
    joined
        Columns `label` and `prediction`; `score` if there is one.
    slots
        For each split the slot of every row, shape ``(rows,)``, and how many slots there are.

    Raises
    ------
    UnusableOutcome
        A label, prediction or score is none for the task.
    """
    rows = encoded(
        task,
        label=joined.column("label"),
        prediction=joined.column("prediction"),
        score=joined.column("score") if "score" in joined.column_names else None,
    )
    return [
        [Outcomes(task, *parts) for parts in rows.counted(slot, count)] for slot, count in slots
    ]
