"""Constants of a suite mean in SQL what they mean in the suite, beside the column they are for."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.sources.rows.questions import AskedDay
from monitoring_dagster.sources.rows.row_sql import quoted
from monitoring_dagster.sources.suites.counted.sql_values import Column, counted, number, text

CONNECTION = duckdb.connect()
CONNECTION.execute("SET GLOBAL TimeZone = 'UTC'")
TYPES = {
    "whole": "BIGINT", "byte": "UTINYINT", "real": "DOUBLE", "short": "FLOAT", "word": "VARCHAR",
    "flag": "BOOLEAN", "at": "TIMESTAMP WITH TIME ZONE", "since": "TIMESTAMP",
    "exact": "TIMESTAMP_NS", "on": "DATE", "price": "DECIMAL(9,2)", "lists": "BIGINT[]",
}  # fmt: skip


def column(name, engine="duckdb"):
    return Column.of(name, AskedDay(engine, TYPES, "day", quoted, lambda _: []))


def answer(sql):
    return CONNECTION.execute(f"SELECT {sql}").fetchone()[0]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("integer", ["whole", "byte"]),
        ("float", ["real", "short"]),
        ("text", ["word"]),
        ("flag", ["flag"]),
        ("time", ["at", "since", "exact"]),
        ("date", ["on"]),
        ("other", ["price", "lists"]),
    ],
)
def test_a_column_is_of_a_kind(kind, names):
    assert {column(name).kind for name in names} == {kind}


def test_spark_hands_nanoseconds_out_as_numbers():
    assert column("exact", "spark").kind == "other"


@settings(max_examples=50)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_text_stays_the_text_it_is(value):
    assert answer(text(value, "duckdb")) == value


def test_in_spark_a_backslash_escapes():
    assert text("it's a\\b", "spark") == r"'it\'s a\\b'"


@pytest.mark.parametrize("value", [0, -7, 2**63 - 1, -(2**63) + 1, 2**70, 0.1, 1e300, -2.5])
def test_a_number_stays_the_number_it_is(value):
    assert answer(number(value)) == value


@pytest.mark.parametrize(
    ("name", "value", "sql"),
    [
        pytest.param("whole", 1, "1", id="a number"),
        pytest.param("whole", True, None, id="a truth is no number"),
        pytest.param("whole", "1", None, id="a text is no number"),
        pytest.param("word", "a", "'a'", id="a text"),
        pytest.param("word", "a\0", None, id="NUL ends a text"),
        pytest.param("flag", True, "true", id="a truth"),
        pytest.param("flag", 1, None, id="a number is no truth"),
        pytest.param("at", "2026-03-01", None, id="a time is compared, and not looked for"),
        pytest.param("price", 1, None, id="a decimal"),
    ],
)
def test_a_constant_is_of_the_columns_kind_or_none(name, value, sql):
    assert column(name).constant(value) == sql
    assert (column(name).one_of([value]) is None) is (sql is None)


def test_a_set_of_two_kinds_and_an_empty_one_are_none():
    assert column("whole").one_of([1, "a"]) is None
    assert column("whole").one_of([]) is None
    assert column("whole").one_of([1, 2.5]) == "\"whole\" IN (1, CAST('2.5' AS DOUBLE))"


@pytest.mark.parametrize(
    ("name", "value", "is_limit"),
    [
        ("whole", "5", True), ("real", 0.5, True), ("real", "2026-03-01", False),
        ("at", "2026-03-01T10:00+01:00", True), ("at", 5, False), ("on", "2026-03-01", True),
        ("on", "2026-03-01T10:00", False), ("word", 5, False), ("price", 5, False),
    ],
)  # fmt: skip
def test_a_limit_is_of_the_columns_kind_or_none(name, value, is_limit):
    assert (column(name).limit(value) is not None) is is_limit


@pytest.mark.parametrize("name", ["at", "since", "exact"])
@pytest.mark.parametrize(
    "value", ["2026-03-01T09:00:00Z", "2026-03-01 09:00", "2026-03-01T10:00:00+01:00"]
)
def test_a_time_is_the_same_instant_in_any_column_of_times(name, value):
    limit = column(name).limit(value)
    assert answer(f"{limit} = CAST('2026-03-01 09:00:00' AS {TYPES[name]})")


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        ("whole", "real", True), ("byte", "whole", True), ("word", "word", True),
        ("at", "at", True), ("at", "since", False), ("word", "whole", False),
        ("flag", "flag", False), ("price", "price", False),
    ],
)  # fmt: skip
def test_columns_are_compared_where_equal_means_one_thing(a, b, alike):
    assert column(a).is_like(column(b)) is alike


def test_a_number_is_missing_where_it_is_none():
    nan = column("real").value.replace('"real"', "CAST('NaN' AS DOUBLE)")
    assert answer(nan) is None


def test_rows_are_counted_where_a_condition_is_true_and_not_where_it_is_unknown():
    condition = counted("x > 1")
    sql = f"(SELECT {condition} FROM (VALUES (1), (2), (NULL), (3)) AS t(x))"
    assert answer(sql) == 2
