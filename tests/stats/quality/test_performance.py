"""Metrics are those of scikit-learn, their intervals hold what they promise, nothing raises."""

import warnings
from functools import reduce
from operator import add

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from monitoring_dagster.stats.quality.labelled_rows import SCORE_BINS
from monitoring_dagster.stats.quality.outcomes import Outcomes, outcomes_by_group
from monitoring_dagster.stats.quality.own_metric import value_per_prediction
from monitoring_dagster.stats.quality.performance import (
    HIGHER_IS_BETTER,
    mean_metric,
    metrics,
    quantile_loss,
)


def same(value, expected, tolerance=1e-12):
    assert value == pytest.approx(expected, rel=tolerance, abs=tolerance)


def binary(n=4000, seed=0, base=-1.0):
    rng = np.random.default_rng(seed)
    score = 1 / (1 + np.exp(-(base + 1.5 * rng.normal(size=n))))
    label = (rng.random(n) < score).astype(int)
    return label, (score > 2 * score.mean()).astype(int), score


# label, prediction, score, rows: 20 rows that can be counted by hand
BY_HAND = [
    (1, 1, 0.8, 5), (0, 1, 0.8, 1), (1, 1, 0.6, 1), (0, 1, 0.6, 2),
    (1, 0, 0.3, 1), (0, 0, 0.3, 3), (1, 0, 0.1, 1), (0, 0, 0.1, 6),
]  # fmt: skip


def spread_out(rows):
    *columns, times = zip(*rows, strict=True)
    return [np.repeat(column, times) for column in columns]


def test_twenty_binary_rows_counted_by_hand():
    label, prediction, score = spread_out(BY_HAND)
    found = metrics(Outcomes.of("binary", label=label, prediction=prediction, score=score))
    log = np.log
    by_hand = {
        "accuracy": 15 / 20,
        "balanced_accuracy": (6 / 8 + 9 / 12) / 2,
        "precision": 6 / 9,
        "recall": 6 / 8,
        "f1": 12 / 17,
        "base_rate": 8 / 20,
        "mean_score": 8.5 / 20,
        "bias": 0.5 / 20,
        "brier": (0.84 + 0.88 + 0.76 + 0.87) / 20,
        "log_loss": -(5 * log(0.8) + log(0.2) + log(0.6) + 2 * log(0.4) + log(0.3) + 3 * log(0.7)
                      + log(0.1) + 6 * log(0.9)) / 20,
        "roc_auc": (5 * 11.5 + 10 + 7.5 + 3) / 96,
        "average_precision": 5 / 8 * 5 / 6 + (6 / 9 + 7 / 13 + 8 / 20) / 8,
    }  # fmt: skip
    for name, value in by_hand.items():
        same(found[name].value, value)
        assert found[name].low < value < found[name].high
    assert set(found) == {*by_hand, "ece"}
    assert found["ece"].value == pytest.approx((0.3 + 0.2 + 0.8 + 0.2) / 20, abs=5e-4)
    same(by_hand["roc_auc"], sklearn_metrics.roc_auc_score(label, score))
    same(by_hand["average_precision"], sklearn_metrics.average_precision_score(label, score))


def test_twenty_rows_of_three_classes_counted_by_hand():
    label, prediction = spread_out(
        [("a", "a", 6), ("a", "b", 1), ("a", "c", 1), ("b", "a", 1), ("b", "b", 4), ("b", "c", 1),
         ("c", "b", 2), ("c", "c", 4)]
    )  # fmt: skip
    score = np.where(label == prediction, 0.75, 0.5)
    found = metrics(Outcomes.of("multiclass", label=label, prediction=prediction, score=score))
    by_hand = {
        "accuracy": 14 / 20,
        "balanced_accuracy": (6 / 8 + 4 / 6 + 4 / 6) / 3,
        "precision": (6 / 7 + 4 / 7 + 4 / 6) / 3,
        "recall": (6 / 8 + 4 / 6 + 4 / 6) / 3,
        "f1": (12 / 15 + 8 / 13 + 8 / 12) / 3,
        "mean_score": 13.5 / 20,
    }
    for name, value in by_hand.items():
        same(found[name].value, value)
    assert found["ece"].value == pytest.approx((3 + 3.5) / 20, abs=5e-4)
    for name in ("precision", "recall", "f1"):
        function = getattr(sklearn_metrics, f"{name}_score")
        same(by_hand[name], function(label, prediction, average="macro"))


