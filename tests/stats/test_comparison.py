import math

import numpy as np
import pytest
from scipy import stats

from monitoring_dagster.stats.comparison import paired


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
