"""A profile says what the rows were, however they were cut into batches and whoever adds up."""

from collections import Counter
from decimal import Decimal
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.stats.columns import accumulate
from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins, bins_of
from monitoring_dagster.stats.columns.column_profile import MAX_UNSEEN, MismatchedBins
from monitoring_dagster.stats.columns.groups import MAX_SEGMENT_VALUES, Group
from monitoring_dagster.stats.columns.profile import (
    Profile,
    merge_profiles,
    profile_batches,
    profile_by_columns,
    profiles_from_table,
    profiles_to_table,
)
from monitoring_dagster.stats.columns.values import WrongType

BINS = {
    "x": NumericBins(np.array([0.0, 1.0, 10.0])),
    "c": CategoricalBins(("red", "green")),
}
TYPES = {"v": pa.string(), "s": pa.string(), "x": pa.float64(), "c": pa.string()}

# quarters: sums and squares of them are exact, so that equal means equal
number = st.integers(-400, 400).map(lambda i: i / 4) | st.sampled_from([np.nan, np.inf, -np.inf])
row = st.fixed_dictionaries(
    {
        "v": st.sampled_from(["1", "2", "9"]),
        "s": st.sampled_from(["north", "south", None]),
        "x": st.none() | number,
        "c": st.none() | st.sampled_from(["red", "green", "blue", *"abcdefghijklmnop"]),
    }
)
rows = st.lists(row, max_size=30)


def batch(found):
    columns = {name: [r[name] for r in found] for name in TYPES}
    arrays = [pa.array(values, TYPES[name]) for name, values in columns.items()]
    return pa.record_batch(arrays, names=list(TYPES))


def profiled(*batches, segments=("s",)):
    return profile_batches(batches, {"1": BINS, "2": BINS}, version="v", segments=segments)


def one(found):
    return profile_batches([batch([{**r, "v": "1"} for r in found])], {"1": BINS}, version="v").get(
        Group("1"), Profile.empty(BINS)
    )


def assert_same(left, right):
    """Counts exactly, moments up to rounding."""
    assert (left.rows, set(left.columns)) == (right.rows, set(right.columns))
    for name, a in left.columns.items():
        b = right.columns[name]
        assert a.counts.tolist() == b.counts.tolist()
        assert (a.nulls, a.rows) == (b.nulls, b.rows)
        if name == "c":
            assert a.unseen == b.unseen
        else:
            assert a.sums.tolist() == b.sums.tolist()
            assert (a.minimum, a.maximum) == (b.minimum, b.maximum)
            assert (a.negative_infinite, a.positive_infinite) == (
                b.negative_infinite,
                b.positive_infinite,
            )
            assert a.mean == pytest.approx(b.mean, rel=1e-12, abs=1e-12)
            assert a.m2 == pytest.approx(b.m2, rel=1e-9, abs=1e-9)


@given(rows, rows)
def test_it_does_not_matter_who_is_added_to_whom(a, b):
    assert_same(one(a) + one(b), one(b) + one(a))


@given(rows, rows, rows)
def test_it_does_not_matter_who_sums_first(a, b, c):
    assert_same((one(a) + one(b)) + one(c), one(a) + (one(b) + one(c)))


@given(rows)
def test_nothing_added_changes_nothing(a):
    for nothing in (Profile.empty(BINS), Profile()):
        assert nothing + one(a) == one(a) == one(a) + nothing


@given(rows, rows)
def test_the_sum_of_two_is_the_profile_of_both(a, b):
    assert_same(one(a) + one(b), one(a + b))


@settings(max_examples=50)
@given(rows, st.lists(st.integers(0, 30), max_size=4))
def test_batches_may_be_cut_anywhere(found, cuts):
    at = [0, *sorted(min(cut, len(found)) for cut in cuts), len(found)]
    cut = profiled(*(batch(found[i:j]) for i, j in pairwise(at)))
    whole = profiled(batch(found))
    assert set(cut) == set(whole)
    for group, profile in whole.items():
        assert_same(cut[group], profile)


