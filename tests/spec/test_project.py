"""What a project says holds for all its models, so it is refused where no model could keep it."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from monitoring_dagster.spec import Schedule
from monitoring_dagster.spec.project import ProjectSettings


def told(written):
    with pytest.raises(ValidationError) as raised:
        ProjectSettings.model_validate(written)
    ((place, words),) = [(one["loc"], one["msg"]) for one in raised.value.errors()]
    return place, words


def test_a_project_that_says_nothing_is_judged_at_six_utc():
    schedule = ProjectSettings.model_validate({}).schedule
    assert schedule == Schedule(at="06:00", time_zone="UTC", grace_minutes=0)


def test_a_grace_may_last_until_the_day_ends_and_no_minute_longer():
    """From 22:00 there are 119 minutes to 23:59."""
    late = {"at": "22:00", "grace_minutes": 119}
    assert ProjectSettings.model_validate({"schedule": late}).schedule.grace_minutes == 119
    place, words = told({"schedule": late | {"grace_minutes": 120}})
    assert place == ("schedule", "grace_minutes")
    assert "at most 119 are possible" in words


def test_a_grace_that_passes_midnight_in_winter_alone_is_refused_too():
    """00:30 in Berlin is 23:30 UTC in winter, and 22:30 in summer."""
    schedule = {"at": "00:30", "time_zone": "Europe/Berlin", "grace_minutes": 60}
    assert "at most 29 are possible" in told({"schedule": schedule})[1]


@pytest.mark.parametrize(
    ("written", "place", "words"),
    [
        pytest.param(
            {"scedule": {}}, ("scedule",), "Did you mean 'schedule'?", id="a misspelt key"
        ),
        pytest.param({"schedule": "06:00"}, ("schedule",), "its keys: at", id="an hour alone"),
        pytest.param(
            {"notifier": {"fallback": "on-call@example.org"}},
            ("notifier", "fallback"),
            "write its kind and its address",
            id="a receiver without its kind",
        ),
        pytest.param(
            {"notifier": {"fallback": "email:on-call"}},
            ("notifier", "fallback"),
            "no e-mail address",
            id="a receiver that cannot be",
        ),
        pytest.param(
            {"notifier": {"slack_users": {"ada": "ada"}}},
            ("notifier", "slack_users", "ada", "[key]"),
            "match pattern",
            id="a name where an id is wanted",
        ),
        pytest.param(
            {"notifier": {"overdue_minutes": 0}},
            ("notifier", "overdue_minutes"),
            "greater than or equal to 1",
            id="no time to deliver",
        ),
        pytest.param(
            {"channels": {}},
            ("channels",),
            "It has: business_hours, notifier, on_call, routes, schedule",
            id="a key of a model",
        ),
    ],
)
def test_a_mistake_is_answered_with_what_a_project_may_say(written, place, words):
    found, message = told(written)
    assert found == place
    assert words in message


def test_delivery_is_overdue_after_a_quarter_of_an_hour():
    found = ProjectSettings.model_validate({}).notifier
    assert (found.overdue, found.fallback) == (timedelta(minutes=15), None)
    written = {"notifier": {"overdue_minutes": 60, "fallback": "pagerduty:PAGERDUTY_PLATFORM"}}
    assert ProjectSettings.model_validate(written).notifier.overdue == timedelta(hours=1)


def test_people_work_where_the_project_is():
    """Nine to five from Monday to Friday, in the time zone of the schedule; where none is, UTC."""
    usual = ProjectSettings.model_validate({}).hours
    assert (usual.days, usual.start, usual.end) == (
        ["mon", "tue", "wed", "thu", "fri"], "09:00", "17:00"
    )  # fmt: skip
    assert str(usual.zone) == "UTC"
    berlin = {"schedule": {"time_zone": "Europe/Berlin"}}
    assert str(ProjectSettings.model_validate(berlin).hours.zone) == "Europe/Berlin"
    tokyo = berlin | {"business_hours": {"time_zone": "Asia/Tokyo"}}
    assert str(ProjectSettings.model_validate(tokyo).hours.zone) == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("written", "place", "words"),
    [
        pytest.param({"routes": [{"slack": "#a"}, {"slack": "#b"}]}, ("routes", 1),
                     "no message comes as far as this", id="a route that nothing reaches"),
        pytest.param({"routes": [{"match": ["kind=x"], "slack": "#a"}]}, ("routes", 0, "match", 0),
                     "there is no kind 'x'", id="no such kind"),
        pytest.param({"business_hours": {"end": "08:00"}}, ("business_hours", "end"),
                     "is not after start", id="an end before the start"),
    ],
)  # fmt: skip
def test_routes_and_hours_are_refused_at_their_place(written, place, words):
    found, message = told(written)
    assert (found, words in message) == (place, True), message