def test_twenty_numbers_counted_by_hand():
    label = np.arange(1.0, 21.0)
    error = np.repeat([1.0, -2.0, 1.5], [10, 6, 4])
    outcomes = Outcomes.of("regression", label=label, prediction=label + error)
    found = metrics(outcomes) | {"quantile_loss": quantile_loss(outcomes, 0.9)}
    by_hand = {
        "mae": (10 + 12 + 6) / 20,
        "mse": (10 + 24 + 9) / 20,
        "rmse": np.sqrt(43 / 20),
        "bias": (10 - 12 + 6) / 20,
        "r2": 1 - 2.15 / 33.25,
        "quantile_loss": (0.9 * 12 + 0.1 * 16) / 20,
    }
    for name, value in by_hand.items():
        same(found[name].value, value)
    for name, function in OF_NUMBERS.items():
        same(found[name].value, function(label, label + error))


OF_NUMBERS = {
    "mae": sklearn_metrics.mean_absolute_error,
    "mse": sklearn_metrics.mean_squared_error,
    "rmse": sklearn_metrics.root_mean_squared_error,
    "r2": sklearn_metrics.r2_score,
    "mape": sklearn_metrics.mean_absolute_percentage_error,
}


@pytest.mark.parametrize("base", [-1.0, -6.0], ids=["balanced", "rare events"])
def test_binary_metrics_are_those_of_scikit_learn(base):
    label, prediction, score = binary(20_000, base=base)
    found = metrics(Outcomes.of("binary", label=label, prediction=prediction, score=score))
    for name, function in {
        "accuracy": sklearn_metrics.accuracy_score,
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score,
        "precision": sklearn_metrics.precision_score,
        "recall": sklearn_metrics.recall_score,
        "f1": sklearn_metrics.f1_score,
    }.items():
        same(found[name].value, function(label, prediction))
    same(found["log_loss"].value, sklearn_metrics.log_loss(label, score))
    same(found["brier"].value, sklearn_metrics.brier_score_loss(label, score))
    same(found["mean_score"].value, score.mean())
    same(found["base_rate"].value, label.mean())
    same(found["bias"].value, score.mean() - label.mean())
    same(found["roc_auc"].value, sklearn_metrics.roc_auc_score(label, score), 1e-4)
    same(
        found["average_precision"].value,
        sklearn_metrics.average_precision_score(label, score),
        1e-3,
    )


