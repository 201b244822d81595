"""The tables of one question about labels hold what was told, what it is about, and the verdict."""

from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.labels.label_rows import FOREIGN, JUDGED, TOLD, Fault
from monitoring_dagster.sources.labels.label_sql import NO_TOLD
from monitoring_dagster.sources.labels.label_tables import (
    asked_of,
    judge,
    remember,
    set_foreign_aside,
    told_of,
)
from monitoring_dagster.sources.rows.row_sql import DAY, Rows, quoted
from monitoring_dagster.spec import Labels, Predictions

START = date(2026, 3, 1)
LABELS = Labels(path="{day}", mature_after_days=3, ambiguous=["unclear"])
LOG = Predictions(path="{day}")


def on(day):
    return START + timedelta(days=day)


def at(day, hour=12):
    return datetime(2026, 3, 1, hour, tzinfo=UTC) + timedelta(days=day)


@pytest.fixture
def connection():
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def part(connection, name, clock, columns):
    connection.register(name, pa.table(columns))
    described = connection.execute(f"DESCRIBE {name}").fetchall()
    sql = f"(SELECT *, CAST({quoted(clock)} AS DATE) AS {quoted(DAY)} FROM {name})"
    return Rows(sql, {one: kind for one, kind, *_ in described}, f"the place of {name}")


def told_rows(connection, ids, labels, days, name="t0"):
    moments = pa.array([at(day, 18) for day in days], pa.timestamp("us", "UTC"))
    columns = {"request_id": ids, "label": labels, "arrived_at": moments}
    return part(connection, name, "arrived_at", columns)


def known_rows(connection, ids, predictions=None, days=None, name="k0", **more):
    moments = [at(day) for day in days or [0] * len(ids)]
    columns = {
        "request_id": ids,
        "served_at": pa.array(moments, pa.timestamp("us", "UTC")),
        "model_version": ["1"] * len(ids),
        "prediction": predictions or [1] * len(ids),
    }
    return part(connection, name, "served_at", columns | more)


def tell(connection, *parts, task="binary"):
    connection.execute(f"CREATE TEMP TABLE {TOLD} AS {told_of(LABELS, parts, task=task)}")


def answer(connection, *parts, extras=(), task="binary"):
    remember(connection, LOG, parts, extras, task=task)


def verdicts(connection, *columns, is_dated=True, since=None, extras=()):
    judge(connection, LABELS, extras, is_dated=is_dated, since=since)
    names = ", ".join(["id", "bucket", *columns])
    return connection.execute(f"SELECT {names} FROM {JUDGED} ORDER BY id, arrival_day").fetchall()


def test_what_was_told_about_nothing_is_an_empty_table_with_the_same_columns(connection):
    connection.execute(f"CREATE TEMP TABLE {TOLD} AS {told_of(LABELS, [], task='binary')}")
    empty = connection.execute(f"DESCRIBE {TOLD}").fetchall()
    sql = told_of(LABELS, [told_rows(connection, ["a"], [1], [0])], task="binary")
    there = connection.execute(f"DESCRIBE {sql}").fetchall()
    assert [name for name, *_ in empty] == [name for name, *_ in there]
    assert connection.execute(f"SELECT count(*) FROM {TOLD}").fetchall() == [(0,)]


def test_parts_of_numbers_and_of_words_are_told_in_one_type(connection):
    parts = [
        told_rows(connection, ["a"], [1], [0]),
        told_rows(connection, ["b"], ["TRUE"], [1], name="t1"),
    ]
    tell(connection, *parts)
    found = connection.execute(f"SELECT id, label, valid FROM {TOLD} ORDER BY id").fetchall()
    assert found == [("a", 1, True), ("b", 1, True)]


def test_a_part_alone_is_told_in_the_type_that_fits_to_the_others(connection):
    first = told_rows(connection, ["a"], [7], [0])
    second = told_rows(connection, ["b"], ["x"], [1], name="t1")
    for among, kind in ((None, "BIGINT"), ([first, second], "VARCHAR")):
        sql = told_of(LABELS, [first], task="multiclass", among=among)
        ((found,),) = connection.execute(f"SELECT typeof(label) FROM ({sql})").fetchall()
        assert found == kind


@pytest.mark.parametrize(
    ("ids", "wanted"),
    [
        pytest.param(["a", "b", None], ["a"], id="text"),
        pytest.param(["7", "7.0", "07", "8"], ["7", "7.0"], id="whole numbers as text"),
        pytest.param([7, 8], [7], id="whole numbers"),
        pytest.param([7.0, 7.5, float("nan")], [7.0], id="floats"),
        pytest.param(["it's; --", "x"], ["it's; --"], id="hostile ids"),
    ],
)
def test_only_rows_about_a_request_that_was_told_are_asked_for(connection, ids, wanted):
    tell(connection, told_rows(connection, ["a", "7", "it's; --", "bad"], [1, 1, 1, 5], [0] * 4))
    asked = asked_of(known_rows(connection, ids), "request_id")
    found = connection.execute(f"SELECT request_id FROM {asked.sql}").fetchall()
    assert [one for (one,) in found] == wanted
    assert asked.place == "the place of k0"


