"""Skill says how much of a constant's loss a model saves, on the same rows, each day one voice."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as scikit

from monitoring_dagster.stats.inference.intervals import mean_of_blocks
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import metrics
from monitoring_dagster.stats.quality.skill import skill_of

BINARY = ("log_loss", "brier", "accuracy", "balanced_accuracy", "roc_auc")


def skill(metric, *days):
    return skill_of(metric, days, [metrics(one)[metric].value for one in days])


def scored(label, score):
    return Outcomes.of(
        "binary", label=label, prediction=[int(one > 0.5) for one in score], score=score
    )


def binary_days(seed=0, *, days=5, rows=300, sharpness=1.0):
    """Days of a model whose scores are right; a sharpness of -1 turns them round."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(days):
        odds = rng.normal(-1, 1.5, rows)
        label = (rng.uniform(size=rows) < 1 / (1 + np.exp(-odds))).astype(int)
        found.append((label, 1 / (1 + np.exp(-sharpness * odds))))
    return found


def constant_metric(metric, label):
    """What scikit-learn says of the constant on the same rows."""
    rate = np.full(label.size, label.mean())
    if metric == "log_loss":
        return scikit.log_loss(label, rate)
    if metric == "brier":
        return scikit.brier_score_loss(label, rate)
    if metric == "roc_auc":
        return scikit.roc_auc_score(label, rate)
    most = np.full(label.size, int(label.mean() > 0.5))
    if metric == "accuracy":
        return scikit.accuracy_score(label, most)
    return scikit.balanced_accuracy_score(label, most)


@pytest.mark.parametrize("metric", BINARY)
def test_the_constant_is_scikit_learns_on_the_same_rows(metric):
    (label, score), *_ = binary_days(rows=2_000)
    found = skill(metric, scored(label, score))
    constant = constant_metric(metric, label)
    own = metrics(scored(label, score))[metric].value
    assert found.constant == pytest.approx(constant, rel=1e-9)
    is_share = metric in ("accuracy", "balanced_accuracy", "roc_auc")
    saved = 1 - (1 - own) / (1 - constant) if is_share else 1 - own / constant
    assert found.together.value == pytest.approx(saved, rel=1e-9)


@pytest.mark.parametrize("metric", ["log_loss", "brier"])
def test_all_days_have_one_constant_the_base_rate_of_their_rows_together(metric):
    """A day's own base rate is what no constant could have known."""
    rare = scored([1] * 10 + [0] * 90, [0.1] * 100)
    often = scored([1] * 50 + [0] * 50, [0.5] * 100)
    found = skill(metric, rare, often)
    label = np.array([1] * 60 + [0] * 140)
    assert found.constant == pytest.approx(constant_metric(metric, label))
    assert found.answer == "0.3, the base rate"
    assert found.together.value > 0, "each day's base rate is skill"


@pytest.mark.parametrize("metric", BINARY)
def test_a_constant_has_no_skill_exactly(metric):
    days = [scored([1] * 10 + [0] * 30, [0.25] * 40) for _ in range(5)]
    found = skill(metric, *days)
    assert found.of_days == (0.0,) * 5
    assert found.together[:3] == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("metric", ["log_loss", "brier", "accuracy", "roc_auc"])
def test_scores_turned_round_are_worse_than_a_constant_on_every_day(metric):
    days = [scored(*one) for one in binary_days(sharpness=-1.0)]
    found = skill(metric, *days)
    assert max(found.of_days) < 0
    assert found.together.high < 0


def test_of_many_classes_the_constant_is_the_most_frequent_one():
    label = ["a"] * 5 + ["b"] * 3 + ["c"] * 2
    day = Outcomes.of("multiclass", label=label, prediction=["a"] * 5 + ["b"] * 5)
    found = skill("accuracy", day)
    assert (found.answer, found.constant) == ("a, the most frequent class", pytest.approx(0.5))
    assert found.together.value == pytest.approx(1 - 0.2 / 0.5)


def number_days(seed=0, *, days=5, rows=400, mean=30.0, error=5.0):
    rng = np.random.default_rng(seed)
    label = rng.gamma(2.0, 10.0, (days, rows)) + mean - 30
    return [(one, one + rng.normal(0, error, rows)) for one in label]


