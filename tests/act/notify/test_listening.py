"""Clicks arrive over Socket Mode, by the real SDK, and are confirmed once they are kept."""

import logging
from dataclasses import replace

import pytest

from monitoring_dagster.act.notify.listening import listening
from monitoring_dagster.act.notify.sender import Refused
from monitoring_dagster.spec.project import Notifier
from monitoring_dagster.store.monitor import House
from tests.act.notify.shared import drained, judge
from tests.act.notify.test_buttons import ADA, click
from tests.fake_slack import APP_TOKEN, TOKEN
from tests.fake_socket_mode import FakeSocketMode


@pytest.fixture
def house(tmp_path, clock):
    notifier = Notifier(slack_users={ADA: "ada"})
    return replace(House.at(tmp_path, {}), as_of=clock(), notifier=notifier)


@pytest.fixture
def environment(slack):
    return {
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        "SLACK_API_URL": slack.base_url,
    }


def test_a_click_is_kept_and_then_confirmed_and_one_of_a_stranger_is_not_kept(
    house, environment, slack, clock, caplog
):
    judge(house.ledger, clock, "income")
    (incident,) = house.ledger.open_incidents()
    with FakeSocketMode() as socket:
        slack.socket_url = socket.url
        with listening(house, environment=environment):
            for envelope, user in (("e1", ADA), ("e1", ADA), ("e2", "U0EVE0000")):
                socket.send(envelope, click(incident.id, user=user))
                assert socket.confirmed.get(timeout=10) == envelope
            socket.send("e3", {}, kind="events_api")
            assert socket.confirmed.get(timeout=10) == "e3"
    assert [one.by for one in house.ledger.handlings.of(incident.id)] == ["ada"]
    assert "U0EVE0000 may not handle incidents" in caplog.text


def test_the_opening_message_has_buttons_while_it_is_open(
    house, environment, slack, clock, tmp_path
):
    def send():
        clock.sleep(1)
        drained(house.ledger, clock, tmp_path, environment, has_buttons=True)
        (root,) = slack.roots
        return [block["type"] for block in root.blocks].count("actions")

    judge(house.ledger, clock, "income")
    assert send() == 1
    judge(house.ledger, clock, "income", "income age", "")
    assert send() == 0, "it is over"
    root, *_ = slack.roots
    for reply in slack.replies(root):
        assert "actions" not in {block["type"] for block in reply.blocks}


@pytest.mark.parametrize("missing", ["SLACK_APP_TOKEN", "anybody"])
def test_without_listeners_there_are_no_buttons(
    house, environment, slack, clock, tmp_path, missing
):
    environment.pop(missing, None)
    judge(house.ledger, clock, "income")
    drained(house.ledger, clock, tmp_path, environment, has_buttons=missing != "anybody")
    assert "actions" not in {block["type"] for block in slack.roots[0].blocks}


@pytest.mark.parametrize(
    ("change", "users", "words"),
    [
        ({"SLACK_APP_TOKEN": ""}, {ADA: "ada"}, "SLACK_APP_TOKEN is not set"),
        ({"SLACK_APP_TOKEN": "xapp-canary-wrong"}, {ADA: "ada"}, "is not taken: invalid_auth"),
        ({}, {}, "nobody may press a button"),
        ({"SLACK_API_URL": "http://10.0.0.7/canary"}, {ADA: "ada"}, "SLACK_API_URL is no address"),
    ],
)
def test_what_is_missing_is_named_without_the_token(
    house, environment, change, users, words, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    house = replace(house, notifier=Notifier(slack_users=users))
    with (
        pytest.raises(Refused, match=words) as caught,
        listening(house, environment=environment | change),
    ):
        pass
    assert caught.value.__context__ is None
    assert "canary" not in "".join([str(caught.value), caplog.text, *capfd.readouterr()])
