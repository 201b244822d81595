"""What Slack answers, and how certain that is; its token is nowhere to be seen."""

import logging
import pickle
import socket
import traceback
from types import SimpleNamespace
from urllib.error import URLError

import pytest
from slack_sdk.errors import SlackApiError

from monitoring_dagster.act.notify.sender import NotDelivered, Refused, RefusedForEver, Uncertain
from monitoring_dagster.act.notify.senders.slack_calls import call, client_of
from tests.fake_slack import TOKEN
from tests.faults import Fault


class Answer(dict):
    status_code, headers = 200, {}


def answered(status, **data):
    found = Answer(data)
    found.status_code, found.headers = status, {"Retry-After": "7"}
    return SlackApiError("no", found)


@pytest.mark.parametrize(
    ("error", "certainty", "code"),
    [
        pytest.param(answered(200, error="msg_too_long"), RefusedForEver, "msg_too_long",
                     id="the message itself"),
        pytest.param(answered(200, error="not_in_channel"), Refused, "not_in_channel",
                     id="a setting"),
        pytest.param(answered(200, error="fatal_error"), Uncertain, "fatal_error",
                     id="it may have succeeded in part"),
        pytest.param(answered(503, error="not_in_channel"), Uncertain, "not_in_channel",
                     id="a proxy's answer"),
        pytest.param(answered(500, error="xoxb-canary"), Uncertain, "HTTP 500",
                     id="words that are no code"),
        pytest.param(URLError(ConnectionRefusedError()), Refused, "ConnectionRefusedError",
                     id="nobody listens"),
        pytest.param(URLError(socket.gaierror()), Refused, "gaierror", id="no such host"),
        pytest.param(URLError(TimeoutError()), Uncertain, "TimeoutError", id="no answer"),
        pytest.param(ConnectionResetError(), Uncertain, "ConnectionResetError", id="cut off"),
    ],
)  # fmt: skip
def test_an_answer_is_one_of_three_certainties(error, certainty, code):
    def method():
        raise error

    with pytest.raises(NotDelivered) as caught:
        call(method)
    assert (type(caught.value), str(caught.value)) == (certainty, code)
    assert caught.value.__context__ is None, "the SDK's error holds the token"


def test_an_answer_without_what_is_needed_is_a_doubt():
    def chat_postMessage():
        return SimpleNamespace(data={"ok": True})

    with pytest.raises(Uncertain, match="unreadable answer"):
        call(chat_postMessage)


def test_how_long_slack_asks_to_wait_is_kept():
    def method():
        raise answered(429, error="ratelimited")

    with pytest.raises(Uncertain) as caught:
        call(method)
    assert caught.value.retry_after_seconds == 7


def test_a_token_that_is_no_header_is_not_repeated():
    with pytest.raises(Refused, match="SLACK_BOT_TOKEN has characters no token has") as caught:
        client_of("xoxb-canary\nX-Evil: 1", None)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("method", ["auth_test", "chat_delete"])
@pytest.mark.parametrize("fault", [Fault.HTML_503_BEFORE, Fault.RESET_BEFORE, None])
def test_the_token_is_in_no_error_no_pickle_and_no_log(slack, caplog, capfd, method, fault):
    caplog.set_level(logging.DEBUG)
    slack.fault = lambda _: fault
    token = TOKEN if fault else "xoxb-canary-but-wrong"
    arguments = {"channel": "C", "ts": "1"} if method == "chat_delete" else {}
    with pytest.raises(NotDelivered) as caught:
        call(getattr(client_of(token, slack.base_url), method), **arguments)
    said = ["".join(traceback.format_exception(caught.value)), str(pickle.dumps(caught.value))]
    assert "canary" not in "".join([*said, caplog.text, *capfd.readouterr()])
