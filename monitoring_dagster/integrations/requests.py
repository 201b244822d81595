"""On which days were these requests answered?"""

from collections.abc import Collection
from datetime import date
from pathlib import Path

from monitoring_dagster.integrations.rows import (
    DAY,
    connected,
    is_countable,
    literal,
    needed,
    quoted,
    readable,
    readable_rows_of,
)
from monitoring_dagster.spec import Predictions


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
    with connected(predictions) as connection:
        rows, _ = readable_rows_of(connection, predictions, root=root, first=first, last=last)
        if not wanted or not rows.columns:
            return set()
        rows.require(needed(predictions))
        request_id = f"CAST({quoted(predictions.request_id)} AS VARCHAR)"
        with readable(rows.place):
            found = connection.execute(
                f"SELECT DISTINCT {request_id}, {quoted(DAY)} FROM {rows.sql}"
                f" WHERE {request_id} IN ({wanted}) AND {is_countable(predictions)}"
            )
            return set(found.fetchall())
