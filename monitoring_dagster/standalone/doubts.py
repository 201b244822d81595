"""Doubts about labels of other ids, doubled or from before their predictions, and about metrics."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from monitoring_dagster.sources.labels.label_account import LabelAccount
from monitoring_dagster.sources.labels.label_oddities import mismatch
from monitoring_dagster.sources.labels.label_rows import JUDGED
from monitoring_dagster.standalone.reading.ids_and_times import NothingJoins, in_words, refuse_few
from monitoring_dagster.standalone.reading.opened_tables import (
    LABELS,
    PREDICTIONS,
    NothingToJudge,
    OpenedTable,
)
from monitoring_dagster.standalone.reading.question import Question
from monitoring_dagster.standalone.reading.written_values import MOST_INVALID, THRESHOLD
from monitoring_dagster.stats.quality.performance import Metric

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

_MANY_DOUBLED = 0.1  # of the labels that have a prediction
_MANY_ORPHANS = 0.5  # from where on most ids are strange
_COVERED = 0.95  # of the predictions: their ids are found, so other labels are of other requests
_MOST_ZONE_HOURS = 14
_FAR_DAYS = 365
_OTHER_CLASS_AUC = 0.3
_OF_INTERVAL = 3.92  # standard errors in a 95 % interval
_STANDARD_ERRORS = 5.0
_MANY = 100  # rows that are not all right by chance
_FIRST_YEAR = "1971-01-01"  # times before are a zero that means missing


def doubts_about(
    connection: "Connection",
    served: OpenedTable,
    labels_table: OpenedTable,
    account: LabelAccount,
    kinds: Mapping[str, int],
    question: Question,
) -> list[str]:
    """Warnings about the tables that lie joined in the session, worst first.

    Raises
    ------
    NothingJoins
        No label that has arrived belongs to any prediction.
    NothingToJudge
        No row of a table can be used.
    UnusableIds
        Ids of labels are far too few to name requests.
    """
    if not kinds.get("ok", 0) + kinds.get("later", 0):
        raise NothingToJudge.among(PREDICTIONS, _unusable(connection, served, question))
    if account.invalid == account.rows:
        raise NothingToJudge.among(LABELS, _unusable(connection, labels_table, question))
    arrived = account.rows - account.pending - account.invalid
    early = _early(connection, question) if served.dated and labels_table.dated else None
    causes = [early.words(served, labels_table)] if early else []
    covered = (account.joined + account.late) / max(kinds.get("ok", 0), 1)
    if kinds.get("ok") and account.orphan > MOST_INVALID * arrived and covered < _COVERED:
        is_odd = account.orphan > _MANY_ORPHANS * arrived and covered < question.rules.min_coverage
        causes = _orphans(connection, account.orphan, arrived, causes, is_odd=is_odd)
    return [
        *causes,
        *_zones(served, labels_table),
        *_doubled(account, labels_table, question),
        *_far(connection, served, labels_table, question, has_pending=account.pending > 0),
    ]


def _orphans(
    connection: "Connection", orphans: int, of: int, causes: list[str], *, is_odd: bool
) -> list[str]:
    """Why labels belong to no prediction; nothing where no cause is seen and it is not *odd*, as of
    labels of more than was asked about. Raises NothingJoins where no label does.
    """
    found = mismatch(
        connection,
        f"SELECT id FROM {JUDGED} WHERE bucket = 'orphan'"
        " AND id NOT IN (SELECT id FROM served WHERE id IS NOT NULL)",
        "SELECT id FROM served",
        least_share=MOST_INVALID,
    )
    if found is not None and (found.by or (is_odd and not causes)):
        causes = [*causes, in_words(found)]
    if orphans == of:
        raise NothingJoins.since("; ".join(causes))
    if not causes:
        return []
    return [*causes[:-1], f"{orphans:,} of {of:,} labels belong to no prediction: {causes[-1]}"]


class Early(NamedTuple):
    """Labels that arrived before their prediction was served."""

    labels: int
    of: int  # labels whose request there is
    median: timedelta
    in_hours: bool  # whether the median is a whole number of hours

    def words(self, served: OpenedTable, labels_table: OpenedTable) -> str:
        arrived, time = repr(labels_table.roles.get("arrived")), repr(served.roles.get("time"))
        cause = f"are the two swapped, is {arrived} when it happened, or is a zone or clock wrong"
        if self.median <= timedelta(hours=_MOST_ZONE_HOURS):
            whole = " (it is a whole number of hours)" if self.in_hours else ""
            cause = f"are they in different time zones{whole}, or swapped"
        elif self.median.days > 10 * _FAR_DAYS:
            cause = "is a missing time written as 0"
        return (
            f"{self.labels:,} of {self.of:,} labels arrive before their predictions are served"
            f" ({arrived} is {_duration(self.median)} before {time} in the median): {cause}?"
        )


def _early(connection: "Connection", question: Question) -> Early | None:
    ((soonest, orphans),) = connection.execute(
        f"SELECT min(delay_days), count(*) FILTER (bucket = 'orphan') FROM {JUDGED}"
    ).fetchall()
    if not orphans and (soonest is None or soonest >= 0):
        return None
    ((found, of, seconds),) = connection.execute(f"""
        WITH earliest AS (
            SELECT id, min(served_at) AS served_at FROM served WHERE day <= {question.until}
            GROUP BY id
        ), paired AS (
            SELECT epoch(served_at) - epoch(arrived_at) AS ahead, served_at, arrived_at,
                bool_and(arrived_at = date_trunc('day', arrived_at)) OVER () AS is_daily
            FROM labels JOIN earliest USING (id) WHERE CAST(arrived_at AS DATE) <= {question.until}
        )
        SELECT count(*) FILTER (is_early), count(*), median(ahead) FILTER (is_early) FROM (
            SELECT *, CASE WHEN is_daily THEN CAST(served_at AS DATE) > CAST(arrived_at AS DATE)
                ELSE ahead > 0 END AS is_early FROM paired)""").fetchall()
    if not found:
        return None
    return Early(found, of, timedelta(seconds=seconds), abs(seconds / 3600 % 1 - 0.5) > 0.49)


def _zones(served: OpenedTable, labels_table: OpenedTable) -> Iterator[str]:
    if {served.zone, labels_table.zone} == {True, False}:
        sides = (served, labels_table) if served.zone else (labels_table, served)
        says, silent = (one.roles.get(one.time) for one in sides)
        yield (
            f"times in {says!r} say their zone, and those in {silent!r} do not: they are taken as"
            " UTC, so local times would be hours off"
        )


def _doubled(account: LabelAccount, labels_table: OpenedTable, question: Question) -> Iterator[str]:
    standing = account.joined + account.late
    again = account.duplicate + account.conflicting + account.corrected
    refuse_few(labels_table.roles.columns["id"], LABELS, ids=standing, rows=standing + again)
    causes = "are there several items a request, or are these corrections (--keep last)"
    if question.rules.keep == "last":  # corrections are expected
        again, causes = account.duplicate, "or are there several items a request"
    if again > _MANY_DOUBLED * (standing + again):
        yield (
            f"{again:,} of {standing + again:,} labels are of a request that has one already"
            f" ({account.duplicate:,} say the same, {account.conflicting + account.corrected:,}"
            f" otherwise): was a file read twice, {causes}?"
        )


def _far(
    connection: "Connection",
    served: OpenedTable,
    labels_table: OpenedTable,
    question: Question,
    *,
    has_pending: bool,
) -> Iterator[str]:
    """Times that lie further apart than labels take."""
    for source, relation, at in (
        (served, "served", "served_at"),
        (labels_table, "labels", "arrived_at"),
    ):
        if not source.dated:
            continue
        ((zero,),) = connection.execute(
            f"SELECT count(*) FROM {relation} WHERE {at} < TIMESTAMPTZ '{_FIRST_YEAR}'"
        ).fetchall()
        if zero:
            yield (
                f"times in {source.roles.get(source.time)!r} that lie before 1971: {zero:,}."
                " Is a missing time written as 0, or a year in two digits?"
            )
    if not (served.dated and labels_table.dated):
        return
    found = connection.execute(
        f"SELECT delay_days FROM {JUDGED} WHERE delay_days > {_FAR_DAYS}"
        f" AND served_at >= TIMESTAMPTZ '{_FIRST_YEAR}'"
    ).fetchall()
    if has_pending:
        found += connection.execute(f"""
            SELECT (epoch(arrived_at) - epoch(served_at)) / 86400 AS delay_days
            FROM labels JOIN served USING (id)
            WHERE kind = 'ok' AND arrived_at > {question.until} + INTERVAL {_FAR_DAYS} DAY
                AND delay_days > {_FAR_DAYS}""").fetchall()
    if found:
        days = median([delay for (delay,) in found])
        yield (
            f"labels that arrive more than a year after their prediction: {len(found):,}"
            f" ({days:,.0f} days in the median). Are the years of"
            f" {labels_table.roles.get('arrived')!r} right?"
        )


def lacking(
    connection: "Connection", source: OpenedTable, name: str, question: Question
) -> tuple[str, bool]:
    """What rows lack that are invalid, and whether they are many; "" where none lacks anything."""
    found = {what: n for what, n in _lacking(connection, source, question).items() if n}
    each = ", ".join(f"{n:,} without {what}" for what, n in found.items())
    is_many = any(n > MOST_INVALID * source.read.num_rows for n in found.values())
    return f"{name} that count as invalid: {each}" if found else "", is_many


def _lacking(connection: "Connection", source: OpenedTable, question: Question) -> dict[str, int]:
    read = source.read
    found = {"an id": "id IS NULL"}
    if (column := source.roles.get(source.time)) is not None:
        at = f'"{source.time} column"'
        found[f"a time in {column!r}"] = f"{at} IS NULL"
        found[f"a time in {column!r} that can be read"] = f"{at} IS NOT NULL AND day IS NULL"
    for role in ("label", "prediction"):
        if f"{role} column" in read.column_names:
            found[f"a {role}"] = f"nullif(CAST(\"{role} column\" AS VARCHAR), 'nan') IS NULL"
    until = f"coalesce(day <= {question.until}, true)"
    counts = ", ".join(f"count(*) FILTER (({one}) AND {until})" for one in found.values())
    (row,) = connection.execute(f"SELECT {counts} FROM {source.view}").fetchall()
    return dict(zip(found, row, strict=True))


def _unusable(connection: "Connection", source: OpenedTable, question: Question) -> str:
    found = _lacking(connection, source, question)
    each = ", ".join(f"{n:,} are without {what}" for what, n in found.items() if n)
    return f"of {source.read.num_rows:,} rows {each or 'none says anything that the task knows'}"


def _duration(one: timedelta) -> str:
    seconds = one.total_seconds()
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size or (unit == "hours" and seconds >= size):
            return (
                f"{seconds / size:,.4g} {unit}"
                if seconds < 1e4 * size
                else f"{seconds / size:,.0f} {unit}"
            )
    return f"{seconds:.3g} seconds"


def of_other_class(auc: Metric | None) -> str:
    """What to say of scores that rank the wrong way round; "" where they do not."""
    if auc is None or not auc.value < _OTHER_CLASS_AUC or not auc.high < THRESHOLD:
        return ""
    error = (auc.high - auc.low) / _OF_INTERVAL
    if error > 0 and (THRESHOLD - auc.value) / error < _STANDARD_ERRORS:
        return ""
    return (
        f"ROC AUC is {auc.value:.3g}, far below 0.5: scores may be the probability of the other"
        " class. Name the class that they mean with --positive, or the right column with --score"
    )


def of_certainty(found: Mapping[str, Metric]) -> str:
    """What to say of metrics that are too good, or of labels of one class; "" where there is
    nothing.
    """
    ones = found.get("base_rate")
    if ones is not None and ones.n and ones.value in (0, 1):
        return (
            f"every label that is known is {ones.value:.0f}: what needs both classes, such as ROC"
            " AUC, is not defined"
        )
    accuracy, error = found.get("accuracy"), found.get("mae")
    if accuracy is not None and accuracy.n >= _MANY and accuracy.value == 1:
        return f"all {accuracy.n:,} predictions are right: is the label what was predicted?"
    if error is not None and error.n >= _MANY and error.value == 0:
        return f"all {error.n:,} predictions are exact: is the label what was predicted?"
    return ""
