"""A signal from elsewhere is a number a day, however its file says it; what is none is told."""

from datetime import UTC, date, datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.rows.outside_series import UnusableSeries, values_by_day
from monitoring_dagster.sources.tables.files import NoFiles
from monitoring_dagster.spec import OutsideSeries

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
EVENING = datetime(2026, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5)))


def parquet(path, days, values):
    pq.write_table(pa.table({"day": days, "value": values}), path)


def test_several_values_of_a_day_are_averaged_and_gaps_left_out(tmp_path):
    lines = ["day,value,who", "2026-03-01,1,ann", "2026-03-01,4,bob", "2026-03-02,,ann", ",7,ann"]
    (tmp_path / "feedback.csv").write_text("\n".join(lines))
    assert values_by_day(OutsideSeries(path="feedback.csv"), root=tmp_path) == {FIRST: 2.5}


def test_one_file_a_day_or_a_folder_of_them(tmp_path):
    for day, value in ((FIRST, 0.25), (SECOND, 0.5)):
        parquet(tmp_path / f"{day}.parquet", [day], [value])
    found = values_by_day(OutsideSeries(path="{day}.parquet"), root=tmp_path)
    assert found == {FIRST: 0.25, SECOND: 0.5}
    assert values_by_day(OutsideSeries(path="."), root=tmp_path) == found
    (tmp_path / "more.parquet").write_bytes(b"not of a day")
    assert values_by_day(OutsideSeries(path="{day}.parquet"), root=tmp_path) == found


@pytest.mark.parametrize(
    ("days", "values", "expected"),
    [
        pytest.param([EVENING], [1], {SECOND: 1.0}, id="a time counts for its UTC day"),
        pytest.param([datetime(2026, 3, 1, 23, tzinfo=UTC)], [1], {FIRST: 1.0}, id="UTC"),
        pytest.param(["2026-03-01"], [1], {FIRST: 1.0}, id="days as text"),
        pytest.param([FIRST] * 2, [True, False], {FIRST: 0.5}, id="yes and no"),
        pytest.param([FIRST], [float("inf")], {}, id="infinity is no number"),
        pytest.param([FIRST], [timedelta(minutes=1)], {FIRST: 60.0}, id="a duration, in seconds"),
        pytest.param([], pa.array([], pa.int64()), {}, id="no row"),
    ],
)
def test_what_counts_as_a_day_and_a_number(tmp_path, days, values, expected):
    parquet(tmp_path / "a.parquet", days, values)
    assert values_by_day(OutsideSeries(path="a.parquet"), root=tmp_path) == expected


@pytest.mark.parametrize(
    ("days", "values", "words"),
    [
        pytest.param(["1.3.26"], [1], "holds no days .*write them as 2026-03-01", id="day"),
        pytest.param([20260301], [1], r"holds no days \(int64\)", id="a number as day"),
        pytest.param([FIRST], ["12%"], "holds string: write plain numbers", id="per cent"),
        pytest.param([FIRST] * 2, ["1", "1,5"], "The first that is none: '1,5'", id="a comma"),
        pytest.param([FIRST] * 3, ["1", None, "n.k."], "none: 'n.k.'", id="a word"),
        pytest.param(["2026-03-01", "Total"], [1, 2], r"holds no days \('Total'\)", id="a sum"),
        pytest.param(["2026-02-30"], [1], r"holds no days \('2026-02-30'\)", id="no such day"),
        pytest.param(["2026-W10"], [1], "holds no days", id="a week"),
        pytest.param([1772323200.0], [1], r"holds no days \(double\)", id="seconds"),
        pytest.param([True], [1], r"holds no days \(bool\)", id="yes and no for days"),
        pytest.param([date(206, 3, 1)], [1], "0206-03-01 is out of all bounds", id="a digit lost"),
        pytest.param([FIRST, date(2926, 3, 1)], [1, 2], "2926-03-01 is out", id="a digit wrong"),
    ],
)
def test_what_is_no_day_or_no_number_is_told(tmp_path, days, values, words):
    parquet(tmp_path / "a.parquet", days, values)
    with pytest.raises(UnusableSeries, match=words):
        values_by_day(OutsideSeries(path="a.parquet"), root=tmp_path)


def test_an_error_repeats_a_hostile_value_short_and_harmless(tmp_path):
    parquet(tmp_path / "a.parquet", ["\x1b[31m" + 1000 * "x"], [1])
    with pytest.raises(UnusableSeries) as told:
        values_by_day(OutsideSeries(path="a.parquet"), root=tmp_path)
    assert str(told.value).isprintable()
    assert "x" * 100 not in str(told.value)


def test_a_file_or_a_column_that_is_not_there_is_told_by_its_name(tmp_path):
    with pytest.raises(NoFiles, match=r"complaints\.csv: no such file"):
        values_by_day(OutsideSeries(path="complaints.csv"), root=tmp_path)
    (tmp_path / "complaints.csv").write_text("day,rate\n2026-03-01,1\n")
    with pytest.raises(UnknownColumn, match=r"no column 'rat'\. Did you mean 'rate'"):
        values_by_day(OutsideSeries(path="complaints.csv", value="rat"), root=tmp_path)


def test_the_days_of_several_files_are_averaged_together(tmp_path):
    for name, value in (("a", 1.0), ("b", 4.0)):
        parquet(tmp_path / f"{name}.parquet", [FIRST], [value])
    assert values_by_day(OutsideSeries(path="*.parquet"), root=tmp_path) == {FIRST: 2.5}
