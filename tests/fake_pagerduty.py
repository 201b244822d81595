"""A PagerDuty on loopback that keeps its incidents: events move them, people handle them, and the
REST API says how they stand."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fake_receivers import FakeReceivers
from tests.faults import FaultyHandler

TOKEN = "canary-rest-token-0000"
ASKED = {"incident_key", "date_range", "sort_by", "limit"}
SERVICE = {"id": "PSERVICE", "type": "service_reference", "summary": "Risk models"}


def user(name: Any) -> dict[str, Any]:
    return {"id": "PUSER", "type": "user_reference", "summary": name}


@dataclass
class FakePagerDuty(FakeReceivers):
    """``status`` and ``body`` are what the REST API answers instead, where they are set."""

    incidents: list[dict[str, Any]] = field(default_factory=list)  # oldest first
    asked: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    body: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """With what a project needs to ask here."""
        more = {"PAGERDUTY_API_TOKEN": TOKEN, "PAGERDUTY_REST_URL": self.base_url}
        return super().environment | more

    def acknowledge(self, key: str, name: Any) -> None:
        """A person acknowledges the incident with that key, in PagerDuty."""
        self._acknowledge(self._open(key), user(name))

    def resolve(self, key: str, name: Any, **more: Any) -> None:
        """A person resolves it there."""
        self._resolve(self._open(key), user(name), **more)

    def serve(self, path: str, headers: Any, body: bytes) -> int:
        status = super().serve(path, headers, body)
        if (path, status) == ("/v2/enqueue", 202):
            with self._lock:
                self._move(self.events[-1])
        return status

    def answer_to(self, query: dict[str, str], headers: Any) -> tuple[int, dict[str, Any]]:
        """What the REST API says, by its rules."""
        assert headers["Authorization"] == f"Token token={TOKEN}"
        assert headers["Accept"] == "application/vnd.pagerduty+json;version=2"
        assert set(query) == ASKED
        assert (query["date_range"], query["sort_by"]) == ("all", "created_at:desc")
        with self._lock:
            self.asked.append(query)
            mine = [one for one in self.incidents if one["incident_key"] == query["incident_key"]]
            return 200, {"incidents": mine[::-1][: int(query["limit"])], "more": False}

    def handler(self) -> type[FaultyHandler]:
        return _asked_of(self, super().handler())

    def _now(self) -> str:
        return self.clock().isoformat(timespec="seconds")

    def _move(self, event: dict[str, Any]) -> None:
        open_ = self._open(event["dedup_key"])
        match event["event_action"]:
            case "trigger" if open_ is None:
                self.incidents.append(self._triggered(event["dedup_key"]))
            case "acknowledge" if open_:
                self._acknowledge(open_, SERVICE)
            case "resolve" if open_:
                self._resolve(open_, SERVICE)

    def _triggered(self, key: str) -> dict[str, Any]:
        return {
            "id": f"Q{len(self.incidents)}",
            "type": "incident",
            "status": "triggered",
            "incident_key": key,
            "created_at": self._now(),
            "service": SERVICE,
            "acknowledgements": [],
            "last_status_change_at": self._now(),
            "last_status_change_by": SERVICE,
        }

    def _open(self, key: str) -> Any:
        mine = [one for one in self.incidents if one["incident_key"] == key]
        return next((one for one in reversed(mine) if one["status"] != "resolved"), None)

    def _acknowledge(self, one: dict[str, Any], who: dict[str, Any]) -> None:
        one["acknowledgements"].append({"at": self._now(), "acknowledger": who})
        self._change(one, "acknowledged", who)

    def _resolve(self, one: dict[str, Any], who: dict[str, Any], **more: Any) -> None:
        one |= {"acknowledgements": [], **more}
        self._change(one, "resolved", who)

    def _change(self, one: dict[str, Any], status: str, who: dict[str, Any]) -> None:
        if one["status"] != status:
            one |= {"last_status_change_at": self._now(), "last_status_change_by": who}
        one["status"] = status


def _asked_of(pagerduty: FakePagerDuty, taking: type[FaultyHandler]) -> type[FaultyHandler]:
    class Handler(taking):  # type: ignore[misc, valid-type]
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            pagerduty.requests[parts.path] += 1
            status, document = 404, dict[str, Any]()
            if parts.path == "/incidents":
                query = dict(parse_qsl(parts.query))
                status, document = pagerduty.answer_to(query, self.headers)
            if pagerduty.status != 200:
                status, document = pagerduty.status, {"error": {"message": TOKEN}}
            body = json.dumps(document) if pagerduty.body is None else pagerduty.body
            fault = pagerduty.fault(parts.path)
            self.answer(fault, body, status=status, hang_seconds=pagerduty.hang_seconds)

    return Handler
