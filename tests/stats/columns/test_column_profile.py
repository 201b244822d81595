"""Profiles of a column add up like the rows that they were counted from."""

from collections import Counter
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.column_profile import (
    MAX_UNSEEN,
    CategoricalProfile,
    MismatchedBins,
    NumericProfile,
    NumericStack,
    add_columns,
    empty_column,
    few_names,
    merge_moments,
    of_kind,
    order,
)

BINS = NumericBins(np.array([0.0, 1.0, 10.0]))
LEVELS = CategoricalBins(("red", "green"))

# quarters: sums and squares of them are exact, so that equal means equal
quarters = st.integers(-400, 400).map(lambda i: i / 4)
samples = st.lists(quarters, max_size=20).map(np.array)
counts = st.lists(st.integers(0, 9), min_size=LEVELS.size, max_size=LEVELS.size)
names = st.dictionaries(st.sampled_from("abcdefghijklmnop"), st.integers(1, 9))


def moments(values):
    """Count, mean and squared deviations, as numpy has them."""
    if not values.size:
        return np.zeros(3)
    return np.array([values.size, values.mean(), values.var() * values.size])


def numeric(values, nulls=0, negative=0, positive=0):
    values = np.asarray(values, float)
    index = np.searchsorted(BINS.edges, values)
    _, mean, m2 = moments(values)
    return NumericProfile(
        BINS.digest,
        np.bincount(index, minlength=BINS.size),
        np.bincount(index, values, minlength=BINS.size),
        nulls,
        negative,
        positive,
        min(values, default=np.inf),
        max(values, default=-np.inf),
        mean,
        m2,
    )


def assert_same(left, right):
    assert left.counts.tolist() == right.counts.tolist()
    assert left.sums.tolist() == right.sums.tolist()
    assert (left.rows, left.nulls, left.infinite) == (right.rows, right.nulls, right.infinite)
    assert (left.minimum, left.maximum) == (right.minimum, right.maximum)
    assert left.mean == pytest.approx(right.mean, rel=1e-12, abs=1e-12)
    assert left.m2 == pytest.approx(right.m2, rel=1e-9, abs=1e-9)


class TestMoments:
    @given(samples, samples)
    def test_of_two_samples_together_they_are_numpys(self, first, second):
        together = merge_moments(moments(first), moments(second))
        assert together == pytest.approx(moments(np.append(first, second)), abs=1e-9)

    @given(samples)
    def test_nothing_added_changes_nothing(self, values):
        nothing, some = np.zeros(3), moments(values)
        assert merge_moments(some, nothing).tolist() == some.tolist()
        assert merge_moments(nothing, some).tolist() == some.tolist()

    @given(samples, samples)
    def test_it_does_not_matter_who_comes_first(self, first, second):
        forth, back = (
            merge_moments(*map(moments, pair)) for pair in ((first, second), (second, first))
        )
        assert forth == pytest.approx(back, rel=1e-12, abs=1e-12)

    def test_many_are_merged_at_once_as_each_alone(self):
        rng = np.random.default_rng(0)
        left, right = (np.array([moments(rng.normal(size=n)) for n in (3, 0, 7)]) for _ in "ab")
        assert merge_moments(left, right).tolist() == [
            merge_moments(*pair).tolist() for pair in zip(left, right, strict=True)
        ]

    def test_equal_values_far_from_zero_have_no_spread(self):
        """The mean of 1e9 and 1e9 is 1e9, to the last bit."""
        same = np.array([3.0, 1e9 + 0.1, 0.0])
        assert merge_moments(same, same).tolist() == [6.0, 1e9 + 0.1, 0.0]

    def test_values_beyond_all_bounds_have_an_infinite_spread_and_no_warning(self):
        wild = merge_moments(np.array([1.0, 1e300, 0.0]), np.array([1.0, -1e300, 0.0]))
        assert wild.tolist() == [2.0, 0.0, np.inf]


