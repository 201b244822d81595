"""Which rows of a day are read, which count, and what is said when they cannot be read."""

import os
import time
from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.rows.rows import (
    MissingDay,
    UnreadableFile,
    _rows_in_files,
    columns_of,
    connected,
    days_available,
    read_batches,
    rows_of,
)
from monitoring_dagster.sources.rows.served import (
    read_day,
    service_numbers,
)
from monitoring_dagster.spec import Predictions
from tests.sources.rows.small_log import DAY, PREDICTIONS, SCHEMA, read, served


def test_a_missing_day_names_the_file_and_the_way_out(tmp_path):
    """The same error from every question about the day."""
    path = tmp_path / "log" / "2025-03-01.parquet"
    for ask in (
        lambda: columns_of(PREDICTIONS, DAY, root=tmp_path),
        lambda: read(PREDICTIONS, tmp_path),
        lambda: service_numbers(PREDICTIONS, DAY, root=tmp_path),
        lambda: list(read_batches(PREDICTIONS, DAY, root=tmp_path, columns=["age"])),
    ):
        with pytest.raises(MissingDay) as told:
            ask()
        assert str(told.value) == (
            f"2025-03-01 is missing: no file {path}. Deliver it, then re-materialise 2025-03-01."
        )


@pytest.mark.parametrize("content", [b"", b"no parquet at all", None], ids=["empty", "text", "cut"])
def test_a_file_that_is_no_parquet_is_named(log, tmp_path, content):
    """Empty, something else, or cut in the middle."""
    path = log([served()])
    path.write_bytes(path.read_bytes()[:-20] if content is None else content)
    with pytest.raises(UnreadableFile) as told:
        read(PREDICTIONS, tmp_path)
    assert str(path) in str(told.value)
    assert "re-materialise" in str(told.value)


def test_rot_in_the_middle_is_an_error_and_not_fewer_rows(tmp_path):
    """What streams out of a broken page raises while it is taken."""
    path = tmp_path / f"{DAY}.parquet"
    table = pa.table({"age": pa.array(map(str, range(200_000)))})
    pq.write_table(table, path, row_group_size=50_000)
    rotten = bytearray(path.read_bytes())
    middle = len(rotten) // 2
    rotten[middle : middle + 2_000] = b"\0" * 2_000
    path.write_bytes(rotten)
    source = Predictions(path=str(tmp_path / "{day}.parquet"))
    with pytest.raises(UnreadableFile):
        list(read_batches(source, DAY, root=tmp_path, columns=["age"]))


@pytest.mark.parametrize("asked", ["agee", "AGE"])
def test_a_misspelt_column_is_met_with_the_right_one(log, tmp_path, asked):
    """The spelling counts to the letter, though DuckDB would not mind the case."""
    log([served()])
    with pytest.raises(UnknownColumn, match="has no column"):
        read(PREDICTIONS, tmp_path, columns=[asked])
    with pytest.raises(UnknownColumn, match=r"Did you mean 'status'\?"):
        read(Predictions(path="log/{day}.parquet", status="statu"), tmp_path)


HOSTILE = [
    '"; DROP TABLE x; --',
    "a'b",
    "häß 中",
    'we"ird""',
    "sel;ect",
    "a\nb",
    "day",
    "{x}",
    "%s $1 ?",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_column_name_is_only_a_name(tmp_path, name):
    """It comes back as it was, from the plain way and from the one that drops duplicates."""
    rows = [{**served("a", minute=i), name: float(i)} for i in range(2)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{DAY}.parquet")
    source = Predictions(path="{day}.parquet")
    account, batches = read_day(source, DAY, root=tmp_path, columns=[name])
    assert account.duplicate_ids == 1
    assert pa.Table.from_batches(batches).to_pydict() == {name: [0.0]}
    assert name in columns_of(source, DAY, root=tmp_path)


@pytest.mark.parametrize("folder", ["o'brien", "o[d]", "st*r", "wh?t", '"q"', "a b"])
def test_a_hostile_path_is_only_a_path(tmp_path, folder):
    """Neither quotes nor the characters of a glob reach another file."""
    for name, age in ((folder, 1.0), ("od", 2.0), ("star", 2.0), ("what", 2.0)):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"age": [age]}), tmp_path / name / f"{DAY}.parquet")
    source, root = Predictions(path="{day}.parquet"), tmp_path / folder
    batches = read_batches(source, DAY, root=root, columns=["age"])
    assert pa.Table.from_batches(batches).to_pydict() == {"age": [1.0]}
    assert days_available(source, root=root) == [DAY]


@pytest.mark.parametrize(
    ("path", "there", "days"),
    [
        ("{day}.parquet", ["2025-03-02.parquet", "2025-03-01.parquet"], [1, 2]),
        ("{day}.parquet", ["2025-13-01.parquet", "2025-3-1.parquet", "x.parquet"], []),
        ("day={day}/rows.parquet", ["day=2025-03-01/rows.parquet", "day=2025-03-02/x"], [1]),
        ("{day}/{day}.parquet", ["2025-03-01/2025-03-01.parquet"], [1]),
        ("{day}/{day}.parquet", ["2025-03-01/2025-03-02.parquet"], []),
        ("absent/{day}.parquet", [], []),
    ],
)
def test_the_days_of_a_path_are_those_that_have_a_file(tmp_path, path, there, days):
    """Whatever else lies beside them."""
    for name in there:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = days_available(Predictions(path=path), root=tmp_path)
    assert found == [date(2025, 3, day) for day in days]


