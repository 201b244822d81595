"""The on-call steps of one model, each answered from what is stored."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from monitoring_dagster.act.promotion import predecessor
from monitoring_dagster.decide.diagnosis.causes import Remedy
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import Part, is_told
from monitoring_dagster.decide.judging.quality.breached_days import breaches_of
from monitoring_dagster.decide.judging.quality_charts import VARIATION
from monitoring_dagster.decide.rules import RULES, Evidence, OnCallStep
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.judge.judged import drift_verdicts, latest_judged, newest_quality
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure.breaches import shown
from monitoring_dagster.measure.delivery_signals import AGE
from monitoring_dagster.measure.quality.arrived_labels import are_due
from monitoring_dagster.sources.rows.rows import days_available
from monitoring_dagster.spec.sources import Labels, Predictions
from monitoring_dagster.stats.drift.drift_verdict import Broken, Verdict
from monitoring_dagster.store.days.diagnoses import diagnosis_of
from monitoring_dagster.store.days.drifted import DRIFT
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.days.usable_rows import CONTRACT, is_usable
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.views.status import champion_of

_RECENT_DAYS = 7
_SHOWN = 3


class StepState(StrEnum):
    """What a step's records say."""

    OK = "OK"
    FAIL = "FAIL"  # an incident is open, or something does not work
    UNKNOWN = "UNKNOWN"  # the newest day allows no verdict


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """What one rule adds to an open incident, beside the step that it belongs to."""

    severity: Severity
    kind: FindingKind
    since: date
    last_seen: date
    words: str  # its most urgent findings on the day it was last seen

    @property
    def line(self) -> str:
        """One line for people."""
        said = "open since" if is_told(self.severity) else "recorded on"
        return f"{self.severity} {self.kind} {said} {self.since}: {self.words}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One step of the runbook and what the records say about it."""

    title: str
    state: StepState
    evidence: str
    judged_on: date | None = None  # the newest day with a verdict; None: none, or no such thing
    incidents: tuple[OpenIncident, ...] = ()


@dataclass(frozen=True, slots=True)
class _Fact:
    """What a step's own records say, incidents aside."""

    state: StepState
    words: str
    judged_on: date | None = None


def walk(monitor: Monitor, *, today: date) -> list[Answer]:
    """The eight steps of `runbooks/on_call.md` for the last judged day.

    A step is FAIL where an incident of P0 to P2 that belongs to it is open; P3 is shown and waits.
    It is UNKNOWN where the newest day says nothing about it: then it shows the newest day that did.
    """
    judged = monitor.results.days(monitor.name, VERDICT)
    if not judged:
        return [Answer("Is the model monitored at all?", StepState.FAIL, "no day was judged yet")]
    day = judged[-1]
    facts: Mapping[OnCallStep, Callable[[], _Fact]] = {
        OnCallStep.SERVICE: lambda: _service(monitor, day),
        OnCallStep.PREDICTIONS: lambda: _compared(monitor, day, Evidence.PREDICTIONS),
        OnCallStep.INPUTS: lambda: _inputs(monitor, day),
        OnCallStep.UPSTREAM: lambda: _upstream(monitor, day, today),
        OnCallStep.VERSION: lambda: _version(monitor, day),
        OnCallStep.FRESHNESS: lambda: _freshness(monitor, day),
        OnCallStep.DEGRADATION: lambda: _degradation(monitor, day),
        OnCallStep.FALLBACK: lambda: _fallback(monitor),
    }
    open_now = [*_open_incidents(monitor), *_recorded(monitor, day)]
    return [_answer(step, fact, open_now) for step, fact in facts.items()]


def _answer(
    step: OnCallStep, fact: Callable[[], _Fact], open_now: Sequence[OpenIncident]
) -> Answer:
    """The step's state: its incidents first, then its own records."""
    own = tuple(one for one in open_now if RULES[one.kind].on_call is step)
    try:
        found = fact()
    except MonitoringError as error:  # a locked table costs its own step alone
        found = _Fact(StepState.UNKNOWN, str(error))
    is_failing = any(is_told(one.severity) for one in own)
    lines = [one.line for one in own]
    evidence = "; ".join([*lines, found.words])
    state = StepState.FAIL if is_failing else found.state
    return Answer(str(step), state, evidence, found.judged_on, own)


def _open_incidents(monitor: Monitor) -> list[OpenIncident]:
    """The open incidents with what was found last, the most urgent first."""
    found = [
        OpenIncident(part.severity, kind, part.since, part.last_seen, _words(monitor, kind, part))
        for one in monitor.ledger.open_incidents(monitor.name)
        for kind, part in one.active.items()
    ]
    return sorted(found, key=lambda one: (one.severity, one.since, one.kind))


def _recorded(monitor: Monitor, day: date) -> Iterator[OpenIncident]:
    """What was found on *day* and is for the record only."""
    for kind in sorted({one.kind for one in monitor.ledger.findings(monitor.name, day, day)}):
        found = monitor.ledger.findings(monitor.name, day, day, kind)
        if not is_told(found[0].severity):
            yield OpenIncident(found[0].severity, kind, day, day, _said(found))


