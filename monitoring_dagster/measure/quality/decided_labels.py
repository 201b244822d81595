"""What do people's decisions about labels change, and from which day on?"""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pyarrow as pa

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.measure.quality.counting import counted, counted_columns
from monitoring_dagster.sources.labels.labels import labels_standing
from monitoring_dagster.sources.rows.rows import UnreadableFile
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.values import WrongType
from monitoring_dagster.stats.quality.labelled_rows import UnusableOutcome
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.outcomes_file import outcomes_to_table
from monitoring_dagster.store.days.known_labels import (
    ACCOUNT,
    DECIDED,
    DECISIONS,
    STATES,
    decision_notes,
)
from monitoring_dagster.store.ledger.decided.label_decisions import Key, LabelDecision, discarded_on
from monitoring_dagster.store.monitor import Monitor

DISCARDED, RESTORED = "discarded", "restored"  # labels that count no more, and again
_UNDONE = "decisions_error"  # why nothing was changed
_ONE_DAY = timedelta(days=1)


def bring_in(monitor: Monitor, *, arrived: Collection[date], changed: date | None = None) -> None:
    """Store what decisions change on each day, wherever that is not what lies there.

    On its day a discarded label is taken away and a kept one is added again; a label that comes
    while its request is discarded is taken away on the day on which it comes. Days before a
    decision stay what they were. Where files cannot be counted nothing is changed until they can.

    Parameters
    ----------
    arrived
        The arrival days that were judged.
    changed
        A day whose files may have changed: what they say is looked at again.
    """
    decisions = monitor.ledger.label_decisions.of(monitor.name)
    wait = timedelta(days=labels_of(monitor.spec).accepted_days)
    for day in _days_touched(decisions, arrived, wait):
        before, after = (discarded_on(decisions, one) for one in (day - _ONE_DAY, day))
        touched = {one for one in before | after if one in before ^ after or day <= one[1] + wait}
        stored = decision_notes(monitor, day)
        if not touched and not stored:
            continue
        reread = changed is not None and any(
            served - wait - _ONE_DAY <= changed <= min(served + wait, day) for _, served in touched
        )
        states = _states(before & touched, after & touched)
        if reread or stored.get(STATES) != states:
            notes = {STATES: states}
            try:
                table, account = _change(monitor, day, before & touched, after & touched)
            except (UnreadableFile, UnknownColumn, UnusableOutcome, WrongType) as error:
                table, account, notes = outcomes_to_table({}), {_UNDONE: str(error)}, {}
            notes[ACCOUNT] = json.dumps(account)
            monitor.results.write(monitor.name, DECISIONS, day, table, metadata=notes)


def _days_touched(
    decisions: Sequence[LabelDecision], arrived: Collection[date], wait: timedelta
) -> list[date]:
    """The days of decisions, and the arrival days after them on which a label may still come."""
    latest: dict[date, date] = {}
    for one in decisions:
        latest[one.day] = max(latest.get(one.day, date.min), one.served_on + wait)
    later = {day for day in arrived if any(a <= day <= b for a, b in latest.items())}
    return sorted(later.union(latest))


def _states(before: Collection[Key], after: Collection[Key]) -> str:
    """What identifies the decisions that a day was computed with."""
    said = [[[id_, str(day)] for id_, day in sorted(keys)] for keys in (before, after)]
    return sha256(json.dumps(said).encode()).hexdigest()


def _change(
    monitor: Monitor, day: date, before: Collection[Key], after: Collection[Key]
) -> tuple[pa.Table, dict[str, Any]]:
    """Discarded labels count against themselves: what of that is new on *day*, and its account."""
    spec, root, extras = monitor.spec, monitor.root, counted_columns(monitor.spec)
    now = labels_standing(spec, {*before, *after}, as_of=day, root=root, extras=extras)
    parts = [_signed(now.filter(_about(now, after)), -1)]
    if before:
        was = labels_standing(spec, before, as_of=day - _ONE_DAY, root=root, extras=extras)
        parts.append(_signed(was, 1))
    total: dict[tuple[date, Group], Outcomes] = {}
    by_day: Counter[str] = Counter()
    for part in parts:  # apart, as a day's file may have another type than those before it
        for key, one in counted(spec, part).items():
            total[key] = total[key] + one if key in total else one
        for served, sign in zip(*(part[name].to_pylist() for name in ("day", "sign")), strict=True):
            by_day[str(served)] += sign
    changed = sorted({served for (served, _), one in total.items() if one})
    account = {
        DISCARDED: sum(_about(now, {*after} - {*before}).to_pylist()),
        RESTORED: sum(_about(now, {*before} - {*after}).to_pylist()),
        DECIDED: {str(served): by_day[str(served)] for served in changed},
    }
    return outcomes_to_table({key: total[key] for key in sorted(total) if total[key]}), account


def _about(rows: pa.Table, keys: Collection[Key]) -> pa.Array:
    found = zip(rows["request_id"].to_pylist(), rows["day"].to_pylist(), strict=True)
    return pa.array([one in keys for one in found], pa.bool_())


def _signed(rows: pa.Table, sign: int) -> pa.Table:
    return rows.append_column("sign", pa.array([sign] * rows.num_rows, pa.int8()))