class TestNumeric:
    @given(samples, samples)
    def test_the_sum_of_two_is_the_profile_of_both(self, first, second):
        together = numeric(first, 1, 2, 3) + numeric(second, 10, 20, 30)
        assert_same(together, numeric(np.append(first, second), 11, 22, 33))
        assert_same(together, numeric(second, 10, 20, 30) + numeric(first, 1, 2, 3))

    @given(samples, samples, samples)
    def test_it_does_not_matter_who_sums_first(self, first, second, third):
        a, b, c = map(numeric, (first, second, third))
        assert_same((a + b) + c, a + (b + c))

    @given(samples)
    def test_no_rows_added_change_nothing(self, values):
        nothing, some = NumericProfile.empty(BINS), numeric(values, 1, 2, 3)
        assert some + nothing == some == nothing + some

    def test_rows_are_finite_infinite_or_missing(self):
        one = numeric([1.0, 2.0], nulls=3, negative=4, positive=5)
        assert (one.finite, one.infinite, one.rows) == (2, 9, 14)

    @pytest.mark.parametrize("values", [[1.0, 2.0, 4.0], [5.0, 5.0]])
    def test_variance_is_numpys_with_n_minus_1(self, values):
        assert numeric(values, nulls=9).variance == pytest.approx(np.var(values, ddof=1))

    @pytest.mark.parametrize("values", [[], [1.0]], ids=["none", "one"])
    def test_below_two_values_there_is_no_variance(self, values):
        assert np.isnan(numeric(values).variance)

    def test_profiles_are_equal_by_what_they_hold(self):
        assert numeric([1.0]) == numeric([1.0])
        assert numeric([1.0]) != numeric([1.0], nulls=1)
        assert numeric([1.0]) != numeric([1.5])
        assert numeric([]) != CategoricalProfile.empty(LEVELS)
        with pytest.raises(TypeError, match="unhashable"):
            hash(numeric([]))


class TestCategorical:
    @given(counts, counts, names, names, st.integers(0, 9))
    def test_the_sum_of_two_counts_both(self, first, second, before, now, nulls):
        left = CategoricalProfile(
            LEVELS.digest, np.array(first), nulls, few_names([*before.items()])
        )
        right = CategoricalProfile(LEVELS.digest, np.array(second), 2, few_names([*now.items()]))
        both = left + right
        assert both.counts.tolist() == [sum(pair) for pair in zip(first, second, strict=True)]
        assert both.nulls == nulls + 2
        assert both.rows == left.rows + right.rows == sum(first) + sum(second) + nulls + 2
        assert both == right + left

    @given(counts, names)
    def test_no_rows_added_change_nothing(self, rows, unseen):
        some = CategoricalProfile(LEVELS.digest, np.array(rows), 3, few_names([*unseen.items()]))
        nothing = CategoricalProfile.empty(LEVELS)
        assert some + nothing == some == nothing + some


class TestNames:
    @given(st.lists(names, min_size=1, max_size=5))
    def test_the_same_few_are_kept_with_all_their_rows_whoever_sums_first(self, parts):
        """Row by row, part by part, or at once: a name that is kept was never let go."""
        at_once = few_names([pair for part in parts for pair in part.items()])
        by_part = reduce(
            lambda kept, part: few_names([*kept.items(), *few_names([*part.items()]).items()]),
            parts,
            {},
        )
        assert at_once == by_part
        rows = reduce(add, map(Counter, parts))
        assert at_once == {name: rows[name] for name in sorted(rows, key=order)[:MAX_UNSEEN]}

    def test_the_rank_of_a_name_is_its_own_and_not_its_place_in_the_alphabet(self):
        words = [f"v{n}" for n in range(50)]
        assert len({order(word) for word in words}) == 50
        assert sorted(words, key=order) != sorted(words)

    def test_any_text_has_a_rank(self):
        assert {len(order(name)) for name in ("", "\x00", "<b>", "😀" * 999)} == {8}


