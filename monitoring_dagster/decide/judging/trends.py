"""Trend of a finding: the number that it is about, on the judged days before."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from math import isfinite

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import is_told
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.decide.signal import Signal, SignalLog
from monitoring_dagster.kinds import FindingKind

SHOWN_DAYS = 14
_LOOK_BACK = timedelta(days=28)  # wherein so many judged days are looked for
_AREAS = {
    FindingKind.PERFORMANCE_DROP: "quality",
    FindingKind.SEGMENT_DROP: "quality",
    FindingKind.EXPECTED_DROP: "estimate",
}  # whose subject is a metric
PSI = "drift.psi"  # of a column
_OF_COLUMNS = (FindingKind.PREDICTION_DRIFT, FindingKind.FEATURE_DRIFT)


def with_trends(found: Sequence[Finding], log: SignalLog) -> list[Finding]:
    """The findings that people are told of, each with the last values of its number."""
    return [
        replace(one, trend=trend_of(one, log)) if is_told(one.severity) else one for one in found
    ]


def trend_of(finding: Finding, log: SignalLog) -> tuple[float, ...]:
    """The last values of the number that *finding* is about, at most `SHOWN_DAYS`, oldest first;
    empty where it is about none, or about one value alone."""
    name, subject, segment, value = _series(finding)
    if not name:
        return ()
    by_day: dict[object, Signal] = {}
    for one in log.between(finding.day - _LOOK_BACK, finding.day, name):
        is_it = (one.subject, one.segment, one.segment_value) == (subject, segment, value)
        if is_it and isfinite(one.value):
            by_day[one.day] = one  # of what labels changed the newest counts
    values = [round(by_day[day].value, 6) for day in sorted(by_day, key=str)]
    return tuple(values[-SHOWN_DAYS:]) if len(values) > 1 else ()


def _series(finding: Finding) -> tuple[str, str, str, str]:
    """Name, subject, segment and its value of the signal; an empty name where there is none."""
    about = finding.subject.partition(" (")[0]  # without the version
    limit = RULES[finding.kind].limit
    if limit is not None:
        return limit.signal, limit.subject, "", ""
    if finding.kind in _OF_COLUMNS:
        return PSI, about, "", ""
    if finding.kind not in _AREAS:
        return "", "", "", ""
    metric, _, where = about.partition(" where ")
    segment, _, value = where.partition(" is ")
    return f"{_AREAS[finding.kind]}.{metric}", "", segment, value
