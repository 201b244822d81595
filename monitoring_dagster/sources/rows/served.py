"""An inference log's day, counted: where every row went, profiles, versions, errors, latencies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from monitoring_dagster.sources.rows.countable_rows import (
    IS_UNKNOWN,
    SHOWN_STATUSES,
    first_answer,
    id_in,
    is_countable,
    kind_of_row,
    needed,
    readings_of,
    status_of_row,
)
from monitoring_dagster.sources.rows.readings import is_nested, version_of
from monitoring_dagster.sources.rows.row_sql import Rows, listed, quoted
from monitoring_dagster.sources.rows.rows import (
    columns_of,
    connected,
    place_of,
    readable,
    rows_on,
    sparing,
    streamed,
)
from monitoring_dagster.spec.sources import Predictions
from monitoring_dagster.stats.columns.bins import Bins
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile, profile_batches

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

_PLACE = '"monitoring place"'
_COUNT = '"monitoring count"'
_MOST_DEPLOYMENTS = 100  # of a day: more are no deployments, but a column of something else
_DEPLOYED_CHARACTERS = 4_000  # of a hash, or of a list of libraries


@dataclass(frozen=True, slots=True)
class PredictionAccount:
    """Where every row of a day's inference log went: `rows` is the sum of all others."""

    rows: int
    counted: int
    errors: int  # any status that is neither ok nor fallback, a missing one too
    fallback: int
    synthetic: int  # whatever their status
    duplicate_ids: int  # rows that would count, had their request not been answered before

    @classmethod
    def of(cls, rows: int, errors: int, fallback: int, synthetic: int, duplicate_ids: int) -> Self:
        """What is left of *rows* counts."""
        counted = rows - errors - fallback - synthetic - duplicate_ids
        return cls(rows, counted, errors, fallback, synthetic, duplicate_ids)


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles of one stage, in milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class ServiceNumbers:
    """How the service did on one day, synthetic rows left out."""

    requests: int
    errors: int
    fallback: int
    latency_ms: dict[str, Latency]  # stages without a single finite value are left out
    unknown_statuses: dict[str, int] = field(default_factory=dict)  # the most frequent ones first

    @property
    def error_rate(self) -> float | None:
        """Share of requests that failed; None without requests."""
        return self.errors / self.requests if self.requests else None


@dataclass(frozen=True, slots=True)
class Deployment:
    """What rows of a version say of the service that answered them."""

    version: str
    feature_code: str | None  # None: they say nothing of it
    libraries: str | None  # as they were written
    rows: int


def read_day(
    predictions: Predictions,
    day: date,
    *,
    root: Path,
    columns: Sequence[str],
    readings: Mapping[str, str] = MappingProxyType({}),
) -> tuple[PredictionAccount, Iterator[pa.RecordBatch]]:
    """Where every row of *day* went, and those that count, at most 65,536 at a time.

    A column is read as it is or as *readings* has it: SQL with {} where the column stands.
    The account is whole when this returns; the rows are read while they are taken. Of a request
    answered twice the first answer counts, by time; a row without a request id always counts.
    Raises MissingDay, UnreadableFile (also in the middle), UnknownColumn.
    """
    with connected(predictions) as connection, sparing(connection, predictions):
        rows = rows_on(connection, predictions, day, root=root)
        rows.require([*needed(predictions), *columns])
        account = _account(connection, predictions, rows)
    return account, _counted_batches(predictions, day, root, listed(columns, readings), account)


def profile_day(
    predictions: Predictions,
    day: date,
    *,
    root: Path,
    bins: Mapping[str, Mapping[str, Bins]],
    segments: Sequence[str] = (),
) -> tuple[PredictionAccount, dict[Group, Profile]]:
    """Where every row of *day* went, and the profiles of those that count; as `read_day`."""
    columns = profiled_columns(predictions, bins, segments)
    available = columns_of(predictions, day, root=root)
    Rows("", available, place_of(predictions, day, root)).require([*needed(predictions), *columns])
    readings = readings_of(available, predictions, bins, segments)
    account, batches = read_day(predictions, day, root=root, columns=columns, readings=readings)
    return account, profile_batches(batches, bins, version=predictions.version, segments=segments)


def profiled_columns(
    predictions: Predictions, bins: Mapping[str, Mapping[str, Bins]], segments: Sequence[str]
) -> list[str]:
    """What has to be read for a profile."""
    return sorted(
        {predictions.version, *segments, *(name for one in bins.values() for name in one)}
    )


def versions_of(predictions: Predictions, day: date, *, root: Path) -> dict[str, int]:
    """Rows that count of *day*, duplicates included, by the version that answered them.

    A row without a version is under "". Raises MissingDay, UnreadableFile, UnknownColumn.
    """
    with connected(predictions) as connection:
        rows = rows_on(connection, predictions, day, root=root)
        rows.require(needed(predictions))
        version = f"coalesce({version_of(quoted(predictions.version))}, '')"
        with readable(rows.place):
            found = connection.execute(
                f"SELECT {version}, count(*) FROM {rows.sql}"
                f" WHERE {is_countable(predictions)} GROUP BY 1 ORDER BY 1"
            )
            return dict(found.fetchall())