class TestOtherBins:
    OTHERS = (
        NumericProfile.empty(NumericBins(np.array([5.0]))),
        CategoricalProfile.empty(CategoricalBins(("blue",))),
        CategoricalProfile.empty(LEVELS),
    )

    @pytest.mark.parametrize("other", OTHERS, ids=["edges", "levels", "kind"])
    def test_profiles_over_other_bins_are_not_added(self, other):
        mine = NumericProfile.empty(BINS)
        with pytest.raises(MismatchedBins, match="profile both again over the same reference"):
            add_columns(mine, other)
        with pytest.raises(MismatchedBins, match=f"bins {other.digest} and {mine.digest} differ"):
            add_columns(other, mine)

    @pytest.mark.parametrize("other", OTHERS, ids=["edges", "levels", "kind"])
    def test_profiles_of_another_kind_or_bins_are_not_compared(self, other):
        with pytest.raises(MismatchedBins, match="differ"):
            of_kind(NumericProfile, [NumericProfile.empty(BINS), other], BINS)

    def test_those_over_these_bins_are(self):
        mine = [numeric([1.0]), NumericProfile.empty(BINS)]
        assert of_kind(NumericProfile, mine, BINS) == mine
        assert of_kind(CategoricalProfile, [], LEVELS) == []

    def test_columns_that_one_side_lacks_are_named(self):
        error = MismatchedBins.columns({"x": 1, "a": 1}, {"x": 1, "b": 1})
        assert "only one of two profiles has a, b" in str(error)

    @pytest.mark.parametrize("bins", [BINS, LEVELS], ids=["numbers", "names"])
    def test_no_rows_are_of_the_kind_of_their_bins(self, bins):
        nothing = empty_column(bins)
        assert (nothing.digest, nothing.rows) == (bins.digest, 0)
        assert add_columns(nothing, nothing) == nothing


class TestStack:
    @given(st.lists(samples, min_size=1, max_size=5))
    def test_samples_taken_together_are_the_sum_of_their_profiles(self, parts):
        profiles = [numeric(values, n, 2 * n, 3 * n) for n, values in enumerate(parts)]
        whole = NumericStack.of(profiles).take(np.arange(len(parts))[None]).total()
        assert_same(whole.profile(0, BINS.digest), reduce(add, profiles))

    def test_each_sample_comes_out_as_it_went_in(self):
        profiles = [numeric([1.0, 3.0], 1, 2, 3), numeric([]), numeric([-5.0])]
        stack = NumericStack.of(profiles)
        assert [stack.profile(n, BINS.digest) for n in range(3)] == profiles
        assert stack.rows.tolist() == [one.rows for one in profiles]

    def test_samples_are_taken_in_the_shape_of_their_positions(self):
        stack = NumericStack.of([numeric([float(n)]) for n in range(4)])
        windows = stack.take(np.array([[0, 1], [2, 3], [3, 3]]))
        assert windows.mean.tolist() == [[0, 1], [2, 3], [3, 3]]
        assert windows.counts.shape == (3, 2, BINS.size)
        assert windows.total().mean.tolist() == [0.5, 2.5, 3.0]
        assert windows.total().m2.tolist() == [0.5, 0.5, 0.0]

    def test_spread_is_that_of_numpy_and_unknown_below_two_values(self):
        samples = [[1.0, 4.0, 4.0], [1.0, 4.0], [1.0], []]
        found = NumericStack.of([numeric(one) for one in samples]).sd
        assert found[:2].tolist() == pytest.approx([np.std(one, ddof=1) for one in samples[:2]])
        assert np.isnan(found[2:]).all()

    def test_no_finite_value_is_no_number_that_others_are_averaged_with(self):
        whole = NumericStack.of([numeric([], nulls=5), numeric([8.0, 8.0])]).total()
        assert (float(whole.mean), float(whole.m2), int(whole.nulls)) == (8.0, 0.0, 5)
