"""Which rows of a day are read, which count, and what is said when they cannot be read."""

import os
import time
from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.rows.row_sql import UnusableName, quoted
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
    Latency,
    PredictionAccount,
    read_day,
    service_numbers,
)
from monitoring_dagster.spec import Predictions

DAY = date(2025, 3, 1)
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
PREDICTIONS = Predictions(
    path="log/{day}.parquet",
    status="status",
    synthetic="is_test",
    score="score",
    latency_ms={"features": "feature_ms", "model": "model_ms"},
)
SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("served_at", pa.timestamp("us", tz="UTC")),
        ("model_version", pa.string()),
        ("prediction", pa.int64()),
        ("score", pa.float64()),
        ("status", pa.string()),
        ("is_test", pa.bool_()),
        ("feature_ms", pa.float64()),
        ("model_ms", pa.float64()),
        ("age", pa.float64()),
    ]
)


def served(request_id="a", *, minute=0, day=DAY, **other):
    """One row of the log; what is not said is usual."""
    usual = {
        "request_id": request_id,
        "served_at": NOON + (day - DAY) + timedelta(minutes=minute),
        "model_version": "1",
        "prediction": 1,
        "score": 0.5,
        "status": "ok",
        "is_test": False,
        "feature_ms": 1.0,
        "model_ms": 10.0,
        "age": 30.0,
    }
    return usual | other


@pytest.fixture
def log(tmp_path):
    """Put rows where the log of a day lies."""
    (tmp_path / "log").mkdir()

    def write(rows, day=DAY):
        path = tmp_path / "log" / f"{day}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
        return path

    return write


def read(predictions, root, *, columns=("request_id", "age"), day=DAY):
    """The account, and the counted rows as tuples."""
    account, batches = read_day(predictions, day, root=root, columns=list(columns))
    rows = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    return account, rows


def test_only_ok_rows_of_real_traffic_count(log, tmp_path):
    """Errors, fallbacks, test traffic and second answers are left out and accounted for."""
    log(
        [
            served("a"),
            served("b", status="error"),
            served("c", status="fallback"),
            served("d", status=None),
            served("e", is_test=True),
            served("f", is_test=True, status="error"),
            served("g", is_test=None),
            served("a", minute=1),
            served("b", minute=1),
        ]
    )
    account, rows = read(PREDICTIONS, tmp_path)
    assert account == PredictionAccount(
        rows=9, counted=3, errors=2, fallback=1, synthetic=2, duplicate_ids=1
    )
    assert sorted(rows) == [("a", 30.0), ("b", 30.0), ("g", 30.0)]


def test_a_log_without_status_and_test_traffic_counts_every_row(log, tmp_path):
    """Columns that the spec does not name are not looked at."""
    log([served("a", status="error"), served("b", is_test=True)])
    account, rows = read(Predictions(path="log/{day}.parquet"), tmp_path)
    assert account == PredictionAccount(2, 2, 0, 0, 0, 0)
    assert len(rows) == 2


def test_the_first_answer_counts_wherever_it_stands(log, tmp_path):
    """By the time of serving, not by the place in the file; an error is no answer."""
    log(
        [
            served("a", minute=5, age=5.0),
            served("a", minute=1, age=1.0),
            served("a", minute=0, age=0.0, status="error"),
        ]
    )
    _, rows = read(PREDICTIONS, tmp_path)
    assert rows == [("a", 1.0)]


def test_rows_without_a_request_id_are_no_duplicates_of_each_other(log, tmp_path):
    """They were served; only no label will find them."""
    log([served(None), served(None, minute=1), served("a"), served("a", minute=1)])
    account, rows = read(PREDICTIONS, tmp_path)
    assert (account.counted, account.duplicate_ids, len(rows)) == (3, 1, 3)


row = st.builds(
    served,
    st.sampled_from(["a", "b", "c", None]),
    minute=st.integers(0, 3),
    status=st.sampled_from(["ok", "error", "fallback", None, "timeout"]),
    is_test=st.sampled_from([True, False, None]),
    age=st.floats(0, 9),
)


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(row, max_size=12))
def test_the_account_adds_up_whatever_the_log_holds(tmp_path_factory, rows):
    """Every row is in exactly one kind, and as many rows come as are counted."""
    root = tmp_path_factory.mktemp("law")
    (root / "log").mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), root / "log" / f"{DAY}.parquet")
    account, counted = read(PREDICTIONS, root)
    parts = (account.counted, account.errors, account.fallback, account.synthetic)
    assert account.rows == len(rows) == sum(parts) + account.duplicate_ids
    assert len(counted) == account.counted
    ids = [request_id for request_id, _ in counted if request_id is not None]
    assert len(ids) == len(set(ids))


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


def test_an_empty_day_is_a_day_with_no_rows(log, tmp_path):
    """It is read like any other, and differs from a missing one."""
    log([])
    account, rows = read(PREDICTIONS, tmp_path)
    assert (account.rows, rows) == (0, [])
    assert service_numbers(PREDICTIONS, DAY, root=tmp_path).error_rate is None


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


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
@settings(max_examples=50, deadline=None)
def test_any_name_without_nul_is_one_identifier(name):
    """DuckDB reads back the very name that was quoted."""
    with duckdb.connect() as connection:
        result = connection.execute(f"SELECT 1 AS {quoted(name)}")
        assert [column[0] for column in result.description] == [name]


def test_a_name_with_nul_is_refused():
    """DuckDB would silently cut it there."""
    with pytest.raises(UnusableName, match="NUL"):
        quoted("age\0; DROP TABLE x")


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


def test_the_service_is_judged_on_real_traffic(log, tmp_path):
    """All requests that were not tests, second ones too; the stages add up to the total."""
    log(
        [
            served("a", feature_ms=0.0, model_ms=0.0),
            served("a", feature_ms=1.0, model_ms=50.0),
            served("b", feature_ms=2.0, model_ms=100.0, status="error"),
            served("c", feature_ms=1.0, model_ms=None, status="fallback"),
            served("d", feature_ms=1.0, model_ms=float("nan")),
            served("e", model_ms=1e9, is_test=True, status="error"),
        ]
    )
    numbers = service_numbers(PREDICTIONS, DAY, root=tmp_path)
    assert (numbers.requests, numbers.errors, numbers.fallback) == (5, 1, 1)
    assert numbers.error_rate == pytest.approx(0.2)
    assert numbers.latency_ms["model"] == Latency(50.0, pytest.approx(95.0), 99.0)
    assert numbers.latency_ms["total"] == Latency(51.0, pytest.approx(96.9), pytest.approx(100.98))
    assert list(numbers.latency_ms) == ["total", "features", "model"]


def test_a_total_that_is_measured_is_not_added_up(log, tmp_path):
    """The owner's own column wins."""
    log([served("a")])
    spec = PREDICTIONS.model_copy(update={"latency_ms": {"model": "model_ms", "total": "age"}})
    assert service_numbers(spec, DAY, root=tmp_path).latency_ms["total"].p50 == 30.0


def test_a_stage_without_numbers_is_left_out(log, tmp_path):
    """Unknown is not zero."""
    log([served("a", model_ms=None)])
    assert list(service_numbers(PREDICTIONS, DAY, root=tmp_path).latency_ms) == ["features"]


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
