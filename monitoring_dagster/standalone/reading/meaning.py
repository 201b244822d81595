"""Meaning of the labels, predictions and scores of two tables, from the rows that are known."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from monitoring_dagster.sources.rows.rows import readable
from monitoring_dagster.standalone.reading.classes import ByName, Classes, understood
from monitoring_dagster.standalone.reading.ids_and_times import NothingJoins, mismatch
from monitoring_dagster.standalone.reading.opened_tables import OpenedTable
from monitoring_dagster.standalone.reading.question import Question, Role
from monitoring_dagster.standalone.reading.value_sql import (
    WrongColumn,
    number_sql,
    prediction_of_score,
    score_sql,
    value_sql,
)
from monitoring_dagster.standalone.reading.written_values import (
    MOST_INVALID,
    SHOWN_IDS,
    UnclearClasses,
    Written,
    are_spelled,
    is_text,
    left_out,
    of_predicted_class,
    refuse_most,
    short,
    spelled,
)
from monitoring_dagster.stats.columns.values import is_numeric
from monitoring_dagster.stats.quality.labelled_rows import ROUNDING

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

_LOOKED_AT = 10_000  # rows, in which as many different numbers are measured rather than named
_MOST_NAMES = 1_000
_NO_NUMBER = (
    """NOT coalesce(isfinite(TRY_CAST(trim(CAST({column} AS VARCHAR)) AS DOUBLE)), false)"""
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """How the columns of both tables are read, as SQL, and what is to be said about that."""

    classes: Classes
    prediction: str
    score: str
    label: str
    is_invalid: str  # whether a prediction's row says something that cannot be
    notes: list[str]
    warnings: list[str]


def meaning_of(
    connection: "Connection", served: OpenedTable, labels_table: OpenedTable, question: Question
) -> Meaning:
    """Read both tables as the task has it: as the caller says, or as the values look.

    Only what is known at the end of the day is looked at: what comes later changes nothing.

    Raises
    ------
    UnclearClasses, NoProbability, WrongColumn
    """
    with readable(f"{served.table.place} with {labels_table.table.place}"):
        prediction = None
        if "prediction" in served.roles.columns:
            where = f"id IS NOT NULL AND day <= {question.until}"
            prediction = _written(connection, served, "prediction", where)
        label = _known_labels(connection, served, labels_table, question)
        has_score = served.roles.get("score") is not None
        number = number_sql(served.read, served.roles)
        classes = understood(
            label,
            prediction,
            scores=(lambda: _by_name(connection, number, prediction, question))
            if has_score
            else None,
            task=question.task,
            positive=question.positive,
        )
        if prediction is None and classes.task != "binary":
            raise UnclearClasses.without_prediction(classes.task)
        warnings = list(classes.warnings)
        score, is_invalid = "NULL::DOUBLE", "false"
        if has_score and classes.task != "regression":
            predicted = (
                {} if prediction is None else {classes.of(n, "prediction") for n in prediction.rows}
            )
            score, is_invalid = _checked(
                connection,
                served,
                number,
                question,
                warnings,
                is_both=classes.task == "binary" and {"0", "1"} <= {*predicted},
            )
        kept = question.rules.ambiguous
        meaning = Meaning(
            classes=classes,
            prediction=prediction_of_score(score)
            if prediction is None
            else value_sql(served.read, "prediction", classes, prediction),
            score=score,
            label=value_sql(labels_table.read, "label", classes, label, kept=kept),
            is_invalid=is_invalid,
            notes=list(classes.notes),
            warnings=warnings,
        )
        _warn_of_values(connection, served, labels_table, meaning, question)
    return meaning


def _known_labels(
    connection: "Connection", served: OpenedTable, labels_table: OpenedTable, question: Question
) -> Written:
    """What is written of the requests that there are; where none is known yet, of all."""
    kept = question.rules.ambiguous
    arrived = f"coalesce(day <= {question.until}, true)" if labels_table.dated else "true"
    requested = f"id IN (SELECT id FROM {served.view} WHERE day <= {question.until})"
    found = _written(connection, labels_table, "label", arrived)
    if not are_spelled(found.rows):  # labels of other requests may be of another kind
        found = _written(connection, labels_table, "label", f"{arrived} AND {requested}")
        if not found.rows:
            _refuse_strangers(connection, served, labels_table, arrived)
    if not found.rows:
        found = _written(connection, labels_table, "label", "true")
    return Written(
        {name: n for name, n in found.rows.items() if not {name, spelled(name)} & {*kept}},
        found.measured,
    )


def _refuse_strangers(
    connection: "Connection", served: OpenedTable, labels_table: OpenedTable, arrived: str
) -> None:
    """Raise NothingJoins where labels have arrived and none has the id of a prediction."""
    labels = f"SELECT id FROM {labels_table.view} WHERE id IS NOT NULL AND {arrived}"
    ids = f"SELECT id FROM {served.view} WHERE id IS NOT NULL"
    ((common,),) = connection.execute(
        f"SELECT count(*) FROM ({labels}) WHERE id IN ({ids})"
    ).fetchall()
    found = None if common else mismatch(connection, labels, ids, least_share=MOST_INVALID)
    if found is not None:
        raise NothingJoins.since(found.words)


def _written(connection: "Connection", source: OpenedTable, role: Role, where: str) -> Written:
    column, kind = f'"{role} column"', source.read.schema.field(f"{role} column").type
    if pa.types.is_null(kind):
        return Written({})
    is_value = f"{column} IS NOT NULL" + (
        f" AND NOT isnan({column})" if pa.types.is_floating(kind) else ""
    )
    some = f"(SELECT {column} FROM {source.view} WHERE {is_value} LIMIT {_LOOKED_AT})"
    ((many,),) = connection.execute(f"SELECT count(DISTINCT {column}) FROM {some}").fetchall()
    if many > _MOST_NAMES and is_numeric(kind):
        return Written(_counted(connection, column, some, "true"), measured=True)
    found = _counted(connection, column, source.view, f"{is_value} AND {where}")
    if len(found) <= _MOST_NAMES:
        return Written(found)
    if is_numeric(kind):
        return Written(found, measured=True)
    ((words, rows),) = connection.execute(
        f"SELECT count(*) FILTER ({_NO_NUMBER.format(column=column)}), count(*)"
        f" FROM {source.view} WHERE {is_value} AND {where}"
    ).fetchall()
    return Written(found, measured=words <= MOST_INVALID * rows)


def _counted(connection: "Connection", column: str, rows: str, where: str) -> dict[str, int]:
    """The values that most rows have, as text, one more than there may be names."""
    return dict(
        connection.execute(f"""
            SELECT CAST(value AS VARCHAR), n FROM (
                SELECT {column} AS value, count(*) AS n FROM {rows} WHERE {where} GROUP BY 1
            ) ORDER BY n DESC, value LIMIT {_MOST_NAMES + 1}""").fetchall()
    )


def _by_name(
    connection: "Connection", number: str, prediction: Written | None, question: Question
) -> ByName:
    """Mean scores by label and by prediction."""
    answer = "NULL" if prediction is None else 'CAST("prediction column" AS VARCHAR)'
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE scored AS SELECT id, {answer} AS answer, {number} AS score
        FROM served_view WHERE day <= {question.until}""")
    answers = connection.execute(
        "SELECT answer, avg(score) FROM scored WHERE answer IS NOT NULL GROUP BY 1"
    ).fetchall()
    ((lowest,),) = connection.execute("SELECT min(score) FROM scored").fetchall()
    labels = connection.execute(f"""
        SELECT CAST("label column" AS VARCHAR), avg(score) FROM told_view JOIN scored USING (id)
        WHERE coalesce(day <= {question.until}, true) GROUP BY 1""").fetchall()
    connection.execute("DROP TABLE scored")
    known = [{name: mean for name, mean in side if mean is not None} for side in (labels, answers)]
    return ByName(known[0], known[1], 0.0 if lowest is None else lowest)


