"""Silences, and the messages that they hold back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitoring_dagster.decide.people.silences import Silence, silence_of
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.report.events import EVENT, Announcement, IncidentEvent
from monitoring_dagster.spec.matchers import Matcher
from monitoring_dagster.spec.schedule import BusinessHours
from monitoring_dagster.store.ledger.database import reading, writing
from monitoring_dagster.store.ledger.schema import DROPPED, PENDING, SILENCED, storable, tables

if TYPE_CHECKING:
    from monitoring_dagster.store.ledger.database import Transaction


@dataclass(frozen=True)
class Silences:
    """The silences in the ledger's database at *url*."""

    url: str = field(repr=False)
    hours: BusinessHours = field(default_factory=BusinessHours)

    def all(self) -> list[Silence]:
        """Every silence, those that have ended too, oldest first."""
        with reading(self.url) as connection:
            return _all(connection)

    def add(
        self,
        matchers: Sequence[Matcher],
        *,
        now: datetime,
        ends_at: datetime,
        by: str,
        comment: str,
    ) -> Silence:
        """Silence from now on what matches all of *matchers*; what waits already goes out."""
        row = {
            "matchers": [storable(str(one)) for one in matchers],
            "starts_at": now,
            "ends_at": ends_at,
            "by": storable(by),
            "comment": storable(comment),
        }
        with writing(self.url, "silences") as connection:
            made = connection.execute(tables().silences.insert(), row)
            number = int(made.inserted_primary_key[0])  # type: ignore[index]
            return next(one for one in _all(connection) if one.number == number)

    def expire(self, number: int, *, now: datetime) -> Silence | None:
        """End a silence now; one that has ended stays as it is. None if there is none."""
        table = tables().silences
        with writing(self.url, "silences") as connection:
            of = (table.c.number == number) & (table.c.ends_at > now)
            connection.execute(table.update().where(of).values(ends_at=now))
            return next((one for one in _all(connection) if one.number == number), None)

    def held_back(self, model: str, since: datetime, until: datetime) -> dict[str, str]:
        """By incident, by whom messages about it were held back that did not go out since.

        Those of messages from *since* to before *until* count, of one incident the latest.
        """
        table = tables().deliveries
        query = table.select().where(
            table.c.silenced.is_not(None),
            table.c.state.in_([SILENCED, DROPPED]),
            table.c.created_at >= since,
            table.c.created_at < until,
        )
        with reading(self.url) as connection:
            rows = connection.execute(query.order_by(table.c.created_at)).mappings().all()
        return {row["incident"]: row["silenced"] for row in rows if row["event"]["model"] == model}

    def release(self, *, now: datetime) -> int:
        """Send what no silence holds back any more, if it is still so; returns how many messages.

        Of several messages about one incident the latest goes out; of an incident that is over,
        none. What may go out in business hours alone waits for them.
        """
        table = tables().deliveries
        held = table.select().where(table.c.state == SILENCED).order_by(table.c.seq.desc())
        with reading(self.url) as connection:
            if connection.execute(held.limit(1)).first() is None:
                return 0
        released = 0
        with writing(self.url, "silences") as connection:
            silences = _all(connection)
            for row in map(dict, connection.execute(held).mappings().all()):
                event = EVENT.validate_python(row["event"])
                if silence_of(silences, signs_of(event), now=now) is not None:
                    continue
                state = _state_of(connection, row)
                if state is not None:
                    again = {"created_at": now} if state == PENDING else {}
                    if again and row["not_before"] is not None:
                        again["not_before"] = self.hours.opening(now)
                    connection.execute(
                        table.update().where(table.c.id == row["id"]).values(state=state, **again)
                    )
                    released += state == PENDING
        return released


def silenced_by(connection: Transaction, event: IncidentEvent, *, now: datetime) -> str | None:
    """By whom messages about *event* are held back now, in words; None if they are not."""
    found = silence_of(_all(connection), signs_of(event), now=now)
    return None if found is None else found.words


def signs_of(event: IncidentEvent | Announcement) -> list[dict[str, str]]:
    """What matchers see of an event: labels for each rule that it tells of, and each segment."""
    about = {
        "model": event.model,
        "owner": event.owner,
        "family": str(RULES[event.kind].family),
        "segment": "",
    }
    if isinstance(event, Announcement):
        return [about | {"kind": str(event.kind), "severity": ""}]
    told = {(one.kind, one.segment): one.severity for one in reversed(event.findings)}
    if event.total > len(event.findings):  # of the rest nobody knows the segment
        told |= {(one.kind, ""): one.severity for one in reversed(event.findings)}
    return [
        about | {"kind": str(kind), "segment": segment, "severity": str(severity)}
        for (kind, segment), severity in (told or {(event.kind, ""): event.severity}).items()
    ]


def _state_of(connection: Transaction, row: Mapping[str, Any]) -> str | None:
    """What becomes of a message that nobody silences any more; None while nobody can say."""
    deliveries, incidents = tables().deliveries, tables().incidents
    query = incidents.select().where(incidents.c.id == row["incident"])
    incident = connection.execute(query).mappings().first()
    if incident is None or incident["closed_on"] is not None:
        return DROPPED
    later = deliveries.select().where(
        deliveries.c.incident == row["incident"],
        deliveries.c.destination == row["destination"],
        deliveries.c.seq > row["seq"],
        deliveries.c.state != DROPPED,
    )
    if connection.execute(later.limit(1)).first() is not None:
        return DROPPED
    is_firing = any(one["firing"] for one in incident["parts"].values())
    return PENDING if is_firing else None


def _all(connection: Transaction) -> list[Silence]:
    table = tables().silences
    rows = connection.execute(table.select().order_by(table.c.number)).mappings()
    return [
        Silence(**{**row, "matchers": tuple(map(Matcher.parsed, row["matchers"]))}) for row in rows
    ]
