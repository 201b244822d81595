"""What is asked of a column as a whole: numbers with limits, groups, ranks, sets and types."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.sources.suites.counted.breach_words import Limits
from monitoring_dagster.sources.suites.counted.column_expectations import Ranks, whole_test
from tests.sources.suites.counted.test_sql_values import TYPES, column
from tests.sources.suites.small_days import expectation

COLUMNS = {name: column(name) for name in TYPES}


@pytest.mark.parametrize(
    ("asked", "should"),
    [
        (expectation("column_mean_to_be_between", column="real", min_value=10),
         "should have a mean of at least 10"),
        (expectation("column_max_to_be_between", column="at", max_value="2026-03-01"),
         "should have a largest value of at most '2026-03-01'"),
        (expectation("column_values_to_be_unique", column="word"), "should be unique"),
        (expectation("column_unique_value_count_to_be_between", column="flag", max_value=1),
         "should have at most 1 distinct values"),
        (expectation("column_most_common_value_to_be_in_set", column="word", value_set=["a"]),
         "should have a most common value among 'a'"),
        (expectation("column_median_to_be_between", column="whole", min_value=1, max_value=2),
         "should have a median of between 1 and 2"),
        (expectation("column_distinct_values_to_equal_set", column="word", value_set=["a", "b"]),
         "should hold exactly 'a', 'b'"),
        (expectation("column_values_to_be_in_type_list", column="whole", type_list=["int", "str"]),
         "should be of type int or str"),
        (expectation("compound_columns_to_be_unique", column_list=["word", "at"]),
         "should be unique together"),
    ],
)  # fmt: skip
def test_what_is_asked_is_said_in_plain_words(asked, should):
    assert whole_test(asked, COLUMNS).should == should


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(expectation("column_mean_to_be_between", column="flag", min_value=1),
                     id="the mean of truths"),
        pytest.param(expectation("column_mean_to_be_between", column="at", min_value="2026-03-01"),
                     id="the mean of times"),
        pytest.param(expectation("column_max_to_be_between", column="word", min_value=1),
                     id="the largest word"),
        pytest.param(expectation("column_max_to_be_between", column="whole",
                                 min_value="2026-03-01"), id="a time as a limit of numbers"),
        pytest.param(expectation("column_values_to_be_unique", column="lists"), id="lists"),
        pytest.param(expectation("column_values_to_be_of_type", column="price", type_="Decimal"),
                     id="the type of decimals"),
        pytest.param(expectation("column_distinct_values_to_contain_set", column="whole",
                                 value_set=[*range(201)]), id="a set of very many"),
        pytest.param(expectation("column_distinct_values_to_contain_set", column="whole",
                                 value_set=["a", []]), id="a set of anything"),
        pytest.param(expectation("compound_columns_to_be_unique", column_list=["word", "lists"]),
                     id="rows with lists"),
        pytest.param(expectation("column_type_to_be", column="whole", type_="int64"),
                     id="the type by its name in pandas"),
        pytest.param(expectation("table_row_count_to_equal", value=1), id="no column"),
    ],
)  # fmt: skip
def test_what_sql_might_answer_otherwise_is_left(asked):
    assert whole_test(asked, COLUMNS) is None


METHODS = ["linear", "lower", "higher", "midpoint", "nearest"]


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.floats(0, 1),
    st.sampled_from(METHODS),
)
def test_a_quantile_lies_where_numpy_has_it(values, share, method):
    place = Ranks("a", "a", (share,), (Limits(),), method).places(len(values))[0]
    ordered = np.sort(values)
    low, high = ordered[int(np.floor(place))], ordered[int(np.ceil(place))]
    found = low + (high - low) * (place - np.floor(place))
    expected = np.quantile(values, share, method=method)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    ("value", "met", "met_by_median"),
    [
        pytest.param(3.0, True, True, id="on the limit"),
        pytest.param(2.9998, True, False, id="nearly on it, which Great Expectations lets pass"),
        pytest.param(2.99, False, False, id="below it"),
        pytest.param(float("nan"), False, False, id="no number"),
    ],
)
def test_a_quantile_beside_its_limit_is_within(value, met, met_by_median):
    ranks = Ranks("a", "a", (0.5,), (Limits(low=3),), "nearest")
    assert ranks.hold([value]) is met
    median = Ranks("a", "a", (0.5,), (Limits(low=3),), "linear", is_median=True)
    assert median.hold([value]) is met_by_median
