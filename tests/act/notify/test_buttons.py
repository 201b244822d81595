"""A click handles an incident once, and only by somebody who may."""

import copy
from datetime import timedelta

import pytest

from monitoring_dagster.act.notify.buttons import Click, RefusedClick, handle_click
from tests.act.notify.shared import judge

ADA = "U0ADA0000"
USERS = {ADA: "ada", "U0BOB0000": "bob"}


def click(incident, action="acknowledge", *, user=ADA, ts="1767700800.0001"):
    """As Slack sends it, with some of what else it sends."""
    return {
        "type": "block_actions",
        "team": {"id": "T1", "domain": "team"},
        "user": {"id": user, "username": "whoever"},
        "trigger_id": "1.2.3",
        "actions": [
            {"type": "button", "action_id": action, "value": incident, "action_ts": ts,
             "block_id": "b"}
        ],
    }  # fmt: skip


@pytest.fixture
def incident(ledger, clock):
    judge(ledger, clock, "income")
    return ledger.open_incidents()[0].id


@pytest.fixture
def press(ledger, clock):
    return lambda payload: handle_click(payload, ledger=ledger, users=USERS, now=clock())


def handled(ledger, incident):
    return [(str(one.action), one.by) for one in ledger.handlings.of(incident)]


def test_a_click_that_is_delivered_again_changes_nothing(ledger, incident, press):
    assert press(click(incident))
    assert not press(click(incident))
    assert handled(ledger, incident) == [("acknowledge", "ada")]


def test_an_old_click_that_comes_again_does_not_undo_a_later_one(ledger, incident, press):
    press(click(incident))
    press(click(incident, "snooze", ts="1767700900.0001"))
    assert not press(click(incident))
    assert [one for one, _ in handled(ledger, incident)] == ["acknowledge", "snooze"]


def test_a_snooze_lasts_a_day_from_the_click_on(ledger, incident, press):
    press(click(incident, "snooze"))
    (one,) = ledger.handlings.of(incident)
    assert one.until == Click.of(click(incident, "snooze")).at + timedelta(days=1)


def test_a_click_closes_it(ledger, incident, press):
    assert press(click(incident, "resolve", user="U0BOB0000"))
    assert ledger.open_incidents() == []
    assert not press(click(incident, "acknowledge"))


def test_whoever_is_not_named_handles_nothing(ledger, incident, press):
    with pytest.raises(RefusedClick, match="U0EVE0000 may not handle incidents"):
        press(click(incident, user="U0EVE0000"))
    assert handled(ledger, incident) == []


@pytest.mark.parametrize("value", ["", "6d1f", "'; DROP TABLE incidents; --"])
def test_a_button_of_another_ledger_handles_nothing(incident, press, value):
    with pytest.raises(RefusedClick, match="no incident of this ledger"):
        press(click(value))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("type",), "view_submission"),
        (("user",), None),
        (("actions",), []),
        (("actions", 0, "action_id"), "promote"),
        (("actions", 0, "action_id"), "assign"),
        (("actions", 0, "action_ts"), "soon"),
        (("actions", 0, "action_ts"), "1e300"),
    ],
)
def test_what_is_no_click_of_ours_is_refused(incident, press, place, value):
    forged = copy.deepcopy(click(incident))
    target = forged
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    with pytest.raises(RefusedClick, match="no click on one of our buttons"):
        press(forged)
