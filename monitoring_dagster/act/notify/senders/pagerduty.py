"""PagerDuty, Events API v2: an incident of ours is one of theirs, whoever sends how often.

The deduplication key is our incident's id, so a request that may have arrived is simply repeated.
What was decided or done (a promotion, a digest) goes to the change events, which page nobody and
know no key: there a repeated request may show twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monitoring_dagster.act.notify.sender import Posting, Receipt
from monitoring_dagster.act.notify.senders.https import post
from monitoring_dagster.kinds import Reason, Severity
from monitoring_dagster.report.events import Announcement, IncidentEvent
from monitoring_dagster.report.messages import Message

_SEVERITY = {
    Severity.P0: "critical",
    Severity.P1: "error",
    Severity.P2: "warning",
    Severity.P3: "info",
}
_ACTION = {
    Reason.RESOLVED: "resolve",
    Reason.ACKNOWLEDGED: "acknowledge",
    Reason.ASSIGNED: "acknowledge",
    Reason.SNOOZED: "acknowledge",
}  # any other is a trigger
_SUMMARY = 1024  # characters, PagerDuty's own limit


@dataclass(frozen=True)
class PagerDuty:
    """Sends to the services whose routing keys the *environment* holds."""

    environment: Mapping[str, str] = field(repr=False)
    base_url: str = "https://events.pagerduty.com/"

    def send(self, posting: Posting) -> Receipt:
        """Trigger, acknowledge or resolve."""
        path, event = event_of(posting)
        key = self.environment.get(posting.address, "")
        post(f"{self.base_url}{path}", {"routing_key": key, **event})
        return Receipt(posting.address, posting.delivery.incident)

    def settle(self, posting: Posting) -> None:
        """Send it again: the key makes it one."""


def event_of(posting: Posting) -> tuple[str, dict[str, Any]]:
    """The path of the request, and what it says but for the routing key."""
    event, message = posting.delivery.event, posting.message
    if isinstance(event, Announcement):
        return "v2/change/enqueue", {
            "payload": {
                "summary": message.headline[:_SUMMARY],
                "source": event.model,
                "timestamp": posting.delivery.created_at.isoformat(),
                "custom_details": _details(message),
            },
            "links": _links(message),
        }
    found: dict[str, Any] = {
        "event_action": _ACTION.get(event.reason, "trigger"),
        "dedup_key": posting.delivery.incident,
    }
    if found["event_action"] == "trigger":
        found |= {
            "client": "monitoring-dagster",
            "payload": _payload(event, message, posting),
            "links": _links(message),
        }
    return "v2/enqueue", found


def _payload(event: IncidentEvent, message: Message, posting: Posting) -> dict[str, Any]:
    return {
        "summary": message.headline[:_SUMMARY],
        "source": event.model,
        "severity": _SEVERITY[event.severity],
        "timestamp": posting.delivery.created_at.isoformat(),
        "component": event.model,
        "group": event.owner,
        "class": event.kind.value,
        "custom_details": _details(message),
    }


def _details(message: Message) -> dict[str, Any]:
    return {
        "what": message.lead,
        **dict(message.findings),
        **({"more findings": message.more} if message.more else {}),
        **dict(message.facts),
        **({"likely cause": message.cause} if message.cause else {}),
        **({"next step": message.next_step} if message.next_step else {}),
    }


def _links(message: Message) -> list[dict[str, str]]:
    return [
        {"href": link.url, "text": link.label}
        for link in message.links
        if link.url.startswith(("https://", "http://"))
    ]
