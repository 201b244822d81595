"""Which labels did people discard, and which did they keep?  A record that only grows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Self, TypeAlias

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.store.ledger.database import reading, writing
from monitoring_dagster.store.ledger.schema import storable, tables

Key: TypeAlias = tuple[str, date]  # request id, and UTC day of its prediction: ids may come again

_SHOWN_CHARACTERS = 80


class Decision(StrEnum):
    """What becomes of a label."""

    DISCARD = "discard"  # it counts no more
    KEEP = "keep"  # somebody looked at it: it counts, again if it was discarded


class UnstorableRequest(MonitoringError):
    """A request id that no database can hold as it is."""

    @classmethod
    def named(cls, request_id: str) -> Self:
        return cls(
            f"request id {request_id[:_SHOWN_CHARACTERS]!r} holds a NUL or half a character:"
            " nothing can be decided about its label; correct it where the labels are made"
        )


@dataclass(frozen=True, slots=True)
class LabelDecision:
    """One decision about the label of one prediction; the newest one counts."""

    model: str
    request_id: str
    served_on: date
    decision: Decision
    reason: str
    by: str
    at: datetime

    @property
    def key(self) -> Key:
        return self.request_id, self.served_on

    @property
    def day(self) -> date:
        """The UTC day from whose end on it is known."""
        return self.at.astimezone(UTC).date()


@dataclass(frozen=True)
class LabelDecisions:
    """The decisions about labels in the ledger's database at *url*."""

    url: str = field(repr=False)

    def record(self, decisions: Sequence[LabelDecision]) -> int:
        """Store decisions of one model, all or none; returns how many were new.

        One that says what the newest about its label says, for the same reason and by the same
        person, is no new one.

        Raises
        ------
        UnstorableRequest
        """
        if not decisions:
            return 0
        for one in decisions:
            if storable(one.request_id) != one.request_id:
                raise UnstorableRequest.named(one.request_id)
        table = tables().label_decisions
        model = decisions[0].model
        with writing(self.url, model) as connection:
            query = table.select().where(table.c.model == model).order_by(table.c.number)
            said = {
                (row.request_id, row.served_on): (row.decision, row.reason, row.by)
                for row in connection.execute(query)
            }
            new = [
                one
                for one in dict.fromkeys(decisions)
                if said.get(one.key) != (one.decision, storable(one.reason), storable(one.by))
            ]
            if new:
                names = LabelDecision.__dataclass_fields__
                rows = [{name: getattr(one, name) for name in names} for one in new]
                connection.execute(table.insert(), rows)
        return len(new)

    def of(self, model: str) -> list[LabelDecision]:
        """All decisions about labels of *model*, oldest first."""
        table = tables().label_decisions
        query = table.select().where(table.c.model == model).order_by(table.c.number)
        with reading(self.url) as connection:
            rows = connection.execute(query).mappings().all()
        return [
            LabelDecision(
                **{k: v for k, v in row.items() if k not in ("number", "decision")},
                decision=Decision(row["decision"]),
            )
            for row in rows
        ]


def discarded_on(decisions: Iterable[LabelDecision], day: date) -> frozenset[Key]:
    """The labels whose newest decision by the end of *day* is to discard them."""
    newest = {one.key: one.decision for one in decisions if one.day <= day}
    return frozenset(key for key, said in newest.items() if said is Decision.DISCARD)
