"""Quarantine: days that were delivered broken, which nothing learns from or is compared with."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.delivery.dominant_keys import dominant_key
from monitoring_dagster.decide.judging.delivery.missing_hours import missing_hours
from monitoring_dagster.decide.judging.limit_rules import limit_findings
from monitoring_dagster.decide.judging.statements import stated_findings
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.rules import QUARANTINE, RULES
from monitoring_dagster.decide.signal import SignalLog
from monitoring_dagster.kinds import Severity
from monitoring_dagster.spec.model import ModelSpec

_CONTRACT = "contract"  # the step that sees a day before all others
_STATED = tuple(name for kind in QUARANTINE for name in RULES[kind].stated_as)


def delivery_findings(
    spec: ModelSpec, day: date, log: SignalLog, traffic: Traffic
) -> list[Finding]:
    """What may quarantine *day*, from the signals of its contract alone: what later days, incidents
    and people make of it changes nothing, and a delivery that is made good everything."""
    stated = stated_findings(spec, day, log.on(day, *_STATED), traffic)
    return [*stated, *_against_weeks(spec, day, log)]


def odd_deliveries(spec: ModelSpec, day: date, log: SignalLog) -> list[Finding]:
    """What the same weekdays before say of *day*'s delivery: a step of the day alone cannot."""
    return [*_against_weeks(spec, day, log), *dominant_key(spec, day, log)]


def _against_weeks(spec: ModelSpec, day: date, log: SignalLog) -> list[Finding]:
    return [*missing_hours(spec, day, log), *limit_findings(spec, day, log, asset=_CONTRACT)]


def quarantines(finding: Finding) -> bool:
    """Whether its day is quarantined for it."""
    return finding.kind in QUARANTINE and finding.severity <= Severity.P1


def with_quarantine(findings: Iterable[Finding]) -> list[Finding]:
    """*findings*, of which those that quarantine their day say so."""
    return [
        replace(one, words=f"{one.words} (day quarantined)") if quarantines(one) else one
        for one in findings
    ]