@pytest.mark.parametrize("spread", [0.2, 1.5], ids=["crowded", "usual"])
def test_what_knows_scores_by_their_bins_is_within_its_bound(spread):
    rng = np.random.default_rng(5)
    score = 1 / (1 + np.exp(-spread * rng.normal(size=20_000)))
    label = rng.random(20_000) < score
    outcomes = Outcomes.of("binary", label=label, prediction=label, score=score)
    found = metrics(outcomes)
    assert abs(found["roc_auc"].value - sklearn_metrics.roc_auc_score(label, score)) < 1e-4
    exact = sklearn_metrics.average_precision_score(label, score)
    assert abs(found["average_precision"].value - exact) < 1e-3
    bins = np.floor((np.log(score / (1 - score)) / 16 + 1) / 2 * SCORE_BINS)
    rank = np.searchsorted(np.sort(bins), bins) + np.searchsorted(np.sort(bins), bins, "right")
    gaps = [np.sum((label - score)[rank // 4000 == group]) for group in range(10)]
    assert abs(found["ece"].value - np.abs(gaps).sum() / label.size) < 5e-4


def test_log_loss_of_certain_scores_is_clipped_as_scikit_learn_does():
    label, score = [0, 1, 1, 0], [0.0, 1.0, 0.0, 0.25]
    found = metrics(Outcomes.of("binary", label=label, prediction=label, score=score))
    same(found["log_loss"].value, sklearn_metrics.log_loss(label, score))


def test_the_auc_interval_is_delongs():
    """Against the definition: one placement a row, no bins; its error in the log-odds."""
    label, prediction, score = binary(1500)
    found = metrics(Outcomes.of("binary", label=label, prediction=prediction, score=score))
    wins = np.subtract.outer(score[label == 1], score[label == 0]) > 0
    variance = wins.mean(1).var(ddof=1) / wins.shape[0] + wins.mean(0).var(ddof=1) / wins.shape[1]
    value, low, high, _ = found["roc_auc"]
    reach = np.log(high / (1 - high)) - np.log(low / (1 - low))
    assert reach == pytest.approx(2 * 1.96 * np.sqrt(variance) / (value * (1 - value)), rel=1e-3)


def test_calibration_error_is_small_for_honest_scores_and_seen_for_others():
    label, prediction, score = binary(50_000)
    honest = metrics(Outcomes.of("binary", label=label, prediction=prediction, score=score))
    lying = metrics(
        Outcomes.of("binary", label=label, prediction=prediction, score=np.minimum(score + 0.1, 1))
    )
    assert honest["ece"].value < 0.01
    assert lying["ece"].value == pytest.approx(0.1, abs=0.01)
    assert lying["bias"].low > 0.08


def test_multiclass_metrics_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    label = rng.choice(list("abcd"), 3000, p=[0.6, 0.2, 0.15, 0.05])
    prediction = np.where(rng.random(3000) < 0.7, label, rng.choice(list("abce"), 3000))
    found = metrics(Outcomes.of("multiclass", label=label, prediction=prediction))
    same(found["accuracy"].value, sklearn_metrics.accuracy_score(label, prediction))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        balanced = sklearn_metrics.balanced_accuracy_score(label, prediction)
    same(found["balanced_accuracy"].value, balanced)
    for name in ("precision", "recall", "f1"):
        function = getattr(sklearn_metrics, f"{name}_score")
        same(found[name].value, function(label, prediction, average="macro", zero_division=0))


@pytest.mark.parametrize("offset", [0.0, 1e6], ids=["around zero", "far from zero"])
def test_regression_metrics_are_those_of_scikit_learn(offset):
    rng = np.random.default_rng(2)
    label = offset + rng.normal(size=3000) * 20
    prediction = label + rng.normal(1, 5, 3000)
    outcomes = Outcomes.of("regression", label=label, prediction=prediction)
    found = metrics(outcomes)
    for name, function in OF_NUMBERS.items():
        same(found[name].value, function(label, prediction))
    same(found["bias"].value, np.mean(prediction - label))
    for level in (0.1, 0.5, 0.95):
        same(
            quantile_loss(outcomes, level).value,
            sklearn_metrics.mean_pinball_loss(label, prediction, alpha=level),
        )
    same(quantile_loss(outcomes, 0.5).high * 2, found["mae"].high)


def test_an_infinite_prediction_is_an_infinite_loss_until_it_is_taken_back():
    good = Outcomes.of("regression", label=[1.0, 2.0], prediction=[1.5, 2.0])
    bad = Outcomes.of("regression", label=[1.0], prediction=[np.inf])
    found = metrics(good + bad)
    assert found["mae"].value == found["mse"].value == found["rmse"].value == np.inf
    assert np.isnan(found["bias"].value)
    assert metrics(good + bad - bad) == metrics(good)


def test_mape_leaves_out_labels_of_zero_and_says_how_many_are_left():
    found = metrics(Outcomes.of("regression", label=[0.0, 2.0], prediction=[1.0, 3.0]))
    assert found["mape"][::3] == (0.5, 1)


@pytest.mark.parametrize(
    "outcomes",
    [
        pytest.param(Outcomes("binary"), id="binary, nothing"),
        pytest.param(Outcomes("multiclass"), id="multiclass, nothing"),
        pytest.param(Outcomes("regression"), id="regression, nothing"),
        pytest.param(Outcomes.of("binary", label=[1], prediction=[1], score=[0.5]), id="one row"),
        pytest.param(
            Outcomes.of("binary", label=[0, 0], prediction=[0, 0], score=[0.5, 0.1]), id="one class"
        ),
        pytest.param(
            Outcomes.of("binary", label=[1, 0], prediction=[1, 0], score=[1, 0]), id="perfect"
        ),
        pytest.param(Outcomes.of("binary", label=[0, 1], prediction=[0, 0]), id="no score"),
        pytest.param(-Outcomes.of("binary", label=[1], prediction=[0], score=[0.5]), id="taken"),
        pytest.param(-Outcomes.of("regression", label=[3, 5], prediction=[4, 9]), id="taken away"),
        pytest.param(
            Outcomes.of("binary", label=[0, 1], prediction=[0, 0], score=pa.nulls(2)),
            id="scores all missing",
        ),
        pytest.param(Outcomes.of("regression", label=[3.0], prediction=[4.0]), id="one number"),
        pytest.param(Outcomes.of("regression", label=[3, 3], prediction=[3, 4]), id="constant"),
    ],
)
def test_what_is_not_defined_is_nan_and_never_an_error(outcomes):
    found = metrics(outcomes)
    if outcomes.task == "regression":
        found["quantile_loss"] = quantile_loss(outcomes, 0.9)
    for metric in found.values():
        assert not metric.low > metric.value
        assert not metric.high < metric.value


def test_without_a_score_there_is_no_auc():
    found = metrics(Outcomes.of("binary", label=[0, 1, 1], prediction=[0, 1, 0]))
    assert {"accuracy", "f1"} <= set(found)
    assert not {"roc_auc", "log_loss", "ece"} & set(found)


@settings(max_examples=60)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=30
    )
)
def test_no_rows_whatsoever_raise_or_turn_an_interval_round(rows):
    *columns, score = zip(*rows, strict=True)
    for task in ("binary", "multiclass"):
        outcomes = Outcomes.of(
            task, label=columns[0], prediction=columns[1], score=np.array(score) / 4
        )
        for metric in metrics(outcomes).values():
            assert not metric.low > metric.value + 1e-12
            assert not metric.high < metric.value - 1e-12
            assert 0 <= metric.n <= len(rows)


def binary_days(rng, rows):
    score = rng.beta(1, 2, rows)
    return {"label": rng.random(rows) < score, "prediction": score > 0.5, "score": score}


def rare_days(rng, rows):
    score = 1 / (1 + np.exp(4 - 1.5 * rng.normal(size=rows)))
    return {"label": rng.random(rows) < score, "prediction": score > 0.1, "score": score}


def class_days(rng, rows):
    label = rng.choice(3, rows, p=[0.5, 0.3, 0.2])
    return {
        "label": label,
        "prediction": np.where(rng.random(rows) < 0.7, label, rng.choice(3, rows)),
    }


def number_days(rng, rows):
    label = rng.lognormal(1, 0.5, rows)
    return {"label": label, "prediction": label + rng.normal(0.5, 2, rows)}


def every_metric(outcomes):
    found = metrics(outcomes)
    if outcomes.task == "binary":
        found["value"] = value_per_prediction(outcomes, tp=100, fp=-20, fn=-50, tn=1)
    if outcomes.task == "regression":
        found["low quantile"] = quantile_loss(outcomes, 0.1)
        found["high quantile"] = quantile_loss(outcomes, 0.9)
    return found


PLAIN = {"accuracy", "balanced_accuracy", "precision", "recall", "f1"}
SCORED = {"log_loss", "brier", "bias", "roc_auc", "value", "average_precision"}
NUMBERS = {"mae", "mse", "rmse", "bias", "mape", "low quantile", "high quantile"}


@pytest.mark.parametrize(
    ("task", "make", "rows", "names"),
    [
        pytest.param("binary", binary_days, 400, PLAIN | SCORED, id="binary"),
        pytest.param("binary", rare_days, 1000, PLAIN | SCORED, id="rare events"),
        pytest.param("multiclass", class_days, 400, PLAIN, id="three classes"),
        pytest.param("regression", number_days, 400, NUMBERS, id="regression"),
    ],
)
def test_intervals_hold_the_truth_in_95_of_100_days(task, make, rows, names):
    """The truth is that of all days together; 800 days tell two in a hundred from none."""
    rng, days = np.random.default_rng(4), 800
    columns = {name: pa.array(values) for name, values in make(rng, days * rows).items()}
    served = np.datetime64("2020-01-01") + np.repeat(np.arange(days), rows)
    version = pa.array(["1"]).take(pa.array(np.zeros(days * rows, int)))
    by_day = outcomes_by_group(pa.table({"day": served, "version": version, **columns}), task=task)
    truth = every_metric(reduce(add, by_day.values()))
    found = [every_metric(outcomes) for outcomes in by_day.values()]
    for name in names:
        held = np.mean([day[name].low <= truth[name].value <= day[name].high for day in found])
        assert (0.90 if name == "average_precision" else 0.93) <= held <= 0.97, name


def test_the_calibration_errors_interval_allows_for_noise():
    """Scores that are calibrated show gaps every day, and on few days one that is surely there."""
    rng = np.random.default_rng(6)
    sure = 0
    for _ in range(200):
        score = rng.beta(1, 2, 400)
        label = rng.random(400) < score
        ece = metrics(Outcomes.of("binary", label=label, prediction=label, score=score))["ece"]
        sure += ece.low > 0
        assert ece.value > 0.02
    assert sure <= 10


def test_a_mean_has_the_interval_of_its_variance():
    assert mean_metric(2.0, 9.0, 101) == pytest.approx((2.0, 2 - 0.588, 2 + 0.588, 101), abs=1e-4)
    assert mean_metric(0.1, 9.0, 101, at_least=0.0).low == 0.0


def test_every_metric_says_which_way_is_better():
    one = {"label": [1, 1], "prediction": [1, 1], "score": [0.5, 0.5]}
    known = {
        *metrics(Outcomes.of("binary", **one)),
        *metrics(Outcomes.of("regression", label=[1], prediction=[1])),
    }
    assert known >= HIGHER_IS_BETTER
    assert not HIGHER_IS_BETTER & {"log_loss", "brier", "ece", "mae", "rmse", "mse", "mape", "bias"}
