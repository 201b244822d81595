"""How does a message reach Slack once?  Claim it, send it, and look before sending it again.

Slack knows no idempotency key, and an answer that is lost may belong to a message that was posted.
So every message carries its delivery id as metadata, and a claim whose outcome nobody knows is
looked up in the channel's history before a second attempt. While that history is readable there
is exactly one visible message; the token needs ``chat:write``, ``channels:read`` and
``channels:history`` (``groups:read`` and ``groups:history`` for private channels).
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.error import URLError
from urllib.parse import urlsplit

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.kinds import Reason
from monitoring_dagster.report.events import IncidentEvent
from monitoring_dagster.report.links import Links
from monitoring_dagster.report.messages import Message, render
from monitoring_dagster.report.outbox import PAGE, Entry, write_outbox
from monitoring_dagster.store.ledger.deliveries import Delivery
from monitoring_dagster.store.ledger.ledger import Ledger

if TYPE_CHECKING:
    from slack_sdk import WebClient

OUTBOX = "outbox"  # the channel of what was written to the local page instead
TIMEOUT_SECONDS = 10
GRACE = timedelta(seconds=120)  # longer than the time-out, the history's lag and clock skew
WINDOW = timedelta(minutes=15)  # around an attempt, wherein its message must lie
PACE = timedelta(seconds=1)  # between two messages
PAGE_OBJECTS = 15  # what Slack grants any app

# Slack refused before it did anything. These refuse the message itself and would do so again ...
_BAD_MESSAGE = frozenset(
    {
        "cannot_reply_to_message", "invalid_arguments", "invalid_attachments", "invalid_blocks",
        "invalid_blocks_format", "invalid_metadata_format", "invalid_metadata_schema",
        "metadata_too_large", "msg_blocks_too_long", "msg_too_long", "no_text",
        "thread_not_found", "too_many_attachments",
    }
)  # fmt: skip
# ... and these refuse us, until somebody invites the app or mends its token.
_BAD_SETTING = frozenset(
    {
        "access_denied", "account_inactive", "cant_update_message", "channel_not_found",
        "ekm_access_denied", "invalid_auth", "is_archived", "message_not_found", "missing_scope",
        "no_permission", "not_allowed_token_type", "not_authed", "not_in_channel",
        "org_login_required", "restricted_action", "team_access_not_granted", "token_expired",
        "token_revoked",
    }
)  # fmt: skip


class SlackError(MonitoringError):
    """Slack did not do what it was asked. Holds an error code, never a token or a message."""

    @classmethod
    def unusable_token(cls) -> Self:
        return cls(
            "SLACK_BOT_TOKEN has characters no token has (a line break, perhaps, or quotes):"
            " copy it again, or unset it to write to the local outbox"
        )

    @classmethod
    def unusable_address(cls) -> Self:
        return cls(
            "SLACK_API_URL is no address to send a token to: write https://HOST/api/ (http:// for"
            " this machine alone, no user, no query), or unset it for Slack's own"
        )


class SlackRefused(SlackError):
    """Certainly not done."""

    @classmethod
    def unknown_channel(cls) -> Self:
        return cls("channel_not_found")


class SlackRefusedMessage(SlackRefused):
    """Certainly not done, and never will be."""


class SlackUncertain(SlackError):
    """Perhaps done, perhaps not."""

    retry_after_seconds: float | None = None


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
    token: str | None,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    base_url: str | None = None,
    max_messages: int = 20,
) -> Delivered:
    """Send what waits in the ledger: to Slack with a *token*, else to the page in *outbox*.

    May be called at any time by any number of processes. Slack's failures are not raised: they are
    kept with the message, for ``Deliveries.waiting`` to show.

    Parameters
    ----------
    clock, sleep
        Aware UTC now, and how to wait so many seconds.
    base_url
        Of the Slack API; by default Slack's own.

    Raises
    ------
    SlackError
        The token can be none, or the address.
    """
    if token is None:
        return _drain_into_page(ledger, links=links, outbox=outbox, clock=clock)
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise SlackError.unusable_token()  # urllib would quote it in its complaint
    client = _client(token, api_address(base_url) if base_url else None)
    return _Sender(ledger, links, client, clock, sleep).drain(max_messages)


def entries(ledger: Ledger, links: Links, *, limit: int = 500) -> list[Entry]:
    """The latest *limit* messages as they read now: an opening message tells of its end.

    Each has the time that it is about, which in a replay is not the time of sending.
    """
    deliveries = ledger.deliveries.sent(limit=limit)
    ends = {d.incident: d.event.day for d in deliveries if _is_end(d)}
    return [
        Entry(
            id=d.id,
            thread=d.incident,
            channel=d.destination,
            at=d.created_at,
            message=render(d.event, links, resolved_on=ends.get(d.incident) if not d.seq else None),
        )
        for d in deliveries
        if not _is_quiet(d)
    ]


def api_address(url: str) -> str:
    """The address of the Slack API, with the slash at its end that the SDK needs.

    Raises
    ------
    SlackError
        A token would travel in the clear, or to nobody.

    >>> api_address("https://slack.example.org/api")
    'https://slack.example.org/api/'
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise SlackError.unusable_address() from None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))
    is_plain = re.fullmatch(r"[\x21-\x7e]+", url) and not (parts.query or parts.fragment)
    if not (host and is_safe and is_plain) or "@" in parts.netloc:
        raise SlackError.unusable_address()
    return f"{url.rstrip('/')}/"


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _drain_into_page(
    ledger: Ledger, *, links: Links, outbox: Path, clock: Callable[[], datetime]
) -> Delivered:
    # The page is drawn from the ledger, so a crash between the two loses and doubles nothing.
    queue, sent = ledger.deliveries, 0
    waiting = queue.stale_claims(now=clock(), grace=GRACE)
    while delivery := waiting.pop() if waiting else queue.claim(now=clock()):
        now = clock()
        queue.mark_sent(delivery, channel=OUTBOX, ts=_seconds(now), now=now)
        sent += 1
    if sent or not (outbox / PAGE).exists():
        write_outbox(outbox, entries(ledger, links))
    return Delivered(sent=sent)


