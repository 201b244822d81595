"""A value is read as what it means, and what cannot be meant is a fault of its own row."""

from datetime import UTC, date, datetime

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.sources.labels.label_values import (
    day_number,
    family_of,
    id_of,
    score_of,
    time_of,
    truth_of,
)

NAN, INFINITY = float("nan"), float("inf")
NAME = 'it\'s "x"; --'  # the column: only a name


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


@pytest.fixture
def read(connection):
    """What a reading makes of some values: a pair of value and fault a row."""

    def ask(how, values, **asked):
        connection.register("t", pa.table({NAME: values}))
        kinds = {name: kind for name, kind, *_ in connection.execute("DESCRIBE t").fetchall()}
        reading = how(NAME, kinds, **asked)
        return connection.execute(f"SELECT {reading.value}, {reading.fault} FROM t").fetchall()

    return ask


@pytest.mark.parametrize(
    ("duckdb_type", "family"),
    [
        ("TINYINT", "number"), ("UHUGEINT", "number"), ("FLOAT", "number"), ("BOOLEAN", "number"),
        ("DECIMAL(18,3)", "number"), ("DATE", "time"), ("TIMESTAMP", "time"),
        ("TIMESTAMP WITH TIME ZONE", "time"), ("TIMESTAMP_NS", "time"), ("VARCHAR", "text"),
        ("TIME", "TIME"), ("BLOB", "BLOB"), ("UUID", "UUID"), ("INTEGER[]", "INTEGER[]"),
        ("STRUCT(a INTEGER)", "STRUCT(a INTEGER)"), ('"NULL"', '"NULL"'),
    ],
)  # fmt: skip
def test_a_type_is_about_numbers_times_text_or_itself(duckdb_type, family):
    assert family_of(duckdb_type) == family


class TestId:
    @pytest.mark.parametrize(
        ("values", "ids"),
        [
            pytest.param([7, -7, 0], ["7", "-7", "0"], id="whole numbers"),
            pytest.param([2**63 - 1], [str(2**63 - 1)], id="the largest one"),
            pytest.param([7.0, 7.5, -0.0, NAN], ["7", "7.5", "0", None], id="floats"),
            pytest.param([INFINITY], ["inf"], id="infinity is no whole number"),
            pytest.param([2.0**53 - 1], [str(2**53 - 1)], id="the largest exact float"),
            pytest.param(pa.array([2.0**24 - 1], pa.float32()), ["16777215"], id="single"),
            pytest.param(pa.array([7, 8]).cast(pa.decimal128(21, 2)), ["7", "8"], id="decimals"),
            pytest.param(["a", "", " ", None], ["a", None, " ", None], id="text"),
            pytest.param(["7.0", "7.00", "07.0"], ["7", "7.00", "07"], id="text of floats"),
            pytest.param(["9" * 15 + ".0"], ["9" * 15], id="as many digits as are exact"),
            pytest.param([True, False], ["true", "false"], id="yes and no"),
            pytest.param([date(2026, 3, 1)], ["2026-03-01"], id="days"),
            pytest.param(["'; DROP TABLE t; --"], ["'; DROP TABLE t; --"], id="SQL"),
            pytest.param(["x" * 10_000 + ".0"], ["x" * 10_000 + ".0"], id="a long text"),
        ],
    )
    def test_is_the_text_of_what_names_a_request(self, read, values, ids):
        assert read(id_of, values) == [(one, False) for one in ids]

    @pytest.mark.parametrize(
        "values",
        [
            pytest.param([2.0**53], id="the first float that is not exact"),
            pytest.param([-(2.0**53)], id="below zero"),
            pytest.param(pa.array([2.0**24], pa.float32()), id="the first in single precision"),
            pytest.param(["1.79e+18"], id="text of a power of ten"),
            pytest.param(["9" * 16 + ".0"], id="a digit more than is exact"),
        ],
    )
    def test_that_lost_digits_is_at_fault(self, read, values):
        assert [fault for _, fault in read(id_of, values)] == [True]

    @settings(max_examples=40, deadline=None)
    @given(number=st.integers(-(2**53) + 1, 2**53 - 1))
    def test_is_the_same_in_every_type_that_holds_it(self, connection, number):
        found = set()
        for values in (
            [number], [float(number)], [str(number)], pa.array([number]).cast(pa.decimal128(30, 2)),
        ):  # fmt: skip
            connection.register("t", pa.table({"id": values}))
            ((_, kind, *_),) = connection.execute("DESCRIBE t").fetchall()
            reading = id_of("id", {"id": kind})
            found |= set(
                connection.execute(f"SELECT {reading.value}, {reading.fault} FROM t").fetchall()
            )
        assert found == {(str(number), False)}


