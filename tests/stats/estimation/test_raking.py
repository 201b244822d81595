"""Both margins are kept, and what never went together never does."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring_dagster.stats.estimation.raking import raked


@st.composite
def tables(draw):
    """A seed without empty cells, and margins of another table of the same shape."""
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    seed, now = rng.integers(1, 50, (2, rows, columns))
    return seed, now


@settings(max_examples=60, deadline=None)
@given(tables())
def test_both_margins_are_kept(pair):
    seed, now = pair
    joint = raked(seed, rows=now.sum(axis=1), columns=now.sum(axis=0))
    np.testing.assert_allclose(joint.sum(axis=1), now.sum(axis=1))
    np.testing.assert_allclose(joint.sum(axis=0), now.sum(axis=0), rtol=1e-4)


@settings(max_examples=60, deadline=None)
@given(tables())
def test_what_the_seed_says_of_odds_stays_true(pair):
    seed, now = pair
    joint = raked(seed, rows=now.sum(axis=1), columns=now.sum(axis=0))
    odds = [
        t[:-1, :-1] * t[1:, 1:] / (t[1:, :-1] * t[:-1, 1:]) for t in (seed.astype(float), joint)
    ]
    np.testing.assert_allclose(odds[1], odds[0], rtol=1e-6)


def test_a_threshold_stays_sharp():
    seed = np.array([[10, 0], [10, 0], [0, 10], [0, 10]])
    joint = raked(seed, rows=[5, 1, 2, 40], columns=[6, 42])
    assert joint.tolist() == [[5, 0], [1, 0], [0, 2], [0, 40]]


def test_rows_that_were_never_seen_are_like_their_nearest_neighbour():
    joint = raked([[9, 1], [0, 0], [0, 0], [1, 9]], rows=[0, 10, 10, 0], columns=[10, 10])
    np.testing.assert_allclose(joint[1], [9, 1], atol=1e-6)
    np.testing.assert_allclose(joint[2], [1, 9], atol=1e-6)


def test_a_class_that_was_never_seen_leaves_the_rows_as_they_are():
    joint = raked([[5, 0], [5, 0]], rows=[3, 4], columns=[2, 5])
    assert joint.sum(axis=1).tolist() == [3, 4]
    assert joint[:, 1].tolist() == [0, 0]


def test_nothing_known_and_nothing_counted_is_no_error():
    assert raked(np.zeros((2, 2)), rows=[0, 0], columns=[0, 0]).tolist() == [[0, 0], [0, 0]]
