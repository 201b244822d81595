"""Which messages still have to go out?  A queue that survives crashes between any two lines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from monitoring_dagster.report.events import EVENT, Announcement, IncidentEvent, opens_no_thread
from monitoring_dagster.spec.channels import kind_and_address
from monitoring_dagster.store.ledger.database import reading, writing
from monitoring_dagster.store.ledger.schema import (
    CLAIMED,
    DEAD,
    DROPPED,
    PENDING,
    SENT,
    SILENCED,
    fields_of,
    tables,
)

if TYPE_CHECKING:
    from monitoring_dagster.store.ledger.database import Transaction

_OUTAGES = UUID("b7f3a3c0-5a0e-5d7b-8f58-0d7a6c1c9a42")
_KEEP_STATE = ("pagerduty", "alertmanager")  # an end there is no message to people
_LIVING = (PENDING, CLAIMED, SENT, DEAD)  # people heard of it, or will


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way: what it says, where it goes, and how far it has come."""

    id: str
    incident: str
    seq: int  # its place in the thread of its incident
    destination: str  # the kind of channel and the address there: slack:#ml-alerts
    event: IncidentEvent | Announcement
    state: str
    attempts: int
    created_at: datetime
    claimed_at: datetime | None
    sent_at: datetime | None
    channel: str | None  # where it arrived ...
    ts: str | None  # ... and under which timestamp
    last_error: str | None
    silenced: str | None = None  # by whom, where a silence held it back
    key: str | None = None  # of an announcement: what is told once, wherever it stands
    not_before: datetime | None = None  # in business hours, from then on; None: at any hour

    @property
    def goes_out_at(self) -> datetime:
        """When its turn comes."""
        return max(self.created_at, self.not_before or self.created_at)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What has not arrived yet. ``oldest`` is how long the first that is not dead is overdue.

    What waits for business hours is ``held``, and neither pending nor overdue.
    """

    pending: int
    claimed: int
    dead: int
    oldest: timedelta | None
    last_error: str | None
    model: str | None = None  # that the oldest is about
    held: int = 0


@dataclass(frozen=True, slots=True)
class Outage:
    """A destination that takes no messages, since somebody noticed."""

    destination: str
    since: datetime
    words: str

    @property
    def thread(self) -> str:
        """The thread of messages about it."""
        return str(uuid5(_OUTAGES, f"{self.destination}/{self.since.isoformat()}"))


@dataclass(frozen=True)
class Deliveries:
    """The queue in the ledger's database at *url*."""

    url: str = field(repr=False)

    def claim(self, *, now: datetime, skip: Collection[str] = ()) -> Delivery | None:
        """Take the next message to send, for this process alone, or None.

        The claim is committed before the caller speaks to anybody. A reply waits for the messages
        before it at its own destination, and for ever if the one that opens the thread there is
        dead. Destinations in *skip* are left alone, and what waits for business hours waits.
        """
        table = tables().deliveries
        earlier, opening = table.alias("earlier"), table.alias("opening")
        unsettled = earlier.c.state.in_([PENDING, CLAIMED])
        has_thread = _before(opening, table).where(opening.c.state == SENT).exists()
        no_thread = (earlier.c.state == DEAD) & ~has_thread
        blocked = _before(earlier, table).where(unsettled | no_thread).exists()
        is_time = table.c.not_before.is_(None) | (table.c.not_before <= now)
        following = (
            table.select()
            .where(table.c.state == PENDING, table.c.destination.not_in(skip), is_time, ~blocked)
            .order_by(table.c.created_at, table.c.incident, table.c.seq)
            .limit(1)
            .with_for_update(skip_locked=True, of=table)
        )
        with writing(self.url) as connection:
            row = connection.execute(following).mappings().one_or_none()
            if row is None:
                return None
            claim = {"state": CLAIMED, "claimed_at": now, "attempts": row["attempts"] + 1}
            connection.execute(table.update().where(table.c.id == row["id"]).values(claim))
        return _delivery({**row, **claim})

    def stale_claims(self, *, now: datetime, grace: timedelta) -> list[Delivery]:
        """Messages that were claimed longer than *grace* ago: sent or not, nobody knows."""
        columns = tables().deliveries.c
        return self._all(
            columns.state == CLAIMED,
            columns.claimed_at <= now - grace,
            order=columns.claimed_at,
        )

    def thread(self, incident: str, destination: str) -> list[Delivery]:
        """What has arrived of one incident at one destination, in order."""
        columns = tables().deliveries.c
        here = (columns.incident == incident) & (columns.destination == destination)
        return self._all(here, columns.state == SENT, order=columns.seq)

    def all_of(self, incident: str) -> list[Delivery]:
        """Every message about one incident, whatever became of it, in order."""
        columns = tables().deliveries.c
        return self._all(columns.incident == incident, order=(columns.seq, columns.destination))

    def sent(self, *, limit: int) -> list[Delivery]:
        """The latest *limit* messages that arrived, oldest first."""
        columns = tables().deliveries.c
        latest = self._all(columns.state == SENT, order=columns.sent_at.desc(), limit=limit)
        return sorted(latest, key=lambda delivery: (delivery.sent_at, delivery.seq))

    def messages(self, start: datetime, end: datetime, *, model: str | None = None) -> int:
        """How many messages came up from *start* to before *end* and were held back by nobody; one
        that goes to several destinations is one."""
        columns = tables().deliveries.c
        lately = self._all(
            columns.created_at >= start,
            columns.created_at < end,
            columns.state.in_(_LIVING),
            order=columns.created_at,
        )
        of_model = [one for one in lately if model in (None, one.event.model)]
        return len({(one.incident, one.seq) for one in of_model})

    def mark_sent(self, delivery: Delivery, *, channel: str, ts: str, now: datetime) -> None:
        """The message is there."""
        # Not tied to the claim: what is visible is sent, whoever learns of it.
        table = tables().deliveries
        values = {"state": SENT, "channel": channel, "ts": ts, "sent_at": now, "last_error": None}
        with writing(self.url) as connection:
            connection.execute(
                table.update()
                .where(table.c.id == delivery.id, table.c.state != SENT)
                .values(values)
            )

    def mark_failed(self, delivery: Delivery, error: str) -> None:
        """The message is certainly not there: it may be tried again."""
        self._settle(delivery, state=PENDING, error=error)

    def mark_ambiguous(self, delivery: Delivery, error: str) -> None:
        """The message may be there: it stays claimed until somebody has looked."""
        self._settle(delivery, state=CLAIMED, error=error)

    def mark_dead(self, delivery: Delivery, error: str) -> None:
        """The message was refused and would be again: a person has to look."""
        self._settle(delivery, state=DEAD, error=error)

    def revive(self) -> int:
        """Try the dead messages again; returns how many."""
        table = tables().deliveries
        dead = table.update().where(table.c.state == DEAD)
        with writing(self.url) as connection:
            return connection.execute(dead.values(state=PENDING)).rowcount

    def waiting(self, now: datetime, *, model: str | None = None) -> Waiting:
        """What has not arrived yet, of all models or of one."""
        return _waiting([one for one in self._rest() if model in (None, one.event.model)], now)

    def waiting_by_destination(self, now: datetime) -> dict[str, Waiting]:
        """What has not arrived yet at each destination that misses something."""
        rest: dict[str, list[Delivery]] = {}
        for one in self._rest():
            rest.setdefault(one.destination, []).append(one)
        return {destination: _waiting(found, now) for destination, found in rest.items()}

    def outages(self) -> list[Outage]:
        """The destinations that are known to be out of order."""
        with reading(self.url) as connection:
            return _outages(connection)

    def note_outages(
        self,
        ill: Mapping[str, str],
        *,
        now: datetime,
        fallback: str | None,
        announcement: Callable[[Outage, bool], Announcement],
    ) -> tuple[list[Outage], list[Outage]]:
        """Keep which destinations are *ill*, each with words; returns what began and what ended.

        What begins or ends is announced to the *fallback*, in the same transaction and so once,
        but for its own: ``announcement(outage, is_over)`` is what it hears.
        """
        table = tables().outages
        with writing(self.url, "outages") as connection:
            known = {one.destination: one for one in _outages(connection)}
            begun = [Outage(one, now, ill[one]) for one in sorted(ill) if one not in known]
            ended = [one for one in known.values() if one.destination not in ill]
            gone = [one.destination for one in ended]
            connection.execute(table.delete().where(table.c.destination.in_(gone)))
            for one in begun:
                connection.execute(table.insert(), fields_of(one))
            for one in [*begun, *ended]:
                if fallback not in (None, one.destination):
                    is_over = one in ended
                    add_deliveries(
                        connection,
                        one.thread,
                        int(is_over),
                        destinations=[str(fallback)],
                        event=announcement(one, is_over),
                        now=now,
                    )
        return begun, ended

    def _rest(self) -> list[Delivery]:
        columns = tables().deliveries.c
        undelivered = columns.state.in_([PENDING, CLAIMED, DEAD])
        return self._all(undelivered, order=columns.created_at)

    def _all(self, *where: Any, order: Any, limit: int | None = None) -> list[Delivery]:
        order = order if isinstance(order, tuple) else (order,)
        query = tables().deliveries.select().where(*where).order_by(*order).limit(limit)
        with reading(self.url) as connection:
            return [_delivery(dict(row)) for row in connection.execute(query).mappings()]

    def _settle(self, delivery: Delivery, *, state: str, error: str) -> None:
        table = tables().deliveries
        # Only the latest claim may be settled; an overtaken sender has no say.
        ours = (table.c.state == CLAIMED) & (table.c.attempts == delivery.attempts)
        with writing(self.url) as connection:
            connection.execute(
                table.update()
                .where(table.c.id == delivery.id, ours)
                .values(state=state, last_error=error)
            )


