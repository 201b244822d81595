"""Rank correlation is scipy's, ties and missing features included."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from monitoring_dagster.stats.drift.importance import rank_correlation, shared_weight

weights = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=12)


@given(weights)
def test_it_is_scipys_spearman(pairs):
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    assume(len(set(first)) > 1 and len(set(second)) > 1)
    found = rank_correlation(*(dict(enumerate(map(float, side))) for side in (first, second)))
    assert found == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)


def test_only_common_features_count():
    assert rank_correlation({"a": 1, "b": 2, "c": 3, "x": 9}, {"c": 3, "b": 2, "a": 1}) == 1.0


@pytest.mark.parametrize(
    ("first", "second"),
    [({"a": 1, "b": 2}, {"a": 1, "b": 2}), ({"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 2, "c": 3})],
    ids=["too few in common", "all alike"],
)
def test_where_nothing_can_be_said_it_is_nan(first, second):
    assert np.isnan(rank_correlation(first, second))


@given(weights)
def test_the_same_weights_are_shared_wholly_whatever_their_scale(pairs):
    one = {str(i): float(first) for i, (first, _) in enumerate(pairs)}
    assume(any(one.values()))
    assert shared_weight(one, {name: 7 * value for name, value in one.items()}) == pytest.approx(1)
    assert shared_weight(one, {"another": 1.0}) == 0.0
    assert np.isnan(shared_weight(one, {"0": -1.0}))
