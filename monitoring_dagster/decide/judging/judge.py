"""Judge of a day: what is wrong with a model, from its signals alone."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import isfinite

from monitoring_dagster.decide.asked_findings import as_asked
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import Incident, is_told
from monitoring_dagster.decide.judging import (
    drift_rules,
    drift_severity,
    own_rules,
    statements,
    trends,
)
from monitoring_dagster.decide.judging.delivery.dominant_keys import (
    KEY_SHARE,
    dominant_key,
    with_key,
)
from monitoring_dagster.decide.judging.delivery.missing_hours import HOUR_ROWS, missing_hours
from monitoring_dagster.decide.judging.delivery.quarantine import with_quarantine
from monitoring_dagster.decide.judging.limit_rules import limit_findings
from monitoring_dagster.decide.judging.quality.quality_rules import quality_findings, quality_names
from monitoring_dagster.decide.judging.quality_charts import CHART_DAYS
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.rules import RULES, Evidence
from monitoring_dagster.decide.signal import Signal, SignalLog
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec.model import ModelSpec

ROWS = "volume.rows"  # without any there is nothing to judge but files
_LOOK_BACK_DAYS = 28  # four weeks: of the same weekday, and of a week that ended lately


@dataclass(frozen=True)
class Judged:
    """What a day says."""

    findings: list[Finding]  # the most urgent first
    evidence: set[Evidence]  # what there was to judge by: a rule without any is not cleared


def judge_day(
    spec: ModelSpec,
    day: date,
    log: SignalLog,
    *,
    traffic: Traffic,
    open_incidents: Collection[Incident],
) -> Judged:
    """Judge *day* by every rule of the catalogue and the owner's.

    Parameters
    ----------
    log
        The signals of the day and of the days before it.
    traffic
        Who served.
    open_incidents
        What the days before it left open.
    """
    today = log.on(day)
    week = statements.of_newest_week(log, day)
    own = own_rules.judged_by(spec, day, log)
    of_day = [one for one in today if one.name != statements.OF_WEEK]
    quality = quality_findings(spec, day, today, log, traffic)
    found = [
        *statements.stated_findings(spec, day, [*of_day, *week], traffic),
        *missing_hours(spec, day, log),
        *dominant_key(spec, day, log),
        *with_key(limit_findings(spec, day, log), day, log),
        *drift_rules.drift_findings(spec, day, today, log, traffic, quality),
        *quality,
        *own_rules.own_findings(spec, day, own),
    ]
    still_open = {kind for one in open_incidents for kind in one.active}
    asked = with_quarantine(as_asked(found, spec.rules.alerts))
    found = inhibited(asked, still_open=still_open)
    found = trends.with_trends(found, log)
    found.sort(key=lambda one: (one.severity, one.kind is not FindingKind.PREDICTION_DRIFT))
    evidence = _evidence(spec, today, week)
    if own and own_rules.can_clear(spec, own, open_incidents):
        evidence.add(Evidence.OWN)
    return Judged(found, evidence)


def inhibited(findings: Sequence[Finding], *, still_open: Collection[FindingKind]) -> list[Finding]:
    """*findings*, for the record only where others of the same day explain them, which they name.

    A feed that is broken is the problem; that columns drift with it is no second one. Labels are
    about days before: theirs is explained by what is *still_open*, too.
    """
    told = {one.kind for one in findings if is_told(one.severity)}
    result = []
    for one in findings:
        rule = RULES[one.kind]
        explaining = {*told, *(still_open if rule.evidence is Evidence.LABELS else ())}
        causes = [kind for kind in rule.inhibited_by if kind in explaining]
        if causes and is_told(one.severity):
            names = ", ".join(RULES[kind].title for kind in causes)
            when = "of the same day" if told.issuperset(causes) else "of the days before"
            words = f"{one.words} (recorded only: {names} {when} comes first)"
            one = replace(one, severity=Severity.P3, at_most=Severity.P3, words=words)
        result.append(one)
    return result


def looks_back(spec: ModelSpec) -> timedelta:
    """How far before a day its rules look: at weekdays, weeks, evaluated days, own windows."""
    own = (own_rules.look_back(rule) for rule in spec.rules.own.values())
    labels = spec.labels.mature_after_days if spec.labels is not None else 0
    of_drift = drift_rules.longest_window(spec)
    return max([timedelta(days=max(_LOOK_BACK_DAYS + labels, CHART_DAYS, of_drift)), *own])


def names_read(spec: ModelSpec) -> set[str]:
    """The signals that its rules read."""
    limits = (rule.limit.signal for rule in RULES.values() if rule.limit is not None)
    own = (rule.signal for rule in spec.rules.own.values())
    of_drift = drift_severity.READ
    names = {
        ROWS,
        HOUR_ROWS,
        KEY_SHARE,
        *statements.STATED,
        *limits,
        *own,
        *of_drift,
        *quality_names(spec),
    }
    return names | {trends.PSI}


def _evidence(spec: ModelSpec, today: Sequence[Signal], week: Sequence[Signal]) -> set[Evidence]:
    """What the signals say anything about; files can always be judged.

    Of a day without rows, with too few of them, or with nothing registered to compare with, the
    rules on its columns are neither found nor cleared.
    """
    found = {Evidence.FILES, *(part for one in today for part in _parts(spec, one))}
    if spec.labels is not None:
        found.add(Evidence.LABELS)
    if not spec.multivariate_drift or any(isfinite(one.value) for one in week):
        found.add(Evidence.WEEK)
    return found


def _parts(spec: ModelSpec, signal: Signal) -> Iterator[Evidence]:
    area, _, quantity = signal.name.partition(".")
    if signal.name == ROWS and signal.value > 0:
        yield Evidence.SERVICE
    if area == "quality":
        yield Evidence.QUALITY
    if signal.segment or not isfinite(signal.value):
        return
    if signal.name == drift_severity.OF_ANSWERS:
        yield Evidence.PREDICTIONS
    if signal.name == drift_severity.OF_FEATURES:
        yield Evidence.FEATURES
    if area == "estimate" and quantity in spec.tolerances and isfinite(signal.baseline):
        yield Evidence.ESTIMATE
