"""Predictions and labels as relations in our own words, for the join."""

from typing import TYPE_CHECKING

from monitoring_dagster.sources.rows.rows import DAY, Rows, quoted, readable
from monitoring_dagster.standalone.ids import doubled, refuse_few
from monitoring_dagster.standalone.meaning import Meaning
from monitoring_dagster.standalone.readings import Question
from monitoring_dagster.standalone.sources import PREDICTIONS, Source

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

_MANY_DOUBLED = 0.1  # of the predictions, from where on it is a warning


def lay_served(
    connection: "Connection", source: Source, meaning: Meaning, question: Question
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
        f"CASE WHEN id IS NULL OR day IS NULL OR ({meaning.is_invalid}) THEN 'invalid'"
        f" WHEN day > '{question.as_of or 'infinity'}'::DATE THEN 'later'"
        " WHEN prediction IS NULL THEN 'error' ELSE 'ok' END AS kind"
    )
    request = "id" if question.rules.expire_after_days is None else "id, day"
    order = ["served_at", "prediction", "score", *(f"p{i}" for i in range(len(places)))]
    with readable(source.table.place):
        connection.execute(f"""
            CREATE TEMP TABLE served AS
            WITH written AS (
                SELECT *, {meaning.prediction} AS prediction, {meaning.score} AS score
                FROM {source.view}
            )
            SELECT {", ".join(["id", "served_at", "day", "prediction", "score", *places, kind])}
            FROM written""")
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


def lay_told(connection: "Connection", source: Source, meaning: Meaning) -> Rows:
    """The labels: id, label and, where it is known, arrived_at."""
    arrived, day = (
        (", arrived_at", "CAST(arrived_at AS DATE)") if source.dated else ("", "NULL::DATE")
    )
    with readable(source.table.place):
        connection.execute(
            f"CREATE TEMP TABLE labels AS SELECT id, {meaning.label} AS label{arrived}"
            f" FROM {source.view}"
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
