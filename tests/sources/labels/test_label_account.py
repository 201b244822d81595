"""Every row of either feed is in one place of its account, and who labelled is counted."""

from dataclasses import asdict, fields

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.sources.labels.label_account import (
    LabelAccount,
    PredictionsAsOf,
    predictions_as_of,
)
from monitoring_dagster.sources.labels.labels import join_labels
from monitoring_dagster.sources.rows.row_sql import DAY, Rows
from monitoring_dagster.spec import Predictions
from tests.sources.labels.two_feeds import (
    IDS,
    at,
    kinds,
    on,
    serve,
    spec_of,
    tell,
    times,
)

NOBODY = LabelAccount(rows=0)


def seen_on(root, day=0, **labels):
    return join_labels(spec_of(**labels), on(day), root=root)[1]


def tell_by(root, who):
    """A label of nobody from each of them."""
    n = len(who)
    tell(root, 0, [f"r{i}" for i in range(n)], who=pa.array(who, pa.string()))


def annotators(root, who):
    serve(root, 0, [])
    tell_by(root, who)
    return seen_on(root, annotator="who").annotators


def test_who_labelled_is_counted_and_the_crowd_is_summed_up(tmp_path):
    """Fifty names, and all others together."""
    names = [*(f"n{n:02}" for n in range(52) for _ in range(2)), None, "n00"]
    found = annotators(tmp_path, names)
    assert len(found) == 51
    assert (found["n00"], found["n49"], found["(other)"]) == (3, 2, 5)
    assert sum(found.values()) == len(names)


@pytest.mark.parametrize(
    ("who", "counted"),
    [
        pytest.param([None], {"(missing)": 1}, id="nobody is one too"),
        pytest.param([None, "(missing)"], {"(missing)": 2}, id="somebody called so"),
        pytest.param(["b", "a", "b"], {"b": 2, "a": 1}, id="the busiest first"),
        pytest.param(["b", "a"], {"a": 1, "b": 1}, id="then by name"),
        pytest.param([f"n{n}" for n in range(50)], {f"n{n}": 1 for n in range(50)}, id="fifty"),
        pytest.param(["it's; --", "", " "], {"": 1, " ": 1, "it's; --": 1}, id="hostile names"),
        pytest.param([], {}, id="no row"),
    ],
)
def test_every_row_is_of_one_annotator(tmp_path, who, counted):
    found = annotators(tmp_path, who)
    assert found == counted
    if len(counted) <= 3:
        assert list(found) == list(counted)


def test_somebody_called_as_the_crowd_is_counted_with_it(tmp_path):
    who = [f"n{n:02}" for n in range(51) for _ in range(2)] + ["(other)"] * 3
    found = annotators(tmp_path, who)
    assert (found["(other)"], len(found)) == (3 + 2 * 2, 50)
    assert sum(found.values()) == len(who)


def test_without_a_column_of_annotators_none_is_counted(tmp_path):
    serve(tmp_path, 0, [])
    tell_by(tmp_path, ["ann"])
    assert seen_on(tmp_path).annotators == {}


def test_delays_are_quantiles_of_the_labels_that_count(tmp_path):
    """Of joined and late ones: not of what was told again, or is of nobody."""
    for day in range(5):
        serve(tmp_path, day, [f"r{day}"])
    tell(tmp_path, 4, [*(f"r{day}" for day in range(5)), "r0", "x"],
         arrived_at=times(*[at(4, 18)] * 5, at(4, 20), at(4, 20)))  # fmt: skip
    found = seen_on(tmp_path, 4)
    assert kinds(found) == {"rows": 7, "joined": 3, "late": 2, "duplicate": 1, "orphan": 1}
    assert (found.delay_days_p50, found.delay_days_p95) == (2.25, pytest.approx(4.05))


def test_where_no_label_counts_nothing_took_any_time(tmp_path):
    serve(tmp_path, 0, IDS)
    tell(tmp_path, 0, ["x"])
    found = seen_on(tmp_path)
    assert (found.orphan, found.delay_days_p50, found.delay_days_p95) == (1, None, None)


