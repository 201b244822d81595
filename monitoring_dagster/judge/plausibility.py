"""Rows whose score is a yardstick for their label: their version is as it was registered."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitoring_dagster.decide.incidents import is_told
from monitoring_dagster.decide.judging.drift_severity import OF_ANSWERS, OF_FEATURES, drifted
from monitoring_dagster.decide.judging.tolerance import Worse, worse_than_tolerated
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure.breaches import shown
from monitoring_dagster.measure.quality.known_quality import Evaluation, evaluate
from monitoring_dagster.measure.quality.quality_signals import quality_signals
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.models.registry import RegistryUnavailable
from monitoring_dagster.store.monitor import Monitor

Booleans = NDArray[np.bool_]
_LOOK_BACK_DAYS = 7  # how long before an incident its first bad day may have matured


def trusted_rows(
    monitor: Monitor, rows: pa.Table, first: date, last: date, *, as_of: date
) -> tuple[Booleans, dict[date, str]]:
    """Which labelled rows, and on which days others are left out and why.

    In the middle of a drift a score contradicts labels that are right: rows are left out of a
    version whose inputs or answers drifted on that day, or whose quality was worse than tolerated
    while performance_drop was open for such days.

    Parameters
    ----------
    rows
        With the columns served_at and version, of the days from *first* to *last*.
    as_of
        Labels that arrived later are not looked at.
    """
    trusted = np.ones(rows.num_rows, bool)
    doubted: dict[date, str] = {}
    served = rows["served_at"].cast(pa.date32())
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        for version, why in _doubts(monitor, day, as_of).items():
            is_of = pc.and_(pc.equal(served, pa.scalar(day)), pc.equal(rows["version"], version))
            of_version = pc.fill_null(is_of, False).to_numpy(zero_copy_only=False)
            if of_version.any():
                doubted[day] = why
                trusted &= ~of_version
    return trusted, doubted


def _doubts(monitor: Monitor, day: date, as_of: date) -> dict[str, str]:
    """Versions whose scores of *day* contradict right labels, too, and why."""
    found: dict[str, str] = {}
    if _has_dropped(monitor, day):
        quality = evaluate(monitor, day, as_of=as_of)
        if not quality.judged:  # and may be as bad as the days before it
            why = f"performance_drop is open, {day} has too few labels to judge"
            found |= dict.fromkeys((one.version for one in quality.outcomes), why)
        for worse in _worse(monitor, quality, found):
            one = worse.signal
            why = f"{worse.metric} was {one.value:.4g}, baseline {one.baseline:.4g}"
            found.setdefault(one.version, why)
    for one in drifted(signals(monitor, OF_ANSWERS, OF_FEATURES, first=day, last=day)):
        if not one.segment and is_told(Severity(one.severity)):
            found.setdefault(one.version, f"{shown(one.subject)} drifted")
    return found


def _worse(monitor: Monitor, quality: Evaluation, found: dict[str, str]) -> list[Worse]:
    """What was worse than tolerated; without MLflow's answer every version is in doubt."""
    try:
        metrics = quality.metrics if quality.judged else {}
        of_day = quality_signals(monitor, metrics, area="quality", day=quality.day)
        return list(worse_than_tolerated(monitor.spec, of_day))
    except RegistryUnavailable as error:
        found |= dict.fromkeys((one.version for one in quality.outcomes), str(error))
        return []


def _has_dropped(monitor: Monitor, day: date) -> bool:
    """Whether a performance incident consists of days such as this one."""
    wait = timedelta(days=labels_of(monitor.spec).mature_after_days + _LOOK_BACK_DAYS)
    return any(
        part.since - wait <= day <= part.last_seen
        for one in monitor.ledger.incidents(monitor.name)
        for kind, part in one.parts.items()
        if kind is FindingKind.PERFORMANCE_DROP
    )
