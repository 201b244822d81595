"""What did the predictions turn out to be, and where did every label go?"""

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from monitoring_dagster.sources.labels.day_parts import (
    completed,
    readable_rows_in_parts,
    rows_in_parts,
)
from monitoring_dagster.sources.labels.label_account import (
    LabelAccount,
    PredictionsAsOf,
    label_account,
    predictions_as_of,
)
from monitoring_dagster.sources.labels.label_rows import JUDGED, TOLD
from monitoring_dagster.sources.labels.label_sql import NO_TOLD
from monitoring_dagster.sources.labels.label_tables import (
    ArrivalDay,
    judge,
    remember,
    set_foreign_aside,
    streamed_passes,
    told_of,
)
from monitoring_dagster.sources.rows.countable_rows import needed
from monitoring_dagster.sources.rows.row_sql import Rows, UnusableName, literal, quoted
from monitoring_dagster.sources.rows.rows import (
    MissingDay,
    connected,
    days_available,
    file_of,
    readable,
    rows_of,
    sparing,
)
from monitoring_dagster.spec.model import ModelSpec, labels_of
from monitoring_dagster.spec.sources import Labels, Predictions
from monitoring_dagster.stats.columns.sample import bound_of
from monitoring_dagster.stats.quality.labelled_rows import Task

if TYPE_CHECKING:
    import duckdb

_JOINED = (
    "day",
    "version",
    "label",
    "prediction",
    "score",
    "request_id",
    "served_at",
    "delay_days",
    "sign",
)
_LABELLED = ("request_id", "served_at", "version", "score", "prediction", "label")
_STANDING = (  # the label of each prediction that counts in the end
    f"SELECT * FROM {JUDGED} WHERE changes"
    " QUALIFY lead(true) OVER (PARTITION BY answer ORDER BY arrival_day) IS NULL"
)


def join_labels(
    spec: ModelSpec,
    arrival_day: date,
    *,
    root: Path,
    source: str | None = None,
    extras: Sequence[str] = (),
) -> tuple[pa.Table, LabelAccount]:
    """What the labels that arrived on *arrival_day* change, as one table in the order of day and
    request, and the account of all of them; else as `count_changes`."""
    parts: list[pa.Table] = []
    account = count_changes(
        spec, arrival_day, root=root, source=source, extras=extras, take=parts.append
    )
    order: list[tuple[str, Literal["ascending"]]] = [
        (name, "ascending") for name in ("day", "request_id", "sign")
    ]
    return pa.concat_tables(parts).sort_by(order), account


def count_changes(
    spec: ModelSpec,
    arrival_day: date,
    *,
    root: Path,
    take: Callable[[pa.Table], object],
    source: str | None = None,
    extras: Sequence[str] = (),
) -> LabelAccount:
    """Hand over what the labels that arrived on *arrival_day* change; the account of all of them.

    Parameters
    ----------
    take
        Is given the rows, some at a time and in no order: columns day (UTC day of the prediction),
        version, the segments, the extras, label, prediction, score, request_id, delay_days and
        sign: 1 where the label counts from this day on, -1 where it does no more. Over all arrival
        days the signs of a prediction's labels add up to 1 for the one that counts and to 0 for
        every other, whatever the order of rows in the files.
    source
        One of the spec's `further_labels`; by default its `labels`.
    extras
        Columns of the inference log that are handed over too.

    Raises
    ------
    MissingDay, UnreadableFile, UnknownColumn, UnusableName, NoLabels
        Predictions that cannot be read are as if they had not come yet: their labels are pending.
    """
    labels = labels_of(spec, source)
    path = file_of(labels, arrival_day, root=root)
    if path is not None and not path.exists():
        raise MissingDay.at(arrival_day, path)
    names = list(dict.fromkeys([*spec.segments, *extras]))
    _refuse(names, _JOINED)
    window = arrival_day - timedelta(days=labels.accepted_days)
    before = arrival_day - timedelta(days=1)
    since = remembered_since(labels, arrival_day)
    with connected(labels, spec.predictions) as connection, sparing(connection, labels):
        arrived = rows_of(connection, labels, root=root, first=arrival_day, last=arrival_day)
        earlier = rows_in_parts(connection, labels, root=root, first=window, last=before)
        known, unreadable = readable_rows_in_parts(
            connection, spec.predictions, root=root, first=since, last=arrival_day
        )
        if arrived.columns:  # another day's file may have what this one lacks
            arrived.require([labels.request_id, labels.label, labels.arrived_at])
        told = completed([arrived, *earlier])
        day = ArrivalDay(spec, labels, arrival_day, tuple(told), tuple(known), tuple(names))
        place = _place(labels, told, spec.predictions, known)
        with closing(streamed_passes(connection, day, _changes(names), place)) as changes:
            for rows in changes:
                take(rows)
        with readable(place):
            account = label_account(connection, labels, spec.predictions, known)
    if account.orphan and _waits_for(spec, window, arrival_day, unreadable, root=root):
        account = replace(account, orphan=0, pending=account.orphan)
    return account


