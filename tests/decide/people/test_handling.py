"""Who acknowledged, was given or snoozed an incident, and until when that holds."""

from datetime import UTC, datetime, timedelta

import pytest

from monitoring_dagster.decide.people.handling import Action, Handling, assignment, in_force

NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)


def did(action, *, hours_ago=1, until_hours=None, by="ada", comment="", to=None):
    until = None if until_hours is None else NOON + timedelta(hours=until_hours)
    return Handling(
        "i", Action(action), by, NOON - timedelta(hours=hours_ago), until, comment, assignee=to
    )


@pytest.mark.parametrize(
    ("handlings", "holds"),
    [
        pytest.param([], None, id="nobody did anything"),
        pytest.param([did("acknowledge")], 0, id="an acknowledgement has no end"),
        pytest.param([did("assign", to="bob")], 0, id="nor has an assignment"),
        pytest.param([did("snooze", until_hours=1)], 0, id="a snooze before its end"),
        pytest.param([did("snooze", until_hours=0)], None, id="a snooze at its end"),
        pytest.param([did("acknowledge"), did("snooze", until_hours=1)], 1, id="the latest"),
        pytest.param([did("snooze", until_hours=9), did("acknowledge")], 1, id="the latest again"),
        pytest.param(
            [did("acknowledge"), did("snooze", until_hours=0)], None, id="a snooze ends both"
        ),
        pytest.param([did("acknowledge"), did("resolve")], 0, id="an end is no acknowledgement"),
    ],
)
def test_the_latest_holds_as_long_as_it_lasts(handlings, holds):
    expected = None if holds is None else handlings[holds]
    assert in_force(handlings, now=NOON) is expected


@pytest.mark.parametrize(
    ("handling", "words"),
    [
        (did("acknowledge", comment="the feed"), "acknowledged by ada: the feed"),
        (did("snooze", until_hours=2), "snoozed until 2026-01-06 14:00 UTC by ada"),
        (did("resolve", by="bob"), "resolved by bob"),
        (did("assign", to="ada", by="grace"), "assigned to ada by grace"),
        (did("assign", to="ada", comment="you know it"), "assigned to ada by ada: you know it"),
        (did("assign", to="\x1b[2J", by="a\nb"), "assigned to \\x1b[2J by a\\nb"),
    ],
)
def test_it_is_said_in_one_line(handling, words):
    assert handling.words == words


@pytest.mark.parametrize(
    ("handlings", "holds"),
    [
        pytest.param([], None, id="nobody has it"),
        pytest.param([did("acknowledge")], None, id="who looks at it has not been given it"),
        pytest.param([did("assign", to="ada"), did("assign", to="bob")], 1, id="the latest counts"),
        pytest.param(
            [did("assign", to="ada"), did("snooze", until_hours=0)], 0, id="whatever came since"
        ),
        pytest.param([did("assign", to="ada"), did("resolve")], 0, id="even an end"),
    ],
)
def test_who_has_it_is_the_last_whom_it_was_given(handlings, holds):
    assert assignment(handlings) is (None if holds is None else handlings[holds])
