"""The tables of one question about labels: what was told, what is known of it, and both judged."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from monitoring_dagster.sources.labels.day_parts import mixed
from monitoring_dagster.sources.labels.label_classes import foreign_days
from monitoring_dagster.sources.labels.label_rows import FOREIGN, JUDGED, TOLD, Fault
from monitoring_dagster.sources.labels.label_sql import NO_TOLD, judged_sql, known_sql, told_sql
from monitoring_dagster.sources.labels.label_values import id_of
from monitoring_dagster.sources.rows.countable_rows import needed
from monitoring_dagster.sources.rows.row_sql import Rows, quoted
from monitoring_dagster.sources.rows.rows import readable
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.spec.sources import Labels, Predictions
from monitoring_dagster.stats.quality.labelled_rows import Task

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

_KNOWN = "monitoring_known"
PASS_ROWS = 300_000  # labels that are judged at once
_BATCH_ROWS = 262_144
_WHOLE = "monitoring_judged_whole"
_CUT = "_by_pass"  # of a table whose rows lie in the order of passes
_ACCOUNTED = (  # what an account asks of judged rows
    "arrival_day, id, label, arrived_at, annotator, day, fault, shown, score, delay_days, bucket"
)


def told_of(
    labels: Labels,
    parts: Sequence[Rows],
    *,
    task: Task | None,
    among: Sequence[Rows] | None = None,
) -> str:
    """SQL: the label rows of some *parts*, of types that fit to all *among* which they are."""
    as_text = mixed(parts if among is None else among, [labels.label])
    each = [told_sql(labels, one, task=task, as_text=as_text) for one in parts]
    return " UNION ALL ".join(each) or NO_TOLD


def asked_of(rows: Rows, request_id: str) -> Rows:
    """Those of the *rows* that are about a request of `told`."""
    told = f"SELECT id FROM {TOLD} WHERE valid"
    if rows.columns[request_id] == "VARCHAR":  # the column as it is can be compared at once
        column = quoted(request_id)
        told += f" UNION ALL SELECT id || '.0' FROM {TOLD} WHERE valid AND id SIMILAR TO '-?[0-9]+'"
    else:
        column = id_of(request_id, rows.columns).value
    return Rows(f"(SELECT * FROM {rows.sql} WHERE {column} IN ({told}))", rows.columns, rows.place)


def remember(
    connection: "Connection",
    predictions: Predictions,
    known: Sequence[Rows],
    extras: Sequence[str],
    *,
    task: Task | None,
) -> None:
    """Keep what was predicted about the requests of `told`, and no other row."""
    as_text = mixed(known, [predictions.prediction])
    each = []
    for part in known or [Rows("", {}, "")]:
        asked = part
        if part.columns:
            part.require(needed(predictions))
            asked = asked_of(part, predictions.request_id)
        each.append(known_sql(predictions, asked, extras, task=task, as_text=as_text))
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {_KNOWN} AS
        SELECT *, row_number() OVER () AS number FROM ({" UNION ALL ".join(each)})
        WHERE id IS NOT NULL""")


def set_foreign_aside(connection: "Connection", earlier: str, *, task: Task | None) -> None:
    """Labels of other classes than any prediction make their delivery invalid, whole.

    *earlier* is SQL for all label rows of those days of which `told` holds only some.
    """
    if task != "multiclass":
        return
    classes: dict[date | None, dict[str, int]] = {}
    for rows in (TOLD, f"({earlier})"):
        days = f"arrival_day IN (SELECT arrival_day FROM {TOLD} WHERE valid)"
        for day, label, n in connection.execute(
            f"SELECT arrival_day, CAST(label AS VARCHAR), count(*) FROM {rows}"
            f" WHERE valid AND NOT ambiguous AND (arrival_day IS NULL OR {days}) GROUP BY 1, 2"
        ).fetchall():
            classes.setdefault(day, {})[label] = n
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {FOREIGN} AS SELECT DISTINCT CAST(prediction AS VARCHAR)"
        f" AS prediction FROM {_KNOWN} WHERE prediction IS NOT NULL"
    )
    predicted = [one for (one,) in connection.execute(f"FROM {FOREIGN}").fetchall()]
    for day in foreign_days(classes, predicted):
        is_meant = "arrival_day IS NULL" if day is None else f"arrival_day = DATE '{day}'"
        connection.execute(
            f"UPDATE {TOLD} SET valid = false, fault = '{Fault.CLASS}',"
            f" shown = CAST(label AS VARCHAR) WHERE valid AND NOT ambiguous AND {is_meant}"
        )