@settings(max_examples=50)
@given(rows)
def test_every_group_is_what_its_own_rows_say(found):
    """Segments and versions, counted row by row in plain Python."""
    profiles = profiled(batch(found))
    groups = {Group(r["v"]) for r in found}
    groups |= {Group(r["v"], "s", r["s"] or "(missing)") for r in found}
    assert set(profiles) == groups
    for group, profile in profiles.items():
        own = [
            r
            for r in found
            if r["v"] == group.version and group.value in ("", r["s"] or "(missing)")
        ]
        assert profile.rows == len(own)
        if group.version == "9":
            assert profile.columns == {}
            continue
        x = np.array([np.nan if r["x"] is None else r["x"] for r in own], dtype=float)
        finite = x[np.isfinite(x)]
        column = profile.columns["x"]
        assert column.nulls == np.isnan(x).sum()
        assert column.infinite == np.isinf(x).sum()
        index = np.searchsorted(BINS["x"].edges, finite)
        assert column.counts.tolist() == np.bincount(index, minlength=4).tolist()
        assert column.sums.tolist() == np.bincount(index, finite, minlength=4).tolist()
        if finite.size:
            assert column.mean == pytest.approx(finite.mean(), rel=1e-12, abs=1e-12)
            assert column.m2 == pytest.approx(finite.var() * finite.size, rel=1e-9, abs=1e-9)
            assert (column.minimum, column.maximum) == (finite.min(), finite.max())
        names = Counter(r["c"] for r in own)
        colours = profile.columns["c"]
        assert colours.nulls == names.pop(None, 0)
        assert colours.counts[:2].tolist() == [names.pop("red", 0), names.pop("green", 0)]
        assert colours.counts[2:].sum() == names.total()
        assert colours.unseen.items() <= names.items()
        assert len(colours.unseen) == min(MAX_UNSEEN, len(names))


def test_the_total_of_a_version_does_not_need_segments():
    found = [{"v": "1", "s": s, "x": x, "c": "red"} for s, x in zip("abab", range(4), strict=True)]
    assert_same(profiled(batch(found))[Group("1")], profiled(batch(found), segments=())[Group("1")])


def test_two_segment_columns_are_split_side_by_side():
    table = pa.table({"v": ["1"] * 3, "a": ["p", "p", "q"], "b": [1, 2, None], "x": [1, 2, 3]})
    bins = {"1": {"x": BINS["x"]}}
    found = profile_batches(table.to_batches(), bins, version="v", segments=["a", "b"])
    assert {(group.segment, group.value): p.rows for group, p in found.items()} == {
        ("", ""): 3,
        ("a", "p"): 2,
        ("a", "q"): 1,
        ("b", "1"): 1,
        ("b", "2"): 1,
        ("b", "(missing)"): 1,
    }


def test_too_many_segment_values_end_in_other_whatever_the_order():
    """The values that are kept depend on the set of values alone, and no row is lost."""
    rng = np.random.default_rng(3)
    names = np.repeat([f"user {i}" for i in range(700)], 3)
    x = np.arange(names.size) / 4

    def of(order, size):
        table = pa.table({"v": ["1"] * names.size, "s": names[order], "x": x[order]})
        return profile_batches(
            table.to_batches(max_chunksize=size), {"1": {"x": BINS["x"]}}, version="v", segments="s"
        )

    first, second = (of(rng.permutation(names.size), size) for size in (100, 999))
    assert len(first) == 1 + MAX_SEGMENT_VALUES + 1
    assert set(first) == set(second)
    for group in first:
        assert_same(first[group], second[group])
    assert first[Group("1", "s", "(other)")].rows == 3 * (700 - MAX_SEGMENT_VALUES)
    assert first[Group("1")].rows == names.size
    assert first[Group("1")].columns["x"].mean == pytest.approx(x.mean(), rel=1e-13)


crowded = st.fixed_dictionaries(
    {
        "v": st.sampled_from(["1", "9"]),
        "s": st.sampled_from([*"abcdefgh", "(other)", "(missing)", None]),
        "x": st.none() | number,
        "c": st.none() | st.sampled_from(["red", *"abcdefghijklmnop"]),
    }
)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 3), crowded), max_size=40))
def test_rows_may_be_shared_out_anyhow(shares):
    """Parts that are profiled apart and merged say what one pass says, "(other)" too."""
    parts = [[row for place, row in shares if place == part] for part in range(4)]
    with pytest.MonkeyPatch.context() as small:
        small.setattr(accumulate, "MAX_SEGMENT_VALUES", 3)
        whole = profiled(batch([row for _, row in shares]), segments=("s", "c"))
        merged = merge_profiles(profiled(batch(part), segments=("s", "c")) for part in parts)
        pairs = [merge_profiles(map(profiled, map(batch, two))) for two in (parts[:2], parts[2:])]
        in_pairs, at_once = (
            merge_profiles(some) for some in (pairs, [profiled(batch(part)) for part in parts])
        )
    assert set(merged) == set(whole)
    for group, profile in whole.items():
        assert_same(merged[group], profile)
    assert set(in_pairs) == set(at_once)
    for group, profile in at_once.items():
        assert_same(in_pairs[group], profile)


