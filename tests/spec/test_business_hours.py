"""When people work, whatever the clocks do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitoring_dagster.spec.schedule import BusinessHours


def hours(**written):
    return BusinessHours.model_validate({"time_zone": "Europe/Berlin"} | written)


def berlin(words):
    moment = datetime.strptime(words, "%Y-%m-%d %H:%M")  # noqa: DTZ007
    return moment.replace(tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        pytest.param("2026-01-06 08:59", "2026-01-06 09:00", id="a minute before"),
        pytest.param("2026-01-06 09:00", "2026-01-06 09:00", id="as they begin"),
        pytest.param("2026-01-06 16:59", "2026-01-06 16:59", id="the last minute"),
        pytest.param("2026-01-06 17:00", "2026-01-07 09:00", id="at the end"),
        pytest.param("2026-01-09 17:00", "2026-01-12 09:00", id="Friday evening"),
        pytest.param("2026-01-10 12:00", "2026-01-12 09:00", id="Saturday"),
        pytest.param("2026-03-28 23:00", "2026-03-30 09:00", id="clocks go forward"),
        pytest.param("2026-10-24 23:00", "2026-10-26 09:00", id="clocks go back"),
        pytest.param("2026-12-24 18:00", "2026-12-28 09:00", id="a holiday on a Friday"),
    ],
)
def test_business_hours_hold_from_their_beginning_to_their_end(moment, opening):
    at_work = hours(holidays=["2026-12-25"])
    assert at_work.opening(berlin(moment).astimezone(UTC)) == berlin(opening)


@pytest.mark.parametrize(
    ("moment", "last", "following"),
    [
        pytest.param("2026-01-12 08:59", "2026-01-05 09:00", "2026-01-19 09:00", id="just before"),
        pytest.param("2026-01-12 09:00", "2026-01-12 09:00", "2026-01-19 09:00", id="as it begins"),
        pytest.param("2026-01-18 12:00", "2026-01-12 09:00", "2026-01-19 09:00", id="Sunday"),
        pytest.param("2026-04-06 12:00", "2026-03-30 09:00", "2026-04-13 09:00",
                     id="Easter Monday, a holiday: the week begins on Tuesday"),
        pytest.param("2026-04-07 09:00", "2026-04-07 09:00", "2026-04-13 09:00", id="Tuesday"),
        pytest.param("2026-12-23 12:00", "2026-12-14 09:00", "2026-12-28 09:00",
                     id="a week in which nobody works"),
    ],
)  # fmt: skip
def test_a_week_begins_when_people_first_work_in_it(moment, last, following):
    off = ["2026-04-06", *(f"2026-12-{day}" for day in range(21, 26))]
    found, moment = hours(holidays=off), berlin(moment).astimezone(UTC)
    assert found.last_planning(moment) == berlin(last)
    assert found.planning(moment) == berlin(following)


@given(
    moment=st.datetimes(
        datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)  # noqa: DTZ001
    ),
    minutes=st.integers(1, 3000),
    days=st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1),
    start=st.integers(0, 12),
    length=st.integers(1, 11),
)  # fmt: skip
def test_work_adds_up_and_is_done_when_people_work(moment, minutes, days, start, length):
    """An hour and another one after it are two; the clocks change twice a year meanwhile."""
    found = hours(days=sorted(days), start=f"{start:02d}:00", end=f"{start + length:02d}:00")
    worked = timedelta(minutes=minutes)
    half = found.later(moment, worked)
    assert found.later(half, worked) == found.later(moment, 2 * worked)
    assert half >= found.opening(moment) + worked
    before = half - timedelta(microseconds=1)
    assert found.opening(before) == before, "the last moment of the work lies in hours"
    last = found.last_planning(moment)
    assert last <= moment < found.planning(moment)
    assert found.last_planning(found.planning(moment)) == found.planning(moment)


@pytest.mark.parametrize(
    ("written", "place", "words"),
    [
        ({"end": "09:00"}, ("end",), "end 09:00 is not after start 09:00"),
        ({"end": "9"}, ("end",), "is no time of day"),
        ({"days": []}, ("days",), "at least 1"),
        ({"days": ["monday"]}, ("days", 0), "'mon', 'tue'"),
        ({"time_zone": "Berlin"}, ("time_zone",), "Did you mean 'Europe/Berlin'?"),
        ({"holidays": ["25.12."]}, ("holidays", 0), "this is no day"),
        ({"day": ["mon"]}, ("day",), "Did you mean 'days'?"),
    ],
)
def test_hours_that_cannot_be_meant_are_refused(written, place, words):
    with pytest.raises(ValidationError) as caught:
        BusinessHours.model_validate(written)
    ((found, message),) = [(one["loc"], one["msg"]) for one in caught.value.errors()]
    assert (found, words in message) == (place, True), message


def test_hours_are_those_of_the_project_where_they_name_no_zone():
    found = BusinessHours()
    assert str(found.zone) == "UTC"
    assert str(found.in_zone("Asia/Tokyo").zone) == "Asia/Tokyo"
    assert hours().in_zone("Asia/Tokyo") == hours()
