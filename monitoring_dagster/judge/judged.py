"""The newest day on which each part of a model could be judged."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from math import isfinite

from monitoring_dagster.decide.rules import Evidence
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.stats.drift.drift_verdict import Verdict
from monitoring_dagster.store.days.drifted import DRIFT, Record
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.results import ResultStore, Stamp

_LOOK_BACK_DAYS = 28


PARTS = (
    Evidence.SERVICE,
    Evidence.PREDICTIONS,
    Evidence.FEATURES,
    Evidence.ESTIMATE,
    Evidence.QUALITY,
)  # judged by themselves, each from other records than the rest


@dataclass(frozen=True, slots=True)
class LatestJudged:
    """When a part was judged last, as seen from a day."""

    part: Evidence
    seen_from: date
    day: date | None  # None: not within the last four weeks

    @property
    def words(self) -> str:
        """One line for people."""
        if self.day is None:
            return f"no verdict in the {_LOOK_BACK_DAYS} days to {self.seen_from}"
        return f"judged on {self.day}"


def latest_judged(monitor: Monitor, day: date) -> dict[Evidence, LatestJudged]:
    """For each part the newest day up to *day* that it could be judged on, as known on *day*.

    Quality is left out of a model without labels. The day is None where none of the last 28 could
    be judged: too few rows or labels, no file, or nothing registered to compare with.
    """
    found: dict[Evidence, date | None] = {
        part: next((one for one in _back_from(day) if is_judged(monitor, one, part)), None)
        for part in PARTS
        if part is not Evidence.QUALITY
    }
    if monitor.spec.labels is not None:
        newest = newest_quality(monitor, day)
        found[Evidence.QUALITY] = newest[0].day if newest else None
    return {part: LatestJudged(part, day, one) for part, one in found.items()}


def is_judged(monitor: Monitor, day: date, part: Evidence) -> bool:
    """Whether what is stored of *day* says anything about *part*; quality: `newest_quality`."""
    if part is Evidence.SERVICE:
        return bool(service_of(monitor, day).get("rows"))
    if part is Evidence.ESTIMATE:
        return bool(_with_baseline(monitor, "estimate", day))
    return bool(drift_verdicts(monitor, day, part))


def drift_verdicts(monitor: Monitor, day: date, part: Evidence) -> list[Record]:
    """The columns of *day* that could be compared over all rows, with their verdicts."""
    role = "answer" if part is Evidence.PREDICTIONS else "feature"
    stamp = monitor.results.stamp(monitor.name, DRIFT, day)
    rows = _compared_on(monitor.results, monitor.name, day, stamp) if stamp else ()
    return [row for row in rows if row["role"] == role]


@lru_cache(maxsize=64)
def _compared_on(results: ResultStore, model: str, day: date, _stamp: Stamp) -> tuple[Record, ...]:
    """One day's columns, decoded once as long as nobody writes them anew."""
    table = results.read(model, DRIFT, day)
    return tuple(
        row
        for row in (table.to_pylist() if table is not None else ())
        if not row["segment"] and row["verdict"] != Verdict.INSUFFICIENT
    )


def newest_quality(monitor: Monitor, day: date) -> list[Signal]:
    """Judged metrics of each version on the newest prediction day that had labels enough and a
    baseline, as the newest verdict up to *day* knew it; nothing without one in four weeks."""
    for one in _back_from(day):
        found = _with_baseline(monitor, "quality", one)
        if found:
            newest = max(signal.day for signal in found)
            return [signal for signal in found if signal.day == newest]
    return []


def _with_baseline(monitor: Monitor, area: str, day: date) -> list[Signal]:
    """Judged metrics of all rows that were stored for *day* with something to compare them with."""
    names = [f"{area}.{metric}" for metric in monitor.spec.tolerances]
    return [
        one
        for one in signals(monitor, *names, first=day, last=day)
        if not one.segment and isfinite(one.value) and isfinite(one.baseline)
    ]


def _back_from(day: date, *, days: int = _LOOK_BACK_DAYS) -> Iterator[date]:
    return (day - timedelta(days=n) for n in range(days))
