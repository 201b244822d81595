"""A judged day in the ledger: where its incidents stand after it, and the messages about that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from monitoring_dagster.decide.diagnosis.causes import Diagnosis
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.incidents import Incident, advance, is_told, repaired, unsent
from monitoring_dagster.decide.people.handling import Action, Handling, in_force
from monitoring_dagster.decide.routing import Routed, Routing, due_at, routed
from monitoring_dagster.decide.rules import FAMILIES, HEAL, RULES
from monitoring_dagster.kinds import FindingKind, Reason, Severity
from monitoring_dagster.report.events import ASKING, Announcement, IncidentEvent, most_urgent
from monitoring_dagster.spec.channels import Channels
from monitoring_dagster.store.ledger.decided.noted_changes import changes_between
from monitoring_dagster.store.ledger.deliveries import add_deliveries, next_seq
from monitoring_dagster.store.ledger.incident_rows import (
    found_on,
    handlings_of,
    last_findings,
    latest_incidents,
    save_incident,
)
from monitoring_dagster.store.ledger.schema import tables
from monitoring_dagster.store.ledger.silenced_messages import signs_of, silenced_by
from monitoring_dagster.store.ledger.turns import Turn, latest_turn, note_turn

_LATELY = timedelta(days=7)
_HINTS = frozenset({FindingKind.PREDICTION_DRIFT, FindingKind.FEATURE_DRIFT})
_SHOWN_HINTS = 3

if TYPE_CHECKING:
    from monitoring_dagster.store.ledger.database import Transaction


@dataclass(frozen=True, slots=True)
class Judging:
    """The day that is recorded, and who hears of it."""

    model: str
    registered_model: str
    owner: str
    channels: Channels
    day: date
    now: datetime
    run_id: str | None
    diagnosis: Diagnosis | None
    history_at: datetime | None
    is_said_elsewhere: Callable[[Incident, Reason | None], bool]  # of an incident that was stored
    routing: Routing


def receivers_of(
    event: IncidentEvent | Announcement, channels: Channels, routing: Routing, *, now: datetime
) -> Routed:
    """Who receives a message about *event*, and when."""
    return routed(signs_of(event), channels, routing, now=now)


def mark_judged(
    connection: Transaction, model: str, kinds: Collection[FindingKind], day: date
) -> dict[FindingKind, date]:
    """Note that *day* was judged; returns the last day of each kind before that."""
    table = tables().judged
    rows = connection.execute(table.select().where(table.c.model == model))
    last_days = {FindingKind(row.kind): row.last_day for row in rows}
    later = [kind for kind in kinds if day > last_days.get(kind, date.min)]
    connection.execute(table.delete().where(table.c.model == model, table.c.kind.in_(later)))
    if later:
        new = [{"model": model, "kind": kind, "last_day": day} for kind in later]
        connection.execute(table.insert(), new)
    return last_days


def move_incidents(
    connection: Transaction,
    judging: Judging,
    findings: Sequence[Finding],
    current: Collection[FindingKind],
) -> list[Incident]:
    """Move the latest incident of each family by what the day says of the *current* rules, those
    that no later day has judged; returns where they stand."""
    incidents, moved = latest_incidents(connection, judging.model), []
    for family, of_family in FAMILIES.items():
        incident, kinds = incidents.get(family), of_family.intersection(current)
        if kinds:
            found = [one for one in findings if one.kind in kinds]
            incident = _moved(connection, judging, incident, found, kinds)
        if incident is not None:
            moved.append(_repaired(connection, judging, incident))
    return moved


def _moved(
    connection: Transaction,
    judging: Judging,
    before: Incident | None,
    findings: Sequence[Finding],
    judged: Collection[FindingKind],
) -> Incident | None:
    """Store where the incident stands after the day, and the message about it if there is one."""
    handlings = handlings_of(connection, before.id) if before is not None else []
    if before is not None and before.closed_on is not None and _ended_by_hand(handlings):
        # What days say that were over by then does not undo what a person decided about them.
        findings = [one for one in findings if one.evidence_day > before.closed_on]
    after, reason = advance(
        before,
        findings,
        judged=judged,
        day=judging.day,
        remind_every_days=judging.channels.remind_every_days,
        clear_after_days=judging.channels.clear_after_days,
    )
    if after is None or after == before:
        return after
    if reason is Reason.REMINDER and in_force(handlings, now=judging.now) is not None:
        after, reason = unsent(before, after), None
    return _record(connection, judging, before, after, reason)


def _ended_by_hand(handlings: Sequence[Handling]) -> bool:
    return any(one.action is Action.RESOLVE for one in handlings)


def _repaired(connection: Transaction, judging: Judging, incident: Incident) -> Incident:
    """Take away from an open incident what the run of the day has shown to be right by now."""
    if incident.closed_on is not None:
        return incident
    kinds = [kind for kind in incident.active if _is_repaired(connection, judging, incident, kind)]
    if not kinds:
        return incident
    after, reason = repaired(incident, kinds, day=judging.day)
    return _record(connection, judging, incident, after, reason)


def _is_repaired(
    connection: Transaction, judging: Judging, incident: Incident, kind: FindingKind
) -> bool:
    """Whether the run of the day took the last finding away that a rule has in an incident."""
    part = incident.parts[kind]
    if kind not in HEAL or not part.since <= judging.day <= part.last_seen:
        return False
    table = tables().findings
    query = table.select().where(
        table.c.model == incident.model,
        table.c.kind == kind,
        table.c.severity < Severity.P3,
        table.c.day.between(part.since, part.judged_on),
    )
    return connection.execute(query.limit(1)).first() is None


def _record(
    connection: Transaction,
    judging: Judging,
    before: Incident | None,
    after: Incident,
    reason: Reason | None,
) -> Incident:
    """Store where the incident stands, and the message about it if there is a *reason* for one."""
    if judging.history_at is not None:
        return _record_history(connection, judging, judging.history_at, before, after, reason)
    save_incident(connection, after)
    if judging.is_said_elsewhere(after, reason):
        after, reason = unsent(before, after), None
        save_incident(connection, after)
    if reason is not None:
        _notify(connection, judging, after, reason)
    elif after.closed_on is not None and after.told is None:
        _end_in_digest(connection, judging, after)
    return after


def _record_history(
    connection: Transaction,
    judging: Judging,
    at: datetime,
    before: Incident | None,
    after: Incident,
    reason: Reason | None,
) -> Incident:
    """Store where the incident stands after a day long over; what it did waits for the digest."""
    ends_thread = reason is Reason.RESOLVED
    if not ends_thread:
        after = unsent(before, after)
    if after == before:
        return after
    save_incident(connection, after)
    latest = latest_turn(connection, after.id)
    was_noted = latest is not None and latest.turn is Turn.OPENED
    turn = None
    if ends_thread:
        _notify(connection, judging, after, Reason.RESOLVED, quietly=True)
        turn = Turn.CLOSED
    elif after.closed_on is not None and was_noted:
        turn = Turn.CLOSED
    elif reason in (Reason.FIRST, Reason.REOPENED):
        turn = Turn.OPENED
    if turn is not None:
        note_turn(connection, after.model, after.id, turn, day=judging.day, at=at)
    return after


def _end_in_digest(connection: Transaction, judging: Judging, incident: Incident) -> None:
    """Tell the end of an incident that no message but a digest told, in the digest's thread."""
    latest = latest_turn(connection, incident.id)
    if latest is None or latest.turn is not Turn.OPENED or latest.digest is None:
        return  # the digest that is still to come tells the end, too
    note_turn(
        connection, incident.model, incident.id, Turn.CLOSED,
        day=judging.day, at=judging.now, digest=latest.digest,
    )  # fmt: skip
    event = _event(connection, judging, incident, Reason.RESOLVED)
    add_deliveries(
        connection,
        latest.digest,
        next_seq(connection, latest.digest),
        destinations=judging.channels.destinations,
        event=event,
        now=judging.now,
        not_before=receivers_of(event, judging.channels, judging.routing, now=judging.now).at,
    )


