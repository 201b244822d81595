"""What the contract left of a day: rows that can be counted, columns that are read or told."""

import pytest

from monitoring_dagster.store.days.usable_rows import (
    CONTRACT,
    LEFT_OUT,
    QUIET,
    USABLE,
    columns_left_out,
    is_usable,
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
