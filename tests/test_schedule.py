"""When days are judged: what an owner and a project may write, and the moment that it means."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from pydantic import ValidationError

from monitoring_dagster.spec import ModelSpec, Schedule
from monitoring_dagster.spec.record import Misplaced

SMALL = {
    "name": "churn",
    "owner": "team:growth",
    "task": "binary",
    "predictions": {"path": "data/{day}.parquet"},
}
BERLIN = {"time_zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        pytest.param({"at": "25:00"}, "'25:00' is no time of day", id="hour 25"),
        pytest.param({"at": "6:00"}, "from 00:00 to 23:59", id="one digit"),
        pytest.param({"at": 960}, "write it in quotes", id="16:00 without quotes"),
        pytest.param({"time_zone": "Europe/Berln"}, "Did you mean 'Europe/Berlin'?",
                     id="a misspelt zone"),
        pytest.param({"time_zone": "berlin"}, "Did you mean 'Europe/Berlin'?", id="its city"),
        pytest.param({"time_zone": "CEST"}, "such as Europe/Berlin or UTC", id="an abbreviation"),
        pytest.param({"time_zone": "../etc/passwd"}, "there is no time zone", id="a path"),
        pytest.param({"grace_minutes": -1}, "greater than or equal to 0", id="less than no grace"),
        pytest.param({"grace_minutes": "60"}, "without quotes", id="a grace in quotes"),
        pytest.param({"grace": 60}, "Did you mean 'grace_minutes'?|It has: at", id="another key"),
    ],
)  # fmt: skip
def test_a_mistake_is_answered_with_the_way_out(written, words):
    with pytest.raises(ValidationError, match=words):
        ModelSpec.model_validate(SMALL | {"schedule": written})


@pytest.mark.parametrize(
    ("schedule", "day", "moment"),
    [
        pytest.param({}, date(2026, 3, 2), "2026-03-03T06:00", id="by default"),
        pytest.param({"at": "00:00"}, date(2026, 3, 2), "2026-03-03T00:00", id="as the day ends"),
        pytest.param(BERLIN, date(2026, 1, 5), "2026-01-06T05:00", id="Berlin in winter"),
        pytest.param(BERLIN, date(2026, 7, 5), "2026-07-06T04:00", id="and in summer"),
        pytest.param(BERLIN | {"at": "00:30"}, date(2026, 7, 5), "2026-07-06T22:30",
                     id="before the UTC day has ended: the next one"),
        pytest.param({"time_zone": "Asia/Tokyo"}, date(2026, 3, 2), "2026-03-03T21:00",
                     id="Tokyo"),
        pytest.param({"time_zone": "America/Los_Angeles", "at": "18:00"}, date(2026, 7, 5),
                     "2026-07-06T01:00", id="an evening before in California"),
        pytest.param(BERLIN | {"at": "02:30"}, date(2026, 3, 28), "2026-03-29T01:30",
                     id="an hour that is not there: what clocks show in its place"),
        pytest.param(BERLIN | {"at": "02:30"}, date(2026, 10, 24), "2026-10-25T01:30",
                     id="an hour that is there twice: the second"),
    ],
)  # fmt: skip
def test_a_day_is_judged_at_the_first_such_hour_after_it_has_ended(schedule, day, moment):
    judged_at = Schedule(**schedule).judged_at(day)
    assert judged_at == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "Pacific/Kiritimati",
                                  "America/St_Johns", "Australia/Lord_Howe"])  # fmt: skip
@pytest.mark.parametrize("hour", ["00:00", "02:15", "06:00", "23:59"])
def test_days_follow_one_another_whatever_the_clocks_do(zone, hour):
    schedule = Schedule(at=hour, time_zone=zone)
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    moments = [schedule.judged_at(day) for day in days]
    ended = [datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) for day in days]
    waits = [moment - end for moment, end in zip(moments, ended, strict=True)]
    assert all(timedelta(0) <= one <= timedelta(hours=25) for one in waits)
    assert all(before < after for before, after in pairwise(moments))


def test_a_grace_that_would_reach_into_the_next_day_is_refused():
    assert Schedule(at="22:00", grace_minutes=119).over(Schedule()).cron == "59 23 * * *"
    with pytest.raises(Misplaced, match=r"passes midnight UTC.* at most 119 are possible"):
        Schedule(at="22:00", grace_minutes=120).over(Schedule())
