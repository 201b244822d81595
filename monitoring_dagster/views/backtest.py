"""What would the rules, as they stand now, have said of the days that are stored, and sent?"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import isfinite
from typing import Any

from monitoring_dagster.decide import incidents
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import Incident
from monitoring_dagster.decide.judging.drift_severity import OF_ANSWERS, OF_FEATURES
from monitoring_dagster.decide.judging.judge import judge_day, looks_back, names_read
from monitoring_dagster.decide.judging.quality.quality_rules import pooled_windows
from monitoring_dagster.decide.rules import FAMILIES, judged_with
from monitoring_dagster.decide.signal import LoadedSignals, SignalLog
from monitoring_dagster.kinds import Family, FindingKind, Reason, Severity
from monitoring_dagster.measure.drift.drift import judged
from monitoring_dagster.measure.drift.drift_records import SCHEMA
from monitoring_dagster.measure.drift.drift_signals import OF_RULES, drift_signals, judged_again
from monitoring_dagster.store.days.champions import traffic_on
from monitoring_dagster.store.days.drifted import DRIFT, JUDGED_BY
from monitoring_dagster.store.days.profiles import PROFILE
from monitoring_dagster.store.days.signals import loaded
from monitoring_dagster.store.days.step_findings import POOLED_OVER, VERDICT
from monitoring_dagster.store.monitor import Monitor

_DAYS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What would have been sent about one rule on one day."""

    day: date
    kind: FindingKind
    severity: Severity
    reason: Reason
    words: str


@dataclass(frozen=True)
class Backtest:
    """How often each rule would have held, and what would have been sent."""

    days: Sequence[date]
    drifted: Mapping[tuple[str, str], Sequence[date]]  # whole rows, by baseline and column
    unjudged: Sequence[date] = ()  # too few rows, or nothing registered to compare with
    found: Mapping[FindingKind, Sequence[date]] = field(default_factory=dict)
    sent: Sequence[SentMessage] = ()
    not_judged: Mapping[FindingKind, str] = field(default_factory=dict)  # rules, and why

    @property
    def days_with_drift(self) -> int:
        return len({day for days in self.drifted.values() for day in days})

    @property
    def words(self) -> str:
        """How often, of the days that allow a verdict."""
        judged = len(self.days) - len(self.unjudged)
        said = f"{self.days_with_drift} of {judged} judged days with drift"
        if self.unjudged:
            said += (
                f"; no verdict on {len(self.unjudged)} of {len(self.days)} days (too few rows, or"
                " no reference)"
            )
        return f"{said}; {len(self.sent)} messages would have been sent"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {
            "days": len(self.days),
            "days_with_drift": self.days_with_drift,
            "days_without_verdict": [str(day) for day in self.unjudged],
            "drifted": [
                {"baseline": baseline, "column": column, "days": [str(day) for day in days]}
                for (baseline, column), days in self.drifted.items()
            ],
            "found": {str(kind): [str(day) for day in days] for kind, days in self.found.items()},
            "sent": [
                {"day": str(one.day), "rule": str(one.kind), "severity": str(one.severity),
                 "reason": str(one.reason), "words": one.words}
                for one in self.sent
            ],
            "not_judged": {str(kind): why for kind, why in self.not_judged.items()},
        }  # fmt: skip


def backtest(
    monitor: Monitor,
    *,
    first: date = date.min,
    last: date = date.max,
    advance: Callable[[int], object] = lambda days: None,
) -> Backtest:
    """Judge every stored day of the range anew, by the YAML as it stands: no raw row is read, and
    nothing is written. *advance* is told the number of days just done.

    Drift is judged from what was measured that day, or from profiles where it is to be measured
    against another baseline; all else rests on stored signals. What a step states, such as a
    breach of the contract, stands.
    """
    days = [day for day in monitor.results.days(monitor.name, PROFILE) if first <= day <= last]
    if not days:
        return Backtest(days, {})
    log = _log(monitor, days, advance)
    again = _Again(monitor, log)
    for day in days:
        again.judge(day)
    drifted, unjudged = _drift(log, days)
    not_judged = dict(_of_other_windows(monitor, days))
    return Backtest(days, drifted, unjudged, again.by_rule(), again.sent, not_judged)


def _of_other_windows(monitor: Monitor, days: Sequence[date]) -> Iterator[tuple[FindingKind, str]]:
    """Rules that look at other days together than the verdicts summed up: they find nothing."""
    for name, of_days in pooled_windows(monitor.spec).items():
        others = 0
        for day in days:
            notes = monitor.results.metadata(monitor.name, VERDICT, day) or {}
            others += json.loads(notes.get(POOLED_OVER, "{}")).get(name, of_days) != of_days
        if others:
            yield (
                FindingKind(name),
                f"rules.alerts.{name}.of_days is {of_days}, and {others} of the days were summed up"
                " over another number of days: run them again",
            )