@pytest.fixture
def both(tmp_path):
    """The same rows as files and as a table, over two days."""
    days = {
        DAY: [served("a"), served("a", minute=1, age=9.0), served("b", is_test=True)],
        date(2025, 3, 2): [served("c", day=date(2025, 3, 2), status="error")],
    }
    with duckdb.connect(tmp_path / "log.duckdb") as database:
        every = pa.Table.from_pylist([row for rows in days.values() for row in rows], schema=SCHEMA)
        database.register("every", every)
        database.execute("CREATE TABLE log AS SELECT * FROM every")
        database.execute("CREATE VIEW seen AS SELECT * FROM log")
    for day, rows in days.items():
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / f"{day}.parquet")
    common = PREDICTIONS.model_dump(exclude={"path", "database", "table"})
    return [
        Predictions(path="{day}.parquet", **common),
        Predictions(database="log.duckdb", table="log", **common),
        Predictions(database="log.duckdb", table="seen", **common),
    ]


def test_a_table_a_view_and_files_say_the_same(both, tmp_path):
    """Days, columns, accounts, rows and latencies."""
    answers = [
        (
            days_available(source, root=tmp_path),
            columns_of(source, DAY, root=tmp_path),
            read(source, tmp_path),
            read(source, tmp_path, day=date(2025, 3, 2)),
            service_numbers(source, DAY, root=tmp_path),
        )
        for source in both
    ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == [DAY, date(2025, 3, 2)]


def test_a_table_without_rows_of_a_day_is_an_empty_day(both, tmp_path):
    """Nobody can say of a table that the day is still to come."""
    assert read(both[1], tmp_path, day=date(2025, 3, 9))[0].rows == 0


@pytest.mark.parametrize(("database", "table"), [("nowhere.duckdb", "log"), ("log.duckdb", "logs")])
def test_a_table_that_is_not_there_is_named(both, tmp_path, database, table):
    """Neither a missing database nor a missing table is an empty day."""
    with pytest.raises(UnreadableFile, match=f"table '{table}' of .*{database}"):
        read(Predictions(database=database, table=table), tmp_path)


@pytest.mark.parametrize(
    "kind",
    [
        pa.timestamp("us"),
        pa.timestamp("ns"),
        pa.timestamp("ns", tz="UTC"),
        pa.timestamp("s", tz="Asia/Tokyo"),
    ],
    ids=str,
)
def test_a_day_is_a_day_in_utc_wherever_the_machine_stands(tmp_path, kind, monkeypatch):
    """Naive times are UTC; half past eleven at night is not yet tomorrow, nor still yesterday."""
    monkeypatch.setitem(os.environ, "TZ", "America/New_York")
    time.tzset()
    late, early = (datetime(2025, 3, 1, *clock, tzinfo=UTC) for clock in ((23, 30), (0, 30)))
    try:
        with duckdb.connect(tmp_path / "x.duckdb") as database:
            times = pa.array([late, early], pa.timestamp("us", tz="UTC")).cast(kind)
            database.register("every", pa.table({"served_at": times}))
            database.execute("CREATE TABLE log AS SELECT * FROM every")
        source = Predictions(database="x.duckdb", table="log")
        assert days_available(source, root=tmp_path) == [DAY]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_rows_come_in_batches(tmp_path):
    """No batch is larger than 65,536 rows, and none is lost."""
    pq.write_table(pa.table({"age": range(200_000)}), tmp_path / f"{DAY}.parquet")
    source = Predictions(path="{day}.parquet")
    sizes = [b.num_rows for b in read_batches(source, DAY, root=tmp_path, columns=["age"])]
    assert sum(sizes) == 200_000
    assert max(sizes) <= 65_536


def test_a_file_is_described_once_as_long_as_nobody_writes_it_anew(log, tmp_path):
    """Every step asks for the columns of its day."""
    path = log([served()])
    assert list(columns_of(PREDICTIONS, DAY, root=tmp_path)) == SCHEMA.names
    described = _rows_in_files.cache_info().misses
    assert list(columns_of(PREDICTIONS, DAY, root=tmp_path)) == SCHEMA.names
    assert _rows_in_files.cache_info().misses == described
    pq.write_table(pa.table({"age": [1]}), path)
    assert columns_of(PREDICTIONS, DAY, root=tmp_path) == {"age": "BIGINT"}


def test_days_that_are_alike_are_described_by_what_each_of_them_is(log, tmp_path):
    """And where one of them is not, as all of them together are read."""
    days = [DAY + timedelta(days=n) for n in range(3)]
    path = [log([served(day=day)], day=day) for day in days][-1]
    alone = {day: columns_of(PREDICTIONS, day, root=tmp_path) for day in days}

    def together():
        with connected(PREDICTIONS) as connection:
            rows = rows_of(connection, PREDICTIONS, root=tmp_path, first=days[0], last=days[2])
            described = connection.execute(f"DESCRIBE SELECT * FROM {rows.sql}").fetchall()
        own = {name: kind for name, kind, *_ in described if not name.startswith("monitoring ")}
        assert rows.columns == own
        return rows.columns

    assert together() == alone[days[0]]
    pq.write_table(pa.table({"age": [1], "request_id": ["z"], "more": [True]}), path)
    assert together() == {**alone[days[0]], "more": "BOOLEAN"}
