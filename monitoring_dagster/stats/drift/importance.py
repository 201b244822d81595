"""Do two versions of a model lean on the same features?"""

from collections.abc import Mapping

import numpy as np

from monitoring_dagster.stats.columns.values import Floats


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


def shared_weight(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """The share of two versions' importance that lies on the same features.

    Importances below 0 (what shuffling a useless feature gives) count as 0.

    Returns
    -------
    0: other features altogether, to 1: the same weights; NaN where one side has no weight at all.
    Unlike ranks it does not care about the order of many features that hardly matter.

    >>> round(shared_weight({"a": 6, "b": 2, "c": 0}, {"a": 3, "b": 3, "c": 6}), 2)
    0.5
    """
    names = sorted(first.keys() | second.keys())
    weights = [np.maximum([of.get(name, 0.0) for name in names], 0.0) for of in (first, second)]
    if not all(weight.sum() for weight in weights):
        return float("nan")
    return float(np.minimum(*(weight / weight.sum() for weight in weights)).sum())


def _ranks(values: Floats) -> Floats:
    """1 for the smallest; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    found: Floats = ((last - counts + 1 + last) / 2)[inverse]
    return found