class TestTime:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("values", "hour"),
        [
            pytest.param(pa.array([noon], pa.timestamp("us", "UTC")), 12, id="in UTC"),
            pytest.param(pa.array([noon], pa.timestamp("us", "Asia/Tokyo")), 12, id="in a zone"),
            pytest.param(pa.array([noon], pa.timestamp("ns")), 12, id="in none"),
            pytest.param(["2026-03-01 12:00:00"], 12, id="text without a zone"),
            pytest.param(["2026-03-01T14:00:00+02:00"], 12, id="text with one"),
            pytest.param([noon.date()], 0, id="a day"),
            pytest.param(["2026-03-01"], 0, id="a day as text"),
        ],
    )
    def test_is_the_same_instant_however_it_is_written(self, read, values, hour):
        ((value, fault),) = read(time_of, values)
        assert (value, fault) == (self.noon.replace(hour=hour), False)

    @pytest.mark.parametrize(
        "value",
        [1_772_366_400, 1_772_366_400.5, "soon", "", "2026-02-30", "01/03/2026", "infinity",
         "-infinity", True, [1], "1772366400"],
        ids=str,
    )  # fmt: skip
    def test_that_is_none_is_at_fault(self, read, value):
        assert read(time_of, [value, None]) == [(None, True), (None, False)]

    def test_of_a_column_of_nothing_is_missing(self, read):
        assert read(time_of, pa.nulls(2)) == [(None, False)] * 2


class TestTruth:
    @pytest.mark.parametrize(
        ("values", "truths"),
        [
            pytest.param([0, 1, 2, -1, None], [0, 1, "!", "!", None], id="whole numbers"),
            pytest.param([0.0, 1.0, 0.5, INFINITY, NAN], [0, 1, "!", "!", NAN], id="floats"),
            pytest.param([True, False, None], [True, False, None], id="booleans"),
            pytest.param(["0", "1", "0.0", "1.0"], ["0", "1", "0", "1"], id="text"),
            pytest.param(["True", " FALSE ", "tRuE"], ["1", "0", "1"], id="words"),
            pytest.param(["", "2", "yes", "nan", "1.00"], ["!"] * 5, id="other words"),
            pytest.param(["1'; DROP TABLE t; --", "x" * 10_000], ["!"] * 2, id="hostile"),
            pytest.param(pa.nulls(1), [None], id="nothing"),
        ],
    )
    def test_of_two_classes_is_0_or_1(self, read, values, truths):
        found = ["!" if fault else value for value, fault in read(truth_of, values, task="binary")]
        np.testing.assert_equal(found, truths)

    @pytest.mark.parametrize("values", [[1, 0], [1.0, 0.0], ["1", "FALSE"], [True, False]], ids=str)
    def test_of_columns_that_are_mixed_is_a_number(self, read, values):
        found = read(truth_of, values, task="binary", as_text=True)
        assert found == [(1, False), (0, False)]

    @pytest.mark.parametrize(
        ("values", "truths"),
        [
            pytest.param([1, -2, None], [1, -2, None], id="whole numbers"),
            pytest.param([1.5, INFINITY, -INFINITY, NAN], [1.5, "!", "!", NAN], id="floats"),
            pytest.param(["1.5", " 2 ", "1e3", "inf", "n/a", "", "1,5", None],
                         [1.5, 2, 1000, "!", "!", "!", "!", None], id="text"),
            pytest.param(["nan", "NaN"], [NAN, NAN], id="NaN in words is missing"),
            pytest.param([date(2026, 3, 1)], ["!"], id="days"),
        ],
    )  # fmt: skip
    def test_of_a_regression_is_a_finite_number(self, read, values, truths):
        found = read(truth_of, values, task="regression")
        np.testing.assert_equal(["!" if fault else value for value, fault in found], truths)

    @pytest.mark.parametrize("task", ["multiclass", None])
    @pytest.mark.parametrize("values", [["a", "", None], [1.5, INFINITY], [7, 2**60]], ids=str)
    def test_of_many_classes_is_whatever_is_there(self, read, task, values):
        assert read(truth_of, values, task=task) == [(one, False) for one in values]
        found = read(truth_of, [7, 8], task=task, as_text=True)
        assert found == [("7", False), ("8", False)]


