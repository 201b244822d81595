"""Rows of an inference log that count, and the columns that say so."""

from collections.abc import Callable, Mapping, Sequence

from monitoring_dagster.sources.rows.readings import (
    id_of,
    probability,
    reading,
    time_of,
    version_of,
)
from monitoring_dagster.sources.rows.row_sql import AS_IS, quoted
from monitoring_dagster.spec.sources import Predictions
from monitoring_dagster.stats.columns.bins import Bins

SHOWN_STATUSES = 3
IS_UNKNOWN = "lower(status) NOT IN ('ok', 'error', 'fallback') OR status IS NULL"


def needed(predictions: Predictions) -> list[str]:
    """The columns without which no row can be counted."""
    optional = (predictions.score, predictions.status, predictions.synthetic)
    return [
        predictions.request_id,
        predictions.served_at,
        predictions.version,
        predictions.prediction,
        *(name for name in optional if name is not None),
    ]


def is_countable(predictions: Predictions) -> str:
    """The condition under which a row counts for profiles and quality, duplicates aside."""
    return f"({kind_of_row(predictions, quoted=quoted)}) = 'ok'"


def first_answer(predictions: Predictions, columns: Mapping[str, str]) -> str:
    """The order in which the first row of a request id is the one that counts.

    *columns* are those of the rows, and their types; what is no time is as if it were missing.
    """
    clock = predictions.served_at
    times = time_of(quoted(clock), columns[clock]) or "CAST(NULL AS TIMESTAMPTZ)"
    return f"{times}, {quoted(predictions.version)}, {quoted(predictions.prediction)}"


def id_in(predictions: Predictions, columns: Mapping[str, str]) -> str:
    """SQL: the request id of a row, null where it has none."""
    return id_of(quoted(predictions.request_id), columns[predictions.request_id])


def kind_of_row(predictions: Predictions, *, quoted: Callable[[str], str]) -> str:
    """SQL, for any engine that has STRING: ok, error, fallback or synthetic."""
    kind = "'ok'"
    if predictions.status is not None:
        status = f"lower({status_of_row(predictions, quoted=quoted)})"
        kind = f"CASE WHEN {status} IN ('ok', 'fallback') THEN {status} ELSE 'error' END"
    if predictions.synthetic is not None:
        synthetic = f"TRY_CAST({quoted(predictions.synthetic)} AS BOOLEAN)"
        kind = f"CASE WHEN {synthetic} THEN 'synthetic' ELSE {kind} END"
    return kind


def status_of_row(predictions: Predictions, *, quoted: Callable[[str], str]) -> str:
    """SQL, for any engine that has STRING: what the row says of itself, without blanks around."""
    if predictions.status is None:
        return "'ok'"
    return f"trim(CAST({quoted(predictions.status)} AS STRING))"


def readings_of(
    columns: Mapping[str, str],
    predictions: Predictions,
    bins: Mapping[str, Mapping[str, Bins]],
    segments: Sequence[str],
    *,
    engine: str = "duckdb",
) -> dict[str, str]:
    """How each column of a profile is read, by its name.

    The *bins*, by version and column, are of columns that can be read.
    """
    names = dict.fromkeys([*segments, *(name for one in bins.values() for name in one)])
    found = {}
    for name in names:
        own = [one[name] for one in bins.values() if name in one]
        found[name] = reading(columns[name], own, engine=engine) or AS_IS
        if name == predictions.score:
            found[name] = probability(found[name])
    return found | {predictions.version: version_of("{}")}
