"""Change of a loss between two samples, split into shifted inputs and a changed relation."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.stats.columns.values import Codes, Floats
from monitoring_dagster.stats.quality.performance import Metric

FOLDS = 5
TIMES = 2  # of folding anew, up to 10,000 rows: one partition's luck weighs half
_FEW_ROWS = 10_000
MIN_ROWS = 200  # of either side
MIN_EFFECTIVE_ROWS = 100.0  # of either side, weighted towards what both share
MAX_OUTSIDE = 0.5  # share of a side that the other one hardly has
_HARDLY = 0.05  # as likely to be of the other side, were both of one size


@dataclass(frozen=True, slots=True)
class Overlap:
    """How much of both sides is where the other one has rows, too."""

    effective_before: float  # rows of an unweighted sample that would know as much
    effective_now: float
    outside_before: float  # share of rows that are hardly found on the other side
    outside_now: float

    @property
    def usable(self) -> bool:
        """Whether enough is shared to compare the relation on it."""
        return (
            min(self.effective_before, self.effective_now) >= MIN_EFFECTIVE_ROWS
            and max(self.outside_before, self.outside_now) <= MAX_OUTSIDE
        )

    @property
    def words(self) -> str:
        """One plain sentence with the numbers."""
        return (
            f"{self.outside_before:.0%} of rows before and {self.outside_now:.0%} of rows now have"
            f" no counterpart (at most {MAX_OUTSIDE:.0%}); what is shared is worth"
            f" {self.effective_before:,.0f} and {self.effective_now:,.0f} rows (at least"
            f" {MIN_EFFECTIVE_ROWS:,.0f})"
        )


@dataclass(frozen=True, slots=True)
class ShiftSplit:
    """The whole change and its parts, which add up to it; NaN where nothing can be said."""

    change: Metric  # mean loss now less before; n: rows of both sides
    towards: Metric  # inputs: from all rows before to those of them that are shared
    relation: Metric  # the same inputs, another loss
    away: Metric  # inputs: from the shared rows to all rows now
    overlap: Overlap
    refused: str = ""  # why nothing is said, in words
    inputs: Metric = field(default=Metric(np.nan, np.nan, np.nan, 0))  # towards and away together


class _Fitted(NamedTuple):
    """What was learnt about each row from the rows of other folds, shape ``(rows,)``."""

    is_now: Floats  # probability
    loss_before: Floats
    loss_now: Floats


def split_shift(
    before: Floats,
    now: Floats,
    losses_before: ArrayLike,
    losses_now: ArrayLike,
    *,
    categorical: NDArray[np.bool_],
    rng: Generator,
    days_before: ArrayLike | None = None,
    days_now: ArrayLike | None = None,
) -> ShiftSplit:
    """Are the inputs other ones, or do the same inputs turn out otherwise?

    Let P be the rows before, Q those now, R_P(x) and R_Q(x) the mean loss of inputs x on either
    side, and S the inputs that both have: with pi(x) = P(row is of now | x), S has the density
    ``pi (1 - pi)`` over all rows. Then::

        E_Q R_Q - E_P R_P  =  (E_S R_P - E_P R_P)       inputs, towards what is shared
                           +  (E_S R_Q - E_S R_P)       relation
                           +  (E_Q R_Q - E_S R_Q)       inputs, away from what is shared

    Both means over S weigh rows by 1 - pi (now) and pi (before), which is never large, and are
    augmented by regressions of the loss, so that a fault of pi has to meet one of theirs::

        E_S R_Q  =  sum_i ((1 - pi_i) T_i (l_i - r_i) + r_i g_i) / sum_i g_i
        g        =  (1 - pi)^2 of a row of now, pi^2 of a row before;    T = 1 now, 0 before

    and likewise for R_P. All three functions are learnt by gradient boosting from the other folds;
    pi is calibrated by Platt's two parameters. The 95 % intervals are those of the influence
    functions, summed by day where rows of a day share their luck, in Student's t with Welch and
    Satterthwaite's degrees of freedom.

    Parameters
    ----------
    before, now
        Inputs, shape ``(n, columns)`` and ``(m, columns)``; NaN where there is no value.
    losses_before, losses_now
        Of each row, larger is worse.
    categorical
        Which columns hold codes (0 to 254) instead of numbers, shape ``(columns,)``.
    days_before, days_now
        A code per row; without them each row stands for itself.

    Returns
    -------
    Without parts, and with the reason, where one side has fewer than 200 rows or the inputs
    overlap too little: where there is no shared support, no data tells inputs from relation.

    Source: Cai, Namkoong & Yadlowsky (2023), arXiv:2303.02011, for the split; Crump, Hotz, Imbens
    & Mitnik (2006), NBER T0330, for the influence functions of overlap weights; Chernozhukov et al.
    (2018), The Econometrics Journal 21(1), for cross-fitting.
    """
    losses = np.concatenate([np.asarray(losses_before, float), np.asarray(losses_now, float)])
    is_now = np.arange(losses.size) >= len(before)
    days = _clusters(days_before, days_now, is_now)
    whole = _whole(losses, is_now, days)
    if min(len(before), len(now)) < MIN_ROWS:
        nothing = Overlap(0.0, 0.0, np.nan, np.nan)
        words = f"{len(before):,} rows before and {len(now):,} now, {MIN_ROWS} of each are needed"
        return _refused(whole, nothing, words)
    if not before.shape[1]:
        return _refused(whole, Overlap(0.0, 0.0, np.nan, np.nan), "no input is known")
    fitted = _cross_fitted(np.concatenate([before, now]), losses, is_now, categorical, rng)
    overlap = _overlap(fitted.is_now, is_now)
    if not overlap.usable:
        return _refused(whole, overlap, f"inputs overlap too little: {overlap.words}")
    return _split(losses, is_now, fitted, days, overlap)


def _split(
    losses: Floats, is_now: NDArray[np.bool_], fitted: _Fitted, days: Codes, overlap: Overlap
) -> ShiftSplit:
    n, pi = losses.size, fitted.is_now
    g = np.where(is_now, (1 - pi) ** 2, pi**2)
    shared = {}
    for side, weight, learnt in (
        ("before", np.where(is_now, 0.0, pi), fitted.loss_before),
        ("now", np.where(is_now, 1 - pi, 0.0), fitted.loss_now),
    ):
        residual = weight * (losses - learnt)
        mean = float((residual + learnt * g).sum() / g.sum())
        shared[side] = mean, (residual + (learnt - mean) * g) / g.mean()
    own = {}
    for side, here in (("before", ~is_now), ("now", is_now)):
        mean = float(losses[here].mean())
        own[side] = mean, np.where(here, losses - mean, 0.0) * n / here.sum()

    def part(plus: tuple[float, Floats], minus: tuple[float, Floats]) -> tuple[float, Floats]:
        return plus[0] - minus[0], plus[1] - minus[1]

    towards = part(shared["before"], own["before"])
    relation = part(shared["now"], shared["before"])
    away = part(own["now"], shared["now"])
    inputs = towards[0] + away[0], towards[1] + away[1]
    change = towards[0] + relation[0] + away[0], own["now"][1] - own["before"][1]

    def known(one: tuple[float, Floats]) -> Metric:
        return _with_interval(one[0], one[1] / n, is_now, days)

    return ShiftSplit(
        known(change), known(towards), known(relation), known(away), overlap, inputs=known(inputs)
    )


def _whole(losses: Floats, is_now: NDArray[np.bool_], days: Codes) -> Metric:
    """The change alone."""
    if not (is_now.any() and (~is_now).any()):
        return Metric(np.nan, np.nan, np.nan, losses.size)
    means = losses[~is_now].mean(), losses[is_now].mean()
    sizes = np.count_nonzero(~is_now), np.count_nonzero(is_now)
    influence = np.where(is_now, (losses - means[1]) / sizes[1], -(losses - means[0]) / sizes[0])
    return _with_interval(float(means[1] - means[0]), influence, is_now, days)


def _refused(change: Metric, overlap: Overlap, words: str) -> ShiftSplit:
    nothing = Metric(np.nan, np.nan, np.nan, change.n)
    return ShiftSplit(change, nothing, nothing, nothing, overlap, words, nothing)


def _overlap(pi: Floats, is_now: NDArray[np.bool_]) -> Overlap:
    now, before = np.count_nonzero(is_now), np.count_nonzero(~is_now)
    odds = pi / (1 - pi) * before / now  # were both sides of one size
    outside = np.where(is_now, 1 / (1 + odds), odds / (1 + odds)) < _HARDLY
    effective_before, effective_now = (
        float(w.sum() ** 2 / np.square(w).sum()) for w in (pi[~is_now], 1 - pi[is_now])
    )
    return Overlap(
        effective_before,
        effective_now,
        float(outside[~is_now].mean()),
        float(outside[is_now].mean()),
    )


def _clusters(
    days_before: ArrayLike | None, days_now: ArrayLike | None, is_now: NDArray[np.bool_]
) -> Codes:
    """A code per row: rows of one side and day have the same one. A side of a single day tells
    nothing of how days differ: there each row stands for itself."""
    found = np.arange(is_now.size)
    for here, days in ((~is_now, days_before), (is_now, days_now)):
        if days is not None and here.any():
            first, codes = np.unique(np.asarray(days), return_inverse=True)
            if first.size > 1:
                found[here] = np.flatnonzero(here)[0] + codes
    return np.asarray(found, np.intp)


def _with_interval(
    value: float, influence: Floats, is_now: NDArray[np.bool_], days: Codes
) -> Metric:
    from scipy import special  # late: half a second

    total = spread = 0.0
    for here in (~is_now, is_now):
        _, codes, rows = np.unique(days[here], return_inverse=True, return_counts=True)
        by_day = np.bincount(codes, weights=influence[here])
        by_day -= rows * influence[here].mean()  # of what was learnt, a side's mean is not zero
        freedom = float(rows.sum() ** 2 / np.square(rows).sum()) - 1
        if not freedom > 0:
            return Metric(value, np.nan, np.nan, is_now.size)
        variance = float(np.square(by_day).sum()) * rows.size / (rows.size - 1)
        total, spread = total + variance, spread + variance**2 / freedom
    freedom = total**2 / spread if spread > 0 else 1.0
    reach = float(special.stdtrit(freedom, 0.975)) * float(np.sqrt(total))
    return Metric(value, value - reach, value + reach, is_now.size)


def _cross_fitted(
    points: Floats,
    losses: Floats,
    is_now: NDArray[np.bool_],
    categorical: NDArray[np.bool_],
    rng: Generator,
) -> _Fitted:
    """Every row is answered by models that learnt from the other folds."""
    import sklearn.ensemble  # noqa: F401 - late, as it takes a second; before its threads are limited
    from threadpoolctl import threadpool_limits

    times = TIMES if losses.size <= _FEW_ROWS else 1
    log_odds, before, now = np.zeros((3, losses.size))
    fold = np.empty(losses.size, np.intp)
    with threadpool_limits(1):  # threads that wait for a busy core take several times as long
        for step in range(FOLDS * times):
            number = step % FOLDS
            if not number:
                for side in (is_now, ~is_now):
                    fold[side] = rng.permutation(np.arange(np.count_nonzero(side)) % FOLDS)
            learn, here = fold != number, fold == number
            domain = _boosted("classifier", categorical, rng).fit(points[learn], is_now[learn])
            log_odds[here] += domain.decision_function(points[here]) / times
            for found, side in ((before, ~is_now), (now, is_now)):
                of_side = learn & side
                loss = _boosted("regressor", categorical, rng)
                loss.fit(points[of_side], losses[of_side])
                found[here] += loss.predict(points[here]) / times
    return _Fitted(_calibrated(log_odds, is_now), before, now)


def _calibrated(log_odds: Floats, is_now: NDArray[np.bool_]) -> Floats:
    """Platt (1999): the odds that boosting finds in noise are taken back."""
    from sklearn.linear_model import LogisticRegression

    score = np.clip(log_odds, -50, 50)[:, None]
    platt = LogisticRegression(C=1e6).fit(score, is_now)
    found: Floats = np.clip(platt.predict_proba(score)[:, 1], 1e-9, 1 - 1e-9)
    return found


def _boosted(kind: str, categorical: NDArray[np.bool_], rng: Generator) -> Any:
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    made = {
        "classifier": HistGradientBoostingClassifier,
        "regressor": HistGradientBoostingRegressor,
    }[kind]
    return made(
        max_iter=30,
        max_leaf_nodes=8,
        min_samples_leaf=30,
        l2_regularization=5.0,
        early_stopping=False,
        categorical_features=categorical,
        random_state=int(rng.integers(2**31)),
    )
