"""Effect of each version that gained traffic: against another one on the same days or rows."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from math import nan
from typing import NamedTuple

import numpy as np

from monitoring_dagster.decide.signal import Signal, readable
from monitoring_dagster.measure.attribution.change_parts import SplitBy, about_change
from monitoring_dagster.measure.attribution.mean_metric import Totals
from monitoring_dagster.measure.attribution.windows import OfDay, Windows, by_day_and_group
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.estimation.same_days import difference_on_same_days
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.store.monitor import Monitor

VERSION_EFFECT = "attribution.version_effect"
_LEAST_ROWS = 30  # of either version on common days
_LEAST_SHARE = 0.01  # of traffic gained


class _Difference(NamedTuple):
    """A version's metric less another's, larger is worse, and where that comes from."""

    metric: Metric
    against: str
    source: str


def version_effects(
    monitor: Monitor, windows: Windows, by_version: SplitBy | None
) -> Iterator[Signal]:
    """What each version that gained traffic adds to the change, by serving in place of another one.

    The share of traffic that it gained, times how much worse it is than what it replaces: by the
    rows of days on which both served, else as the gate compared both on the same rows. Never by
    what either promised. NaN, with the reason, where neither is known.
    """
    if by_version is None:
        return
    for version, part in zip(by_version.values, by_version.split.groups, strict=True):
        gained = part.share_now - part.share_before
        if gained < _LEAST_SHARE:
            continue
        others = [one for one in by_version.values if one != version]
        found = _difference(monitor, windows, version, others)
        about = {"version": version, **about_change(windows)}
        if found is None:
            reason = (
                f"version {version} served on no day beside another one, and no comparison with"
                " one on the same rows is kept: its effect cannot be told from that of the days"
            )
            yield Signal.over(
                windows.first, windows.last, VERSION_EFFECT, nan, reason=reason, **about
            )
            continue
        apart, other, source = found
        better = "worse" if apart.value > 0 else "better"
        yield Signal.over(
            windows.first, windows.last, VERSION_EFFECT, gained * apart.value, subject=other,
            low=gained * apart.low, high=gained * apart.high, n=apart.n, effect=apart.value,
            reason=f"{windows.metric.label} of version {version} is {readable(abs(apart.value))}"
            f" {better} than that of version {other} {source}. It gained {gained:.0%} of traffic",
            **about,
        )  # fmt: skip


def _difference(
    monitor: Monitor, windows: Windows, version: str, others: Sequence[str]
) -> _Difference | None:
    """Against the version that served most before, of those with which it can be compared."""
    before = {one: windows.total(Group(one), before=True).n for one in others}
    for other in sorted(others, key=lambda one: (-before[one], one)):
        found = _on_same_days(windows, version, other)
        if found is not None:
            return found
    return _by_the_gate(monitor, windows, version)


def _on_same_days(windows: Windows, version: str, other: str) -> _Difference | None:
    """By the days of the newest window on which both served; else by those of both windows."""
    pair = (version, other)
    for days in (windows.now, {**windows.before, **windows.now}):
        common = {
            day: of_day
            for day, of_day in days.items()
            if all(of_day.get(Group(one), Totals()).n > 0 for one in pair)
        }
        rows = [sum(of_day[Group(one)].n for of_day in common.values()) for one in pair]
        if min(rows) < _LEAST_ROWS:
            continue
        segment = _most_unlike(common, pair)
        values = {
            group.value
            for of_day in common.values()
            for group in of_day
            if group.version in pair and group.segment == segment
        }
        tables = [
            by_day_and_group(common, [[Group(one, segment, value)] for value in sorted(values)])
            for one in pair
        ]
        found = difference_on_same_days(
            [rows for rows, _ in tables],
            [totals for _, totals in tables],
            variances=(_variance(common, version), _variance(common, other)),
        )
        same = f", by the same mix of {segment}" if segment else ""
        return _Difference(
            found.difference, other, f"on {found.days} days on which both served{same}"
        )
    return None


def _variance(days: Mapping[date, OfDay], version: str) -> float:
    found = Totals()
    for of_day in days.values():
        found = found.plus(of_day[Group(version)])
    return found.variance


def _most_unlike(days: Mapping[date, OfDay], pair: tuple[str, str]) -> str:
    """The segment in whose shares both versions differ most; empty where there is none."""
    counted: dict[str, dict[str, list[float]]] = {}
    for of_day in days.values():
        for group, one in of_day.items():
            if group.segment and group.version in pair:
                of_value = counted.setdefault(group.segment, {}).setdefault(group.value, [0.0, 0.0])
                of_value[pair.index(group.version)] += one.n
    distances = {}
    for segment, values in sorted(counted.items()):
        rows = np.array(list(values.values()))
        distances[segment] = float(np.abs(np.diff(rows / rows.sum(axis=0), axis=1)).sum())
    return max(distances, key=lambda one: distances[one], default="")


def _by_the_gate(monitor: Monitor, windows: Windows, version: str) -> _Difference | None:
    """As the newest promotion of it up to then has it, if it was compared by the same metric."""
    for one in reversed(monitor.ledger.promotions(monitor.name)):
        paired = one.paired
        if one.version != version or paired is None or one.at.date() > windows.as_of:
            continue
        if paired.metric != windows.metric.label:
            continue
        worse = Metric(-paired.difference, -paired.high, -paired.low, paired.n)
        rows = f"on the {paired.n:,} rows of the gate that promoted it on {one.at.date()}"
        return _Difference(worse, paired.compared_with, rows)
    return None