def test_a_label_at_fault_asks_for_no_row(connection):
    tell(connection, told_rows(connection, ["a"], [5], [0]))
    asked = asked_of(known_rows(connection, ["a"]), "request_id")
    assert connection.execute(f"FROM {asked.sql}").fetchall() == []


def test_a_label_is_judged_beside_what_was_predicted(connection):
    tell(connection, told_rows(connection, ["a", "b", "x"], [1, 7, 1], [1, 1, 1]))
    known = known_rows(connection, ["a", "b", "c"], [0, 1, 1], plan=["p", "q", "r"])
    answer(connection, known, extras=["plan"])
    assert verdicts(connection, "prediction", "e0", extras=["plan"]) == [
        ("a", "joined", 0, "p"),
        ("b", "invalid", None, None),
        ("x", "orphan", None, None),
    ]


def test_without_any_prediction_every_label_is_of_nobody(connection):
    tell(connection, told_rows(connection, ["a"], [1], [1]))
    answer(connection, extras=["plan"])
    assert verdicts(connection, "e0", extras=["plan"]) == [("a", "orphan", None)]


@pytest.mark.parametrize(
    ("since", "days"),
    [(None, [0, 1, 2]), (0, [0, 1, 2]), (1, [1, 2]), (2, [2]), (3, [])],
)
def test_only_labels_that_arrived_since_then_are_judged_and_the_earlier_ones_count(
    connection, since, days
):
    tell(connection, told_rows(connection, ["a"] * 3, [1, 1, 1], [0, 1, 2]))
    answer(connection, known_rows(connection, ["a"]))
    found = verdicts(connection, "arrival_day", since=None if since is None else on(since))
    kinds = ["joined", "duplicate", "duplicate"]
    assert found == [("a", kinds[day], on(day)) for day in days]


@pytest.mark.parametrize(
    ("is_dated", "bucket"), [(True, "expired"), (False, "joined")], ids=["with times", "without"]
)
def test_a_label_expires_only_where_times_are_known(connection, is_dated, bucket):
    tell(connection, told_rows(connection, ["a"], [1], [7]))
    answer(connection, known_rows(connection, ["a"]))
    assert verdicts(connection, is_dated=is_dated) == [("a", bucket)]


def test_after_the_verdict_the_session_is_as_before_but_for_it(connection):
    """So the next question of the same session starts anew."""
    for _ in range(2):
        tell(connection, told_rows(connection, ["a"], [1], [0]))
        answer(connection, known_rows(connection, ["a"]))
        judge(connection, LABELS, [], is_dated=True, since=None)
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE temporary"
        ).fetchall()
        assert tables == [(JUDGED,)]


@pytest.mark.parametrize(
    ("name", "told"),
    [("prediction", "prediction"), ("served_at", "served_at"), ("model_version", "model_version")],
)
def test_a_log_that_lacks_a_column_is_named(connection, name, told):
    tell(connection, told_rows(connection, ["a"], [1], [0]))
    known = known_rows(connection, ["a"])
    known = Rows(known.sql, {k: v for k, v in known.columns.items() if k != name}, known.place)
    with pytest.raises(UnknownColumn, match=f"the place of k0 has no column '{told}'"):
        answer(connection, known)


class TestForeign:
    def told(self, connection, labels, predictions, *, task="multiclass", earlier=NO_TOLD):
        ids = [f"r{n}" for n in range(len(labels))]
        tell(connection, told_rows(connection, ids, labels, [0] * len(ids)), task=task)
        known = known_rows(connection, [f"r{n}" for n in range(len(predictions))], predictions)
        answer(connection, known, task=task)
        set_foreign_aside(connection, earlier, task=task)
        return connection.execute(f"SELECT label, fault, shown FROM {TOLD} ORDER BY id").fetchall()

    def test_labels_make_their_delivery_invalid_whole(self, connection):
        found = self.told(connection, ["low", "high"], ["0", "1"])
        assert found == [("low", Fault.CLASS, "low"), ("high", Fault.CLASS, "high")]

    def test_labels_spare_what_nobody_knows(self, connection):
        found = self.told(connection, ["low", "unclear"], ["0", "1"])
        assert found == [("low", Fault.CLASS, "low"), ("unclear", None, None)]

    def test_labels_are_looked_for_in_no_other_task(self, connection):
        found = self.told(connection, [0, 1], [1, 1], task="binary")
        assert found == [(0, None, None), (1, None, None)]
        names = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        assert (FOREIGN,) not in names

    def test_labels_are_judged_by_their_whole_delivery(self, connection):
        """Of earlier deliveries only some rows are told; all say which classes there were."""
        whole = told_rows(connection, ["r0", "r9"], ["low", "1"], [0, 0], name="t9")
        earlier = told_of(LABELS, [whole], task="multiclass")
        found = self.told(connection, ["low"], ["0", "1"], earlier=earlier)
        assert found == [("low", None, None)]

    def test_labels_may_be_called_anything(self, connection):
        label = "'; DROP TABLE monitoring_told; --"
        found = self.told(connection, [label], ["0"])
        assert found == [(label, Fault.CLASS, label)]
