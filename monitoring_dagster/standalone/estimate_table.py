"""Quality to expect of predictions whose labels have not come, for any two tables."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import pyarrow as pa

from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.sources.tables.files import NoRows, Table, UnusableColumn
from monitoring_dagster.standalone.chunk_estimates import (
    Chunk,
    ChunkEstimate,
    Estimates,
    Estimator,
    UnusableChunks,
    estimator_of,
    of_days,
    of_rows,
)
from monitoring_dagster.standalone.doubts import of_certainty, of_other_class
from monitoring_dagster.standalone.reading.answers import Answers, classes_of
from monitoring_dagster.standalone.reading.classes import Classes
from monitoring_dagster.standalone.reading.ids_and_times import days_of
from monitoring_dagster.standalone.reading.opened_tables import refuse_plain
from monitoring_dagster.standalone.reading.question import Role, Roles, roles
from monitoring_dagster.standalone.reading.written_values import (
    MOST_INVALID,
    THRESHOLD,
    of_predicted_class,
    short,
    unstyled,
)
from monitoring_dagster.standalone.shared_features import Features
from monitoring_dagster.standalone.table_profile import in_memory, table_of
from monitoring_dagster.stats.quality.labelled_rows import Task

Advance: TypeAlias = Callable[[int, int], object]

_SEED = 20260101


class NothingToLearn(MonitoringError):
    """The reference teaches nothing, or nothing is asked."""

    @classmethod
    def without_values(cls, what: str) -> Self:
        return cls(f"no current row has a {what}: there is nothing to estimate")

    @classmethod
    def of(cls, columns: Roles) -> Self:
        return cls(
            f"no row of the reference has all of {columns.words}: give rows whose labels have come"
        )


def estimate(
    reference: Any,
    current: Any,
    *,
    chunk_size: int | None = None,
    by: Literal["day"] | None = None,
    label: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    time: str | None = None,
    task: Task | None = None,
    positive: str | None = None,
    ignore: Collection[str] = (),
    advance: Advance = lambda done, of: None,
) -> Estimates:
    """Say what performance to expect in *current*, whose labels have not come.

    Learnt from *reference*, whose labels have: of classes, what a score means there
    (confidence-based performance estimation), weighted towards the current rows where their
    features drifted; of numbers, where the model errs there (direct loss estimation).

    Parameters
    ----------
    reference, current
        A pandas DataFrame, an Arrow table, anything that speaks Arrow's PyCapsule interface, or a
        path: Parquet or CSV, a file, a folder or a glob. Rows are best in the order of time: what
        stretches of the reference differ by beyond chance widens the intervals.
    chunk_size
        Rows that are estimated together; the last chunk holds what is left over. By default ten
        equal parts.
    by
        `"day"`: all rows of a UTC day together, instead.
    label, prediction, score, time
        Columns; by default those whose names say so plainly. A score is the probability of class 1,
        or of the predicted class where there are more than two; without predictions a score of at
        least 0.5 predicts class 1. Numbers need no score.
    task
        By default what the labels look like: two values are binary, numbers with fractions or of
        more than 20 values a regression, all others multiclass.
    positive
        The label that counts as 1; all others count as 0. By default 1 or true, and of two other
        names the one with the higher scores. Predictions may be 0 and 1 where labels are words.
    ignore
        Columns that are no features; by default identifiers, running numbers, points in time and
        whatever plays a part are none.
    advance
        Told the number of chunks that are done, and of all.

    Raises
    ------
    MonitoringError
        A side cannot be read, a column is not there or unclear, or the reference teaches nothing.

    >>> import pyarrow as pa
    >>> score = [i % 97 / 96 for i in range(1000)]
    >>> label = [int(i * 61 % 97 / 96 < one) for i, one in enumerate(score)]
    >>> past = pa.table({"score": score, "label": label})
    >>> found = estimate(past, past.drop_columns("label"), chunk_size=600)
    >>> [(one.chunk.first, one.chunk.last, one.estimated.method) for one in found.chunks]
    [(0, 599, 'cbpe'), (600, 999, 'cbpe')]
    """
    if by and chunk_size is not None:
        raise UnusableChunks.both()
    before, now = table_of(reference, "reference"), table_of(current, "current data")
    for table in (before, now):
        if not table.rows:
            raise NoRows.of(table.place)
    columns = _columns(before, now, by, label, prediction, score, time)
    for name in ignore:
        if name not in before.schema.names:
            raise UnknownColumn.named(name, table="the reference", available=before.schema.names)
    sides = _read(before, now, columns, task, positive)
    chunks = sides.by_day() if by else of_rows(sides.asked.num_rows, size=chunk_size)
    labelled = np.flatnonzero(sides.learnt.usable)
    features = Features.of(
        sides.past.take(pa.array(labelled)),
        sides.asked,
        played=columns.columns.values(),
        ignore=ignore,
    )
    learnt = sides.learnt.of_rows(labelled)
    estimator = estimator_of(learnt).learn(
        learnt,
        features,
        rows_at_once=max((one.rows.size for one in chunks), default=0),
        rng=np.random.default_rng(_SEED),
    )
    estimates = list(_estimates(estimator, features, sides.given, chunks, advance))
    realised, task = learnt.realised(), sides.classes.task
    notes = [estimator.blind_spot, *_notes(sides, features)]
    doubts = _of_predicted_class(learnt, columns), of_other_class(realised.get("roc_auc"))
    warnings = [*filter(None, [*doubts, of_certainty(realised)]), *_warnings(sides, features)]
    if missing := sides.past.num_rows - labelled.size:
        notes.append(f"{missing:,} rows of the reference lack {_what(task)} or label")
    if left_out := sum(one.left_out for one in estimates):
        is_many = left_out > MOST_INVALID * sides.asked.num_rows
        words = f"{left_out:,} current rows lack {_what(task)}: left out"
        (warnings if is_many else notes).append(words)
    return Estimates(
        task, columns, features.names, labelled.size, realised, estimates, notes, warnings
    )


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both tables as they were read, and what is to be said about that."""

    before: Table
    now: Table
    columns: Roles
    classes: Classes
    past: pa.Table
    asked: pa.Table
    learnt: Answers  # of the past rows
    given: Answers  # of those that are asked about
    styles: list[str]  # how numbers are taken that are written as text
    times: list[str]  # and how numbers that are times
    of_past: list[str]  # values that could not be read
    of_now: list[str]

    def by_day(self) -> list[Chunk]:
        """The rows of each UTC day."""
        name = self.columns.columns["time"]
        return of_days(
            days_of(self.asked[name], column=name, notes=self.times, warnings=self.of_now)
        )


