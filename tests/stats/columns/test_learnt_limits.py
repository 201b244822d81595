"""Limits are as wide as the days that taught them, and as narrow as faults allow."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.stats.columns.learnt_limits import (
    MOST_LEVELS,
    Levels,
    NoLimit,
    Presence,
    Range,
    learnt,
    levels,
    presence,
    value_range,
)


def days_of(draw, days=20, rows=300):
    rng = np.random.default_rng(0)
    return [np.asarray(draw(rng, rows), float) for _ in range(days)]


def of_days(day):
    return st.lists(day, min_size=1, max_size=8)


numbers = st.lists(st.floats(allow_nan=False), max_size=40).map(lambda of: np.array(of, float))
truths = st.lists(st.booleans(), max_size=40).map(lambda of: np.array(of, bool))
counts = st.dictionaries(st.text(max_size=2) | st.integers(), st.integers(1, 30), max_size=8)


@settings(max_examples=60)
@given(
    asked=st.one_of(
        st.tuples(st.just(learn), of_days(day))
        for learn, day in ((value_range, numbers), (presence, truths), (levels, counts))
    ),
    held_out=st.integers(0, 3),
)
def test_what_is_learnt_holds_on_every_day_that_it_was_learnt_from(asked, held_out):
    """Whatever the days hold: else there is no limit, and a reason."""
    learn, days = asked
    found = learnt(learn, days, held_out=min(held_out, len(days) - 1))
    if isinstance(found, NoLimit):
        assert found.why
        return
    assert all(found.holds(day) for day in days)
    assert 0 <= found.mostly <= 1
    if isinstance(found, Range):
        assert -math.inf < found.low <= found.high < math.inf


@pytest.mark.parametrize(
    ("shares", "mostly"),
    [
        pytest.param([0, 0, 0], 0.99, id="never missing: one in a hundred may be"),
        pytest.param([0, 0.01, 0.02], 0.92, id="twice more than on the worst day"),
        pytest.param([0.4, 0.5], 0.37, id="often: a quarter of what is there"),
    ],
)
def test_more_values_may_be_missing_than_on_the_worst_day(shares, mostly):
    days = [np.arange(1000) >= share * 1000 for share in shares]
    found = presence(days)
    assert found == Presence(pytest.approx(mostly, abs=0.011))
    for day in days:
        half_lost = day & (np.arange(1000) % 2 == 0)
        assert not found.holds(half_lost)


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ([np.ones(50, bool), np.zeros(50, bool)], "a day of the reference holds nothing but miss"),
        ([np.arange(100) < 2] * 3, "98.0% of the values are missing on a day"),
    ],
)
def test_a_column_that_is_mostly_missing_is_not_asked_for(days, why):
    assert presence(days).why.startswith(why)


@pytest.mark.parametrize(
    ("draw", "low", "high"),
    [
        pytest.param(lambda rng, n: rng.uniform(18, 80, n), 0, 150, id="none is negative"),
        pytest.param(lambda rng, n: -rng.uniform(18, 80, n), -150, 0, id="none positive"),
        pytest.param(lambda rng, n: rng.integers(0, 7, n), 0, 12, id="a weekday"),
        pytest.param(lambda rng, n: rng.integers(0, 2, n), 0, 1, id="a flag"),
        pytest.param(lambda rng, n: np.full(n, 5), 0, 10, id="one value"),
        pytest.param(lambda rng, n: rng.uniform(0.011, 0.019, n), 0.003, 0.027, id="two digits"),
        pytest.param(lambda rng, n: 1e20 * rng.uniform(1, 2, n), 0, 3e20, id="a power of ten"),
    ],
)
def test_a_range_is_what_most_values_lie_between_and_as_much_on_either_side(draw, low, high):
    found = value_range(days_of(draw))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_one_outlier_does_not_widen_a_range():
    days = days_of(lambda rng, n: rng.uniform(18, 80, n))
    before = value_range(days)
    days[3][0] = 1e9
    assert (value_range(days).low, value_range(days).high) == (before.low, before.high)


def test_where_most_values_are_one_the_others_make_the_range():
    """Rain: on 99 of 100 rows there is none."""
    days = days_of(lambda rng, n: np.where(rng.random(n) < 0.01, rng.uniform(1, 9, n), 0))
    found = value_range(days)
    assert found.low == 0
    assert 15 <= found.high <= 18


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ([np.zeros(100)] * 9, "the reference holds nothing but 0"),
        ([np.array([math.inf])] * 3, "the reference holds no number"),
        ([np.empty(0)] * 3, "the reference holds no number"),
        ([np.full(50, n) + np.arange(50) for n in range(9)], "it rises or falls from day to day"),
        ([np.array([1.0, 2.0])] * 3, "up to 100% of a day's few or scattered values"),
    ],
)
def test_what_teaches_no_range_says_why(days, why):
    assert value_range(days).why.startswith(why)


def test_the_levels_are_all_that_were_seen_and_a_few_new_ones_may_come():
    found = levels([{"DE": 950, "FR": 50}] * 5)
    assert found == Levels(("DE", "FR"), 0.99)
    assert found.holds({"DE": 99, "XX": 1})
    assert not found.holds({"DE": 98, "XX": 2})


def test_where_every_day_brings_new_levels_more_may_be_new():
    days = [{"DE": 95, f"only on day {n}": 5} for n in range(9)]
    assert levels(days).mostly == pytest.approx(0.85, abs=0.06)
    days = [{"DE": 80, f"only on day {n}": 20} for n in range(9)]
    assert "may be ones that no other day has" in levels(days).why


def test_more_levels_than_a_person_reads_are_no_set():
    day = {str(n): 10 for n in range(MOST_LEVELS)}
    assert len(levels([day] * 3).values) == MOST_LEVELS
    assert levels([day | {"one more": 10}] * 3).why == "51 levels are more than the 50 of a set"
    assert levels([{}]).why == "the reference holds no value"


def test_a_limit_is_widened_until_held_out_days_keep_it():
    """Not beyond: what even the widest does not hold is not asked."""
    base = days_of(lambda rng, n: rng.uniform(40, 50, n), days=6)

    def high(moved):
        found = learnt(value_range, [*base, *(day + moved for day in base)][:9], held_out=3)
        return found if isinstance(found, NoLimit) else found.high

    assert 55 <= high(0) <= 65
    assert high(25) > 75
    assert high(200).why.startswith("held-out days break what the others teach")
