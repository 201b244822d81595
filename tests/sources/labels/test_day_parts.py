"""Files are read together where they agree about their columns, and apart where they do not."""

from datetime import date, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.sources.labels.day_parts import (
    completed,
    mixed,
    readable_rows_in_parts,
    rows_in_parts,
)
from monitoring_dagster.sources.rows.row_sql import DAY, Rows
from monitoring_dagster.sources.rows.rows import UnreadableFile, connected
from monitoring_dagster.spec import Labels, Predictions

START = date(2026, 3, 1)
LOG = Predictions(path="{day}.parquet", score="score")
LABELS = Labels(path="{day}.parquet")
TIME = pa.array([0], pa.timestamp("us", "UTC"))


def on(day):
    return START + timedelta(days=day)


def served(**changed):
    """A row of an inference log; None takes a column away."""
    usual = {
        "request_id": ["a"], "served_at": TIME, "model_version": ["1"], "prediction": [1],
        "score": [0.5],
    }  # fmt: skip
    return {name: one for name, one in (usual | changed).items() if one is not None}


def told(**changed):
    usual = {"request_id": ["a"], "label": [1], "arrived_at": TIME}
    return {name: one for name, one in (usual | changed).items() if one is not None}


def put(root, *days):
    for number, columns in enumerate(days):
        if columns is not None:
            pq.write_table(pa.table(columns), root / f"{on(number)}.parquet")


def days_in_parts(root, source=LOG, *, last=9, read=rows_in_parts, **asked):
    """The days of each part, in order."""
    with connected(source) as connection:
        found = read(connection, source, root=root, first=on(0), last=on(last), **asked)
        parts = found[0] if isinstance(found, tuple) else found
        return [
            [
                (day - START).days
                for (day,) in connection.execute(
                    f'SELECT DISTINCT "{DAY}" FROM {one.sql} ORDER BY 1'
                ).fetchall()
            ]
            for one in parts
        ]


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        pytest.param({}, [[0, 1, 2]], id="nothing"),
        pytest.param({"request_id": [7]}, [[0, 2], [1]], id="ids that are numbers"),
        pytest.param({"served_at": [1.0]}, [[0, 2], [1]], id="times that are numbers"),
        pytest.param({"served_at": ["2026-03-02"]}, [[0, 2], [1]], id="times that are text"),
        pytest.param({"served_at": pa.array([0], pa.date32())}, [[0, 1, 2]], id="days for times"),
        pytest.param({"score": ["0.5"]}, [[0, 2], [1]], id="scores as text"),
        pytest.param({"score": [1]}, [[0, 1, 2]], id="scores of another kind of number"),
        pytest.param({"score": None}, [[0, 2], [1]], id="no scores"),
        pytest.param({"prediction": [True]}, [[0, 1, 2]], id="predictions of yes and no"),
        pytest.param({"prediction": ["1"]}, [[0, 2], [1]], id="predictions as text"),
        pytest.param({"model_version": pa.array(["1"]).dictionary_encode()}, [[0, 1, 2]],
                     id="codes of words"),
        pytest.param({"model_version": pa.array(["1"]).cast(pa.large_string())}, [[0, 1, 2]],
                     id="large words"),
        pytest.param({"other": [[1]]}, [[0, 1, 2]], id="a further column"),
        pytest.param({"score": None, "SCORE": [0.5]}, [[0, 1, 2]], id="a name in capitals"),
    ],
)  # fmt: skip
def test_a_day_is_read_apart_where_a_column_that_counts_is_about_something_else(
    tmp_path, changed, parts
):
    put(tmp_path, served(), served(**changed), served())
    assert days_in_parts(tmp_path) == parts


@pytest.mark.parametrize(
    ("ids", "parts"),
    [
        pytest.param([[2**60], [2**60]], [[0, 1]], id="of one type"),
        pytest.param([[2**60], [1.0]], [[0], [1]], id="whole numbers beside floats"),
        pytest.param([pa.array([1], pa.int32()), [2**60]], [[0], [1]], id="of another size"),
        pytest.param([["a"], pa.array(["b"]).cast(pa.large_string())], [[0, 1]], id="text"),
    ],
)
def test_ids_are_read_together_only_in_their_very_type(tmp_path, ids, parts):
    put(tmp_path, *(told(request_id=one) for one in ids))
    assert days_in_parts(tmp_path, LABELS) == parts


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        pytest.param({"label": ["yes"]}, [[0], [1]], id="labels as text"),
        pytest.param({"label": [1.0]}, [[0, 1]], id="labels as floats"),
        pytest.param({"arrived_at": ["soon"]}, [[0], [1]], id="times as text"),
        pytest.param({"note": ["x"]}, [[0, 1]], id="a further column"),
    ],
)
def test_labels_are_read_apart_by_what_labels_have(tmp_path, changed, parts):
    put(tmp_path, told(), told(**changed))
    assert days_in_parts(tmp_path, LABELS) == parts


def test_only_days_that_were_asked_for_and_exist_are_read(tmp_path):
    put(tmp_path, served(), None, served(), served(), served())
    assert days_in_parts(tmp_path, last=3) == [[0, 2, 3]]
    assert days_in_parts(tmp_path, last=3, without={on(0), on(3)}) == [[2]]
    assert days_in_parts(tmp_path, without={on(n) for n in range(5)}) == []
    assert days_in_parts(tmp_path / "nowhere") == []