@dataclass
class _Sender:
    ledger: Ledger
    links: Links
    client: WebClient
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    next_post: datetime | None = None
    channel_ids: dict[str, str] = field(default_factory=dict)

    def drain(self, max_messages: int) -> Delivered:
        queue, ill = self.ledger.deliveries, set[str]()
        outcomes = [
            self._looked_up(delivery)
            for delivery in queue.stale_claims(now=self.clock(), grace=GRACE)
        ]
        for _ in range(max_messages):
            claimed = queue.claim(now=self.clock(), skip=ill)
            if claimed is None:
                break
            outcomes.append(self._sent(claimed))
            if outcomes[-1] in ("ambiguous", "failed"):
                ill.add(claimed.destination)  # what comes next waits for the next drain
        return Delivered(
            sent=outcomes.count("sent"),
            ambiguous=outcomes.count("ambiguous"),
            failed=outcomes.count("failed") + outcomes.count("dead"),
        )

    def _sent(self, delivery: Delivery) -> str:
        queue = self.ledger.deliveries
        try:
            self._send(delivery)
        except SlackRefusedMessage as refusal:
            queue.mark_dead(delivery, str(refusal))
            return "dead"
        except SlackRefused as refusal:
            queue.mark_failed(delivery, str(refusal))
            return "failed"
        except SlackUncertain as doubt:
            queue.mark_ambiguous(delivery, str(doubt))
            return "ambiguous"
        return "sent"

    def _looked_up(self, delivery: Delivery) -> str:
        """Learn what became of an old claim; what cannot be read leaves the claim standing."""
        queue = self.ledger.deliveries
        try:
            found = self._look_up(delivery)
        except SlackError as failure:
            queue.mark_ambiguous(delivery, f"cannot look it up: {failure}")
            return "ambiguous"
        if not found:
            queue.mark_failed(delivery, "it never arrived: to be sent again")
        return "sent" if found else "missing"

    def _send(self, delivery: Delivery) -> None:
        root = self._root(delivery)
        if _is_quiet(delivery):
            place = root or delivery
            self._finish(delivery, root, channel=place.channel or OUTBOX, ts=place.ts or "")
            return
        channel = root.channel if root and root.channel else delivery.destination
        self._pace()
        answer = _call(
            self.client.chat_postMessage,
            channel=channel,
            thread_ts=root.ts if root else None,
            unfurl_links=False,
            unfurl_media=False,
            link_names=False,
            parse="none",
            **_content(render(delivery.event, self.links), delivery.id),
        )
        self._finish(delivery, root, channel=answer["channel"], ts=answer["ts"])

    def _look_up(self, delivery: Delivery) -> bool:
        root = self._root(delivery)
        channel = root.channel if root and root.channel else self._channel_id(delivery.destination)
        ts = self._find(delivery, channel, root.ts if root else None)
        if ts is None:
            return False
        self._finish(delivery, root, channel=channel, ts=ts)
        return True

    def _root(self, delivery: Delivery) -> Delivery | None:
        """The message whose thread this one belongs to, if it stands in Slack."""
        arrived = self.ledger.deliveries.thread(delivery.incident)
        return next((posted for posted in arrived if posted.channel != OUTBOX), None)

    def _finish(self, delivery: Delivery, root: Delivery | None, *, channel: str, ts: str) -> None:
        if root is not None and _is_end(delivery):
            ended = render(root.event, self.links, resolved_on=delivery.event.day)
            with suppress(SlackRefused):  # somebody deleted it; the reply says it all
                _call(
                    self.client.chat_update,
                    channel=channel,
                    ts=root.ts,
                    **_content(ended, root.id),
                )
        self.ledger.deliveries.mark_sent(delivery, channel=channel, ts=ts, now=self.clock())

    def _find(self, delivery: Delivery, channel: str, thread_ts: str | None) -> str | None:
        """The timestamp under which a message stands in the channel, or None if it does not."""
        attempt = delivery.claimed_at or delivery.created_at
        where = {"channel": channel} | ({"ts": thread_ts} if thread_ts else {})
        method = (
            self.client.conversations_replies if thread_ts else self.client.conversations_history
        )
        cursor = None
        while True:
            page = self._read(
                method,
                **where,
                oldest=_seconds(attempt - WINDOW),
                latest=_seconds(attempt + WINDOW),
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

    def _channel_id(self, destination: str) -> str:
        """The id of a channel: reading needs it where posting takes the name."""
        name, cursor = destination.removeprefix("#"), None
        if re.fullmatch(r"[CGD][A-Z0-9]{7,}", name):
            return name
        while name not in self.channel_ids:
            page = self._read(
                self.client.conversations_list,
                types="public_channel,private_channel",
                exclude_archived=True,
                limit=200,
                cursor=cursor,
            )
            self.channel_ids |= {c["name"]: c["id"] for c in page["channels"]}
            cursor = page.get("response_metadata", {}).get("next_cursor")
            if not cursor and name not in self.channel_ids:
                raise SlackRefused.unknown_channel()
        return self.channel_ids[name]

    def _read(self, method: Callable[..., Any], **arguments: Any) -> Mapping[str, Any]:
        """Read, and wait once if Slack asks for it: one page a minute is all some apps get."""
        try:
            return _call(method, **arguments)
        except SlackUncertain as doubt:
            if doubt.retry_after_seconds is None:
                raise
            self.sleep(min(doubt.retry_after_seconds, 60))
        return _call(method, **arguments)

    def _pace(self) -> None:
        # Slack counts per channel; one pace for all keeps that whatever a channel is called.
        now = self.clock()
        if self.next_post is not None and self.next_post > now:
            self.sleep((self.next_post - now).total_seconds())
        self.next_post = self.clock() + PACE


def _client(token: str, base_url: str | None) -> WebClient:
    from slack_sdk import WebClient

    # The SDK logs bodies and repeats a request whose answer was lost: both are ours to decide.
    silent = logging.Logger("slack", level=logging.CRITICAL + 1)
    return WebClient(
        token=token,
        base_url=base_url or WebClient.BASE_URL,
        timeout=TIMEOUT_SECONDS,
        retry_handlers=[],
        logger=silent,
    )


def _call(method: Callable[..., Any], **arguments: Any) -> Mapping[str, Any]:
    """Slack's answer, or one of three certainties: refused, refused for ever, nobody knows."""
    try:
        answer = method(**arguments)
        data: Mapping[str, Any] = dict(answer.data)
        needed = {"chat_postMessage": ("channel", "ts"), "conversations_list": ("channels",)}
        missing = [key for key in needed.get(method.__name__, ()) if key not in data]
        failure: SlackError | None = SlackUncertain("unreadable answer") if missing else None
    except Exception as error:
        failure = _failure(error)
    # Raised out here, so that the SDK's error, which holds the token, is not even its context.
    if failure is not None:
        raise failure
    return data


def _failure(error: Exception) -> SlackError:
    from slack_sdk.errors import SlackApiError

    if isinstance(error, URLError):
        before_the_first_byte = isinstance(error.reason, ConnectionRefusedError | socket.gaierror)
        certainty = SlackRefused if before_the_first_byte else SlackUncertain
        return certainty(type(error.reason).__name__)
    if not isinstance(error, SlackApiError):
        return SlackUncertain(type(error).__name__)
    response = error.response
    code = str(response.get("error", ""))
    if not re.fullmatch(r"[a-z_]{1,60}", code):
        code = f"HTTP {response.status_code}"
    if response.status_code == 200 and code in _BAD_MESSAGE:
        return SlackRefusedMessage(code)
    if response.status_code == 200 and code in _BAD_SETTING:
        return SlackRefused(code)
    doubt = SlackUncertain(code)
    wait = {k.lower(): v for k, v in response.headers.items()}.get("retry-after", "")
    if response.status_code == 429 and re.fullmatch(r"\d+(\.\d+)?", str(wait)):
        doubt.retry_after_seconds = float(wait)
    return doubt


def _content(message: Message, delivery_id: str) -> dict[str, Any]:
    metadata = {"event_type": "monitoring_delivery", "event_payload": {"delivery_id": delivery_id}}
    return {"text": message.text, "blocks": message.blocks, "metadata": metadata}


def _is_end(delivery: Delivery) -> bool:
    event = delivery.event
    return isinstance(event, IncidentEvent) and event.reason is Reason.RESOLVED


def _is_quiet(delivery: Delivery) -> bool:
    event = delivery.event
    return isinstance(event, IncidentEvent) and event.quietly


def _seconds(moment: datetime) -> str:
    return f"{moment.timestamp():.6f}"
