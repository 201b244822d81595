"""A profile is cut into few cells, and no row is lost or counted twice on the way."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.stats.columns.bins import BUCKETS, CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.column_profile import (
    CategoricalProfile,
    MismatchedBins,
    NumericProfile,
    NumericStack,
)
from monitoring_dagster.stats.columns.values import categories
from monitoring_dagster.stats.drift.cells import (
    FREQUENT_LEVELS,
    NUMERIC_GROUPS,
    expected_unseen,
    group_starts,
    grouped_of,
    held_out,
    level_cells,
    levels_of,
    masses_of,
    testable_levels,
    unlike_other_days,
    unseen_of,
)

testable_levels.__test__ = False  # a function of ours, and no test

histograms = st.lists(
    st.lists(st.integers(0, 50), min_size=12, max_size=12), min_size=1, max_size=4
).map(np.array)


def profile(values, bins):
    """What a pass over the *values* counts."""
    codes, names = categories(pa.array(values, pa.string()), column="c")
    counts = np.bincount(bins.index(names)[codes[codes >= 0]], minlength=bins.size)
    return CategoricalProfile(bins.digest, counts, int((codes < 0).sum()))


def levels(values, bins):
    return levels_of([profile(values, bins)], bins)[0]


def over(values, **limits):
    return CategoricalBins.from_reference(pa.array(values, pa.string()), **limits)


class TestGroups:
    @given(histograms, histograms)
    def test_no_row_is_lost_whatever_the_reference_was(self, reference, current):
        size = min(len(reference), len(current))
        starts = group_starts(reference[:size])
        assert starts.shape == (size, NUMERIC_GROUPS)
        assert (np.diff(starts, axis=1) >= 0).all()
        for counts in (reference[:size], current[:size]):
            grouped = grouped_of(counts, starts)
            assert (grouped >= 0).all()
            assert grouped.sum(axis=1).tolist() == counts.sum(axis=1).tolist()

    @given(histograms)
    def test_a_group_has_a_tenth_of_the_reference_but_for_one_bin(self, reference):
        grouped = grouped_of(reference, group_starts(reference))
        most = reference.sum(axis=1) / NUMERIC_GROUPS + reference.max(axis=1)
        assert (grouped.max(axis=1) <= most + 1e-6).all()

    def test_deciles_of_equal_bins_are_equal(self):
        even = np.full((1, 100), 3)
        assert grouped_of(even, group_starts(even)).tolist() == [[30] * NUMERIC_GROUPS]

    def test_where_one_bin_carries_all_the_other_groups_are_empty(self):
        one = np.array([[0, 0, 90, 0]])
        assert sorted(grouped_of(one, group_starts(one))[0]) == [0] * 9 + [90]

    def test_without_reference_rows_all_that_comes_is_one_group(self):
        starts = group_starts(np.zeros((1, 5), int))
        assert grouped_of(np.array([[1, 2, 3, 4, 5]]), starts)[0].tolist() == [15] + [0] * 9

    def test_each_row_is_grouped_by_itself(self):
        two = np.array([[5] * 10, [50, *[0] * 9]])
        together = group_starts(two)
        assert together.tolist() == [group_starts(row[None])[0].tolist() for row in two]


class TestMasses:
    BINS = NumericBins(np.array([-10.0, 0.0, 1.0, 10.0]), near=(0.0, 1.0))

    def stack(self, counts, nulls=0, negative=0, positive=0):
        one = NumericProfile(
            self.BINS.digest, np.array(counts), np.zeros(5), nulls, negative, positive
        )
        return NumericStack.of([one])

    def test_rows_are_near_far_on_either_side_missing_or_infinite(self):
        side = self.stack([1, 2, 4, 8, 16], nulls=32, negative=64, positive=128)
        assert masses_of(side, self.BINS).tolist() == [[4, 3, 24, 32, 64, 128]]

    @given(st.lists(st.integers(0, 99), min_size=8, max_size=8))
    def test_no_row_is_lost(self, drawn):
        side = self.stack(drawn[:5], *drawn[5:])
        assert masses_of(side, self.BINS).sum() == side.rows.sum() == sum(drawn)

    def test_where_nothing_is_far_all_finite_rows_are_near(self):
        bins = NumericBins(self.BINS.edges)
        assert masses_of(self.stack([1, 2, 4, 8, 16]), bins).tolist() == [[31, 0, 0, 0, 0, 0]]


class TestLevels:
    BINS = over(["a"] * 5 + ["b"] * 3 + ["c"])

    def test_rows_come_by_bin_and_the_missing_ones_last(self):
        found = levels(["b", "a", None, "new", "a"], self.BINS)
        assert found.shape == (self.BINS.size + 1,)
        assert found[:3].tolist() == [2, 1, 0]
        assert (unseen_of(found, self.BINS), found[-1], found.sum()) == (1, 1, 5)

    def test_profiles_over_other_bins_are_refused(self):
        other = over(["x"])
        with pytest.raises(MismatchedBins, match="cannot be compared"):
            levels_of([profile(["a"], self.BINS), profile(["x"], other)], self.BINS)

    @pytest.mark.parametrize(
        ("count", "rarer"),
        [(FREQUENT_LEVELS, 0), (FREQUENT_LEVELS + 1, 1), (FREQUENT_LEVELS + 9, 9)],
        ids=["all have a cell", "one shares", "nine share"],
    )
    def test_the_most_frequent_levels_have_a_cell_each_and_the_rarer_share_one(self, count, rarer):
        names = [f"v{n:02}" for n in range(count)]
        cells = level_cells(levels([*names, "new", "newer", None], over(names)), over(names))
        assert cells.tolist() == [1] * FREQUENT_LEVELS + [rarer, 2, 1]

    @given(st.lists(st.none() | st.sampled_from("abcdexyz"), max_size=40))
    def test_no_row_is_lost(self, values):
        assert level_cells(levels(values, self.BINS), self.BINS).sum() == len(values)


class TestTestable:
    """Levels that a reference may have missed by chance are compared as unseen ones are."""

    def moved(self, before, now):
        bins = over(before)
        sides = levels(before, bins), levels(now, bins)
        first, second, has_rare = testable_levels(*sides, bins)
        assert (first.sum(), second.sum()) == (len(before), len(now))
        named = len(bins.levels)
        return first[:named].tolist(), second[:named].tolist(), bool(has_rare)

    @pytest.mark.parametrize(
        ("rows_of_both", "is_rare"),
        [pytest.param(18, False, id="nine were to be expected"),
         pytest.param(17, True, id="fewer than nine")],
    )  # fmt: skip
    def test_a_level_is_rare_where_fewer_rows_than_nine_were_to_be_expected(
        self, rows_of_both, is_rare
    ):
        """Of sides of equal size, half of both; every value of the reference has a name."""
        before = ["a"] * 100 + ["b"] * 9 + ["a"] * 91
        now = ["b"] * (rows_of_both - 9) + ["a"] * (200 - rows_of_both + 9)
        first, _, has_rare = self.moved(before, now)
        assert first == [191, 0 if is_rare else 9]
        assert has_rare is is_rare

    def test_the_levels_come_by_name_and_not_by_how_often_the_reference_had_them(self):
        first, second, has_rare = self.moved(["b"] * 60 + ["a"] * 50, ["a"] * 70)
        assert (first, second, has_rare) == ([50, 60], [70, 0], False)

    def test_among_many_levels_a_new_one_is_lost(self):
        names = [f"v{n:02}" for n in range(FREQUENT_LEVELS + 1)]
        assert self.moved(names * 30, names * 30)[2]
        assert not self.moved(names[1:] * 30, names[1:] * 30)[2]

    def test_a_rare_level_lies_in_the_bucket_that_it_would_have_had_unseen(self):
        bins = over(["a"] * 200 + ["rare"])
        before, now = levels(["a"] * 200 + ["rare"], bins), levels(["a"] * 201, bins)
        first, _, _ = testable_levels(before, now, bins)
        unknown = CategoricalBins(("a",)).index(["rare"])[0] - 1
        assert first[len(bins.levels) + unknown] == 1

    @given(
        st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=60),
        st.lists(st.none() | st.sampled_from("abcdxyz"), max_size=60),
    )
    def test_no_row_is_lost_on_either_side(self, before, now):
        bins = over(before, max_levels=3)
        first, second, _ = testable_levels(levels(before, bins), levels(now, bins), bins)
        assert first.min() >= 0
        assert second.min() >= 0
        assert (first.sum(), second.sum()) == (len(before), len(now))
        assert second[-1] == now.count(None)


class TestUnseen:
    WORDS = ["a"] * 9 + ["b"] * 4 + ["c", "c", "d", "e", None]

    def test_as_many_unseen_rows_are_to_be_expected_as_the_reference_had_values_once(self):
        bins = over(self.WORDS)
        found = expected_unseen(levels(self.WORDS, bins), bins, own=True)
        assert (float(found.unseen), float(found.rows)) == (2.0, 17.0)
        assert float(found.share) == pytest.approx(2 / 17)
        assert found.at_most >= found.unseen
        assert found.clustering >= 1

    def test_values_that_are_not_named_count_alike(self):
        bins = over(self.WORDS, max_levels=2)
        assert float(expected_unseen(levels(self.WORDS, bins), bins, own=True).unseen) == 2.0

    def test_of_other_rows_those_are_expected_that_the_bins_do_not_know(self):
        bins = over(self.WORDS)
        found = expected_unseen(levels(["a", "x", "y", None], bins), bins, own=False)
        assert (float(found.unseen), float(found.rows), found.clustering) == (2.0, 3.0, 1.0)

    def test_of_bins_over_a_part_the_other_rows_show_how_many_are_unseen(self):
        words = [f"v{n}" for n in range(3000)] + ["common"] * 3000
        bins = over(words, max_levels=5, max_values=1000)
        found = expected_unseen(levels(words, bins), bins, own=True)
        assert bins.laid_over < 1
        assert found.share == pytest.approx(0.5, abs=0.05)

    def test_without_rows_nothing_is_expected(self):
        bins = over([])
        found = expected_unseen(levels([], bins), bins, own=True)
        assert (float(found.unseen), float(found.share)) == (0.0, 0.0)

    def test_a_reference_like_it_really_has_as_many_unseen_values(self):
        """Good's estimate, over 60 references of a long tail."""
        rng = np.random.default_rng(0)
        share = 1 / np.arange(1, 2001)
        share /= share.sum()
        expected, seen = [], []
        for _ in range(60):
            before, now = (rng.choice(2000, 500, p=share).astype(str) for _ in "ab")
            bins = over(before)
            expected.append(expected_unseen(levels(before, bins), bins, own=True).share)
            seen.append(unseen_of(levels(now, bins), bins) / 500)
        assert np.mean(expected) == pytest.approx(np.mean(seen), rel=0.05)


