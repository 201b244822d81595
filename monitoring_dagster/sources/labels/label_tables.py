"""The tables of one question about labels: what was told, what is known of it, and both judged."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from monitoring_dagster.sources.labels.day_parts import mixed
from monitoring_dagster.sources.labels.label_classes import foreign_days
from monitoring_dagster.sources.labels.label_rows import FOREIGN, JUDGED, TOLD, Fault
from monitoring_dagster.sources.labels.label_sql import NO_TOLD, judged_sql, known_sql, told_sql
from monitoring_dagster.sources.labels.label_values import id_of
from monitoring_dagster.sources.rows.countable_rows import needed
from monitoring_dagster.sources.rows.row_sql import Rows, quoted
from monitoring_dagster.spec.sources import Labels, Predictions
from monitoring_dagster.stats.quality.labelled_rows import Task

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

_KNOWN = "monitoring_known"


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
