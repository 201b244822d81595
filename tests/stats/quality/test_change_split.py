"""A change is exactly what moved between groups and what changed within them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monitoring_dagster.stats.quality.change_split import split_change

SHAPE = (3, 4)  # days, groups
counts = arrays(np.int64, SHAPE, elements=st.integers(0, 1000))
means = arrays(np.float64, SHAPE, elements=st.floats(-5, 5))


def some(rows):
    return rows.any()


@given(counts.filter(some), means, counts.filter(some), means)
def test_the_parts_add_up_whatever_groups_come_and_go(rows0, means0, rows1, means1):
    """Of the whole, and of the groups."""
    split = split_change(rows0, rows0 * means0, rows1, rows1 * means1)
    change = (rows1 * means1).sum() / rows1.sum() - (rows0 * means0).sum() / rows0.sum()
    assert split.mix.value + split.within.value == pytest.approx(change, abs=1e-12)
    assert split.change.value == pytest.approx(split.now - split.before, abs=1e-12)
    assert sum(one.mix for one in split.groups) == pytest.approx(split.mix.value, abs=1e-12)
    assert sum(one.within for one in split.groups) == pytest.approx(split.within.value, abs=1e-12)


@given(counts.filter(some), means, counts.filter(some), means)
def test_the_way_back_is_the_opposite(rows0, means0, rows1, means1):
    sides = (rows0, rows0 * means0), (rows1, rows1 * means1)
    there, back = split_change(*sides[0], *sides[1]), split_change(*sides[1], *sides[0])
    assert there.mix.value == pytest.approx(-back.mix.value, abs=1e-12)
    assert there.within.value == pytest.approx(-back.within.value, abs=1e-12)


@pytest.mark.parametrize(
    ("now", "mix", "within"),
    [
        pytest.param([[10, 90], [0.2, 0.6]], 0.16, 0.0, id="only traffic moved"),
        pytest.param([[50, 50], [0.2, 0.7]], 0.0, 0.05, id="only a group changed"),
        pytest.param([[50, 50], [0.3, 0.5]], 0.0, 0.0, id="what one loses another gains"),
        pytest.param([[0, 100], [0.0, 0.6]], 0.2, 0.0, id="a group went: all of it is mix"),
    ],
)
def test_what_is_whose(now, mix, within):
    rows, of = np.array(now, float)
    split = split_change([[50, 50]], [[10, 30]], [rows], [rows * of])
    assert (split.mix.value, split.within.value) == pytest.approx((mix, within), abs=1e-12)


def test_a_group_that_comes_is_told_with_its_share():
    split = split_change([[100, 0]], [[20, 0]], [[70, 30]], [[14, 27]])
    assert split.in_one_window == pytest.approx(0.3)
    old, new = split.groups
    assert (old.is_in_both, new.is_in_both, new.within) == (True, False, 0.0)
    assert split.within.value == pytest.approx(0)
    assert np.isnan(new.mean_before)


def test_a_single_day_has_no_interval_and_no_day_no_change():
    split = split_change([[50, 50]], [[10, 20]], [[90, 10], [80, 20]], [[18, 4], [8, 8]])
    assert np.isnan([split.mix.low, split.within.high]).all()
    with pytest.raises(ValueError, match="rows in both windows"):
        split_change([[0]], [[0]], [[1]], [[1]])


def test_the_intervals_hold_the_truth_where_days_and_their_traffic_differ():
    """28 days before and 7 now; both parts of 400 worlds, at least 92 % (2,000: 94 to 95 %)."""
    rng = np.random.default_rng(0)
    shares, of = (
        np.array([[0.5, 0.3, 0.2], [0.3, 0.3, 0.4]]),
        np.array([[0.2, 0.4, 0.6], [0.25, 0.4, 0.5]]),
    )

    def window(days, side):
        luck = rng.normal(0, 0.05, days)[:, None] + rng.normal(0, 0.03, (days, 3))
        rows = rng.poisson(300 * rng.dirichlet(60 * shares[side], days))
        noise = rng.normal(size=(days, 3)) * np.sqrt(rows) * 0.4
        return rows, rows * (of[side] + luck) + noise

    mix = ((shares[1] - shares[0]) * of.mean(axis=0)).sum()
    within = ((of[1] - of[0]) * shares.mean(axis=0)).sum()
    hits = np.zeros(2)
    for _ in range(400):
        split = split_change(*window(28, 0), *window(7, 1))
        hits += [
            part.low <= truth <= part.high
            for part, truth in ((split.mix, mix), (split.within, within))
        ]
    assert (hits >= 0.92 * 400).all(), hits
