"""A request has a certain end, and a secret goes over HTTPS or stays on this machine."""

import logging
import pickle
import traceback
from dataclasses import dataclass, field

import pytest
import requests

from monitoring_dagster.act.notify import sender
from monitoring_dagster.act.notify.sender import NotDelivered, Refused, RefusedForEver, Uncertain
from monitoring_dagster.act.notify.senders.https import get_json, post, refuse_unsafe
from tests.faults import Fault, FaultyHandler, Loopback


@pytest.mark.parametrize(
    "address",
    [
        "http://slack.example.org/api/",
        "http://10.0.0.7/api/",
        "ftp://127.0.0.1/",
        "slack.example.org",
        "https://",
        "https://user:canary@slack.example.org/api/",
        "https://slack.example.org/api/?next=canary",
        "https://slack.example.org/api\n/canary",
        "https://[::1/api",
        "https://slack.example.org:99999/",
    ],
)
def test_a_secret_goes_over_https_or_stays_on_this_machine(address):
    with pytest.raises(Refused, match=r"SLACK_API_URL is no address .* write https://") as caught:
        refuse_unsafe(address, "SLACK_API_URL")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["https://slack.example.org/api", "http://127.0.0.1:9/api", "http://localhost/x/"]
)
def test_an_address_ends_with_a_slash(address):
    assert refuse_unsafe(address, "X") == f"{address.rstrip('/')}/"


@pytest.mark.parametrize(
    ("status", "certainty"),
    [
        (400, RefusedForEver),
        (413, RefusedForEver),
        (422, RefusedForEver),
        (302, Refused),
        (401, Refused),
        (403, Refused),
        (404, Refused),
        (408, Uncertain),
        (429, Uncertain),
        (500, Uncertain),
        (503, Uncertain),
    ],
)
def test_a_status_is_one_of_three_certainties(receivers, monkeypatch, status, certainty):
    monkeypatch.setattr(type(receivers), "serve", lambda *_: status)
    with pytest.raises(NotDelivered) as caught:
        post(f"{receivers.base_url}/x", {})
    assert (type(caught.value), str(caught.value)) == (certainty, f"HTTP {status}")


@pytest.mark.parametrize("status", [200, 202, 204])
def test_an_answer_that_it_is_done_is_enough_whatever_its_body_says(receivers, monkeypatch, status):
    monkeypatch.setattr(type(receivers), "serve", lambda *_: status)
    receivers.fault = lambda path: Fault.TRUNCATED_AFTER if status == 200 else None
    post(f"{receivers.base_url}/x", {})


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.HANG_AFTER])
def test_a_lost_answer_is_a_doubt_and_nothing_is_sent_twice(receivers, monkeypatch, fault):
    monkeypatch.setattr(sender, "TIMEOUT_SECONDS", 0.3)
    receivers.hang_seconds = 0.9
    receivers.fault = lambda path: fault
    with pytest.raises(Uncertain):
        post(f"{receivers.base_url}/x", {})
    assert receivers.requests.total() == 1


@pytest.mark.parametrize(
    ("error", "certainty"),
    [
        (requests.ConnectTimeout("canary"), Refused),
        (requests.ReadTimeout("canary"), Uncertain),
        (requests.exceptions.SSLError("canary"), Uncertain),
        (requests.exceptions.InvalidURL("canary"), Uncertain),
    ],
)
def test_an_error_is_named_and_not_repeated(monkeypatch, error, certainty):
    def failing(*_, **__):
        raise error

    monkeypatch.setattr(requests, "post", failing)
    with pytest.raises(NotDelivered) as caught:
        post("https://example.org/canary", {"routing_key": "canary"})
    said = "".join(traceback.format_exception(caught.value)) + str(pickle.dumps(caught.value))
    assert type(caught.value) is certainty
    assert str(caught.value) == type(error).__name__
    assert "canary" not in said.replace('post("https://example.org/canary', "").replace(
        '"routing_key": "canary"', ""
    )


def test_no_body_and_no_header_is_logged(receivers, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Refused):
        post(f"{receivers.base_url}/x", {"key": "canary"}, headers={"X-Key": "canary"})
    assert "canary" not in "".join([caplog.text, *capfd.readouterr()])


def test_credentials_of_this_machine_stay_here(receivers, monkeypatch, tmp_path):
    """The library would take those of ~/.netrc."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password canary\n")
    monkeypatch.setenv("NETRC", str(netrc))
    seen = []

    def serve(self, path, headers, body):
        seen.append(headers["Authorization"])
        return 200

    monkeypatch.setattr(type(receivers), "serve", serve)
    post(f"{receivers.base_url}/x", {})
    assert seen == [None]


@dataclass
class Answering(Loopback):
    """Answers each GET with *status* and *body*, and keeps what it was asked."""

    status: int = 200
    body: str = "{}"
    fault: Fault | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def handler(self):
        server = self

        class Handler(FaultyHandler):
            def do_GET(self):
                server.asked.append((self.path, self.headers["X-Key"]))
                self.answer(server.fault, server.body, status=server.status, hang_seconds=1)

        return Handler

    def ask(self, timeout_seconds=30):
        return get_json(
            f"{self.address}/there", {"key": "a b&c"}, headers={"X-Key": "canary"},
            timeout_seconds=timeout_seconds,
        )  # fmt: skip


def test_json_is_asked_for_once_and_read():
    with Answering(body='{"ö": [1, null]}') as server:
        assert server.ask() == {"ö": [1, None]}
        assert server.asked == [("/there?key=a+b%26c", "canary")]


@pytest.mark.parametrize("status", [204, 302, 401, 404, 429, 500])
def test_any_other_status_is_no_answer(status):
    with Answering(status=status, body="") as server:
        with pytest.raises(Refused, match=f"^HTTP {status}$"):
            server.ask()
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("body", "fault", "reason"),
    [
        ("", None, "the answer is no JSON"),
        ('{"canary": 1', None, "the answer is no JSON"),
        ("[" * 100_000, None, "the answer is no JSON"),
        ('{"canary": 123456}', Fault.TRUNCATED_AFTER, "the answer is no JSON"),
        ("[" + "1," * 150_000 + "1]", None, "the answer is too long"),
        ("{}", Fault.RESET_BEFORE, "ConnectionError"),
        ("{}", Fault.HTML_503_BEFORE, "HTTP 503"),
    ],
)
def test_what_cannot_be_read_is_named_and_not_repeated(body, fault, reason, caplog):
    caplog.set_level(logging.DEBUG)
    with Answering(body=body, fault=fault) as server, pytest.raises(Refused) as caught:
        server.ask()
    assert str(caught.value) == reason
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert "canary" not in caplog.text


def test_no_answer_in_time_is_none():
    with (
        Answering(fault=Fault.HANG_AFTER) as server,
        pytest.raises(Refused, match=r"^ReadTimeout$"),
    ):
        server.ask(timeout_seconds=0.3)
