"""A judged day is computed again where its files hold something new, and never without end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.decide.recomputing import is_changed, waits_until

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
files = st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 2), max_size=2))


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        pytest.param({}, {}, False, id="no file, then as now"),
        pytest.param({"a": [4, 1]}, {"a": [4, 1]}, False, id="the same file"),
        pytest.param({"a": (4, 1)}, {"a": [4, 1]}, False, id="the same, as JSON reads it"),
        pytest.param({"a": [4, 1]}, {"a": [5, 1]}, True, id="another size"),
        pytest.param({"a": [4, 1]}, {"a": [4, 2]}, True, id="another time"),
        pytest.param({"a": [4, 1]}, {"a": [4, 1], "b": [4, 1]}, True, id="one more file"),
        pytest.param({"a": [4, 1], "b": [4, 1]}, {"a": [4, 1]}, False, id="one file fewer"),
        pytest.param({"a": [4, 1]}, {"b": [4, 1]}, True, id="another name"),
        pytest.param({"a": [4, 1]}, {}, False, id="all deleted"),
        pytest.param({"rows": [7]}, {"rows": [8]}, True, id="one more row of a table"),
    ],
)
def test_a_day_changes_with_what_its_files_hold(before, now, changed):
    assert is_changed(before, now) is changed


@given(files, files)
def test_what_was_there_already_changes_nothing(held, deleted_since):
    assert not is_changed(held, held)
    assert not is_changed({**deleted_since, **held}, held)


@pytest.mark.parametrize(
    ("minutes_ago", "waits"),
    [
        pytest.param([], None, id="never asked for"),
        pytest.param([14], 1, id="once, within a quarter of an hour"),
        pytest.param([15], None, id="once, a quarter of an hour ago"),
        pytest.param([60, 44], 1, id="twice"),
        pytest.param([44, 60], 1, id="twice, in whatever order"),
        pytest.param([60, 45], None, id="twice, three quarters of an hour ago"),
        pytest.param([400, 300, 200, 100], 305, id="four times"),
        pytest.param([24 * 60, 14], 1, id="a day ago is forgotten"),
        pytest.param([24 * 60 - 1, 14], 31, id="a minute less is not"),
        pytest.param([25 * 60, 26 * 60, 15], None, id="the day before is forgotten"),
    ],
)
def test_the_wait_grows_with_every_time(minutes_ago, waits):
    asked = [NOON - timedelta(minutes=one) for one in minutes_ago]
    expected = None if waits is None else NOON + timedelta(minutes=waits)
    assert waits_until(asked, now=NOON) == expected


def test_a_file_that_changes_all_the_time_is_computed_five_times_in_24_hours_at_most():
    asked = []
    for minutes in range(0, 4 * 24 * 60, 5):
        now = NOON + timedelta(minutes=minutes)
        if waits_until(asked, now=now) is None:
            asked.append(now)
    in_a_day = [
        sum(first <= one < first + timedelta(hours=24) for one in asked) for first in asked
    ]  # fmt: skip
    assert max(in_a_day) == 5
    first_day = [one - NOON for one in asked[:5]]
    assert first_day == [timedelta(minutes=one) for one in (0, 15, 60, 195, 600)]
