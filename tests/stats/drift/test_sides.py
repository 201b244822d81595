"""What a profile says of one side is what its rows say, as closely as its bins can tell."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.stats.columns.bins import NumericBins
from monitoring_dagster.stats.columns.column_profile import NumericProfile, NumericStack
from monitoring_dagster.stats.drift.cells import masses_of
from monitoring_dagster.stats.drift.sides import categorical_sides, numeric_sides, quantiles

BINS = NumericBins(np.arange(-10.0, 11.0))
AT = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
samples = st.lists(st.integers(-44, 44).map(lambda i: i / 4), min_size=1, max_size=40)


def profile(values, bins, nulls=0, negative=0, positive=0):
    values = np.asarray(values, float)
    index = np.searchsorted(bins.edges, values)
    return NumericProfile(
        bins.digest,
        np.bincount(index, minlength=bins.size),
        np.bincount(index, values, minlength=bins.size),
        nulls,
        negative,
        positive,
        min(values, default=np.inf),
        max(values, default=-np.inf),
        values.mean() if values.size else 0.0,
        values.var() * values.size if values.size else 0.0,
    )


def side(values, bins=BINS, **missing):
    stack = NumericStack.of([profile(values, bins, **missing)])
    (found,) = numeric_sides(stack, masses_of(stack, bins), bins)
    return found


class TestQuantiles:
    @given(samples)
    def test_they_lie_no_further_from_numpys_than_a_bin_is_wide(self, values):
        found = quantiles(NumericStack.of([profile(values, BINS)]), BINS, AT)[0]
        exact = np.quantile(values, AT, method="inverted_cdf")
        assert np.abs(found - exact).max() <= 1.0
        assert (np.diff(found) >= 0).all()
        assert min(values) <= found[0]
        assert found[-1] == max(values)

    def test_between_the_ends_of_a_bin_rows_are_spread_evenly(self):
        """The first bin begins at the smallest value, 0.25; the second ends at 2."""
        stack = NumericStack.of([profile([0.25, 0.5, 0.75, 1.0, 1.75, 2.0, 2.0, 2.0], BINS)])
        assert quantiles(stack, BINS, AT)[0].tolist() == [0.25, 0.625, 1.0, 1.5, 2.0]

    def test_where_a_bin_holds_a_single_value_they_are_exact(self):
        rng = np.random.default_rng(0)
        values = rng.integers(0, 20, 999).astype(float)
        bins = NumericBins.from_reference(values)
        at = np.array([0.05, 0.5, 0.95])
        found = quantiles(NumericStack.of([profile(values, bins)]), bins, at)[0]
        exact = np.quantile(values, at, method="inverted_cdf")
        assert found == pytest.approx(exact, abs=1e-3)

    def test_without_finite_rows_they_are_unknown(self):
        stack = NumericStack.of([profile([], BINS, nulls=9), profile([3.0], BINS)])
        found = quantiles(stack, BINS, AT)
        assert np.isnan(found[0]).all()
        assert (found[1] == 3.0).all()

    def test_beyond_the_last_edge_they_end_at_the_largest_value(self):
        found = quantiles(NumericStack.of([profile([50.0, 90.0], BINS)]), BINS, AT)[0]
        assert (found[-1], bool((found >= 50.0).all())) == (90.0, True)


class TestNumeric:
    def test_moments_are_numpys_and_shares_are_of_all_rows(self):
        values = [-3.5, 0.0, 1.25, 7.0]
        found = side(values, nulls=3, negative=1, positive=2)
        assert found.rows == 10
        assert found.mean == pytest.approx(np.mean(values))
        assert found.sd == pytest.approx(np.std(values, ddof=1))
        assert (found.minimum, found.maximum) == (-3.5, 7.0)
        assert (found.null_share, found.infinite_share) == pytest.approx((0.3, 0.3))
        stack = NumericStack.of([profile(values, BINS)])
        at = quantiles(stack, BINS, np.array([0.05, 0.5, 0.95]))[0].tolist()
        assert [found.p5, found.p50, found.p95] == at

    def test_what_lies_far_outside_the_reference_is_counted_on_either_side(self):
        bins = NumericBins(np.array([-10.0, 0.0, 1.0, 10.0]), near=(0.0, 1.0))
        assert side([0.5, 0.5, -1.0, 99.0], bins).unseen_share == 0.5

    def test_of_nothing_but_missing_rows_the_values_are_unknown_and_the_shares_are_known(self):
        found = asdict(side([], nulls=4))
        assert (found.pop("rows"), found.pop("null_share")) == (4, 1.0)
        assert (found.pop("infinite_share"), found.pop("unseen_share")) == (0.0, 0.0)
        assert np.isnan(list(found.values())).all()

    def test_of_no_rows_nothing_is_known(self):
        found = asdict(side([]))
        assert found.pop("rows") == 0
        assert np.isnan(list(found.values())).all()

    def test_one_row_has_no_spread(self):
        found = side([2.0])
        assert (found.mean, found.minimum, found.p50, found.maximum) == (2.0, 2.0, 2.0, 2.0)
        assert np.isnan(found.sd)

    @given(st.lists(samples, min_size=1, max_size=4))
    def test_many_sides_at_once_are_as_each_alone(self, parts):
        stack = NumericStack.of([profile(values, BINS, nulls=1) for values in parts])
        together = numeric_sides(stack, masses_of(stack, BINS), BINS)
        for found, values in zip(together, parts, strict=True):
            alone = side(values, nulls=1)
            assert asdict(found) == pytest.approx(asdict(alone), nan_ok=True)


class TestCategorical:
    def test_shares_are_of_all_rows_and_numbers_are_unknown(self):
        levels, unseen = np.array([[6, 2, 0, 2]]), np.array([1])
        (found,) = categorical_sides(levels, unseen)
        assert (found.rows, found.null_share, found.unseen_share) == (10, 0.2, 0.1)
        assert found.infinite_share == 0.0
        of_numbers = (found.mean, found.sd, found.minimum, found.p5, found.p50, found.p95)
        assert np.isnan([*of_numbers, found.maximum]).all()

    def test_of_no_rows_nothing_is_known(self):
        none, some = categorical_sides(np.array([[0, 0], [1, 0]]), np.array([0, 0]))
        assert none.rows == 0
        assert np.isnan([none.null_share, none.infinite_share, none.unseen_share]).all()
        assert (some.null_share, some.infinite_share, some.unseen_share) == (0.0, 0.0, 0.0)