class TestHeldOut:
    WORDS = ["a"] * 9 + ["b"] * 4 + ["c", "c", "d", "e", None]

    @pytest.mark.parametrize("max_levels", [1, 2, 4, 1000])
    def test_what_the_reference_had_once_would_be_unseen_among_its_other_rows(self, max_levels):
        bins = over(self.WORDS, max_levels=max_levels)
        before = levels(self.WORDS, bins)
        found = held_out(before, bins)
        assert found.sum() == before.sum()
        assert found.min() >= 0
        assert unseen_of(found, bins) == 2
        assert found[-1] == 1

    def test_of_bins_over_a_part_as_many_are_taken_from_the_rarest(self):
        words = [f"v{n}" for n in range(3000)] + ["common"] * 3000
        bins = over(words, max_levels=5, max_values=1000)
        before = levels(words, bins)
        found = held_out(before, bins)
        assert found.sum() == before.sum()
        assert found.min() >= 0
        assert found[0] == before[0]
        assert unseen_of(found, bins) / 6000 == pytest.approx(0.5, abs=0.05)

    def test_a_frequent_level_is_touched_last(self):
        words = [f"v{n}" for n in range(300)] + ["common"] * 300
        bins = over(words, max_values=150)
        before = levels(words, bins)
        taken = before - held_out(before, bins)
        singles = len(bins.levels) - 1
        assert taken[1 : singles + 1].tolist() == [1] * singles
        assert 0 <= taken[0] < 30

    @given(st.lists(st.none() | st.sampled_from("abcdefgh"), max_size=40), st.integers(1, 9))
    def test_no_row_is_lost(self, words, max_levels):
        bins = over(words, max_levels=max_levels)
        before = levels(words, bins)
        assert held_out(before, bins).sum() == len(words)
        assert held_out(before, bins).min() >= 0


class TestOtherDays:
    def test_what_one_day_alone_had_is_unseen_for_the_others(self):
        days = [["a", "a", "monday"], ["a", "b", "b"], ["a", None, "b"]]
        bins = over([word for day in days for word in day])
        apart = np.stack([levels(day, bins) for day in days])
        found = unlike_other_days(apart, apart.sum(axis=0), bins)
        assert unseen_of(found, bins).tolist() == [1, 0, 0]
        assert found.sum(axis=1).tolist() == [3, 3, 3]
        assert found[2, -1] == 1

    def test_a_value_that_is_not_named_and_was_there_once_is_of_one_day(self):
        days = [["a"] * 5 + ["x"], ["a"] * 6]
        bins = over([word for day in days for word in day], max_levels=1)
        apart = np.stack([levels(day, bins) for day in days])
        assert (apart[0, bins.unseen.stop + BUCKETS : -1].sum()) == 1
        found = unlike_other_days(apart, apart.sum(axis=0), bins)
        assert unseen_of(found, bins).tolist() == [1, 0]
        assert found.sum() == 12