def _outages(connection: Transaction) -> list[Outage]:
    table = tables().outages
    rows = connection.execute(table.select().order_by(table.c.destination)).mappings()
    return [Outage(**row) for row in rows]


def _waiting(rest: list[Delivery], now: datetime) -> Waiting:
    everything = rest
    rest = [one for one in everything if one.state != PENDING or one.goes_out_at <= now]
    states = [delivery.state for delivery in rest]
    living = [delivery.goes_out_at for delivery in rest if delivery.state != DEAD]
    errors = [delivery.last_error for delivery in rest if delivery.last_error]
    return Waiting(
        pending=states.count(PENDING),
        claimed=states.count(CLAIMED),
        dead=states.count(DEAD),
        oldest=now - min(living) if living else None,
        last_error=errors[-1] if errors else None,
        model=rest[0].event.model if rest else None,
        held=len(everything) - len(rest),
    )


def add_deliveries(
    connection: Transaction,
    incident: str,
    seq: int,
    *,
    destinations: Collection[str],
    event: IncidentEvent | Announcement,
    now: datetime,
    silenced: str | None = None,
    key: str | None = None,
    not_before: Callable[[str], datetime | None] = lambda _: None,
) -> bool:
    """Put one message into the queue, in the caller's transaction; False if it was there before.

    A thread goes on at every destination where it stands, and begins at those of *destinations*
    where it does not; an end or an acknowledgement begins nowhere. With *silenced*, the words by
    whom, the message is held back. What has a *key* is told once in all threads.

    ``not_before(destination)`` is from when on it may go there. A turn that goes out sooner than
    what the same thread still holds for business hours takes that along; an end waits for it.
    """
    table = tables().deliveries
    rows = connection.execute(table.select().where(table.c.incident == incident)).all()
    if any(row.seq == seq for row in rows):
        return False
    if key and connection.execute(table.select().where(table.c.key == key).limit(1)).first():
        return False
    standing = dict.fromkeys(row.destination for row in rows)
    living = {row.destination for row in rows if row.state in _LIVING}
    continues = opens_no_thread(event)
    receivers = list(standing if continues else dict.fromkeys([*standing, *destinations]))
    for receiver in receivers:
        state = SILENCED if silenced else PENDING
        if continues:  # who heard of the beginning hears of this, and nobody else
            state = PENDING if receiver in living else DROPPED
        held = [row for row in rows if row.destination == receiver and row.state == PENDING]
        values = {
            "id": _delivery_id(incident, seq, receiver),
            "incident": incident,
            "seq": seq,
            "destination": receiver,
            "event": EVENT.dump_python(event, mode="json"),
            "state": state,
            "attempts": 0,
            "created_at": now,
            "silenced": silenced if state == SILENCED else None,
            "key": key,
            "not_before": _turn_of(event, receiver, not_before(receiver), held),
        }
        connection.execute(table.insert(), values)
        if state == PENDING and isinstance(event, IncidentEvent) and not continues:
            _take_along(connection, held, values["not_before"] or now)
    return bool(receivers)


