"""What would the rules, as they stand now, have said of the days that are stored, and sent?"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

import pyarrow.compute as pc

from monitoring_dagster.decide import incidents
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import Incident, Reason
from monitoring_dagster.decide.judgement import USUAL_WEEKS, limit_findings
from monitoring_dagster.decide.quality_rules import OF_LABELS
from monitoring_dagster.decide.rules import RULES, Evidence, judged_with
from monitoring_dagster.decide.rules_in_force import as_asked
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.decide.traffic import Traffic
from monitoring_dagster.judge import drift_findings, own_rules, quality_verdict
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.measure.drift.drift import judged
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.spec.rules.own_rule import step_of
from monitoring_dagster.stats.drift.drift_verdict import Verdict
from monitoring_dagster.store.days.champions import traffic_on
from monitoring_dagster.store.days.drifted import DRIFT, JUDGED_BY, Record, drifted_records
from monitoring_dagster.store.days.profiles import PROFILE
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.days.step_findings import VERDICT, stored_findings
from monitoring_dagster.store.monitor import Monitor

_DAYS_AT_ONCE = 64
_LIMITED = frozenset(kind for kind, rule in RULES.items() if rule.limit is not None)
JUDGED_ANEW = frozenset(
    {
        *_LIMITED,
        *OF_LABELS,
        FindingKind.EXPECTED_DROP,
        FindingKind.PREDICTION_DRIFT,
        FindingKind.FEATURE_DRIFT,
        FindingKind.OWN_RULE,
    }
)  # what the others say rests on files, rows or the registry, and stands as it was found


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

    Drift is as it was stored where its rules are what they were, else judged from profiles; all
    other numbers from stored signals. What rests on files, rows or the registry stands as found.
    """
    days = [day for day in monitor.results.days(monitor.name, PROFILE) if first <= day <= last]
    if not days:
        return Backtest(days, {})
    stored = _Stored.of(monitor, days)
    again = _Again(monitor)
    drifted: dict[tuple[str, str], list[date]] = {}
    unjudged: list[date] = []
    for start in range(0, len(days), _DAYS_AT_ONCE):
        some = days[start : start + _DAYS_AT_ONCE]
        for day, drift in _drift(monitor, some).items():
            if not drift.has_verdict:
                unjudged.append(day)
            for record in drift.records:
                if not record["segment"]:
                    key = record["baseline"], record["column"]
                    drifted.setdefault(key, []).append(day)
            again.judge(day, drift, stored)
        advance(len(some))
    ordered = sorted(drifted.items(), key=lambda item: (-len(item[1]), item[0]))
    return Backtest(days, dict(ordered), unjudged, again.by_rule(), again.sent)


class _Drift(NamedTuple):
    """What there is to say about drift on one day."""

    records: Sequence[Record]  # that are drift
    roles: Collection[str]  # of the columns of all rows with a verdict
    has_verdict: bool


def _drift(monitor: Monitor, days: Sequence[date]) -> dict[date, _Drift]:
    """The verdicts of *days*: as stored where the rules of drift are what they were, else judged
    anew from profiles."""
    found: dict[date, _Drift | None] = {day: _as_stored(monitor, day) for day in days}
    anew = judged(monitor, [day for day, one in found.items() if one is None])
    for day, records in anew.items():
        with_verdict = [one for one in records if one["verdict"] != Verdict.INSUFFICIENT]
        found[day] = _Drift(
            [one for one in records if one["verdict"] == Verdict.DRIFT],
            {one["role"] for one in with_verdict if not one["segment"]},
            bool(with_verdict),
        )
    return {day: one for day, one in found.items() if one is not None}


def _as_stored(monitor: Monitor, day: date) -> _Drift | None:
    notes = monitor.results.metadata(monitor.name, DRIFT, day) or {}
    if notes.get(JUDGED_BY) != monitor.spec.rules.drift.model_dump_json():
        return None
    table = monitor.results.read(monitor.name, DRIFT, day)
    assert table is not None, "its notes were read"
    has_verdict = pc.not_equal(table["verdict"], str(Verdict.INSUFFICIENT))
    whole = pc.and_(has_verdict, pc.equal(table["segment"], ""))
    roles = pc.unique(table["role"].filter(whole)).to_pylist()
    return _Drift(drifted_records(table), roles, bool(pc.any(has_verdict).as_py()))


@dataclass(frozen=True)
class _Stored:
    """The stored signals of a range of days, by the day for which they were written."""

    by_day: Mapping[date, Sequence[Signal]]

    @classmethod
    def of(cls, monitor: Monitor, days: Sequence[date]) -> "_Stored":
        spec = monitor.spec
        metrics = [*spec.tolerances, *(name for of in spec.rules.segments.values()
                                       for some in of.values() for name in some)]  # fmt: skip
        names = dict.fromkeys(
            [
                *(rule.limit.signal for rule in RULES.values() if rule.limit is not None),
                *(f"{area}.{name}" for name in metrics
                  for area in ("estimate", "quality", "pooled", "estimate_accuracy")),
                *(f"{area}.calibration_gap" for area in ("quality", "pooled")),
                *(rule.signal for rule in spec.rules.own.values()),
            ]
        )  # fmt: skip
        own = (own_rules.look_back(rule) for rule in spec.rules.own.values())
        first = days[0] - max([timedelta(weeks=USUAL_WEEKS), *own])
        found: dict[date, list[Signal]] = {}
        for one in signals(monitor, *names, first=first, last=days[-1]):
            found.setdefault(one.known_on or one.day, []).append(one)
        return cls(found)

    def on(self, day: date) -> Sequence[Signal]:
        return self.by_day.get(day, ())

    def between(self, first: date, last: date) -> Iterator[Signal]:
        """Of all days from *first* to *last*, in their order."""
        for n in range((last - first).days + 1):
            yield from self.on(first + timedelta(days=n))


