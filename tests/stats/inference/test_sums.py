"""Sums are exact: those of the fractions that floats are."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.stats.inference.sums import Sum, as_floats, from_floats, sums_by_slot

UNIT = Fraction(1, 2**1074)
tame = st.floats(-1e140, 1e140)
anything = st.floats()


def of(values):
    values = np.array(values, float)
    return sums_by_slot(values, np.zeros(values.size, np.intp), 1)[0]


@settings(max_examples=60)
@given(values=st.lists(tame, max_size=20))
def test_a_total_is_that_of_the_fractions(values):
    found = of(values)
    assert found.n == len(values)
    assert found.total * UNIT == sum(map(Fraction, values))
    # Squares of less than 1e-154 are less than any float tells from each other.
    assert found.squares * UNIT == pytest.approx(sum(Fraction(v) ** 2 for v in values), abs=1e-300)


@settings(max_examples=60)
@given(values=st.lists(tame.filter(lambda v: v == 0 or abs(v) > 1e-140), max_size=20))
def test_squares_too_are_those_of_the_fractions(values):
    assert of(values).squares * UNIT == sum(Fraction(v) ** 2 for v in values)


@settings(max_examples=40)
@given(values=st.lists(st.tuples(st.integers(0, 2), anything), max_size=12), data=st.data())
def test_slots_are_summed_apart_in_any_order(values, data):
    values = data.draw(st.permutations(values))
    slots = np.array([slot for slot, _ in values], np.intp)
    found = sums_by_slot(np.array([value for _, value in values], float), slots, 3)
    assert found == [of([value for own, value in values if own == slot]) for slot in range(3)]


@settings(max_examples=40)
@given(a=st.lists(anything, max_size=10), b=st.lists(anything, max_size=10))
def test_what_is_added_can_be_taken_away(a, b):
    assert of(a) + of(b) == of(b) + of(a) == of(a + b)
    assert of(a + b) + -of(b) == of(a)
    assert of(a) + Sum() == of(a)
    assert not of(a) + -of(a)


@settings(max_examples=40)
@given(values=st.lists(tame, max_size=10))
def test_a_total_is_told_in_few_floats(values):
    total = of(values).total
    assert from_floats(as_floats(total)) == total
    assert from_floats(as_floats(-total)) == -total


@pytest.mark.parametrize("decades", [0, 30], ids=["of one size", "of many sizes"])
def test_more_rows_than_a_block_are_summed_exactly(decades):
    rng = np.random.default_rng(0)
    values = (1 + rng.random(150_000)) * 10.0 ** rng.integers(-decades, decades + 1, 150_000)
    assert of(values).total * UNIT == sum(map(Fraction, values.tolist()))
    slots = rng.integers(0, 5, 150_000)
    found = sums_by_slot(values, slots, 5)
    assert [one.total for one in found] == [of(values[slots == i]).total for i in range(5)]


def test_mean_and_variance_survive_an_offset():
    values = np.random.default_rng(0).normal(size=1000)
    far = 1e9 + np.round(values * 2**20) / 2**20
    found = of(far)
    assert found.variance == pytest.approx((far - 1e9).var(), rel=1e-12)
    assert found.mean == pytest.approx(far.mean(), rel=1e-15)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e200], ids=str)
def test_what_is_infinite_is_counted_and_has_no_mean(value):
    found = of([1.0, value, np.nan])
    assert (found.n, found.infinite) == (2, 1)
    assert np.isnan(found.mean)
    assert (found + -of([value])).mean == 1.0


def test_nothing_has_no_mean():
    assert np.isnan([Sum().mean, Sum().variance, (-of([1.0])).mean]).all()