def joined_as_of(
    connection: "duckdb.DuckDBPyConnection",
    told: Rows,
    known: Rows,
    predictions: Predictions,
    labels: Labels,
    *,
    as_of: date | None,
    extras: Sequence[str] = (),
    task: Task | None = None,
) -> tuple[pa.Table, LabelAccount, PredictionsAsOf]:
    """Every prediction whose label was known at the end of *as_of*, with that label.

    The same decision as `join_labels`, for rows that lie anywhere: what it gives for all arrival
    days up to *as_of*, added up.

    Parameters
    ----------
    told, known
        The label rows and the inference log: something that *connection*, which is set to UTC, can
        select from, with the UTC day of arrival, and of the prediction, in column DAY. Without
        column `arrived_at` all labels are known, none is late or expired, delays are null, and of
        several labels of a request the smallest is the first one (DAY is not read then). The
        columns `version`, `prediction` and `score` may be absent and are null then.
    as_of
        None takes whatever there is.
    extras
        Columns of the inference log that are returned too.
    task
        Rows whose label, prediction or score is none of it are invalid; None: any is one.

    Returns
    -------
    One row per labelled prediction, in the order of day and request: day, version, the extras,
    label, prediction, score, request_id, served_at, delay_days; where the label rows went; and
    where the predictions went.

    Raises
    ------
    UnreadableFile, UnknownColumn, UnusableName
    """
    _refuse(extras, _JOINED)
    known.require([predictions.request_id, predictions.served_at])
    known = _completed(known, predictions)
    known.require(needed(predictions))
    is_dated = labels.arrived_at in told.columns
    until = f"'{as_of}'::DATE" if as_of else "'infinity'::DATE"
    with readable(f"{told.place} with {known.place}"):
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {TOLD} AS {told_of(labels, [told], task=task)}"
        )
        ((pending,),) = connection.execute(
            f"SELECT count(*) FROM {TOLD} WHERE arrival_day > {until}"
        ).fetchall()
        connection.execute(f"DELETE FROM {TOLD} WHERE arrival_day > {until}")
        remember(connection, predictions, [known], extras, task=task)
        set_foreign_aside(connection, NO_TOLD, task=task)
        judge(connection, labels, extras, is_dated=is_dated, since=None)
        table = connection.sql(f"""
            SELECT day, version, {_renamed(extras)} label, prediction, score, id AS request_id,
                served_at, delay_days
            FROM ({_STANDING}) ORDER BY day, request_id""").to_arrow_table()
        account = label_account(connection, labels, predictions, [known])
        served = predictions_as_of(connection, predictions, known, until)
    return table, replace(account, rows=account.rows + pending, pending=pending), served


def labelled_rows(
    spec: ModelSpec,
    *,
    first: date,
    last: date,
    as_of: date,
    features: Sequence[str],
    root: Path,
    source: str | None = None,
    without: Collection[tuple[str, date]] = (),
    unread_days: Collection[date] = (),
    unread_arrivals: Collection[date] = (),
    share: float = 1.0,
) -> pa.Table:
    """The predictions of *first* to *last* whose label had arrived on *as_of*, with *features*.

    Further columns: request_id, served_at, version, score, prediction, label; in the order of
    serving. What is known on *as_of* is what `join_labels` had joined by then from *source*;
    *without* are those whose label people discarded, by request id and UTC day of the prediction.
    Files of predictions of *unread_days*, and of labels of *unread_arrivals*, are not opened. Of
    all requests a *share*: those whose id's MD5 lies lowest, the same ones whenever it is asked.
    Raises UnreadableFile, UnknownColumn, UnusableName, NoLabels.
    """
    labels = labels_of(spec, source)
    _refuse(features, _LABELLED)
    since = first - timedelta(days=labels.accepted_days)
    with connected(labels, spec.predictions) as connection:
        told = rows_in_parts(
            connection, labels, root=root, first=first, last=as_of, without=unread_arrivals
        )
        known = rows_in_parts(
            connection, spec.predictions, root=root, first=since, last=last, without=unread_days
        )
        with readable(_place(labels, told, spec.predictions, known)):
            told_rows = told_of(labels, told, task=spec.task)
            chosen = f"md5(CAST(id AS VARCHAR)) < '{bound_of(share)}'" if share < 1 else "true"
            connection.execute(
                f"CREATE TEMP TABLE {TOLD} AS SELECT * FROM ({told_rows}) WHERE {chosen}"
            )
            remember(connection, spec.predictions, known, features, task=spec.task)
            set_foreign_aside(connection, NO_TOLD, task=spec.task)
            judge(connection, labels, features, is_dated=True, since=None)
            return connection.sql(f"""
                SELECT {_renamed(features)} id AS request_id, served_at, version, score, prediction,
                    label
                FROM ({_STANDING}) WHERE day BETWEEN DATE '{first}' AND DATE '{last}'
                    AND NOT ({_is_one_of(without)})
                ORDER BY served_at, request_id""").to_arrow_table()


