"""Rules of the owner's own: where each stands, and why one is never judged."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from math import isfinite
from typing import NamedTuple

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import Incident
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.decide.signal import Signal, SignalLog, readable
from monitoring_dagster.errors import did_you_mean
from monitoring_dagster.kinds import Family, FindingKind, Severity
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.spec.rules.own_rule import OwnRule, step_of

_GAP_DAYS = 7
_WEEKLY = "multivariate"  # the step whose windows are weeks


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


def judged_by(spec: ModelSpec, day: date, log: SignalLog) -> dict[str, list[Judgement]]:
    """The judgements by each own rule that has something to judge at the end of *day*."""
    found = {}
    for name, rule in spec.rules.own.items():
        written = log.between(day - look_back(rule), day, rule.signal)
        judgements = [
            one
            for one in judge_own(rule, written, day=day)
            if one.state is not RuleState.INSUFFICIENT
        ]
        if judgements:
            found[name] = judgements
    return found


def look_back(rule: OwnRule) -> timedelta:
    """Far enough for as many windows as the rule looks at, days without a value between them."""
    if step_of(rule.signal) == _WEEKLY:
        return timedelta(weeks=rule.of_days)
    return timedelta(days=rule.of_days + _GAP_DAYS)


def can_clear(
    spec: ModelSpec,
    judgements: Mapping[str, Sequence[Judgement]],
    open_incidents: Iterable[Incident],
) -> bool:
    """Whether a day with these judgements may end an incident: every rule that it is about has one,
    or is not there any more."""
    silent = spec.rules.own.keys() - judgements.keys()
    firing = {
        fingerprint.split("/", 2)[2].partition(" (")[0]
        for incident in open_incidents
        if incident.family is Family.OWN
        for fingerprint in incident.firing
    }
    return not firing & silent


def why_unjudged(rule: OwnRule, signals: Sequence[Signal]) -> str:
    """Why *rule* finds nothing to judge among the *signals* of a day; empty where it does.

    >>> rule = OwnRule(signal="service.eror_rate", above=0.1)
    >>> why_unjudged(rule, [Signal.on(date(2026, 3, 2), "service.error_rate", 0.25, n=8)])
    "no signal 'service.eror_rate' was stored. Did you mean 'service.error_rate'?"
    """
    named = [one for one in signals if one.name == rule.signal]
    if not named:
        names = sorted({one.name for one in signals})
        return _there_is_no("signal", rule.signal, names)
    about = [one for one in named if rule.subject in (None, one.subject)]
    if not about:
        subjects = sorted({one.subject for one in named if one.subject})
        return _there_is_no(f"{rule.signal} of", str(rule.subject), subjects)
    split = [one for one in about if one.segment == (rule.segment or "")]
    if not split:
        rows = f"by {rule.segment}" if rule.segment else "of all rows"
        return f"no {rule.signal} {rows} was stored"
    values = [one for one in split if isfinite(one.value)]
    if not values:
        reasons = [one.reason for one in split if one.reason]
        return ": ".join([f"{rule.signal} has no value", *reasons[:1]])
    if rule.from_baseline and not any(isfinite(one.baseline) for one in values):
        return f"{rule.signal} has no baseline"
    most = max(one.n for one in values)
    return f"{most:,} rows, at least {rule.min_rows:,}" if most < rule.min_rows else ""


def _there_is_no(what: str, written: str, there: Sequence[str]) -> str:
    return f"no {what} {written!r} was stored. {did_you_mean(written, there)}".rstrip()


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
    if rule.above is not None and low - shift > rule.above:
        side, limit = "above", rule.above
    elif rule.below is not None and high - shift < rule.below:
        side, limit = "below", rule.below
    else:
        return ""
    if not rule.from_baseline:
        return f"{side} {readable(limit)}"
    distance, beyond = (readable(one, sign="+") for one in (signal.value - shift, limit))
    return f"{distance} from the baseline {readable(shift)}, {side} {beyond}"


def _value(rule: OwnRule, signal: Signal) -> str:
    interval = (
        f" ({readable(signal.low)} to {readable(signal.high)})"
        if isfinite(signal.low) and isfinite(signal.high)
        else ""
    )
    return f"{rule.signal} {readable(signal.value)}{interval}"


def own_findings(
    spec: ModelSpec, day: date, judgements: Mapping[str, Sequence[Judgement]]
) -> Iterator[Finding]:
    """One finding a series for which a rule holds."""
    for name, some in judgements.items():
        rule = spec.rules.own[name]
        for one in some:
            if one.state is RuleState.FIRING:
                yield _finding(spec, day, name, rule, one)


def _finding(spec: ModelSpec, day: date, name: str, rule: OwnRule, one: Judgement) -> Finding:
    about = f" ({one.newest.about})" if one.newest.about else ""
    first_step = f". First: {rule.first_step}" if rule.first_step else ""
    return Finding(
        model=spec.name,
        day=day,
        kind=FindingKind.OWN_RULE,
        subject=f"{name}{about}",
        severity=Severity(rule.severity),
        words=f"{name}: {one.reason}{about}{first_step}",
        step=RULES[FindingKind.OWN_RULE].asset,
        about=one.newest.day if one.newest.day != day else None,
    )
