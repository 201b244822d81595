"""Labels of the predictions of two tables, as known at the end of a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from monitoring_dagster.sources.labels.label_account import LabelAccount
from monitoring_dagster.sources.labels.labels import joined_as_of
from monitoring_dagster.sources.rows.row_sql import DAY, Rows, quoted
from monitoring_dagster.sources.rows.rows import connected, readable
from monitoring_dagster.sources.tables.files import Table
from monitoring_dagster.spec.metrics import Task
from monitoring_dagster.spec.sources import Labels, Predictions
from monitoring_dagster.standalone.doubts import doubts_about, lacking
from monitoring_dagster.standalone.reading.ids_and_times import doubled, refuse_few
from monitoring_dagster.standalone.reading.meaning import Meaning, meaning_of
from monitoring_dagster.standalone.reading.opened_tables import (
    PREDICTIONS,
    Key,
    OpenedTable,
    opened_labels,
    opened_predictions,
)
from monitoring_dagster.standalone.reading.question import Question, Roles
from monitoring_dagster.standalone.reading.written_values import THRESHOLD
from monitoring_dagster.standalone.table_profile import Advance
from monitoring_dagster.stats.columns.column_profile import order
from monitoring_dagster.stats.columns.groups import MAX_SEGMENT_VALUES, MISSING, OTHER
from monitoring_dagster.stats.columns.values import Codes, from_numpy, plain

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

_EPOCH = date(1970, 1, 1)
_NEVER_DAYS = 2_000_000  # what nobody asked for does not happen
_SERVED = Predictions(
    path="{day}", request_id="id", served_at="served_at", version="version",
    prediction="prediction", score="score", status="kind",
)  # fmt: skip


class PredictionCount(NamedTuple):
    """Where every row of the predictions went: `rows` is the sum of all others."""

    rows: int
    counted: int
    duplicate: int  # of a request that was answered before
    invalid: int  # without id or prediction, or without a time where there is a column of times
    later: int  # served after the day


class GroupedRows(NamedTuple):
    """The counted predictions, and the labelled ones among them, by the values of one thing."""

    by: str | None  # None: not split at all
    values: Sequence[str | None]
    predictions: Sequence[int]
    last_days: Sequence[date | None]  # of serving; None where nothing was served
    place: Codes  # of each labelled row: where its value stands in the three above


@dataclass(frozen=True, slots=True)
class Labelled:
    """Predictions with their labels, and where every row of both tables went."""

    task: Task
    rows: pa.Table  # label, prediction and score; each request once
    predictions: PredictionCount
    labels: LabelAccount
    last_day: date | None  # that either table tells of; None where neither has times
    splits: Sequence[GroupedRows]  # the whole first
    columns: Mapping[str, Roles]
    notes: Sequence[str]  # what was taken for granted
    warnings: Sequence[str]  # what may be wrong


def labelled(
    predictions: Table, labels: Table, question: Question, *, advance: Advance
) -> Labelled:
    """Join two tables as known at the end of a day.

    Raises
    ------
    MonitoringError
        A column is not there, is unclear, or holds something else than its role needs.
    """
    with connected() as connection:
        given = opened_predictions(connection, predictions, question, advance)
        answers = opened_labels(connection, labels, question, advance)
        meaning = meaning_of(connection, given, answers, question)
        served, doubts = lay_served(connection, given, meaning, question)
        label_rows = lay_labels(connection, answers, meaning)
        extras = [f"p{i}" for i in range(len(given.keys))]
        rows, account, _ = joined_as_of(
            connection,
            label_rows,
            served,
            _SERVED,
            _rules(question.rules, is_timed=given.dated),
            as_of=question.as_of,
            extras=extras,
        )
        with readable(predictions.place):
            kinds = connection.execute("SELECT kind, count(*) FROM served GROUP BY 1").fetchall()
            counts = [_counts(connection, key, is_timed=given.dated) for key in ("0", *extras)]
            doubts += doubts_about(connection, given, answers, account, dict(kinds), question)
            notes = _notes(question, given, answers)
            if len(dict(kinds).keys() & {"invalid", "error"}):
                _say(lacking(connection, given, "predictions", question), notes, doubts)
            if account.invalid:
                _say(lacking(connection, answers, "labels", question), notes, doubts)
            last_arrived = None
            if given.dated and answers.dated:
                ((last_arrived,),) = connection.execute(
                    "SELECT CAST(max(arrived_at) AS DATE) FROM labels"
                ).fetchall()
    counted, last_served = counts[0].get(0, (0, None))
    return Labelled(
        task=meaning.classes.task,
        rows=rows.select(["label", "prediction", "score"]),
        predictions=_account(dict(kinds)),
        labels=account,
        last_day=question.as_of or max(filter(None, [last_served, last_arrived]), default=None),
        splits=[
            GroupedRows(None, [None], [counted], [last_served], np.zeros(rows.num_rows, np.intp)),
            *(
                _split(key, found, rows[name])
                for key, found, name in zip(given.keys, counts[1:], extras, strict=True)
            ),
        ],
        columns={"predictions": given.roles, "labels": answers.roles},
        notes=[*given.notes, *answers.notes, *meaning.notes, *notes],
        warnings=[*given.warnings, *answers.warnings, *meaning.warnings, *doubts],
    )


def _notes(question: Question, given: OpenedTable, answers: OpenedTable) -> list[str]:
    notes = []
    if "prediction" not in given.roles.columns:
        notes.append(f"there is no prediction: a score of {THRESHOLD} or more is taken for 1")
    if "hour" in question.by:
        notes.append("hours are those of UTC, so that every day has 24")
    names = [one.roles.columns["id"] for one in (given, answers)]
    if names[0] != names[1]:
        notes.append(f"{names[1]!r} of the labels is taken for {names[0]!r} of the predictions")
    return notes


def _say(found: tuple[str, bool], notes: list[str], warnings: list[str]) -> None:
    """A warning where it is about many rows, else a note."""
    words, is_many = found
    if words:
        (warnings if is_many else notes).append(words)


# By code: predictions that count, and the last day of serving.
_Counts: TypeAlias = dict[int, tuple[int, date | None]]


def _rules(asked: Labels, *, is_timed: bool) -> Labels:
    """Nothing expires unless that is asked for, and nothing is late without times of serving."""
    never = {"expire_after_days": _NEVER_DAYS} if asked.expire_after_days is None else {}
    return asked.model_copy(
        update={"request_id": "id", "label": "label", "arrived_at": "arrived_at", **never}
        | ({} if is_timed else {"mature_after_days": _NEVER_DAYS})
    )


def _account(kinds: Mapping[str, int]) -> PredictionCount:
    return PredictionCount(
        rows=sum(kinds.values()),
        counted=kinds.get("ok", 0),
        duplicate=kinds.get("duplicate", 0),
        invalid=kinds.get("invalid", 0) + kinds.get("error", 0),
        later=kinds.get("later", 0),
    )


def _counts(connection: "Connection", key: str, *, is_timed: bool) -> _Counts:
    found = connection.execute(
        f"SELECT coalesce({key}, -1) AS code, count(*), max({'day' if is_timed else 'NULL::DATE'})"
        " FROM served WHERE kind = 'ok' GROUP BY code"
    ).fetchall()
    return {code: (rows, last) for code, rows, last in found}


def _split(key: Key, counts: _Counts, labelled: pa.ChunkedArray) -> GroupedRows:
    shown = _shown(key, counts)
    values = list(dict.fromkeys(shown.values()))
    place = {value: i for i, value in enumerate(values)}
    predictions = [0] * len(values)
    last_days: list[date | None] = [None] * len(values)
    for code, (rows, last) in counts.items():
        i = place[shown[code]]
        predictions[i] += rows
        last_days[i] = max(filter(None, [last_days[i], last]), default=None)
    codes = sorted(shown)
    places = np.array([place[shown[code]] for code in codes], np.intp)
    of_rows = plain(labelled, nulls_as=np.int64(-1))
    return GroupedRows(
        key.by, values, predictions, last_days, places[np.searchsorted(codes, of_rows)]
    )


def _shown(key: Key, counts: _Counts) -> dict[int, str]:
    """The value that each code stands for, in the order in which they are shown."""
    if key.names is None and key.by == "day":
        return {code: str(_EPOCH + timedelta(days=code)) for code in sorted(counts)}
    if key.names is None:  # a day of UTC has 24 hours, all of them shown
        hours = [day * 24 + hour for day in {code // 24 for code in counts} for hour in range(24)]
        return {
            code: f"{_EPOCH + timedelta(days=code // 24)}T{code % 24:02}:00Z"
            for code in sorted(hours)
        }
    names = {code: key.names[code] for code in sorted(counts) if code >= 0}
    kept = set(sorted(names.values(), key=order)[:MAX_SEGMENT_VALUES])
    others = {code: OTHER for code, name in names.items() if name not in kept}
    missing = {code: MISSING for code in counts if code < 0}
    return {code: name for code, name in names.items() if name in kept} | others | missing


_MANY_DOUBLED = 0.1  # of the predictions, from where on it is a warning


def lay_served(
    connection: "Connection", source: OpenedTable, meaning: Meaning, question: Question
) -> tuple[Rows, list[str]]:
    """The predictions: id, served_at, kind, prediction, score, and the keys as p0, p1, ...; and
    what may be wrong with them.

    `kind` is ok, error (there is no prediction), duplicate, invalid or later. Of a request that was
    answered twice the first answer counts; where labels expire, the first of a day.
    """
    places = [
        _place(i, key.by) if key.names is None else f"p{i}" for i, key in enumerate(source.keys)
    ]
    kind = (
        "CASE WHEN id IS NULL OR day IS NULL OR is_invalid THEN 'invalid'"
        f" WHEN day > '{question.as_of or 'infinity'}'::DATE THEN 'later'"
        " WHEN prediction IS NULL THEN 'error' ELSE 'ok' END AS kind"
    )
    request = "id" if question.rules.expire_after_days is None else "id, day"
    order = ["served_at", "prediction", "score", *(f"p{i}" for i in range(len(places)))]
    source.lay(
        connection,
        prediction=meaning.prediction,
        score=meaning.score,
        is_invalid=from_numpy(meaning.is_invalid),
    )
    with readable(source.table.place):
        connection.execute(f"""
            CREATE TEMP TABLE served AS
            SELECT {", ".join(["id", "served_at", "day", "prediction", "score", *places, kind])}
            FROM {source.view}""")
        ((answers, requests),) = connection.execute(
            f"SELECT count(*), count(DISTINCT ({request})) FROM served WHERE kind = 'ok'"
        ).fetchall()
        refuse_few(source.roles.columns["id"], PREDICTIONS, ids=requests, rows=answers)
        if requests < answers:
            connection.execute(f"""
                CREATE OR REPLACE TEMP TABLE served AS
                SELECT * REPLACE (CASE WHEN kind = 'ok' AND row_number() OVER (
                    PARTITION BY kind, {request} ORDER BY {", ".join(order)}
                ) > 1 THEN 'duplicate' ELSE kind END AS kind) FROM served""")
        rows = _described(connection, "served", "day", source.table.place)
    warnings = []
    if answers - requests > _MANY_DOUBLED * answers:
        warnings.append(
            f"every id of the predictions is there {doubled(answers, requests)}, and only the first"
            f" answer of a request counts ({answers - requests:,} rows do not): was a file read"
            " twice, are there several models or items a request, or is an id asked again each day"
            " (--expire-after)?"
        )
    return rows, warnings


def lay_labels(connection: "Connection", source: OpenedTable, meaning: Meaning) -> Rows:
    """The labels: id, label and, where it is known, arrived_at."""
    arrived, day = (
        (", arrived_at", "CAST(arrived_at AS DATE)") if source.dated else ("", "NULL::DATE")
    )
    source.lay(connection, label=meaning.label)
    with readable(source.table.place):
        connection.execute(
            f"CREATE TEMP TABLE labels AS SELECT id, label{arrived} FROM {source.view}"
        )
        return _described(connection, "labels", day, source.table.place)


def _place(number: int, by: str) -> str:
    """SQL: the day or hour of serving, since 1970."""
    hours = " * 24 + hour(served_at)" if by == "hour" else ""
    return f"(day - DATE '1970-01-01'){hours} AS p{number}"


def _described(connection: "Connection", relation: str, day: str, place: str) -> Rows:
    sql = f"(SELECT *, {day} AS {quoted(DAY)} FROM {relation})"
    columns = connection.execute(f"DESCRIBE {relation}").fetchall()
    return Rows(sql, {name: kind for name, kind, *_ in columns}, place)