class TestScore:
    @pytest.mark.parametrize(
        ("values", "scores"),
        [
            pytest.param([0.0, 0.5, 1.0, None], [0, 0.5, 1, None], id="probabilities"),
            pytest.param([-1e-10, 1 + 1e-10], [0, 1], id="rounded"),
            pytest.param([-1e-9, 1 + 1e-9], [0, 1], id="as far as rounding goes"),
            pytest.param([-2e-9, 1 + 2e-9], ["!", "!"], id="more than rounded"),
            pytest.param(pa.array([1 + 5e-7, -5e-7], pa.float32()), [1, 0], id="single rounded"),
            pytest.param(pa.array([1 + 2e-6, -2e-6], pa.float32()), ["!", "!"], id="and more"),
            pytest.param([NAN], [NAN], id="NaN is no fault"),
            pytest.param([INFINITY, -INFINITY], ["!", "!"], id="infinity"),
            pytest.param([0, 1, 2], [0, 1, "!"], id="whole numbers"),
            pytest.param([True, False], [1, 0], id="yes and no"),
            pytest.param(["0.5", " 1 ", "1.5"], [0.5, 1, "!"], id="text"),
            pytest.param(["", " NaN", "None", "null", None],
                         [None, NAN, None, None, None], id="nothing, in words"),
            pytest.param(["n/a", "50%", "0,5", "'; --"], ["!"] * 4, id="other words"),
            pytest.param([[0.5]], ["!"], id="lists"),
        ],
    )  # fmt: skip
    def test_is_a_probability_or_at_fault(self, read, values, scores):
        found = ["!" if fault else value for value, fault in read(score_of, values)]
        np.testing.assert_equal(found, scores)

    @settings(max_examples=50, deadline=None)
    @given(value=st.floats(allow_nan=False))
    def test_that_is_not_at_fault_lies_from_0_to_1(self, connection, value):
        connection.register("t", pa.table({"s": [value]}))
        reading = score_of("s", {"s": "DOUBLE"})
        ((score, fault),) = connection.execute(
            f"SELECT {reading.value}, {reading.fault} FROM t"
        ).fetchall()
        assert fault == (not -1e-9 <= value <= 1 + 1e-9)
        assert 0 <= score <= 1


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("1970-01-01 00:00:00+00", 0), ("1970-01-01 23:59:59.999999+00", 0),
        ("1970-01-02 00:00:00+00", 1), ("1969-12-31 23:59:59.999999+00", -1),
        ("1969-12-31 00:00:00+00", -1), ("1969-12-30 23:59:59+00", -2),
        ("2026-03-01 00:30:00+01", 20_512), ("2026-03-01 00:30:00+00", 20_513),
    ],
)  # fmt: skip
def test_a_day_is_counted_from_1970_in_utc(connection, moment, number):
    sql = day_number(f"TIMESTAMPTZ '{moment}'")
    assert connection.execute(f"SELECT {sql}").fetchall() == [(number,)]


def test_an_id_is_read_the_same_by_the_whole_column_and_by_the_row():
    """What is compared at once is what is read."""
    texts = ["7", "7.0", "-7.0", "7.00", "0.0", ".0", "a.0", "", "1.79e+18", "123456789012345.0"]
    reading = id_of("id", {"id": "VARCHAR"})
    with duckdb.connect() as connection:
        connection.register("t", pa.table({"id": texts}))
        found = connection.execute(f"SELECT {reading.value}, {reading.fault} FROM t").fetchall()
    assert [value for value, lost in found if not lost] == [
        "7", "7", "-7", "7.00", "0", ".0", "a.0", None, "123456789012345",
    ]  # fmt: skip
    assert [lost for _, lost in found].index(True) == 8
