"""Breached days: on which a metric was worse than tolerated, or is expected to be."""

from collections.abc import Iterable, Sequence
from datetime import date
from math import hypot

from monitoring_dagster.decide.judging.quality_charts import level_of, variation_in, worse_by
from monitoring_dagster.decide.judging.tolerance import (
    Worse,
    metric_of,
    worse_by_value,
    worse_than_tolerated,
)
from monitoring_dagster.decide.judging.traffic import FEWEST_ROWS
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.inference.intervals import Z95, standard_error
from monitoring_dagster.stats.series.control_chart import NormalVariation

Breaches = dict[date, dict[str, dict[str, str]]]  # day: version: metric: in words


def breaches_of(
    spec: ModelSpec, known: Sequence[Signal], variation: Iterable[Signal] = ()
) -> Breaches:
    """Metrics whose day labels show to be breached, in words, by day and version.

    A version that is fine has an empty entry, one without a verdict has none. Each is judged
    against its own registration; *variation* says how much days of its reference differ.
    """
    normal = {
        (metric_of(one), one.version): variation_in(one) for one in variation if not one.segment
    }
    found: Breaches = {}
    for one in known:
        if one.segment:
            continue
        of_version = found.setdefault(one.day, {}).setdefault(one.version, {})
        metric = metric_of(one)
        worse = breach_of(spec, one, normal.get((metric, one.version)))
        if worse is not None:
            of_version[metric] = worse.said("was", "labels")
    return found


def breach_of(spec: ModelSpec, one: Signal, normal: NormalVariation | None) -> Worse | None:
    """How a judged metric breached its day: beyond tolerance, and beyond normal variation.

    With 95 % certainty: where nobody knows how days differ, the whole interval lies beyond the
    tolerance. Where that is known it counts, too::

        worse than the level by more than 1.96 * sqrt(deviation^2 + error^2)

    with the level and deviation of the reference's days and the error that the day's rows leave.
    Exactly on either bound a day is not breached; ``bias`` is judged by its size.
    """
    if metric_of(one) not in spec.tolerances:
        return None
    if normal is None:
        return next(worse_than_tolerated(spec, [one]), None)
    worse = worse_by_value(spec, one)
    if worse is None:
        return None
    distance = worse_by(spec, worse.metric, one.value, level_of(spec, normal, one))
    if worse.metric == "bias":
        distance = abs(distance)
    reach = Z95 * hypot(normal.deviation, standard_error(one.low, one.high))
    return worse if distance > reach else None


def expected_breaches(spec: ModelSpec, estimates: Sequence[Signal]) -> Breaches:
    """The same of what is expected: of versions side by side one with few rows is not judged."""
    rows: dict[date, dict[str, int]] = {}
    for one in estimates:
        if not one.segment:
            of_day = rows.setdefault(one.day, {})
            of_day[one.version] = max(of_day.get(one.version, 0), one.n)
    found: Breaches = {
        day: {version: {} for version, n in of.items() if len(of) == 1 or n >= FEWEST_ROWS}
        for day, of in rows.items()
    }
    for worse in worse_than_tolerated(spec, estimates):
        of_version = found[worse.signal.day].get(worse.signal.version)
        if of_version is not None:
            of_version[worse.metric] = worse.said("is expected to be", "predictions")
    return found