@pytest.mark.parametrize("metric", ["mae", "rmse", "mse"])
@pytest.mark.parametrize("mean", [30.0, 0.0, -50.0], ids=["above zero", "around", "below"])
def test_of_numbers_the_constant_is_mean_or_median(metric, mean):
    label, prediction = number_days(days=1, rows=3_000, mean=mean)[0]
    day = Outcomes.of("regression", label=label, prediction=prediction)
    found = skill(metric, day)
    middle = np.median(label) if metric == "mae" else label.mean()
    expected = {
        "mae": np.abs(label - middle).mean(),
        "mse": np.square(label - middle).mean(),
        "rmse": np.sqrt(np.square(label - middle).mean()),
    }[metric]
    assert found.constant == pytest.approx(expected, rel=0.01 if metric == "mae" else 1e-9)


def test_labels_far_from_zero_for_their_spread_have_no_median_that_bins_could_tell():
    rng = np.random.default_rng(0)
    label = 10_000 + rng.normal(0, 10, 500)
    day = Outcomes.of("regression", label=label, prediction=label + 1)
    assert skill("mae", day) is None
    assert skill("rmse", day).together.value > 0.8


def test_labels_that_were_counted_without_bins_have_no_median():
    """Days that an earlier release counted."""
    label, prediction = number_days(days=1)[0]
    day = Outcomes.of("regression", label=label, prediction=prediction)
    before = Outcomes("regression", sums=day.sums)
    assert skill("mae", before) is None
    assert skill("mae", day, before) is None


@pytest.mark.parametrize(
    ("metric", "day"),
    [
        pytest.param("recall", scored([0, 1], [0.2, 0.8]), id="no constant answers it"),
        pytest.param("log_loss", scored([1, 1], [0.2, 0.8]), id="all labels alike"),
        pytest.param("accuracy", scored([1, 1], [0.2, 0.8]), id="a constant is never wrong"),
        pytest.param("accuracy", Outcomes("binary"), id="no rows"),
    ],
)
def test_where_no_constant_says_anything_nor_does_skill(metric, day):
    values = [metrics(day)[metric].value]
    assert skill_of(metric, [day], values) is None


def test_rows_without_a_score_are_no_rows_of_the_constant_either():
    label, score = [0, 1] * 20, [0.3, 0.6] * 20
    all_scored = scored(label, score)
    some = all_scored + Outcomes.of("binary", label=[1] * 9, prediction=[1] * 9)
    assert skill("log_loss", some).constant == skill("log_loss", all_scored).constant


@given(st.lists(st.integers(10, 500), min_size=2, max_size=8), st.integers(0, 99))
def test_together_is_the_mean_of_days_by_rows(sizes, seed):
    days = [
        scored(*binary_days(seed + place, days=1, rows=rows)[0]) for place, rows in enumerate(sizes)
    ]
    found = skill("log_loss", *days)
    if found is None:
        assert len({label for day in days for (label, _) in day.cells}) < 2
        return
    mean, low, high = mean_of_blocks(found.of_days, [day.n for day in days])
    assert found.together == (mean, low, high, sum(sizes)) or math.isnan(low)
    assert found.together.value == pytest.approx(1 - found.metric / found.constant, abs=1e-9)


@pytest.mark.parametrize("metric", ["log_loss", "brier", "accuracy"])
def test_a_constant_says_what_it_has_learnt_and_knows_no_week(metric):
    """In a calm week its own base rate beats many a model; nobody knew that rate before."""
    usual = scored([1] * 60 + [0] * 40, [0.6] * 100)
    calm = scored([1] * 10 + [0] * 90, [0.3] * 100)
    learnt = skill_of(metric, [calm], [metrics(calm)[metric].value], learnt=usual)
    assert learnt.together.value > 0
    assert skill(metric, calm) is None or skill(metric, calm).together.value <= 0


def test_of_numbers_too_the_constant_is_what_it_has_learnt():
    (label, prediction), *_ = number_days(days=1)
    day = Outcomes.of("regression", label=label, prediction=prediction)
    before = Outcomes.of("regression", label=label + 50, prediction=prediction)
    for metric, middle in (("mae", np.median(label + 50)), ("rmse", label.mean() + 50)):
        value = metrics(day)[metric].value
        found = skill_of(metric, [day], [value], learnt=before)
        error = label - middle
        expected = np.abs(error).mean() if metric == "mae" else np.sqrt(np.square(error).mean())
        assert found.constant == pytest.approx(expected, rel=0.01)
    assert skill_of("mae", [day], [1.0], learnt=Outcomes("regression", sums=before.sums)) is None
