"""The sensor that has days computed again whose files came, or changed, after they were judged."""

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from monitoring_dagster.daily.late_files import LateDay, late_days
from monitoring_dagster.daily.steps import steps_of
from monitoring_dagster.decide.recomputing import waits_until
from monitoring_dagster.store.monitor import Monitor

_MODEL, _ASKED_AT = "monitoring/late_files", "monitoring/asked_at"  # tags of the runs
_MOST_RUNS = 200  # of this sensor that are looked at: a week asks for less
_ALL_DAYS = (date.min, date.max)


def late_files_sensor(monitor: Monitor, *, first: date) -> dg.SensorDefinition:
    """Looks at names, sizes and times of the last week's files; *first* is the first day."""
    name = monitor.name
    steps = [one.name for one in steps_of(monitor) if not (one.weekly or one.looks_ahead)]

    @dg.sensor(
        name=f"{name}_late_files",
        target=dg.AssetSelection.assets(*([name, step] for step in steps)),
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Has days of the last week computed again whose files came or changed after"
        f" they were judged ({monitor.schedule.words}).",
    )
    def late_files(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = monitor.house.now()
        found = late_days(monitor, first=first, now=now)
        looked = {str(one.day): one.digest for one in found if one.is_counted}
        before: dict[str, str] = json.loads(context.cursor or "{}")
        cursor = json.dumps(looked)
        ours = _runs_of(monitor, context.instance) if found else []
        waiting = dict(
            _waiting(monitor, found, context.instance, ours, before, now) if found else ()
        )
        ready = [one for one in found if one.day not in waiting]
        if ready:
            requests = [_request(monitor, group, ours, now) for group in _together(ready)]
            return dg.SensorResult(run_requests=requests, cursor=cursor)
        words = "; ".join(f"{day}: {why}" for day, why in waiting.items())
        words = words or "no file came or changed since its day was judged"
        return dg.SensorResult(skip_reason=words, cursor=cursor)

    return late_files


def _waiting(
    monitor: Monitor,
    found: Sequence[LateDay],
    instance: dg.DagsterInstance,
    ours: Sequence[dg.DagsterRun],
    looked: dict[str, str],
    now: datetime,
) -> Iterator[tuple[date, str]]:
    """The days that are not asked for now, and why."""
    others = instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
    busy = [_days_of(run) for run in others if _is_about(run, monitor)]
    for one in found:
        asked = [_asked_at(run) for run in _about(one, ours)]
        if one.is_being_written:
            yield one.day, "its files are still being written"
        elif one.is_counted and looked.get(str(one.day)) != one.digest:
            yield one.day, "its rows changed: counted once more before they are read"
        elif any(first <= one.day <= last for first, last in busy):
            yield one.day, "a run of it is under way"
        elif until := waits_until(asked, now=now):
            yield one.day, f"computed anew already, not again before {until:%d %B, %H:%M} UTC"


def _request(
    monitor: Monitor, days: Sequence[LateDay], ours: Sequence[dg.DagsterRun], now: datetime
) -> dg.RunRequest:
    """One run for neighbouring days, as their verdicts build on one another."""
    first, last = days[0].day, days[-1].day
    digests = "-".join(one.digest for one in days)
    times = max(len(_about(one, ours)) for one in days)
    span = {ASSET_PARTITION_RANGE_START_TAG: str(first), ASSET_PARTITION_RANGE_END_TAG: str(last)}
    return dg.RunRequest(
        run_key=f"{monitor.name}-{first}-{digests}-{times}",  # the same change is asked for once
        partition_key=str(first) if first == last else None,
        asset_selection=[dg.AssetKey([monitor.name, step]) for step in days[0].steps],
        tags={_MODEL: monitor.name, _ASKED_AT: now.isoformat()}
        | {_tag(one.day): one.digest for one in days}
        | (span if first != last else {}),
    )


def _together(days: Sequence[LateDay]) -> list[list[LateDay]]:
    """Neighbouring days that need the same steps."""
    groups = [[days[0]]]
    for before, after in pairwise(days):
        if after.day - before.day == timedelta(days=1) and after.steps == before.steps:
            groups[-1].append(after)
        else:
            groups.append([after])
    return groups


def _runs_of(monitor: Monitor, instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    """What this sensor asked for."""
    return instance.get_runs(dg.RunsFilter(tags={_MODEL: monitor.name}), limit=_MOST_RUNS)


def _about(day: LateDay, runs: Sequence[dg.DagsterRun]) -> list[dg.DagsterRun]:
    return [run for run in runs if _tag(day.day) in run.tags]


def _is_about(run: dg.DagsterRun, monitor: Monitor) -> bool:
    return any(key.path[0] == monitor.name for key in run.asset_selection or ())


def _days_of(run: dg.DagsterRun) -> tuple[date, date]:
    """The first and the last day of a run; all days of one that names none."""
    tags = run.tags
    first = tags.get(ASSET_PARTITION_RANGE_START_TAG) or tags.get(PARTITION_NAME_TAG)
    last = tags.get(ASSET_PARTITION_RANGE_END_TAG) or first
    if first is None or last is None:
        return _ALL_DAYS
    return date.fromisoformat(first), date.fromisoformat(last)


def _asked_at(run: dg.DagsterRun) -> datetime:
    return datetime.fromisoformat(run.tags[_ASKED_AT])


def _tag(day: date) -> str:
    return f"monitoring/{day}"