def _read(
    before: Table, now: Table, columns: Roles, task: Task | None, positive: str | None
) -> _Sides:
    """Both tables in memory. Raises NothingToLearn where the one teaches nothing, or the other asks
    nothing.
    """
    styles: list[str] = []
    of_past: list[str] = []
    of_now: list[str] = []
    past = _unstyled(in_memory(before), columns, notes=styles, warnings=of_past)
    asked = _unstyled(in_memory(now), columns, notes=styles, warnings=of_now)
    classes = classes_of(past, columns, task, positive)
    learnt = Answers.of(past, classes, columns, labelled=True, warnings=of_past)
    given = Answers.of(asked, classes, columns, labelled=False, warnings=of_now)
    if not learnt.usable.any():
        raise NothingToLearn.of(columns)
    if not given.usable.any():
        raise NothingToLearn.without_values(_what(classes.task))
    return _Sides(
        before, now, columns, classes, past, asked, learnt, given, styles, [], of_past, of_now
    )


def _estimates(
    estimator: Estimator,
    features: Features,
    given: Answers,
    chunks: Sequence[Chunk],
    advance: Advance,
) -> Iterator[ChunkEstimate]:
    for number, chunk in enumerate(chunks):
        usable = chunk.rows[given.usable[chunk.rows]]
        rng = np.random.default_rng([_SEED, number])
        shifted = features.shifted(usable, rng=rng)
        expected = estimator.estimate(given, usable, shifted=shifted, rng=rng)
        yield ChunkEstimate(chunk, chunk.rows.size - usable.size, shifted, expected)
        advance(number + 1, len(chunks))


def _warnings(sides: _Sides, features: Features) -> Iterator[str]:
    yield from sides.classes.warnings
    for name, why in features.unreadable.items():
        yield f"{name!r} is left out: {why}"
    for words in [*_unread(sides.before), *sides.of_past]:
        yield f"in the reference, {words}"
    for words in [*_unread(sides.now), *sides.of_now]:
        yield f"in the current data, {words}"


def _notes(sides: _Sides, features: Features) -> Iterator[str]:
    yield from dict.fromkeys([*sides.before.notes, *sides.now.notes, *sides.styles])
    yield from sides.classes.notes
    yield from sides.times
    if sides.classes.task == "binary" and "prediction" not in sides.columns.columns:
        yield f"no predictions: a score of at least {THRESHOLD} predicts class 1"
    for name, why in features.left_out.items():
        if name not in features.unreadable:
            yield f"{name!r} is no feature: {why}"


def _unread(table: Table) -> Iterator[str]:
    """What a table holds that nobody could read."""
    for name, why in table.left_out.items():
        yield f"column {name!r} is left out: {why}"
    for name, one in table.unread.items():
        if one.rows:
            example = short(one.examples[0])
            yield f"values of {name!r} that are no number, such as {example}: {one.rows:,}"


def _of_predicted_class(past: Answers, columns: Roles) -> str:
    """What to say of scores that seem to be of the predicted class."""
    if past.task != "binary" or "prediction" not in columns.columns:
        return ""
    is_both = np.unique(past.prediction).size > 1
    least, rows = float(past.score.min()), past.score.size
    return of_predicted_class(columns.columns["score"], least, rows, is_both=is_both)


def _what(task: Task) -> str:
    return "prediction" if task == "regression" else "score or prediction"


def _columns(
    before: Table,
    now: Table,
    by: str | None,
    label: str | None,
    prediction: str | None,
    score: str | None,
    time: str | None,
) -> Roles:
    given: dict[Role, str | None] = {"label": label, "prediction": prediction, "score": score}
    refuse_plain(before, given, given, "the reference")
    found = roles(
        before.schema.names,
        given,
        wanted=["prediction", "score"],
        needed=["label"],
        table="the reference",
    )
    for role in ("prediction", "score"):
        name = found.get(role)
        if name is not None and name in now.left_out:
            raise UnusableColumn.because(name, now.left_out[name], table="the current data")
        if name is not None and name not in now.schema.names:
            raise UnknownColumn.named(name, table="the current data", available=now.schema.names)
    return found | roles(
        now.schema.names,
        {"time": time},
        wanted=[],
        needed=["time"] if by else [],
        table="the current data",
    )


def _unstyled(rows: pa.Table, columns: Roles, *, notes: list[str], warnings: list[str]) -> pa.Table:
    for role in ("label", "prediction", "score"):
        name = columns.columns.get(role)
        if name is not None and name in rows.column_names:
            as_meant = unstyled(rows[name], column=name, notes=notes, warnings=warnings)
            rows = rows.set_column(rows.column_names.index(name), name, as_meant)
    return rows
