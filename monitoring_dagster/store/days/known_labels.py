"""Labels of a day, as known on any later one."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.outcomes_file import outcomes_from_table
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.results import ResultStore, Stamp

OUTCOMES = "outcomes"  # the step that joins what arrived on a day
BY_DAY = "by_day"  # in the account: labels more than before, by prediction day
ONES = "ones_by_day"  # and the same of those that say 1, of a binary model
COUNTED, EXPECTED = "counted", "expected"  # all of them, and the sum of their scores
_MAX_KEPT_BYTES = 128_000_000
_kept: OrderedDict[tuple[ResultStore, str, str, date, Stamp], tuple[pa.Table, int]] = OrderedDict()
_keeping = Lock()

# No step of a day's way: written whenever there is something to write.
DECISIONS = "label_decisions"
DECIDED = "decided_by_day"  # in the account of decisions: what they changed, by prediction day
ACCOUNT = "account"  # metadata key: what became of every label row, or of every decision
STATES = "states"  # metadata key: the decisions that a day was computed with


def decided_on(monitor: Monitor, day: date) -> dict[str, Any]:
    """How many labels were discarded and restored on *day*, and of which prediction days."""
    return dict(_account(decision_notes(monitor, day).get(ACCOUNT, "{}")))


def decision_days(monitor: Monitor, served: date, *, as_of: date) -> list[date]:
    """The days up to *as_of* on which decisions changed the labels of predictions of one day."""
    days = monitor.results.days(monitor.name, DECISIONS)
    return [
        day
        for day in days
        if day <= as_of and str(served) in decided_on(monitor, day).get(DECIDED, {})
    ]


def decision_notes(monitor: Monitor, day: date) -> dict[str, str]:
    """What is noted beside the decisions of one day; empty without any."""
    return monitor.results.metadata(monitor.name, DECISIONS, day) or {}


def known_outcomes(
    monitor: Monitor, day: date, *, as_of: date, source: str | None = None
) -> dict[Group, Outcomes]:
    """All labels of one prediction day that had arrived by the end of *as_of*, and were not
    discarded by then.

    *source* asks one of `further_labels` instead of `labels`; nobody discards those.
    """
    wait = timedelta(days=labels_of(monitor.spec, source).accepted_days)
    until = min(as_of, day + wait)
    arrivals = (day + timedelta(days=lag) for lag in range((until - day).days + 1))
    wanted = [(step_of(source), arrival) for arrival in arrivals]
    if source is None:
        decided = monitor.results.days(monitor.name, DECISIONS)
        wanted += [(DECISIONS, one) for one in decided if day <= one <= as_of]
    total: dict[Group, Outcomes] = {}
    for step, one in wanted:
        table = _stored(monitor, step, one) if _is_about(monitor, step, one, day) else None
        if table is not None:
            for (_, group), part in outcomes_from_table(table, day=day).items():
                total[group] = total[group] + part if group in total else part
    return total


def _is_about(monitor: Monitor, step: str, arrival: date, day: date) -> bool:
    """Whether what was stored for *arrival* may say something of predictions of *day*: most labels
    of a day come on few days, and the accounts of the others say that none did."""
    notes = monitor.results.metadata(monitor.name, step, arrival)
    if notes is None:
        return False
    by_day = _account(notes.get(ACCOUNT, "{}")).get(DECIDED if step == DECISIONS else BY_DAY)
    return by_day is None or str(day) in by_day


def outcomes_by_day(
    monitor: Monitor,
    first: date,
    last: date,
    *,
    as_of: date,
    scores: bool = True,
    segment: str | None = None,
) -> dict[date, dict[Group, Outcomes]]:
    """The same for all prediction days from *first* to *last*; each arrival day is read once.

    Without *scores* what is counted per score, most of it, stays undecoded; with a *segment* so
    does all but its values ("": all but the whole).
    """
    accepted = labels_of(monitor.spec, None).accepted_days
    until = {OUTCOMES: min(as_of, last + timedelta(days=accepted)), DECISIONS: as_of}
    wanted = [
        (step, day)
        for step, end in until.items()
        for day in monitor.results.days(monitor.name, step)
        if first <= day <= end
    ]
    found: dict[date, dict[Group, Outcomes]] = {}
    for step, day in wanted:
        table = monitor.results.read(monitor.name, step, day)
        if table is not None and segment is not None:
            table = table.filter(pc.equal(table["segment"], segment))
        decoded = outcomes_from_table(table, scores=scores) if table is not None else {}
        for (served, group), part in decoded.items():
            if first <= served <= last:
                total = found.setdefault(served, {})
                total[group] = total[group] + part if group in total else part
    return found


def account_of(monitor: Monitor, day: date, *, source: str | None = None) -> dict[str, Any]:
    """What became of every label row that arrived on *day*."""
    notes = monitor.results.metadata(monitor.name, step_of(source), day) or {}
    account = _account(notes.get(ACCOUNT, "{}"))
    return dict(account) if source else {**account, **decided_on(monitor, day)}


@lru_cache(maxsize=512)
def _account(written: str) -> Mapping[str, Any]:
    """One account, read once however many days look back at it."""
    account: Mapping[str, Any] = json.loads(written)
    return account


def labels_on(monitor: Monitor, day: date) -> int:
    """How many more predictions have a label since the arrivals of *day*."""
    return sum(account_of(monitor, day).get(BY_DAY, {}).values())


def step_of(source: str | None) -> str:
    """Under which name the arrivals of a source of labels are stored; None: the feed itself."""
    return OUTCOMES if source is None else f"{OUTCOMES}_{source}"


def _stored(monitor: Monitor, step: str, arrival: date) -> pa.Table | None:
    """One arrival day, read once as long as nobody writes it anew: many days look at it.

    Whole tables, most of which are counts of other prediction days, are kept as they are and
    decoded where they are wanted, the ones used last up to 128 MB.
    """
    results = monitor.results
    stamp = results.stamp(monitor.name, step, arrival)
    if stamp is None:
        return None
    key = (results, monitor.name, step, arrival, stamp)
    with _keeping:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key][0]
    table = results.read(monitor.name, step, arrival)
    if table is None:
        return None
    with _keeping:
        _kept[key] = table, table.nbytes  # which is not asked again: it takes its time
        while _kept and sum(bytes_ for _, bytes_ in _kept.values()) > _MAX_KEPT_BYTES:
            _kept.popitem(last=False)
    return table
