"""Which labels arrived on this day, and which predictions were they about?"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from math import nan
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.measure.quality.counting import RowCounts, counted_columns
from monitoring_dagster.measure.quality.decided_labels import DISCARDED, RESTORED, bring_in
from monitoring_dagster.measure.quality.label_findings import never_came, wrong_with
from monitoring_dagster.measure.step import Check, StepReport, Tone
from monitoring_dagster.sources.labels.labels import count_changes, remembered_since
from monitoring_dagster.sources.rows.rows import MissingDay, UnreadableFile, file_of
from monitoring_dagster.sources.tables.parts import parts_of
from monitoring_dagster.sources.tables.places import LoggedTable
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.spec.sources import Labels, Predictions
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.sample import bound_of, key_of
from monitoring_dagster.stats.columns.values import WrongType
from monitoring_dagster.stats.labels.late_labels import labels_due
from monitoring_dagster.stats.labels.maturity import WINDOW_DAYS
from monitoring_dagster.stats.quality.labelled_rows import UnusableOutcome
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.outcomes_file import outcomes_to_table
from monitoring_dagster.store.days.known_labels import (
    BY_DAY,
    COUNTED,
    EXPECTED,
    ONES,
    OUTCOMES,
    account_of,
    step_of,
)
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.days.review_batches import random_share
from monitoring_dagster.store.days.seen_files import FILES, seen_by, seen_on
from monitoring_dagster.store.days.signals import noted
from monitoring_dagster.store.monitor import Monitor

ACCOUNT = "account"  # metadata key: what became of every label row
_SEEN = "seen"  # metadata key: which files an arrival day was judged with

_Versions = dict[str, dict[str, list[int]]]  # "labels" or "predictions", day: what identifies it


def run(monitor: Monitor, day: date) -> StepReport:
    """Join the labels that arrived on *day* and store counts by prediction day.

    Labels of `further_labels` that arrived are stored as series of their own. Stored later days
    that were judged with another version of a file of *day*, or without it, are computed anew: so
    once every day whose files changed has run again, in whatever order, the results are those of
    one pass over the files that there are. Of a DuckDB table nobody knows what changed: its days
    are as the table was when each was computed last; run the later ones again by hand.
    What people decided about labels is brought in, beside the counts of labels: it is no label.

    Raises
    ------
    UnusableMetric
        A metric of the owner's cannot be computed from the rows.
    """
    for source in (None, *monitor.spec.further_labels):
        _judge(monitor, day, source)
        for outdated in _outdated(monitor, day, source):
            _judge(monitor, outdated, source)
    bring_in(monitor, arrived=monitor.results.days(monitor.name, OUTCOMES), changed=day)
    return _report(monitor, day, account_of(monitor, day))


def feed_signals(monitor: Monitor, day: date) -> list[Signal]:
    """Labels that did not come, cannot be read, say nothing, or belong to nothing.

    None is late while none can have come yet: on the first days, and after a pause of the service.
    """
    labels, account = labels_of(monitor.spec, None), account_of(monitor, day)
    if not account or (_nothing_came(account) and not are_due(monitor, day)):
        return []
    found = [*wrong_with(monitor.spec, labels, day, account)]
    if not found and _nothing_came(account) and not _came_before(monitor, day).sum():
        found = [] if _is_behind(monitor, day) else [never_came(labels, day)]
    return [
        Signal.stating(day, f"label_feed.{one.kind}", one.subject, one.words, severity=one.severity)
        for one in found
    ]


def are_due(monitor: Monitor, day: date) -> bool:
    """Whether labels ought to arrive on *day*, by when they came before it.

    While earlier days are not counted yet, a feed that has begun is due as long as it has
    predictions.
    """
    labels = labels_of(monitor.spec, None)
    days = [day - timedelta(days=n) for n in range(WINDOW_DAYS + labels.accepted_days, -1, -1)]
    served = [service_of(monitor, one).get("counted", 0) for one in days]
    came = _came_before(monitor, day)
    if not came.sum() and _is_behind(monitor, day):
        return any(served)
    return labels_due(came, served, mature_after_days=labels.mature_after_days)


def _is_behind(monitor: Monitor, day: date) -> bool:
    """Whether label files of the weeks before *day* lie there that nobody has counted yet."""
    labels = labels_of(monitor.spec, None)
    if labels.path is None:
        return False
    stored = {*monitor.results.days(monitor.name, OUTCOMES)}
    before = (day - timedelta(days=n) for n in range(1, WINDOW_DAYS + labels.accepted_days + 1))
    return any(_version(labels, one, monitor) for one in before if one not in stored)


def _came_before(monitor: Monitor, day: date) -> NDArray[np.int64]:
    """Labels that arrived in the weeks before *day*, by their lag in days."""
    accepted = labels_of(monitor.spec, None).accepted_days
    came = np.zeros(accepted + 1, np.int64)
    for n in range(1, WINDOW_DAYS + accepted + 1):
        arrival = day - timedelta(days=n)
        for served, labels in account_of(monitor, arrival).get(BY_DAY, {}).items():
            lag = (arrival - date.fromisoformat(served)).days
            if 0 <= lag <= accepted:
                came[lag] += max(labels, 0)
    return came


def _nothing_came(account: Mapping[str, Any]) -> bool:
    """Whether a day has no file of labels, or none in it; not where it cannot be read."""
    return bool(account.get("missing")) or ("error" not in account and not account.get("rows"))


def _judge(monitor: Monitor, day: date, source: str | None) -> None:
    """Store what the labels that arrived on *day* say, and after it which files said so."""
    seen = _versions(monitor, day, source)
    files = seen_on(monitor, labels_of(monitor.spec, source), day)
    account: dict[str, Any] = {"rows": 0}
    found: dict[tuple[date, Group], Outcomes] = {}
    try:
        found, account = _joined(monitor, day, source)
    except (MissingDay, UnreadableFile, UnknownColumn, UnusableOutcome, WrongType) as error:
        account["error"] = str(error)
        account["missing"] = isinstance(error, MissingDay)
    step, table = step_of(source), outcomes_to_table(found)
    notes = {ACCOUNT: json.dumps(account)}
    if source is None:
        notes |= noted(_signals(monitor, day, account))
    monitor.results.write(monitor.name, step, day, table, metadata=notes)
    nothing, notes = pa.table({}), {_SEEN: json.dumps(seen), FILES: files}
    seen_by(monitor).write(monitor.name, step, day, nothing, metadata=notes)


def _signals(monitor: Monitor, day: date, account: Mapping[str, Any]) -> Iterator[Signal]:
    """How many labels arrived, what became of them, and how many there are for each prediction."""
    rows = account["rows"]
    yield Signal.on(day, "labels.arrived", rows, n=rows)
    for name, count in account.items():
        if name != "rows" and type(count) is int:
            share = count / rows if rows else nan
            yield Signal.on(day, f"labels.{name}_share", share, good=count, total=rows, n=rows)
    counted = service_of(monitor, day).get("counted", 0)
    came = sum(account.get(BY_DAY, {}).values())
    yield Signal.on(day, "labels.per_prediction", came / counted if counted else nan, n=counted)


def _joined(
    monitor: Monitor, day: date, source: str | None
) -> tuple[dict[tuple[date, Group], Outcomes], dict[str, Any]]:
    spec = monitor.spec
    counts, by_day = RowCounts(spec), Counter[date]()
    is_reviewed = spec.review is not None and source == spec.review.source
    chosen = {"chosen_by_rule": 0} if is_reviewed else {}

    def take(rows: pa.Table) -> None:
        if is_reviewed:
            drawn = _random(monitor, rows)
            chosen["chosen_by_rule"] += rows.num_rows - drawn.num_rows
            rows = drawn
        counts.add(rows)
        signs = rows.group_by("day").aggregate([("sign", "sum")])
        for served, n in zip(signs["day"].to_pylist(), signs["sign_sum"].to_pylist(), strict=True):
            by_day[served] += n

    account = count_changes(
        spec, day, root=monitor.root, take=take, source=source, extras=counted_columns(spec)
    )
    found = counts.total()
    changed = {str(served): by_day[served] for served in sorted(by_day)}
    return found, asdict(account) | chosen | {BY_DAY: changed} | _said_by(found)


def _random(monitor: Monitor, joined: pa.Table) -> pa.Table:
    """Of reviewed rows those that chance alone chose, as only they stand for all."""
    days = joined["day"].to_pylist()
    bounds = {day: bound_of(random_share(monitor, day)) for day in set(days)}
    ids = joined["request_id"].to_pylist()
    drawn = [key_of(one) < bounds[day] for one, day in zip(ids, days, strict=True)]
    return joined.filter(pa.array(drawn, pa.bool_()))


def _said_by(found: Mapping[tuple[date, Group], Outcomes]) -> dict[str, Any]:
    """Of the labels that arrived: how many count, how many say 1, and what the scores sum up to.

    A correction takes away what it replaced, so these may be below 0.
    """
    whole = {(day, group): one for (day, group), one in found.items() if not group.segment}
    if not whole or any(one.task != "binary" for one in whole.values()):
        return {}
    scores = [one.sums["score"] for one in whole.values() if "score" in one.sums]
    ones: dict[str, int] = {}
    for (day, _), one in whole.items():
        said = sum(n for (label, _), n in one.cells.items() if label == "1")
        ones[str(day)] = ones.get(str(day), 0) + said
    return {
        ONES: ones,
        COUNTED: sum(one.n for one in whole.values()),
        **({EXPECTED: sum(one.mean * one.n for one in scores if one.n)} if scores else {}),
    }


def _outdated(monitor: Monitor, day: date, source: str | None) -> list[date]:
    """The stored days that were judged with other files of *day* than there are now.

    Only *day* itself is looked at whole: a file may have come while it was judged.
    """
    labels, predictions = labels_of(monitor.spec, source), monitor.spec.predictions
    told, served = (_version(one, day, monitor) for one in (labels, predictions))
    outdated = []
    for arrival in monitor.results.days(monitor.name, step_of(source)):
        if not remembered_since(labels, arrival) <= day <= arrival:
            continue
        notes = seen_by(monitor).metadata(monitor.name, step_of(source), arrival)
        seen: _Versions | None = json.loads(notes[_SEEN]) if notes else None
        if (
            seen is None
            or seen["predictions"].get(str(day)) != served
            or (_told_since(labels, arrival) <= day and seen["labels"].get(str(day)) != told)
            or (arrival == day and seen != _versions(monitor, day, source))
        ):
            outdated.append(arrival)
    return outdated


def _versions(monitor: Monitor, arrival: date, source: str | None) -> _Versions:
    """What identifies every file that the labels of *arrival* are judged with."""
    labels, predictions = labels_of(monitor.spec, source), monitor.spec.predictions
    return {
        kind: {
            str(day): version
            for n in range((arrival - since).days + 1)
            if (version := _version(one, day := since + timedelta(days=n), monitor))
        }
        for kind, one, since in (
            ("labels", labels, _told_since(labels, arrival)),
            ("predictions", predictions, remembered_since(labels, arrival)),
        )
    }


def _told_since(labels: Labels, arrival: date) -> date:
    return arrival - timedelta(days=labels.accepted_days)


def _version(files: Predictions | Labels, day: date, monitor: Monitor) -> list[int] | None:
    """Bytes, time of change in nanoseconds and number of a day's file; None without one.

    Of a folder: all bytes, the latest change, and the sum of the numbers.
    """
    path = file_of(files, day, root=monitor.root) if files.path is not None else None
    try:
        found = [part.stat() for part in parts_of(path)] if path else []
    except (FileNotFoundError, LoggedTable):
        return None
    if not found:
        return None
    return [
        sum(one.st_size for one in found),
        max(one.st_mtime_ns for one in found),
        sum(one.st_ino for one in found),
    ]


def _report(monitor: Monitor, day: date, account: Mapping[str, Any]) -> StepReport:
    found = feed_signals(monitor, day)
    numbers = {name: value for name, value in account.items()
               if isinstance(value, int | float) and not isinstance(value, bool)}  # fmt: skip
    if found:
        words = "; ".join(one.reason for one in found)
        check = Check(passed=False, words=words, tone=Tone.WARN)
    elif _nothing_came(account) and not are_due(monitor, day):
        check = Check.no_verdict(
            "no label yet, and none is due: labels of a day are waited for until"
            f" {labels_of(monitor.spec, None).mature_after_days} days after it"
        )
    elif not account.get("rows"):
        check = Check.no_verdict(account.get("error") or f"no label arrived on {day}")
    else:
        check = Check(passed=True, words=_said(account), tone=Tone.WARN)
    return StepReport(numbers=numbers, checks={"labels": check})


def _said(account: Mapping[str, Any]) -> str:
    if _nothing_came(account):
        return "no label arrived"
    words = f"{account['joined'] + account['late']:,} of {account['rows']:,} labels joined"
    told = [
        f"{account[kind]:,} {kind}"
        for kind in ("late", "corrected", "ambiguous", "pending", DISCARDED, RESTORED)
        if account.get(kind)
    ]
    return f"{words} ({', '.join(told)})" if told else words