class _Again:
    """Days judged anew, one after the other, and the incidents that come of it."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self.promotions = monitor.ledger.promotions(monitor.name)
        self.found: dict[date, list[Finding]] = {}
        self.incidents: dict[FindingKind, Incident] = {}
        self.sent: list[SentMessage] = []

    def by_rule(self) -> dict[FindingKind, list[date]]:
        """The days on which each rule would have held, the most frequent first."""
        days: dict[FindingKind, list[date]] = {}
        for day, found in self.found.items():
            for kind in dict.fromkeys(one.kind for one in found):
                days.setdefault(kind, []).append(day)
        return dict(sorted(days.items(), key=lambda item: (-len(item[1]), item[0])))

    def judge(self, day: date, drift: _Drift, stored: _Stored) -> None:
        """One more day."""
        spec, monitor = self.monitor.spec, self.monitor
        traffic = traffic_on(monitor, day, promotions=self.promotions)
        own = own_rules.judged_by(spec, day, list(_of_own_rules(spec, day, stored)))
        judged_anew = [
            *limit_findings(spec, day, list(_of_weekday(day, stored))),
            *drift_findings.of_records(spec, day, drift.records, traffic),
            *_quality(spec, day, traffic, stored),
            *own_rules.findings_of(spec, day, own),
        ]
        as_found = [
            one for one in stored_findings(monitor, VERDICT, day) if one.kind not in JUDGED_ANEW
        ]
        found = as_asked([*as_found, *judged_anew], spec.rules.alerts)
        self.found[day] = drift_findings.within_budget(
            spec, day, found, lambda one: self.found.get(one, [])
        )
        self._move_incidents(day, judged_with(_evidence(spec, day, drift, stored, bool(own))))

    def _move_incidents(self, day: date, kinds: set[FindingKind]) -> None:
        """What the day does to the incidents, and what would be said of it."""
        channels = self.monitor.spec.channels
        for kind in sorted(kinds | {one.kind for one in self.found[day]}):
            of_kind = [one for one in self.found[day] if one.kind is kind]
            after, reason = incidents.advance(
                self.incidents.get(kind),
                of_kind,
                day=day,
                remind_every_days=channels.remind_every_days,
                clear_after_days=channels.clear_after_days,
            )
            if after is not None:
                self.incidents[kind] = after
            if after is not None and reason is not None:
                words = min(of_kind, key=lambda one: one.severity).words if of_kind else ""
                self.sent.append(SentMessage(day, kind, after.severity, reason, words))


def _of_weekday(day: date, stored: _Stored) -> Iterator[Signal]:
    """What the limits read: the same weekdays, the day itself last."""
    for weeks in range(USUAL_WEEKS, -1, -1):
        yield from (one for one in stored.on(day - timedelta(weeks=weeks)) if one.known_on is None)


def _quality(spec: ModelSpec, day: date, traffic: Traffic, stored: _Stored) -> list[Finding]:
    of_verdict = [one for one in stored.on(day) if step_of(one.name) == VERDICT]
    first = quality_verdict.first_estimated(spec, day, of_verdict)
    estimates = [one for one in stored.between(first, day) if one.name.startswith("estimate.")]
    return quality_verdict.findings_by(spec, day, traffic, of_verdict, estimates)


def _of_own_rules(spec: ModelSpec, day: date, stored: _Stored) -> Iterator[Signal]:
    names = {rule.signal for rule in spec.rules.own.values()}
    if names:
        first = day - max(own_rules.look_back(rule) for rule in spec.rules.own.values())
        yield from (one for one in stored.between(first, day) if one.name in names)


def _evidence(
    spec: ModelSpec, day: date, drift: _Drift, stored: _Stored, has_own: bool
) -> set[Evidence]:
    """What the day says anything about."""
    names = {one.name for one in stored.on(day)}
    found = {Evidence.FILES}
    if any(one.name == "volume.rows" and one.value for one in stored.on(day)):
        found.add(Evidence.SERVICE)
    found |= {Evidence.PREDICTIONS} if "answer" in drift.roles else set()
    found |= {Evidence.FEATURES} if "feature" in drift.roles else set()
    areas = {name.partition(".")[0] for name in names}
    found |= {Evidence.ESTIMATE} if "estimate" in areas else set()
    found |= {Evidence.QUALITY} if "quality" in areas else set()
    found |= {Evidence.LABELS} if spec.labels else set()
    found |= {Evidence.WEEK} if spec.critical else set()
    return found | ({Evidence.OWN} if has_own else set())
