"""Statements of steps: what one saw itself, and says in a signal of its own."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.decide.signal import Signal, SignalLog
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec.model import ModelSpec

_WEEK_DAYS = 7
_STALE_DAYS = 2 * _WEEK_DAYS  # after its end a week says nothing any more
STATED = {name: kind for kind, rule in RULES.items() for name in rule.stated_as}
(OF_WEEK,) = RULES[FindingKind.MULTIVARIATE_DRIFT].stated_as


def stated_findings(
    spec: ModelSpec, day: date, signals: Iterable[Signal], traffic: Traffic | None = None
) -> Iterator[Finding]:
    """The rules of the catalogue that *signals* state to hold.

    A statement about one version's answers is as urgent as its part of the *traffic* allows.
    """
    for one in signals:
        kind = STATED.get(one.name)
        if kind is None or not one.value > 0:
            continue
        at_most, part = Severity.P0, ""
        if one.version and traffic is not None:
            at_most, part = traffic.at_most(one.version), traffic.words(one.version)
        yield Finding(
            model=spec.name,
            day=day,
            kind=kind,
            subject=one.subject,
            severity=max(stated_severity(one), at_most),
            words=f"{one.reason}{part}",
            step=RULES[kind].asset,
            about=one.day if one.day != day else None,
            at_most=at_most,
        )


def stated_severity(statement: Signal) -> Severity:
    """As urgent as its step takes it to be, else as its rule is."""
    return Severity(statement.severity or RULES[STATED[statement.name]].severity)


def of_newest_week(log: SignalLog, day: date) -> list[Signal]:
    """What the newest week that had ended by *day* states; nothing once it is stale."""
    ends = (n + _WEEK_DAYS - 1 for n in range(_STALE_DAYS))
    weeks = (log.on(day - timedelta(days=n), OF_WEEK) for n in ends)
    return list(next((week for week in weeks if week), ()))
