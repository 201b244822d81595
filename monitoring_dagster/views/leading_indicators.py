"""Which signals went before this model's losses of quality, and when should they alert?"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate
from math import isfinite
from statistics import median
from typing import Self

import numpy as np
from numpy.random import Generator

from monitoring_dagster.decide.judging.tolerance import higher_is_better, limit_of, room_of
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.measure.quality.model_metrics import metric_label
from monitoring_dagster.measure.quality.promises import spread_of
from monitoring_dagster.spec.metrics import Tolerance
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.series.lead_times import LeadingIndicator, leading_indicators
from monitoring_dagster.stats.series.thresholds import LossEvent, announced, loss_events
from monitoring_dagster.store.days.champions import champion_on
from monitoring_dagster.store.days.known_labels import BY_DAY, OUTCOMES, account_of
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.views.announcements import Announcements, Loss
from monitoring_dagster.views.day_signals import signals_of
from monitoring_dagster.views.history import Point, history

_USUAL = Tolerance(relative=0.05)  # where no rule judges the metric
_NAN = float("nan")

_Arrivals = Mapping[date, Sequence[tuple[date, int]]]  # prediction day: when its labels came


class NoStoredDays(MonitoringError):
    """There is nothing to look back on."""

    @classmethod
    def of(cls, model: str) -> Self:
        return cls(
            f"of {model!r} no day in that range is stored, with labels after it: materialise its"
            " steps, or name other days"
        )


class UnusableCost(MonitoringError):
    """A price that nothing can be weighed by."""

    @classmethod
    def of(cls, cost: float) -> Self:
        return cls(f"a cost of {cost} cannot be weighed: give a finite number, 0 or above")


def announcements(
    monitor: Monitor,
    *,
    rng: Generator,
    metric: str | None = None,
    first: date = date.min,
    last: date = date.max,
    cost_of_miss: float = 10.0,
    cost_of_false_alarm: float = 1.0,
) -> Announcements:
    """Which signals go before losses of *metric*, from stored results alone: no raw row is read.

    Everything is by prediction day. The loss is how much worse the metric, as known now, is than
    was promised, beyond what is tolerated: 5 % where no rule says it. A version without a promise
    is compared with the median of the days.

    Parameters
    ----------
    metric
        Its name or label; by default the first judged one.
    cost_of_miss, cost_of_false_alarm
        In any one unit: they decide which threshold is suggested.

    Raises
    ------
    NoLabels, NoStoredDays, UnknownMetric, UnusableMetric
        There is nothing to look back on, or no such metric.
    UnusableCost
        A cost is negative or not finite.
    NoFiles, UnreadableTable, MixedTypes, UnknownColumn, UnusableSeries
        A signal of the spec cannot be read.
    """
    for cost in (cost_of_miss, cost_of_false_alarm):
        if not (isfinite(cost) and cost >= 0):
            raise UnusableCost.of(cost)
    spec, labels = monitor.spec, labels_of(monitor.spec)
    label = metric_label(spec, metric or spec.metric)
    points = history(monitor, metric=label, first=first, last=last)
    if not points:
        raise NoStoredDays.of(monitor.name)
    start = points[0].day
    days = [start + timedelta(days=n) for n in range((points[-1].day - start).days + 1)]
    arrivals = _arrivals(monitor)
    labelled = _labelled_on(monitor, days, arrivals)
    known = [one for one in points if one.day in labelled and isfinite(one.value.value)]
    values, loss = _loss(monitor, label, known, days)
    events = loss_events(loss, tolerance=0.0, baseline=0.0)
    signals = signals_of(monitor, days, metric=label)
    found = sorted(
        leading_indicators(
            signals,
            loss,
            events=events,
            rng=rng,
            cost_of_miss=cost_of_miss,
            cost_of_false_alarm=cost_of_false_alarm,
        ),
        key=_usefulness,
    )
    return Announcements(
        model=monitor.name,
        metric=label,
        days=days,
        values=values,
        min_coverage=labels.min_coverage,
        coverage=_coverage(monitor, days, arrivals),
        losses=_losses(days, events, signals, found, labelled),
        signals=signals,
        outside=list(spec.signals),
        indicators=found,
    )


def _usefulness(one: LeadingIndicator) -> tuple[float, bool, float, int]:
    gain = one.suggested.gain if one.suggested else 0.0
    return (-gain, not one.related, one.p_adjusted, -one.lead.days if one.lead else 1)


def _arrivals(monitor: Monitor) -> _Arrivals:
    """Labels by the day of their prediction: how many came on which days, in order."""
    found: dict[date, list[tuple[date, int]]] = {}
    for arrival in monitor.results.days(monitor.name, OUTCOMES):
        for served, count in account_of(monitor, arrival).get(BY_DAY, {}).items():
            found.setdefault(date.fromisoformat(served), []).append((arrival, count))
    return found


def _labelled_on(monitor: Monitor, days: Sequence[date], arrivals: _Arrivals) -> dict[date, date]:
    """Days with labels enough for a verdict, and when they had come."""
    share = labels_of(monitor.spec).min_coverage
    found = {}
    for day in days:
        counted = service_of(monitor, day).get("counted", 0)
        if not counted:
            continue  # of predictions that nobody counted no number of labels is enough
        needed, came = share * counted, arrivals.get(day, ())
        upto = accumulate(count for _, count in came)
        enough = [arrival for (arrival, _), n in zip(came, upto, strict=True) if n >= needed]
        if enough:
            found[day] = enough[0]
    return found


def _coverage(monitor: Monitor, days: Sequence[date], arrivals: _Arrivals) -> float:
    """Labels per prediction, of the days whose wait is over; of all while there is none.

    A day whose predictions were not counted has labels, but no share of them; and where a day was
    counted before its file became longer, its labels are at most all.
    """
    wait = timedelta(days=labels_of(monitor.spec).mature_after_days)
    newest = max(monitor.results.days(monitor.name, OUTCOMES), default=date.min)
    waited = [day for day in days if newest - day >= wait] or days
    served = {day: service_of(monitor, day).get("counted", 0) for day in waited}
    come = {day: sum(count for _, count in arrivals.get(day, ())) for day in waited}
    total = sum(served.values())
    return sum(min(come[day], served[day]) for day in waited) / total if total else _NAN


def _loss(
    monitor: Monitor, metric: str, points: Sequence[Point], days: Sequence[date]
) -> tuple[Floats, Floats]:
    """The metric by day, and how much worse it was than is tolerated: the champion's, and where it
    did not serve all versions' by their rows."""
    spec = monitor.spec
    rule = spec.tolerances.get(metric, _USUAL)
    usual = median(one.value.value for one in points) if points else _NAN
    sums = {day: np.zeros(3) for day in days}
    for one in _of_champion(monitor, points):
        promise = usual if one.promise is None else one.promise
        spread = spread_of(monitor, one.group.version) if metric == "bias" else _NAN
        room = room_of(rule, metric, promise, spread=spread)
        limit = limit_of(spec, metric, promise, room, spread=spread)
        if metric == "bias":
            excess = abs(one.value.value) - limit
        else:
            excess = one.value.value - limit
            excess = -excess if higher_is_better(spec, metric) else excess
        sums[one.day] += one.value.n * np.array([1.0, one.value.value, excess])
    rows, values, loss = np.array(list(sums.values())).T
    rows = np.where(rows > 0, rows, _NAN)
    return values / rows, loss / rows


def _of_champion(monitor: Monitor, points: Sequence[Point]) -> Iterator[Point]:
    """Of each day the champion's point; all where it has none."""
    by_day: dict[date, list[Point]] = {}
    for one in points:
        by_day.setdefault(one.day, []).append(one)
    for day, some in by_day.items():
        champion = champion_on(monitor, day) if len(some) > 1 else None
        yield from [one for one in some if one.group.version == champion] or some


def _losses(
    days: Sequence[date],
    events: Sequence[LossEvent],
    signals: Mapping[str, Floats],
    found: Sequence[LeadingIndicator],
    labelled: Mapping[date, date],
) -> list[Loss]:
    told: list[dict[str, date]] = [{} for _ in events]
    for one in found:
        if one.lead is None or one.suggested is None:
            continue
        places = announced(
            signals[one.name],
            events,
            value=one.suggested.value,
            lead_days=one.lead.days,
            direction=one.lead.direction,
        )
        for said, place in zip(told, places, strict=True):
            if place is not None:
                said[one.name] = days[place]
    return [
        Loss(days[event.first], days[event.last], labelled[days[event.first]], said)
        for event, said in zip(events, told, strict=True)
    ]
