"""The newest day on which each part of a model could be judged."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from monitoring_dagster.decide.rules import Evidence
from monitoring_dagster.measure.estimates import estimate
from monitoring_dagster.measure.quality.arrivals import labelled_by
from monitoring_dagster.measure.quality.known_quality import Evaluation, evaluate, judgeable
from monitoring_dagster.measure.quality.model_metrics import compared
from monitoring_dagster.sources.labels.labels import labels_of
from monitoring_dagster.stats.drift.drift_verdict import Verdict
from monitoring_dagster.store.days.drifted import DRIFT, Record
from monitoring_dagster.store.days.profiles import service_of
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
        newest = newest_evaluation(monitor, day)
        found[Evidence.QUALITY] = newest.day if newest else None
    return {part: LatestJudged(part, day, one) for part, one in found.items()}


def is_judged(monitor: Monitor, day: date, part: Evidence) -> bool:
    """Whether what is stored of *day* says anything about *part*; quality: `newest_evaluation`."""
    if part is Evidence.SERVICE:
        return bool(service_of(monitor, day).get("rows"))
    if part is Evidence.ESTIMATE:
        return bool(estimate.judged_estimates(monitor, day))
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


def newest_evaluation(monitor: Monitor, day: date) -> Evaluation | None:
    """The newest prediction day with labels enough and a promise, as known on *day*."""
    labels = labels_of(monitor.spec)
    days = _LOOK_BACK_DAYS + labels.mature_after_days
    labelled = labelled_by(monitor, day, days=days)
    for one in _back_from(day, days=days):
        rows = judgeable(monitor, one).values()
        if not rows or labelled.get(str(one), 0) < max(min(rows) * labels.min_coverage, 1):
            continue  # too few for a verdict: most days that are still young
        found = evaluate(monitor, one, as_of=day)
        if found.judged and compared(monitor, one, found.metrics):
            return found
    return None


def evidence_of(monitor: Monitor, day: date) -> set[Evidence]:
    """What is stored of *day* itself that rules can be judged by; files can always be.

    Without rows it says nothing more; with too few of them, or nothing registered to compare with,
    nothing of the columns, and their rules are neither found nor cleared.
    """
    if not is_judged(monitor, day, Evidence.SERVICE):
        return {Evidence.FILES}
    of_rows = [part for part in PARTS if part is not Evidence.QUALITY]
    return {Evidence.FILES, *(part for part in of_rows if is_judged(monitor, day, part))}


def _back_from(day: date, *, days: int = _LOOK_BACK_DAYS) -> Iterator[date]:
    return (day - timedelta(days=n) for n in range(days))
