"""The interval of a share holds the share, stays between 0 and 1, and narrows with the rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitoring_dagster.stats.inference.intervals import (
    Z95,
    mean_of_blocks,
    standard_error,
    wilson,
)

shares = st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_ninety_five_per_cent_is_what_scipy_says():
    assert pytest.approx(stats.norm.ppf(0.975), rel=1e-15) == Z95


@given(st.floats(-1e3, 1e3), st.floats(0.001, 1e3))
def test_the_standard_error_is_that_of_the_normal_law(mean, deviation):
    low, high = stats.norm.interval(0.95, mean, deviation)
    assert standard_error(low, high) == pytest.approx(deviation)


@given(shares)
def test_wilsons_interval_is_scipys(share):
    rows, of = share
    expected = stats.binomtest(rows, of).proportion_ci(method="wilson")
    assert tuple(map(float, wilson(rows, of))) == pytest.approx(tuple(expected), abs=1e-12)


@given(shares)
def test_the_share_lies_within_and_so_do_both_ends(share):
    rows, of = share
    low, high = wilson(rows, of)
    assert 0 <= low <= rows / of <= high <= 1
    assert low < high


@given(shares)
def test_what_is_left_has_the_mirrored_interval(share):
    rows, of = share
    low, high = wilson(rows, of)
    other_low, other_high = wilson(of - rows, of)
    assert (float(low), float(high)) == pytest.approx(
        (1 - float(other_high), 1 - float(other_low)), abs=1e-12
    )


@given(shares, st.integers(2, 100))
def test_the_same_share_of_more_rows_is_surer(share, times):
    rows, of = share
    few, many = (np.ptp(wilson(rows * n, of * n)) for n in (1, times))
    assert many < few


@given(shares)
def test_one_row_more_moves_both_ends_up(share):
    rows, of = share
    if rows < of:
        assert all(a <= b for a, b in zip(wilson(rows, of), wilson(rows + 1, of), strict=True))


@pytest.mark.parametrize(
    ("rows", "end"), [(0, 0), (20, 1)], ids=["nobody of 20", "everybody of 20"]
)
def test_never_and_always_end_exactly_at_the_border_and_are_not_certain(rows, end):
    ends = wilson(rows, 20)
    assert ends[end] == end
    assert 0.1 < np.ptp(ends) < 0.2


def test_a_share_out_of_nothing_is_unknown_and_many_are_asked_at_once():
    low, high = wilson([0, 7, 0], [0, 9, 5])
    assert np.isnan([low[0], high[0]]).all()
    assert low[1:].round(3).tolist() == [0.453, 0.0]
    assert high.shape == (3,)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20))
def test_blocks_of_one_size_are_students_values(values):
    mean, low, high = mean_of_blocks(values, [7] * len(values))
    expected = stats.ttest_1samp(values, 0.0).confidence_interval() if np.ptp(values) else None
    assert mean == pytest.approx(np.mean(values), abs=1e-9)
    if expected is not None:
        assert (low, high) == pytest.approx(tuple(expected), rel=1e-6, abs=1e-6)


@given(st.floats(-10, 10), st.integers(1, 100))
def test_a_single_block_has_a_mean_and_no_interval(value, rows):
    mean, low, high = mean_of_blocks([value], [rows])
    assert mean == pytest.approx(value)
    assert np.isnan([low, high]).all()


def test_without_rows_there_is_no_mean():
    assert np.isnan(mean_of_blocks([], [])).all()
    assert np.isnan(mean_of_blocks([1.0, 2.0], [0, 0])).all()


def test_the_interval_of_unequal_blocks_holds_the_mean_in_95_per_cent():
    """Days of very different size, each with a luck of its own."""
    rng = np.random.default_rng(0)
    rows = np.array([50, 80, 100, 150, 200])
    draws = [
        rng.normal(0, 1, rows.size) + rng.normal(0, 1, rows.size) / np.sqrt(rows)
        for _ in range(4_000)
    ]
    held = [low <= 0 <= high for _, low, high in (mean_of_blocks(one, rows) for one in draws)]
    assert 0.93 < np.mean(held) < 0.97
