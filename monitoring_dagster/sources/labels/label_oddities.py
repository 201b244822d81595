"""What is odd about label rows: values that say nothing, ids of nobody, times that cannot be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, Any, NamedTuple

from monitoring_dagster.sources.labels.label_rows import FOREIGN, JUDGED, Fault
from monitoring_dagster.sources.labels.label_values import day_number, id_of
from monitoring_dagster.sources.rows.row_sql import Rows, literal, quoted
from monitoring_dagster.spec.sources import Labels, Predictions

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

EARLY, OFF_DAY, STALE = "early", "off_day", "stale"
DOUBLED, SAME_ID, ORPHAN = "doubled", "same_id", "orphan"
_EXAMPLES = 5
_EARLY_DAYS = 5 / 1440  # clocks differ by minutes
_FEWEST_ROWS = 20  # of which one may say that they are all alike
_MANY = 0.05  # of the rows: then it is worth looking for the cause
_COMPARED_IDS = 1000
_MOST = 0.5 + 1e-9  # of the ids that were compared
_SHOWN_CHARACTERS = 40
_OF_PREDICTIONS = (Fault.PREDICTION, Fault.SCORE)
_OF_A_NUMBER = "letters or signs before or after the number"
# What ids may differ by that mean the same request, and SQL that takes it away.
_SPELLINGS = {
    "blanks around them": "trim(id)",
    "upper and lower case": "lower(trim(id))",
    "leading zeros": "regexp_replace(lower(trim(id)), '^0+(.)', '\\1')",
    "a decimal point": "regexp_replace(trim(id), '\\.0+$', '')",
    "hyphens, braces or case": "lower(regexp_replace(id, '[-{}\\s]', '', 'g'))",
    "a prefix of UUIDs":
        "regexp_extract(regexp_replace(lower(id), '[^0-9a-f]', '', 'g'), '[0-9a-f]{32}$')",
    _OF_A_NUMBER: "regexp_replace(id, '^\\D*0*|\\D.*$', '', 'g')",
}  # fmt: skip


class Mismatch(NamedTuple):
    """Why ids of labels are not among those of predictions."""

    by: str  # what they differ by; "": nothing that was thought of
    label: str
    prediction: str


@dataclass(frozen=True, slots=True)
class Oddity:
    """One thing that is odd about some label rows of a delivery.

    The kinds are those of `Fault`, whose rows are invalid, and

    early
        Arrived more than five minutes before its prediction was served; counts all the same.
    off_day
        Arrived more than a day before the day of its file; counts all the same.
    stale
        Nothing in the file is new, and none of it arrived on its day.
    doubled
        Requests with different labels in this delivery (of one time, where the last label counts).
    same_id
        All rows have one request id.
    orphan
        Belongs to no prediction; the `cause` is how its id differs from one that would fit.
    """

    kind: str
    column: str
    rows: int
    of: int  # rows that were looked at for it
    served_on: str | None = None  # of predictions at fault: their day
    low: float | None = None  # of scores: the smallest and the largest at fault; early: hours
    high: float | None = None
    cause: str = ""
    values: tuple[str, ...] = ()  # the commonest
    examples: tuple[tuple[str | None, str | None], ...] = ()  # request id and value


def oddities(
    connection: "Connection",
    labels: Labels,
    predictions: Predictions,
    known: Sequence[Rows],
    *,
    buckets: Mapping[str, int],
) -> tuple[Oddity, ...]:
    """What is odd about the table of judged labels, whose predictions were sought in *known*.

    *buckets* are its rows by bucket: on most days there is nothing to look for in some of them.
    """
    found = list(_faults(connection, labels, predictions)) if "invalid" in buckets else []
    found += _of_times_and_ids(connection, labels)
    if "conflicting" in buckets:
        found += _doubled(connection, labels)
    if "orphan" in buckets:
        found += _orphans(connection, labels, predictions, known, buckets)
    return tuple(found)


def _faults(connection: "Connection", labels: Labels, predictions: Predictions) -> Iterator[Oddity]:
    of_predictions = ", ".join(literal(one) for one in _OF_PREDICTIONS)
    found = connection.execute(f"""
        SELECT fault, CASE WHEN fault IN ({of_predictions}) THEN CAST(day AS VARCHAR) END AS served,
            count(*), min(TRY_CAST(shown AS DOUBLE)), max(TRY_CAST(shown AS DOUBLE)),
            min(row(id, shown), {_EXAMPLES})
        FROM {JUDGED} WHERE bucket = 'invalid' GROUP BY 1, 2 ORDER BY 1, 2""").fetchall()
    totals = connection.execute(
        "SELECT CAST(day AS VARCHAR), count(*), count(*) FILTER ("
        f"score IS NOT NULL OR fault = '{Fault.SCORE}') FROM {JUDGED} GROUP BY 1"
    ).fetchall()
    rows, scored = sum(n for _, n, _ in totals), {day: n for day, _, n in totals}
    missing = sum(n for fault, _, n, *_ in found if fault == Fault.MISSING)
    columns = {
        Fault.LABEL: labels.label,
        Fault.CLASS: labels.label,
        Fault.TIME: labels.arrived_at,
        Fault.FUTURE: labels.arrived_at,
        Fault.PREDICTION: predictions.prediction,
        Fault.SCORE: str(predictions.score),
    }
    for fault, served_on, n, low, high, examples in found:
        yield Oddity(
            kind=fault,
            column=columns.get(fault, labels.request_id),
            rows=n,
            of=scored[served_on]
            if fault == Fault.SCORE
            else rows
            if fault == Fault.MISSING
            else rows - missing,
            served_on=served_on,
            low=low if fault == Fault.SCORE else None,
            high=high if fault == Fault.SCORE else None,
            cause=_answers(connection) if fault == Fault.CLASS else "",
            values=_commonest(connection, fault),
            examples=tuple(examples) if fault != Fault.MISSING else (),
        )


def _commonest(connection: "Connection", fault: str) -> tuple[str, ...]:
    found = connection.execute(
        f"SELECT shown FROM {JUDGED} WHERE fault = {literal(fault)} AND shown IS NOT NULL"
        f" GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {_EXAMPLES}"
    ).fetchall()
    return tuple(shown for (shown,) in found)


def _answers(connection: "Connection") -> str:
    """What predictions say, where no label says any of it."""
    found = connection.execute(
        f"SELECT prediction FROM {FOREIGN} ORDER BY prediction LIMIT {_EXAMPLES}"
    ).fetchall()
    return ", ".join(repr(one[:_SHOWN_CHARACTERS]) for (one,) in found)


def _of_times_and_ids(connection: "Connection", labels: Labels) -> Iterator[Oddity]:
    early = f"delay_days < -{_EARLY_DAYS}"
    arrived_on = f"(DATE '1970-01-01' + CAST({day_number('arrived_at')} AS INTEGER))"
    off_day = f"{arrived_on} < arrival_day - 1 AND bucket NOT IN ('duplicate', 'invalid')"
    says = "fault IS NULL"
    news = "bucket IN ('joined', 'late', 'corrected', 'orphan', 'pending', 'invalid')"
    ((rows, timed, before, elsewhere, latest, arrival_day, new, again, say, some, other),) = (
        connection.execute(f"""
            SELECT count(*), count(delay_days), count(*) FILTER ({early}),
                count(*) FILTER ({off_day}),
                max({arrived_on}), max(arrival_day), count(*) FILTER ({news}),
                count(*) FILTER (bucket = 'duplicate'), count(*) FILTER ({says}),
                min(id) FILTER ({says}), max(id) FILTER ({says})
            FROM {JUDGED}""").fetchall()
    )
    if before:
        examples = _examples(connection, early, "CAST(arrived_at AS VARCHAR)")
        hours = 24 * (quantile_of_delays(connection, 0.5, early) or 0.0)
        yield Oddity(EARLY, labels.arrived_at, before, timed, low=hours, examples=examples)
    if elsewhere:
        examples = _examples(connection, off_day, "CAST(arrived_at AS VARCHAR)")
        yield Oddity(OFF_DAY, labels.arrived_at, elsewhere, rows, examples=examples)
    if rows >= _FEWEST_ROWS and latest and latest < arrival_day and not new and 2 * again > rows:
        yield Oddity(STALE, labels.arrived_at, rows, rows, cause=str(latest))
    if say >= _FEWEST_ROWS and some == other:
        yield Oddity(SAME_ID, labels.request_id, say, rows, examples=((some, None),))


def _examples(
    connection: "Connection", condition: str, value: str
) -> tuple[tuple[str | None, str | None], ...]:
    ((found,),) = connection.execute(
        f"SELECT min(row(id, value), {_EXAMPLES}) FROM ("
        f"SELECT DISTINCT id, {value} AS value FROM {JUDGED} WHERE {condition})"
    ).fetchall()
    return tuple(found or ())


def _doubled(connection: "Connection", labels: Labels) -> Iterator[Oddity]:
    """A label that contradicts another one of its delivery is conflicting, or corrects it."""
    together = "id" if labels.keep == "first" else "id, arrived_at"
    ((requests, ids, examples),) = connection.execute(f"""
        WITH several AS (
            SELECT id, string_agg(DISTINCT CAST(label AS VARCHAR), ' and '
                ORDER BY CAST(label AS VARCHAR)) AS said
            FROM {JUDGED}
            WHERE fault IS NULL AND id IN (SELECT id FROM {JUDGED} WHERE bucket = 'conflicting')
            GROUP BY {together} HAVING count(DISTINCT label) > 1
        )
        SELECT (SELECT count(DISTINCT id) FROM several),
            (SELECT CASE WHEN EXISTS (FROM several) THEN count(DISTINCT id) END FROM {JUDGED}),
            (SELECT min(row(id, said), {_EXAMPLES}) FROM several)""").fetchall()
    if requests:
        yield Oddity(
            DOUBLED, labels.request_id, requests, ids or requests, examples=tuple(examples)
        )


def _orphans(
    connection: "Connection",
    labels: Labels,
    predictions: Predictions,
    known: Sequence[Rows],
    buckets: Mapping[str, int],
) -> Iterator[Oddity]:
    orphans, rows = buckets["orphan"], sum(buckets.values())
    cause, theirs = "", None
    if orphans > _MANY * rows and known:
        cause, theirs = _cause_of_orphans(connection, predictions, known)
    examples = _examples(connection, "bucket = 'orphan'", "NULL::VARCHAR")
    values = (theirs,) if theirs is not None else ()
    yield Oddity(
        ORPHAN, labels.request_id, orphans, rows, cause=cause, values=values, examples=examples
    )


def _cause_of_orphans(
    connection: "Connection", predictions: Predictions, known: Sequence[Rows]
) -> tuple[str, str | None]:
    """How ids of orphans differ from those of predictions, and one of the latter."""
    readings = [(one, id_of(predictions.request_id, one.columns)) for one in known]
    for one, reading in readings:
        ((lost,),) = connection.execute(
            f"SELECT CAST(min({quoted(predictions.request_id)}) FILTER ({reading.fault})"
            f" AS VARCHAR) FROM {one.sql}"
        ).fetchall()
        if lost is not None:
            return "digits", str(lost)
    orphans = f"SELECT id FROM {JUDGED} WHERE bucket = 'orphan'"
    every = " UNION ALL ".join(f"SELECT {it.value} AS id FROM {one.sql}" for one, it in readings)
    found = mismatch(connection, orphans, every, least_share=_MOST, by_number=False)
    return (found.by, found.prediction) if found is not None else ("", None)


def mismatch(
    connection: "Connection",
    labels: str,
    predictions: str,
    *,
    least_share: float,
    by_number: bool = True,
) -> Mismatch | None:
    """What the ids of two SQL relations with a column `id` differ by; None: one has no ids.

    A cause counts that would join at least *least_share* of a thousand of the labels' ids; that
    their numbers alone are alike, which those of another day may be too, only *by_number*.
    """
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE lost AS SELECT DISTINCT id FROM ({labels})"
        f" WHERE id IS NOT NULL ORDER BY md5(id) LIMIT {_COMPARED_IDS}"
    )
    ((lost, label),) = connection.execute("SELECT count(*), min(id) FROM lost").fetchall()
    ((prediction,),) = connection.execute(
        f"SELECT min(id) FROM ({predictions}) WHERE id IS NOT NULL"
    ).fetchall()
    if label is None or prediction is None:
        return None
    for by, own in _SPELLINGS.items():
        found = connection.execute(f"""
            WITH wanted AS (SELECT {own} AS key, id FROM lost),
            there AS (
                SELECT {own} AS key, min(id) AS id FROM ({predictions})
                WHERE key IN (SELECT key FROM wanted) GROUP BY 1
            )
            SELECT wanted.id, there.id FROM wanted JOIN there USING (key)
            WHERE key <> '' AND wanted.id <> there.id ORDER BY 1""").fetchall()
        may_be = by != _OF_A_NUMBER or (by_number and len({one for _, one in found}) == len(found))
        if may_be and len(found) >= max(1, least_share * lost):
            return Mismatch(by, *found[0])
    return Mismatch("", label, prediction)


def quantile_of_delays(connection: "Connection", share: float, condition: str) -> float | None:
    """The quantile of `delay_days` among the judged rows of the SQL *condition*; None without any.

    As `quantile_cont` has it, which holds all values in memory: a sort writes to disk what does
    not fit.
    """
    rows = f"FROM {JUDGED} WHERE ({condition}) AND delay_days IS NOT NULL"
    ((n,),) = connection.execute(f"SELECT count(*) {rows}").fetchall()
    place = share * (n - 1)
    below = max(0, floor(place))
    ((found,),) = connection.execute(
        f"SELECT quantile_cont(delay_days, {max(0.0, place - below)!r}::DOUBLE) FROM ("
        f"SELECT delay_days {rows} ORDER BY delay_days LIMIT 2 OFFSET {below})"
    ).fetchall()
    return None if found is None else float(found)


def restored(stored: Mapping[str, Any]) -> Oddity:
    """One that was written as JSON."""
    lists = {
        "values": tuple(stored["values"]),
        "examples": tuple((id_, value) for id_, value in stored["examples"]),
    }
    return Oddity(**{**stored, **lists})
