"""Names and values reach SQL as what they are, whatever they hold."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.rows.row_sql import Rows, UnusableName, listed, literal, quoted


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        yield opened


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(ANY_TEXT)
@settings(max_examples=50, deadline=None)
def test_any_value_without_nul_is_one_string(connection, value):
    """DuckDB reads back the very text that was written."""
    assert connection.execute(f"SELECT {literal(value)}").fetchall() == [(value,)]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("'", id="a quote"),
        pytest.param("''", id="two quotes"),
        pytest.param("\\'", id="a quote behind a backslash"),
        pytest.param("'; DROP TABLE x; --", id="SQL"),
        pytest.param("a\nb\r\t\x1b[2J", id="control characters"),
        pytest.param("x" * 100_000, id="a long text"),
        pytest.param("", id="nothing"),
        pytest.param("{}", id="braces"),
    ],
)
def test_a_hostile_value_is_only_a_value(connection, value):
    assert connection.execute(f"SELECT {literal(value)}").fetchall() == [(value,)]


@pytest.mark.parametrize("write", [quoted, literal])
@pytest.mark.parametrize("text", ["\0", "age\0; DROP TABLE x", "'\0", "a" * 50 + "\0"])
def test_what_holds_a_nul_is_refused_in_words_that_hold_none(write, text):
    with pytest.raises(UnusableName) as told:
        write(text)
    assert str(told.value) == (
        f"{text!r} holds a NUL character, which ends every name in SQL: rename it"
    )
    assert "\0" not in str(told.value)


@pytest.mark.parametrize(
    ("names", "readings", "row"),
    [
        pytest.param(["a"], {}, {"a": "1"}, id="as it is"),
        pytest.param(["a", "b"], {"b": "upper({})"}, {"a": "1", "b": "X"}, id="one as it is meant"),
        pytest.param(["b"], {"b": "{} || {}"}, {"b": "xx"}, id="a column that stands twice"),
        pytest.param(["b", "a"], {"c": "1/0"}, {"b": "x", "a": "1"}, id="of others nothing"),
        pytest.param(["{}"], {"{}": "{} || '!'"}, {"{}": "q!"}, id="a column called as the place"),
        pytest.param(['"; --'], {}, {'"; --': "z"}, id="SQL in a name"),
        pytest.param(["B"], {"B": "lower({})"}, {"B": "x"}, id="the spelling of who asks is kept"),
    ],
)
def test_a_list_of_columns_keeps_names_and_order_and_reads_each_as_asked(
    connection, names, readings, row
):
    table = """(SELECT '1' AS a, 'x' AS b, 'q' AS "{}", 'z' AS "\"\"; --")"""
    found = connection.execute(f"SELECT {listed(names, readings)} FROM {table}")
    columns = [name for name, *_ in found.description]
    assert dict(zip(columns, found.fetchall()[0], strict=True)) == row
    assert columns == names


def test_no_columns_are_an_empty_list():
    assert listed([]) == ""


class TestRows:
    rows = Rows("t", {"age": "DOUBLE", "plan": "VARCHAR"}, "the file x.parquet")

    @pytest.mark.parametrize("names", [[], ["age"], ["plan", "age"], iter(["age"])])
    def test_have_what_they_have(self, names):
        self.rows.require(names)

    @pytest.mark.parametrize(
        ("names", "told"),
        [
            (["plam"], "'plam'. Did you mean 'plan'?"),
            (["AGE"], "'AGE'. It has: age, plan."),
            (["age", "x", "y"], "'x'. It has: age, plan."),
            ([""], "''. It has: age, plan."),
        ],
        ids=["a misspelt name", "another case", "the first of two", "an empty name"],
    )
    def test_are_told_apart_from_what_they_lack(self, names, told):
        with pytest.raises(UnknownColumn) as error:
            self.rows.require(names)
        assert str(error.value) == f"the file x.parquet has no column {told}"

    def test_without_any_column_say_so(self):
        with pytest.raises(UnknownColumn, match=r"t has no column 'a'\. It has: -\."):
            Rows("t", {}, "t").require(["a"])


def test_a_name_that_is_taken_is_told_with_the_way_out():
    assert str(UnusableName.taken("day", reserved=["sign", "day"])) == (
        "column 'day' cannot stand beside day, sign: rename it in a view, and read the view"
    )


@given(ANY_TEXT.filter(bool))
@settings(max_examples=50, deadline=None)
def test_any_name_without_nul_is_one_identifier(connection, name):
    """DuckDB reads back the very name that was quoted."""
    result = connection.execute(f"SELECT 1 AS {quoted(name)}")
    assert [column[0] for column in result.description] == [name]
