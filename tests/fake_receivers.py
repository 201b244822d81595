"""PagerDuty, an Alertmanager and a webhook's receiver on loopback: each keeps what it was sent,
refuses what its kind refuses, and fails on request before or after the effect."""

import base64
import hashlib
import hmac
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.faults import Fault, FaultyHandler, Loopback

ROUTING_KEY = "R0123456789CANARY0123456789CANAR"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"canary-canary-canary-canary").decode()
SEVERITIES = {"critical", "error", "warning", "info"}


@dataclass
class FakeReceivers(Loopback):
    """``fault(path)`` says what happens to the next request; ``clock`` is the receivers' time."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    fault: Callable[[str], Fault | None] = lambda path: None
    hang_seconds: float = 2
    events: list[dict[str, Any]] = field(default_factory=list)  # PagerDuty's, as they came
    changes: list[dict[str, Any]] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)  # Alertmanager's, one an alert
    hooks: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # id and document
    texts: list[str] = field(default_factory=list)  # Apprise's, as plain JSON: the titles
    refusals: list[str] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def handler(self) -> type[FaultyHandler]:
        return _handler(self)

    @property
    def base_url(self) -> str:
        return self.address

    @property
    def environment(self) -> dict[str, str]:
        """What a project needs to send here."""
        return {
            "PAGERDUTY_RISK": ROUTING_KEY,
            "PAGERDUTY_API_URL": self.base_url,
            "MONITORING_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "APPRISE_TEAM": f"json://me:canary@{self.base_url.removeprefix('http://')}/plain",
        }

    @property
    def channels(self) -> dict[str, str]:
        """What a model writes to be told here."""
        return {
            "pagerduty": "PAGERDUTY_RISK",
            "alertmanager": self.base_url,
            "webhook": f"{self.base_url}/hook",
        }

    @property
    def pages(self) -> dict[str, str]:
        """PagerDuty's incidents by key, each with the last action: what people there see."""
        return {one["dedup_key"]: one["event_action"] for one in self.events}

    @property
    def alerts(self) -> dict[tuple[tuple[str, str], ...], datetime]:
        """Alertmanager's alerts by their labels, each with its end."""
        return {
            tuple(sorted(one["labels"].items())): datetime.fromisoformat(one["endsAt"])
            for one in self.posts
        }

    @property
    def deliveries(self) -> dict[str, dict[str, Any]]:
        """The documents of the webhook by their id: a receiver drops doubles so."""
        return dict(self.hooks)

    def serve(self, path: str, headers: Any, body: bytes) -> int:
        with self._lock:
            try:
                match path:
                    case "/v2/enqueue":
                        self.events.append(_page(json.loads(body)))
                        return 202
                    case "/v2/change/enqueue":
                        self.changes.append(_change(json.loads(body)))
                        return 202
                    case "/api/v2/alerts":
                        self.posts += _alerts(json.loads(body))
                        return 200
                    case "/plain":
                        self.texts.append(json.loads(body)["title"])
                        return 200
                    case "/hook":
                        self.hooks.append(_hook(headers, body, self.clock()))
                        return 204
            except (AssertionError, KeyError, ValueError) as error:
                self.refusals.append(f"{path}: {error!r}")
                return 400
            return 404


def _page(event: dict[str, Any]) -> dict[str, Any]:
    """An event by the rules of Events API v2."""
    assert event.pop("routing_key") == ROUTING_KEY
    assert event["event_action"] in {"trigger", "acknowledge", "resolve"}
    assert 0 < len(event["dedup_key"]) <= 255
    if event["event_action"] == "trigger":
        payload = event["payload"]
        assert 0 < len(payload["summary"]) <= 1024
        assert payload["source"]
        assert payload["severity"] in SEVERITIES
        assert all(set(link) == {"href", "text"} for link in event["links"])
    assert len(json.dumps(event)) < 512 * 1024
    return event


def _change(event: dict[str, Any]) -> dict[str, Any]:
    assert event.pop("routing_key") == ROUTING_KEY
    assert 0 < len(event["payload"]["summary"]) <= 1024
    assert set(event) <= {"payload", "links"}
    return event


def _alerts(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Alerts by the rules of API v2."""
    assert alerts
    for alert in alerts:
        assert set(alert) <= {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
        assert alert["labels"]["alertname"]
        assert all(isinstance(value, str) for value in alert["labels"].values())
        starts, ends = (datetime.fromisoformat(alert[key]) for key in ("startsAt", "endsAt"))
        assert starts.tzinfo is not None
        assert starts <= ends
    return alerts


def _hook(headers: Any, body: bytes, now: datetime) -> tuple[str, dict[str, Any]]:
    """A request by the rules of standardwebhooks.com, as a receiver checks it."""
    id_, moment = headers["webhook-id"], headers["webhook-timestamp"]
    assert abs(now - datetime.fromtimestamp(int(moment), UTC)) < timedelta(minutes=5)
    key = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
    signed = hmac.new(key, f"{id_}.{moment}.".encode() + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"
    document = json.loads(body)
    assert document["delivery_id"] == id_
    return id_, document


def _handler(receivers: FakeReceivers) -> type[FaultyHandler]:
    class Handler(FaultyHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            receivers.requests[self.path] += 1
            fault, status = receivers.fault(self.path), 200
            if fault is None or fault.spares_the_effect:
                status = receivers.serve(self.path, self.headers, body)
            document = json.dumps({"status": "success", "message": "Event processed"})
            self.answer(
                fault,
                document if status != 204 else "",
                status=status,
                hang_seconds=receivers.hang_seconds,
            )

    return Handler