def test_large_means_lose_no_digits():
    """Variance 1 around 1e9: the textbook sum of squares would have none of its digits right."""
    x = 1e9 + np.tile([-1.0, 1.0], 50_000)
    table = pa.table({"v": ["1"] * x.size, "s": np.repeat(["a", "b"], x.size // 2), "x": x})
    found = profile_batches(
        table.to_batches(), {"1": {"x": BINS["x"]}}, version="v", segments=["s"]
    )
    for profile in found.values():
        assert profile.columns["x"].mean == 1e9
        assert profile.columns["x"].m2 == profile.rows


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(pa.array([1, None, 5]), id="integers"),
        pytest.param(pa.array([1, None, 5], pa.uint8()), id="small integers"),
        pytest.param(pa.array([1, None, 5], pa.float32()), id="singles"),
        pytest.param(pa.array([Decimal("1.00"), None, Decimal("5.00")]), id="decimals"),
        pytest.param(pa.array([1, None, 5]).dictionary_encode(), id="dictionary"),
    ],
)
def test_numbers_arrive_in_any_type(values):
    table = pa.table({"v": ["1"] * 3, "x": values})
    found = profile_batches(table.to_batches(), {"1": {"x": BINS["x"]}}, version="v")
    column = found[Group("1")].columns["x"]
    assert (column.counts.tolist(), column.nulls, column.mean) == ([0, 1, 1, 0], 1, 3.0)


def test_a_numeric_column_of_nothing_but_nulls_is_no_error():
    table = pa.table({"v": ["1"] * 2, "x": pa.nulls(2)})
    found = profile_batches(table.to_batches(), {"1": {"x": BINS["x"]}}, version="v")
    assert found[Group("1")].columns["x"].nulls == 2


@pytest.mark.parametrize(
    "values", [pa.array([[1]]), pa.array([0], pa.timestamp("us"))], ids=["lists", "times"]
)
def test_a_numeric_column_that_arrives_as_something_else_is_named(values):
    table = pa.table({"v": ["1"], "x": values})
    with pytest.raises(
        WrongType, match=f"'x' was numeric .* arrives as {values.type}".replace("[", r"\[")
    ):
        profile_batches(table.to_batches(), {"1": {"x": BINS["x"]}}, version="v")


@pytest.mark.parametrize("missing", ["v", "s", "x"])
def test_a_column_that_is_not_there_is_named(missing):
    table = pa.table({"v": ["1"], "s": ["a"], "x": [1.0]}).drop_columns(missing)
    with pytest.raises(UnknownColumn, match=f"has no column '{missing}'"):
        profile_batches(table.to_batches(), {"1": {"x": BINS["x"]}}, version="v", segments=["s"])


def test_profiles_over_other_bins_are_not_added():
    left = Profile.empty(BINS)
    with pytest.raises(MismatchedBins, match="cannot be compared or added"):
        left + Profile.empty({**BINS, "x": NumericBins(np.array([5.0]))})
    with pytest.raises(MismatchedBins, match="cannot be compared or added"):
        left + Profile.empty({**BINS, "x": BINS["c"]})
    with pytest.raises(MismatchedBins, match="only one of two profiles has x"):
        left + Profile.empty({"c": BINS["c"]})


@settings(max_examples=30)
@given(rows)
def test_profiles_survive_a_file(found):
    profiles = profiled(batch(found))
    assert profiles_from_table(profiles_to_table(profiles)) == profiles


def test_a_week_is_the_sum_of_its_days():
    rng = np.random.default_rng(5)
    days = [
        one([{"s": None, "x": x, "c": "red"} for x in rng.integers(-20, 20, 50) / 4])
        for _ in range(7)
    ]
    assert_same(reduce(add, days), reduce(add, reversed(days)))


def test_a_few_columns_at_a_time_give_the_same_as_all_at_once():
    """In threads, with segments and versions; every column once."""
    rng = np.random.default_rng(5)
    n = 500
    columns = {f"x{i:02}": rng.normal(size=n) for i in range(13)}
    table = pa.table({**columns, "s": rng.choice(["a", "b"], n), "v": rng.choice(["1", "2"], n)})
    own = {name: bins_of(table[name], column=name) for name in columns}
    bins = {"1": own, "2": {name: own[name] for name in ("x00", "x12")}}
    told = []

    def read(names):
        return table.select(list(names)).to_batches(max_chunksize=64)

    found = profile_by_columns(
        read, bins, version="v", segments=["s"], threads=3, advance=told.append
    )
    once = profile_batches(table.to_batches(), bins, version="v", segments=["s"])
    assert found.keys() == once.keys()
    for group, profile in once.items():
        assert found[group].rows == profile.rows
        assert list(found[group].columns) == list(profile.columns)
        for name, column in profile.columns.items():
            assert np.array_equal(found[group].columns[name].counts, column.counts)
    assert sum(told) == 13


def test_without_columns_rows_are_counted_all_the_same():
    table = pa.table({"v": ["1", "2", "2"]})
    found = profile_by_columns(
        lambda names: table.select(list(names)).to_batches(), {}, version="v"
    )
    assert {group.version: one.rows for group, one in found.items()} == {"1": 1, "2": 2}
