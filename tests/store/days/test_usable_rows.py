"""What the contract left of a day: rows that can be counted, columns that are read or told."""

import pytest

from monitoring_dagster.sources.rows.served import Deployment
from monitoring_dagster.store.days.usable_rows import (
    CONTRACT,
    LEFT_OUT,
    QUIET,
    USABLE,
    columns_left_out,
    deployments_on,
    feature_code_between,
    is_usable,
    main_feature_code,
    noted_deployments,
    noted_quiet,
    quiet_columns,
)
from tests.tiny import DAY, after, keep, monitor_of


@pytest.mark.parametrize(
    ("notes", "usable"),
    [
        pytest.param({USABLE: "1"}, True, id="usable"),
        pytest.param({USABLE: "0"}, False, id="not usable"),
        pytest.param({USABLE: ""}, False, id="said otherwise than with a 1"),
        pytest.param({}, True, id="written before it was noted"),
        pytest.param(None, True, id="never inspected"),
    ],
)
def test_whether_rows_can_be_counted(tmp_path, notes, usable):
    monitor = monitor_of(tmp_path)
    if notes is not None:
        keep(monitor, CONTRACT, **notes)
    assert is_usable(monitor, DAY) is usable


def test_columns_that_say_nothing_new_and_columns_that_are_not_read(tmp_path):
    monitor = monitor_of(tmp_path)
    keep(monitor, CONTRACT, **{QUIET: ["age", 'a"b'], LEFT_OUT: ["plan"]})
    assert quiet_columns(monitor, DAY) == {"age", 'a"b'}
    assert columns_left_out(monitor, DAY) == {"plan"}
    assert quiet_columns(monitor, after(1)) == columns_left_out(monitor, after(1)) == frozenset()


def test_columns_that_one_version_lacks_are_quiet_for_it_alone(tmp_path):
    monitor = monitor_of(tmp_path)
    keep(monitor, CONTRACT, **{QUIET: ["plan"]})
    keep(monitor, "profile", **noted_quiet([("3", "age"), ("3", "debt"), ("2", "age")]))
    assert quiet_columns(monitor, DAY, "3") == {"plan", "age", "debt"}
    assert quiet_columns(monitor, DAY, "2") == {"plan", "age"}
    assert quiet_columns(monitor, DAY, "1") == quiet_columns(monitor, DAY) == {"plan"}
    assert noted_quiet([]) == {}


def logged(monitor, day, **rows):
    """Store that so many rows of a day name each feature code; `none` stands for no code."""
    found = [Deployment("1", None if code == "none" else code, None, n) for code, n in rows.items()]
    keep(monitor, CONTRACT, day, **noted_deployments(found))


def test_deployments_are_what_was_noted_of_them(tmp_path):
    monitor = monitor_of(tmp_path)
    found = [Deployment("2", 'a"b', '{"numpy": "2"}', 9), Deployment("", None, None, 1)]
    keep(monitor, CONTRACT, **noted_deployments(found))
    assert deployments_on(monitor, DAY) == found
    assert deployments_on(monitor, after(1)) == []
    assert noted_deployments([]) == {}


@pytest.mark.parametrize(
    ("rows", "main"),
    [
        pytest.param({"x": 5, "y": 6, "none": 99}, "y", id="the one of most rows"),
        pytest.param({"none": 99}, None, id="no row names one"),
        pytest.param({}, None, id="the log has none"),
    ],
)
def test_the_feature_code_of_a_day(tmp_path, rows, main):
    monitor = monitor_of(tmp_path)
    logged(monitor, DAY, **rows)
    assert main_feature_code(monitor, DAY) == main
    assert main_feature_code(monitor, after(1)) is None


@pytest.mark.parametrize(
    ("days", "code"),
    [
        pytest.param([{"x": 5}, {}, {"x": 5, "none": 1}], "x", id="the same on all that name one"),
        pytest.param([{"x": 5}, {"y": 5}], None, id="it changed"),
        pytest.param([{"x": 5, "y": 1}], None, id="two on one day"),
        pytest.param([{}, {"none": 3}], None, id="nobody named one"),
    ],
)
def test_the_feature_code_of_several_days(tmp_path, days, code):
    monitor = monitor_of(tmp_path)
    logged(monitor, after(-1), other=9)
    for number, rows in enumerate(days):
        logged(monitor, after(number), **rows)
    assert feature_code_between(monitor, DAY, after(len(days) - 1)) == code
