"""A table has as many rows and columns as were expected, or it is said what differs."""

import pytest

from monitoring_dagster.sources.suites.counted.table_expectations import TABLE_TYPES, unlike_table
from tests.sources.suites.small_days import expectation

COLUMNS = ["age", "country", "n"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        pytest.param(expectation("column_to_exist", column="n"), None, id="it exists"),
        pytest.param(expectation("column_to_exist", column="n", column_index=2), None, id="there"),
        pytest.param(expectation("column_to_exist", column="n", column_index=-1), None, id="last"),
        pytest.param(expectation("column_to_exist", column="n", column_index=0), None,
                     id="0 asks for no place, as in Great Expectations"),
        pytest.param(expectation("column_to_exist", column="n", column_index=1),
                     "'n' should be column 1, counted from 0: it is 2", id="elsewhere"),
        pytest.param(expectation("column_to_exist", column="n", column_index=9),
                     "'n' should be column 9, counted from 0: it is 2", id="beyond the last"),
        pytest.param(expectation("column_to_exist", column="agee"),
                     "'agee' should exist: there is no column 'agee'. Did you mean 'age'?",
                     id="it does not exist"),
        pytest.param(expectation("table_row_count_to_equal", value=4), None, id="so many rows"),
        pytest.param(expectation("table_row_count_to_equal", value=5),
                     "the table should have 5 rows: it has 4", id="another number of rows"),
        pytest.param(expectation("table_row_count_to_be_between", min_value=4, strict_min=True),
                     "the table should have above 4 rows: it has 4", id="strictly more rows"),
        pytest.param(expectation("table_row_count_to_be_between"), None, id="any number"),
        pytest.param(expectation("table_column_count_to_be_between", max_value=2),
                     "the table should have at most 2 columns: it has 3", id="fewer columns"),
        pytest.param(expectation("table_column_count_to_equal", value=3), None, id="columns"),
        pytest.param(expectation("table_columns_to_match_ordered_list", column_list=COLUMNS), None,
                     id="the same order"),
        pytest.param(
            expectation("table_columns_to_match_ordered_list", column_list=["age", "n", "country"]),
            "the table should have the columns 'age', 'n', 'country', in this order:"
            " column 1, counted from 0, is 'country'", id="another order"),
        pytest.param(
            expectation("table_columns_to_match_ordered_list", column_list=COLUMNS[:2]),
            "the table should have the columns 'age', 'country', in this order:"
            " it has 3 columns, and 2 are wanted", id="one more at the end"),
        pytest.param(expectation("table_columns_to_match_set", column_set=["n", "x"]),
                     "the table should have exactly the columns 'n', 'x': there is no column 'x';"
                     " 'age', 'country' stand beside them", id="another set"),
        pytest.param(
            expectation("table_columns_to_match_set", column_set=["n"], exact_match=False),
            None, id="these and others"),
    ],
)  # fmt: skip
def test_a_table_is_as_expected_or_it_is_said_what_differs(asked, words):
    assert asked.type in TABLE_TYPES
    assert unlike_table(asked, COLUMNS, 4) == words
