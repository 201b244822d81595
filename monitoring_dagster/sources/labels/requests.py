"""On which days were these requests answered?"""

from collections.abc import Collection
from datetime import date
from pathlib import Path

from monitoring_dagster.sources.labels.day_parts import readable_rows_in_parts
from monitoring_dagster.sources.labels.label_values import id_of
from monitoring_dagster.sources.rows.countable_rows import is_countable, needed
from monitoring_dagster.sources.rows.row_sql import DAY, literal, quoted
from monitoring_dagster.sources.rows.rows import connected, readable
from monitoring_dagster.spec.sources import Predictions


def days_answered(
    predictions: Predictions, request_ids: Collection[str], *, first: date, last: date, root: Path
) -> set[tuple[str, date]]:
    """Each of *request_ids* with every UTC day from *first* to *last* on which it has an answer
    that counts.

    Raises
    ------
    UnreadableFile, UnknownColumn, UnusableName
        A day that cannot be read is left out.
    """
    wanted = ", ".join(literal(one) for one in sorted(request_ids))
    found: set[tuple[str, date]] = set()
    if not wanted:
        return found
    with connected(predictions) as connection:
        parts, _ = readable_rows_in_parts(
            connection, predictions, root=root, first=first, last=last
        )
        for rows in parts:
            rows.require(needed(predictions))
            request_id = id_of(predictions.request_id, rows.columns).value
            with readable(rows.place):
                found |= set(
                    connection.execute(
                        f"SELECT DISTINCT {request_id}, {quoted(DAY)} FROM {rows.sql}"
                        f" WHERE {request_id} IN ({wanted}) AND {is_countable(predictions)}"
                    ).fetchall()
                )
    return found
