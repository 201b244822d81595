"""Signals of quality: every metric beside its baseline."""

from collections.abc import Iterator, Mapping
from datetime import date
from math import nan

from monitoring_dagster.decide.judging.quality.version_days import FIRST_CHAMPION
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.measure.quality.promises import first_with_promise, promise_of, spread_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.store.monitor import Monitor


def quality_signals(
    monitor: Monitor,
    found: Mapping[Group, Mapping[str, Metric]],
    *,
    area: str,
    day: date,
    known_on: date | None = None,
) -> Iterator[Signal]:
    """All metrics of all rows of each version, and of each segment those that are judged.

    *area* says of what: ``quality`` by labels that came until *known_on*, or ``estimate``.
    """
    for group, metrics in found.items():
        judged = monitor.spec.tolerances_where(group.segment, group.value) if group.segment else {}
        for name, metric in metrics.items():
            if group.segment and name not in judged:
                continue
            baseline = promise_of(monitor, group, name, day)
            yield Signal.on(
                day,
                f"{area}.{name}",
                metric.value,
                version=group.version,
                segment=group.segment,
                segment_value=group.value,
                known_on=known_on,
                low=metric.low,
                high=metric.high,
                n=metric.n,
                baseline=nan if baseline is None else baseline,
                spread=spread_of(monitor, group.version) if name == "bias" else nan,
            )


def first_champion_signals(monitor: Monitor, day: date) -> Iterator[Signal]:
    """What the first champion promised of each judged metric: a bar that no promotion moves."""
    first = first_with_promise(monitor, day)
    if first is None:
        return
    for name in monitor.spec.tolerances:
        promise = promise_of(monitor, Group(first), name, day)
        if promise is not None:
            yield Signal.on(
                day,
                f"{FIRST_CHAMPION}.{name}",
                promise,
                version=first,
                spread=spread_of(monitor, first) if name == "bias" else nan,
            )
