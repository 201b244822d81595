"""What did the predictions turn out to be, and where did every label go?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Self

import pyarrow as pa

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.integrations.rows import (
    DAY,
    MissingDay,
    Rows,
    UnusableName,
    connected,
    file_of,
    first_answer,
    is_countable,
    needed,
    quoted,
    readable,
    readable_rows_of,
    rows_of,
)
from monitoring_dagster.spec import Labels, ModelSpec, Predictions

_JOINED = ("day", "version", "label", "prediction", "score", "request_id", "delay_days")
_LABELLED = ("request_id", "served_at", "version", "score", "prediction", "label")


class NoLabels(MonitoringError):
    """A question about labels to a model that has none."""

    @classmethod
    def of(cls, model: str) -> Self:
        return cls(f"model {model!r} has no `labels`: say in its defs.yaml where they arrive")


@dataclass(frozen=True, slots=True)
class LabelAccount:
    """Where every label that arrived on one day went: the seven kinds add up to `rows`."""

    rows: int
    joined: int
    duplicate: int  # the request already had this label
    conflicting: int  # the request already had another label, and keeps it
    orphan: int  # no such request in twice the time in which labels mature
    uncounted: int  # of a request that failed, fell back or was synthetic
    expired: int  # of a request older than mature_after_days
    invalid: int  # without request id or label
    delay_days_p50: float | None  # of the joined ones; None without any
    delay_days_p95: float | None


def join_labels(spec: ModelSpec, arrival_day: date, *, root: Path) -> tuple[pa.Table, LabelAccount]:
    """The labels that arrived on *arrival_day*, each beside its prediction, and their account.

    Columns: day (UTC day of the prediction), version, the segments, label, prediction, score,
    request_id, delay_days. The first label of a request counts, by arrival day, then arrival time;
    the order of rows in a file changes nothing. Predictions that cannot be read are as if they had
    never been: their labels are orphans until the file is written anew.
    Raises MissingDay, UnreadableFile, UnknownColumn, UnusableName, NoLabels.
    """
    labels = _labels_of(spec)
    path = file_of(labels, arrival_day, root=root)
    if path is not None and not path.exists():
        raise MissingDay.at(arrival_day, path)
    _refuse(spec.segments, _JOINED)
    matured = timedelta(days=labels.mature_after_days)
    window = arrival_day - matured
    with connected(labels, spec.predictions) as connection:
        arrived = rows_of(connection, labels, root=root, first=arrival_day, last=arrival_day)
        if arrived.columns:  # another day's file may have what this one lacks
            arrived.require([labels.request_id, labels.label, labels.arrived_at])
        told = rows_of(connection, labels, root=root, first=window, last=arrival_day)
        known = readable_rows_of(
            connection,
            spec.predictions,
            root=root,
            first=window - matured - timedelta(days=1),
            last=arrival_day,
        )
        query = f"""
            CREATE TEMP TABLE judged AS
            WITH {
            _first_labels(
                spec,
                labels,
                told,
                known,
                spec.segments,
                served_since=window,
                told_since=arrival_day,
            )
        }
            SELECT *, CASE
                WHEN NOT valid THEN 'invalid'
                WHEN place = 1 THEN 'joined'
                WHEN label = first_label THEN 'duplicate'
                WHEN place IS NOT NULL THEN 'conflicting'
                WHEN id IN (SELECT id FROM known WHERE countable) THEN 'expired'
                WHEN id IN (SELECT id FROM known) THEN 'uncounted'
                ELSE 'orphan' END AS bucket
            FROM placed WHERE arrival_day = DATE '{arrival_day}'"""
        segments = _renamed(spec.segments)
        with readable(f"{told.place} with {known.place}"):
            connection.execute(query)
            counts = connection.execute("SELECT bucket, count(*) FROM judged GROUP BY 1")
            buckets: dict[str, int] = dict(counts.fetchall())
            ((p50, p95),) = connection.execute(
                "SELECT quantile_cont(delay_days, 0.5), quantile_cont(delay_days, 0.95)"
                " FROM judged WHERE bucket = 'joined'"
            ).fetchall()
            table = connection.sql(
                f"SELECT day, version, {segments} label, prediction, score, id AS request_id,"
                " delay_days FROM judged WHERE bucket = 'joined' ORDER BY day, request_id"
            ).to_arrow_table()
    account = LabelAccount(
        rows=sum(buckets.values()),
        joined=buckets.get("joined", 0),
        duplicate=buckets.get("duplicate", 0),
        conflicting=buckets.get("conflicting", 0),
        orphan=buckets.get("orphan", 0),
        uncounted=buckets.get("uncounted", 0),
        expired=buckets.get("expired", 0),
        invalid=buckets.get("invalid", 0),
        delay_days_p50=p50,
        delay_days_p95=p95,
    )
    return table, account


def labelled_rows(
    spec: ModelSpec, *, first: date, last: date, as_of: date, features: Sequence[str], root: Path
) -> pa.Table:
    """The predictions of *first* to *last* whose label had arrived on *as_of*, with *features*.

    Further columns: request_id, served_at, version, score, prediction, label; in the order of
    serving. What is known on *as_of* is what `join_labels` had joined by then.
    Raises UnreadableFile, UnknownColumn, UnusableName, NoLabels.
    """
    labels = _labels_of(spec)
    _refuse(features, _LABELLED)
    with connected(labels, spec.predictions) as connection:
        told = rows_of(connection, labels, root=root, first=first, last=as_of)
        known = rows_of(connection, spec.predictions, root=root, first=first, last=last)
        query = f"""
            WITH {
            _first_labels(spec, labels, told, known, features, served_since=first, told_since=first)
        }
            SELECT {_renamed(features)} id AS request_id, served_at, version, score, prediction,
                label
            FROM placed WHERE place = 1 ORDER BY served_at, request_id"""
        with readable(f"{told.place} with {known.place}"):
            return connection.sql(query).to_arrow_table()


def _first_labels(
    spec: ModelSpec,
    labels: Labels,
    told: Rows,
    known: Rows,
    extras: Sequence[str],
    *,
    served_since: date,
    told_since: date,
) -> str:
    """SQL: `placed` gives every label its place among those of its prediction.

    Labels from before *told_since* are there for the requests that were told of since.
    """
    columns = "".join(f"e{number}, " for number in range(len(extras)))
    return f"""
        told AS ({_told(labels, told, since=told_since)}),
        known AS ({_known(spec.predictions, known, extras)}),
        answered AS (
            SELECT * FROM known WHERE countable AND day >= DATE '{served_since}'
            QUALIFY row_number() OVER (PARTITION BY id ORDER BY day, answer_order) = 1
        ),
        matched AS (
            SELECT told.day AS arrival_day, told.id, label, valid, arrived_at,
                answered.id AS answer, answered.day, version, {columns} prediction, score, served_at
            FROM told LEFT JOIN answered ON valid AND told.id = answered.id
                AND told.day BETWEEN answered.day AND answered.day + {labels.mature_after_days}
        ),
        placed AS (
            SELECT *, (epoch(arrived_at) - epoch(served_at)) / 86400 AS delay_days,
                CASE WHEN answer IS NOT NULL THEN row_number() OVER one END AS place,
                CASE WHEN answer IS NOT NULL THEN first_value(label) OVER one END AS first_label
            FROM matched
            WINDOW one AS (PARTITION BY answer ORDER BY arrival_day, arrived_at, label)
        )"""


def _told(labels: Labels, rows: Rows, *, since: date) -> str:
    if not rows.columns:
        return (
            "SELECT NULL::DATE AS day, NULL::VARCHAR AS id, NULL::DOUBLE AS label,"
            " NULL::TIMESTAMPTZ AS arrived_at, false AS valid WHERE false"
        )
    rows.require([labels.request_id, labels.label, labels.arrived_at])
    request_id, label, day = quoted(labels.request_id), quoted(labels.label), quoted(DAY)
    is_number = rows.columns[labels.label] in ("FLOAT", "DOUBLE")
    not_nan = f" AND NOT isnan({label})" if is_number else ""
    return f"""
        SELECT {day} AS day, CAST({request_id} AS VARCHAR) AS id, {label} AS label,
            CAST({quoted(labels.arrived_at)} AS TIMESTAMPTZ) AS arrived_at,
            {request_id} IS NOT NULL AND {label} IS NOT NULL{not_nan} AS valid
        FROM {rows.sql}
        WHERE {day} >= DATE '{since}' OR {request_id} IN (
            SELECT {request_id} FROM {rows.sql} WHERE {day} >= DATE '{since}'
        )"""


def _known(predictions: Predictions, rows: Rows, extras: Sequence[str]) -> str:
    if not rows.columns:
        nothing = "".join(f"NULL::VARCHAR AS e{number}, " for number in range(len(extras)))
        return (
            "SELECT NULL::DATE AS day, NULL::VARCHAR AS id, NULL::TIMESTAMPTZ AS served_at,"
            f" NULL::VARCHAR AS version, {nothing} NULL::DOUBLE AS prediction,"
            " NULL::DOUBLE AS score, false AS countable, 0 AS answer_order WHERE false"
        )
    rows.require([*needed(predictions), *extras])
    score = "NULL::DOUBLE"
    if predictions.score is not None:  # one day that holds text makes the column text for all
        score = f"TRY_CAST({quoted(predictions.score)} AS DOUBLE)"
    request_id = f"CAST({quoted(predictions.request_id)} AS VARCHAR)"
    return f"""
        SELECT {quoted(DAY)} AS day, {request_id} AS id,
            CAST({quoted(predictions.served_at)} AS TIMESTAMPTZ) AS served_at,
            CAST({quoted(predictions.version)} AS VARCHAR) AS version,
            {"".join(f"{quoted(name)} AS e{number}, " for number, name in enumerate(extras))}
            {quoted(predictions.prediction)} AS prediction, {score} AS score,
            {is_countable(predictions)} AS countable,
            row({first_answer(predictions)}) AS answer_order
        FROM {rows.sql} WHERE {request_id} IN (SELECT id FROM told WHERE valid)"""


def _renamed(extras: Sequence[str]) -> str:
    return "".join(f"e{number} AS {quoted(name)}, " for number, name in enumerate(extras))


def _labels_of(spec: ModelSpec) -> Labels:
    if spec.labels is None:
        raise NoLabels.of(spec.name)
    return spec.labels


def _refuse(names: Sequence[str], reserved: Sequence[str]) -> None:
    """DuckDB does not tell names apart by case, so neither do we."""
    for name in names:
        if name.casefold() in reserved:
            raise UnusableName.taken(name, reserved=reserved)
