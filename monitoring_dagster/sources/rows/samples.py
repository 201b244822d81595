"""Which few rows stand for a day?"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa

from monitoring_dagster.sources.rows.countable_rows import (
    first_answer,
    id_in,
    is_countable,
    needed,
    readings_of,
)
from monitoring_dagster.sources.rows.readings import version_of
from monitoring_dagster.sources.rows.row_sql import listed, quoted
from monitoring_dagster.sources.rows.rows import connected, readable, rows_on
from monitoring_dagster.spec.sources import Predictions
from monitoring_dagster.stats.columns.bins import Bins
from monitoring_dagster.stats.columns.sample import KEY, bound_of

REASON = "reason"


def sample_day(
    predictions: Predictions,
    day: date,
    *,
    root: Path,
    columns: Sequence[str],
    version: str,
    k: int,
    bins: Mapping[str, Bins] = MappingProxyType({}),
) -> pa.Table:
    """The *k* rows of lowest key among those of *day* that count and that *version* answered.

    The key is the MD5 of the request id's text, and the day: the same rows whatever their order in
    the file, and no row twice where days are merged by `stats.sample.bottom_k`. A row without a
    request id is never in the sample. Only *k* rows leave the database. Columns are read as a
    profile over these *bins* reads them.

    Returns
    -------
    *columns* and KEY, in the order of the keys.

    Raises
    ------
    MissingDay, UnreadableFile, UnknownColumn
    """
    with connected(predictions) as connection:
        rows = rows_on(connection, predictions, day, root=root)
        rows.require([*needed(predictions), *columns])
        request = id_in(predictions, rows.columns)
        readings = readings_of(rows.columns, predictions, {version: bins}, ())
        served_by = f"coalesce({version_of(quoted(predictions.version))}, '')"
        counts = f"{is_countable(predictions)} AND {request} IS NOT NULL"
        key = f"md5(CAST({request} AS VARCHAR))"
        first = first_answer(predictions, rows.columns)
        order = ", ".join([first, *map(quoted, columns)])
        # First the keys alone, then the whole rows of the few that are chosen.
        query = f"""
            WITH answered AS (
                SELECT {key} AS key, arg_min({served_by}, ({first})) AS version
                FROM {rows.sql} WHERE {counts} GROUP BY {request}
            ), chosen AS (SELECT unnest(min(key, {k})) FROM answered WHERE version = $version)
            SELECT {listed(columns, readings)}, {key} || ' {day}' AS {quoted(KEY)} FROM {rows.sql}
            WHERE {counts} AND {key} IN (FROM chosen)
            QUALIFY row_number() OVER (PARTITION BY {request} ORDER BY {order}) = 1
            ORDER BY {quoted(KEY)}"""
        with readable(rows.place):
            return connection.sql(query, params={"version": version}).to_arrow_table()


def review_rows(
    predictions: Predictions,
    day: date,
    *,
    root: Path,
    columns: Sequence[str],
    share: float,
    score: str | None = None,
    least_sure_at: float = 0.5,
    batch_rows: int = 0,
) -> pa.Table:
    """The requests of *day* that people are asked to look at, each once.

    A random *share* of those that count: the ids whose MD5 lies below a bound, the same ones
    whenever it is asked. And, of the others, the *batch_rows* whose *score* is nearest to
    *least_sure_at*.

    Returns
    -------
    *columns* and REASON (random or unsure), in the order of the keys.

    Raises
    ------
    MissingDay, UnreadableFile, UnknownColumn
    """
    with connected(predictions) as connection:
        rows = rows_on(connection, predictions, day, root=root)
        rows.require([*needed(predictions), *columns])
        request = id_in(predictions, rows.columns)
        key = f"md5(CAST({request} AS VARCHAR))"
        doubt = "NULL" if score is None else f"abs({quoted(score)} - {least_sure_at})"
        query = f"""
            WITH answered AS (
                SELECT *, {key} AS {quoted(KEY)} FROM {rows.sql}
                WHERE {is_countable(predictions)} AND {request} IS NOT NULL
                QUALIFY row_number() OVER (
                    PARTITION BY {request} ORDER BY {first_answer(predictions, rows.columns)}
                ) = 1
            ), ranked AS (
                SELECT *, {quoted(KEY)} < $bound AS random, row_number() OVER (
                    PARTITION BY {quoted(KEY)} < $bound ORDER BY {doubt} NULLS LAST, {quoted(KEY)}
                ) AS place FROM answered
            )
            SELECT {listed(columns)}, CASE WHEN random THEN 'random' ELSE 'unsure' END AS {REASON}
            FROM ranked WHERE random OR (place <= $unsure AND {doubt} IS NOT NULL)
            ORDER BY {quoted(KEY)}"""
        wanted = {"bound": bound_of(share), "unsure": batch_rows}
        with readable(rows.place):
            return connection.sql(query, params=wanted).to_arrow_table()
