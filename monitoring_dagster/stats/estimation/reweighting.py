"""How much does each reference row count for rows that are distributed otherwise?"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from monitoring_dagster.stats.columns.values import Codes, Floats

FOLDS = 5
MIN_EFFECTIVE_ROWS = 200.0
MIN_COVERED = 0.5
_REFERENCE_ROWS_PER_CURRENT = 20  # more of the reference teach the classifier nothing
_LEAST_ROWS = 5_000  # of the reference to learn from, however few current rows there are
_MOST_ROWS = 100_000  # to learn from, on either side


@dataclass(frozen=True, slots=True)
class Weights:
    """Density of the current rows over that of the reference, at each row of the reference."""

    rows: Floats = field(repr=False)  # shape (n,); they sum to `effective`
    effective: float  # rows of an unweighted sample that would know as much
    covered: float  # share of the current rows that lie where the reference has rows; about

    @property
    def usable(self) -> bool:
        """Whether the reference says enough about the current rows."""
        return self.effective >= MIN_EFFECTIVE_ROWS and self.covered >= MIN_COVERED

    @property
    def reason(self) -> str:
        """One plain sentence with the numbers."""
        return (
            f"weighted towards these rows the reference is worth {self.effective:,.0f} rows (at"
            f" least {MIN_EFFECTIVE_ROWS:,.0f} needed) and covers {self.covered:.0%} of them (at"
            f" least {MIN_COVERED:.0%} needed)"
        )


def weights(
    reference: Floats, current: Floats, *, categorical: NDArray[np.bool_], rng: Generator
) -> Weights:
    """How often would each reference row occur, were the reference distributed as *current*?

    A classifier that tells current from reference rows by their features gives the density ratio::

        w(x)  =  p(current | x) / p(reference | x)  *  rows of the reference / rows of current

    Each fifth of the reference is weighed by gradient boosting that learnt from the other four.
    A ratio is at most the root of the reference's rows times the mean one, so that no single row
    decides. Of the plain ratios the mean over the reference is about 1 where the reference covers
    the current rows, and the share that it covers elsewhere.

    Parameters
    ----------
    reference, current
        Features, shape ``(n, columns)`` and ``(m, columns)``; NaN where there is no value.
    categorical
        Which columns hold codes (0 to 254) instead of numbers, shape ``(columns,)``.

    Returns
    -------
    Weights that sum to the effective rows ``sum(w)^2 / sum(w^2)``: who counts rows by them knows as
    much as that many rows tell, and no more.

    Source: Bickel, Brückner & Scheffer (2009), JMLR 10, for the classifier; Kish (1965) for the
    effective rows; Ionides (2008), J. Comput. Graph. Stat. 17(2), for the bound; Białek et al.
    (2024), arXiv:2401.08348, for what it is good for here.
    """
    n = len(reference)
    if min(n, len(current)) < 2 * FOLDS or not reference.shape[1]:
        return Weights(np.zeros(n), 0.0, 0.0)
    ratio = _ratios(reference, current, categorical, rng)
    covered = float(np.clip(ratio.mean(), 0, 1))
    bounded = np.minimum(ratio, np.sqrt(n) * ratio.mean())
    effective = float(bounded.sum() ** 2 / np.square(bounded).sum())
    return Weights(bounded / bounded.sum() * effective, effective, covered)


def _ratios(
    reference: Floats, current: Floats, categorical: NDArray[np.bool_], rng: Generator
) -> Floats:
    from threadpoolctl import threadpool_limits  # late, like all that learns

    n = len(reference)
    found = np.empty(n)
    fold = rng.permutation(np.arange(n) % FOLDS)
    teaching = current[_some(len(current), _MOST_ROWS, rng)]
    most = min(max(_REFERENCE_ROWS_PER_CURRENT * len(teaching), _LEAST_ROWS), _MOST_ROWS)
    with threadpool_limits(1):  # threads that wait for a busy core take several times as long
        for number in range(FOLDS):
            others = np.flatnonzero(fold != number)
            learnt = reference[others[_some(others.size, most, rng)]]
            is_current = np.arange(len(learnt) + len(teaching)) >= len(learnt)
            classifier = _classifier(categorical, rng).fit(
                np.concatenate([learnt, teaching]), is_current
            )
            here = fold == number
            log_odds = classifier.decision_function(reference[here])
            found[here] = np.exp(np.clip(log_odds, -50, 50)) * len(learnt) / len(teaching)
    return found


def _some(rows: int, most: int, rng: Generator) -> Codes:
    return np.arange(rows) if rows <= most else rng.choice(rows, most, replace=False)


def _classifier(categorical: NDArray[np.bool_], rng: Generator) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier  # late: a second

    return HistGradientBoostingClassifier(
        max_iter=40,
        max_leaf_nodes=8,
        min_samples_leaf=50,
        l2_regularization=5.0,
        early_stopping=False,
        categorical_features=categorical,
        random_state=int(rng.integers(2**31)),
    )
