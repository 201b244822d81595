"""What a reader finds in the store of results, whatever happened to the writers."""

import os
import signal
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.store.results import CorruptResult, ResultStore, UnsafeName

DAY = date(2025, 3, 1)
TABLE = pa.table({"feature": ["age", "income"], "psi": [0.25, 0.5]})


@pytest.fixture
def store(tmp_path):
    return ResultStore(tmp_path)


def test_what_was_written_is_read(store):
    """The table comes back as it was, with the notes beside it."""
    path = store.write("churn", "drift", DAY, TABLE, metadata={"model_version": "3"})
    read = store.read("churn", "drift", DAY)
    assert path == store.root / "churn" / "drift" / "2025-03-01.parquet"
    assert read is not None
    assert read.equals(TABLE)
    assert store.metadata("churn", "drift", DAY) == {"model_version": "3"}


def test_the_second_writing_replaces_the_first(store):
    """A day has one result: the last one written."""
    store.write("churn", "drift", DAY, TABLE, metadata={"revision": "1"})
    store.write("churn", "drift", DAY, TABLE.slice(1))
    assert store.read("churn", "drift", DAY).equals(TABLE.slice(1))
    assert store.metadata("churn", "drift", DAY) == {}


def test_a_day_never_written_has_no_result(store):
    """Nothing there is None, not an error."""
    assert store.read("churn", "drift", DAY) is None
    assert store.metadata("churn", "drift", DAY) is None
    assert store.days("churn", "drift") == []


def test_only_files_that_are_named_by_a_day_are_results(store):
    """Somebody may put others beside them."""
    path = store.write("churn", "drift", DAY, TABLE)
    for name in ("notes.parquet", "2025-03-02.parquet.bak", "2025-03-xx.parquet"):
        (path.parent / name).write_bytes(b"")
    assert store.days("churn", "drift") == [DAY]


def test_many_days_come_in_one_table_that_names_the_day(store):
    """Days without a result are left out; a day column of the step's own is kept."""
    for day in (3, 1):
        store.write("churn", "drift", date(2025, 3, day), TABLE.slice(0, 1))
    store.write("churn", "quality", DAY, pa.table({"day": [date(2025, 2, 1)], "n": [1]}))
    days = [date(2025, 3, day) for day in (1, 2, 3)]
    assert store.days("churn", "drift") == [days[0], days[2]]


@pytest.mark.parametrize("reader", [pq.read_table, lambda path: duckdb.read_parquet(str(path))])
def test_any_reader_of_parquet_can_read_a_result(store, reader):
    """The digest hides where Parquet has a gap: no tool of ours is needed."""
    path = store.write("churn", "drift", DAY, TABLE)
    seen = reader(path)
    seen = seen if isinstance(seen, pa.Table) else seen.to_arrow_table()
    assert seen.to_pylist() == TABLE.to_pylist()


def test_no_flipped_bit_is_read(store):
    """Every byte of the file, once each with one bit flipped, is refused: pages and footer."""
    path = store.write("churn", "drift", DAY, TABLE, metadata={"model_version": "3"})
    sound = path.read_bytes()
    for place in range(len(sound)):
        flipped = bytearray(sound)
        flipped[place] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        with pytest.raises(CorruptResult):
            store.read("churn", "drift", DAY)


@pytest.mark.parametrize("kept", [0, 3, 8, 40, -1])
def test_a_cut_file_is_refused_with_the_way_out(store, kept):
    """The error names the file, the day, the step and the model."""
    path = store.write("churn", "drift", DAY, TABLE)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CorruptResult) as told:
        store.read("churn", "drift", DAY)
    assert str(path) in str(told.value)
    assert "Re-materialise 2025-03-01 of drift for churn" in str(told.value)
    assert isinstance(told.value, MonitoringError)


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "", "a b", "a\0b", "1a", "x" * 64, "ünder", "a\n"]
)
def test_a_name_that_is_no_identifier_never_becomes_a_path(store, name):
    """Neither as model nor as step, neither to write nor to read."""
    for model, step in ((name, "drift"), ("churn", name)):
        with pytest.raises(UnsafeName):
            store.write(model, step, DAY, TABLE)
        with pytest.raises(UnsafeName):
            store.read(model, step, DAY)
    assert list(store.root.iterdir()) == []


_WRITER_THAT_STOPS = """
import sys, time
from datetime import date
from pathlib import Path
import pyarrow as pa
from monitoring_dagster.store import results

def stop(descriptor):
    print("in the middle", flush=True)
    time.sleep(60)

results.os.fsync = stop
table = pa.table({"feature": ["other"], "psi": [9.0]})
results.ResultStore(Path(sys.argv[1])).write("churn", "drift", date(2025, 3, 1), table)
"""


def test_a_writer_killed_in_the_middle_leaves_the_old_result(store):
    """Its temporary file is invisible, and gone after the next writing."""
    path = store.write("churn", "drift", DAY, TABLE)
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER_THAT_STOPS, str(store.root)],
        stdout=subprocess.PIPE,
        cwd=root,
        text=True,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "in the middle\n"
        os.kill(writer.pid, signal.SIGKILL)
    assert len(list(path.parent.iterdir())) == 2
    assert store.days("churn", "drift") == [DAY]
    assert store.read("churn", "drift", DAY).equals(TABLE)
    store.write("churn", "drift", DAY, TABLE.slice(1))
    assert list(path.parent.iterdir()) == [path]


def test_readers_see_whole_results_while_many_write(store):
    """Four writers of the same day at once: each reading is one of their tables, whole."""
    tables = [pa.table({"x": np.full(5_000, number)}) for number in range(4)]
    store.write("churn", "drift", DAY, tables[0])
    errors: list[BaseException] = []

    def write(table):
        try:
            for _ in range(10):
                store.write("churn", "drift", DAY, table)
        except BaseException as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=(table,)) for table in tables]
    for writer in writers:
        writer.start()
    readings = 0
    while any(writer.is_alive() for writer in writers):
        seen = store.read("churn", "drift", DAY)["x"].to_numpy()
        assert seen.size == 5_000
        assert np.unique(seen).size == 1
        readings += 1
    assert errors == []
    assert readings > 0
    assert [path.suffix for path in (store.root / "churn" / "drift").iterdir()] == [".parquet"]
