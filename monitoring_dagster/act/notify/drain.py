"""Drain of the outbox: claim a message, send it, and settle what nobody knows the end of.

Every message is claimed in the ledger before anybody is spoken to, so a crash between any two lines
leaves a claim; after `GRACE` it is settled by its channel, which looks it up or sends it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from monitoring_dagster.act.notify.receivers import Receivers
from monitoring_dagster.act.notify.sender import (
    OUTBOX,
    NotDelivered,
    Posting,
    Receipt,
    Refused,
    RefusedForEver,
    Uncertain,
)
from monitoring_dagster.report.events import Announcement, IncidentEvent
from monitoring_dagster.report.links import Links
from monitoring_dagster.report.messages import opening_of, render
from monitoring_dagster.report.on_call import OnCall, Roster
from monitoring_dagster.report.outbox import PAGE, Entry, write_outbox
from monitoring_dagster.spec.channels import kind_and_address
from monitoring_dagster.store.ledger.deliveries import Delivery
from monitoring_dagster.store.ledger.ledger import Ledger

GRACE = timedelta(seconds=120)  # longer than a time-out, the lag of Slack's history and clock skew
TO_SETTLE = timedelta(seconds=20)  # of a drain, however many receivers hang
TO_DRAIN = timedelta(seconds=40)  # in all: Dagster gives the tick of a sensor 60


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one drain achieved, in messages."""

    sent: int = 0
    ambiguous: int = 0
    failed: int = 0

    @property
    def words(self) -> str:
        """
        >>> Delivered(sent=2, ambiguous=1).words
        '2 sent, 1 to be looked up, 0 failed'
        """
        return f"{self.sent} sent, {self.ambiguous} to be looked up, {self.failed} failed"


def drain(
    ledger: Ledger,
    *,
    links: Links,
    outbox: Path,
    environment: Mapping[str, str],
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    max_messages: int = 20,
    has_buttons: bool = False,
    roster: Roster | None = None,
) -> Delivered:
    """Send what waits in the ledger, each message to its destination.

    May be called at any time by any number of processes. No failure of a channel is raised: it is
    kept with the message, for ``Deliveries.waiting`` to show.

    Parameters
    ----------
    outbox
        The folder of the page for what has no credentials; see `Receivers`.
    environment
        Holds the secrets.
    clock, sleep
        Aware UTC now, and how to wait so many seconds.
    max_messages
        To send away in this drain; the page takes any number.
    has_buttons
        Whether anybody may handle incidents by a click in Slack.
    roster
        Who is on call when a message goes out.
    """
    receivers = Receivers(environment, clock, sleep, has_buttons)
    work = _Drain(ledger, links, receivers, clock, roster)
    delivered = work.run(max_messages)
    if work.on_page or not (receivers.has_secrets or (outbox / PAGE).exists()):
        write_outbox(outbox, entries(ledger, links, roster=roster))
    return delivered


def entries(
    ledger: Ledger, links: Links, *, limit: int = 500, roster: Roster | None = None
) -> list[Entry]:
    """The latest *limit* messages as they read now: an opening message tells all that came of it.

    A message that went to several destinations is one entry. Each has the time that it is about,
    which in a replay is not the time of sending.
    """
    deliveries = ledger.deliveries.sent(limit=limit)
    places: dict[tuple[str, int], list[Delivery]] = {}
    for delivery in deliveries:
        places.setdefault((delivery.incident, delivery.seq), []).append(delivery)
    threads: dict[str, list[IncidentEvent | Announcement]] = {}
    for (thread, _), same in sorted(places.items()):
        threads.setdefault(thread, []).append(same[0].event)
    return [
        Entry(
            id=same[0].id,
            thread=thread,
            channel=", ".join(dict.fromkeys(one.destination for one in same)),
            at=same[0].created_at,
            message=opening_of(threads[thread], links, on_call=_on_call(roster, same[0]))
            if same[0].event is threads[thread][0]
            else render(same[0].event, links, on_call=_on_call(roster, same[0])),
        )
        for (thread, _), same in places.items()
        if not _is_quiet(same[0])
    ]


