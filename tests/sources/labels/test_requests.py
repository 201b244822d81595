"""A request was answered on the days whose rows of it count, whatever else lies there."""

import duckdb
import pyarrow as pa
import pytest

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.labels.requests import days_answered
from monitoring_dagster.sources.rows.row_sql import UnusableName
from monitoring_dagster.sources.rows.rows import UnreadableFile
from monitoring_dagster.spec import Predictions
from tests.sources.labels.two_feeds import BIG, on, serve

LOG = Predictions(path="served/{day}.parquet")


def answered(root, *ids, log=LOG, first=0, last=9):
    found = days_answered(log, ids, first=on(first), last=on(last), root=root)
    return sorted((id_, (day - on(0)).days) for id_, day in found)


def test_each_request_comes_with_every_day_of_its_answers(tmp_path):
    serve(tmp_path, 0, ["a", "b", "a"])
    serve(tmp_path, 2, ["a", "c"])
    assert answered(tmp_path, "a", "c", "x") == [("a", 0), ("a", 2), ("c", 2)]


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [(0, 2, [0, 1, 2]), (1, 1, [1]), (0, 1, [0, 1]), (2, 9, [2]), (3, 9, []), (2, 1, [])],
)
def test_only_days_of_the_window_are_looked_at(tmp_path, first, last, days):
    for day in range(3):
        serve(tmp_path, day, ["a"])
    assert answered(tmp_path, "a", first=first, last=last) == [("a", day) for day in days]


@pytest.mark.parametrize(
    ("column", "value", "counts"),
    [
        pytest.param("status", "ok", True, id="ok"),
        pytest.param("status", " OK ", True, id="in capitals, with blanks"),
        pytest.param("status", "error", False, id="an error"),
        pytest.param("status", "fallback", False, id="a fallback"),
        pytest.param("status", None, False, id="no status"),
        pytest.param("synthetic", True, False, id="a test"),
        pytest.param("synthetic", False, True, id="no test"),
    ],
)
def test_only_answers_that_count_are_answers(tmp_path, column, value, counts):
    kind = pa.string() if column == "status" else pa.bool_()
    serve(tmp_path, 0, ["a"], **{column: pa.array([value], kind)})
    log = LOG.model_copy(update={column: column})
    assert answered(tmp_path, "a", log=log) == ([("a", 0)] if counts else [])


@pytest.mark.parametrize(
    ("stored", "asked", "found"),
    [
        pytest.param([7, 8], "7", True, id="whole numbers"),
        pytest.param([7.0, 8.0], "7", True, id="floats"),
        pytest.param(["7.0", "8"], "7", True, id="text of floats"),
        pytest.param(["007", "8"], "7", False, id="a code"),
        pytest.param(["a", "b"], "A", False, id="another case"),
        pytest.param(["it's; --", "b"], "it's; --", True, id="a quote"),
        pytest.param(["a", "b"], "' OR '1' = '1", False, id="SQL"),
        pytest.param(["x" * 5000, "b"], "x" * 5000, True, id="a long id"),
        pytest.param([BIG, 8], str(BIG), True, id="all digits of a large one"),
        pytest.param([None, "b"], "", False, id="no id"),
    ],
)
def test_an_id_is_the_same_however_it_is_stored(tmp_path, stored, asked, found):
    serve(tmp_path, 0, stored)
    assert answered(tmp_path, asked) == ([(asked, 0)] if found else [])


def test_days_with_ids_of_another_type_spoil_no_other_day(tmp_path):
    serve(tmp_path, 0, [BIG])
    serve(tmp_path, 1, [float(7)])
    serve(tmp_path, 2, ["7"])
    assert answered(tmp_path, str(BIG), "7") == [(str(BIG), 0), ("7", 1), ("7", 2)]


def test_without_any_request_nothing_is_opened(tmp_path):
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / f"{on(0)}.parquet").write_bytes(b"rot")
    assert answered(tmp_path) == []


def test_a_day_that_cannot_be_read_is_left_out(tmp_path):
    for day in range(3):
        serve(tmp_path, day, ["a"])
    (tmp_path / "served" / f"{on(1)}.parquet").write_bytes(b"rot")
    assert answered(tmp_path, "a") == [("a", 0), ("a", 2)]
    assert answered(tmp_path / "nowhere", "a") == []


def test_what_cannot_be_answered_is_named(tmp_path):
    serve(tmp_path, 0, ["a"])
    with pytest.raises(UnknownColumn, match=r"no column 'status'\."):
        answered(tmp_path, "a", log=LOG.model_copy(update={"status": "status"}))
    with pytest.raises(UnusableName, match="NUL"):
        answered(tmp_path, "a\0")
    with pytest.raises(UnreadableFile, match=r"table 'log' of .*nowhere\.duckdb"):
        answered(tmp_path, "a", log=Predictions(database="nowhere.duckdb", table="log"))


def test_a_table_answers_as_files_do(tmp_path):
    for day in range(2):
        serve(tmp_path, day, ["a", "b"])
    with duckdb.connect(tmp_path / "log.duckdb") as database:
        database.execute(f"CREATE TABLE log AS FROM '{tmp_path}/served/*.parquet'")
    found = answered(tmp_path, "a", log=Predictions(database="log.duckdb", table="log"))
    assert found == answered(tmp_path, "a") == [("a", 0), ("a", 1)]
