"""Rules of the owner's own, judged day by day on what the steps stored."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judgement import Judgement, RuleState, judge_own
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure.drift import multivariate
from monitoring_dagster.sources.rows.outside_series import values_by_day
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.spec.rules.own_rule import OwnRule, step_of
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.monitor import Monitor

_GAP_DAYS = 7


def outside_signals(monitor: Monitor, day: date) -> Iterator[Signal]:
    """The numbers from elsewhere that *day* has."""
    for name, series in monitor.spec.signals.items():
        try:
            value = values_by_day(series, root=monitor.root).get(day)
        except MonitoringError:
            continue  # a file that cannot be read says nothing; `proxies` names it
        if value is not None:
            yield Signal.on(day, f"outside.{name}", value, n=1)


def judged(
    monitor: Monitor, day: date, of_verdict: Sequence[Signal]
) -> Mapping[str, list[Judgement]]:
    """The judgements by each own rule that has something to judge; *of_verdict* are the signals
    that the verdict of *day* is about to store."""
    stored = []
    for rule in monitor.spec.rules.own.values():
        # What the verdict of the day said before, it is about to say anew.
        last = day - timedelta(days=step_of(rule.signal) == VERDICT)
        stored += signals(monitor, rule.signal, first=day - look_back(rule), last=last)
    return judged_by(monitor.spec, day, [*stored, *of_verdict])


def judged_by(spec: ModelSpec, day: date, stored: Sequence[Signal]) -> dict[str, list[Judgement]]:
    """The same from signals alone, in the order of writing."""
    found = {}
    for name, rule in spec.rules.own.items():
        some = [one for one in stored if one.name == rule.signal]
        judgements = [
            one for one in judge_own(rule, some, day=day) if one.state is not RuleState.INSUFFICIENT
        ]
        if judgements:
            found[name] = judgements
    return found


def can_clear(monitor: Monitor, judgements: Mapping[str, Sequence[Judgement]]) -> bool:
    """Whether a day with these judgements may end an incident: every rule that it is about has one,
    or is not there any more."""
    silent = monitor.spec.rules.own.keys() - judgements.keys()
    fired = {
        fingerprint.split("/", 2)[2].partition(" (")[0]
        for incident in monitor.ledger.open_incidents(monitor.name)
        if incident.kind is FindingKind.OWN_RULE
        for fingerprint in incident.firing
    }
    return not fired & silent


def look_back(rule: OwnRule) -> timedelta:
    """Far enough for as many windows as the rule looks at, days without a value between them."""
    if step_of(rule.signal) == multivariate.STEP:
        return timedelta(weeks=rule.of_days)
    return timedelta(days=rule.of_days + _GAP_DAYS)


def findings_of(
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
        step=VERDICT,
        about=one.newest.day if one.newest.day != day else None,
    )