def _words(monitor: Monitor, kind: FindingKind, part: Part) -> str:
    day = part.last_seen
    findings: list[Finding] = monitor.ledger.findings(monitor.name, day, day, kind)
    return f"{day}: {_said(findings)}"


def _said(findings: Sequence[Finding]) -> str:
    more = len(findings) - _SHOWN
    said = "; ".join(one.words for one in findings[:_SHOWN]) or "its findings were replaced"
    return f"{said}; and {more} more" if more > 0 else said


def _no_verdict(monitor: Monitor, day: date, part: Evidence, latest: str = "") -> _Fact:
    """Nothing is known of the newest day: why, and when there was a verdict last."""
    before = latest_judged(monitor, day)[part]
    why = _why_no_verdict(monitor, day)
    said = f"no verdict on {day} ({why}); last {before.words}" if before.day else (
        f"no verdict on {day} ({why}); {before.words}"
    )  # fmt: skip
    return _Fact(StepState.UNKNOWN, f"{said}{latest}", before.day)


def _why_no_verdict(monitor: Monitor, day: date) -> str:
    if not service_of(monitor, day).get("rows"):
        return "no rows"
    table = monitor.results.read(monitor.name, DRIFT, day)
    if table is not None and table.num_rows:
        return str(table["reason"][0])
    return "no reference is registered for the version that served"


def _service(monitor: Monitor, day: date) -> _Fact:
    service = service_of(monitor, day)
    if service.get("rows"):
        words = f"{day}: {service['requests']:,} requests, {service['error_rate']:.2%} failed"
        return _Fact(StepState.OK, words, day)
    before = latest_judged(monitor, day)[Evidence.SERVICE].day
    if before is None:
        return _no_verdict(monitor, day, Evidence.SERVICE)
    then = service_of(monitor, before)
    numbers = f": {then['requests']:,} requests, {then['error_rate']:.2%} failed"
    return _no_verdict(monitor, day, Evidence.SERVICE, numbers)


def _compared(monitor: Monitor, day: date, part: Evidence) -> _Fact:
    """Columns against the reference; of features, those that lost their values are named."""
    rows = drift_verdicts(monitor, day, part)
    if not rows:
        return _no_verdict(monitor, day, part)
    drifted = [row["column"] for row in rows if row["verdict"] == Verdict.DRIFT]
    words = f"{day}: {len(rows)} {part} compared with the reference, {len(drifted)} drifted"
    muted = list(dict.fromkeys(row["column"] for row in rows if row["verdict"] == Verdict.MUTED))
    if muted:
        more = f" and {len(muted) - _SHOWN} more" if len(muted) > _SHOWN else ""
        names = ", ".join(map(shown, muted[:_SHOWN]))
        words += f"; muted, as ordinary days differ too much: {names}{more}"
    if part is Evidence.FEATURES:
        words += f"; newly missing values: {_broken(rows, Broken.MISSING) or 'none'}"
        constant = _broken(rows, Broken.CONSTANT)
        words += f"; one value in all rows: {constant}" if constant else ""
    is_muted = all(row["verdict"] == Verdict.MUTED for row in rows)
    return _Fact(StepState.UNKNOWN if is_muted else StepState.OK, words, day)


def _freshness(monitor: Monitor, day: date) -> _Fact:
    """How old the features were, and how they compare."""
    compared = _compared(monitor, day, Evidence.FEATURES)
    ages = {one.subject: one.value for one in signals(monitor, AGE, first=day, last=day)}
    if not ages:
        return compared
    limit = monitor.spec.rules.service.max_feature_age_hours
    bound = f"limit {limit:g} hours" if limit is not None else "no limit is written"
    words = (
        f"{day}: features {ages['median']:.1f} hours old in the median ({bound}), 99 % up to"
        f" {ages['p99']:.1f}, the oldest {ages['oldest']:.1f}"
    )
    return replace(compared, words=f"{words}; {compared.words}")


def _broken(rows: Sequence[Mapping[str, Any]], how: Broken) -> str:
    """The first columns that are broken so."""
    names = [row["column"] for row in rows if how in (row["broken"] or ())]
    return ", ".join(map(shown, names[:_SHOWN]))


def _inputs(monitor: Monitor, day: date) -> _Fact:
    if not service_of(monitor, day).get("rows"):
        return _no_verdict(monitor, day, Evidence.SERVICE)
    if monitor.results.metadata(monitor.name, CONTRACT, day) is None:
        return _Fact(StepState.UNKNOWN, f"no verdict on {day}: the contract was not inspected")
    state = StepState.OK if is_usable(monitor, day) else StepState.UNKNOWN
    breaches_ = monitor.ledger.findings(monitor.name, day, day, FindingKind.SCHEMA_BREACH)
    count = f"{len(breaches_)} breaches" if breaches_ else "no breach"
    return _Fact(state, f"{day}: {count} of the contract", day)