def _log(monitor: Monitor, days: Sequence[date], advance: Callable[[int], object]) -> SignalLog:
    """All signals that a rule may read, with those of drift as its rules now have them."""
    start = days[0] - looks_back(monitor.spec)
    written = [start + timedelta(days=n) for n in range((days[-1] - start).days + 1)]
    by_day = loaded(monitor, written, names_read(monitor.spec))
    rules = json.loads(monitor.spec.rules.drift.model_dump_json())
    measured_anew = []
    for day in days:
        notes = monitor.results.metadata(monitor.name, DRIFT, day) or {}
        judged_by = json.loads(notes.get(JUDGED_BY, "{}"))
        if judged_by != rules:
            table = monitor.results.read(monitor.name, DRIFT, day)
            same = judged_by.get("baselines") == rules["baselines"]
            if not same or table is None or table.column_names != SCHEMA.names:
                measured_anew.append(day)  # stored against others, or with less than is needed
                continue
            kept = (one for one in by_day.get(day, ()) if one.name not in OF_RULES)
            by_day[day] = [*kept, *judged_again(monitor.spec, day, table)]
        advance(1)
    for place in range(0, len(measured_anew), _DAYS_AT_ONCE):
        some = measured_anew[place : place + _DAYS_AT_ONCE]
        for day, records in judged(monitor, some).items():
            kept = (one for one in by_day.get(day, ()) if not one.name.startswith(f"{DRIFT}."))
            by_day[day] = [*kept, *drift_signals(monitor.spec, day, records)]
        advance(len(some))
    return LoadedSignals(by_day)


def _drift(
    log: SignalLog, days: Sequence[date]
) -> tuple[dict[tuple[str, str], list[date]], list[date]]:
    """The days on which each column of all rows drifted, the most frequent first; and those without
    any verdict on drift."""
    drifted: dict[tuple[str, str], list[date]] = {}
    unjudged: list[date] = []
    for day in days:
        verdicts = [one for one in log.on(day, OF_ANSWERS, OF_FEATURES) if not one.segment]
        if not any(isfinite(one.value) for one in verdicts):
            unjudged.append(day)
        for place in dict.fromkeys(
            (one.baseline_name, one.subject) for one in verdicts if one.value > 0
        ):
            drifted.setdefault(place, []).append(day)
    return dict(sorted(drifted.items(), key=lambda item: (-len(item[1]), item[0]))), unjudged


class _Again:
    """Days judged anew, one after the other, and the incidents that come of it."""

    def __init__(self, monitor: Monitor, log: SignalLog) -> None:
        self.monitor = monitor
        self.log = log
        self.promotions = monitor.ledger.promotions(monitor.name)
        self.found: dict[date, list[Finding]] = {}
        self.incidents: dict[Family, Incident] = {}
        self.sent: list[SentMessage] = []

    def by_rule(self) -> dict[FindingKind, list[date]]:
        """The days on which each rule would have held, the most frequent first."""
        days: dict[FindingKind, list[date]] = {}
        for day, found in self.found.items():
            for kind in dict.fromkeys(one.kind for one in found):
                days.setdefault(kind, []).append(day)
        return dict(sorted(days.items(), key=lambda item: (-len(item[1]), item[0])))

    def judge(self, day: date) -> None:
        """One more day."""
        judged = judge_day(
            self.monitor.spec,
            day,
            self.log,
            traffic=traffic_on(self.monitor, day, promotions=self.promotions),
            open_incidents=[one for one in self.incidents.values() if one.closed_on is None],
        )
        self.found[day] = judged.findings
        self._move_incidents(day, judged_with(judged.evidence))

    def _move_incidents(self, day: date, kinds: set[FindingKind]) -> None:
        """What the day does to the incidents, and what would be said of it."""
        channels = self.monitor.spec.channels
        kinds = kinds | {one.kind for one in self.found[day]}
        for family, of_family in FAMILIES.items():
            found = [one for one in self.found[day] if one.kind in of_family]
            after, reason = incidents.advance(
                self.incidents.get(family),
                found,
                judged=kinds & of_family,
                day=day,
                remind_every_days=channels.remind_every_days,
                clear_after_days=channels.clear_after_days,
            )
            if after is not None:
                self.incidents[family] = after
            if after is not None and reason is not None:
                words = next((one.words for one in found if one.kind is after.kind), "")
                self.sent.append(SentMessage(day, after.kind, after.severity, reason, words))
