"""A breach is read as one sentence: limits, shares and examples as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.errors import escaped
from monitoring_dagster.sources.suites.counted.breach_words import (
    Limits,
    example_words,
    limit,
    listed,
    percent,
    quoted,
    unexpected_words,
    written,
)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(0.0, 500.0), "between 0 and 500"),
        (Limits(low=0), "at least 0"),
        (Limits(high=0.5), "at most 0.5"),
        (Limits(0, 1, above=True), "above 0 and at most 1"),
        (Limits(0, 1, above=True, below=True), "above 0 and below 1"),
        (Limits(7, 7), "7"),
        (Limits(), "anything"),
        (Limits(low="2026-03-01"), "at least '2026-03-01'"),
    ],
)
def test_limits_are_words(limits, words):
    assert str(limits) == words


@pytest.mark.parametrize(
    ("limits", "value", "met"),
    [
        (Limits(0, 1), 0, True),
        (Limits(0, 1, above=True), 0, False),
        (Limits(0, 1), 1, True),
        (Limits(0, 1, below=True), 1, False),
        (Limits(low=0), 1e300, True),
        (Limits(), float("inf"), True),
    ],
)
def test_a_limit_itself_is_within_unless_it_is_strict(limits, value, met):
    assert limits.hold(value) is met


@given(st.floats(0, 1))
def test_a_share_is_said_to_be_nothing_or_all_only_where_it_is(share):
    words = percent(share)
    assert (words == "0 %") is (share == 0)
    assert (words == "100 %") is (share == 1)


@pytest.mark.parametrize(
    ("unexpected", "fault", "words"),
    [
        (1, "are not", "1 of 4 values is not (25 %)"),
        (2, "do", "2 of 4 values do (50 %)"),
        (1, "do not", "1 of 4 values does not (25 %)"),
        (4, "are", "4 of 4 values are (100 %)"),
    ],
)
def test_one_value_is_not_and_several_are_not(unexpected, fault, words):
    assert unexpected_words(unexpected, 4, "values", fault) == words


def test_examples_are_numbers_texts_and_rows():
    assert example_words([(-3,), (512.5,)]) == ", for example -3, 512.5"
    assert example_words([("a", None)]) == ", for example 'a' and nothing"
    assert example_words([]) == ""


@given(st.text(max_size=100))
def test_a_value_of_a_row_is_short_and_harmless(value):
    words = quoted(value)
    assert escaped(words) == words
    assert len(words) < 500


def test_what_is_long_is_cut():
    assert quoted("x" * 41) == "'" + "x" * 40 + "'..."
    assert listed(["a"] * 7) == "'a', 'a', 'a', 'a', 'a' and 2 more"


@pytest.mark.parametrize(
    ("value", "words"),
    [(float("inf"), "inf"), (float("nan"), "nan"), (1e300, "1e+300"), (12_345_678, "12,345,678")],
)
def test_any_number_can_be_written(value, words):
    assert written(value) == words


def test_a_limit_is_a_number_or_stays_a_time():
    assert (limit("5"), limit(5), limit("2026-03-01"), limit(None)) == (
        5.0,
        5.0,
        "2026-03-01",
        None,
    )
