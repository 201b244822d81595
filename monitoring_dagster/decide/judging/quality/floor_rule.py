"""Floor of quality that no promotion moves: a constant that answers as well, the owner's limit."""

from collections.abc import Sequence
from math import isfinite

from monitoring_dagster.decide.judging.quality.version_days import (
    FIRST_CHAMPION,
    POOLED_SKILL,
    REFERENCE_SKILL,
    SKILL,
    VersionDays,
)
from monitoring_dagster.decide.judging.tolerance import beyond
from monitoring_dagster.decide.signal import Signal, readable
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.inference.intervals import mean_of_blocks
from monitoring_dagster.stats.quality.performance import Metric

_FEWEST_DAYS = 5  # together: over fewer an interval by days is too wide to say anything


def floor_days(spec: ModelSpec) -> int:
    """How many evaluated days the floor looks at together."""
    return max(spec.rules.window(FindingKind.PERFORMANCE_DROP).of_days, _FEWEST_DAYS)


def below_floor(of: VersionDays, metric: str) -> str:
    """Why a metric is below its floor, in words; empty where it is not, or nobody can tell.

    It is where its days lie beyond it together with 95 % certainty, each day with one voice, and as
    many by themselves as make a performance drop. Exactly on the floor it is good enough.
    """
    return "; ".join(filter(None, (_worse_than_constant(of, metric), _beyond_limit(of, metric))))


def untold_skill(bars: Sequence[Signal], version: str, metric: str) -> str:
    """Why a metric of a version is not held against a constant; empty where it is.

    Where neither its own reference nor the first champion's shows any skill with 95 % certainty, no
    model is good at it, and a quiet day would look like a fault. Where no reference says anything,
    labels alone decide.
    """
    versions = {version, *(one.version for one in bars if one.name == f"{FIRST_CHAMPION}.{metric}")}
    known = [
        one
        for one in bars
        if one.name == f"{REFERENCE_SKILL}.{metric}"
        and one.version in versions
        and isfinite(one.low)
    ]
    if not known or any(one.low > 0 for one in known):
        return ""
    best = max(known, key=lambda one: one.value)
    return (
        f"its skill in the reference of version {best.version} is {readable(best.value)}"
        f" ({readable(best.low)} to {readable(best.high)}), too small to tell"
    )


def pooled_skill(of: VersionDays, metric: str) -> Signal | None:
    """How much better than a constant the newest days were together; None where nobody knows."""
    name = f"{POOLED_SKILL}.{metric}"
    return next((one for one in of.bars if (one.name, one.version) == (name, of.version)), None)


def _worse_than_constant(of: VersionDays, metric: str) -> str:
    together = pooled_skill(of, metric)
    if together is None or not together.high < 0:
        return ""
    days = [
        one.value for one in of.bars if (one.name, one.version) == (f"{SKILL}.{metric}", of.version)
    ]
    count = sum(value < 0 for value in days)
    if count < _needed(of) or untold_skill(of.bars, of.version, metric):
        return ""
    known = _known(of, metric)
    mean, *_ = mean_of_blocks([one.value for one in known], [one.n for one in known])
    return (
        f"{metric} of version {of.version} was {readable(mean)} over {len(days)} evaluated days"
        f" ({together.n:,} labels), worse than a constant on {count} of them: {together.reason},"
        f" skill {_interval(together)}"
    )


def _beyond_limit(of: VersionDays, metric: str) -> str:
    limit = of.spec.tolerances[metric].limit
    known = _known(of, metric)
    if limit is None or not known:
        return ""
    mean, low, high = mean_of_blocks([one.value for one in known], [one.n for one in known])
    count = sum(
        beyond(of.spec, metric, Metric(one.value, one.value, one.value, one.n), limit)
        for one in known
    )
    together = Metric(mean, low, high, sum(one.n for one in known))
    if count < _needed(of) or not beyond(of.spec, metric, together, limit):
        return ""
    return (
        f"{metric} of version {of.version} was {_interval(together)} over {len(known)} evaluated"
        f" days ({together.n:,} labels), beyond its limit {readable(limit)} on {count} of them"
    )


def _known(of: VersionDays, metric: str) -> list[Signal]:
    """The metric on the days that the floor looks at."""
    days = of.days[: floor_days(of.spec)]
    return [one for day in days if (one := of.signal(day, metric)) and isfinite(one.value)]


def _needed(of: VersionDays) -> int:
    return of.spec.rules.window(FindingKind.PERFORMANCE_DROP).breaches


def _interval(one: Signal | Metric) -> str:
    return f"{readable(one.value)} ({readable(one.low)} to {readable(one.high)})"
