"""A Slack that stands on loopback: it keeps what was posted, refuses what Slack refuses, and fails
on request before or after the effect. Drive it with the real slack_sdk through ``base_url``."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.faults import Fault, FaultyHandler, Loopback

TOKEN = "xoxb-canary-token-0000"
APP_TOKEN = "xapp-canary-token-0000"  # of Socket Mode

ARGUMENTS = {
    "chat.postMessage": {
        "channel", "text", "blocks", "thread_ts", "metadata", "unfurl_links", "unfurl_media",
        "link_names", "parse",
    },
    "chat.update": {"channel", "ts", "text", "blocks", "metadata"},
    "conversations.history": {
        "channel", "oldest", "latest", "inclusive", "include_all_metadata", "limit", "cursor",
    },
    "conversations.replies": {
        "channel", "ts", "oldest", "latest", "inclusive", "include_all_metadata", "limit", "cursor",
    },
    "apps.connections.open": set(),
    "conversations.list": {"types", "exclude_archived", "limit", "cursor"},
}  # fmt: skip


@dataclass
class Posted:
    """One visible message."""

    channel: str
    ts: str
    thread_ts: str | None
    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any]
    visible_at: float
    edits: int = 0

    @property
    def delivery_id(self) -> str:
        return str(self.metadata["event_payload"]["delivery_id"])


@dataclass
class FakeSlack(Loopback):
    """``fault(method)`` says what happens to the next request; ``clock`` is Slack's own time."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    fault: Callable[[str], Fault | None] = lambda method: None
    history_lag_seconds: float = 0
    page_objects: int = 15
    one_a_second: bool = False
    hang_seconds: float = 2
    socket_url: str = ""  # where Socket Mode connects to
    channels: dict[str, str] = field(default_factory=lambda: {"ml-alerts": "C0000ALERTS"})
    messages: list[Posted] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _last_post: dict[str, float] = field(default_factory=dict)
    _last_ts: int = 0  # microseconds

    def handler(self) -> type[FaultyHandler]:
        return _handler(self)

    @property
    def base_url(self) -> str:
        return f"{self.address}/api/"

    @property
    def roots(self) -> list[Posted]:
        return [message for message in self.messages if message.thread_ts is None]

    def replies(self, root: Posted) -> list[Posted]:
        return [message for message in self.messages if message.thread_ts == root.ts]

    def serve(self, method: str, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            if token != (APP_TOKEN if method == "apps.connections.open" else TOKEN):
                return _refusal("invalid_auth")
            if unknown := set(arguments) - ARGUMENTS.get(method, set()):
                return _refusal("invalid_arguments", detail=sorted(unknown))
            verb = getattr(self, "_" + re.sub(r"\W", "_", method).lower())
            answer: dict[str, Any] = verb(**arguments)
            return answer

    def _channel(self, name: str, *, by_name: bool) -> str | None:
        if name in self.channels.values():
            return name
        return self.channels.get(name.removeprefix("#")) if by_name else None

    def _chat_postmessage(
        self,
        channel: str,
        text: str,
        blocks: Any,
        metadata: Any,
        thread_ts: str | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        place = self._channel(channel, by_name=True)
        if place is None:
            return _refusal("channel_not_found")
        if thread_ts is not None and not any(
            m.ts == thread_ts and m.thread_ts is None for m in self.messages
        ):
            return _refusal("thread_not_found")
        if error := _invalid(text, blocks, metadata):
            return _refusal(error)
        now = self.clock().timestamp()
        if self.one_a_second and now - self._last_post.get(place, 0) < 1:
            return {"ok": False, "error": "ratelimited", "status": 429}
        self._last_post[place] = now
        self._last_ts = max(round(now * 1_000_000), self._last_ts + 1)  # no two have the same
        seconds, rest = divmod(self._last_ts, 1_000_000)
        message = Posted(
            place,
            f"{seconds}.{rest:06d}",
            thread_ts,
            text,
            blocks,
            metadata,
            now + self.history_lag_seconds,
        )
        self.messages.append(message)
        return {"ok": True, "channel": place, "ts": message.ts}

    def _chat_update(
        self, channel: str, ts: str, text: str, blocks: Any, metadata: Any
    ) -> dict[str, Any]:
        if error := _invalid(text, blocks, metadata):
            return _refusal(error)
        for message in self.messages:
            if (message.channel, message.ts) == (channel, ts):
                message.text, message.blocks, message.metadata = text, blocks, metadata
                message.edits += 1
                return {"ok": True, "channel": channel, "ts": ts}
        return _refusal("message_not_found")

    def _apps_connections_open(self) -> dict[str, Any]:
        return {"ok": True, "url": self.socket_url}

    def _conversations_list(self, **_: Any) -> dict[str, Any]:
        channels = [{"id": id, "name": name} for name, id in self.channels.items()]
        return {"ok": True, "channels": channels, "response_metadata": {"next_cursor": ""}}

    def _conversations_history(self, channel: str, **window: Any) -> dict[str, Any]:
        return self._page(channel, [m for m in self.messages if m.thread_ts is None], **window)

    def _conversations_replies(self, channel: str, ts: str, **window: Any) -> dict[str, Any]:
        if not any(m.ts == ts for m in self.messages):
            return _refusal("thread_not_found")
        return self._page(channel, [m for m in self.messages if m.thread_ts == ts], **window)

    def _page(
        self,
        channel: str,
        messages: list[Posted],
        *,
        oldest: str,
        latest: str,
        limit: Any,
        cursor: str = "0",
        include_all_metadata: Any = False,
        **_: Any,
    ) -> dict[str, Any]:
        if self._channel(channel, by_name=False) is None:
            return _refusal("channel_not_found")
        now = self.clock().timestamp()
        visible = [
            m
            for m in reversed(messages)
            if m.channel == channel
            and m.visible_at <= now
            and float(oldest) <= float(m.ts) <= float(latest)
        ]
        start, size = int(cursor), min(int(limit), self.page_objects)
        page = visible[start : start + size]
        more = start + size < len(visible)
        return {
            "ok": True,
            "messages": [
                {"ts": m.ts, "text": m.text}
                | ({"metadata": m.metadata} if include_all_metadata in (True, "1") else {})
                for m in page
            ],
            "has_more": more,
            "response_metadata": {"next_cursor": str(start + size) if more else ""},
        }


def _refusal(error: str, **more: Any) -> dict[str, Any]:
    return {"ok": False, "error": error, **more}


def _invalid(text: str, blocks: Any, metadata: Any) -> str | None:
    """Slack's documented limits."""
    if len(text) > 40_000:
        return "msg_too_long"
    if set(metadata) != {"event_type", "event_payload"}:
        return "invalid_metadata_format"
    if len(json.dumps(metadata)) > 8_000:
        return "metadata_too_large"
    if not 0 < len(blocks) <= 50 or not all(_valid(block) for block in blocks):
        return "invalid_blocks"
    if sum(len(t) for t in texts(blocks)) > 13_000:
        return "msg_blocks_too_long"
    return None


def _valid(block: dict[str, Any]) -> bool:
    if block["type"] == "header":
        return set(block) == {"type", "text"} and 0 < len(block["text"]["text"]) <= 150
    if block["type"] == "actions":
        return (
            set(block) == {"type", "elements"}
            and 0 < len(block["elements"]) <= 25
            and all(
                one["type"] == "button"
                and 0 < len(one["text"]["text"]) <= 75
                and len(one["value"]) <= 2000
                and 0 < len(one["action_id"]) <= 255
                for one in block["elements"]
            )
        )
    if block["type"] != "section" or not set(block) <= {"type", "text", "fields"}:
        return False
    fields = block.get("fields", [])
    body = [block["text"]["text"]] if "text" in block else []
    return (
        bool(fields or body)
        and all(0 < len(t) <= 3000 for t in body)
        and len(fields) <= 10
        and all(0 < len(f["text"]) <= 2000 for f in fields)
    )


def texts(blocks: list[dict[str, Any]]) -> list[str]:
    """Every text that people see in *blocks*."""
    found = [block["text"]["text"] for block in blocks if "text" in block]
    return found + [f["text"] for block in blocks for f in block.get("fields", [])]


def _handler(slack: FakeSlack) -> type[FaultyHandler]:
    class Handler(FaultyHandler):
        def do_POST(self) -> None:
            method = urlsplit(self.path).path.removeprefix("/api/")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            if "json" in self.headers.get("Content-Type", ""):
                arguments = json.loads(body)
            else:
                arguments = dict(parse_qsl(body))
            arguments |= dict(parse_qsl(urlsplit(self.path).query))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            fault = slack.fault(method)
            slack.requests.append((method, arguments))
            answer: dict[str, Any] = {}
            if fault is None or fault.spares_the_effect:
                answer = slack.serve(method, token, arguments)
            limited = answer.pop("status", 200) == 429
            self.answer(
                fault,
                json.dumps(answer),
                status=429 if limited else 200,
                hang_seconds=slack.hang_seconds,
            )

    return Handler
