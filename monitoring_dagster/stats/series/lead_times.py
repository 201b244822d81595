"""Which signals went before real losses, how early, and at which value should they alert?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.inference.evidence import benjamini_hochberg
from monitoring_dagster.stats.series.leads import MIN_DAYS, Lead, lead
from monitoring_dagster.stats.series.thresholds import LossEvent, Threshold, thresholds

MIN_EVENTS = 3


class UnequalSeries(MonitoringError):
    """A signal that does not tell of the same days as the loss."""

    @classmethod
    def found(cls, name: str, *, days: int, expected: int) -> Self:
        return cls(
            f"signal {name!r} has {days} days where the loss has {expected}: give one number a"
            " day, NaN where it is unknown"
        )


@dataclass(frozen=True, slots=True)
class LeadingIndicator:
    """One signal, judged by the losses of the past."""

    name: str
    related: bool
    p_adjusted: float  # among all signals looked at; 1 where nothing is known
    lead: Lead | None
    thresholds: tuple[Threshold, ...]  # none without a relation, or with too few events
    suggested: Threshold | None
    words: str


def leading_indicators(
    signals: Mapping[str, ArrayLike],
    loss: ArrayLike,
    *,
    events: Sequence[LossEvent],
    rng: Generator,
    alpha: float = 0.05,
    cost_of_miss: float = 10.0,
    cost_of_false_alarm: float = 1.0,
) -> tuple[LeadingIndicator, ...]:
    """Which signals announce losses, and at which value is an alert worth its price?

    A signal is related where the loss moves with it some days later, more than chance would have
    it, allowing for all leads tried and (Benjamini-Hochberg) for all signals. Only then thresholds
    are tried, beyond which it rises or falls as was learnt; the one of the largest gain is
    suggested, if there is any gain, and of equal ones the earliest.

    Parameters
    ----------
    signals
        By name, a number a day; shape ``(days,)``, NaN where it is unknown.
    loss
        Of the same days, higher is worse.
    events
        Of `loss_events`.
    cost_of_miss, cost_of_false_alarm
        In any one unit.

    Raises
    ------
    UnequalSeries
        A signal has another number of days than the loss.
    """
    losses = np.asarray(loss, np.float64)
    series = {name: np.asarray(signal, np.float64) for name, signal in signals.items()}
    for name, signal in series.items():
        if signal.shape != losses.shape:
            raise UnequalSeries.found(name, days=signal.size, expected=losses.size)
    leads = {name: lead(signal, losses, rng=rng) for name, signal in series.items()}
    adjusted = _adjusted(leads)
    found = []
    for name, signal in series.items():
        one, p_value = leads[name], adjusted[name]
        if one is None:
            words = f"too little known of {name}: below {MIN_DAYS} days with the loss, or constant"
            found.append(LeadingIndicator(name, False, p_value, None, (), None, words))
        elif p_value >= alpha:
            words = f"no relation of {name} to the loss (p = {p_value:.2g}, needed below {alpha:g})"
            found.append(LeadingIndicator(name, False, p_value, one, (), None, words))
        elif len(events) < MIN_EVENTS:
            words = (
                f"{_relation(name, one, p_value)}; too little happened for a threshold:"
                f" {len(events)} losses, {MIN_EVENTS} needed"
            )
            found.append(LeadingIndicator(name, True, p_value, one, (), None, words))
        else:
            tried = thresholds(
                signal,
                events,
                lead_days=one.days,
                direction=one.direction,
                last_day=int(np.flatnonzero(~np.isnan(losses))[-1]),
                cost_of_miss=cost_of_miss,
                cost_of_false_alarm=cost_of_false_alarm,
            )
            best = max(tried, key=lambda t: (t.gain, t.lead_days or 0, t.value * one.direction))
            suggested = best if best.gain > 0 else None
            words = f"{_relation(name, one, p_value)}; " + (
                f"alert at {_price(name, one, suggested, days=losses.size)}"
                if suggested
                else "no threshold is worth its false alarms"
            )
            found.append(LeadingIndicator(name, True, p_value, one, tried, suggested, words))
    return tuple(found)


def _adjusted(leads: Mapping[str, Lead | None]) -> dict[str, float]:
    known = {name: one.p_value for name, one in leads.items() if one is not None}
    if not known:
        return dict.fromkeys(leads, 1.0)
    corrected = benjamini_hochberg(list(known.values())).tolist()
    return dict.fromkeys(leads, 1.0) | dict(zip(known, corrected, strict=True))


def _relation(name: str, one: Lead, p_value: float) -> str:
    moves = "rises" if one.direction > 0 else "falls"
    return (
        f"{name} {moves} {one.days} days before losses"
        f" ({one.low} to {one.high} days, p = {p_value:.2g})"
    )


def _price(name: str, one: Lead, at: Threshold, *, days: int) -> str:
    sign = ">" if one.direction > 0 else "<"
    alarms = "1 false alarm" if at.false_alarms == 1 else f"{at.false_alarms} false alarms"
    return (
        f"{name} {sign} {at.value:.4g}: {at.hits} of {at.events} losses were announced"
        f" {at.lead_days:.0f} days before; {alarms} in {days} days"
    )
