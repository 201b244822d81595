"""Judgement of a rule: whether it holds, from signals alone."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from math import inf, isfinite
from statistics import median
from typing import NamedTuple

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.rules import RULES, Limit, Rule
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import Severity
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.spec.rules.own_rule import OwnRule

USUAL_WEEKS = 4  # of the same weekday, before the day that is judged
_FEWEST_WEEKS = 2


def limit_findings(
    spec: ModelSpec, day: date, signals: Sequence[Signal], *, asset: str | None = None
) -> list[Finding]:
    """The rules of the catalogue whose limit is exceeded on *day*; with *asset*, those it shows.

    *signals* are those of the day, and of the same weekdays before it.
    """
    found = []
    for kind, rule in RULES.items():
        limit = rule.limit
        if limit is None or asset not in (None, rule.asset):
            continue
        own = [one for one in signals if _is_read_by(limit, one)]
        today = next((one for one in reversed(own) if one.day == day), None)
        # Of a day without rows the contract speaks: nothing is known of its traffic.
        if today is not None and today.n and isfinite(today.value):
            usual = _usual([one for one in own if one.day < day]) if limit.of_usual else 1.0
            words = _exceeded(spec, limit, today, usual) if usual is not None else None
            if words is not None:
                severity = _severity(spec, rule, today)
                found.append(Finding(spec.name, day, kind, limit.what, severity, words, rule.asset))
    return found


def _is_read_by(limit: Limit, signal: Signal) -> bool:
    names = (signal.name, signal.subject, signal.version, signal.segment)
    return names == (limit.signal, limit.subject, "", "")


def _usual(earlier: Sequence[Signal]) -> float | None:
    """The median of what there was; None before two days had any."""
    counts = [one.value for one in earlier if one.value > 0]
    return median(counts) if len(counts) >= _FEWEST_WEEKS else None


def _exceeded(spec: ModelSpec, limit: Limit, signal: Signal, usual: float) -> str | None:
    for setting, is_beyond in ((limit.above, operator.gt), (limit.below, operator.lt)):
        value = number_of(spec, setting)
        if value is not None and is_beyond(signal.value, value * usual):
            return limit.words.format(
                value=signal.value, limit=value, usual=usual, n=signal.n, reason=signal.reason
            )
    return None


def _severity(spec: ModelSpec, rule: Rule, signal: Signal) -> Severity:
    """The most urgent one only from a multiple of the limit on, where the rule has one."""
    assert rule.limit is not None, "only limits are asked for"
    above = number_of(spec, rule.limit.above)
    far = above is not None and signal.value > rule.limit.urgent_from * above
    return rule.severities[0] if far or rule.limit.urgent_from == inf else rule.severities[-1]


def number_of(spec: ModelSpec, setting: str | float | None) -> float | None:
    """A limit: the number itself, or what stands under its key in defs.yaml."""
    if not isinstance(setting, str):
        return setting
    written: float | None = operator.attrgetter(setting)(spec)
    return written


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
    for is_beyond, limit, side in (
        (rule.above is not None and low - shift > rule.above, rule.above, "above"),
        (rule.below is not None and high - shift < rule.below, rule.below, "below"),
    ):
        if is_beyond:
            if not rule.from_baseline:
                return f"{side} {limit:.4g}"
            return f"{signal.value - shift:+.4g} from the baseline {shift:.4g}, {side} {limit:+.4g}"
    return ""


def _value(rule: OwnRule, signal: Signal) -> str:
    interval = (
        f" ({signal.low:.4g} to {signal.high:.4g})"
        if isfinite(signal.low) and isfinite(signal.high)
        else ""
    )
    return f"{rule.signal} {signal.value:.4g}{interval}"
