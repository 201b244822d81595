"""Features are ranked by what their shift adds, and share what they add together."""

import numpy as np
import pytest

from monitoring_dagster.stats.estimation.input_ranking import ranked_inputs


@pytest.fixture(scope="module")
def ranked():
    """The first moved and matters; the second matters; the third moved; the fourth is a code that
    moved and matters."""
    rng = np.random.default_rng(1)

    def side(shift, common):
        points = rng.normal(size=(1500, 4)) + np.array([shift, 0, shift, 0])
        points[:, 3] = rng.uniform(size=1500) < common
        loss = 0.3 * points[:, 0] + 0.3 * points[:, 1] + 0.5 * points[:, 3]
        return points, loss + rng.normal(0, 0.3, 1500)

    (before, losses_before), (now, losses_now) = side(0.0, 0.2), side(0.6, 0.6)
    categorical = np.array([False, False, False, True])
    change = losses_now.mean() - losses_before.mean()
    found = ranked_inputs(before, now, losses_before, losses_now, categorical=categorical, rng=rng)
    return found, change


def test_what_moved_and_matters_is_given_what_it_adds(ranked):
    (first, second, third, fourth), _ = ranked
    assert first.value == pytest.approx(0.18, abs=0.04)
    assert fourth.value == pytest.approx(0.2, abs=0.04)
    assert abs(second.value) < 0.04, "it did not move"
    assert abs(third.value) < 0.04, "nothing depends on it"


def test_all_together_are_the_change(ranked):
    """As far as it was learnt."""
    found, change = ranked
    assert sum(one.value for one in found) == pytest.approx(change, abs=0.05)


def test_each_has_an_interval(ranked):
    for one in ranked[0]:
        assert one.low <= one.value <= one.high
        assert one.n == 1500
