"""Rules on drift: one finding a column that drifts for days, told where it has a consequence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import isfinite

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.drift_consequences import Consequences
from monitoring_dagster.decide.judging.drift_severity import (
    OF_ANSWERS,
    OF_FEATURES,
    UNUSABLE,
    drifted,
)
from monitoring_dagster.decide.judging.lasting_drift import ComparedColumn, DriftDays, Lasting
from monitoring_dagster.decide.judging.traffic import Traffic
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.decide.signal import Signal, SignalLog
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec.model import ModelSpec

_KINDS = {OF_ANSWERS: FindingKind.PREDICTION_DRIFT, OF_FEATURES: FindingKind.FEATURE_DRIFT}
_GONE = 0.9  # of the usable values: nobody waits for another day
_BROKEN_DAYS = 2  # where it is less


def drift_findings(
    spec: ModelSpec,
    day: date,
    today: Sequence[Signal],
    log: SignalLog,
    traffic: Traffic,
    quality: Sequence[Finding],
) -> list[Finding]:
    """One finding a column of a version that drifted today and on several of the last judged days,
    or is broken; segments speak only where the whole is silent.

    A column that lost nearly all of its usable values is broken at once. Where it lost half of them
    it is so on the second of the last judged days: a storm may cost a day's values, too.

    *today* are the signals of the day; *quality* is what was found of it.
    """
    moved = drifted(today)
    if not moved:
        return []  # most days: nothing to look back for
    days = DriftDays.upto(day, log, _looked_at(today, moved), of_days=longest_window(spec))
    judge = _Judge(spec, day, traffic, days, Consequences(spec, day, log, traffic, days, quality))
    broken = {ComparedColumn.of(one)[1:]: one for one in today if one.name == UNUSABLE}
    of_columns: dict[tuple[str, str], dict[str, Finding]] = {}  # one a version
    for one in moved:
        of_column = of_columns.setdefault((one.name, one.subject), {})
        if one.version not in of_column:
            found = judge.found(one, broken.get(ComparedColumn.of(one)[1:]))
            of_column |= {one.version: found} if found else {}
    findings = [one for of in of_columns.values() for one in _of_column(of, traffic.champion)]
    return sorted(findings, key=lambda one: one.kind is FindingKind.FEATURE_DRIFT)


def longest_window(spec: ModelSpec) -> int:
    """How many judged days the rules look at."""
    return max(spec.rules.window(kind).of_days for kind in _KINDS.values())


def _looked_at(today: Sequence[Signal], moved: Sequence[Signal]) -> list[ComparedColumn]:
    """What could be judged over all rows of the columns that *moved*, and all answers."""
    columns = {ComparedColumn.of(one)._replace(baseline="") for one in moved}
    return [
        series
        for one in today
        if one.name in _KINDS and not one.segment and isfinite(one.value)
        for series in [ComparedColumn.of(one)]
        if one.name == OF_ANSWERS or series._replace(baseline="") in columns
    ]


def _of_column(found: dict[str, Finding], champion: str | None) -> Iterator[Finding]:
    """What drifted in one column: an input that all versions share is the champion's finding, and
    another version has one of its own where it is more urgent."""
    first = found.get(champion) if champion else None
    if first is None or first.kind is FindingKind.PREDICTION_DRIFT:
        yield from (found[one] for one in sorted(found, key=lambda one: one != champion))
        return
    others = {version: one for version, one in found.items() if version != champion}
    same = [version for version, one in others.items() if one.severity >= first.severity]
    likewise = f" (likewise version {', '.join(same)})" if same else ""
    yield replace(first, words=f"{first.words}{likewise}")
    yield from (one for version, one in others.items() if version not in same)


@dataclass(frozen=True)
class _Judge:
    """Findings about what drifted on one day."""

    spec: ModelSpec
    day: date
    traffic: Traffic
    days: DriftDays
    consequences: Consequences

    def found(self, signal: Signal, unusable: Signal | None) -> Finding | None:
        """A finding where the column is broken, as *unusable* says, or where its drift lasts."""
        if unusable is not None and not signal.segment and self._is_broken(signal, unusable):
            return self._finding(signal, signal.reason)
        return self._lasting(signal)

    def _is_broken(self, signal: Signal, unusable: Signal) -> bool:
        before = unusable.baseline if isfinite(unusable.baseline) else 0.0
        if unusable.value - before >= _GONE * (1 - before):
            return True
        breaches, of_days = self.spec.rules.window(_KINDS[signal.name])
        days = self.days.days_unusable(ComparedColumn.of(signal), of_days=of_days)
        return days >= min(breaches, _BROKEN_DAYS)

    def _lasting(self, signal: Signal) -> Finding | None:
        """A finding where it lasts; of features, for the record where it has no consequence."""
        lasts = self._lasts(signal, signal.baseline_name)
        if lasts is None:
            return None
        words = f"{signal.reason}; {lasts.words}{self._other_baselines(signal)}"
        if signal.name == OF_ANSWERS:
            return self._finding(signal, words)
        matter = self.consequences.of(signal)
        at_most = Severity.P0 if matter.matters else Severity.P3
        return self._finding(signal, f"{words}; {matter.words}", at_most=at_most)

    def _lasts(self, signal: Signal, baseline: str) -> Lasting | None:
        series = ComparedColumn.of(signal)._replace(baseline=baseline)
        return self.days.lasting(
            series, self.spec.rules.window(_KINDS[signal.name]),
            segment=signal.segment, value=signal.segment_value,
        )  # fmt: skip

    def _other_baselines(self, signal: Signal) -> str:
        """A season drifts against training, and hardly against the weeks before."""
        own = ComparedColumn.of(signal)
        others = [
            one.baseline
            for one in self.days.judged
            if one != own and one._replace(baseline=own.baseline) == own
        ]
        return "".join(
            f", {'also' if self._lasts(signal, one) else 'not'} against {one}" for one in others
        )

    def _finding(self, signal: Signal, words: str, *, at_most: Severity = Severity.P0) -> Finding:
        version, kind = signal.version, _KINDS[signal.name]
        where = f" where {signal.segment} is {signal.segment_value}" if signal.segment else ""
        several = len(self.spec.rules.drift.baselines) > 1
        against = f" against {signal.baseline_name}" if several else ""
        at_most = max(at_most, self.traffic.at_most(version))
        return Finding(
            model=self.spec.name,
            day=self.day,
            kind=kind,
            subject=self.traffic.subject(signal.subject, version),
            severity=max(Severity(signal.severity), at_most),
            words=f"{signal.subject} of version {version}{where}{against}: {words}"
            f"{self.traffic.words(version)}",
            step=RULES[kind].asset,
            at_most=at_most,
            brief=f"{signal.subject}{where}: {_number(signal.reason)}",
        )


def _number(reason: str) -> str:
    """What moved, without the bound and the test.

    >>> _number("PSI 0.31 (bound 0.1); p < 1e-16 among 72")
    'PSI 0.31'
    >>> _number("all values are 0, in the reference 1 to 9 (bound 1.0% of days), and 54% of rows")
    'all values are 0, in the reference 1 to 9'
    """
    return reason.partition(";")[0].partition(" (bound")[0]