@dataclass
class _Drain:
    ledger: Ledger
    links: Links
    receivers: Receivers
    clock: Callable[[], datetime]
    roster: Roster | None
    on_page: bool = False  # whether anything went to the local page

    def run(self, max_messages: int) -> Delivered:
        end = self.clock() + TO_DRAIN
        queue, outcomes = self.ledger.deliveries, self._settle_all()
        ill, sent_away = set[str](), 0
        while sent_away < max_messages and self.clock() < end:
            claimed = queue.claim(now=self.clock(), skip=ill)
            if claimed is None:
                break
            outcome, receipt = self._send(claimed)
            sent_away += receipt is None or receipt.channel != OUTBOX
            outcomes.append(outcome)
            if outcome in ("ambiguous", "failed"):
                ill.add(claimed.destination)  # what comes next waits for the next drain
        return Delivered(
            sent=outcomes.count("sent"),
            ambiguous=outcomes.count("ambiguous"),
            failed=outcomes.count("failed") + outcomes.count("dead"),
        )

    def _settle_all(self) -> list[str]:
        begun = self.clock()
        stale = self.ledger.deliveries.stale_claims(now=begun, grace=GRACE)
        # Each drain begins with another one, so those that hang do not always come first.
        first = int(begun.timestamp() // 30) % len(stale) if stale else 0
        outcomes, silent = list[str](), set[str]()
        for delivery in [*stale[first:], *stale[:first]]:
            if self.clock() - begun >= TO_SETTLE:
                break
            if delivery.destination not in silent:
                outcomes.append(self._settle(delivery))
                if outcomes[-1] == "ambiguous":
                    silent.add(delivery.destination)
        return outcomes

    def _send(self, delivery: Delivery) -> tuple[str, Receipt | None]:
        queue, posting = self.ledger.deliveries, self._posting(delivery)
        try:
            receipt = self.receivers.sender_of(delivery.destination).send(posting)
        except RefusedForEver as refusal:
            queue.mark_dead(delivery, str(refusal))
            return "dead", None
        except Refused as refusal:
            queue.mark_failed(delivery, str(refusal))
            return "failed", None
        except Uncertain as doubt:
            queue.mark_ambiguous(delivery, str(doubt))
            return "ambiguous", None
        except Exception as error:  # one channel's mistake must not hold up the others
            queue.mark_ambiguous(delivery, type(error).__name__)
            return "ambiguous", None
        self._mark_sent(delivery, receipt)
        return "sent", receipt

    def _settle(self, delivery: Delivery) -> str:
        """Learn what became of an old claim; while nobody can say, the claim stands."""
        queue, posting = self.ledger.deliveries, self._posting(delivery)
        try:
            receipt = self.receivers.sender_of(delivery.destination).settle(posting)
        except Exception as error:
            reason = str(error) if isinstance(error, NotDelivered) else type(error).__name__
            queue.mark_ambiguous(delivery, f"cannot look it up: {reason}")
            return "ambiguous"
        if receipt is None:
            queue.mark_failed(delivery, "it never arrived, or may be repeated: to be sent again")
            return "missing"
        self._mark_sent(delivery, receipt)
        return "sent"

    def _mark_sent(self, delivery: Delivery, receipt: Receipt) -> None:
        self.on_page |= receipt.channel == OUTBOX
        self.ledger.deliveries.mark_sent(
            delivery, channel=receipt.channel, ts=receipt.ts, now=self.clock()
        )

    def _posting(self, delivery: Delivery) -> Posting:
        thread = self.ledger.deliveries.thread(delivery.incident, delivery.destination)
        earlier = tuple(one for one in thread if one.seq < delivery.seq)
        events = [one.event for one in (*earlier, delivery)]
        on_call = _on_call(self.roster, delivery)
        return Posting(
            delivery=delivery,
            address=kind_and_address(delivery.destination)[1],
            message=render(delivery.event, self.links, on_call=on_call),
            earlier=earlier,
            opening=opening_of(events, self.links, on_call=on_call) if earlier else None,
        )


def _on_call(roster: Roster | None, delivery: Delivery) -> OnCall | None:
    """Who was on call when a message's turn came: the same person however often it is tried."""
    return roster.on_call(delivery.goes_out_at) if roster is not None else None


def _is_quiet(delivery: Delivery) -> bool:
    event = delivery.event
    return isinstance(event, IncidentEvent) and event.quietly
