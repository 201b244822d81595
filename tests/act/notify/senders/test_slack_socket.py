"""Socket Mode: what fails while a click is kept leaves it unconfirmed, and Slack sends it again."""

import pytest

from monitoring_dagster.act.notify.senders.slack_socket import connected
from tests.fake_slack import APP_TOKEN
from tests.fake_socket_mode import FakeSocketMode


def test_a_click_that_could_not_be_kept_is_confirmed_when_it_comes_again(slack):
    kept = []

    def take(payload):
        kept.append(payload)
        if len(kept) == 1:
            raise ConnectionError

    with FakeSocketMode() as socket:
        slack.socket_url = socket.url
        client = connected(APP_TOKEN, slack.base_url, take)
        socket.send("e1", {"n": 1})
        socket.send("e2", {"n": 1})
        assert socket.confirmed.get(timeout=10) == "e2"
        client.close()
    assert kept == [{"n": 1}, {"n": 1}]


@pytest.mark.parametrize("kind", ["events_api", "slash_commands"])
def test_what_is_no_click_is_confirmed_and_ignored(slack, kind):
    kept = []
    with FakeSocketMode() as socket:
        slack.socket_url = socket.url
        client = connected(APP_TOKEN, slack.base_url, kept.append)
        socket.send("e1", {}, kind=kind)
        assert socket.confirmed.get(timeout=10) == "e1"
        client.close()
    assert kept == []
