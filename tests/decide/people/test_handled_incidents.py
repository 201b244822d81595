"""What a person does about an incident changes it once, however often it is said."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from monitoring_dagster.decide.people.handled_incidents import handled
from monitoring_dagster.kinds import Reason
from tests.decide.people.test_handling import NOON, did
from tests.incidents import standing

DAY = date(2026, 1, 5)
OPEN = standing("a", day=DAY, told=True)


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (did("acknowledge"), Reason.ACKNOWLEDGED),
        (did("assign", to="bob"), Reason.ASSIGNED),
        (did("snooze", until_hours=2), Reason.SNOOZED),
        (did("resolve"), Reason.RESOLVED),
    ],
)
def test_it_is_told_in_the_thread_as_its_next_message(action, reason):
    after, why, is_new = handled(OPEN, [], action)
    assert (why, is_new) == (reason, True)
    assert after.told.day == OPEN.told.day, "when a reminder is due does not move"
    assert (after.closed_on is not None) == (reason is Reason.RESOLVED)


@pytest.mark.parametrize(
    ("before", "again"),
    [
        pytest.param(did("acknowledge"), did("acknowledge", by="bob"), id="acknowledged already"),
        pytest.param(
            did("snooze", until_hours=2), did("snooze", until_hours=2), id="until the same moment"
        ),
        pytest.param(
            did("assign", to="bob"), did("assign", to="bob", by="cleo"), id="the same person has it"
        ),
    ],
)
def test_said_twice_it_changes_nothing(before, again):
    assert handled(OPEN, [before], replace(again, at=NOON)) == (OPEN, None, False)


@pytest.mark.parametrize(
    ("before", "other"),
    [
        pytest.param(did("acknowledge"), did("snooze", until_hours=2), id="a snooze after all"),
        pytest.param(did("snooze", until_hours=2), did("snooze", until_hours=3), id="for longer"),
        pytest.param(did("snooze", until_hours=0), did("snooze", until_hours=3), id="anew"),
        pytest.param(did("acknowledge"), did("resolve"), id="it is over"),
        pytest.param(did("acknowledge"), did("assign", to="ada"), id="who has it"),
        pytest.param(did("assign", to="ada"), did("assign", to="bob"), id="somebody else has it"),
        pytest.param(did("assign", to="ada"), did("acknowledge"), id="who has it looks at it"),
        pytest.param(
            did("snooze", until_hours=2), did("assign", to="ada"), id="no reminders at all"
        ),
    ],
)
def test_something_else_is_new(before, other):
    assert handled(OPEN, [before], replace(other, at=NOON))[2]


def test_the_same_person_is_given_it_once_whatever_was_done_between():
    before = [did("assign", to="bob"), did("acknowledge", by="bob")]
    again = replace(did("assign", to="bob"), at=NOON)
    assert handled(OPEN, before, again) == (OPEN, None, False)
    assert handled(OPEN, [*before, did("snooze", until_hours=2)], again)[2], "that would end"


@pytest.mark.parametrize("action", ["acknowledge", "assign", "resolve"])
def test_what_is_closed_stays_as_it_is(action):
    closed = replace(OPEN, closed_on=DAY + timedelta(days=1))
    assert handled(closed, [], did(action)) == (closed, None, False)


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_an_incident_that_nobody_was_told_of_has_no_thread(action):
    quiet = replace(OPEN, told=None)
    after, reason, is_new = handled(quiet, [], did(action))
    assert (reason, is_new, after.told) == (None, True, None)
    assert (after.closed_on == NOON.date()) == (action == "resolve")
