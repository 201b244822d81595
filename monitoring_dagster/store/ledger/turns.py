"""What digests tell: turns of incidents in days long over, and which weeks are told already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from monitoring_dagster.store.ledger.schema import tables

if TYPE_CHECKING:
    from monitoring_dagster.store.ledger.database import Transaction


class Turn(StrEnum):
    """What people would have been notified of."""

    OPENED = "opened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class NotedTurn:
    """One turn of an incident, and the thread of the digest that told it, if one did."""

    number: int
    incident: str
    turn: Turn
    day: date
    noted_at: datetime
    digest: str | None


def note_turn(
    connection: Transaction,
    model: str,
    incident: str,
    turn: Turn,
    *,
    day: date,
    at: datetime,
    digest: str | None = None,
) -> None:
    """Keep a turn in the caller's transaction, unless it is the incident's latest one already."""
    latest = latest_turn(connection, incident)
    if latest is None or latest.turn is not turn:
        row = {"model": model, "incident": incident, "turn": turn, "day": day, "noted_at": at}
        connection.execute(tables().turns.insert(), row | {"digest": digest})


def latest_turn(connection: Transaction, incident: str) -> NotedTurn | None:
    """The last turn of an incident that no message of its own told."""
    table = tables().turns
    query = table.select().where(table.c.incident == incident).order_by(table.c.number.desc())
    row = connection.execute(query.limit(1)).mappings().first()
    return None if row is None else _noted(dict(row))


def pending_turns(connection: Transaction, model: str) -> list[NotedTurn]:
    """The turns that no digest has told yet, oldest first."""
    table = tables().turns
    query = table.select().where(table.c.model == model, table.c.digest.is_(None))
    rows = connection.execute(query.order_by(table.c.number)).mappings()
    return [_noted(dict(row)) for row in rows]


def mark_told(connection: Transaction, model: str, digest: str) -> None:
    """The digest with the thread *digest* tells all that is pending."""
    table = tables().turns
    pending = (table.c.model == model) & table.c.digest.is_(None)
    connection.execute(table.update().where(pending).values(digest=digest))


def last_week(connection: Transaction, model: str) -> date | None:
    """The Monday of the latest week in which the digest of the one before was told."""
    table = tables().weeks
    query = table.select().where(table.c.model == model).order_by(table.c.monday.desc())
    row = connection.execute(query.limit(1)).mappings().first()
    return None if row is None else row["monday"]


def mark_week(connection: Transaction, model: str, monday: date, *, at: datetime) -> bool:
    """Note in the caller's transaction that a week is told; False if it was before."""
    if monday <= (last_week(connection, model) or date.min):
        return False
    row = {"model": model, "monday": monday, "at": at}
    connection.execute(tables().weeks.insert(), row)
    return True


def _noted(row: dict[str, object]) -> NotedTurn:
    fields = {name: value for name, value in row.items() if name != "model"}
    return NotedTurn(**fields | {"turn": Turn(str(row["turn"]))})  # type: ignore[arg-type]
