"""What does a day hold that has outgrown one machine?  The questions of `rows`, asked of Spark.

`SparkSession.builder.getOrCreate()` finds the cluster: say which one in spark-defaults.conf or the
SPARK_* environment. Every worker sees the files under the same path and has this package installed
in the Python that PYSPARK_PYTHON names.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.sources.rows import rows, served
from monitoring_dagster.sources.rows.countable_rows import (
    IS_UNKNOWN,
    SHOWN_STATUSES,
    kind_of_row,
    needed,
    readings_of,
    status_of_row,
)
from monitoring_dagster.sources.rows.questions import AskedDay
from monitoring_dagster.sources.rows.readings import id_of, is_text, version_of
from monitoring_dagster.sources.rows.row_sql import AS_IS, Rows
from monitoring_dagster.sources.rows.rows import UnreadableFile
from monitoring_dagster.sources.rows.served import Latency, PredictionAccount, ServiceNumbers
from monitoring_dagster.spec.sources import Predictions
from monitoring_dagster.stats.columns.bins import Bins
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import (
    Profile,
    merge_profiles,
    profile_batches,
    profiles_from_table,
    profiles_to_table,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_SETTINGS = {  # of a session of our own: nobody else's queries change their meaning
    "spark.sql.ansi.enabled": "true",  # what cannot be cast is an error, as in DuckDB
    "spark.sql.caseSensitive": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.legacy.parquet.nanosAsLong": "true",  # otherwise such a file cannot be opened
    "spark.sql.session.timeZone": "UTC",
}
_KIND, _FILE, _INDEX, _RANK = (f"monitoring {word}" for word in ("kind", "file", "index", "rank"))
_VIEW = "monitoring_day"  # of a session that nobody else has
_UNREADABLE = re.compile(
    r"\[(?:FAILED_READ_FILE|PATH_NOT_FOUND|PARQUET_\w+|CAST_INVALID_INPUT|DATATYPE_MISMATCH"
    r"|CANNOT_MERGE_SCHEMAS|COLUMN_ALREADY_EXISTS)\b[^\n]*"
)


class NoSpark(MonitoringError):
    """A model asks for Spark where there is none."""

    @classmethod
    def installed(cls) -> Self:
        return cls(
            "`engine: spark` needs PySpark, which is not installed:"
            ' pip install "monitoring_dagster[spark]", or say `engine: duckdb`'
        )


@dataclass(frozen=True, slots=True)
class _Day:
    """All rows of one day, with their kind and their place."""

    frame: "DataFrame"
    columns: Mapping[str, str]  # DuckDB's types

    def nanoseconds(self, column: str) -> pa.DataType | None:
        """The type of a column of such times, which Spark hands out as plain numbers."""
        return {
            "TIMESTAMP_NS": pa.timestamp("ns"),
            "TIMESTAMPTZ_NS": pa.timestamp("ns", tz="UTC"),
        }.get(self.columns[column])


def versions_of(predictions: Predictions, day: date, *, root: Path) -> dict[str, int]:
    """As `served.versions_of`: rows that count of *day*, by the version that answered them."""
    with _opened(predictions, day, root=root) as found:
        version = f"coalesce({version_of(_quoted(predictions.version))}, '')"
        answered = found.frame.where(_is(_KIND, "ok")).selectExpr(f"{version} AS version")
        return dict(sorted(answered.groupBy("version").count().collect()))


def profile_day(
    predictions: Predictions,
    day: date,
    *,
    root: Path,
    bins: Mapping[str, Mapping[str, Bins]],
    segments: Sequence[str] = (),
) -> tuple[PredictionAccount, dict[Group, Profile]]:
    """Where every row of *day* went, and the profiles of those that count.

    Every partition of the rows is profiled by the kernel, `profile_batches`, where it lies; the
    driver adds up what comes back. A task that dies is run again by Spark, and only tasks that
    finished are heard, so that the counts are DuckDB's to the last one. Raises MissingDay,
    UnreadableFile, UnknownColumn, NoSpark.
    """
    columns = served.profiled_columns(predictions, bins, segments)
    with _opened(predictions, day, root=root, columns=columns) as found:
        account = _account(found, predictions)
        counted = found.frame.where(_is(_KIND, "ok"))
        if account.duplicate_ids:
            counted = counted.join(
                _later_answers(counted, predictions, found), [_FILE, _INDEX], "left_anti"
            )
        # Numbered, since mapInArrow stumbles over a name with a dot.
        readings = readings_of(found.columns, predictions, bins, segments, engine="spark")
        numbered = counted.selectExpr(
            *(
                f"{readings.get(name, AS_IS).replace('{}', _quoted(name))} AS c{i}"
                for i, name in enumerate(columns)
            )
        )
        fields = [(name, found.nanoseconds(name)) for name in columns]
        parts = numbered.mapInArrow(
            _kernel(fields, bins, version=predictions.version, segments=segments), "profiles binary"
        ).collect()
    return account, merge_profiles(_unpacked(part.profiles) for part in parts)


def service_numbers(predictions: Predictions, day: date, *, root: Path) -> ServiceNumbers:
    """As `served.service_numbers`: errors and latencies of *day*, the quantiles exact."""
    latencies = predictions.latency_ms
    with _opened(predictions, day, root=root, columns=list(latencies.values())) as found:
        stages = {stage: f"TRY_CAST({_quoted(it)} AS DOUBLE)" for stage, it in latencies.items()}
        if stages:
            stages = {"total": " + ".join(stages.values())} | stages
        (answer,) = (
            found.frame.where(f"NOT {_is(_KIND, 'synthetic')}")
            .selectExpr(
                "count(*)",
                f"count_if({_is(_KIND, 'error')})",
                f"count_if({_is(_KIND, 'fallback')})",
                *(  # NaN is above every number
                    f"percentile({ms}, array(0.5D, 0.95D, 0.99D))"
                    f" FILTER (WHERE abs({ms}) < double('inf'))"
                    for ms in stages.values()
                ),
            )
            .collect()
        )
        unknown = _unknown_statuses(found.frame, predictions) if answer[1] else {}
    requests, errors, fallback, *quantiles = answer
    told = zip(stages, quantiles, strict=True)
    return ServiceNumbers(
        requests,
        errors,
        fallback,
        {stage: Latency(*it) for stage, it in told if it is not None},
        unknown,
    )


@contextmanager
def asked_day(predictions: Predictions, day: date, *, root: Path) -> Iterator[AskedDay]:
    """As `questions.asked_day`. Raises MissingDay, UnreadableFile, UnknownColumn, NoSpark."""
    with _opened(predictions, day, root=root) as found:
        session = found.frame.sparkSession

        def ask(sql: str) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in session.sql(sql).collect()]

        found.frame.createOrReplaceTempView(_VIEW)
        try:
            yield AskedDay("spark", found.columns, _VIEW, _quoted, ask)
        finally:
            session.catalog.dropTempView(_VIEW)


def _session() -> "SparkSession":
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError:
        raise NoSpark.installed() from None
    builder = SparkSession.builder
    if SparkSession.getActiveSession() is None:
        builder = builder.appName("monitoring_dagster").config("spark.ui.enabled", "false")
    session = builder.getOrCreate().newSession()
    for name, value in _SETTINGS.items():
        session.conf.set(name, value)
    return session


@contextmanager
def _opened(
    predictions: Predictions, day: date, *, root: Path, columns: Sequence[str] = ()
) -> Iterator[_Day]:
    """The rows of *day*; what cannot be read of them in here is an UnreadableFile."""
    path = rows.file_of(predictions, day, root=root)
    assert path is not None  # the spec sees to it
    available = rows.columns_of(predictions, day, root=root)
    Rows("", available, str(path)).require([*needed(predictions), *columns])
    session = _session()
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        place = "file:" + re.sub(r"([\[\]{}*?\\])", r"\\\1", str(path))
        frame = session.read.option("mergeSchema", path.is_dir()).parquet(place)
        lies = frame.metadataColumn("_metadata")
        frame = frame.select(
            "*",
            lies.getField("file_path").alias(_FILE),
            lies.getField("row_index").alias(_INDEX),
        )
        yield _Day(
            frame.selectExpr(
                "*", f"{kind_of_row(predictions, quoted=_quoted)} AS {_quoted(_KIND)}"
            ),
            available,
        )
    except (PySparkException, Py4JJavaError) as error:
        reason = _UNREADABLE.search(str(error))
        if reason is None:  # the cluster's trouble, or our own: no word against the rows
            raise
        raise UnreadableFile.at(str(path), ValueError(reason.group())) from error


def _unknown_statuses(frame: "DataFrame", predictions: Predictions) -> dict[str, int]:
    status = status_of_row(predictions, quoted=_quoted)
    found = (
        frame.where(_is(_KIND, "error"))
        .selectExpr(f"{status} AS status")
        .where(IS_UNKNOWN)
        .selectExpr("coalesce(status, '(missing)') AS status")
        .groupBy("status")
        .count()
        .orderBy("count", "status", ascending=[False, True])
    )
    return dict(found.limit(SHOWN_STATUSES).collect())


def _id_in(predictions: Predictions, day: _Day) -> str:
    name = predictions.request_id
    return id_of(_quoted(name), day.columns[name])


def _account(day: _Day, predictions: Predictions) -> PredictionAccount:
    id_, ok = _id_in(predictions, day), _is(_KIND, "ok")
    (counts,) = day.frame.selectExpr(
        "count(*)",
        *(f"count_if({_is(_KIND, kind)})" for kind in ("error", "fallback", "synthetic")),
        f"count({id_}) FILTER (WHERE {ok}) - count(DISTINCT {id_}) FILTER (WHERE {ok})",
    ).collect()
    return PredictionAccount.of(*counts)


def _later_answers(counted: "DataFrame", predictions: Predictions, day: _Day) -> "DataFrame":
    """The places of rows whose request was answered before: only places are shuffled, not rows."""
    served_at = _quoted(predictions.served_at)
    cast = "TRY_CAST" if is_text(day.columns[predictions.served_at]) else "CAST"
    if day.nanoseconds(predictions.served_at):
        served_at = f"timestamp_micros({served_at} div 1000)"
    order = [
        f"{cast}({served_at} AS TIMESTAMP)",
        *map(_quoted, (predictions.version, predictions.prediction, _FILE, _INDEX)),
    ]
    id_ = _id_in(predictions, day)
    rank = (
        f"row_number() OVER (PARTITION BY {id_}"
        f" ORDER BY {', '.join(f'{it} ASC NULLS LAST' for it in order)}) AS {_quoted(_RANK)}"
    )
    return (
        counted.where(f"{id_} IS NOT NULL")
        .selectExpr(_quoted(_FILE), _quoted(_INDEX), rank)
        .where(f"{_quoted(_RANK)} > 1")
        .drop(_RANK)
    )


def _kernel(
    fields: Sequence[tuple[str, pa.DataType | None]],
    bins: Mapping[str, Mapping[str, Bins]],
    *,
    version: str,
    segments: Sequence[str],
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What a worker does with its rows: one small batch comes back, or none where none came."""

    def as_written(batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = {
            name: values.cast(kind) if kind else values
            for (name, kind), values in zip(fields, batch.columns, strict=True)
        }
        return pa.record_batch(columns)

    def profiled(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found = profile_batches(map(as_written, batches), bins, version=version, segments=segments)
        if found:
            table, sink = profiles_to_table(found), pa.BufferOutputStream()
            options = pa.ipc.IpcWriteOptions(compression="zstd")  # most counts are 0
            with pa.ipc.new_stream(sink, table.schema, options=options) as stream:
                stream.write_table(table)
            packed = pa.array([sink.getvalue().to_pybytes()], pa.binary())
            yield pa.record_batch([packed], names=["profiles"])

    return profiled


def _unpacked(profiles: bytes) -> dict[Group, Profile]:
    with pa.ipc.open_stream(profiles) as stream:
        return profiles_from_table(stream.read_all())


def _is(column: str, value: str) -> str:
    return f"({_quoted(column)} = '{value}')"


def _quoted(name: str) -> str:
    """*name* as an identifier of Spark's SQL, whatever it holds."""
    return "`" + name.replace("`", "``") + "`"
