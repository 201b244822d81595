"""Events that people hear of: a turn of an incident, or something that was decided or done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from monitoring_dagster.decide.diagnosis.causes import LikelyCause
from monitoring_dagster.decide.findings import Finding, weight
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.kinds import Family, FindingKind, Reason, Severity

SHOWN_FINDINGS = 8  # in one message


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """One turn of an incident that people should hear of."""

    reason: Reason
    model: str
    registered_model: str  # its name in MLflow
    owner: str
    kind: FindingKind  # that leads
    severity: Severity
    opened_on: date
    day: date
    findings: tuple[Finding, ...]  # what was found last, rule by rule, the weightiest
    total: int  # how many there were
    run_id: str | None = None  # the MLflow run that made the version which served
    at: datetime | None = None  # when the day was judged
    evidence: date | None = None  # the newest judged day or week that shows it, else `day`
    quietly: bool = False  # the opening message is edited, and nothing is posted
    by: str | None = None  # the person who acknowledged, assigned, snoozed or resolved it
    until: datetime | None = None  # of a snooze
    comment: str = ""  # of that person
    assignee: str | None = None  # who has it, of an assignment
    changes: tuple[str, ...] = ()  # what else changed lately, a sentence each
    cause: LikelyCause | None = None  # by the day's diagnosis
    pages_of: str = ""  # the model that links lead to, where it is about several
    due: datetime | None = None  # by when somebody should look
    time_zone: str = "UTC"  # in which that is said
    type: Literal["incident"] = "incident"

    @property
    def family(self) -> Family:
        """Whose incident it is."""
        return RULES[self.kind].family


@dataclass(frozen=True, slots=True)
class Announcement:
    """One thing that was decided or done, told once and in a thread of its own."""

    model: str
    registered_model: str
    owner: str
    kind: FindingKind
    day: date
    title: str
    words: str
    version: str | None = None  # the MLflow version it is about
    run_id: str | None = None  # the run that made it
    at: datetime | None = None  # when it was decided or done
    dagster_run: str | None = None  # the run that it is about
    rows: tuple[tuple[str, str], ...] = ()  # subject, words: as findings are shown
    total: int = 0  # rows that there were
    type: Literal["announcement"] = "announcement"


Event = Annotated[IncidentEvent | Announcement, Field(discriminator="type")]
EVENT: TypeAdapter[IncidentEvent | Announcement] = TypeAdapter(Event)

ASKING = frozenset({Reason.FIRST, Reason.WORSE, Reason.REOPENED})  # somebody to look, by when
_CONTINUING = frozenset({Reason.RESOLVED, Reason.ACKNOWLEDGED, Reason.ASSIGNED, Reason.SNOOZED})


def opens_no_thread(event: IncidentEvent | Announcement) -> bool:
    """Whether it is for those alone who heard of what came before."""
    return isinstance(event, IncidentEvent) and event.reason in _CONTINUING


def most_urgent(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings an event carries along: the weightiest, as many as a message shows."""
    ordered = sorted(findings, key=lambda one: (*weight(one.kind, one.severity), one.subject))
    return tuple(ordered[:SHOWN_FINDINGS])