def labels_standing(
    spec: ModelSpec,
    requests: Collection[tuple[str, date]],
    *,
    as_of: date,
    root: Path,
    extras: Sequence[str] = (),
) -> pa.Table:
    """The labels of these *requests* that counted at the end of *as_of*, before any decision.

    Parameters
    ----------
    requests
        Each by its id and the UTC day of its prediction.

    Returns
    -------
    The columns of `join_labels` but `sign`, in the order of day and request. Files that cannot be
    read are as if they were not there.

    Raises
    ------
    UnreadableFile, UnknownColumn, UnusableName, NoLabels
    """
    labels = labels_of(spec)
    names = list(dict.fromkeys([*spec.segments, *extras]))
    _refuse(names, _JOINED)
    days = [day for _, day in requests]
    first, last = min(days, default=as_of), max(days, default=as_of)
    until = min(as_of, last + timedelta(days=labels.accepted_days))
    since = first - timedelta(days=labels.accepted_days + 1)
    with connected(labels, spec.predictions) as connection:
        told, _ = readable_rows_in_parts(connection, labels, root=root, first=first, last=until)
        known, _ = readable_rows_in_parts(
            connection, spec.predictions, root=root, first=since, last=min(last, as_of)
        )
        wanted = ", ".join(literal(one) for one in sorted({id_ for id_, _ in requests})) or "NULL"
        with readable(_place(labels, told, spec.predictions, known)):
            connection.execute(
                f"CREATE TEMP TABLE {TOLD} AS"
                f" SELECT * FROM ({told_of(labels, told, task=spec.task)}) WHERE id IN ({wanted})"
            )
            remember(connection, spec.predictions, known, names, task=spec.task)
            every = told_of(labels, told, task=spec.task)
            set_foreign_aside(connection, every, task=spec.task)
            judge(connection, labels, names, is_dated=True, since=None)
            return connection.sql(f"""
                SELECT day, version, {_renamed(names)} label, prediction, score, id AS request_id,
                    delay_days
                FROM ({_STANDING}) WHERE {_is_one_of(requests)}
                ORDER BY day, request_id""").to_arrow_table()


def remembered_since(labels: Labels, arrival_day: date) -> date:
    """From which day on predictions are looked through for labels that arrive on *arrival_day*."""
    return arrival_day - timedelta(days=2 * labels.accepted_days + 1)


def _waits_for(
    spec: ModelSpec, first: date, last: date, unreadable: Collection[date], *, root: Path
) -> bool:
    """Whether a file of predictions that ought to lie there cannot be read, or not yet."""
    if spec.predictions.path is None or not unreadable:
        return False
    began = spec.first_day or min(days_available(spec.predictions, root=root), default=last)
    return any(max(first, began) <= day <= last for day in unreadable)


def _place(
    labels: Labels, told: Sequence[Rows], predictions: Predictions, known: Sequence[Rows]
) -> str:
    """Where the rows lie, for an error about them."""
    places = [
        parts[0].place if parts else str(source.path or source.table)
        for source, parts in ((labels, told), (predictions, known))
    ]
    return " with ".join(places)


def _changes(extras: Sequence[str]) -> str:
    """SQL: what counts from now on, and what it replaces."""
    return f"""
        SELECT day, version, {_renamed(extras)} label, prediction, score, id AS request_id,
            delay_days, sign FROM (
                SELECT *, 1::TINYINT AS sign FROM {JUDGED} WHERE changes
                UNION ALL BY NAME
                SELECT * REPLACE (old_label AS label, old_delay_days AS delay_days),
                    -1::TINYINT AS sign FROM {JUDGED} WHERE bucket = 'corrected'
            )"""


def _completed(rows: Rows, predictions: Predictions) -> Rows:
    """*rows* with nulls where a column is absent that need not be there."""
    kinds = {predictions.version: "VARCHAR", predictions.prediction: "DOUBLE"}
    if predictions.score is not None:
        kinds[predictions.score] = "DOUBLE"
    absent = {name: kind for name, kind in kinds.items() if name not in rows.columns}
    nothing = "".join(f", NULL::{kind} AS {quoted(name)}" for name, kind in absent.items())
    return Rows(f"(SELECT *{nothing} FROM {rows.sql})", rows.columns | absent, rows.place)


def _is_one_of(requests: Collection[tuple[str, date]]) -> str:
    """SQL: whether a judged row is about one of *requests*."""
    known = ", ".join(f"({literal(id_)}, DATE '{day}')" for id_, day in sorted(requests))
    return f"coalesce((id, day) IN ({known}), false)" if known else "false"


def _renamed(extras: Sequence[str]) -> str:
    return "".join(f"e{number} AS {quoted(name)}, " for number, name in enumerate(extras))


def _refuse(names: Sequence[str], reserved: Sequence[str]) -> None:
    """DuckDB does not tell names apart by case, so neither do we."""
    for name in names:
        if name.casefold() in reserved:
            raise UnusableName.taken(name, reserved=reserved)