def _notify(
    connection: Transaction,
    judging: Judging,
    incident: Incident,
    reason: Reason,
    *,
    quietly: bool = False,
) -> None:
    event = _event(connection, judging, incident, reason)
    if reason in ASKING:
        hours = judging.routing.hours
        due = due_at(event.severity, judging.now, hours)
        event = replace(event, due=due, time_zone=str(hours.zone))
    receivers = receivers_of(event, judging.channels, judging.routing, now=judging.now)
    add_deliveries(
        connection,
        incident.id,
        next_seq(connection, incident.id),
        destinations=receivers.destinations,
        event=replace(event, quietly=quietly),
        now=judging.now,
        silenced=silenced_by(connection, event, now=judging.now),
        not_before=receivers.at,
    )


def _event(
    connection: Transaction, judging: Judging, incident: Incident, reason: Reason
) -> IncidentEvent:
    last = last_findings(connection, incident)
    found = last_findings(connection, incident, firing=True)
    return IncidentEvent(
        reason=reason,
        model=judging.model,
        registered_model=judging.registered_model,
        owner=judging.owner,
        kind=incident.kind,
        severity=incident.severity,
        opened_on=incident.opened_on,
        day=judging.day,
        findings=most_urgent(found),
        total=len(found),
        run_id=judging.run_id,
        at=judging.now,
        evidence=max((one.evidence_day for one in last if one.kind is incident.kind), default=None),
        changes=tuple(_changes(connection, judging, incident)),
        cause=judging.diagnosis.of([*incident.active]) if judging.diagnosis else None,
    )


def _changes(connection: Transaction, judging: Judging, incident: Incident) -> Iterator[str]:
    """What else changed lately: who serves, what other problems there are, and what was recorded
    only."""
    table, end = tables().promotions, judging.now + timedelta(days=1)
    lately = table.c.at.between(end - _LATELY, end) & (table.c.model == judging.model)
    for row in connection.execute(table.select().where(lately).order_by(table.c.number)):
        if row.previous is not None:
            at = f"{row.at.day} {row.at:%B}"
            yield f"version {row.version} serves since {at} in place of {row.previous}"
    for change in changes_between(connection, judging.model, end - _LATELY, end):
        yield change.line
    for other in latest_incidents(connection, judging.model).values():
        if other.closed_on is None and other.id != incident.id:
            title = RULES[other.kind].title
            yield f"{other.severity} {other.family}: {title} since {other.opened_on}"
    recorded = [
        one
        for kind in sorted(FAMILIES[incident.family] & _HINTS)
        for one in found_on(connection, judging.model, judging.day, kind)
        if not is_told(one.severity)
    ]
    yield from (f"{RULES[one.kind].title}, {one.words}" for one in recorded[:_SHOWN_HINTS])
