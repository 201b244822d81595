"""What a day's inference log holds that no row alone gives away: counts of what cannot be right."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring_dagster.sources.inspection.request_context import (
    FeatureAges,
    KeyCounts,
    age_questions,
    key_counts,
    untagged_test,
)
from monitoring_dagster.sources.rows.countable_rows import id_in, kind_of_row, needed
from monitoring_dagster.sources.rows.readings import (
    as_category,
    is_text,
    probability,
    reading,
    time_of,
    unreadable_number,
    version_of,
)
from monitoring_dagster.sources.rows.row_sql import AS_IS, Rows, literal, quoted
from monitoring_dagster.sources.rows.rows import connected, readable, rows_on
from monitoring_dagster.spec.sources import Predictions
from monitoring_dagster.stats.columns.bins import NumericBins

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

_EXAMPLES = 3
_EXAMPLE_CHARACTERS = 41  # one more than is shown, so that a cut is seen
_FEW = 0.9  # of the rows have an id of their own: fewer are counted exactly
_LARGEST_WHOLE = {"FLOAT": 2**24, "DOUBLE": 2**53}  # beyond it a float skips integers
_SECONDS = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}


@dataclass(frozen=True, slots=True)
class Odd:
    """Values of one column that are not what they are needed as."""

    values: int  # all that are not missing
    odd: int
    examples: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        return self.odd / self.values if self.values else 0.0


@dataclass(frozen=True, slots=True)
class Times:
    """When the rows say that they were served."""

    missing: int
    unreadable: int
    elsewhere: int  # rows of another UTC day
    first: float | None  # seconds since 1970, of all rows that have a time
    last: float | None
    unit: str | None = None  # of numbers that would be times of this day
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IdCounts:
    """Whether a request can be told from another by its id; of rows that count."""

    missing: int
    lost_digits: int
    distinct: int  # where most rows have an id of their own, about
    rows: int  # that have an id
    same_time: int | None = None  # distinct ids with their time; None where ids are distinct
    examples: tuple[str, ...] = ()

    @property
    def repeated(self) -> int:
        """Rows whose id another row before them has; 0 where these are few."""
        return self.rows - self.distinct if self.same_time is not None else 0


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one day's rows hold."""

    rows: int
    counted: int
    times: Times
    ids: IdCounts
    without_version: int
    without_prediction: int
    scores: Odd  # beyond 0 and 1; `values` are those that are not missing
    least_score: float | None = None
    largest_score: float | None = None
    mean_scores: tuple[float | None, float | None] = (None, None)  # of predictions 0 and 1
    columns: Mapping[str, Odd] = field(default_factory=dict)
    hours: tuple[int, ...] = (0,) * 24  # rows of each hour of the UTC day
    incomplete: int = 0  # rows without version, id or time
    invalid: int = 0  # rows that are incomplete, not answered, or hold an odd value
    ages: FeatureAges | None = None
    keys: KeyCounts | None = None
    untagged_tests: Odd = Odd(0, 0)  # of all rows


