import math

import numpy as np
import pytest
from scipy import stats

from monitoring_dagster.stats.quality.comparison import jackknifed, paired
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import HIGHER_IS_BETTER, metrics


def test_equal_models_are_called_better_on_five_per_cent_of_holdouts():
    """Fourteen days, each with its own luck: the promised error rate holds."""
    days, calls, trials = np.repeat(np.arange(14), 20), 0, 2000
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        champion = rng.normal(0.5, 0.2, days.size)
        luck = rng.normal(0, 0.06, 14)[days]
        challenger = champion + rng.normal(0, 0.1, days.size) + luck
        calls += paired(champion, challenger, blocks=days).p_value < 0.05
    assert calls / trials == pytest.approx(0.05, abs=0.015)  # three standard errors


def test_without_blocks_it_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    champion, challenger = rng.random(50), rng.random(50)
    meant = stats.ttest_rel(champion, challenger, alternative="greater")
    found = paired(champion, challenger)
    assert found.p_value == pytest.approx(meant.pvalue, rel=1e-9)
    interval = stats.ttest_rel(champion, challenger).confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_a_better_model_is_found():
    rng = np.random.default_rng(0)
    champion = rng.normal(0.5, 0.2, 2000)
    found = paired(champion, champion - rng.normal(0.02, 0.1, 2000))
    assert found.p_value < 0.001
    assert found.low > 0
    assert found.difference == pytest.approx(found.champion - found.challenger)


def test_a_worse_model_has_a_p_value_near_one():
    rng = np.random.default_rng(0)
    champion = rng.normal(0.5, 0.2, 2000)
    assert paired(champion, champion + rng.normal(0.05, 0.1, 2000)).p_value > 0.99


@pytest.mark.parametrize(
    ("champion", "challenger"),
    [
        pytest.param([], [], id="no rows"),
        pytest.param([0.1], [0.0], id="one row"),
        pytest.param([0.1, 0.2], [0.1, math.nan], id="a loss that is no number"),
        pytest.param([0.1, 0.2], [0.1, math.inf], id="an infinite loss"),
        pytest.param([0.1, 0.2], [0.1, 0.2], id="one model twice"),
    ],
)
def test_nothing_is_proved_by(champion, challenger):
    assert paired(champion, challenger).p_value == 1


def test_a_day_that_holds_most_rows_is_not_taken_for_many_days():
    """Thirteen days of 20 rows beside one of 500, each with its own luck."""
    sizes, calls, trials = [500, *[20] * 13], 0, 1000
    days = np.repeat(np.arange(14), sizes)
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        champion = rng.normal(0.5, 0.2, days.size)
        luck = rng.normal(0, 0.3, 14)[days]
        calls += paired(champion, champion + luck, blocks=days).p_value < 0.05
    assert calls / trials < 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


def outcomes_by_day(days, *, task="binary", label, prediction, score=None):
    return [
        Outcomes.of(
            task,
            label=label[days == day],
            prediction=prediction[days == day],
            score=None if score is None else score[days == day],
        )
        for day in np.unique(days)
    ]


def binary_holdout(rng, *, days, rows_a_day, blur=(0.7, 0.7), lift=(0.0, 0.0)):
    """Two models of the same rows: each knows the true log-odds but for a *blur* of its own, and
    is off by a *lift*; every day has its own luck, and each model its own of that."""
    day = np.repeat(np.arange(days), rows_a_day)
    odds = rng.normal(-0.7, 1.5, day.size) + rng.normal(0, 0.3, days)[day]
    label = (rng.random(day.size) < 1 / (1 + np.exp(-odds))).astype(int)
    found = []
    for own, off in zip(blur, lift, strict=True):
        noise = rng.normal(off, own, day.size) + rng.normal(0, 0.1, days)[day]
        score = 1 / (1 + np.exp(-odds - noise))
        said = (score > 0.5).astype(int)
        found.append(outcomes_by_day(day, label=label, prediction=said, score=score))
    return found


