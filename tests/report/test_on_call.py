"""The roster names who is on call, or says what is wrong with it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from monitoring_dagster.report.on_call import BadRoster, OnCall, Roster

WEEKS = "2026-W49: ada\n2026-W50: Bob\n2026-W52: cleo\n"
USERS = {"ada": "U0ADA0000", "bob": "U0BOB0000"}


def roster(text=WEEKS, zone="UTC"):
    return Roster.parsed(text, file="on_call.yaml", zone=ZoneInfo(zone), users=USERS)


def at(words):
    return datetime.fromisoformat(words).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        pytest.param("2026-11-30T00:00", "ada", id="from Monday on"),
        pytest.param("2026-12-06T23:59", "ada", id="until Sunday"),
        pytest.param("2026-12-07T00:00", "Bob", id="and then the next one"),
        pytest.param("2026-11-29T23:59", "nobody (on_call.yaml has no entry for 2026-W48)",
                     id="before the first week"),
        pytest.param("2026-12-14T00:00", "nobody (on_call.yaml has no entry for 2026-W51)",
                     id="in a week that is left out"),
        pytest.param("2027-01-01T00:00", "nobody (on_call.yaml has no entry for 2026-W53)",
                     id="after the last week"),
    ],
)  # fmt: skip
def test_a_week_has_one_person(moment, name):
    assert roster().on_call(at(moment)).name == name


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        pytest.param("2026-12-01T12:00", "ada", id="before a day"),
        pytest.param("2026-12-03T00:00", "cleo", id="from that day on"),
        pytest.param("2027-08-01T00:00", "cleo", id="until somebody follows"),
    ],
)
def test_a_day_begins_a_shift_that_lasts(moment, name):
    """Somebody falls ill within a week."""
    assert roster("2026-12-03: cleo\n2026-W49: ada\n").on_call(at(moment)).name == name


def test_a_week_begins_at_midnight_where_people_are():
    assert roster(zone="Europe/Berlin").on_call(at("2026-12-06T23:00")).name == "Bob"
    assert roster(zone="Europe/Berlin").on_call(at("2026-12-06T22:59")).name == "ada"


def test_who_has_a_name_in_slack_is_mentioned_however_it_is_spelt():
    assert roster().on_call(at("2026-12-01T00:00")) == OnCall("ada", "U0ADA0000")
    assert roster().on_call(at("2026-12-08T00:00")) == OnCall("Bob", "U0BOB0000")
    assert roster().on_call(at("2026-12-22T00:00")) == OnCall("cleo", None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "None names nobody", id="empty"),
        pytest.param("- ada", "['ada'] names nobody: write a week or a day and a name", id="list"),
        pytest.param("2026-W54: ada", "{'2026-W54': 'ada'} names nobody", id="no such week"),
        pytest.param("next week: ada", "{'next week': 'ada'} names nobody", id="no week"),
        pytest.param("2026-W49:", "{'2026-W49': None} names nobody", id="no name"),
        pytest.param("2026-W49: 7", "{'2026-W49': 7} names nobody", id="a number"),
        pytest.param("a: 1\nb: [", "line 2: ", id="no YAML"),
        pytest.param("2026-02-30: ada", "such as 2026-W49: ada", id="no such day"),
        pytest.param("'\\e[2J': ada", "names nobody", id="what a terminal obeys"),
    ],
)
def test_what_cannot_be_meant_says_how_to_write_it(text, words):
    with pytest.raises(BadRoster) as caught:
        roster(text)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_roster_with_a_problem_says_it_in_place_of_a_name():
    found = Roster("on_call.yaml", problem="on_call.yaml is not there")
    assert found.on_call(at("2026-12-01T00:00")) == OnCall("unknown (on_call.yaml is not there)")
