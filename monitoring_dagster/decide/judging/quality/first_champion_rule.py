"""Line against the first champion: a series of champions may not lower the bar one by one."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from math import isfinite

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.quality.breached_days import breach_of
from monitoring_dagster.decide.judging.quality.floor_rule import pooled_skill
from monitoring_dagster.decide.judging.quality.version_days import (
    FIRST_CHAMPION,
    REFERENCE_SKILL,
    VersionDays,
)
from monitoring_dagster.decide.judging.tolerance import tolerated, worse_by_value
from monitoring_dagster.decide.signal import Signal, readable
from monitoring_dagster.kinds import FindingKind, Severity


def behind_first(of: VersionDays, *, without: Collection[str]) -> Iterator[Finding]:
    """Metrics by which the champion holds its own promise and not the first champion's.

    Worse than that one's promise beyond tolerance on as many days as make a performance drop, and
    on average beyond the normal variation of its reference. For the record only where the days
    explain it: inputs that are harder than the champion's own, or a skill over a constant that is
    not lower than the first champion's was. *without* are the metrics of which more is said.
    """
    if of.version != of.traffic.champion:
        return
    for metric in of.spec.tolerances:
        bar = _bar(of, f"{FIRST_CHAMPION}.{metric}")
        if metric in without or bar is None or bar.version == of.version:
            continue
        days = _days_behind(of, metric, bar)
        if len(days) < of.spec.rules.window(FindingKind.PERFORMANCE_DROP).breaches:
            continue
        why = _why_harmless(of, metric, bar)
        yield of.finding(
            FindingKind.PERFORMANCE_DROP,
            metric,
            f"{_in_words(of, days, metric, bar)}{f'; {why}' if why else ''}",
            about=days[0].day,
            at_most=Severity.P3 if why else Severity.P2,
        )


def _bar(of: VersionDays, name: str, version: str | None = None) -> Signal | None:
    return next(
        (one for one in of.bars if one.name == name and version in (None, one.version)), None
    )


def _days_behind(of: VersionDays, metric: str, bar: Signal) -> list[Signal]:
    """The days that are worse than the first champion's promise beyond tolerance, newest first;
    none where all together are within its normal variation."""
    known = [
        replace(one, baseline=bar.value, spread=bar.spread)
        for day in of.within(FindingKind.PERFORMANCE_DROP)
        if (one := of.signal(day, metric)) and isfinite(one.value)
    ]
    chart = of.charts.against(of.version, metric, bar)
    if chart is None:
        return [one for one in known if breach_of(of.spec, one, None)]
    is_beyond = chart.is_beyond(of.spec.rules.control_limit(FindingKind.PERFORMANCE_DROP))
    if not known or not is_beyond or abs(chart.change) <= tolerated(of.spec, known[0]):
        return []
    return [one for one in known if worse_by_value(of.spec, one)]


def _why_harmless(of: VersionDays, metric: str, bar: Signal) -> str:
    expected = of.charts.of_estimates(of.version, metric)
    limit = of.spec.rules.control_limit(FindingKind.PERFORMANCE_DROP)
    if expected is not None and expected.is_beyond(limit):
        return "expected from the inputs: harder cases"
    before = _bar(of, f"{REFERENCE_SKILL}.{metric}", bar.version)
    now = pooled_skill(of, metric)
    if before is not None and now is not None and now.high >= before.value:
        return (
            f"as much better than a constant as version {bar.version} was: skill"
            f" {readable(now.value)} ({readable(now.low)} to {readable(now.high)}), then"
            f" {readable(before.value)}"
        )
    return ""


def _in_words(of: VersionDays, days: list[Signal], metric: str, bar: Signal) -> str:
    newest = days[0]
    own = of.signal(newest.day, metric)
    promised = readable(own.baseline) if own is not None and isfinite(own.baseline) else "nothing"
    by = abs(newest.value - bar.value)
    size = f"{by / abs(bar.value):.0%}" if bar.value else readable(by)
    looked_at = len(of.within(FindingKind.PERFORMANCE_DROP))
    return (
        f"{metric} of version {of.version} was {readable(newest.value)} on {newest.day}: it holds"
        f" what version {of.version} promised ({promised}), but is {size} worse than the first"
        f" champion, version {bar.version}, promised ({readable(bar.value)}); {len(days)} of the"
        f" last {looked_at} evaluated days were as bad"
    )
