"""Metrics are those of scikit-learn, their intervals hold what they promise, nothing raises."""

import warnings
from datetime import date
from functools import reduce
from operator import add

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from monitoring_dagster.stats.outcomes import (
    Outcomes,
    UnusableOutcome,
    outcomes_by_group,
    outcomes_from_table,
    outcomes_to_table,
)
from monitoring_dagster.stats.performance import HIGHER_IS_BETTER, metrics
from monitoring_dagster.stats.profile import Group


def same(value, expected, tolerance=1e-12):
    assert value == pytest.approx(expected, rel=tolerance, abs=tolerance)


def binary(n=4000, seed=0, base=-1.0):
    rng = np.random.default_rng(seed)
    score = 1 / (1 + np.exp(-(base + 1.5 * rng.normal(size=n))))
    label = (rng.random(n) < score).astype(int)
    return label, (score > 2 * score.mean()).astype(int), score


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


def test_log_loss_of_certain_scores_is_clipped_as_scikit_learn_does():
    label, score = [0, 1, 1, 0], [0.0, 1.0, 0.0, 0.25]
    found = metrics(Outcomes.of("binary", label=label, prediction=label, score=score))
    same(found["log_loss"].value, sklearn_metrics.log_loss(label, score))


def test_the_auc_interval_is_delongs():
    """Against the definition: one placement a row, no bins."""
    label, prediction, score = binary(1500)
    found = metrics(Outcomes.of("binary", label=label, prediction=prediction, score=score))
    wins = np.subtract.outer(score[label == 1], score[label == 0]) > 0
    variance = wins.mean(1).var(ddof=1) / wins.shape[0] + wins.mean(0).var(ddof=1) / wins.shape[1]
    auc = found["roc_auc"]
    assert auc.high - auc.low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=1e-3)


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
    found = metrics(Outcomes.of("regression", label=label, prediction=prediction))
    same(found["mae"].value, sklearn_metrics.mean_absolute_error(label, prediction))
    same(found["mse"].value, sklearn_metrics.mean_squared_error(label, prediction))
    same(found["rmse"].value, sklearn_metrics.root_mean_squared_error(label, prediction))
    same(found["r2"].value, sklearn_metrics.r2_score(label, prediction))
    same(found["mape"].value, sklearn_metrics.mean_absolute_percentage_error(label, prediction))
    same(found["bias"].value, (prediction - label).mean(), 1e-9)


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
        pytest.param(Outcomes.of("binary", label=[0, 1], prediction=[0, 0]), id="no score"),
        pytest.param(
            Outcomes.of("binary", label=[0, 1], prediction=[0, 0], score=pa.nulls(2)),
            id="scores all missing",
        ),
        pytest.param(Outcomes.of("regression", label=[3.0], prediction=[4.0]), id="one number"),
        pytest.param(Outcomes.of("regression", label=[3, 3], prediction=[3, 4]), id="constant"),
    ],
)
def test_what_is_not_defined_is_nan_and_never_an_error(outcomes):
    for metric in metrics(outcomes).values():
        assert not metric.low > metric.value
        assert not metric.high < metric.value


def test_without_a_score_there_is_no_auc():
    found = metrics(Outcomes.of("binary", label=[0, 1, 1], prediction=[0, 1, 0]))
    assert {"accuracy", "f1"} <= set(found)
    assert not {"roc_auc", "log_loss", "ece"} & set(found)


@pytest.mark.parametrize(
    ("task", "make", "names"),
    [
        (
            "binary",
            lambda rng: (lambda s: (rng.random(400) < s, s > 0.5, s))(rng.beta(1, 2, 400)),
            ["accuracy", "precision", "recall", "f1", "log_loss", "brier", "roc_auc", "bias"],
        ),
        (
            "regression",
            lambda rng: (lambda y: (y, y + rng.normal(0.5, 2, 400), None))(rng.normal(0, 3, 400)),
            ["mae", "mse", "rmse", "bias"],
        ),
    ],
    ids=["binary", "regression"],
)
def test_intervals_cover_the_truth_in_95_of_100_days(task, make, names):
    """The truth is the pool of all days; 92 to 98 % is what 400 days can tell from 95 %."""
    rng = np.random.default_rng(4)
    days = []
    for _ in range(400):
        label, prediction, score = make(rng)
        days.append(Outcomes.of(task, label=label, prediction=prediction, score=score))
    truth = metrics(reduce(add, days))
    found = [metrics(day) for day in days]
    for name in names:
        covered = np.mean([day[name].low <= truth[name].value <= day[name].high for day in found])
        assert 0.92 <= covered <= 0.98, name


