"""What a change in quality comes from, as known on the day that is judged."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from math import isfinite

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import is_told
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.signal import Signal, SignalLog
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.measure.attribution.attribution import attributed
from monitoring_dagster.measure.attribution.version_effects import VERSION_EFFECT
from monitoring_dagster.measure.attribution.windows import windows_of
from monitoring_dagster.measure.attribution.world_or_model import (
    FEATURE,
    INPUTS,
    RELATION,
    world_or_model,
)
from monitoring_dagster.store.monitor import Monitor

_VALID_DAYS = 7  # so long what rows said of inputs and relation holds: it reads the rows of weeks
_DROPS = (FindingKind.PERFORMANCE_DROP, FindingKind.SEGMENT_DROP)


def attribution_signals(monitor: Monitor, day: date, quality: Sequence[Signal]) -> Iterator[Signal]:
    """The change up to the newest evaluated day, by traffic that moved and by versions, without
    the parts of single groups; *quality* is what labels say of the days as known on *day*."""
    newest = _newest(quality)
    if newest is None:
        return
    for one in attributed(monitor, newest, as_of=day).signals:
        if not one.segment and (not one.version or one.name == VERSION_EFFECT):
            yield one


def relation_signals(
    monitor: Monitor, day: date, findings: Sequence[Finding], log: SignalLog, traffic: Traffic
) -> list[Signal]:
    """Shifted inputs or a changed relation, of each version whose quality fell; what was told apart
    in the days before stands for a week."""
    newest = _newest(log.on(day, f"quality.{monitor.spec.metric}"))
    fallen = [one for one in findings if one.kind in _DROPS and is_told(one.severity)]
    if newest is None or not fallen:
        return []
    versions = {next((v for v in traffic.shares if traffic.names(one.subject, v)), "")
                for one in fallen} - {""}  # fmt: skip
    first, last = day - timedelta(days=_VALID_DAYS - 1), day - timedelta(days=1)
    before = log.between(first, last, INPUTS, RELATION, FEATURE)
    found: list[Signal] = []
    for version in sorted(versions):
        known = [one for one in before if one.version == version]
        ends = max((one.end for one in known if isfinite(one.value)), default=None)
        still = list(dict.fromkeys(one for one in known if one.end == ends))
        if still:
            found += still
            continue
        windows = windows_of(monitor, newest, as_of=day)
        if windows is not None:
            found += world_or_model(monitor, windows, version)
    return found


def _newest(quality: Sequence[Signal]) -> date | None:
    """The newest evaluated day among signals of quality."""
    days = [one.day for one in quality if not one.segment and isfinite(one.value)]
    return max(days, default=None)