def _upstream(monitor: Monitor, day: date, today: date) -> _Fact:
    """Fresh data flows when yesterday's files are there, and when what is there is judged."""
    said, late, unknown = [], False, False
    sources: dict[str, Predictions | Labels | None] = {
        "predictions": monitor.spec.predictions, "labels": monitor.spec.labels
    }  # fmt: skip
    for name, source in sources.items():
        if source is None:
            continue
        if name == "labels" and not are_due(monitor, _yesterday(today)):
            unknown = True
            said.append("labels: none is due yet")
            continue
        days = days_available(source, root=monitor.root)
        newest = max(days, default=None)
        late |= newest is None or (today - newest).days > 1
        said.append(f"{name} until {newest} ({_ago(newest, today)})" if newest else f"{name}: none")
        if name == "predictions" and newest is not None and min(newest, _yesterday(today)) > day:
            late = True
            said.append(f"judged until {day}: the daily runs in Dagster are behind")
    state = StepState.FAIL if late else StepState.UNKNOWN if unknown else StepState.OK
    return _Fact(state, ", ".join(said), day)


def _yesterday(today: date) -> date:
    return today - timedelta(days=1)


def _ago(day: date, today: date) -> str:
    days = (today - day).days
    return {0: "today", 1: "yesterday"}.get(days, f"{days} days old")


def _version(monitor: Monitor, day: date) -> _Fact:
    """Who serves; what changed lately is information, and no fault."""
    since = day - timedelta(days=_RECENT_DAYS)
    moves = [
        f"version {one.version} since {one.at:%Y-%m-%d} (by {one.by}, before it"
        f" {f'version {one.previous}' if one.previous else 'none'})"
        for one in monitor.ledger.promotions(monitor.name)
        if one.at.date() >= since
    ]
    start, end = (datetime.combine(one, time(), UTC) for one in (since, day + timedelta(days=1)))
    moves += [one.line for one in monitor.ledger.changes(monitor.name, start, end)]
    changes = "; ".join(moves) or f"no change of version in {_RECENT_DAYS} days"
    champion = champion_of(monitor)
    served = service_of(monitor, day).get("versions", {})
    named = ", ".join(shown(one) for one in sorted(served)[:_SHOWN] if one)
    if not named:
        fact = _no_verdict(monitor, day, Evidence.SERVICE)
        return _Fact(
            StepState.UNKNOWN, f"{fact.words}; {champion.words}; {changes}", fact.judged_on
        )
    state = StepState.OK if champion.version else StepState.UNKNOWN
    words = f"{day}: rows of version {named}; {champion.words}; {changes}"
    return _Fact(state, words, day)


def _degradation(monitor: Monitor, day: date) -> _Fact:
    """Quality by labels: the newest day with enough of them, and the way back."""
    if monitor.spec.labels is None:
        return _Fact(StepState.UNKNOWN, "no verdict: the model has no `labels`")
    newest = newest_quality(monitor, day)
    if not newest:
        least = monitor.spec.labels.min_coverage
        words = f"no verdict: no day yet has labels enough ({least:.0%}) and a baseline"
        return _Fact(StepState.UNKNOWN, words)
    served, labels = newest[0].day, sum({one.version: one.n for one in newest}.values())
    names = [f"{VARIATION}.{metric}" for metric in monitor.spec.tolerances]
    variation = signals(monitor, *names, first=day, last=day)
    by_version = breaches_of(monitor.spec, newest, variation)[served]
    worse = [words for of in by_version.values() for words in of.values()]
    words = f"{served}: " + (
        "; ".join(worse) or f"within tolerance of the baseline ({labels:,} labels)"
    )
    dropped = any(
        FindingKind.PERFORMANCE_DROP in one.active
        for one in monitor.ledger.open_incidents(monitor.name)
    )
    if dropped:
        words += f"; {_way_out(monitor, day)}"
    elif worse:
        words += "; one day alone opens no incident"
    return _Fact(StepState.OK, words, served)


def _way_out(monitor: Monitor, day: date) -> str:
    """What the likely cause of the drop asks for; the version before, where none is named."""
    diagnosis = diagnosis_of(monitor, day)
    cause = diagnosis.of({FindingKind.PERFORMANCE_DROP}) if diagnosis else None
    if cause is None:
        return _way_back(monitor)
    words = f"likely {cause.words}"
    return f"{words}; {_way_back(monitor)}" if cause.action is Remedy.ROLL_BACK else words


def _way_back(monitor: Monitor) -> str:
    previous = predecessor(monitor)
    if previous is None:
        return "no earlier version to go back to: retrain"
    command = f"monitoring-dagster model rollback {monitor.name} --reason …"
    return f"{command} brings back version {previous}"


def _fallback(monitor: Monitor) -> _Fact:
    now = monitor.ledger.fallback(monitor.name)
    if now is None or not now.on:
        command = f"monitoring-dagster model fallback {monitor.name} on"
        return _Fact(StepState.OK, f"off; for a broken pipeline: {command}")
    return _Fact(StepState.FAIL, f"on since {now.at:%Y-%m-%d %H:%M} by {now.by}")
