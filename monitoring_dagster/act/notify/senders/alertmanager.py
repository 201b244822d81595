"""Prometheus Alertmanager, API v2, as a sink: an incident is one alert by its labels.

The labels are the incident, its model, family, leading rule and severity, so a request that may
have arrived is simply repeated. Where one of them changed it is another alert, and the former one
ends with the same request. Alertmanager keeps alerts in memory: one that is restarted knows of an
open incident again with the next message about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from monitoring_dagster.act.notify.sender import Posting, Receipt
from monitoring_dagster.act.notify.senders.https import post
from monitoring_dagster.decide.rules import RULES
from monitoring_dagster.kinds import Reason
from monitoring_dagster.report.events import Announcement, IncidentEvent
from monitoring_dagster.report.messages import Message, to_text

OPEN_FOR = timedelta(days=366)  # it ends when we say so, and not after their resolve_timeout
ANNOUNCED_FOR = timedelta(hours=1)  # what was done has no end to wait for


@dataclass(frozen=True)
class Alertmanager:
    """Sends to the servers whose addresses the destinations are; nothing about it is secret."""

    def send(self, posting: Posting) -> Receipt:
        """Post the alert, open or ended."""
        post(f"{posting.address.rstrip('/')}/api/v2/alerts", alerts_of(posting))
        return Receipt(posting.address, posting.delivery.incident)

    def settle(self, posting: Posting) -> None:
        """Post it again: the labels make it one."""


def alerts_of(posting: Posting) -> list[dict[str, Any]]:
    """The alert as it stands now, and the end of those of the thread with another severity."""
    event, now = posting.delivery.event, posting.delivery.created_at
    labels = _labels(posting.delivery.incident, event)
    if isinstance(event, Announcement):
        return [_alert(labels, posting.message, starts=now, ends=now + ANNOUNCED_FOR)]
    starts = datetime.combine(event.opened_on, time(), UTC)
    ends = now if event.reason is Reason.RESOLVED else now + OPEN_FOR
    others = [
        former for one in posting.earlier if (former := _labels(one.incident, one.event)) != labels
    ]
    return [
        *(
            _alert(former, posting.message, starts=starts, ends=now)
            for number, former in enumerate(others)
            if former not in others[:number]
        ),
        _alert(labels, posting.message, starts=starts, ends=ends),
    ]


def _labels(incident: str, event: IncidentEvent | Announcement) -> dict[str, str]:
    severity = event.severity if isinstance(event, IncidentEvent) else "info"
    return {
        "alertname": event.kind.value,
        "family": RULES[event.kind].family.value,
        "incident": incident,
        "model": event.model,
        "owner": event.owner,
        "severity": str(severity),
    }


def _alert(
    labels: dict[str, str], message: Message, *, starts: datetime, ends: datetime
) -> dict[str, Any]:
    runbook = next((link.url for link in message.links if link.label == "Runbook"), None)
    source = next((link.url for link in message.links if link.label != "Runbook"), None)
    return {
        "labels": labels,
        "annotations": {
            "summary": message.headline,
            "description": to_text(message),
            **({"runbook_url": runbook} if runbook else {}),
        },
        "startsAt": starts.isoformat(),
        "endsAt": ends.isoformat(),
        **({"generatorURL": source} if source else {}),
    }