def _checked(
    connection: "Connection",
    served: OpenedTable,
    number: str,
    question: Question,
    warnings: list[str],
    *,
    is_both: bool,
) -> tuple[str, str]:
    """SQL: the score, and whether one is no probability. Raises NoProbability, WrongColumn.

    *is_both*: whether 0 and 1 are predicted, so that some scores ought to be below one half.
    """
    column = served.roles.columns["score"]
    written = "false"
    if is_text(served.read.schema.field("score column").type):
        written = f"""trim("score column") <> '' AND {_NO_NUMBER.format(column='"score column"')}"""
    outside = f"NOT ({number} BETWEEN {-ROUNDING} AND {1 + ROUNDING})"
    ((rows, beyond, words, least, most),) = connection.execute(f"""
        SELECT count("score column"), count(*) FILTER ({outside}), count(*) FILTER ({written}),
            min({number}), max({number})
        FROM {served.view} WHERE day <= {question.until}""").fetchall()
    if words and (words > max(1, MOST_INVALID * rows) or words == rows):
        raise WrongColumn.no_score(column, arrived="text")
    refuse_most(column, beyond, rows, least=least, most=most)
    is_invalid = f"coalesce({outside}, false) OR coalesce({written}, false)"
    if beyond or words:
        examples = _ids(connection, served.view, f"day <= {question.until} AND ({is_invalid})")
        example = f", such as {least if least < 0 else most:.4g}" if beyond else ""
        what = f"scores that are no probability{example}"
        warnings.append(left_out(what, beyond + words, "id", examples))
    doubt = least is not None and of_predicted_class(column, least, rows, is_both=is_both)
    warnings += [doubt] if doubt else []
    is_clean = least is None or (least >= 0 and most <= 1)
    return score_sql(number, is_clean=is_clean), is_invalid if beyond or words else "false"


