"""What was found wrong: one record for every rule of every step."""

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

from monitoring_dagster.kinds import FindingKind, Severity

_IN_WORDS = re.compile(r".* where (.+?) is (.*)", re.DOTALL)  # the subject of a drop in a segment
_IN_BRACKETS = re.compile(r"(?:.*, |.* \()([^=,()]+=[^,]*?)(?:, against .*)?\)", re.DOTALL)
_LEADING = (
    FindingKind.PERFORMANCE_DROP,
    FindingKind.SEGMENT_DROP,
    FindingKind.MISCALIBRATION,
    FindingKind.EXPECTED_DROP,
    FindingKind.PREDICTION_DRIFT,
)  # at the same urgency, before the other signs of one problem


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong with one model on one day."""

    model: str
    day: date
    kind: FindingKind
    subject: str  # the column, metric, version or file it is about
    severity: Severity
    words: str  # one sentence with the numbers in it: the fact and the bound
    step: str  # which step found it; a step's findings of a day are replaced together
    about: date | None = None  # the day or week that was judged, where that is not `day`
    at_most: Severity = Severity.P0  # as urgent as it may be whatever its rule says
    brief: str = ""  # cause and number in a few words, where `words` are many
    trend: tuple[float, ...] = ()  # its number on the last judged days, oldest first

    def with_severity(self, severity: Severity) -> Self:
        """The same, as urgent as *severity*, or as it may be `at_most`."""
        return replace(self, severity=max(severity, self.at_most))

    @property
    def evidence_day(self) -> date:
        """The day, or the Monday of the week, whose partition in Dagster shows it."""
        return self.about or self.day

    @property
    def segment(self) -> str:
        """The segment that it is about, as ``column=value``; of all rows nothing."""
        return segment_of(self.subject)

    @property
    def fingerprint(self) -> str:
        """What stays the same while the problem lasts: never a day, never a value."""
        return f"{self.model}/{self.kind}/{self.subject}"


def segment_of(subject: str) -> str:
    """The segment that the subject of a finding names, as ``column=value``; else nothing.

    >>> segment_of("log_loss where country is DE"), segment_of("income")
    ('country=DE', '')
    >>> segment_of("dear (amount, country=FR)")
    'country=FR'
    """
    if found := _IN_WORDS.fullmatch(subject):
        return f"{found[1]}={found[2]}"
    found = _IN_BRACKETS.fullmatch(subject)
    return found[1] if found else ""


def weight(kind: FindingKind, severity: Severity) -> tuple[Severity, int, str]:
    """Where a sign of a problem stands among the others: the most urgent first, then the loss, then
    what may have led to it. But a broken input explains all that comes of it.

    >>> drop, drift = FindingKind.PERFORMANCE_DROP, FindingKind.FEATURE_DRIFT
    >>> weight(drop, Severity.P2) < weight(drift, Severity.P2)
    True
    >>> weight(drift, Severity.P1) < weight(drop, Severity.P1)
    True
    """
    is_broken = kind is FindingKind.FEATURE_DRIFT and severity <= Severity.P1
    place = _LEADING.index(kind) if kind in _LEADING else len(_LEADING)
    return severity, -1 if is_broken else place, kind
