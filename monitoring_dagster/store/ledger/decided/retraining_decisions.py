"""Decisions about retraining, one for each trigger, with their inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from monitoring_dagster.store.ledger.database import reading, writing
from monitoring_dagster.store.ledger.schema import fields_of, tables


@dataclass(frozen=True, slots=True)
class RetrainingDecision:
    """What was decided about one trigger, and from which inputs."""

    model: str
    trigger_id: str
    day: date
    outcome: str
    words: str
    inputs: Mapping[str, Any]
    at: datetime


def record_decision(url: str, decision: RetrainingDecision) -> bool:
    """Store a retraining decision; False if its trigger was decided before."""
    table = tables().decisions
    key = (table.c.model == decision.model, table.c.trigger_id == decision.trigger_id)
    with writing(url, decision.model) as connection:
        if connection.execute(table.select().where(*key)).first():
            return False
        connection.execute(table.insert(), fields_of(decision))
    return True


def decisions_of(url: str, model: str) -> list[RetrainingDecision]:
    """The retraining decisions of *model*, oldest first."""
    table = tables().decisions
    query = table.select().where(table.c.model == model).order_by(table.c.at, table.c.trigger_id)
    with reading(url) as connection:
        return [RetrainingDecision(**row) for row in connection.execute(query).mappings()]
