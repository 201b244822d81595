"""Fleet-wide incidents in the ledger: what many models have at once is told in one thread."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.fleet import FLEET, advance_fleet, is_said_of_fleet, signs_of_fleet
from monitoring_dagster.decide.incidents import Incident
from monitoring_dagster.decide.routing import Routing, due_at, routed
from monitoring_dagster.kinds import Family, Reason
from monitoring_dagster.report.events import ASKING, IncidentEvent, most_urgent
from monitoring_dagster.spec.channels import Channels
from monitoring_dagster.spec.schedule import BusinessHours
from monitoring_dagster.store.ledger.database import wait_for
from monitoring_dagster.store.ledger.deliveries import add_deliveries, next_seq
from monitoring_dagster.store.ledger.incident_rows import (
    incident_of,
    last_findings,
    latest_incidents,
    save_incident,
)
from monitoring_dagster.store.ledger.schema import tables
from monitoring_dagster.store.ledger.silenced_messages import signs_of

if TYPE_CHECKING:
    from monitoring_dagster.store.ledger.database import Transaction

_JUDGED_LATELY = timedelta(days=7)


def is_said_by_fleet(
    connection: Transaction,
    incident: Incident,
    reason: Reason | None,
    *,
    day: date,
    now: datetime,
    channels: Channels,
    routing: Routing,
) -> bool:
    """Move the fleet-wide incident of the family of *incident*, which was stored just now; returns
    whether that one says already what was to be said for *reason*."""
    if incident.family is Family.OWN:
        return False
    wait_for(connection, FLEET)
    table = tables().incidents
    query = table.select().where(table.c.closed_on.is_(None), table.c.family == incident.family)
    found = [incident_of(dict(row)) for row in connection.execute(query).mappings()]
    members = [one for one in found if one.model != FLEET]
    before = latest_incidents(connection, FLEET).get(incident.family)
    causes = {one.model: last_findings(connection, one)[:1] for one in members}
    signs = signs_of_fleet(
        before,
        members,
        {model: one for model, some in causes.items() for one in some},
        models=_models(connection, day),
        day=day,
    )
    fleet, news = advance_fleet(
        before, signs, day=day, remind_every_days=channels.remind_every_days
    )
    if fleet is not None and fleet != before:
        save_incident(connection, fleet)
    if fleet is not None and news is not None:
        event = _event(fleet, news, signs, day, now, routing.hours)
        receivers = routed(signs_of(event), channels, routing, now=now)
        add_deliveries(
            connection,
            fleet.id,
            next_seq(connection, fleet.id),
            destinations=[*_receivers(connection, members), *receivers.destinations],
            event=event,
            now=now,
            not_before=receivers.at,
        )
    return is_said_of_fleet(incident, reason, fleet)


def _event(
    fleet: Incident,
    reason: Reason,
    signs: Sequence[Finding],
    day: date,
    now: datetime,
    hours: BusinessHours,
) -> IncidentEvent:
    first = next(iter(signs), None)
    return IncidentEvent(
        reason=reason,
        model=FLEET,
        registered_model=first.subject if first else FLEET,
        owner="several",
        kind=fleet.kind,
        severity=fleet.severity,
        opened_on=fleet.opened_on,
        day=day,
        findings=most_urgent(signs),
        total=len(signs),
        at=now,
        evidence=first.evidence_day if first else day,
        pages_of=first.subject if first else FLEET,
        due=due_at(fleet.severity, now, hours) if reason in ASKING else None,
        time_zone=str(hours.zone),
    )


def _receivers(connection: Transaction, members: Sequence[Incident]) -> list[str]:
    """Where the incidents of single models were told."""
    table = tables().deliveries
    query = table.select().where(table.c.incident.in_([one.id for one in members]))
    return [row.destination for row in connection.execute(query.order_by(table.c.id))]


def _models(connection: Transaction, day: date) -> int:
    """How many models were judged lately."""
    table = tables().judged
    query = table.select().where(table.c.last_day >= day - _JUDGED_LATELY)
    return len({row.model for row in connection.execute(query)})
