"""Which rows of a log count, which answer is the first, and how columns are read beside bins."""

from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.sources.rows.countable_rows import (
    IS_UNKNOWN,
    first_answer,
    id_in,
    is_countable,
    kind_of_row,
    needed,
    readings_of,
    status_of_row,
)
from monitoring_dagster.sources.rows.row_sql import quoted
from monitoring_dagster.sources.rows.served import read_day
from monitoring_dagster.spec import Predictions
from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins
from tests.sources.rows.small_log import DAY, LOG, write

FULL = Predictions(path="{day}", status="status", synthetic="is_test", score="score")
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def asked(connection, sql, **columns):
    """What *sql* says of each row."""
    connection.register("t", pa.table(columns))
    return [found for (found,) in connection.execute(f"SELECT {sql} FROM t").fetchall()]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        pytest.param("ok", "ok", id="ok"),
        pytest.param(" OK\t", "error", id="a tab is no blank"),
        pytest.param("  Ok ", "ok", id="any case and blanks"),
        pytest.param("fallback", "fallback", id="fallback"),
        pytest.param("FALLBACK ", "fallback", id="fallback in capitals"),
        pytest.param("error", "error", id="error"),
        pytest.param("okay", "error", id="another word is an error"),
        pytest.param("", "error", id="an empty text"),
        pytest.param(None, "error", id="a missing one"),
        pytest.param("ok'; DROP TABLE t; --", "error", id="SQL"),
    ],
)
@pytest.mark.parametrize("synthetic", [False, None, True])
def test_a_row_is_of_one_kind_and_test_traffic_whatever_its_status(
    connection, status, kind, synthetic
):
    columns = {"status": [status], "is_test": pa.array([synthetic], pa.bool_())}
    wanted = "synthetic" if synthetic else kind
    assert asked(connection, kind_of_row(FULL, quoted=quoted), **columns) == [wanted]
    assert asked(connection, is_countable(FULL), **columns) == [wanted == "ok"]


@pytest.mark.parametrize(
    ("values", "synthetic"),
    [
        (["true", "TRUE", "t", "1"], True),
        (["false", "0", "f"], False),
        (["maybe", "", "yes please"], False),
        ([1.0, 2.0], True),
        ([0.0, None], False),
    ],
    ids=["yes in words", "no in words", "no truth at all", "numbers but 0", "0 and nothing"],
)
def test_what_says_that_it_is_a_test_is_one(connection, values, synthetic):
    log = Predictions(path="{day}", synthetic='it\'s a "test"')
    columns = {'it\'s a "test"': values}
    kinds = asked(connection, kind_of_row(log, quoted=quoted), **columns)
    assert kinds == ["synthetic" if synthetic else "ok"] * len(values)


def test_without_a_status_and_test_traffic_every_row_counts(connection):
    assert asked(connection, is_countable(LOG), x=[1, 2]) == [True, True]
    assert asked(connection, status_of_row(LOG, quoted=quoted), x=[1]) == ["ok"]


@pytest.mark.parametrize(
    ("status", "unknown"),
    [("ok", False), ("Error", False), ("FALLBACK", False), ("okay", True), ("", True),
     (None, True)],
)  # fmt: skip
def test_a_status_is_known_or_not(connection, status, unknown):
    assert asked(connection, IS_UNKNOWN, status=pa.array([status], pa.string())) == [unknown]


def test_a_status_is_shown_without_the_blanks_around_it(connection):
    found = asked(connection, status_of_row(FULL, quoted=quoted), status=[" Timed out ", None])
    assert found == ["Timed out", None]
    assert asked(connection, status_of_row(FULL, quoted=quoted), status=[500]) == ["500"]


@pytest.mark.parametrize(
    ("log", "further"),
    [(LOG, []), (FULL, ["score", "status", "is_test"]),
     (Predictions(path="{day}", synthetic="is_test"), ["is_test"])],
    ids=["no further column", "all of them", "one of them"],
)  # fmt: skip
def test_only_columns_that_are_named_are_needed(log, further):
    assert needed(log) == ["request_id", "served_at", "model_version", "prediction", *further]


@pytest.mark.parametrize(
    ("ids", "read"),
    [
        pytest.param(["a", "", " ", None], ["a", None, " ", None], id="an empty text is none"),
        pytest.param([7.0, float("nan"), None], [7.0, None, None], id="NaN is none"),
        pytest.param(pa.array([7.0, float("nan")], pa.float32()), [7.0, None], id="single NaN"),
        pytest.param([0, 7, None], [0, 7, None], id="zero is one"),
    ],
)
def test_an_id_that_says_nothing_is_none(connection, ids, read):
    connection.register("t", pa.table({"request_id": ids}))
    kinds = {name: kind for name, kind, *_ in connection.execute("DESCRIBE t").fetchall()}
    assert asked(connection, id_in(LOG, kinds), request_id=ids) == read


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.integers(0, 2), st.sampled_from(["1", "2"]), st.sampled_from([0, 1])
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_first_answer_is_the_earliest_and_does_not_hang_on_the_order_of_rows(connection, rows):
    def first(of):
        columns = {
            "served_at": pa.array(
                [None if n is None else NOON + timedelta(minutes=n) for n, *_ in of],
                pa.timestamp("us", "UTC"),
            ),
            "model_version": [version for _, version, _ in of],
            "prediction": [prediction for *_, prediction in of],
        }
        connection.register("t", pa.table(columns))
        order = first_answer(LOG, {"served_at": "TIMESTAMP WITH TIME ZONE"})
        return connection.execute(
            f"SELECT epoch(served_at), model_version, prediction FROM t ORDER BY {order} LIMIT 1"
        ).fetchall()

    assert first(rows) == first(rows[::-1])
    minute, version, prediction = min(rows, key=lambda row: (row[0] is None, row[0] or 0, *row[1:]))
    time = None if minute is None else NOON.timestamp() + 60 * minute
    assert first(rows) == [(time, version, prediction)]


