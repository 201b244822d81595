"""Every row of a table is in exactly one chunk."""

import pyarrow as pa
import pytest

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.standalone.chunk_estimates import of_days, of_rows
from monitoring_dagster.standalone.reading.ids_and_times import days_of


@pytest.mark.parametrize(
    ("n", "size", "rows"),
    [
        (1000, None, [100] * 10),
        (1009, None, [100, 101, 101, 101, 101, 101, 101, 101, 101, 101]),
        (350, None, [116, 117, 117]),
        (99, None, [99]),
        (0, None, []),
        (5, 2, [2, 2, 1]),
        (4, 9, [4]),
    ],
)
def test_consecutive_rows_by_size_or_ten_parts(n, size, rows):
    chunks = of_rows(n, size=size)
    assert [one.rows.size for one in chunks] == rows
    assert [row for one in chunks for row in one.rows.tolist()] == list(range(n))


def test_a_day_is_whole_wherever_its_rows_lie():
    times = pa.chunked_array([["2026-01-02 23:59:59Z", "2026-01-01", None, "2026-01-02"]])
    with pytest.raises(MonitoringError, match="no point in time"):
        days_of(times, column="at")
    times = pa.chunked_array([["2026-01-02 23:59:59", "2026-01-01", None, "2026-01-02"]])
    found = of_days(days_of(times, column="at"))
    assert [(str(one.day), one.rows.tolist()) for one in found] == [
        ("2026-01-02", [0, 3]),
        ("2026-01-01", [1]),
        ("None", [2]),
    ]
