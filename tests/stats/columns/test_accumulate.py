"""Rows are counted apart by the values of a segment, and none is lost on the way."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.stats.columns.accumulate import (
    CHUNK_ROWS,
    Split,
    count_column,
    kept_values,
)
from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.column_profile import MAX_UNSEEN
from monitoring_dagster.stats.columns.groups import MAX_SEGMENT_VALUES, MISSING, OTHER

BINS = {"x": NumericBins(np.array([0.0, 1.0, 10.0])), "c": CategoricalBins(("red", "green"))}
quarters = st.integers(-40, 40).map(lambda i: i / 4)
numbers = st.none() | quarters | st.sampled_from([np.nan, np.inf, -np.inf])
rows = st.lists(
    st.tuples(
        st.none() | st.sampled_from("abc"),
        numbers,
        st.none() | st.sampled_from(["red", "green", *"klmnopqrstuvw"]),
    ),
    max_size=25,
)


def batch(found):
    s, x, c = zip(*found, strict=True) if found else ((), (), ())
    arrays = [pa.array(s, pa.string()), pa.array(x, pa.float64()), pa.array(c, pa.string())]
    return pa.record_batch(arrays, names=["s", "x", "c"])


def counted(*batches, bins=BINS, segment="s"):
    splits = [Split(bins), Split(bins, segment=segment)]
    for one in batches:
        slots = [(split, split.count_rows(one)) for split in splits]
        for column in bins:
            count_column(column, one.column(column), slots)
    return splits


def check(profile, own):
    """Against plain Python."""
    x = np.array([np.nan if value is None else value for _, value, _ in own], float)
    finite = x[np.isfinite(x)]
    found = profile["x"]
    assert (
        found.counts.tolist()
        == np.bincount(np.searchsorted(BINS["x"].edges, finite), minlength=4).tolist()
    )
    assert found.sums.sum() == finite.sum()
    assert (found.nulls, found.negative_infinite, found.positive_infinite) == (
        np.isnan(x).sum(), (x == -np.inf).sum(), (x == np.inf).sum(),
    )  # fmt: skip
    assert (found.minimum, found.maximum) == (min(finite, default=np.inf),
                                              max(finite, default=-np.inf))  # fmt: skip
    if finite.size:
        assert found.mean == pytest.approx(finite.mean(), abs=1e-12)
        assert found.m2 == pytest.approx(finite.var() * finite.size, abs=1e-9)
    names = Counter(value for _, _, value in own)
    colours = profile["c"]
    assert colours.nulls == names.pop(None, 0)
    assert colours.counts[:2].tolist() == [names.pop("red", 0), names.pop("green", 0)]
    assert colours.counts.sum() == sum(
        n for value, n in Counter(c for *_, c in own).items() if value
    )
    assert colours.unseen.items() <= names.items()
    assert len(colours.unseen) == min(MAX_UNSEEN, len(names))


@given(rows, st.integers(0, 25))
def test_every_group_and_all_together_are_what_their_rows_say(found, cut):
    whole, split = counted(batch(found[:cut]), batch(found[cut:]))
    groups = split.groups()
    assert set(groups) == {s or MISSING for s, *_ in found}
    for name, (n, profile) in groups.items():
        own = [one for one in found if (one[0] or MISSING) == name]
        assert n == len(own)
        check(profile, own)
    for one in (whole, split):
        n, profile = one.total()
        assert n == len(found)
        check(profile, found)


def test_without_rows_there_is_one_group_of_all_and_none_of_a_segment():
    whole, split = counted(batch([]))
    assert {name: n for name, (n, _) in whole.groups().items()} == {"": 0}
    assert split.groups() == {}
    assert split.total()[0] == 0
    assert whole.total()[1] == split.total()[1]


def test_rows_of_the_values_beyond_those_kept_are_counted_together():
    values = [f"user {n}" for n in range(MAX_SEGMENT_VALUES + 3)]
    table = pa.table({"s": values * 2, "x": np.arange(len(values) * 2.0)})
    _, split = counted(*table.to_batches(max_chunksize=50), bins={"x": BINS["x"]})
    groups = split.groups()
    assert set(groups) == kept_values(set(values)) | {OTHER}
    n, other = groups[OTHER]
    assert n == other["x"].rows == 2 * 3
    left = [place for place, name in enumerate(values * 2) if name not in groups]
    assert other["x"].mean == pytest.approx(np.mean(left))
    assert other["x"].m2 == pytest.approx(np.var(left) * 6)
    assert (other["x"].minimum, other["x"].maximum) == (min(left), max(left))


@pytest.mark.parametrize(
    ("count", "kept"),
    [
        (0, 0),
        (MAX_SEGMENT_VALUES, MAX_SEGMENT_VALUES),
        (MAX_SEGMENT_VALUES + 1, MAX_SEGMENT_VALUES),
    ],
)
def test_a_segment_keeps_so_many_values(count, kept):
    assert len(kept_values({f"v{n}" for n in range(count)})) == kept


def test_rows_without_a_value_and_of_the_values_beyond_take_nobodys_place():
    names = {f"v{n}" for n in range(MAX_SEGMENT_VALUES)}
    assert kept_values(names | {MISSING, OTHER}) == names | {MISSING, OTHER}
    assert len(kept_values(names | {MISSING, OTHER, "one more"})) == MAX_SEGMENT_VALUES + 2


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_one_more_value_takes_the_place_of_one_at_most(first, new):
    names = {str(first + n) for n in range(MAX_SEGMENT_VALUES + 50)}
    before, after = kept_values(names), kept_values(names | {str(new)})
    assert len(before - after) <= 1
    assert after - before <= {str(new)}


def test_a_column_longer_than_a_chunk_is_counted_to_its_end():
    """With what is infinite or missing at the seam, and segments that change there."""
    n = 2 * CHUNK_ROWS + 5
    x = np.ones(n)
    x[CHUNK_ROWS - 1], x[CHUNK_ROWS], x[-1] = np.nan, np.inf, -np.inf
    where = np.where(np.arange(n) < CHUNK_ROWS, "a", "b")
    table = pa.table({"s": where, "x": x})
    whole, split = counted(*table.to_batches(), bins={"x": BINS["x"]})
    for found in (whole.total()[1]["x"], split.total()[1]["x"]):
        assert (found.nulls, found.positive_infinite, found.negative_infinite) == (1, 1, 1)
        assert (found.finite, found.rows, found.mean) == (n - 3, n, 1.0)
    groups = {name: profile["x"] for name, (_, profile) in split.groups().items()}
    assert (groups["a"].rows, groups["a"].nulls) == (CHUNK_ROWS, 1)
    assert (groups["b"].rows, groups["b"].infinite) == (CHUNK_ROWS + 5, 2)


def test_large_means_lose_no_digits_in_any_group():
    """Variance 1 around 1e9: the textbook sum of squares would have none of its digits right."""
    x = 1e9 + np.tile([-1.0, 1.0], 500)
    table = pa.table({"s": np.repeat(["a", "b"], 500), "x": x})
    _, split = counted(*table.to_batches(max_chunksize=77), bins={"x": BINS["x"]})
    for _, profile in split.groups().values():
        assert profile["x"].mean == pytest.approx(1e9, rel=1e-15)
        assert profile["x"].m2 == pytest.approx(500, rel=1e-6)


def test_values_beyond_all_bounds_are_counted_without_a_warning():
    table = pa.table({"s": ["a"] * 3, "x": [1e300, -1e300, 1e308]})
    _, split = counted(*table.to_batches(), bins={"x": BINS["x"]})
    ((_, profile),) = split.groups().values()
    assert (profile["x"].finite, profile["x"].minimum, profile["x"].maximum) == (3, -1e300, 1e308)


def test_sixteen_bits_are_read_as_the_value_that_they_round():
    bins = {"x": NumericBins.from_reference(np.repeat([0.1, 0.7, 250.1], 100))}
    table = pa.table({"s": ["a"] * 3, "x": pa.array(np.float16([0.1, 0.7, 250.1]))})
    whole, _ = counted(*table.to_batches(), bins=bins)
    found = whole.total()[1]["x"]
    assert found.counts[bins["x"].index(np.array([0.1, 0.7, 250.1]))].tolist() == [1, 1, 1]
