"""Sender of one kind of channel: what it is given, what it achieves, and how certain that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.report.messages import Message
from monitoring_dagster.store.ledger.deliveries import Delivery

OUTBOX = "outbox"  # the place of what was written to the local page instead
TIMEOUT_SECONDS = 10  # that one request may take


class NotDelivered(MonitoringError):
    """A channel did not do what it was asked. Holds a code, never a secret or a message."""


class Refused(NotDelivered):
    """Certainly not done; it may be tried again."""

    @classmethod
    def not_set(cls, variable: str) -> Self:
        return cls(f"{variable} is not set in the environment")

    @classmethod
    def unknown(cls, kind: str) -> Self:
        return cls(f"this version knows no channel {kind!r}")


class RefusedForEver(Refused):
    """Certainly not done, and the same message never will be."""


class Uncertain(NotDelivered):
    """Perhaps done, perhaps not."""

    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a message arrived: a place in the channel, and the reference it has there."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class Posting:
    """One delivery, as the sender of its channel needs it."""

    delivery: Delivery
    address: str  # the destination without its kind
    message: Message
    earlier: tuple[Delivery, ...]  # what arrived there of the same thread, in order
    opening: Message | None  # how the message that opened the thread reads from now on

    @property
    def root(self) -> Delivery | None:
        """The message that opened the thread; None where this one opens it."""
        return self.earlier[0] if self.earlier else None


class Sender(Protocol):
    """How messages of one kind of channel get there, and what can be learnt of them afterwards."""

    def send(self, posting: Posting) -> Receipt:
        """Deliver it once.

        Raises
        ------
        Refused, RefusedForEver, Uncertain
        """

    def settle(self, posting: Posting) -> Receipt | None:
        """What became of an attempt with an unknown end: its receipt, or None to send it again.

        Raises
        ------
        Refused, Uncertain
            Nobody can say yet: it is asked again later.
        """