def inspect_day(
    predictions: Predictions,
    day: date,
    *,
    root: Path,
    has_probabilities: bool,
    sensitive: Collection[str] = (),
    numbers: Collection[str] = (),
    truths: Collection[str] = (),
    blobs: Collection[str] = (),
    levels: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Inspection:
    """Count what is odd about the rows of *day*, in one pass that takes little memory.

    Parameters
    ----------
    has_probabilities
        Whether the scores are.
    sensitive
        Columns of which no value is an example, nor an end of where they lie.
    numbers, truths, blobs
        Columns of text that ought to hold numbers, columns that ought to say yes or no, and columns
        of bytes that ought to be text.
    levels
        The values that a column ought to hold, for columns that arrive in another type than theirs.

    Raises
    ------
    MissingDay, UnreadableFile, UnknownColumn
    """
    with connected(predictions) as connection:
        rows = rows_on(connection, predictions, day, root=root)
        rows.require(
            [*needed(predictions), *predictions.measured, *numbers, *truths, *blobs, *levels]
        )
        odd = {
            **{name: unreadable_number(quoted(name)) for name in numbers},
            **{name: _is_no_truth(quoted(name)) for name in truths},
            **{name: _is_no_text(quoted(name)) for name in blobs},
            **{name: _is_none_of(name, rows, of) for name, of in levels.items()},
        }
        asked = _questions(
            predictions, rows, day, has_probabilities=has_probabilities, odd=[*odd.values()]
        )
        asked |= age_questions(predictions, rows, ok=_OK)
        asked["untagged"] = f"count(*) FILTER ({untagged_test(predictions) or 'false'})"
        for number, (name, condition) in enumerate(odd.items()):
            asked[f"values{number}"] = f"count({quoted(name)})"
            asked[f"odd{number}"] = f"count(*) FILTER ({condition})"
        kind = kind_of_row(predictions, quoted=quoted)
        with readable(rows.place):
            (answers,) = connection.execute(
                f"SELECT {', '.join(asked.values())}"
                f" FROM (SELECT *, ({kind}) = 'ok' AS {_OK} FROM {rows.sql})"
            ).fetchall()
            found = dict(zip(asked, answers, strict=True))
            inspection = Inspection(
                rows=found["rows"],
                counted=found["counted"],
                times=_times(connection, predictions, rows, day, found),
                ids=_ids(connection, predictions, rows, found),
                without_version=found["without_version"],
                without_prediction=found["without_prediction"],
                scores=Odd(found["scores"], found["odd_scores"]),
                least_score=found["least_score"],
                largest_score=found["largest_score"],
                mean_scores=(found["mean_score_0"], found["mean_score_1"]),
                columns=_odd_columns(connection, rows, odd, found),
                hours=_hours(connection, predictions, rows, day),
                incomplete=found["incomplete"],
                invalid=found["invalid"],
                ages=FeatureAges.of(found),
                keys=key_counts(connection, predictions, rows),
                untagged_tests=_untagged_tests(connection, predictions, rows, found),
            )
    return _without_values_of(sensitive, inspection, predictions)


def _without_values_of(
    sensitive: Collection[str], found: Inspection, predictions: Predictions
) -> Inspection:
    """What is *found*, without what stands in a row of these columns."""
    times, ids = found.times, found.ids
    ends = (found.least_score, found.largest_score)
    return replace(
        found,
        times=replace(times, examples=()) if predictions.served_at in sensitive else times,
        ids=replace(ids, examples=()) if predictions.request_id in sensitive else ids,
        least_score=None if predictions.score in sensitive else ends[0],
        largest_score=None if predictions.score in sensitive else ends[1],
        columns={
            name: replace(odd, examples=()) if name in sensitive else odd
            for name, odd in found.columns.items()
        },
        keys=found.keys and found.keys.hashed() if predictions.key in sensitive else found.keys,
        untagged_tests=replace(found.untagged_tests, examples=())
        if predictions.request_id in sensitive
        else found.untagged_tests,
    )


_OK = '"monitoring ok"'


def _questions(
    predictions: Predictions,
    rows: Rows,
    day: date,
    *,
    has_probabilities: bool,
    odd: Sequence[str],
) -> dict[str, str]:
    """SQL: what is asked about every day, by our name for the answer.

    *odd* are the conditions under which a row holds a value that is not what it is needed as.
    """
    clock, id_ = quoted(predictions.served_at), id_in(predictions, rows.columns)
    raw_id = quoted(predictions.request_id)
    kind = rows.columns[predictions.served_at]
    time = time_of(clock, kind) or "CAST(NULL AS TIMESTAMPTZ)"
    lost = "false"
    if (limit := _LARGEST_WHOLE.get(rows.columns[predictions.request_id])) is not None:
        lost = f"abs({raw_id}) >= {limit} AND isfinite({raw_id})"
    elif is_text(rows.columns[predictions.request_id]):
        is_number = f"TRY_CAST({raw_id} AS DOUBLE) IS NOT NULL"
        lost = f"CASE WHEN {raw_id} LIKE '%_e+__' THEN {is_number} ELSE false END"
    version = version_of(quoted(predictions.version))
    prediction = _number_or_null(predictions.prediction, rows)
    score = probable = "CAST(NULL AS DOUBLE)"
    if predictions.score is not None and has_probabilities:
        how = reading(rows.columns[predictions.score], [NumericBins(np.empty(0))])
        score = (how or "CAST(NULL AS DOUBLE)").replace("{}", quoted(predictions.score))
        score = f"CASE WHEN NOT isnan(CAST({score} AS DOUBLE)) THEN CAST({score} AS DOUBLE) END"
        probable = probability(score)
    start = f"TIMESTAMPTZ '{day} 00:00:00+00'"
    says = f"lower(CAST({quoted(predictions.prediction)} AS VARCHAR))"
    incomplete = f"({time} IS NULL OR {_OK} AND ({version} IS NULL OR {id_} IS NULL))"
    unanswered = f"{prediction} IS NULL"
    if predictions.score is not None and has_probabilities:
        unanswered = f"({unanswered} OR {probable} IS NULL)"
    invalid = " OR ".join([incomplete, f"{_OK} AND {unanswered}", *odd])
    return {
        "rows": "count(*)",
        "counted": f"count(*) FILTER ({_OK})",
        "without_time": f"count(*) - count({clock})",
        "unreadable_times": f"count({clock}) - count({time})",
        "elsewhere": f"count(*) FILTER ({time} < {start} OR {time} >= {start} + INTERVAL 1 DAY)",
        "first": f"epoch(min({time}))",
        "last": f"epoch(max({time}))",
        "with_id": f"count({id_}) FILTER ({_OK})",
        "distinct_ids": f"approx_count_distinct({id_}) FILTER ({_OK})",
        "lost_digits": f"count(*) FILTER ({_OK} AND {lost})",
        "incomplete": f"count(*) FILTER ({incomplete})",
        "invalid": f"count(*) FILTER ({invalid})",
        "without_version": f"count(*) FILTER ({_OK} AND {version} IS NULL)",
        "without_prediction": f"count(*) FILTER ({_OK} AND {prediction} IS NULL)",
        "scores": f"count({score}) FILTER ({_OK})",
        "odd_scores": f"count({score}) FILTER ({_OK} AND {probable} IS NULL)",
        "least_score": f"min({score}) FILTER ({_OK})",
        "largest_score": f"max({score}) FILTER ({_OK})",
        **{
            f"mean_score_{truth}": f"avg({score}) FILTER ({_OK} AND {says} IN ({spelled}))"
            for truth, spelled in enumerate(("'0', '0.0', 'false'", "'1', '1.0', 'true'"))
        },
    }


def _number_or_null(name: str, rows: Rows) -> str:
    """SQL: the value, and null for NaN."""
    if rows.columns[name] in _LARGEST_WHOLE:
        return f"CASE WHEN NOT isnan({quoted(name)}) THEN {quoted(name)} END"
    return quoted(name)


def _is_no_truth(column: str) -> str:
    return f"({column} IS NOT NULL AND TRY_CAST({column} AS BOOLEAN) IS NULL)"


def _is_no_text(column: str) -> str:
    return f"({column} IS NOT NULL AND TRY(decode({column})) IS NULL)"


def _is_none_of(name: str, rows: Rows, levels: Sequence[str]) -> str:
    """SQL: whether a value, as it is read beside *levels*, is none of them."""
    how = as_category(rows.columns[name], levels) or AS_IS
    text = f"CAST({how.replace('{}', quoted(name))} AS VARCHAR)"
    listed = ", ".join(map(literal, levels)) or "NULL"
    plain = f"regexp_replace({text}, '[.]0+$', '')"
    return f"({quoted(name)} IS NOT NULL AND coalesce({plain} NOT IN ({listed}), true))"


def _times(
    connection: "Connection",
    predictions: Predictions,
    rows: Rows,
    day: date,
    found: Mapping[str, Any],
) -> Times:
    clock, kind = predictions.served_at, rows.columns[predictions.served_at]
    examples: tuple[str, ...] = ()
    unit = None
    if found["unreadable_times"]:
        time = time_of(quoted(clock), kind) or "NULL"
        examples = _examples(
            connection, rows, quoted(clock), f"{quoted(clock)} IS NOT NULL AND {time} IS NULL"
        )
        unit = _unit(connection, rows, quoted(clock), day)
    return Times(
        missing=found["without_time"],
        unreadable=found["unreadable_times"],
        elsewhere=found["elsewhere"],
        first=found["first"],
        last=found["last"],
        unit=unit,
        examples=examples,
    )


def _hours(
    connection: "Connection", predictions: Predictions, rows: Rows, day: date
) -> tuple[int, ...]:
    """Rows of each hour of the UTC day.

    Asked by itself: a histogram beside the filtered counts of one pass took seconds and 900 MB.
    """
    clock = predictions.served_at
    time = time_of(quoted(clock), rows.columns[clock]) or "CAST(NULL AS TIMESTAMPTZ)"
    since = f"epoch({time}) - epoch(TIMESTAMPTZ '{day} 00:00:00+00')"
    counts = dict(
        connection.execute(
            f"SELECT CAST(floor(({since}) / 3600) AS BIGINT), count(*) FROM {rows.sql} GROUP BY 1"
        ).fetchall()
    )
    return tuple(counts.get(hour, 0) for hour in range(24))


def _unit(connection: "Connection", rows: Rows, clock: str, day: date) -> str | None:
    """Since when, and in what, numbers would be times of about *day*."""
    ((middle,),) = connection.execute(
        f"SELECT median(TRY_CAST({clock} AS DOUBLE)) FROM {rows.sql}"
    ).fetchall()
    start = (day - date(1970, 1, 1)).days * 86_400.0
    for unit, per_second in _SECONDS.items():
        if middle is not None and abs(middle / per_second - start) < 400 * 86_400:
            return unit
    return None


def _ids(
    connection: "Connection",
    predictions: Predictions,
    rows: Rows,
    found: Mapping[str, Any],
) -> IdCounts:
    with_id, distinct = found["with_id"], min(found["distinct_ids"], found["with_id"])
    same_time: int | None = None
    examples: tuple[str, ...] = ()
    if distinct < _FEW * with_id or (with_id > 1 and distinct == 1):
        id_ = id_in(predictions, rows.columns)
        kind = kind_of_row(predictions, quoted=quoted)
        counted = f"({kind}) = 'ok' AND {id_} IS NOT NULL"
        clock = quoted(predictions.served_at)
        ((distinct, same_time),) = connection.execute(
            f"SELECT count(DISTINCT {id_}), count(DISTINCT ({id_}, {clock}))"
            f" FROM {rows.sql} WHERE {counted}"
        ).fetchall()
        examples = tuple(
            str(one)[:_EXAMPLE_CHARACTERS]
            for (one,) in connection.execute(
                f"SELECT {id_} FROM {rows.sql} WHERE {counted} GROUP BY 1 HAVING count(*) > 1"
                f" ORDER BY count(*) DESC, 1 LIMIT {_EXAMPLES}"
            ).fetchall()
        )
    if found["lost_digits"]:
        examples = _examples(
            connection,
            rows,
            quoted(predictions.request_id),
            f"{quoted(predictions.request_id)} IS NOT NULL",
        )
    return IdCounts(
        missing=found["counted"] - with_id,
        lost_digits=found["lost_digits"],
        distinct=distinct,
        rows=with_id,
        same_time=same_time,
        examples=examples,
    )


def _odd_columns(
    connection: "Connection", rows: Rows, odd: Mapping[str, str], found: Mapping[str, Any]
) -> dict[str, Odd]:
    return {
        name: Odd(
            found[f"values{number}"],
            found[f"odd{number}"],
            _examples(connection, rows, quoted(name), odd[name]) if found[f"odd{number}"] else (),
        )
        for number, name in enumerate(odd)
    }


def _untagged_tests(
    connection: "Connection", predictions: Predictions, rows: Rows, found: Mapping[str, Any]
) -> Odd:
    condition = untagged_test(predictions)
    examples: tuple[str, ...] = ()
    if condition is not None and found["untagged"]:
        examples = _examples(connection, rows, quoted(predictions.request_id), condition)
    return Odd(found["rows"], found["untagged"], examples)


def _examples(connection: "Connection", rows: Rows, column: str, condition: str) -> tuple[str, ...]:
    found = connection.execute(
        f"SELECT DISTINCT left(CAST({column} AS VARCHAR), {_EXAMPLE_CHARACTERS}) FROM {rows.sql}"
        f" WHERE {condition} ORDER BY 1 LIMIT {_EXAMPLES}"
    )
    return tuple(text for (text,) in found.fetchall())