def deployments_of(
    predictions: Predictions, day: date, *, root: Path, columns: Mapping[str, str]
) -> list[Deployment]:
    """What the rows that count of *day* say of the services that answered them; the most rows
    first, none where the log has no such column.

    *columns* are those of the day, and their types. Raises MissingDay, UnreadableFile.
    """
    log = predictions
    named = [name if name in columns else None for name in (log.feature_code, log.libraries)]
    if not any(named):
        return []
    texts = [_deployed(name, columns[name]) if name else "NULL" for name in named]
    as_written = ", ".join(quoted(name) for name in dict.fromkeys([log.version, *named]) if name)
    with connected(log) as connection:
        rows = rows_on(connection, log, day, root=root)
        version = f"coalesce({version_of(quoted(log.version))}, '')"
        with readable(rows.place):
            found = connection.execute(
                f"SELECT {', '.join([version, *texts])}, CAST(sum({_COUNT}) AS BIGINT) FROM ("
                f"SELECT {as_written}, count(*) AS {_COUNT} FROM {rows.sql}"
                f" WHERE {is_countable(log)} GROUP BY ALL) GROUP BY 1, 2, 3"
                f" ORDER BY 4 DESC, 1, 2, 3 LIMIT {_MOST_DEPLOYMENTS}"
            ).fetchall()
    return [Deployment(*one) for one in found]


def _deployed(name: str, kind: str) -> str:
    """SQL: what a column says as text, cut, null where it is blank."""
    value = f"to_json({quoted(name)})" if is_nested(kind) else quoted(name)
    return f"nullif(left(trim(CAST({value} AS VARCHAR)), {_DEPLOYED_CHARACTERS}), '')"


def service_numbers(predictions: Predictions, day: date, *, root: Path) -> ServiceNumbers:
    """Errors and latencies of *day*; `total` is the sum of the stages where the spec names none."""
    with connected(predictions) as connection:
        rows = rows_on(connection, predictions, day, root=root)
        stages = {
            stage: f"TRY_CAST({quoted(it)} AS DOUBLE)"
            for stage, it in predictions.latency_ms.items()
        }
        rows.require([*needed(predictions), *predictions.latency_ms.values()])
        if stages:
            stages = {"total": " + ".join(stages.values())} | stages
        kind = kind_of_row(predictions, quoted=quoted)
        real = f"(SELECT *, {kind} AS kind FROM {rows.sql}) WHERE kind <> 'synthetic'"
        with readable(rows.place):
            ((requests, errors, fallback),) = connection.execute(
                f"SELECT {', '.join(_COUNTS)} FROM {real}"
            ).fetchall()
            latencies = [  # one after the other, as each holds all its values in memory
                connection.execute(
                    f"SELECT quantile_cont({ms}, [0.5, 0.95, 0.99]) FILTER (isfinite({ms}))"
                    f" FROM {real}"
                ).fetchall()[0][0]
                for ms in stages.values()
            ]
            unknown = (
                connection.execute(f"""
                    SELECT coalesce(status, '(missing)'), n FROM (
                        SELECT {status_of_row(predictions, quoted=quoted)} AS status, count(*) AS n
                        FROM (SELECT *, {kind} AS kind FROM {rows.sql})
                        WHERE kind = 'error' GROUP BY ALL
                    ) WHERE {IS_UNKNOWN} ORDER BY n DESC, status LIMIT {SHOWN_STATUSES}""")
                if errors
                else connection.execute("SELECT '', 0 WHERE false")
            ).fetchall()
    found = zip(stages, latencies, strict=True)
    return ServiceNumbers(
        requests,
        errors,
        fallback,
        {stage: Latency(*it) for stage, it in found if it is not None},
        dict(unknown),
    )


_COUNTS = (
    "count(*)",
    "count(*) FILTER (kind = 'error')",
    "count(*) FILTER (kind = 'fallback')",
)


def _account(connection: "Connection", predictions: Predictions, rows: Rows) -> PredictionAccount:
    kind = kind_of_row(predictions, quoted=quoted)
    with readable(rows.place):
        (counts,) = connection.execute(
            f"SELECT {', '.join(_COUNTS)}, count(*) FILTER (kind = 'synthetic'),"
            " count(id) FILTER (kind = 'ok') - count(DISTINCT id) FILTER (kind = 'ok')"
            f" FROM (SELECT {id_in(predictions, rows.columns)} AS id, {kind} AS kind"
            f" FROM {rows.sql})"
        ).fetchall()
    return PredictionAccount.of(*counts)


def _counted_batches(
    predictions: Predictions,
    day: date,
    root: Path,
    selected: str,
    account: PredictionAccount,
) -> Iterator[pa.RecordBatch]:
    with connected(predictions) as connection:
        rows = rows_on(connection, predictions, day, root=root)
        query = f"SELECT {selected} FROM {rows.sql} WHERE {is_countable(predictions)}"
        if account.duplicate_ids:
            # Only row numbers are sorted, so that the rows themselves still stream.
            request_id = id_in(predictions, rows.columns)
            order = f"{first_answer(predictions, rows.columns)}, {_PLACE}"
            query = f"""
                WITH numbered AS (SELECT *, row_number() OVER () AS {_PLACE} FROM {rows.sql})
                SELECT {selected} FROM numbered
                WHERE {is_countable(predictions)} AND {_PLACE} NOT IN (
                    SELECT {_PLACE} FROM numbered
                    WHERE {is_countable(predictions)} AND {request_id} IS NOT NULL
                    QUALIFY row_number() OVER (PARTITION BY {request_id} ORDER BY {order}) > 1
                )"""
        yield from streamed(connection, query, rows.place)
