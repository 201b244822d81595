"""From which value of a signal on is an alert worth its price?  Past losses are the judge."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.stats.columns.values import Codes, Floats
from monitoring_dagster.stats.inference.intervals import wilson

_SLACK_DAYS = 7  # an alert counts up to a week before the usual lead
_QUIET_DAYS = 7  # within the threshold, before the next day beyond it is an alert of its own
_QUANTILES = np.linspace(0.5, 0.99, 25)

_Where = NDArray[np.bool_]


class LossEvent(NamedTuple):
    """Days in a row on which the loss was too high, as positions in the series."""

    first: int
    last: int


def loss_events(
    loss: ArrayLike, *, tolerance: float, baseline: float | None = None, lasting_days: int = 3
) -> tuple[LossEvent, ...]:
    """When did real losses happen?

    Parameters
    ----------
    loss
        Higher is worse; shape ``(days,)``, NaN where it is unknown, which ends no event.
    tolerance
        How far above *baseline* (None: the median of the loss) it must lie.
    lasting_days
        Known days in a row for which it must.

    >>> loss_events([1, 5, 5, 5, 1, 5, 1], tolerance=2, baseline=1)
    (LossEvent(first=1, last=3),)
    """
    values = np.asarray(loss, np.float64)
    known = np.flatnonzero(~np.isnan(values))
    if not known.size:
        return ()
    usual = float(np.median(values[known])) if baseline is None else baseline
    above = np.concatenate([[False], values[known] > usual + tolerance, [False]])
    edges = np.flatnonzero(above[1:] != above[:-1]).reshape(-1, 2)
    return tuple(
        LossEvent(int(known[first]), int(known[past - 1]))
        for first, past in edges.tolist()
        if past - first >= lasting_days
    )


@dataclass(frozen=True, slots=True)
class Threshold:
    """What alerts beyond one value of a signal would have been worth; 95 % intervals.

    Measured on the days it was chosen on: the future will be somewhat less kind.
    """

    value: float
    events: int  # losses that the signal could have announced
    hits: int  # of them, those that it did
    hit_rate: float
    hit_low: float
    hit_high: float
    alerts: int  # whose time to come true is over
    false_alarms: int
    false_alarm_rate: float | None  # of the alerts; None without any
    false_low: float | None
    false_high: float | None
    lead_days: float | None  # median over the hits; None without any
    gain: float  # cost of the misses avoided, less that of the false alarms


def thresholds(
    signal: Floats,
    events: Sequence[LossEvent],
    *,
    lead_days: int,
    direction: int,
    last_day: int,
    cost_of_miss: float,
    cost_of_false_alarm: float,
) -> tuple[Threshold, ...]:
    """What would alerts have been worth, at each of 25 quantiles of the signal?

    An alert is the first day beyond the threshold after a week within it. It announces a loss that
    begins within *lead_days* and a week. Alerts while a loss lasts, and those whose time is not
    over on *last_day*, are not judged; nor is a loss before which the signal was mostly unknown.

    Parameters
    ----------
    signal
        Shape ``(days,)``, NaN where it is unknown.
    direction
        1: the signal rises before losses; -1: it falls.
    last_day
        The last position at which the loss is known.
    """
    window = lead_days + _SLACK_DAYS
    upwards = signal * direction
    known = ~np.isnan(upwards)
    starts = np.array([event.first for event in events], np.intp)
    known_before = np.concatenate([[0], np.cumsum(known)])
    heard = known_before[starts + 1] - known_before[np.maximum(starts - window, 0)]
    announceable = 2 * heard > window
    found = []
    for value in np.unique(np.quantile(upwards[known], _QUANTILES)).tolist():
        alerts = _alerts(upwards, value, events)
        ahead = starts[:, None] - alerts[None, :]
        announces = (ahead >= 0) & (ahead <= window)
        true: _Where = np.asarray(announces.any(axis=0))
        judged = true | (alerts + window <= last_day)
        hit = announces.any(axis=1) & announceable
        earliest = np.where(announces, ahead, -1).max(axis=1, initial=-1)[hit]
        gain = cost_of_miss * hit.sum() - cost_of_false_alarm * (judged & ~true).sum()
        found.append(_counted(value * direction, hit, announceable, judged, true, earliest, gain))
    return tuple(found)


def _counted(
    value: float,
    hit: _Where,
    announceable: _Where,
    judged: _Where,
    true: _Where,
    earliest: Codes,
    gain: float,
) -> Threshold:
    hits, events = int(hit.sum()), int(announceable.sum())
    false_alarms, alerts = int((judged & ~true).sum()), int(judged.sum())
    hit_low, hit_high = wilson(hits, events)
    false_low, false_high = wilson(false_alarms, alerts)
    return Threshold(
        value=value,
        events=events,
        hits=hits,
        hit_rate=hits / events if events else 0.0,
        hit_low=float(hit_low) if events else 0.0,
        hit_high=float(hit_high) if events else 1.0,
        alerts=alerts,
        false_alarms=false_alarms,
        false_alarm_rate=false_alarms / alerts if alerts else None,
        false_low=float(false_low) if alerts else None,
        false_high=float(false_high) if alerts else None,
        lead_days=float(np.median(earliest)) if hits else None,
        gain=float(gain),
    )


def announced(
    signal: Floats,
    events: Sequence[LossEvent],
    *,
    value: float,
    lead_days: int,
    direction: int,
) -> tuple[int | None, ...]:
    """When would alerts beyond *value* have announced each loss first?  As `thresholds` counts it.

    Returns
    -------
    A position in the series for each event; None where no alert announced it.

    >>> announced(np.array([0, 0, 9, 9, 0, 0, 0]), [LossEvent(5, 6)],
    ...           value=5, lead_days=3, direction=1)
    (2,)
    """
    alerts = _alerts(signal * direction, value * direction, events)
    ahead = [event.first - alerts for event in events]
    within = [alerts[(days >= 0) & (days <= lead_days + _SLACK_DAYS)] for days in ahead]
    return tuple(int(days[0]) if days.size else None for days in within)


def _alerts(upwards: Floats, value: float, events: Sequence[LossEvent]) -> Codes:
    """The first day beyond *value* after days of quiet; not while a loss lasts."""
    beyond = np.flatnonzero(upwards > value)  # an unknown day is not beyond
    alerts = beyond[np.diff(beyond, prepend=-_QUIET_DAYS - 1) > _QUIET_DAYS]
    during = np.zeros(upwards.size, bool)
    for event in events:
        during[event.first + 1 : event.last + 1] = True
    return alerts[~during[alerts]]
