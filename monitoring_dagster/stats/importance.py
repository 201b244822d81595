"""Do two versions of a model lean on the same features?"""

from collections.abc import Mapping

import numpy as np

from monitoring_dagster.stats.values import Floats


def rank_correlation(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Spearman's rank correlation of two versions' feature importances, over common features.

    Returns
    -------
    -1 to 1; NaN where fewer than three features are common, or one side has only equal ones.

    >>> round(rank_correlation({"a": 3, "b": 2, "c": 1}, {"a": 9, "b": 7, "c": 8}), 2)
    0.5

    Source: Spearman (1904), American Journal of Psychology 15(1).
    """
    common = sorted(first.keys() & second.keys())
    if len(common) < 3:
        return float("nan")
    ranks = [_ranks(np.array([of[name] for name in common])) for of in (first, second)]
    a, b = (rank - rank.mean() for rank in ranks)
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread else float("nan")


def _ranks(values: Floats) -> Floats:
    """1 for the smallest; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    found: Floats = ((last - counts + 1 + last) / 2)[inverse]
    return found
