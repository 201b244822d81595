"""Limits of the catalogue: one number of a day against what is written or usual."""

import operator
from datetime import date, timedelta
from math import inf, isfinite
from statistics import median

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.rules import RULES, Limit, Rule
from monitoring_dagster.decide.signal import Signal, SignalLog
from monitoring_dagster.kinds import Severity
from monitoring_dagster.spec.model import ModelSpec

_USUAL_WEEKS = 4  # of the same weekday, before the day that is judged
_FEWEST_WEEKS = 2


def limit_findings(
    spec: ModelSpec, day: date, log: SignalLog, *, asset: str | None = None
) -> list[Finding]:
    """The rules of the catalogue whose limit is exceeded on *day*; with *asset*, those it shows.

    A limit that follows what is usual reads the same weekdays before it, too.
    """
    found = []
    for kind, rule in RULES.items():
        limit = rule.limit
        if limit is None or asset not in (None, rule.asset):
            continue
        written = [one for one in log.on(day, limit.signal) if _is_read_by(limit, one)]
        # Of a day without rows the contract speaks: nothing is known of its traffic.
        today = written[-1] if written else None
        if today is not None and today.n and isfinite(today.value):
            looks_back = limit.of_usual or _is_unwritten(spec, limit)
            usual = _usual_of(limit, day, log) if looks_back else 1.0
            words = _exceeded(spec, limit, today, usual) if usual is not None else None
            if words is not None:
                severity = _severity(spec, rule, today)
                found.append(Finding(spec.name, day, kind, limit.what, severity, words, rule.asset))
    return found


def _is_read_by(limit: Limit, signal: Signal) -> bool:
    names = (signal.name, signal.subject, signal.version, signal.segment)
    return names == (limit.signal, limit.subject, "", "")


def _usual_of(limit: Limit, day: date, log: SignalLog) -> float | None:
    """The median of what there was on the same weekdays; None before two of them had any."""
    days = (day - timedelta(weeks=n) for n in range(_USUAL_WEEKS, 0, -1))
    earlier = [one for before in days for one in log.on(before, limit.signal)]
    counts = [one.value for one in earlier if _is_read_by(limit, one) and one.value > 0]
    return median(counts) if len(counts) >= _FEWEST_WEEKS else None


def _is_unwritten(spec: ModelSpec, limit: Limit) -> bool:
    """Whether a multiple of what is usual stands in for a limit that the owner did not write."""
    return isfinite(limit.unless_written) and number_of(spec, limit.above) is None


def _exceeded(spec: ModelSpec, limit: Limit, signal: Signal, usual: float) -> str | None:
    usually = ""
    bounds = [
        (number_of(spec, limit.above), operator.gt),
        (number_of(spec, limit.below), operator.lt),
    ]
    if _is_unwritten(spec, limit):
        bounds = [(max(limit.unless_written * usual, limit.at_least), operator.gt)]
        usually = f", on this weekday usually {usual:.1f}"
    scale = usual if limit.of_usual else 1.0
    for value, is_beyond in bounds:
        if value is not None and is_beyond(signal.value, value * scale):
            return limit.words.format(
                value=signal.value, limit=value, usual=usual, n=signal.n, reason=signal.reason,
                usually=usually,
            )  # fmt: skip
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
