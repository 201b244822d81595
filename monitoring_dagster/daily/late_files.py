"""Days whose files changed, or came, after they were judged."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import sha256

from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.decide.incidents import HEALING
from monitoring_dagster.decide.recomputing import is_changed
from monitoring_dagster.sources.rows.fingerprints import (
    Fingerprint,
    fingerprints_of,
    is_being_written,
    is_table,
)
from monitoring_dagster.spec.sources import LABELS, PREDICTIONS
from monitoring_dagster.store.days.known_labels import OUTCOMES
from monitoring_dagster.store.days.seen_files import kept, sources_of
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.monitor import Monitor

_Fingerprints = Mapping[str, Fingerprint]


@dataclass(frozen=True, slots=True)
class LateDay:
    """A day that has to be computed, or computed again, and with which steps."""

    day: date
    steps: tuple[str, ...]
    digest: str  # of the files that are there now
    is_being_written: bool
    is_counted: bool  # rows of a table: a writer may be half-way through


def late_days(monitor: Monitor, *, first: date, now: datetime) -> list[LateDay]:
    """The days of the last week that are due and whose files are not those they were judged with.

    A day that was judged before fingerprints were kept is left as it is. One that has no verdict is
    asked for within its grace, as soon as all its files are there; then its time has come anyhow.
    """
    days = [day for day in _due(monitor, now) if day >= first]
    if not days:
        return []
    present = {
        name: fingerprints_of(source, days[0], days[-1], root=monitor.root)
        for name, source in sources_of(monitor).items()
    }
    found: list[LateDay] = []
    joined_anew: LateDay | None = None
    for day in days:
        files = {name: of_days[day] for name, of_days in present.items() if day in of_days}
        changed = list(_changed(monitor, day, files, now))
        if changed:
            found.append(_late(monitor, day, changed, files, now))
        elif joined_anew and kept(monitor, VERDICT, day) is not None:
            found.append(replace(joined_anew, day=day, steps=(OUTCOMES, VERDICT)))
        if PREDICTIONS in changed and is_table(files[PREDICTIONS]) and monitor.spec.labels:
            joined_anew = found[-1]  # of a table, later arrivals do not notice it by themselves
    return found


def _changed(monitor: Monitor, day: date, files: _Fingerprints, now: datetime) -> Iterator[str]:
    before = kept(monitor, VERDICT, day)
    if before is not None:
        yield from (
            name for name, one in files.items() if name in before and is_changed(before[name], one)
        )
    elif now < monitor.schedule.missed_at(day) and not _is_judged(monitor, day):
        needed = [PREDICTIONS, LABELS] if monitor.spec.labels else [PREDICTIONS]
        if all(files.get(name) for name in needed):
            yield from needed


def _late(
    monitor: Monitor, day: date, changed: Sequence[str], files: _Fingerprints, now: datetime
) -> LateDay:
    news = {name: files[name] for name in changed}
    steps = {OUTCOMES, VERDICT}
    if PREDICTIONS in changed:
        steps = {one.name for one in steps_of(monitor) if not (one.weekly or one.looks_ahead)}
        before = kept(monitor, VERDICT, day) or {}
        if before.get(LABELS) and not files.get(LABELS):  # deleted: what they said stays
            steps.discard(OUTCOMES)
    text = json.dumps(news, sort_keys=True)
    return LateDay(
        day,
        tuple(one.name for one in steps_of(monitor) if one.name in steps),
        sha256(text.encode()).hexdigest()[:12],
        is_being_written=any(is_being_written(one, now=now) for one in news.values()),
        is_counted=any(map(is_table, news.values())),
    )


def _due(monitor: Monitor, now: datetime) -> list[date]:
    """The last days whose hour has come, in order."""
    days = (now.date() - timedelta(days=n) for n in range(HEALING.days + 2))
    due = [day for day in days if monitor.judged_at(day) <= now]
    return sorted(due[: HEALING.days])


def _is_judged(monitor: Monitor, day: date) -> bool:
    return monitor.results.stamp(monitor.name, VERDICT, day) is not None
