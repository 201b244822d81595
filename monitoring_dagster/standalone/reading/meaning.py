"""Meaning of the labels, predictions and scores of two tables, from the rows that are known."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitoring_dagster.sources.labels.label_oddities import mismatch
from monitoring_dagster.sources.rows.rows import readable
from monitoring_dagster.standalone.reading.answers import (
    Say,
    Values,
    lowest,
    mean_scores,
    measures,
    named,
    numbers_of,
    scores_of,
    written,
)
from monitoring_dagster.standalone.reading.classes import ByName, Classes, understood
from monitoring_dagster.standalone.reading.ids_and_times import NothingJoins, in_words
from monitoring_dagster.standalone.reading.opened_tables import OpenedTable
from monitoring_dagster.standalone.reading.question import Question, Role
from monitoring_dagster.standalone.reading.written_values import (
    MOST_INVALID,
    SHOWN_IDS,
    THRESHOLD,
    UnclearClasses,
    Written,
    are_spelled,
    is_text,
    left_out,
    number,
    of_predicted_class,
    short,
    spelled,
)
from monitoring_dagster.stats.columns.values import Codes, Floats, categories, from_numpy, plain
from monitoring_dagster.stats.columns.written import text_array

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

_Rows = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What every row of both tables says, shape ``(rows,)``, and what is to be said about that."""

    classes: Classes
    prediction: pa.Array  # classes as text; numbers of a regression, as text only where some are
    score: pa.Array
    label: pa.Array
    is_invalid: _Rows  # whether a prediction's row says something that cannot be
    notes: list[str]
    warnings: list[str]


def meaning_of(
    connection: "Connection", served: OpenedTable, labels_table: OpenedTable, question: Question
) -> Meaning:
    """Read both tables as the task has it: as the caller says, or as the values look.

    Only what is known at the end of the day is looked at: what comes later changes nothing.

    Raises
    ------
    UnclearClasses, NoProbability, UnusableAnswer
    """
    with readable(f"{served.table.place} with {labels_table.table.place}"):
        on_time = _rows(connection, served, f"id IS NOT NULL AND day <= {question.until}")
        prediction, score = _values(served, "prediction"), _values(served, "score")
        label = labels_table.read["label column"]
        answers = None if prediction is None else written(prediction.filter(from_numpy(on_time)))
        labels, known = _known_labels(connection, served, labels_table, label, question)
        classes = understood(
            labels,
            answers,
            scores=None
            if score is None
            else lambda: _by_name(connection, served, labels_table, question, on_time),
            task=question.task,
            positive=question.positive,
        )
        if answers is None and classes.task != "binary":
            raise UnclearClasses.without_prediction(classes.task)
        warnings = list(classes.warnings)
        say_of_served = _by_id(connection, served, warnings)
        probability, is_invalid = np.full(on_time.size, np.nan), np.zeros(on_time.size, bool)
        if score is not None and classes.task != "regression":
            column = served.roles.columns["score"]
            probability, is_invalid = scores_of(score, column, known=on_time, say=say_of_served)
            is_both = answers is not None and classes.task == "binary" and (
                {"0", "1"} <= {classes.of(name, "prediction") for name in answers.rows}
            )  # fmt: skip
            there = probability[on_time & ~np.isnan(probability)]
            least = float(there.min()) if there.size else np.nan
            doubt = of_predicted_class(column, least, there.size, is_both=is_both)
            warnings += [doubt] if doubt else []
        say_of_labels = _by_id(connection, labels_table, warnings)
        kept = question.rules.ambiguous
        return Meaning(
            classes=classes,
            label=_meant(label, classes, labels_table, "label", known, say_of_labels, kept=kept),
            prediction=_of_scores(probability)
            if prediction is None
            else _meant(prediction, classes, served, "prediction", on_time, say_of_served),
            score=from_numpy(probability, missing=np.isnan(probability)),
            is_invalid=is_invalid,
            notes=list(classes.notes),
            warnings=warnings,
        )


def _values(source: OpenedTable, role: Role) -> Values | None:
    return None if source.roles.get(role) is None else source.read[f"{role} column"]


def _rows(connection: "Connection", source: OpenedTable, where: str) -> _Rows:
    """The rows of which an SQL condition holds."""
    found = np.zeros(source.read.num_rows, bool)
    places = connection.sql(f"SELECT place FROM {source.view} WHERE {where}").to_arrow_table()
    found[plain(places["place"]).astype(np.intp)] = True
    return found


def _by_id(connection: "Connection", source: OpenedTable, warnings: list[str]) -> Say:
    """Warn of what is left out, by the ids of its rows."""

    def say(what: str, rows: _Rows) -> None:
        connection.register("odd", pa.table({"place": from_numpy(np.flatnonzero(rows))}))
        ids = connection.execute(
            f"SELECT id FROM {source.view} JOIN odd USING (place) ORDER BY id LIMIT {SHOWN_IDS}"
        ).fetchall()
        warnings.append(left_out(what, int(rows.sum()), "id", [str(one) for (one,) in ids]))

    return say


