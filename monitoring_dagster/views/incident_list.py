"""Incidents as people list them: what is open, who handles it, and what happened since."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from monitoring_dagster.decide.findings import segment_of, weight
from monitoring_dagster.decide.incidents import Incident, Part
from monitoring_dagster.decide.people.handling import Handling, assignment, in_force
from monitoring_dagster.decide.people.silences import Silence, silence_of
from monitoring_dagster.decide.retraining_policy import RETRAIN
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.report.events import IncidentEvent
from monitoring_dagster.report.wording import counted
from monitoring_dagster.store.ledger.deliveries import Delivery
from monitoring_dagster.store.ledger.ledger import Ledger
from monitoring_dagster.store.ledger.schema import PENDING

SHORT = 8  # characters of an id that people type


class NoSuchIncident(MonitoringError):
    """Somebody asked for an incident by an id that names none, or several."""

    @classmethod
    def of(cls, id_: str, *, found: int) -> Self:
        if found:
            return cls(f"{found} incidents begin with {id_!r}: write more of it")
        return cls(
            f"no incident begins with {id_!r}: `monitoring-dagster incidents list --all` names them"
        )


@dataclass(frozen=True, slots=True)
class ListedIncident:
    """One incident, who handles it, and whether messages about it are held back."""

    incident: Incident
    handling: Handling | None
    silence: Silence | None
    assignment: Handling | None = None

    @property
    def words(self) -> str:
        """One line."""
        one = self.incident
        end = f", closed on {one.closed_on}" if one.closed_on else ""
        return (
            f"{one.id[:SHORT]}  {one.severity} {one.model} {self._about} since {one.opened_on}"
            f"{end}{self._state}"
        )

    @property
    def status(self) -> str:
        """The same within the line of its model."""
        one = self.incident
        return f"{one.severity} {self._about} since {one.opened_on}{self._state}"

    @property
    def _about(self) -> str:
        """Its rules, the one that leads first."""
        active = self.incident.active
        ordered = sorted(active, key=lambda kind: weight(kind, active[kind].severity))
        return ", ".join(ordered)

    @property
    def _state(self) -> str:
        given = None if self.assignment == self.handling else self.assignment
        stated = (given, self.handling, self.silence)
        state = [found.words for found in stated if found is not None]
        return f" ({', '.join(state)})" if state and not self.incident.closed_on else ""

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        one = self.incident
        return {
            "id": one.id,
            "model": one.model,
            "family": one.family,
            "kind": one.kind,
            "rules": {
                str(kind): {
                    "severity": part.severity,
                    "since": part.since,
                    "last_seen": part.last_seen,
                    "over": part.is_over,
                }
                for kind, part in sorted(one.parts.items())
            },
            "severity": one.severity,
            "opened_on": one.opened_on,
            "last_seen": one.last_seen,
            "closed_on": one.closed_on,
            "findings": len(one.firing),
            "handling": self.handling.words if self.handling else None,
            "assigned_to": self.assignment.assignee if self.assignment else None,
            "silence": self.silence.words if self.silence else None,
        }


@dataclass(frozen=True, slots=True)
class Entered:
    """One line of the timeline of an incident."""

    at: datetime
    words: str


def listed(
    ledger: Ledger, *, now: datetime, model: str | None = None, closed: bool = False
) -> list[ListedIncident]:
    """The open incidents, or with *closed* all of them, the most urgent first."""
    found = ledger.incidents(model) if closed else ledger.open_incidents(model)
    silences = ledger.silences.all()
    ordered = sorted(
        found, key=lambda one: (one.closed_on is not None, one.severity, one.opened_on, one.id)
    )
    return [_listed(ledger, one, silences, now) for one in ordered]


def incident_named(ledger: Ledger, id_: str) -> Incident:
    """The incident whose id begins with *id_*. Raises NoSuchIncident."""
    found = [one for one in ledger.incidents() if one.id.startswith(id_.lower())]
    if len(found) != 1 or not id_:
        raise NoSuchIncident.of(id_, found=len(found))
    return found[0]


def shown(ledger: Ledger, id_: str, *, now: datetime) -> tuple[ListedIncident, list[Entered]]:
    """One incident and its timeline, oldest first. Raises NoSuchIncident."""
    incident = incident_named(ledger, id_)
    deliveries = ledger.deliveries.all_of(incident.id)
    handlings = ledger.handlings.of(incident.id)
    found = [
        Entered(one.created_at, f"{_reason(one)}: {one.destination} {_state(one)}")
        for one in deliveries
    ]
    found += [Entered(one.at, one.words) for one in handlings]
    found += [
        Entered(one.at, f"decided to {one.outcome}: {one.words}")
        for one in ledger.decisions(incident.model)
        if incident.family is RULES[FindingKind.RETRAINING].family
        and one.outcome == RETRAIN
        and incident.opened_on <= one.day <= (incident.closed_on or incident.judged_on)
    ]
    listed = _listed(ledger, incident, ledger.silences.all(), now)
    return listed, sorted(found, key=lambda one: one.at)


def to_text(found: ListedIncident, timeline: Sequence[Entered]) -> str:
    """The incident and its timeline, a line each."""
    one = found.incident
    lines = [
        found.words,
        f"  id {one.id}",
        *(
            f"  {part.severity} {kind}: {_span(part)}{counted(len(part.firing), 'finding')}"
            f" on {part.judged_on}"
            for kind, part in sorted(one.parts.items(), key=lambda item: item[1].since)
        ),
        *(f"  {entry.at:%Y-%m-%d %H:%M} UTC  {entry.words}" for entry in timeline),
    ]
    return "\n".join(lines)


def _span(part: Part) -> str:
    since = f"since {part.since}"
    return f"{since}, " if part.last_seen == part.since else f"{since}, last on {part.last_seen}, "


def _listed(
    ledger: Ledger, incident: Incident, silences: Sequence[Silence], now: datetime
) -> ListedIncident:
    if incident.closed_on is not None:
        return ListedIncident(incident, None, None)
    about = {
        "model": incident.model,
        "family": str(incident.family),
        "owner": _owner(ledger, incident),
    }
    signs = [
        about | {"kind": str(kind), "severity": str(part.severity), "segment": segment}
        for kind, part in incident.active.items()
        for segment in {segment_of(one.split("/", 2)[-1]) for one in part.firing} or {""}
    ]
    handlings = ledger.handlings.of(incident.id)
    return ListedIncident(
        incident,
        in_force(handlings, now=now),
        silence_of(silences, signs, now=now),
        assignment(handlings),
    )


def _owner(ledger: Ledger, incident: Incident) -> str:
    told = ledger.deliveries.all_of(incident.id)
    return told[0].event.owner if told else ""


def _reason(delivery: Delivery) -> str:
    event = delivery.event
    return str(event.reason) if isinstance(event, IncidentEvent) else event.title


def _state(delivery: Delivery) -> str:
    if delivery.silenced:
        return f"{delivery.state}, {delivery.silenced}"
    error = f" ({delivery.last_error})" if delivery.last_error else ""
    if delivery.state == PENDING and delivery.not_before is not None:
        return f"{delivery.state}, not before {delivery.not_before:%Y-%m-%d %H:%M} UTC{error}"
    sent = f" at {delivery.sent_at:%Y-%m-%d %H:%M} UTC" if delivery.sent_at else ""
    return f"{delivery.state}{sent}{error}"
