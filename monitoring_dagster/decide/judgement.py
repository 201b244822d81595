"""Judgement of a rule: whether it holds, from signals alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from math import isfinite
from typing import NamedTuple

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.spec.rules.own_rule import OwnRule


class RuleState(StrEnum):
    """Where a rule stands."""

    OK = "OK"
    PENDING = "PENDING"  # beyond its limit, on fewer days than asked for
    FIRING = "FIRING"
    INSUFFICIENT = "INSUFFICIENT"  # no value, or too few rows: never shown as passed


class Series(NamedTuple):
    """What one series of signals is about: the same number over many windows."""

    subject: str
    version: str
    segment: str
    segment_value: str
    baseline_name: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """Where one rule stands with one series, with its reason."""

    state: RuleState
    series: Series
    reason: str
    newest: Signal


def judge_own(rule: OwnRule, signals: Sequence[Signal], *, day: date) -> list[Judgement]:
    """Where the owner's *rule* stands at the end of *day*, one judgement a series.

    *signals* are those of the rule's name that were written up to *day*, in the order of writing:
    of one window the newest counts. A series whose newest window has ended long ago has none.
    """
    found = []
    for series, windows in _by_series(rule, signals).items():
        newest = windows[-1]
        if _is_fresh(newest, day):
            found.append(_judged(rule, series, windows))
    return found


def _by_series(rule: OwnRule, signals: Sequence[Signal]) -> dict[Series, list[Signal]]:
    """The signals that the rule is about, each window once, by series and in order."""
    found: dict[Series, dict[datetime, Signal]] = {}
    for one in signals:
        if rule.subject in (None, one.subject) and (rule.segment or "") == one.segment:
            series = Series(
                one.subject, one.version, one.segment, one.segment_value, one.baseline_name
            )
            found.setdefault(series, {})[one.start] = one
    return {
        series: [windows[start] for start in sorted(windows)] for series, windows in found.items()
    }


def _is_fresh(signal: Signal, day: date) -> bool:
    """Whether nothing newer of its kind could have been written by the end of *day*."""
    if signal.known_on is not None:
        return signal.known_on == day
    end_of_day = datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)
    return end_of_day - signal.end < signal.end - signal.start


def _judged(rule: OwnRule, series: Series, windows: Sequence[Signal]) -> Judgement:
    newest = windows[-1]
    if not _is_known(rule, newest):
        few = isfinite(newest.value) and newest.n < rule.min_rows
        reason = f"{newest.n:,} rows, at least {rule.min_rows:,}" if few else "no value"
        return Judgement(RuleState.INSUFFICIENT, series, reason, newest)
    judged = [one for one in windows if _is_known(rule, one)][-rule.of_days :]
    broken = [one for one in judged if _breach(rule, one)]
    if not broken:
        return Judgement(RuleState.OK, series, _value(rule, newest), newest)
    latest = broken[-1]
    count = "" if rule.of_days == 1 else f" on {len(broken)} of the last {len(judged)} judged days"
    reason = f"{_value(rule, latest)} is {_breach(rule, latest)}{count}"
    state = RuleState.FIRING if len(broken) >= rule.breaches else RuleState.PENDING
    return Judgement(state, series, reason, latest)


def _is_known(rule: OwnRule, signal: Signal) -> bool:
    known = isfinite(signal.value) and signal.n >= rule.min_rows
    return known and (not rule.from_baseline or isfinite(signal.baseline))


def _breach(rule: OwnRule, signal: Signal) -> str:
    """Which limit the whole interval lies beyond, in words; empty where it keeps them."""
    shift = signal.baseline if rule.from_baseline else 0.0
    low, high = (bound if isfinite(bound) else signal.value for bound in (signal.low, signal.high))
    than = f" from the baseline {signal.baseline:.4g}" if rule.from_baseline else ""
    if rule.above is not None and low - shift > rule.above:
        return f"above {rule.above:+.4g}{than}" if than else f"above {rule.above:.4g}"
    if rule.below is not None and high - shift < rule.below:
        return f"below {rule.below:+.4g}{than}" if than else f"below {rule.below:.4g}"
    return ""


def _value(rule: OwnRule, signal: Signal) -> str:
    interval = (
        f" ({signal.low:.4g} to {signal.high:.4g})"
        if isfinite(signal.low) and isfinite(signal.high)
        else ""
    )
    return f"{rule.signal} {signal.value:.4g}{interval}"
