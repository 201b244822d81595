"""An argument that cannot be is refused with the way out, before any row is looked at."""

import warnings

import pytest

from monitoring_dagster.sources.suites.arguments import (
    ENGINE_TYPES,
    as_number,
    as_time,
    is_plain,
    problem_with,
    shown,
)
from monitoring_dagster.sources.suites.contracts import great_expectations

VALUES_TO = "expect_column_values_to_"


@pytest.mark.parametrize(
    ("named", "kwargs", "told"),
    [
        pytest.param("be_unique", {"colum": "age"}, "takes no 'colum'. Did you mean 'column'?",
                     id="a misspelt name"),
        pytest.param("be_unique", {}, "needs column: write the name of a column", id="no column"),
        pytest.param("be_unique", {"column": None}, "needs column", id="null for a column"),
        pytest.param("be_unique", {"column": 7}, "column is 7: write the name", id="a number"),
        pytest.param("be_in_set", {"column": "a"}, "needs value_set: write a list", id="no set"),
        pytest.param("be_in_set", {"column": "a", "value_set": "DE"},
                     "value_set is 'DE': write a list of values", id="one value for a list"),
        pytest.param("be_between", {"column": "a"}, "needs min_value or max_value", id="no limit"),
        pytest.param("be_between", {"column": "a", "min_value": "soon"},
                     "min_value is 'soon': write a number, or a time", id="a word for a limit"),
        pytest.param("be_between", {"column": "a", "min_value": [1]}, "min_value is [1]",
                     id="a list for a limit"),
        pytest.param("be_between", {"column": "a", "min_value": True}, "min_value is True",
                     id="a truth for a limit"),
        pytest.param("be_between", {"column": "a", "min_value": 1, "strict_min": "yes"},
                     "strict_min is 'yes': write true or false", id="a word for a truth"),
        pytest.param("match_regex", {"column": "a", "regex": ["a"]}, "regex is ['a']: write a text",
                     id="a list for a pattern"),
        pytest.param("match_regex_list", {"column": "a", "regex_list": "a"},
                     "regex_list is 'a': write a list of texts", id="a pattern for a list"),
        pytest.param("match_regex_list", {"column": "a", "regex_list": ["a"], "match_on": "some"},
                     "match_on is 'some': write one of any, all", id="another word"),
        pytest.param("match_like_pattern", {"column": "a", "like_pattern": "%", "escape": "ab"},
                     "escape is 'ab': write one character", id="two characters"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_told_with_what_to_write(named, kwargs, told):
    assert told in problem_with(VALUES_TO + named, kwargs)


@pytest.mark.parametrize(
    ("asked", "is_fine"),
    [
        pytest.param({"quantiles": [0.5], "value_ranges": [[0, 9]]}, True, id="the median"),
        pytest.param({"quantiles": [0.5], "value_ranges": [[None, 9]]}, True, id="one limit"),
        pytest.param({"quantiles": [0.5], "value_ranges": []}, False, id="a range too few"),
        pytest.param({"quantiles": [50], "value_ranges": [[0, 9]]}, False, id="per cent"),
        pytest.param({"quantiles": [0.5], "value_ranges": [[9, 0]]}, False, id="the wrong way"),
        pytest.param({"quantiles": [0.5], "value_ranges": [[0]]}, False, id="one number"),
        pytest.param({"quantiles": 0.5, "value_ranges": [[0, 9]]}, False, id="no list"),
        pytest.param([[0.5, 0, 9]], False, id="no object"),
    ],
)
def test_quantiles_and_their_ranges_belong_together(asked, is_fine):
    kwargs = {"column": "a", "quantile_ranges": asked}
    problem = problem_with("expect_column_quantile_values_to_be_between", kwargs)
    assert (problem is None) is is_fine


def test_an_argument_of_every_type_is_no_mistake_and_is_judged_elsewhere():
    kwargs = {"column": "a", "row_condition": "b > 0", "condition_parser": "pandas"}
    assert problem_with(f"{VALUES_TO}be_unique", kwargs) is None
    assert not is_plain(kwargs)
    assert is_plain({"column": "a", "mostly": 0.5})


def test_of_a_type_that_is_judged_elsewhere_nothing_is_known():
    assert problem_with("expect_column_values_to_be_json_parseable", {"colum": "a"}) is None


def test_every_type_here_is_one_of_great_expectations_with_the_same_arguments():
    great_expectations()
    from great_expectations.expectations import registry

    from monitoring_dagster.sources.suites import arguments

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for named in ENGINE_TYPES:
            fields = registry.get_expectation_impl(named).__fields__
            for argument in arguments._ARGUMENTS[named]:
                assert argument.rstrip("!") in fields, (named, argument)
            for name, field in fields.items():
                is_ours = f"{name}!" in arguments._ARGUMENTS[named]
                assert not field.required or is_ours, (named, name)
                assert is_ours or name in {*arguments._ARGUMENTS[named], *arguments._OF_EVERY_TYPE}


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), ("2.5", 2.5), (True, None), ("soon", None), (None, None), ("2026-03-01", None)],
)
def test_a_number_may_stand_in_quotes(value, number):
    assert as_number(value) == number


@pytest.mark.parametrize(
    ("value", "is_time"),
    [("2026-03-01", True), ("2026-03-01T10:00:00Z", True), ("10:00", False), (20260301.5, False)],
)
def test_a_time_is_one_of_a_day(value, is_time):
    assert (as_time(value) is not None) is is_time


def test_what_is_repeated_is_short():
    assert shown("x" * 99).endswith("…")
    assert shown("\x1b") == "'\\x1b'"