def _known_labels(
    connection: "Connection",
    served: OpenedTable,
    labels_table: OpenedTable,
    label: Values,
    question: Question,
) -> tuple[Written, _Rows]:
    """What is written of the requests that there are, and in which rows; where none is known yet,
    of all."""
    kept = question.rules.ambiguous
    has_arrived = f"coalesce(day <= {question.until}, true)" if labels_table.dated else "true"
    rows = _rows(connection, labels_table, has_arrived)
    found = written(label.filter(from_numpy(rows)))
    if not are_spelled(found.rows):  # labels of other requests may be of another kind
        is_asked = f"id IN (SELECT id FROM {served.view} WHERE day <= {question.until})"
        rows = _rows(connection, labels_table, f"{has_arrived} AND {is_asked}")
        found = written(label.filter(from_numpy(rows)))
        if not found.rows:
            _refuse_strangers(connection, served, labels_table, has_arrived)
    if not found.rows:
        found = written(label)
    there = {name: n for name, n in found.rows.items() if not {name, spelled(name)} & {*kept}}
    return Written(there, found.measured), rows


def _refuse_strangers(
    connection: "Connection", served: OpenedTable, labels_table: OpenedTable, has_arrived: str
) -> None:
    """Raise NothingJoins where labels have arrived and none has the id of a prediction."""
    labels = f"SELECT id FROM {labels_table.view} WHERE id IS NOT NULL AND {has_arrived}"
    ids = f"SELECT id FROM {served.view} WHERE id IS NOT NULL"
    ((common,),) = connection.execute(
        f"SELECT count(*) FROM ({labels}) WHERE id IN ({ids})"
    ).fetchall()
    found = None if common else mismatch(connection, labels, ids, least_share=MOST_INVALID)
    if found is not None:
        raise NothingJoins.since(in_words(found))


def _by_name(
    connection: "Connection",
    served: OpenedTable,
    labels_table: OpenedTable,
    question: Question,
    on_time: _Rows,
) -> ByName:
    """Mean scores by label and by prediction."""
    column = served.roles.columns["score"]
    scores = np.where(on_time, numbers_of(served.read["score column"], "score", column), np.nan)
    served.lay(connection, score=from_numpy(scores, missing=np.isnan(scores)))
    found = connection.sql(f"""
        SELECT told.place, asked.score FROM {labels_table.view} AS told JOIN (
            SELECT id, avg(score) AS score FROM {served.view} WHERE score IS NOT NULL GROUP BY id
        ) AS asked USING (id) WHERE coalesce(told.day <= {question.until}, true)""")
    asked = found.to_arrow_table()
    of_labels = np.full(labels_table.read.num_rows, np.nan)
    of_labels[plain(asked["place"]).astype(np.intp)] = plain(asked["score"])
    prediction = _values(served, "prediction")
    return ByName(
        mean_scores(labels_table.read["label column"], of_labels),
        {} if prediction is None else mean_scores(prediction, scores),
        lowest(scores),
    )


def _of_scores(probability: Floats) -> pa.Array:
    """1 from one half on; null without a score."""
    answers = (probability >= THRESHOLD).astype(np.int8)
    return text_array(("0", "1")).take(from_numpy(answers, missing=np.isnan(probability)))


def _meant(
    values: Values,
    classes: Classes,
    source: OpenedTable,
    role: Role,
    known: _Rows,
    say: Say,
    *,
    kept: list[str] | tuple[str, ...] = (),
) -> pa.Array:
    """A label or prediction as the task has it, null where it is none; what is *kept* stays, and so
    does what stands in rows that nobody asks for."""
    column = source.roles.columns[role]
    if classes.task == "regression" and not kept and not is_text(values.type):
        measured = measures(values, role, column, known=known, say=say)
        return from_numpy(measured, missing=np.isnan(measured))
    codes, names = categories(values, column=column)
    for one in kept:  # also a word that elsewhere says that there is no value
        if (rows := (codes < 0) & _is(values, one)).any():
            codes[rows], names = len(names), [*names, one]
    stay = {name: one for name in names for one in (name, spelled(name)) if one in kept}
    known = known & ~_of_names(codes, [name in stay for name in names])
    # What else says nothing is no value, and was written; "nan" a column of floats may have left.
    is_written = plain(values.is_valid().cast(pa.uint8())).astype(bool) & ~_is(values, "nan")
    if is_text(values.type) and (blank := (codes < 0) & is_written & known).any():
        least = pc.min(values.filter(from_numpy(blank))).as_py()
        say(f"{role}s of {column!r} that say nothing, such as {short(least)}", blank)
    if classes.task == "regression":
        measures(values, role, column, known=known, say=say)  # says what is no number
        told = [stay.get(name) or (name.strip() if number(name) is not None else None)
                for name in names]  # fmt: skip
    else:
        meant = named(codes, names, classes, role, column, known=known, say=say)
        asked = np.bincount(codes[known & (codes >= 0)], minlength=len(names)) > 0
        told = [
            stay.get(name) or one or (None if there else name)
            for name, one, there in zip(names, meant, asked, strict=True)
        ]
    distinct = tuple(dict.fromkeys(one for one in told if one is not None))
    at: dict[str | None, int] = {one: place for place, one in enumerate(distinct)}
    places = np.array([*(at.get(one, -1) for one in told), -1])[codes]
    return text_array(distinct).take(from_numpy(places, missing=places < 0))


def _is(values: Values, word: str) -> _Rows:
    """The rows of text that are this *word*."""
    if not is_text(values.type):
        return np.zeros(len(values), bool)
    found: _Rows = plain(pc.fill_null(pc.equal(values, word), False).cast(pa.uint8())).astype(bool)
    return found


def _of_names(codes: Codes, is_one: list[bool]) -> _Rows:
    return np.array([*is_one, False])[codes]
