"""Shifted inputs and a changed relation are told apart, or it says that they cannot be."""

import numpy as np
import pytest

from monitoring_dagster.stats.estimation.shift_split import split_shift

ROWS = 400
QUIET, MOVED = np.zeros(3), np.array([0.7, 0.4, 0.0])


def rows(rng, *, moved=QUIET, flipped=0.0, days=None, n=ROWS):
    """Inputs and losses: the loss grows with the first input, and with *flipped* where that is
    positive."""
    points = rng.normal(size=(n, 3)) + moved
    loss = 0.5 + 0.3 * np.tanh(points[:, 0]) + flipped * (points[:, 0] > 0)
    loss += rng.exponential(0.5, n) - 0.5
    return points, loss


def split(seed=0, **now):
    rng = np.random.default_rng(seed)
    (before, losses_before), (after, losses_now) = rows(rng), rows(rng, **now)
    return split_shift(
        before, after, losses_before, losses_now, categorical=np.zeros(3, bool), rng=rng
    )


WORLDS = {"inputs": {"moved": MOVED}, "relation": {"flipped": 0.4}}
TRUE_CHANGE = {"inputs": 0.1212, "relation": 0.2}


@pytest.fixture(scope="module")
def worlds():
    """Eight worlds of either kind."""
    return {name: [split(seed, **now) for seed in range(8)] for name, now in WORLDS.items()}


@pytest.mark.parametrize(
    ("world", "moved", "still"),
    [
        pytest.param("inputs", "inputs", "relation", id="only the inputs moved"),
        pytest.param("relation", "relation", "inputs", id="only the relation changed"),
    ],
)
def test_the_part_that_did_not_change_is_zero_within_its_interval(worlds, world, moved, still):
    """And the other one is the change."""
    for part, truth in ((still, 0.0), (moved, TRUE_CHANGE[world])):
        found = [getattr(one, part) for one in worlds[world]]
        assert sum(one.low <= truth <= one.high for one in found) >= 7
        assert np.mean([one.value for one in found]) == pytest.approx(truth, abs=0.04)


def test_the_parts_add_up_to_the_change_in_mean_loss(worlds):
    for one in (*worlds["inputs"], *worlds["relation"]):
        parts = one.towards.value + one.relation.value + one.away.value
        assert parts == pytest.approx(one.change.value, abs=1e-12)
        assert one.inputs.value == pytest.approx(one.towards.value + one.away.value, abs=1e-12)


def test_days_that_share_their_luck_widen_the_interval():
    """The same rows, whose days are told or not."""
    rng = np.random.default_rng(2)
    (before, losses_before), (after, losses_now) = rows(rng), rows(rng)
    days = [rng.integers(7, size=ROWS) for _ in range(2)]
    luck = [rng.normal(0, 0.3, 7)[one] for one in days]
    given = (before, after, losses_before + luck[0], losses_now + luck[1])
    widths = [
        (one.relation.high - one.relation.low)
        for told in ({}, {"days_before": days[0], "days_now": days[1]})
        for one in [split_shift(*given, categorical=np.zeros(3, bool),
                                rng=np.random.default_rng(0), **told)]
    ]  # fmt: skip
    assert widths[1] > 1.5 * widths[0]


def test_where_inputs_hardly_overlap_it_refuses():
    found = split(moved=np.array([6.0, 0, 0]))
    assert np.isnan([found.inputs.value, found.relation.value]).all()
    assert np.isfinite(found.change.value)
    assert found.refused.startswith("inputs overlap too little: 100% of rows before and 100% of")


@pytest.mark.parametrize(
    ("n", "columns", "reason"),
    [
        pytest.param(100, 3, "400 rows before and 100 now, 200 of each are needed", id="few rows"),
        pytest.param(400, 0, "no input is known", id="no inputs"),
    ],
)
def test_without_rows_or_inputs_it_refuses(n, columns, reason):
    rng = np.random.default_rng(0)
    (before, losses_before), (after, losses_now) = rows(rng), rows(rng, n=n)
    found = split_shift(before[:, :columns], after[:, :columns], losses_before, losses_now,
                        categorical=np.zeros(columns, bool), rng=rng)  # fmt: skip
    assert found.refused == reason
    assert np.isnan(found.relation.value)
