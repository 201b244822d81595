"""A day is a file or a folder, and holds what its writer meant it to hold."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.sources.rows.rows import (
    MissingDay,
    UnreadableFile,
    columns_of,
    days_available,
    read_batches,
    schema_of,
)
from monitoring_dagster.spec import Predictions

DAY = date(2025, 3, 1)


def put(path, table):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table) if isinstance(table, dict) else table, path)


def rows_in(root, path, *columns):
    """Columns of the day, as tuples in order."""
    source = Predictions(path=path)
    batches = read_batches(source, DAY, root=root, columns=columns)
    return sorted(tuple(row.values()) for batch in batches for row in batch.to_pylist())


@pytest.mark.parametrize(
    "path",
    [
        "log/{day}/",
        "log/{day}",
        "log/day={day}/",
        "log/day={day}/x.parquet",
        "log/{day}.parquet",  # a folder that Spark gave the name of a file
    ],
)
def test_a_day_may_be_a_folder(tmp_path, path):
    place = tmp_path / path.replace("{day}", str(DAY))
    put(place if path.endswith("x.parquet") else place / "part-0.parquet", {"x": [1, 2]})
    assert rows_in(tmp_path, path, "x") == [(1,), (2,)]
    assert list(columns_of(Predictions(path=path), DAY, root=tmp_path)) == ["x"]
    assert days_available(Predictions(path=path), root=tmp_path) == [DAY]


def test_what_writers_hide_is_not_read(tmp_path):
    folder = tmp_path / str(DAY)
    put(folder / "part-0.parquet", {"x": [1]})
    put(folder / "000001_0", {"x": [2]})  # as Hive names its files
    for hidden in (
        ".ipynb_checkpoints/part-0-checkpoint.parquet",
        "_temporary/0/part-1.parquet",
        "._part-0.parquet",
        ".part-0.parquet.crc",
    ):
        put(folder / hidden, {"x": [9]})
    (folder / "_SUCCESS").touch()
    (folder / "README.txt").touch()
    assert rows_in(tmp_path, "{day}", "x") == [(1,), (2,)]


def test_a_day_of_which_only_a_log_knows_which_files_count_cannot_be_read(tmp_path):
    put(tmp_path / str(DAY) / "part-0.parquet", {"x": [1]})
    (tmp_path / str(DAY) / "_delta_log").mkdir()
    with pytest.raises(UnreadableFile, match="is a Delta table"):
        rows_in(tmp_path, "{day}", "x")


@pytest.mark.parametrize(
    ("folders", "values"),
    [
        pytest.param(["k=a", "k=b"], ["a", "b"], id="words"),
        pytest.param(["k=1", "k=10"], [1, 10], id="whole numbers"),
        pytest.param(["k=01", "k=10"], ["01", "10"], id="codes with a leading zero"),
        pytest.param(["k=a%2Fb", "k=%C3%BC"], ["a/b", "ü"], id="escaped"),
        pytest.param(["k=1", "k=__HIVE_DEFAULT_PARTITION__"], [1, None], id="no value"),
        pytest.param(["k=o'b", 'k="q"'], ["o'b", '"q"'], id="hostile"),
    ],
)
def test_what_stands_in_the_names_of_folders_is_a_column(tmp_path, folders, values):
    for number, folder in enumerate(folders):
        put(tmp_path / f"day={DAY}" / folder / "x.parquet", {"x": [number]})
    source = Predictions(path="day={day}/")
    assert list(columns_of(source, DAY, root=tmp_path)) == ["x", "k"]
    batches = read_batches(source, DAY, root=tmp_path, columns=["x", "k"])
    found = {row["x"]: row["k"] for batch in batches for row in batch.to_pylist()}
    assert found == dict(enumerate(values))


def test_a_column_in_the_files_goes_before_a_folder_of_its_name(tmp_path):
    put(tmp_path / str(DAY) / "k=a" / "x.parquet", {"k": ["b"], "x": [1]})
    assert rows_in(tmp_path, "{day}", "k", "x") == [("b", 1)]


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        pytest.param([1], [1.5], "DOUBLE", id="integers and floats"),
        pytest.param([12345], ["W1A"], "VARCHAR", id="zip codes: digits, then letters"),
        pytest.param([True], [0.0], "DOUBLE", id="booleans and floats"),
        pytest.param([None], [1], "BIGINT", id="nothing but nulls, and integers"),
    ],
)
def test_files_that_disagree_are_unified_where_they_can_be(tmp_path, first, second, kind):
    put(tmp_path / str(DAY) / "a.parquet", {"x": first})
    put(tmp_path / str(DAY) / "b.parquet", {"x": second})
    columns, unreadable = schema_of(Predictions(path="{day}"), DAY, root=tmp_path)
    assert (columns, unreadable) == ({"x": kind}, {})
    assert len(rows_in(tmp_path, "{day}", "x")) == 2 if None not in first else True


@pytest.mark.parametrize(
    "second", [[[1]], [{"a": 1}], pa.array([1], pa.timestamp("us"))], ids=["list", "struct", "time"]
)
def test_a_column_that_the_files_cannot_agree_about_takes_no_other_one_down(tmp_path, second):
    put(tmp_path / str(DAY) / "a.parquet", {"x": [1], "y": [1]})
    put(tmp_path / str(DAY) / "b.parquet", {"x": second, "y": [2]})
    columns, unreadable = schema_of(Predictions(path="{day}"), DAY, root=tmp_path)
    assert list(columns) == ["y"]
    assert "is int64 in a.parquet and" in unreadable["x"]
    assert "in b.parquet. Write one of them anew" in unreadable["x"]
    assert rows_in(tmp_path, "{day}", "y") == [(1,), (2,)]


@pytest.mark.parametrize("names", [["x", "x"], ["x", "X"]], ids=["the same", "but for case"])
def test_two_columns_of_one_name_are_said_and_take_no_other_one_down(tmp_path, names):
    put(tmp_path / f"{DAY}.parquet", pa.table([[1], [2], [3]], names=[*names, "y"]))
    columns, unreadable = schema_of(Predictions(path="{day}.parquet"), DAY, root=tmp_path)
    assert list(columns) == ["y"]
    assert set(unreadable) == set(names)
    assert "stands 2 times" in unreadable["x"]
    assert "Rename one of them" in unreadable["x"]


def test_a_file_of_a_folder_that_cannot_be_read_is_named(tmp_path):
    put(tmp_path / str(DAY) / "a.parquet", {"x": [1]})
    for content in (b"", b"PAR1 cut"):
        (tmp_path / str(DAY) / "b.parquet").write_bytes(content)
        with pytest.raises(UnreadableFile, match=r"b\.parquet"):
            rows_in(tmp_path, "{day}", "x")


def test_a_folder_without_a_parquet_file_is_a_missing_day(tmp_path):
    (tmp_path / str(DAY)).mkdir()
    (tmp_path / str(DAY) / "rows.csv").write_text("x\n1\n")
    with pytest.raises(MissingDay, match="no Parquet file in the folder"):
        rows_in(tmp_path, "{day}", "x")


def test_a_folder_that_is_being_written_is_not_read(tmp_path):
    """Half a day is worse than none."""
    put(tmp_path / str(DAY) / "part-0.parquet", {"x": [1]})
    put(tmp_path / str(DAY) / "_temporary" / "part-1.parquet", {"x": [2]})
    with pytest.raises(UnreadableFile, match="a writer is at work in it"):
        rows_in(tmp_path, "{day}", "x")