@pytest.mark.parametrize("kind", ["VARCHAR", "BIGINT", "STRUCT(a INTEGER)"])
def test_what_is_no_time_orders_nothing_and_breaks_nothing(connection, kind):
    order = first_answer(LOG, {"served_at": kind})
    found = asked(
        connection,
        f"prediction FROM (SELECT * FROM t ORDER BY {order}) --",
        served_at=["soon", "later"],
        model_version=["2", "1"],
        prediction=[1, 0],
    )
    assert found == [0, 1]


TYPES = {"x": "VARCHAR", "on": "BOOLEAN", "s": "DOUBLE", "l": "BIGINT[]", "plan": "VARCHAR"}


class TestReadings:
    log = Predictions(path="{day}", score="s")

    def of(self, bins, segments=(), engine="duckdb"):
        return readings_of(TYPES, self.log, {"1": bins}, segments, engine=engine)

    def test_are_of_watched_columns_and_of_the_version_alone(self):
        assert set(self.of({})) == {"model_version"}
        found = self.of({"x": NumericBins(np.array([0.0]))}, ["plan"])
        assert set(found) == {"model_version", "x", "plan"}

    def test_hang_on_the_bins_beside_which_a_column_is_read(self):
        assert self.of({"x": NumericBins(np.array([0.0]))})["x"] == "TRY_CAST({} AS DOUBLE)"
        assert self.of({"x": CategoricalBins(("a", "b"))})["x"] == "{}"
        assert self.of({"on": CategoricalBins(("0", "1"))})["on"] == "CAST({} AS INT)"

    def test_of_a_version_with_numbers_and_one_with_words_are_of_numbers(self):
        bins = {"1": {"x": CategoricalBins(("a",))}, "2": {"x": NumericBins(np.array([0.0]))}}
        found = readings_of(TYPES, self.log, bins, [])
        assert found["x"] == "TRY_CAST({} AS DOUBLE)"

    def test_of_what_nobody_can_read_are_as_it_is(self):
        assert self.of({}, ["l"])["l"] == "{}"

    def test_of_scores_keep_probabilities_alone(self, connection):
        how = self.of({"s": NumericBins(np.array([0.5]))})["s"].replace("{}", '"s"')
        scores = [0.0, 1.0, -1e-10, 1 + 1e-10, -1e-8, 1 + 1e-8, 1.7, float("nan"), None]
        found = asked(connection, how, s=scores)
        assert found == [0.0, 1.0, 0.0, 1.0, None, None, None, None, None]


@pytest.mark.parametrize(
    ("stored", "kinds"),
    [
        pytest.param(["OK", "Ok ", " ok", "ERROR", "Fallback"], (3, 1, 1), id="case and blanks"),
        pytest.param(["ok", "success", "200", None, "ok"], (2, 3, 0), id="other words are errors"),
    ],
)
def test_a_status_counts_in_any_spelling(tmp_path, stored, kinds):
    write(tmp_path, status=stored)
    log = LOG.model_copy(update={"status": "status"})
    account, _ = read_day(log, DAY, root=tmp_path, columns=[])
    assert (account.counted, account.errors, account.fallback) == kinds


@pytest.mark.parametrize(
    ("stored", "synthetic"),
    [
        (["True", "false", None], 1),
        ([1.0, 0.0, None], 1),
        (["test", "prod", "prod"], 0),
    ],
)
def test_test_traffic_is_what_says_so(tmp_path, stored, synthetic):
    """A word that is no truth value takes no day down: the contract tells of it."""
    write(tmp_path, is_test=stored)
    log = LOG.model_copy(update={"synthetic": "is_test"})
    assert read_day(log, DAY, root=tmp_path, columns=[])[0].synthetic == synthetic


@pytest.mark.parametrize(
    "stored", [["", "", "a"], [float("nan"), None, 1.0]], ids=["empty text", "NaN"]
)
def test_an_empty_id_is_none(tmp_path, stored):
    write(tmp_path, request_id=stored)
    account, _ = read_day(LOG, DAY, root=tmp_path, columns=[])
    assert (account.counted, account.duplicate_ids) == (3, 0)


def test_text_that_is_no_time_comes_last_and_takes_no_day_down(tmp_path):
    """Of two answers the one with a time is the first."""
    times = ["10.03.2025", "2025-03-01T10:00:00+02:00"]
    write(tmp_path, request_id=["a", "a"], served_at=times, x=[1.0, 2.0])
    _, batches = read_day(LOG, DAY, root=tmp_path, columns=["x"])
    assert pa.Table.from_batches(batches)["x"].to_pylist() == [2.0]