def _warn_of_values(
    connection: "Connection",
    served: OpenedTable,
    labels_table: OpenedTable,
    meaning: Meaning,
    question: Question,
) -> None:
    """Name the rows whose label or prediction says nothing that the task knows."""
    sides: list[tuple[OpenedTable, Role, str]] = [(labels_table, "label", meaning.label)]
    if served.roles.get("prediction") is not None:
        sides.append((served, "prediction", meaning.prediction))
    for source, role, sql in sides:
        column = f'"{role} column"'
        if sql == column:
            continue
        is_strange = f"""
            {column} IS NOT NULL AND ({sql}) IS NULL AND CAST({column} AS VARCHAR) <> 'nan'
            AND coalesce(day <= {question.until}, true)"""
        count, example = _strange(connection, source, column, is_strange)
        if count and role == "label":  # labels of other requests may be of any kind
            is_strange += f" AND id IN (SELECT id FROM {served.view})"
            count, example = _strange(connection, source, column, is_strange)
        if count:
            task = meaning.classes.task
            what = f"{role}s that are no value of a {task} task, such as {short(example)}"
            meaning.warnings.append(
                left_out(what, count, "id", _ids(connection, source.view, is_strange))
            )


def _strange(
    connection: "Connection", source: OpenedTable, column: str, where: str
) -> tuple[int, str]:
    ((count, example),) = connection.execute(
        f"SELECT count(*), min(CAST({column} AS VARCHAR)) FROM {source.view} WHERE {where}"
    ).fetchall()
    return count, example


def _ids(connection: "Connection", view: str, where: str) -> list[str]:
    found = connection.execute(
        f"SELECT id FROM {view} WHERE {where} ORDER BY id LIMIT {SHOWN_IDS}"
    ).fetchall()
    return [str(one) for (one,) in found]
