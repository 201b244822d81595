"""What was found wrong: one record for every rule of every step."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Self

from monitoring_dagster.kinds import FindingKind, Severity


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

    def with_severity(self, severity: Severity) -> Self:
        """The same, as urgent as *severity*, or as it may be `at_most`."""
        return replace(self, severity=max(severity, self.at_most))

    @property
    def evidence_day(self) -> date:
        """The day, or the Monday of the week, whose partition in Dagster shows it."""
        return self.about or self.day

    @property
    def fingerprint(self) -> str:
        """What stays the same while the problem lasts: never a day, never a value."""
        return f"{self.model}/{self.kind}/{self.subject}"
