"""Labels lie from scores in level, in slope, and as wrongly labelled ones do."""

import numpy as np
import pytest
from scipy.special import expit

from benchmarks.label_noise import distances


def day(seed, *, level=0.0, slope=1.0, wrong=0.0, rows=200_000):
    """Scores, and labels whose log-odds are level + slope * the score's; a share of ones wrong."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1, 1.2, rows)
    label = (rng.random(rows) < expit(level + slope * odds)) & (rng.random(rows) >= wrong)
    return expit(odds), label.astype(float)


@pytest.mark.parametrize(
    ("fault", "moved"),
    [
        pytest.param({}, (0, 0, 0), id="nothing is wrong"),
        pytest.param({"level": 0.3}, (-1, 0, 0), id="more ones than the scores say"),
        pytest.param({"slope": 0.8}, (None, -1, 0), id="scores that are too sure"),
        pytest.param({"wrong": 0.3}, (1, -1, 1), id="ones that are labelled 0"),
    ],
)
def test_each_distance_moves_with_its_own_fault(fault, moved):
    found = [distances(*day(seed, **fault)) for seed in range(5)]
    usual = [distances(*day(seed)) for seed in range(5, 10)]
    error = np.std(usual, axis=0)
    for of, noise, sign in zip(np.mean(found, axis=0), error, moved, strict=True):
        assert sign is None or np.sign(of) * (abs(of) > 4 * noise) == sign
