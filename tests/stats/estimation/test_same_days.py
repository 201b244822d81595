"""Versions are compared where both answered, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monitoring_dagster.stats.estimation.same_days import difference_on_same_days

rows = arrays(np.int64, (2, 5, 3), elements=st.integers(0, 50))


@given(rows, st.floats(-3, 3))
def test_a_version_that_is_worse_everywhere_by_as_much_is_worse_by_that(n, worse):
    """Whatever days and segments either one served."""
    level = np.arange(15).reshape(5, 3) / 10
    found = difference_on_same_days(n, n * np.array([level + worse, level]), variances=(1.0, 1.0))
    if (n > 0).all(axis=0).any():
        assert found.difference.value == pytest.approx(worse, abs=1e-12)
    else:
        assert np.isnan(found.difference.value)
        assert found.days == 0


@given(rows)
def test_the_other_way_round_it_is_the_opposite(n):
    totals = n * np.linspace(0, 1, 30).reshape(2, 5, 3)
    one = difference_on_same_days(n, totals, variances=(1.0, 2.0))
    other = difference_on_same_days(n[::-1], totals[::-1], variances=(2.0, 1.0))
    assert one.difference.value == pytest.approx(-other.difference.value, nan_ok=True)
    assert one.days == other.days


@pytest.mark.parametrize(
    ("days", "least"), [pytest.param(2, 0.9, id="two days, by rows"), pytest.param(7, 0.92, id="7")]
)
def test_the_interval_holds_the_difference_although_days_differ(days, least):
    """Days weigh on both alike; one serves the harder segment more. Of 400 worlds."""
    rng, hits = np.random.default_rng(1), 0
    for _ in range(400):
        luck = rng.normal(0, 0.3, (days, 1)) + np.array([0.0, 0.5])
        n = rng.poisson([[[30, 70]], [[80, 40]]], (2, days, 2))
        noise = rng.normal(size=n.shape) * np.sqrt(n) * 0.4
        totals = n * (luck + np.array([0.1, 0.0])[:, None, None]) + noise
        one = difference_on_same_days(n, totals, variances=(0.16, 0.16)).difference
        hits += one.low <= 0.1 <= one.high
    assert hits >= least * 400
