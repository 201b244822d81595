"""Changes that people and deployment scripts noted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitoring_dagster.decide.diagnosis.changes import Change, ChangeKind
from monitoring_dagster.store.ledger.database import reading, writing
from monitoring_dagster.store.ledger.schema import fields_of, tables

if TYPE_CHECKING:
    from monitoring_dagster.store.ledger.database import Transaction


def note_change(url: str, model: str, change: Change) -> bool:
    """Store a change of *model*; False where the same one was noted before."""
    with writing(url, model) as connection:
        if change in changes_between(connection, model, change.at, change.at):
            return False
        connection.execute(tables().changes.insert(), {"model": model, **fields_of(change)})
    return True


def changes_of(url: str, model: str, first: datetime, last: datetime) -> list[Change]:
    """What was noted of *model* from *first* to *last*, both included, oldest first."""
    with reading(url) as connection:
        return changes_between(connection, model, first, last)


def changes_between(
    connection: Transaction, model: str, first: datetime, last: datetime
) -> list[Change]:
    """The same, within a transaction."""
    table = tables().changes
    query = table.select().where(table.c.model == model, table.c.at.between(first, last))
    rows = connection.execute(query.order_by(table.c.at, table.c.number)).mappings()
    return [_change_of(dict(row)) for row in rows]


def _change_of(row: Mapping[str, Any]) -> Change:
    fields = {name: one for name, one in row.items() if name not in ("number", "model")}
    return Change(**{**fields, "kind": ChangeKind(row["kind"])})