@pytest.mark.parametrize(
    ("label", "prediction"),
    [
        pytest.param([True, False, True], [1, 0, 0], id="booleans and integers"),
        pytest.param([1.0, 0.0, 1.0], ["1", "0", "0"], id="floats and text"),
        pytest.param(["true", "false", "True"], [True, False, False], id="words"),
        pytest.param([1, 0, 1, None, 1], [1, 0, 0, 1, None], id="missing rows"),
    ],
)
def test_zero_and_one_arrive_in_any_type(label, prediction):
    outcomes = Outcomes.of("binary", label=pa.array(label), prediction=pa.array(prediction))
    assert outcomes.cells == {("1", "1"): 1, ("0", "0"): 1, ("1", "0"): 1}


def test_class_names_meet_across_types():
    outcomes = Outcomes.of("multiclass", label=[1, 2], prediction=[1.0, 2.0], score=[0.5, 0.6])
    assert metrics(outcomes)["accuracy"].value == 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": ["yes", "no"]}, r"label 'yes' is neither 0 nor 1"),
        ({"prediction": [0, 2]}, r"prediction '2' is neither 0 nor 1"),
        ({"score": [0.5, 1.5]}, r"score 1\.5 lies outside 0 to 1"),
        ({"score": [0.5, -np.inf]}, r"score -inf lies outside 0 to 1"),
    ],
    ids=["words", "a third class", "too large", "infinite"],
)
def test_what_is_no_outcome_is_named(change, words):
    with pytest.raises(UnusableOutcome, match=words):
        Outcomes.of("binary", **({"label": [0, 1], "prediction": [0, 1]} | change))


def test_outcomes_of_two_tasks_do_not_add_up():
    with pytest.raises(UnusableOutcome, match="binary and regression"):
        Outcomes("binary") + Outcomes("regression")


quarter = st.integers(-40, 40).map(lambda i: i / 4)
pairs = {
    "binary": st.tuples(
        st.integers(0, 1), st.integers(0, 1), st.integers(0, 8).map(lambda i: i / 8)
    ),
    "multiclass": st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.just(0.5)),
    "regression": st.tuples(quarter, quarter, st.just(0.5)),
}


def of(task, rows):
    if not rows:
        return Outcomes(task)
    label, prediction, score = zip(*rows, strict=True)
    score = None if task == "regression" else score
    return Outcomes.of(task, label=label, prediction=prediction, score=score)


def assert_same(left, right):
    assert (left.cells, left.scores) == (right.cells, right.scores)
    for name in {**left.sums, **right.sums}:
        same(left.sums.get(name, 0.0), right.sums.get(name, 0.0))
    assert left.label == pytest.approx(right.label, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("task", pairs)
@settings(max_examples=40)
@given(data=st.data())
def test_outcomes_add_up_whoever_sums_first(task, data):
    a, b, c = (data.draw(st.lists(pairs[task], max_size=8)) for _ in range(3))
    x, y, z = (of(task, rows) for rows in (a, b, c))
    assert_same((x + y) + z, x + (y + z))
    assert_same(x + y, y + x)
    assert_same(x + y, of(task, a + b))
    assert x + Outcomes(task) == x == Outcomes(task) + x


def test_joined_rows_are_counted_by_day_version_and_segment():
    table = pa.table(
        {
            "day": pa.array([date(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 2)]),
            "version": ["1", "2", "2"],
            "region": ["north", None, "south"],
            "label": [1, 0, 1],
            "prediction": [1, 1, 1],
            "score": [0.75, 0.5, None],
        }
    )
    found = outcomes_by_group(table, task="binary", segments=["region"])
    assert {key: outcomes.cells for key, outcomes in found.items()} == {
        (date(2026, 1, 1), Group("1")): {("1", "1"): 1},
        (date(2026, 1, 1), Group("2")): {("0", "1"): 1},
        (date(2026, 1, 2), Group("2")): {("1", "1"): 1},
        (date(2026, 1, 1), Group("1", "region", "north")): {("1", "1"): 1},
        (date(2026, 1, 1), Group("2", "region", "(missing)")): {("0", "1"): 1},
        (date(2026, 1, 2), Group("2", "region", "south")): {("1", "1"): 1},
    }
    assert outcomes_from_table(outcomes_to_table(found)) == found
    assert outcomes_by_group(table.slice(0, 0), task="binary") == {}


def test_segment_values_beyond_the_limit_are_other():
    names = [f"user {i}" for i in range(300)]
    table = pa.table(
        {
            "day": [date(2026, 1, 1)] * 300,
            "version": ["1"] * 300,
            "user": names,
            "label": np.arange(300.0),
            "prediction": np.arange(300.0),
        }
    )
    found = outcomes_by_group(table, task="regression", segments=["user"])
    assert len(found) == 1 + 200 + 1
    assert found[date(2026, 1, 1), Group("1", "user", "(other)")].n == 100


def test_every_metric_says_which_way_is_better():
    known = {
        name
        for task in pairs
        for name in metrics(of(task, [("1", "1", 0.5)] if task != "regression" else [(1, 1, 0.5)]))
    }
    assert known >= HIGHER_IS_BETTER
    assert not HIGHER_IS_BETTER & {"log_loss", "brier", "ece", "mae", "rmse", "mse", "mape", "bias"}
