"""What people did about incidents, and the messages about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from monitoring_dagster.decide.incidents import Incident
from monitoring_dagster.decide.people.handled_incidents import handled
from monitoring_dagster.decide.people.handling import Action, Handling
from monitoring_dagster.kinds import Reason
from monitoring_dagster.report.events import EVENT, IncidentEvent
from monitoring_dagster.store.ledger.database import reading, writing
from monitoring_dagster.store.ledger.deliveries import add_deliveries, next_seq
from monitoring_dagster.store.ledger.incident_rows import (
    handling_of,
    handlings_of,
    incident_of,
    save_incident,
)
from monitoring_dagster.store.ledger.schema import fields_of, storable, tables
from monitoring_dagster.store.ledger.turns import Turn, latest_turn, note_turn

if TYPE_CHECKING:
    from monitoring_dagster.store.ledger.database import Transaction


@dataclass(frozen=True)
class Handlings:
    """The handlings in the ledger's database at *url*."""

    url: str = field(repr=False)

    def of(self, incident: str) -> list[Handling]:
        """What was done about one incident, oldest first."""
        with reading(self.url) as connection:
            return handlings_of(connection, incident)

    def of_model(self, model: str) -> list[Handling]:
        """What was done about all incidents of a model, oldest first."""
        incidents, table = tables().incidents, tables().handlings
        of_model = incidents.select().with_only_columns(incidents.c.id)
        of_model = of_model.where(incidents.c.model == model)
        query = table.select().where(table.c.incident.in_(of_model)).order_by(table.c.number)
        with reading(self.url) as connection:
            return [handling_of(dict(row)) for row in connection.execute(query).mappings()]

    def snoozed(self, model: str, since: datetime, until: datetime) -> dict[str, str]:
        """By incident of *model*, who snoozed it, where that held between *since* and *until*."""
        return {
            one.incident: one.words
            for one in self.of_model(model)
            if one.until is not None and one.at < until and one.until > since
        }

    def record(self, model: str, new: Handling) -> tuple[Incident, bool]:
        """Store a handling of an incident of *model*, and a message in its thread.

        Returns
        -------
        The incident as it stands now, and whether anything is new: repeated calls change nothing.
        """
        new = replace(
            new,
            by=storable(new.by),
            comment=storable(new.comment),
            assignee=new.assignee and storable(new.assignee),
        )
        table = tables().incidents
        with writing(self.url, model) as connection:
            row = connection.execute(table.select().where(table.c.id == new.incident)).mappings()
            before = incident_of(dict(row.one()))
            after, reason, is_new = handled(before, handlings_of(connection, before.id), new)
            if not is_new:
                return before, False
            connection.execute(tables().handlings.insert(), fields_of(new))
            save_incident(connection, after)
            if reason is not None:
                _tell(connection, after, after.id, reason, new)
            elif reason is None and new.action is Action.RESOLVE:
                _end_in_digest(connection, after, new)
        return after, True


def _end_in_digest(connection: Transaction, incident: Incident, new: Handling) -> None:
    """Tell the end of an incident that a digest told, in the digest's thread."""
    latest = latest_turn(connection, incident.id)
    if latest is None or latest.turn is not Turn.OPENED:
        return
    note_turn(
        connection, incident.model, incident.id, Turn.CLOSED,
        day=new.at.date(), at=new.at, digest=latest.digest,
    )  # fmt: skip
    if latest.digest is not None:
        _tell(connection, incident, latest.digest, Reason.RESOLVED, new)


def _tell(
    connection: Transaction,
    incident: Incident,
    thread: str,
    reason: Reason,
    new: Handling,
) -> None:
    """Put the message about a handling into a thread, wherever that stands."""
    table = tables().deliveries
    query = table.select().where(table.c.incident == thread).order_by(table.c.seq).limit(1)
    row = connection.execute(query).mappings().first()
    if row is None:
        return
    opening = EVENT.validate_python(row["event"])
    event = IncidentEvent(
        reason=reason,
        model=incident.model,
        registered_model=opening.registered_model,
        owner=opening.owner,
        kind=incident.kind,
        severity=incident.severity,
        opened_on=incident.opened_on,
        day=new.at.date(),
        findings=(),
        total=0,
        run_id=opening.run_id,
        at=new.at,
        evidence=incident.last_seen,
        by=new.by,
        until=new.until,
        comment=new.comment,
        assignee=new.assignee,
    )
    seq = next_seq(connection, thread)
    add_deliveries(connection, thread, seq, destinations=(), event=event, now=new.at)