def better(found, metric, known=None):
    """*known* keeps what was measured before: all metrics look at the same outcomes."""
    known = {} if known is None else known

    def measure(outcomes):
        key = (*sorted(outcomes.cells.items()), outcomes.sums.get("score"))
        if key not in known:
            known[key] = metrics(outcomes)
        value = known[key][metric].value
        return abs(value) if metric == "bias" else value

    return jackknifed(*found, measure=measure, higher_is_better=metric in HIGHER_IS_BETTER)


METRICS = ["roc_auc", "average_precision", "f1", "precision", "recall", "balanced_accuracy",
           "ece", "bias"]  # fmt: skip


@pytest.mark.parametrize(("days", "rows_a_day", "trials"), [(3, 67, 200), (14, 60, 60)])
def test_equal_models_pass_by_no_metric_more_often_than_promised(days, rows_a_day, trials):
    calls = dict.fromkeys(METRICS, 0)
    for seed in range(trials):
        found = binary_holdout(np.random.default_rng(seed), days=days, rows_a_day=rows_a_day)
        known = {}
        for metric in METRICS:
            calls[metric] += better(found, metric, known).p_value < 0.05
    most = trials * 0.05 + 3 * math.sqrt(trials * 0.05 * 0.95)
    assert {metric: n for metric, n in calls.items() if n > most} == {}


@pytest.mark.parametrize("metric", METRICS)
def test_a_model_that_is_better_by_a_metric_is_found(metric):
    rng = np.random.default_rng(0)
    old_and_new = {"blur": (2.5, 0.3), "lift": (-1.5, 0.0)}  # it blurs, and is far too low
    if metric == "precision":  # of which the timid one has more
        old_and_new = {"blur": (2.5, 0.1), "lift": (0.5, 0.0)}
    found = better(binary_holdout(rng, days=14, rows_a_day=150, **old_and_new), metric)
    assert found.p_value < 0.001
    assert found.low > 0
    reverse = better(
        binary_holdout(np.random.default_rng(0), days=14, rows_a_day=150,
                       **{name: pair[::-1] for name, pair in old_and_new.items()}),
        metric,
    )  # fmt: skip
    assert reverse.p_value > 0.99


def test_leaving_out_days_agrees_with_the_paired_test_where_the_metric_is_a_mean():
    found = binary_holdout(np.random.default_rng(3), days=14, rows_a_day=50)
    wrong = [
        np.concatenate([
            np.repeat([0, 1], [one.cells.get(("0", "0"), 0) + one.cells.get(("1", "1"), 0),
                               one.cells.get(("0", "1"), 0) + one.cells.get(("1", "0"), 0)])
            for one in model
        ])
        for model in found
    ]  # fmt: skip
    meant = paired(*wrong, blocks=np.repeat(np.arange(14), 50))
    assert better(found, "accuracy").p_value == pytest.approx(meant.p_value, rel=1e-6)


def test_root_mean_squared_errors_are_compared_by_days_too():
    calls, trials, days = 0, 300, np.repeat(np.arange(3), 67)
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        label = rng.normal(size=days.size)
        both = [
            outcomes_by_day(days, task="regression", label=label,
                            prediction=label + rng.normal(0, 1, days.size))
            for _ in range(2)
        ]  # fmt: skip
        calls += better(both, "rmse").p_value < 0.05
    assert calls < trials * 0.05 + 3 * math.sqrt(trials * 0.05 * 0.95)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(([], []), id="no rows"),
        pytest.param(
            binary_holdout(np.random.default_rng(0), days=1, rows_a_day=200, blur=(3, 0)),
            id="a single day",
        ),
        pytest.param(
            [[Outcomes.of("binary", label=[1, 1], prediction=[1, 0], score=[0.9, 0.1])] * 3] * 2,
            id="a single class",
        ),
    ],
)
def test_nothing_is_proved_where_the_metric_says_nothing(found):
    assert better(found, "roc_auc").p_value == 1
