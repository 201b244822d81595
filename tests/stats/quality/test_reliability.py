"""The table of reliability says how often each level of score was right, row by row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import metrics
from monitoring_dagster.stats.quality.reliability import (
    RightByScore,
    UnusableScores,
    reliability,
    reliability_of,
)


def binary(n, seed=0):
    rng = np.random.default_rng(seed)
    score = rng.beta(1.5, 4, n)
    label = (rng.random(n) < score**1.3).astype(int)
    return score, label, (score > 0.5).astype(int)


@pytest.mark.parametrize("n", [1, 7, 300, 20_000])
def test_the_table_adds_up_to_the_metric_ece(n):
    score, label, prediction = binary(n)
    outcomes = Outcomes.of("binary", label=label, prediction=prediction, score=score)
    rows = reliability(outcomes)
    gaps = sum(abs(row.mean_score - row.right_share) * row.n for row in rows)
    assert gaps / n == pytest.approx(metrics(outcomes)["ece"].value, abs=1e-12)


def test_groups_hold_about_equal_rows_and_their_true_means():
    score, label, prediction = binary(20_000)
    outcomes = Outcomes.of("binary", label=label, prediction=prediction, score=score)
    rows = reliability(outcomes, groups=4)
    assert sum(row.n for row in rows) == 20_000
    for row in rows:
        assert row.n == pytest.approx(5_000, rel=0.02)
        inside = (score >= row.low - 0.0005) & (score <= row.high + 0.0005)
        assert row.mean_score == pytest.approx(score[inside].mean(), abs=0.002)
        assert row.right_share == pytest.approx(label[inside].mean(), abs=0.01)
        assert row.right_low < row.right_share < row.right_high


def test_a_multiclass_model_is_right_where_it_names_the_class():
    outcomes = Outcomes.of(
        "multiclass",
        label=["a", "b", "c", "a"],
        prediction=["a", "b", "a", "a"],
        score=[0.9, 0.9, 0.4, 0.4],
    )
    low, high = reliability(outcomes, groups=2)
    assert (low.n, low.right_share, high.n, high.right_share) == (2, 0.5, 2, 1.0)


def test_without_scores_there_is_no_table():
    assert reliability(Outcomes.of("binary", label=[0, 1], prediction=[0, 1])) == ()
    assert reliability(Outcomes("regression")) == ()


def test_few_distinct_scores_make_few_groups():
    rows = reliability_of(RightByScore.of([0.2] * 50 + [0.9] * 50, [0] * 50 + [1] * 50))
    assert [(row.low, row.high, row.n) for row in rows] == [(0.2, 0.2, 50), (0.9, 0.9, 50)]


@pytest.mark.parametrize("score", [-0.1, 1.5, float("nan"), float("inf")])
def test_a_score_that_is_no_probability_is_refused(score):
    with pytest.raises(UnusableScores, match="give it as a number from 0 to 1"):
        RightByScore.of([0.5, score], [0, 1])


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]), st.booleans()),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 12),
)
def test_whatever_the_rows_none_is_lost_and_levels_ascend(rows, groups):
    score, right = zip(*rows, strict=True)
    table = reliability_of(RightByScore.of(score, right), groups=groups)
    assert sum(row.n for row in table) == len(rows)
    assert sum(row.right_share * row.n for row in table) == pytest.approx(sum(right))
    assert 1 <= len(table) <= groups
    edges = [edge for row in table for edge in (row.low, row.high)]
    assert edges == sorted(edges)
