"""What identifies a day's files, without reading them."""

import os
from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest

from monitoring_dagster.decide.recomputing import is_changed
from monitoring_dagster.sources.rows.fingerprints import (
    fingerprint_of,
    fingerprints_of,
    is_being_written,
)
from monitoring_dagster.spec import Labels, Predictions

DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
FILES = Predictions(path="{day}.parquet")


def put(path, content=b"rows", at=NOON):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at.timestamp(), at.timestamp()))


def seen(root):
    return fingerprint_of(FILES, DAY, root=root)


def test_no_file_is_nothing_and_a_file_is_its_size_and_time(tmp_path):
    assert seen(tmp_path) == {}
    put(tmp_path / f"{DAY}.parquet")
    assert seen(tmp_path) == {f"{DAY}.parquet": [4, int(NOON.timestamp()) * 10**9]}


@pytest.mark.parametrize(
    ("happens", "changed"),
    [
        pytest.param(lambda day: None, False, id="nothing"),
        pytest.param(lambda day: put(day / "b.parquet"), True, id="one more file"),
        pytest.param(lambda day: put(day / "a.parquet", b"others"), True, id="another size"),
        pytest.param(lambda day: put(day / "a.parquet", at=NOON + timedelta(hours=1)), True,
                     id="another time"),
        pytest.param(lambda day: (day / "a.parquet").unlink(), False, id="one file deleted"),
        pytest.param(lambda day: put(day / "_log.parquet"), False, id="what writers hide"),
        pytest.param(lambda day: put(day / "notes.txt"), False, id="what holds no rows"),
        pytest.param(lambda day: put(day / "_SUCCESS"), True, id="the writer has finished"),
    ],
)  # fmt: skip
def test_a_folder_changes_with_what_is_read_of_it(happens, changed, tmp_path):
    day = tmp_path / f"{DAY}.parquet"
    put(day / "a.parquet")
    put(day / "k=1" / "c.parquet")
    (day / "_temporary").mkdir()
    before = seen(tmp_path)
    happens(day)
    assert is_changed(before, seen(tmp_path)) is changed


def test_a_folder_with_a_log_is_never_read_and_never_changes(tmp_path):
    put(tmp_path / f"{DAY}.parquet" / "_delta_log" / "0.json")
    before = seen(tmp_path)
    put(tmp_path / f"{DAY}.parquet" / "a.parquet")
    assert not is_changed(before, seen(tmp_path))


@pytest.mark.parametrize(
    ("seconds_ago", "grows"),
    [
        pytest.param(0, True, id="now"),
        pytest.param(59, True, id="within the minute"),
        pytest.param(60, False, id="a minute ago"),
        pytest.param(-3600, False, id="a clock that runs ahead"),
    ],
)
def test_a_file_that_changed_within_a_minute_may_still_grow(seconds_ago, grows, tmp_path):
    put(tmp_path / f"{DAY}.parquet", at=NOON - timedelta(seconds=seconds_ago))
    assert is_being_written(seen(tmp_path), now=NOON) is grows


def test_a_folder_whose_writer_has_not_finished_is_being_written(tmp_path):
    put(tmp_path / f"{DAY}.parquet" / "a.parquet", at=NOON - timedelta(hours=1))
    (tmp_path / f"{DAY}.parquet" / "_temporary").mkdir()
    assert is_being_written(seen(tmp_path), now=NOON)


@pytest.fixture
def table(tmp_path):
    with duckdb.connect(tmp_path / "log.duckdb") as connection:
        connection.execute("CREATE TABLE told (request_id INT, label INT, arrived_at TIMESTAMPTZ)")
        connection.execute("INSERT INTO told VALUES (1, 1, '2026-03-02 10:00Z')")
    return Labels(database="log.duckdb", table="told")


def test_a_table_is_its_rows_by_day(table, tmp_path):
    found = fingerprints_of(table, DAY, DAY + timedelta(days=1), root=tmp_path)
    assert found == {DAY: {"rows": [1]}, DAY + timedelta(days=1): {}}
    with duckdb.connect(tmp_path / "log.duckdb") as connection:
        connection.execute("INSERT INTO told VALUES (2, 1, '2026-03-02 11:00Z')")
    assert fingerprint_of(table, DAY, root=tmp_path) == {"rows": [2]}


@pytest.mark.parametrize("change", [{"table": "other"}, {"database": "away.duckdb"},
                                    {"arrived_at": "elsewhere"}])  # fmt: skip
def test_a_table_that_cannot_be_counted_has_no_days(change, table, tmp_path):
    other = Labels.model_validate(table.model_dump() | change)
    assert fingerprints_of(other, DAY, DAY, root=tmp_path) == {}