def test_a_day_that_is_left_out_is_left_out_of_every_part(tmp_path):
    put(tmp_path, served(), served(request_id=[7]), served(), served(request_id=[7]))
    assert days_in_parts(tmp_path, without={on(0), on(1)}) == [[2], [3]]


def test_a_day_in_a_folder_is_grouped_as_one_in_a_file(tmp_path):
    put(tmp_path, served(), None, served(request_id=[7]))
    (tmp_path / f"{on(1)}.parquet").mkdir()
    pq.write_table(pa.table(served(request_id=[7])), tmp_path / f"{on(1)}.parquet" / "0.parquet")
    assert days_in_parts(tmp_path) == [[0], [1, 2]]


def test_a_table_is_one_part(tmp_path):
    with duckdb.connect(tmp_path / "log.duckdb") as database:
        database.execute("CREATE TABLE log (request_id TEXT, served_at TIMESTAMPTZ)")
        database.execute(f"INSERT INTO log VALUES ('a', '{on(0)}'), ('b', '{on(2)}')")
    assert days_in_parts(tmp_path, Predictions(database="log.duckdb", table="log")) == [[0, 2]]


def test_a_spoilt_day_is_left_out_where_that_is_wanted_and_named(tmp_path):
    put(tmp_path, served(), None, served(), served(request_id=[7]))
    (tmp_path / f"{on(2)}.parquet").write_bytes(b"rot")
    with pytest.raises(UnreadableFile, match=r"2026-03-03\.parquet"):
        days_in_parts(tmp_path, last=3)
    assert days_in_parts(tmp_path, last=3, read=readable_rows_in_parts) == [[0], [3]]
    with connected(LOG) as connection:
        _, without = readable_rows_in_parts(connection, LOG, root=tmp_path, first=on(0), last=on(3))
    assert without == {on(1), on(2)}


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        yield opened


def part(connection, name, **columns):
    connection.register(name, pa.table(columns))
    kinds = {one: kind for one, kind, *_ in connection.execute(f"DESCRIBE {name}").fetchall()}
    return Rows(name, kinds, f"the place of {name}")


def rows(connection, one):
    return connection.sql(f"SELECT * FROM {one.sql}").to_arrow_table().to_pylist()


def test_each_part_has_nulls_where_another_one_has_a_column(connection):
    parts = completed([part(connection, "p0", a=[1]), part(connection, "p1", b=["x"], c=[0.5])])
    assert rows(connection, parts[0]) == [{"a": 1, "b": None, "c": None}]
    assert rows(connection, parts[1]) == [{"b": "x", "c": 0.5, "a": None}]
    assert [set(one.columns) for one in parts] == [{"a", "b", "c"}] * 2
    assert [one.place for one in parts] == ["the place of p0", "the place of p1"]
    assert parts[0].columns["c"] == "DOUBLE"


def test_parts_that_lack_nothing_stay_as_they_are(connection):
    given_parts = [part(connection, "p0", a=[1]), part(connection, "p1", a=["x"])]
    assert completed(given_parts) == given_parts
    assert completed([]) == []


def test_a_name_in_capitals_is_the_same_name_and_known_by_both(connection):
    first, second = completed([part(connection, "p0", Age=[1]), part(connection, "p1", age=["x"])])
    assert rows(connection, second) == [{"age": "x"}]
    assert second.columns["Age"] == second.columns["age"] == "VARCHAR"
    assert first.columns["age"] == "BIGINT"


def test_a_hostile_name_that_is_absent_is_only_a_name(connection):
    name = 'it\'s "x"; DROP TABLE p0; --'
    first, _ = completed([part(connection, "p0", a=[1]), part(connection, "p1", **{name: [1]})])
    assert rows(connection, first) == [{"a": 1, name: None}]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcd"), min_size=1), min_size=1, max_size=4))
def test_every_part_can_be_asked_for_every_column(connection, names):
    parts = completed(
        [part(connection, f"q{i}", **{n: [i] for n in sorted(own)}) for i, own in enumerate(names)]
    )
    every = sorted(set().union(*names))
    for i, (one, own) in enumerate(zip(parts, names, strict=True)):
        one.require(every)
        (row,) = rows(connection, one)
        assert row == {name: i if name in own else None for name in every}


@pytest.mark.parametrize(
    ("kinds", "is_mixed"),
    [
        pytest.param(["VARCHAR", "BIGINT"], True, id="text and numbers"),
        pytest.param(["VARCHAR", "DATE"], True, id="text and times"),
        pytest.param(["BIGINT", "DOUBLE"], False, id="numbers of two kinds"),
        pytest.param(["BOOLEAN", "DECIMAL(4,2)"], False, id="yes and no are numbers"),
        pytest.param(["DATE", "TIMESTAMP"], False, id="days and times"),
        pytest.param(["VARCHAR"], False, id="one part"),
        pytest.param([], False, id="no part"),
        pytest.param(["BIGINT", None], False, id="a part without the column"),
        pytest.param(["INTEGER[]", "BLOB"], True, id="two things that are neither"),
    ],
)
def test_a_column_is_mixed_where_parts_hold_other_things_in_it(kinds, is_mixed):
    parts = [Rows("t", {"x": kind} if kind else {}, "t") for kind in kinds]
    assert mixed(parts, ["x", None, "y"]) == (frozenset({"x"}) if is_mixed else frozenset())
