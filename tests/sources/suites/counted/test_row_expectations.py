"""What is asked of each row becomes SQL, or is left to Great Expectations where that may differ."""

import pytest

from monitoring_dagster.sources.suites.counted.row_expectations import row_test
from tests.sources.suites.counted.test_sql_values import TYPES, column
from tests.sources.suites.small_days import expectation

COLUMNS = {name: column(name) for name in TYPES}
IN_SPARK = {name: column(name, "spark") for name in TYPES if name != "exact"}
VALUES_TO = "column_values_to_"


@pytest.mark.parametrize(
    ("asked", "should"),
    [
        pytest.param(expectation(f"{VALUES_TO}be_null", column="price"), "should be missing",
                     id="missing values are counted whatever they are"),
        pytest.param(expectation(f"{VALUES_TO}not_be_null", column="lists"),
                     "should not be missing", id="and those that are there"),
        pytest.param(expectation(f"{VALUES_TO}be_between", column="whole", min_value=0),
                     "should be at least 0", id="a range"),
        pytest.param(expectation(f"{VALUES_TO}not_be_in_set", column="word", value_set=["XX"]),
                     "should be none of 'XX'", id="a set"),
        pytest.param(expectation("column_value_lengths_to_equal", column="word", value=5),
                     "should have 5 characters", id="a length"),
        pytest.param(expectation(f"{VALUES_TO}match_regex", column="word", regex="^a"),
                     "should match '^a'", id="a pattern"),
        pytest.param(
            expectation(f"{VALUES_TO}not_match_regex_list", column="word", regex_list=["a", "b"]),
            "should not match one of 'a', 'b'", id="patterns"),
        pytest.param(
            expectation(f"{VALUES_TO}match_like_pattern", column="word", like_pattern="a%"),
            "should match 'a%'", id="a pattern of SQL, which pandas does not know"),
        pytest.param(
            expectation("column_pair_values_a_to_be_greater_than_b", column_A="real",
                        column_B="whole", or_equal=True),
            "should be at least 'whole'", id="two columns"),
        pytest.param(
            expectation("column_pair_values_to_be_in_set", column_A="word", column_B="whole",
                        value_pairs_set=[["a", 1], ["b", None]]),
            "with 'whole' should be one of 'a' and 1, 'b' and None", id="pairs"),
        pytest.param(
            expectation("multicolumn_sum_to_equal", column_list=["real", "whole"], sum_total=100),
            "should add up to 100", id="a sum"),
    ],
)  # fmt: skip
def test_what_is_asked_is_said_in_plain_words(asked, should):
    assert row_test(asked, COLUMNS).should == should


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(expectation(f"{VALUES_TO}be_in_set", column="word", value_set=[1]),
                     id="numbers among words"),
        pytest.param(expectation(f"{VALUES_TO}be_in_set", column="short", value_set=[0.1]),
                     id="0.1 is no short float"),
        pytest.param(expectation(f"{VALUES_TO}be_between", column="word", min_value=1),
                     id="a range of words"),
        pytest.param(expectation(f"{VALUES_TO}be_between", column="price", min_value=1),
                     id="a range of decimals"),
        pytest.param(expectation("column_value_lengths_to_equal", column="whole", value=1),
                     id="the length of a number"),
        pytest.param(expectation(f"{VALUES_TO}match_regex", column="word", regex="a(?=b)"),
                     id="a pattern that looks ahead, which RE2 does not"),
        pytest.param(expectation(f"{VALUES_TO}match_regex", column="word", regex="a{,3}"),
                     id="a count that RE2 reads as letters"),
        pytest.param(expectation(f"{VALUES_TO}match_regex", column="word", regex="[[:alpha:]]"),
                     id="a class that Python does not have"),
        pytest.param(expectation(f"{VALUES_TO}match_regex", column="word", regex="ß"),
                     id="letters beyond ASCII"),
        pytest.param(
            expectation("column_pair_values_to_be_equal", column_A="word", column_B="whole"),
            id="a word and a number"),
        pytest.param(
            expectation("multicolumn_sum_to_equal", column_list=["whole"] * 2, sum_total=2),
            id="a column twice"),
        pytest.param(expectation(f"{VALUES_TO}be_increasing", column="whole"),
                     id="the order of rows, which no engine keeps"),
        pytest.param(expectation(f"{VALUES_TO}be_json_parseable", column="word"), id="JSON"),
    ],
)  # fmt: skip
def test_what_sql_might_answer_otherwise_is_left(asked):
    assert row_test(asked, COLUMNS) is None


@pytest.mark.parametrize(
    ("regex", "is_asked"),
    [("^a[bc]$", True), ("(?i)a", False), ("[a[b]]", False), ("[a&&b]", False)],
)
def test_java_reads_some_patterns_in_its_own_way(regex, is_asked):
    asked = expectation(f"{VALUES_TO}match_regex", column="word", regex=regex)
    assert (row_test(asked, IN_SPARK) is not None) is is_asked


def test_missing_values_have_no_example():
    asked = expectation(f"{VALUES_TO}not_be_null", column="whole")
    assert row_test(asked, COLUMNS).shown == ()
