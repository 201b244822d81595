"""Numbers from elsewhere are signals of their day; a file that cannot be read says why."""

from math import isnan

import pytest

from monitoring_dagster.judge.outside import outside_signals
from tests.tiny import DAY, after, monitor_of


@pytest.fixture
def monitor(tmp_path):
    series = {"path": "calls.csv"}
    return monitor_of(tmp_path, signals={"calls": series, "rain": {"path": "rain.csv"}})


def lay(monitor, name, *lines):
    (monitor.root / f"{name}.csv").write_text("\n".join(["day,value", *map(str, lines)]) + "\n")


def test_a_day_has_its_number_and_no_other(monitor):
    lay(monitor, "calls", f"{DAY},3", f"{DAY},5", f"{after(1)},9")
    lay(monitor, "rain", f"{after(1)},2")
    (one,) = outside_signals(monitor, DAY)
    assert (one.name, one.value, one.n, one.day) == ("outside.calls", 4.0, 1, DAY)
    assert [one.value for one in outside_signals(monitor, after(1))] == [9.0, 2.0]
    assert list(outside_signals(monitor, after(2))) == []


def test_a_file_that_cannot_be_read_is_unknown_with_the_reason_and_spoils_no_other(monitor):
    lay(monitor, "rain", f"{DAY},2")
    calls, rain = outside_signals(monitor, DAY)
    assert (calls.name, isnan(calls.value), calls.n) == ("outside.calls", True, 0)
    assert "calls.csv" in calls.reason
    assert rain.value == 2.0
    lay(monitor, "calls", f"{DAY},many")
    calls, _ = outside_signals(monitor, DAY)
    assert isnan(calls.value)
    assert "write plain numbers, or name another column" in calls.reason


def test_a_model_without_any_has_none(tmp_path):
    assert list(outside_signals(monitor_of(tmp_path), DAY)) == []
