"""The SQL of a score, label or prediction gives what the task knows, and null for the rest."""

from datetime import date

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.standalone.reading.classes import Classes, understood
from monitoring_dagster.standalone.reading.question import Roles
from monitoring_dagster.standalone.reading.value_sql import (
    WrongColumn,
    number_sql,
    prediction_of_score,
    score_sql,
    value_sql,
)
from monitoring_dagster.standalone.reading.written_values import Written

NAN, INFINITY = float("nan"), float("inf")
SCORE = Roles({"score": "it's a score"}, frozenset())


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        yield opened


def asked(connection, table, sql):
    connection.register("t", table)
    return [one for (one,) in connection.execute(f"SELECT {sql} FROM t").fetchall()]


def scores(values):
    return pa.table({"score column": values})


class TestNumber:
    @pytest.mark.parametrize(
        ("values", "numbers"),
        [
            pytest.param([0.5, NAN, None, INFINITY], [0.5, None, None, INFINITY], id="floats"),
            pytest.param([0, 1], [0.0, 1.0], id="whole numbers"),
            pytest.param([True, None], [1.0, None], id="yes and nothing"),
            pytest.param(["0.5", " 1 ", "nan", "n/a", ""], [0.5, 1.0, None, None, None], id="text"),
            pytest.param(pa.nulls(2), [None, None], id="nothing"),
            pytest.param(pa.array([0.5], pa.float32()), [0.5], id="single precision"),
        ],
    )
    def test_is_what_is_written_or_null(self, connection, values, numbers):
        table = scores(values)
        assert asked(connection, table, number_sql(table, SCORE)) == numbers

    @pytest.mark.parametrize(
        ("values", "arrived"),
        [
            ([date(2026, 3, 1)], "date32"), ([[0.5]], "list<"), ([b"0.5"], "binary"),
            (pa.array([1], pa.duration("s")), "duration"),
        ],
        ids=["days", "lists", "bytes", "durations"],
    )  # fmt: skip
    def test_of_another_type_is_refused_with_the_users_name(self, values, arrived):
        with pytest.raises(WrongColumn) as error:
            number_sql(scores(values), SCORE)
        assert str(error.value).startswith(f'column "it\'s a score" is {arrived}')
        assert "a score is a probability, 0 to 1: name another column with --score" in (
            str(error.value)
        )

    def test_without_a_score_is_null(self, connection):
        table = pa.table({"x": [1]})
        assert asked(connection, table, number_sql(table, Roles({}, frozenset()))) == [None]


class TestScore:
    @pytest.mark.parametrize(
        ("value", "clipped"),
        [
            (0.0, 0.0), (1.0, 1.0), (0.5, 0.5), (-1e-9, 0.0), (1 + 1e-9, 1.0), (-1.1e-9, None),
            (1 + 1.1e-9, None), (7.0, None), (INFINITY, None), (NAN, None), (None, None),
        ],
    )  # fmt: skip
    def test_is_a_probability_and_rounding_is_clipped(self, connection, value, clipped):
        table = scores(pa.array([value], pa.float64()))
        assert asked(connection, table, score_sql('"score column"', is_clean=False)) == [clipped]

    def test_that_is_clean_stays_as_it_is(self):
        assert score_sql("x", is_clean=True) == "x"

    @pytest.mark.parametrize(
        ("value", "prediction"),
        [(0.5, 1), (np.nextafter(0.5, 0), 0), (0.0, 0), (1.0, 1), (None, None)],
    )
    def test_predicts_1_from_one_half_on(self, connection, value, prediction):
        table = scores(pa.array([value], pa.float64()))
        assert asked(connection, table, prediction_of_score('"score column"')) == [prediction]


def read(connection, values, classes, *, role="label", kept=(), written=None):
    table = pa.table({f"{role} column": values})
    if written is None:
        names = [str(one).lower() if isinstance(one, bool) else str(one)
                 for one in table.column(0).to_pylist() if one is not None]  # fmt: skip
        written = Written(dict.fromkeys(names, 1))
    return asked(connection, table, value_sql(table, role, classes, written, kept=kept))


BINARY, MANY, MEASURED = Classes("binary"), Classes("multiclass"), Classes("regression")
WORDS = Classes("binary", frozenset({"yes"}), frozenset({"no"}))
ONE_OF = Classes("binary", frozenset({"it's"}), others_are_zero=True, by_value=False)