def _turn_of(
    event: IncidentEvent | Announcement,
    receiver: str,
    own: datetime | None,
    held: Sequence[Any],
) -> datetime | None:
    """From when on a message may go out: never an end before what it ends, and where a machine
    keeps the state, or a person did it, an end at once."""
    if isinstance(event, IncidentEvent):
        if not opens_no_thread(event):
            return own
        if event.by or kind_and_address(receiver)[0] in _KEEP_STATE:
            own = None
    moments = [moment for moment in (own, *(row.not_before for row in held)) if moment]
    return max(moments, default=None)


def _take_along(connection: Transaction, held: Sequence[Any], moment: datetime) -> None:
    """Let what the thread holds at a receiver go out with what comes after it."""
    table = tables().deliveries
    late = [row.id for row in held if row.not_before is not None and row.not_before > moment]
    if late:
        of = table.update().where(table.c.id.in_(late))
        connection.execute(of.values(not_before=moment))


def next_seq(connection: Transaction, incident: str) -> int:
    """The place of one more reply in a thread."""
    table = tables().deliveries
    rows = connection.execute(table.select().where(table.c.incident == incident))
    return max((int(row.seq) for row in rows), default=-1) + 1


def _delivery_id(incident: str, seq: int, destination: str) -> str:
    return str(uuid5(UUID(incident), f"{seq}/{destination}"))


def _before(earlier: Any, table: Any) -> Any:
    """The messages of the same thread at the same destination that come before."""
    here = (
        earlier.c.incident == table.c.incident,
        earlier.c.destination == table.c.destination,
        earlier.c.seq < table.c.seq,
    )
    return earlier.select().where(*here).correlate(table)


def _delivery(row: dict[str, Any]) -> Delivery:
    return Delivery(**{**row, "event": EVENT.validate_python(row["event"])})
