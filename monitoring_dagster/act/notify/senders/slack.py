"""Slack: a thread for each incident, its opening message edited, a lost answer looked up.

Slack knows no idempotency key, and an answer that is lost may belong to a message that was posted.
So every message carries its delivery id as metadata, and a claim whose outcome nobody knows is
looked up in the channel's history before a second attempt. While that history is readable there
is exactly one visible message; the token needs ``chat:write``, ``channels:read`` and
``channels:history`` (``groups:read`` and ``groups:history`` for private channels).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from monitoring_dagster.act.notify.sender import OUTBOX, Posting, Receipt, Refused, Uncertain
from monitoring_dagster.act.notify.senders.slack_calls import call, client_of
from monitoring_dagster.decide.people.handling import Action
from monitoring_dagster.kinds import Reason
from monitoring_dagster.report.events import IncidentEvent
from monitoring_dagster.report.messages import Message
from monitoring_dagster.store.ledger.deliveries import Delivery

if TYPE_CHECKING:
    from slack_sdk import WebClient

WINDOW = timedelta(minutes=15)  # around an attempt, wherein its message must lie
PACE = timedelta(seconds=1)  # between two messages
BUTTONS = {
    Action.ACKNOWLEDGE: "Acknowledge",
    Action.SNOOZE: "Snooze for a day",
    Action.RESOLVE: "Resolve",
}
PAGE_OBJECTS = 15  # what Slack grants any app


@dataclass
class Slack:
    """Sends with one token. ``clock`` is aware UTC now, ``sleep`` waits so many seconds.

    With ``has_buttons`` the opening message of an open incident can be handled by a click.
    """

    token: str = field(repr=False)
    base_url: str | None
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    has_buttons: bool = False
    next_post: datetime | None = None
    channel_ids: dict[str, str] = field(default_factory=dict)

    def send(self, posting: Posting) -> Receipt:
        """Post it, in its thread; where it changes the opening message, edit that one."""
        root = _root(posting)
        if _is_quiet(posting.delivery):
            place = root or posting.delivery
            receipt = Receipt(place.channel or OUTBOX, place.ts or "")
            self._edit(posting, root)
            return receipt
        channel = root.channel if root and root.channel else posting.address
        buttons = None if root else self._buttons(posting)
        self._pace()
        answer = call(
            self._client.chat_postMessage,
            channel=channel,
            thread_ts=root.ts if root else None,
            unfurl_links=False,
            unfurl_media=False,
            link_names=False,
            parse="none",
            **content_of(posting.message, posting.delivery.id, buttons=buttons),
        )
        self._edit(posting, root)
        return Receipt(answer["channel"], answer["ts"])

    def settle(self, posting: Posting) -> Receipt | None:
        """Look for it in the channel's history."""
        root = _root(posting)
        channel = root.channel if root and root.channel else self._channel_id(posting.address)
        ts = self._find(posting.delivery, channel, root.ts if root else None)
        if ts is None:
            return None
        self._edit(posting, root)
        return Receipt(channel, ts)

    @cached_property
    def _client(self) -> WebClient:
        return client_of(self.token, self.base_url)

    def _buttons(self, posting: Posting) -> str | None:
        """The incident that buttons handle, while it is open."""
        event = posting.delivery.event
        is_open = isinstance(event, IncidentEvent) and event.reason is not Reason.RESOLVED
        return posting.delivery.incident if self.has_buttons and is_open else None

    def _edit(self, posting: Posting, root: Delivery | None) -> None:
        if root is None or posting.opening is None:
            return
        with suppress(Refused):  # somebody deleted it; the reply says it all
            call(
                self._client.chat_update,
                channel=root.channel,
                ts=root.ts,
                **content_of(posting.opening, root.id, buttons=self._buttons(posting)),
            )

    def _find(self, delivery: Delivery, channel: str, thread_ts: str | None) -> str | None:
        """The timestamp under which a message stands in the channel, or None if it does not."""
        attempt = delivery.claimed_at or delivery.created_at
        where = {"channel": channel} | ({"ts": thread_ts} if thread_ts else {})
        client = self._client
        method = client.conversations_replies if thread_ts else client.conversations_history
        cursor = None
        while True:
            page = self._read(
                method,
                **where,
                oldest=f"{(attempt - WINDOW).timestamp():.6f}",
                latest=f"{(attempt + WINDOW).timestamp():.6f}",
                inclusive=True,
                include_all_metadata=True,
                limit=PAGE_OBJECTS,
                cursor=cursor,
            )
            for message in page["messages"]:
                payload = message.get("metadata", {}).get("event_payload", {})
                if payload.get("delivery_id") == delivery.id:
                    return str(message["ts"])
            cursor = page.get("response_metadata", {}).get("next_cursor")
            if not cursor:
                return None

    def _channel_id(self, address: str) -> str:
        """The id of a channel: reading needs it where posting takes the name."""
        name, cursor = address.removeprefix("#"), None
        if re.fullmatch(r"[CGD][A-Z0-9]{7,}", name):
            return name
        while name not in self.channel_ids:
            page = self._read(
                self._client.conversations_list,
                types="public_channel,private_channel",
                exclude_archived=True,
                limit=200,
                cursor=cursor,
            )
            self.channel_ids |= {c["name"]: c["id"] for c in page["channels"]}
            cursor = page.get("response_metadata", {}).get("next_cursor")
            if not cursor and name not in self.channel_ids:
                code = "channel_not_found"
                raise Refused(code)
        return self.channel_ids[name]

    def _read(self, method: Callable[..., Any], **arguments: Any) -> Mapping[str, Any]:
        """Read, and wait once if Slack asks for it: one page a minute is all some apps get."""
        try:
            return call(method, **arguments)
        except Uncertain as doubt:
            if doubt.retry_after_seconds is None:
                raise
            self.sleep(min(doubt.retry_after_seconds, 60))
        return call(method, **arguments)

    def _pace(self) -> None:
        # Slack counts per channel; one pace for all keeps that whatever a channel is called.
        now = self.clock()
        if self.next_post is not None and self.next_post > now:
            self.sleep((self.next_post - now).total_seconds())
        self.next_post = self.clock() + PACE


def content_of(message: Message, delivery_id: str, *, buttons: str | None = None) -> dict[str, Any]:
    """What a message is in Slack: its line, its blocks, and the id that it is found by.

    *buttons* is the id of the incident that they handle.
    """
    metadata = {"event_type": "monitoring_delivery", "event_payload": {"delivery_id": delivery_id}}
    blocks = [*message.blocks, _actions(buttons)] if buttons else message.blocks
    return {"text": message.text, "blocks": blocks, "metadata": metadata}


def _actions(incident: str) -> dict[str, Any]:
    return {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": action,
                "value": incident,
                "text": {"type": "plain_text", "text": label, "emoji": False},
            }
            for action, label in BUTTONS.items()
        ],
    }


def _root(posting: Posting) -> Delivery | None:
    """The message whose thread this one belongs to, if it stands in Slack."""
    return next((one for one in posting.earlier if one.channel != OUTBOX), None)


def _is_quiet(delivery: Delivery) -> bool:
    event = delivery.event
    return isinstance(event, IncidentEvent) and event.quietly