@pytest.mark.parametrize(
    ("classes", "values", "meant"),
    [
        pytest.param(BINARY, [0, 1, None], [0, 1, None], id="0 and 1 say themselves"),
        pytest.param(BINARY, [True, False], [True, False], id="so do yes and no"),
        pytest.param(BINARY, [0, 1, 2], ["0", "1", None], id="a third value is none"),
        pytest.param(BINARY, [0.0, 1.0, NAN, 0.5], ["0", "1", None, None], id="floats"),
        pytest.param(BINARY, ["TRUE", " 0 ", "?"], ["1", "0", None], id="text"),
        pytest.param(WORDS, ["yes", "no", "maybe"], ["1", "0", None], id="words"),
        pytest.param(WORDS, ["yes", "1"], ["1", "1"], id="a word and a number"),
        pytest.param(ONE_OF, ["it's", "b", None, ""], ["1", "0", None, None], id="one of many"),
        pytest.param(MANY, ["a", "b", None], ["a", "b", None], id="classes say themselves"),
        pytest.param(MANY, [1, 2], [1, 2], id="so do numbers"),
        pytest.param(MANY, [1.0, 2.5, NAN], ["1", "2.5", None], id="floats are named"),
        pytest.param(MANY, [" a", "nan"], ["a", None], id="blanks, and what says nothing"),
        pytest.param(MANY, ["'; DROP TABLE t; --"], ["'; DROP TABLE t; --"], id="SQL"),
        pytest.param(MEASURED, [1.5, INFINITY, NAN, None], [1.5, None, None, None], id="floats"),
        pytest.param(MEASURED, [1, 2], [1, 2], id="whole numbers"),
        pytest.param(MEASURED, ["1.5", " 2 ", "inf", "n/a", ""], ["1.5", "2", None, None, None],
                     id="numbers as text"),
    ],
)  # fmt: skip
def test_a_value_is_what_the_task_takes_it_for(connection, classes, values, meant):
    found = read(connection, values, classes)
    assert [None if one != one else one for one in found] == meant


def test_a_prediction_of_no_class_is_none_where_a_label_would_be_0(connection):
    values = ["it's", "b"]
    assert read(connection, values, ONE_OF, role="label") == ["1", "0"]
    assert read(connection, values, ONE_OF, role="prediction") == ["1", None]


def test_a_label_that_was_not_looked_at_counts_as_others_do(connection):
    known = Written({"it's": 1})
    assert read(connection, ["it's", "new", None], ONE_OF, written=known) == ["1", "0", None]
    found = read(connection, ["it's", "new"], ONE_OF, role="prediction", written=known)
    assert found == ["1", "new"]


@pytest.mark.parametrize(
    ("classes", "values", "kept", "meant"),
    [
        pytest.param(BINARY, [0, 1, 2], ["2"], ["0", "1", "2"], id="a number"),
        pytest.param(BINARY, [0.0, 2.0], ["2"], ["0", "2"], id="a number of a column of floats"),
        pytest.param(BINARY, ["0", "it's?"], ["it's?"], ["0", "it's?"], id="a word"),
        pytest.param(BINARY, ["0", "1"], ["1"], ["0", "1"], id="a class"),
        pytest.param(MEASURED, ["1.5", "unclear"], ["unclear"], ["1.5", "unclear"], id="measured"),
        pytest.param(MEASURED, [1.5, INFINITY], ["inf"], [1.5, INFINITY], id="infinity"),
        pytest.param(MEASURED, [1.5, INFINITY], ["x"], [1.5, None], id="nothing that is there"),
        pytest.param(MANY, ["a"], ["'; --"], ["a"], id="a hostile word"),
    ],
)  # fmt: skip
def test_what_is_to_be_kept_stays_whatever_the_task(connection, classes, values, kept, meant):
    assert read(connection, values, classes, kept=kept) == meant


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["0", "1", "a", "b", " b", "2.0", "2", "", "nan", "'"]), min_size=1)
)
def test_sql_says_of_each_row_what_the_classes_say(connection, values):
    column = Written({one: values.count(one) for one in values})
    for classes in (
        understood(column, None, scores=None, task="multiclass"),
        understood(Written({"b": 1, "a": 1}), None, scores=None, positive="b"),
    ):
        found = read(connection, values, classes, written=column)
        assert found == [classes.of(one, "label") for one in values]
