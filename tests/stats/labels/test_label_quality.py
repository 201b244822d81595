"""Labels that are likely wrong come first, and an accuracy against them is put right."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.stats.labels.label_quality import (
    UnusableErrorRate,
    accuracy_under_noise,
    consensus,
    suspects,
)
from monitoring_dagster.stats.quality.labelled_rows import UnusableOutcome
from monitoring_dagster.stats.quality.performance import Metric


def flipped(n=5_000, *, centre=0.0, seed=0):
    """A calibrated score, labels, and which 5 % of them were flipped."""
    rng = np.random.default_rng(seed)
    score = 1 / (1 + np.exp(-(centre + 2.5 * rng.normal(size=n))))
    label = (rng.random(n) < score).astype(int)
    wrong = rng.choice(n, n // 20, replace=False)
    label[wrong] ^= 1
    return score, label, wrong


@pytest.mark.parametrize("centre", [0.0, -2.0], ids=["balanced", "one in five"])
def test_of_as_many_suspects_as_wrong_labels_six_times_more_are_wrong_than_by_chance(centre):
    for seed in range(5):
        score, label, wrong = flipped(centre=centre, seed=seed)
        found = suspects(label, score=score, limit=wrong.size)
        assert np.isin([one.row for one in found], wrong).sum() / wrong.size > 6 * 0.05


def test_of_four_classes_it_is_as_good():
    rng = np.random.default_rng(1)
    weight = np.exp(rng.normal(0, 3, (5_000, 4)))
    shares = weight / weight.sum(1, keepdims=True)
    truth = (shares.cumsum(1) < rng.random((5_000, 1))).sum(1)
    wrong = rng.choice(5_000, 250, replace=False)
    truth[wrong] = (truth[wrong] + rng.integers(1, 4, 250)) % 4
    names = np.array(["cat", "cow", "dog", "fox"])
    found = suspects(
        names[truth], score=shares.max(1), prediction=names[shares.argmax(1)], limit=250
    )
    assert np.isin([one.row for one in found], wrong).mean() > 6 * 0.05
    assert all(one.label != one.likely for one in found)


def test_thresholds_are_those_of_confident_learning():
    """Each class has its own: the mean probability of being it among those labelled so."""
    label = [0, 0, 0, 1, 1, 1]
    score = [0.1, 0.2, 0.75, 0.9, 0.8, 0.4]  # of the ones 0.7; of the zeros, of being 0, 0.65
    (found,) = suspects(label, score=score)
    assert (found.row, found.label, found.likely) == (2, "0", "1")
    assert found.margin == pytest.approx(0.5)
    assert found.reason == (
        "labelled '0', but '1' has probability 0.750, at least the mean where it is the label"
        " (0.700)"
    )
    assert suspects(label, score=[0.1, 0.2, 0.69, 0.9, 0.8, 0.4]) == ()


def test_the_likeliest_comes_first_and_no_more_than_asked_for():
    score, label, _ = flipped()
    found = suspects(label, score=score, limit=40)
    assert len(found) == 40
    margins = [one.margin for one in found]
    assert margins == sorted(margins, reverse=True)
    assert [one.row for one in found] == [one.row for one in suspects(label, score=score)[:40]]


def test_rows_without_a_label_or_a_score_are_no_suspects():
    label = pa.array([0, None, 0, 1, 1])
    assert [one.row for one in suspects(label, score=[0.9, 0.9, None, 0.9, 0.8])] == [0]
    assert suspects([], score=[]) == ()
    assert suspects([0, 0], score=[0.9, 0.9]) == ()  # no 1 is known to compare with


def test_what_is_no_label_or_no_probability_is_refused():
    with pytest.raises(UnusableOutcome, match="label 'maybe' is neither 0 nor 1"):
        suspects(["maybe", "0"], score=[0.1, 0.2])
    with pytest.raises(UnusableOutcome, match="outside 0 to 1"):
        suspects([1, 0], score=[1.1, 0.2])


def test_a_long_name_is_shown_short_and_quoted():
    long = "<script>" + "x" * 500
    found = suspects([long, "a", "a"], score=[0.9, 0.9, 0.8], prediction=["a", "a", "a"])
    assert found[0].label == long
    assert len(found[0].reason) < 200


@pytest.mark.parametrize(
    ("answers", "label", "against"),
    [
        pytest.param(["b", "b", "a"], "a", ("b", 2, 3), id="two of three"),
        pytest.param(["b", "b", "b"], "a", ("b", 3, 3), id="all"),
        pytest.param(["b", "c", "a"], "a", None, id="they contradict each other too"),
        pytest.param(["b", "b", "a", "a"], "a", None, id="half is not most"),
        pytest.param(["a", "a", "b"], "a", None, id="most agree with the label"),
        pytest.param(["b", None, "b"], "a", ("b", 2, 2), id="who does not answer has no vote"),
        pytest.param(["b", None, None], "a", None, id="one voice is no consensus"),
        pytest.param([None, None, None], "a", None, id="nobody answers"),
        pytest.param(["b", "b", "b"], None, None, id="no label to contradict"),
    ],
)
def test_consensus_against_a_label(answers, label, against):
    columns = [pa.array(["a", answer]) for answer in answers]
    found = [tuple(one) for one in consensus(columns, pa.array(["a", label]))]
    assert found == ([(1, label, *against)] if against else [])


@given(st.floats(0, 1), st.floats(0, 0.45))
def test_random_errors_are_undone(true, rate):
    observed = true * (1 - rate) + (1 - true) * rate
    found = accuracy_under_noise(Metric(observed, observed, observed, 100), rate)
    assert found.value == pytest.approx(true, abs=1e-12)
    assert found.worst_low - 1e-9 <= true <= found.worst_high + 1e-9


@pytest.mark.parametrize(
    ("accuracy", "rate", "expected"),
    [
        pytest.param((0.9, 0.88, 0.92), 0.0, (0.9, 0.88, 0.92, 0.88, 0.92), id="no errors"),
        pytest.param((0.86, 0.84, 0.88), 0.1, (0.95, 0.925, 0.975, 0.74, 0.98), id="one in ten"),
        pytest.param((0.95, 0.9, 0.97), 0.1, (1.0, 1.0, 1.0, 0.8, 1.0), id="clipped at 1"),
        pytest.param((0.05, 0.0, 0.2), 0.1, (0.0, 0.0, 0.125, 0.0, 0.3), id="clipped at 0"),
    ],
)
def test_accuracy_against_the_truth(accuracy, rate, expected):
    found = accuracy_under_noise(Metric(*accuracy, 1000), rate)
    bounds = (found.value, found.low, found.high, found.worst_low, found.worst_high)
    assert bounds == pytest.approx(expected)
    assert f"{rate:.1%} of the labels wrong" in found.words


def test_the_interval_under_noise_holds_the_truth_as_often_as_it_says():
    from monitoring_dagster.stats.inference.intervals import wilson

    rng = np.random.default_rng(2)
    observed = rng.binomial(500, 0.9 * 0.9 + 0.1 * 0.1, 2_000)
    held = 0
    for hits, low, high in zip(observed, *wilson(observed, np.full(2_000, 500)), strict=True):
        found = accuracy_under_noise(Metric(hits / 500, low, high, 500), 0.1)
        held += found.low <= 0.9 <= found.high
    assert held / 2_000 == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("rate", [-0.01, 0.5, float("nan")])
def test_an_error_rate_that_leaves_nothing_is_refused(rate):
    with pytest.raises(UnusableErrorRate, match="measure the rate on a double-checked sample"):
        accuracy_under_noise(Metric(0.9, 0.8, 0.95, 100), rate)