def test_a_label_without_its_time_counts_and_took_no_time(tmp_path):
    serve(tmp_path, 0, ["a", "b"])
    tell(tmp_path, 0, ["a", "b"], arrived_at=times(None, at(0, 18)))
    found = seen_on(tmp_path)
    assert (found.joined, found.delay_days_p50) == (2, 0.25)


def test_an_account_of_nothing_is_zero_everywhere(tmp_path):
    serve(tmp_path, 0, IDS)
    tell(tmp_path, 0, pa.array([], pa.string()), pa.array([], pa.int64()), arrived_at=times())
    assert seen_on(tmp_path) == NOBODY
    assert {one.name for one in fields(LabelAccount) if getattr(NOBODY, one.name)} == set()


LOG = Predictions(path="{day}", status="status", synthetic="is_test")
TYPES = pa.schema(
    [
        ("request_id", pa.string()),
        ("served_at", pa.timestamp("us", "UTC")),
        ("model_version", pa.string()),
        ("prediction", pa.int64()),
        ("status", pa.string()),
        ("is_test", pa.bool_()),
        (DAY, pa.date32()),
    ]
)


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def counted(connection, rows, until="'infinity'::DATE"):
    table = pa.Table.from_pylist(rows, schema=TYPES)
    connection.register("log", table)
    columns = {name: kind for name, kind, *_ in connection.execute("DESCRIBE log").fetchall()}
    return predictions_as_of(connection, LOG, Rows("log", columns, "log"), until)


def answer(id_="a", day=0, status="ok", is_test=False, hour=12):
    moment = None if day is None else at(day, hour)
    return {
        "request_id": id_, "served_at": moment, "model_version": "1", "prediction": 1,
        "status": status, "is_test": is_test, DAY: None if day is None else on(day),
    }  # fmt: skip


NOTHING = dict.fromkeys([one.name for one in fields(PredictionsAsOf)], 0)


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        pytest.param([], {}, id="no row"),
        pytest.param([answer()], {"counted": 1}, id="an answer"),
        pytest.param([answer(), answer(hour=13)], {"counted": 1, "duplicate_ids": 1}, id="again"),
        pytest.param([answer(), answer(day=1)], {"counted": 2}, id="again on another day"),
        pytest.param([answer(), answer(status="error")], {"counted": 1, "errors": 1},
                     id="an error is no second answer"),
        pytest.param([answer(status="timeout")], {"errors": 1}, id="another word"),
        pytest.param([answer(status="fallback")], {"fallback": 1}, id="a fallback"),
        pytest.param([answer(status="error", is_test=True)], {"synthetic": 1}, id="a test"),
        pytest.param([answer(None)], {"invalid": 1}, id="no id"),
        pytest.param([answer("")], {"invalid": 1}, id="an empty id"),
        pytest.param([answer(day=None)], {"invalid": 1}, id="no time"),
        pytest.param([answer(None, status="error")], {"invalid": 1}, id="no id and an error"),
        pytest.param([answer(day=2)], {"counted": 1}, id="of the last day"),
        pytest.param([answer(day=3)], {"later": 1}, id="of the day after"),
        pytest.param([answer(day=3, status="error")], {"later": 1}, id="an error of it"),
    ],
)  # fmt: skip
def test_a_prediction_is_in_one_place(connection, rows, parts):
    found = counted(connection, rows, until=f"DATE '{on(2)}'")
    assert asdict(found) == NOTHING | {"rows": len(rows)} | parts


answers = st.builds(
    answer,
    st.sampled_from(["a", "b", "7.0", "1.79e+18", "", None]),
    st.sampled_from([None, 0, 1, 2]),
    st.sampled_from(["ok", "error", "fallback", None]),
    st.sampled_from([True, False, None]),
)


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(answers, max_size=10), until=st.integers(0, 2))
def test_the_places_add_up_and_what_comes_later_moves_nothing(connection, rows, until):
    day = on(until)
    known = [row for row in rows if row[DAY] is None or row[DAY] <= day]
    found = asdict(counted(connection, rows, until=f"DATE '{day}'"))
    before = asdict(counted(connection, known, until=f"DATE '{day}'"))
    assert found["rows"] == len(rows) == sum(found.values()) - found["rows"]
    moved = {name for name in found if found[name] != before[name]}
    assert moved <= {"rows", "later", "invalid"}
    assert found["counted"] == before["counted"]
