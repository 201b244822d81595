"""Watch over delivery itself: a receiver that is out of order is told of once, by another way."""

import logging
from datetime import timedelta
from typing import Self

from monitoring_dagster.act.notify.drain import entries
from monitoring_dagster.act.notify.rosters import roster_of
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.report.events import Announcement
from monitoring_dagster.report.outbox import write_outbox
from monitoring_dagster.report.wording import counted
from monitoring_dagster.store.ledger.deliveries import Outage, Waiting
from monitoring_dagster.store.monitor import House

_log = logging.getLogger("monitoring_dagster.notifier")


class OutOfOrder(MonitoringError):
    """Messages to a receiver do not arrive. Raised once, when that is noticed."""

    @classmethod
    def of(cls, outages: list[Outage]) -> Self:
        return cls("; ".join(f"{one.destination} is out of order: {one.words}" for one in outages))


def watch(house: House) -> None:
    """Notice which receivers are out of order, and tell it once for each outage.

    A receiver is, while a message waits for longer than the notifier's ``overdue_minutes`` or was
    refused for ever. Its beginning and its end go to the log, onto the local page, and to the
    ``fallback`` where one is set.

    Raises
    ------
    OutOfOrder
        An outage has begun: the tick of the sensor that noticed it fails, for people who look at
        Dagster.
    """
    queue, now, overdue = house.ledger.deliveries, house.now(), house.notifier.overdue
    waiting = queue.waiting_by_destination(now)
    ill = {place: _words(one) for place, one in waiting.items() if is_ill(one, overdue=overdue)}
    if not ill and not queue.outages():
        return

    def announced(outage: Outage, is_over: bool) -> Announcement:
        model = waiting[outage.destination].model if outage.destination in waiting else None
        return announcement_of(outage, model=model or "notifier", house=house, is_over=is_over)

    begun, ended = queue.note_outages(
        ill, now=now, fallback=house.notifier.fallback, announcement=announced
    )
    for one in ended:
        _log.warning("%s takes messages again", one.destination)
    for one in begun:
        _log.error("%s is out of order: %s", one.destination, one.words)
    if begun or ended:
        notices = [f"{one.destination} is out of order: {one.words}" for one in queue.outages()]
        write_outbox(
            house.outbox,
            entries(house.ledger, house.links, roster=roster_of(house)),
            notices=notices,
        )
    if begun:
        raise OutOfOrder.of(begun)


def is_ill(waiting: Waiting, *, overdue: timedelta) -> bool:
    """Whether what waits is too old, or dead."""
    return waiting.dead > 0 or (waiting.oldest is not None and waiting.oldest > overdue)


def announcement_of(outage: Outage, *, model: str, house: House, is_over: bool) -> Announcement:
    """What the fallback hears of an outage."""
    now = house.now()
    state = "arrive again" if is_over else "do not arrive"
    return Announcement(
        model=model,
        registered_model=model,
        owner="-",
        kind=FindingKind.FAILED_RUN,
        day=now.date(),
        title=f"messages to {outage.destination} {state}",
        words=f"Out of order since {outage.since:%Y-%m-%d %H:%M} UTC."
        if is_over
        else f"Noticed at {outage.since:%Y-%m-%d %H:%M} UTC. `monitoring-dagster status` shows it.",
        at=now,
        rows=((outage.destination, outage.words),),
        total=1,
    )


def _words(waiting: Waiting) -> str:
    """Such as "3 messages wait, the oldest for 40 min (last error: invalid_auth)"."""
    parts = []
    if waiting.pending + waiting.claimed:
        waits = counted(waiting.pending + waiting.claimed, "message")
        minutes = int(waiting.oldest.total_seconds() // 60) if waiting.oldest else 0
        parts.append(f"not delivered: {waits}, the oldest for {minutes} min")
    if waiting.dead:
        parts.append(f"refused for ever: {counted(waiting.dead, 'message')}")
    error = f" (last error: {waiting.last_error})" if waiting.last_error else ""
    return f"{'; '.join(parts)}{error}"