def judge(
    connection: "Connection",
    labels: Labels,
    extras: Sequence[str],
    *,
    is_dated: bool,
    since: date | None,
) -> None:
    """Put every row of `told` that arrived *since* in its bucket."""
    wanted = f"WHERE arrival_day >= DATE '{since}'" if since else ""
    decision = judged_sql(labels, extras=len(extras), is_dated=is_dated)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {JUDGED} AS
        WITH told AS (FROM {TOLD}), known AS (FROM {_KNOWN}), {decision}
        SELECT * EXCLUDE (valid, ambiguous, clear, standing) FROM judged {wanted}""")
    connection.execute(f"DROP TABLE {TOLD}")
    connection.execute(f"DROP TABLE {_KNOWN}")


@dataclass(frozen=True, slots=True)
class ArrivalDay:
    """The labels that arrived on a day, and all rows that they are judged with."""

    spec: ModelSpec
    labels: Labels
    day: date
    told: tuple[Rows, ...]  # those of the day, and those of days before it
    known: tuple[Rows, ...]
    extras: tuple[str, ...]


def streamed_passes(
    connection: "Connection", day: ArrivalDay, query: str, place: str
) -> Generator[pa.Table, None, None]:
    """What *query* finds among the judged rows, some at a time; at the end JUDGED has all rows.

    Where there are several passes it has of each what an account asks, and no more.

    Raises
    ------
    UnreadableFile
        A row of *place* cannot be read.
    """
    with readable(place):
        _gather(connection, day)
        count = _cut(connection)
    for number in range(count):
        with readable(place):
            if count > 1:
                _take(connection, number)
            judge(connection, day.labels, day.extras, is_dated=True, since=day.day)
            found = connection.sql(query).to_arrow_reader(_BATCH_ROWS)
        with closing(found):  # else the connection would answer nobody who breaks off
            yield found.schema.empty_table()
            while (rows := _next(found, place)) is not None:
                yield rows
        if count > 1:
            with readable(place):
                how = f"INSERT INTO {_WHOLE}" if number else f"CREATE TEMP TABLE {_WHOLE} AS"
                connection.execute(f"{how} SELECT {_ACCOUNTED} FROM {JUDGED}")
                connection.execute(f"DROP TABLE {JUDGED}")
    if count > 1:
        for table in (TOLD, _KNOWN):
            connection.execute(f"DROP TABLE {table}{_CUT}")
        connection.execute(f"ALTER TABLE {_WHOLE} RENAME TO {JUDGED}")


def _next(found: pa.RecordBatchReader, place: str) -> pa.Table | None:
    with readable(place):
        try:
            return pa.Table.from_batches([found.read_next_batch()])
        except StopIteration:
            return None


def _gather(connection: "Connection", day: ArrivalDay) -> None:
    """The label rows of the day, those of days before it about the same requests, and what was
    predicted about them."""
    labels, task = day.labels, day.spec.task
    of_day = told_of(labels, day.told[:1], task=task, among=day.told)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {TOLD} AS {of_day}")
    if day.told[1:]:
        asked_before = [asked_of(one, labels.request_id) for one in day.told[1:]]
        again = told_of(labels, asked_before, task=task, among=day.told)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {TOLD} AS FROM {TOLD} UNION ALL {again}")
    remember(connection, day.spec.predictions, day.known, day.extras, task=task)
    before_it = told_of(labels, day.told[1:], task=task, among=day.told)
    set_foreign_aside(connection, before_it, task=task)


def _cut(connection: "Connection") -> int:
    """Lay the rows of some requests beside each other, so that a pass reads no others: how many
    passes there are. Whatever rows say of one request stays together."""
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {TOLD}").fetchall()
    count = max(1, -(-int(rows) // PASS_ROWS))
    for table in (TOLD, _KNOWN) if count > 1 else ():
        connection.execute(f"""
            CREATE TEMP TABLE {table}{_CUT} AS
            SELECT *, CAST(hash(id) % {count} AS INTEGER) AS pass FROM {table} ORDER BY pass""")
        connection.execute(f"DROP TABLE {table}")
    return count


def _take(connection: "Connection", number: int) -> None:
    """The rows of one pass."""
    for table in (TOLD, _KNOWN):
        connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE {table} AS
            SELECT * EXCLUDE (pass) FROM {table}{_CUT} WHERE pass = {number}""")
