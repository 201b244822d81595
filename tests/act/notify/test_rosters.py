"""Who is on call is read anew for each drain; a file that is wrong stops no message."""

import logging
from dataclasses import replace

import pytest

from monitoring_dagster.act.notify.delivery import send
from monitoring_dagster.act.notify.rosters import roster_of
from monitoring_dagster.spec.project import Notifier
from monitoring_dagster.store.monitor import House
from tests.act.notify.shared import Clock, judge

NOBODY = "nobody knows who is on call"


@pytest.fixture
def house(tmp_path):
    users = Notifier(slack_users={"U0ADA0000": "ada"})
    return replace(House.at(tmp_path, {}), notifier=users, as_of=Clock()())


def on_call(house):
    return roster_of(house).on_call(house.now())


def test_a_project_without_a_roster_says_nothing_about_it(house, caplog):
    assert roster_of(house) is None
    assert caplog.messages == []


def test_a_change_of_the_file_is_read(house):
    (house.root / "on_call.yaml").write_text("2026-W02: ada\n")
    assert (on_call(house).name, on_call(house).slack_user) == ("ada", "U0ADA0000")
    (house.root / "on_call.yaml").write_text("2026-W02: bob\n")
    assert (on_call(house).name, on_call(house).slack_user) == ("bob", None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "people.yaml is not there", id="missing"),
        pytest.param(b"2026-W02\n", "people.yaml: '2026-W02' names nobody", id="malformed"),
        pytest.param(b"\xff\xfe", "people.yaml: ", id="no text"),
    ],
)
def test_a_roster_that_is_wrong_is_one_message_and_the_rest_goes_on(house, caplog, content, words):
    house = replace(house, on_call="people.yaml")
    if content is not None:
        (house.root / "people.yaml").write_bytes(content)
    judge(house.ledger, Clock(), "income")
    with caplog.at_level(logging.WARNING, "monitoring_dagster.notifier"):
        assert send(house, environment={}).sent == 1
    (message,) = caplog.messages
    assert message.startswith(f"{NOBODY}: {words}")
    assert "unknown (people.yaml" in (house.outbox / "index.html").read_text()
