"""Where do two tables say what was predicted and what came true?  Relations in our own words."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import pyarrow as pa

from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.integrations.files import Table
from monitoring_dagster.integrations.rows import DAY, Rows, quoted, readable
from monitoring_dagster.standalone.readings import (
    Question,
    notes_on_time,
    prediction_sql,
    score_sql,
    time_sql,
    value_sql,
)
from monitoring_dagster.standalone.reference import Advance
from monitoring_dagster.standalone.roles import Role, Roles, UnclearRole, roles
from monitoring_dagster.stats.values import categories

if TYPE_CHECKING:
    from monitoring_dagster.integrations.rows import Connection

_SERVED, _TOLD = "the table of predictions", "the table of labels"


class NoArrivals(MonitoringError):
    """What was known on a day, of labels that do not say when they became known."""

    @classmethod
    def among(cls, available: Collection[str]) -> Self:
        return cls(
            "the labels do not say when they arrived, so nobody can tell which were known on that"
            " day: name the column with --arrived, or leave out --as-of and --expire-after to count"
            f" every label that is there. They have: {', '.join(map(repr, available)) or '-'}"
        )


class Key(NamedTuple):
    """One thing that rows are split by: a whole number a row, in the order that is shown.

    Days or hours since 1970, or places in *names*; null where there is no value.
    """

    by: str
    names: Sequence[str] | None


class Relation(NamedTuple):
    """A table that lies in the session, in our own words."""

    rows: Rows
    roles: Roles
    notes: list[str]


def lay_served(
    connection: "Connection", table: Table, question: Question, advance: Advance
) -> tuple[Relation, list[Key]]:
    """The predictions: id, served_at, kind, prediction, score, and the keys as p0, p1, ...

    `kind` is ok, error (there is no prediction), duplicate, invalid or later. Of a request that was
    answered twice the first answer counts; where labels expire, the first of a day.
    """
    found = _roles_served(table, question)
    split = _split_by(table, question, found)
    segments = {f"p{i}": name for i, (_, name) in enumerate(split) if name is not None}
    read = _read(table, {**_columns(found), **segments}, advance)
    keys, places = [], []
    for i, (by, name) in enumerate(split):
        if name is None:
            hours = " * 24 + hour(served_at)" if by == "hour" else ""
            keys.append(Key(by, None))
            places.append(f"(day - DATE '1970-01-01'){hours} AS p{i}")
        else:
            codes, names = _coded(read[f"p{i}"], column=name)
            read = read.set_column(read.column_names.index(f"p{i}"), f"p{i}", codes)
            keys.append(Key(by, names))
            places.append(f"p{i}")
    prediction, notes = prediction_sql(read, found, question)
    kind = (
        "CASE WHEN id IS NULL OR day IS NULL THEN 'invalid'"
        f" WHEN day > '{question.as_of or 'infinity'}'::DATE THEN 'later'"
        " WHEN prediction IS NULL THEN 'error' ELSE 'ok' END AS kind"
    )
    request = "id" if question.rules.expire_after_days is None else "id, day"
    order = ["served_at", "prediction", "score", *(f"p{i}" for i in range(len(keys)))]
    with readable(table.place):
        connection.register("served_columns", read)
        connection.execute(f"""
            CREATE TEMP TABLE served AS
            WITH written AS (
                SELECT *, CAST("id column" AS VARCHAR) AS id,
                    {time_sql(read, found, "time")} AS served_at, CAST(served_at AS DATE) AS day,
                    {prediction} AS prediction, {score_sql(read, found)} AS score
                FROM served_columns
            )
            SELECT {", ".join(["id", "served_at", "day", "prediction", "score", *places, kind])}
            FROM written""")
        ((answers, requests),) = connection.execute(
            f"SELECT count(*), count(DISTINCT ({request})) FROM served WHERE kind = 'ok'"
        ).fetchall()
        if requests < answers:
            connection.execute(f"""
                CREATE OR REPLACE TEMP TABLE served AS
                SELECT * REPLACE (CASE WHEN kind = 'ok' AND row_number() OVER (
                    PARTITION BY kind, {request} ORDER BY {", ".join(order)}
                ) > 1 THEN 'duplicate' ELSE kind END AS kind) FROM served""")
        notes += notes_on_time(connection, "served_columns", read, found, "time")
        rows = _described(connection, "served", "day", table.place)
    return Relation(rows, found, notes), keys


def lay_told(
    connection: "Connection", table: Table, question: Question, advance: Advance
) -> Relation:
    """The labels: id, label and, where it is known, arrived_at."""
    found = _roles_told(table, question)
    read = _read(table, _columns(found), advance)
    label = value_sql(read, "label", question, kept=question.rules.ambiguous)
    arrived, day = "", "NULL::DATE"
    if found.get("arrived"):
        arrived, day = (
            f", {time_sql(read, found, 'arrived')} AS arrived_at",
            "CAST(arrived_at AS DATE)",
        )
    with readable(table.place):
        connection.register("told_columns", read)
        connection.execute(
            f"""CREATE TEMP TABLE labels AS SELECT CAST("id column" AS VARCHAR) AS id,"""
            f" {label} AS label{arrived} FROM told_columns"
        )
        notes = notes_on_time(connection, "told_columns", read, found, "arrived")
        rows = _described(connection, "labels", day, table.place)
    return Relation(rows, found, notes)


def _roles_served(table: Table, question: Question) -> Roles:
    wanted: list[Role] = ["id", "time", "prediction", "score"]
    needed: list[Role] = ["id"]
    if question.timed or {"day", "hour"} & {*question.by}:
        needed.append("time")
    if "version" in question.by:
        needed.append("version")
    given = {role: name for role, name in question.given.items() if role in {*wanted, *needed}}
    found = roles(table.schema.names, given, wanted=wanted, needed=needed, table=_SERVED)
    answer: Role = "prediction"
    if answer not in found.columns and "score" not in found.columns:
        raise UnclearRole.missing(answer, table=_SERVED, available=table.schema.names)
    return found


def _roles_told(table: Table, question: Question) -> Roles:
    wanted: list[Role] = ["id", "label", "arrived"]
    given = {role: question.given.get(role) for role in wanted}
    if given["id"] not in table.schema.names:
        given["id"] = None  # it may have another name there
    needed: list[Role] = ["id", "label"]
    found = roles(table.schema.names, given, wanted=wanted, needed=needed, table=_TOLD)
    if question.timed and not found.get("arrived"):
        raise NoArrivals.among(table.schema.names)
    return found


def _split_by(table: Table, question: Question, found: Roles) -> list[tuple[str, str | None]]:
    """What to split by, and the column that says it; None for times."""
    known: dict[str, str | None] = {"day": None, "hour": None, "version": found.get("version")}
    split = [(by, known.get(by, by)) for by in question.by]
    split += [(name, name) for name in question.segments]
    for _, name in split:
        if name is not None and name not in table.schema.names:
            raise UnknownColumn.named(name, table=_SERVED, available=table.schema.names)
    return list(dict.fromkeys(split))


def _columns(found: Roles) -> dict[str, str]:
    return {f"{role} column": name for role, name in found.columns.items() if role != "version"}


def _read(table: Table, columns: Mapping[str, str], advance: Advance) -> pa.Table:
    """The *columns*, under names of our own, so that no name of a table's reaches any SQL."""
    wanted = list(dict.fromkeys(columns.values()))
    batches = list(table.read(wanted, distinct=[columns["id column"]]))
    advance(len(wanted))
    read = {}
    for name in wanted:
        kind = _plain(table.schema.field(name).type)
        chunks = [batch.column(name).cast(kind, safe=False) for batch in batches]
        read[name] = pa.chunked_array(chunks, kind)
    found = pa.table({own: read[name] for own, name in columns.items()})
    with suppress(pa.ArrowInvalid):  # a column of ids with gaps often comes as floats
        place = found.column_names.index("id column")
        if pa.types.is_floating(found.schema.types[place]):
            found = found.set_column(place, "id column", found["id column"].cast(pa.int64()))
    return found


def _plain(kind: pa.DataType) -> pa.DataType:
    """What values of a type are read as: no codes, no decimals, nothing finer than microseconds."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_decimal(kind):
        return pa.float64()
    return pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else kind


def _coded(values: pa.ChunkedArray, *, column: str) -> tuple[pa.Array, list[str]]:
    """Numbers in the order of the values; null where a value is missing."""
    codes, names = categories(values, column=column)
    ranked = sorted(names, key=_natural)
    place = {name: i for i, name in enumerate(ranked)}
    ranks = np.array([*(place[name] for name in names), -1])[codes]
    return pa.array(ranks, mask=ranks < 0), ranked


def _natural(name: str) -> tuple[bool, float, str]:
    """Numbers first, by size."""
    try:
        number = float(name)
    except ValueError:
        return True, 0.0, name
    return (False, number, name) if number == number else (True, 0.0, name)


def _described(connection: "Connection", relation: str, day: str, place: str) -> Rows:
    sql = f"(SELECT *, {day} AS {quoted(DAY)} FROM {relation})"
    columns = connection.execute(f"DESCRIBE {relation}").fetchall()
    return Rows(sql, {name: kind for name, kind, *_ in columns}, place)
