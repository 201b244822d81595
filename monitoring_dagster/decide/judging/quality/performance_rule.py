"""Performance drop: quality that labels show to be worse than its baseline."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from math import isfinite
from typing import NamedTuple

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.quality.breached_days import Breaches
from monitoring_dagster.decide.judging.quality.floor_rule import below_floor
from monitoring_dagster.decide.judging.quality.version_days import VersionDays
from monitoring_dagster.decide.signal import readable
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.stats.series.control_chart import Chart

_URGENT = 1.2  # times the control limit; `benchmarks/quiet_year.py` has what lies between them
UNEXPLAINED, EXPECTED = "not explained by the inputs", "expected from the inputs"


def performance_drops(
    of: VersionDays, worse: Mapping[date, Mapping[str, str]], expected: Breaches
) -> Iterator[tuple[str, Finding]]:
    """A metric that is worse than its baseline, or below its floor.

    Not explained by the inputs, and well beyond normal variation, it is urgent; where they explain
    it, retraining may not help. Below the floor it is urgent whatever was promised, tolerated or
    expected.
    """
    kind = FindingKind.PERFORMANCE_DROP
    for metric in of.spec.tolerances:
        drop = _drop(of, metric, worse, expected)
        floor = below_floor(of, metric)
        if floor and drop:
            drop = drop._replace(words=f"{floor}; {drop.words}", at_most=Severity.P0)
        elif floor:
            drop = _Drop(floor, of.days[0], Severity.P0)
        if drop:
            yield (
                metric,
                of.finding(
                    kind,
                    metric,
                    drop.words,
                    about=drop.day,
                    at_most=drop.at_most,
                    brief=_brief(of, metric, drop, below_floor=bool(floor)),
                ),
            )


class _Drop(NamedTuple):
    words: str
    day: date  # the newest bad one
    at_most: Severity = Severity.P0
    why: str = ""
    bad_days: int = 0
    looked_at: int = 0


def _brief(of: VersionDays, metric: str, drop: _Drop, *, below_floor: bool) -> str:
    """Such as "log_loss 0.51 against 0.45, not explained by the inputs, 4 of 5 days"."""
    one = of.signal(drop.day, metric)
    said = [f"{metric} {readable(one.value)}" if one is not None else metric]
    if one is not None and isfinite(one.baseline):
        said[0] += f" against {readable(one.baseline)}"
    said += ["below its floor"] if below_floor else []
    said += [drop.why] if drop.why else []
    said += [f"{drop.bad_days} of {drop.looked_at} days"] if drop.bad_days else []
    return ", ".join(said)


def _drop(
    of: VersionDays, metric: str, worse: Mapping[date, Mapping[str, str]], expected: Breaches
) -> _Drop | None:
    """A metric is worse where it was so on several of the last evaluated days, and on average
    beyond normal variation: where nobody knows that, beyond tolerance with 95 % certainty on each.
    """
    kind = FindingKind.PERFORMANCE_DROP
    looked_at = of.within(kind)
    total = of.charts.of_labels(of.version, metric)
    if total is None:
        days = {one: worse[one][metric] for one in looked_at if metric in worse[one]}
    else:
        days = {one: words for one in looked_at if (words := of.beyond(one, metric))}
    if len(days) < of.spec.rules.window(kind).breaches:
        return None
    newest = max(days)
    words = (
        f"{days[newest]} (on {newest}; {len(days)} of the last {len(looked_at)} evaluated days"
        " were as bad)"
    )
    at_most = Severity.P0
    if total is None:
        reason = _foreseen(of, list(days), metric, expected)
    else:
        found = _beyond_variation(of, metric, total)
        if found is None:
            return None
        reason, at_most = found
    why = next((one for one in (UNEXPLAINED, EXPECTED) if one in reason), "")
    return _Drop(words + reason, newest, at_most, why, len(days), len(looked_at))


def _beyond_variation(of: VersionDays, metric: str, total: Chart) -> tuple[str, Severity] | None:
    """Why the days behind are beyond normal variation, and how urgent that is; None where they are
    not, or by less than is tolerated."""
    room, limit = of.room(metric), of.spec.rules.control_limit(FindingKind.PERFORMANCE_DROP)

    def is_beyond(chart: Chart) -> bool:
        return chart.is_beyond(limit) and abs(chart.change) > room

    unexplained = of.charts.unexplained(of.version, metric)
    bound = f"limit {limit:g}"
    bounds = f"{bound}, urgent from {_URGENT * limit:g}"
    if unexplained is not None and is_beyond(unexplained):
        words = f"; {_in_words(unexplained, bounds)}{_at_fault(of, metric)}"
        return words, _urgency(unexplained, limit)
    if not is_beyond(total):
        return None
    if unexplained is None:
        return f"; {_in_words(total, bounds)}", _urgency(total, limit)
    return f"; {_in_words(total, bound)}; {EXPECTED}: harder cases", Severity.P2


def _urgency(chart: Chart, limit: float) -> Severity:
    """As urgent as may be well beyond the limit; just beyond it somebody should look, no more."""
    return Severity.P0 if chart.is_beyond(_URGENT * limit) else Severity.P2


def _in_words(chart: Chart, bounds: str) -> str:
    return (
        f"over {chart.days} days worse by {readable(abs(chart.change))} on average,"
        f" {chart.distance:.1f} standard errors of normal variation ({bounds})"
    )


def _at_fault(of: VersionDays, metric: str) -> str:
    if of.of_champion is not None and metric not in of.of_champion:
        return (
            f"; {UNEXPLAINED}, and version {of.traffic.champion} is within tolerance:"
            f" likely a fault of version {of.version}"
        )
    return f"; {UNEXPLAINED}: likely concept drift, or changed labels"


def _foreseen(of: VersionDays, days: Sequence[date], metric: str, expected: Breaches) -> str:
    """Did the inputs let expect it?  Where they did not, the relation itself has changed."""
    estimated = [day for day in days if (day, metric) in of.estimated]
    if not estimated:
        return ""
    foreseen = [day for day in estimated if metric in expected.get(day, {}).get(of.version, {})]
    if 2 * len(foreseen) >= len(estimated):
        return f"; {EXPECTED}: harder cases"
    return _at_fault(of, metric)
