"""Did the features drift together, even where each alone looks the same?"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitoring_dagster.stats.columns.encoding import Pooled
from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.drift.drift_verdict import Verdict

FOLDS = 5
MIN_AUC = 0.55  # as where every tenth row lies where the reference has none
MIN_ROWS = 200


@dataclass(frozen=True, slots=True)
class Separation:
    """How well a classifier tells the two samples apart on rows it has not seen."""

    auc: float  # 0.5: not at all
    low: float  # 95 % interval
    high: float
    p_value: float  # one-sided: that it is no better than a guess
    importances: dict[str, float] = field(default_factory=dict)  # AUC lost, largest first


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """How far two samples lie apart as a whole."""

    mmd2: float  # 0 on average without drift, so it may be negative
    p_value: float


@dataclass(frozen=True, slots=True)
class JointVerdict:
    """All columns of two samples, judged together."""

    separation: Separation
    discrepancy: Discrepancy
    n_reference: int
    n_current: int
    p_adjusted: float  # the smaller p-value, for two looks; NaN where no verdict is given
    verdict: Verdict
    reason: str  # one plain sentence with the numbers


def compare(
    reference: pa.Table,
    current: pa.Table,
    *,
    rng: np.random.Generator,
    alpha: float = 0.05,
    usual_auc: float = 0.5,
) -> JointVerdict:
    """Did the columns of *reference* drift together?

    Drift needs evidence and effect: the smaller of both p-values, doubled for the two looks
    (Bonferroni), stays below *alpha*, and the 95 % interval of the AUC lies above MIN_AUC and above
    *usual_auc*, which an ordinary week shows. Below MIN_ROWS on either side no verdict is given.
    """
    rows = (reference.num_rows, current.num_rows)
    pooled = Pooled.of(reference, current)
    shortage = _shortage(*rows, pooled)
    if shortage is not None:
        nothing = Separation(0.5, 0.0, 1.0, 1.0), Discrepancy(0.0, 1.0)
        return JointVerdict(*nothing, *rows, float("nan"), Verdict.INSUFFICIENT, shortage)
    apart, distance = domain_classifier(pooled, rng=rng), mmd(pooled, rng=rng)
    p = min(1.0, 2 * min(apart.p_value, distance.p_value))
    verdict, reason = _judged(apart, p, alpha=alpha, bound=max(MIN_AUC, usual_auc))
    return JointVerdict(apart, distance, *rows, p, verdict, reason)


def _shortage(n_reference: int, n_current: int, pooled: Pooled) -> str | None:
    for rows, side in ((n_reference, "the reference"), (n_current, "the current data")):
        if rows < MIN_ROWS:
            return f"{side} has {rows:,} rows, below the {MIN_ROWS:,} needed for a verdict"
    return None if pooled.points.shape[1] else "no column varies"


def _judged(apart: Separation, p: float, *, alpha: float, bound: float) -> tuple[Verdict, str]:
    evidence = f"p = {p:.2g} of two tests" if p >= 1e-16 else "p < 1e-16 of two tests"
    if p >= alpha:
        return Verdict.OK, f"not significant ({evidence}, needed below {alpha:g})"
    seen = f"AUC {apart.auc:.3f}, at least {apart.low:.3f} (bound {bound:.3f})"
    if apart.low <= bound:
        return (
            Verdict.OK,
            "significant, below the effect threshold: a classifier tells the rows apart with"
            f" {seen}; {evidence}",
        )
    first = [name for name, lost in apart.importances.items() if lost > 0][:3]
    return Verdict.DRIFT, (
        f"a classifier tells the rows from the reference with {seen}; {evidence};"
        f" mostly by {', '.join(first)}"
    )


def domain_classifier(pooled: Pooled, *, rng: np.random.Generator) -> Separation:
    """Can a classifier tell the current rows from the reference?

    Cross-fitted gradient boosting: each of five folds is scored by a classifier that the other four
    trained, and the areas under the ROC curve are averaged. With A_f the area in fold f of K::

        auc  =  mean A_f        variance  =  (1 / K + 1 / (K - 1)) mean var(A_f)

    where var(A_f) is DeLong's for the interval, and (m + n + 1) / 12 m n for the p-value: without
    drift the rows of a fold can change places, whatever its classifier has learnt. 1 / (K - 1) is
    Nadeau and Bengio's allowance for folds that learn from each other's rows: without it, far more
    comparisons without drift alarm than promised.

    Returns
    -------
    With the importance of a column: the area lost when its values are shuffled in the unseen folds.

    Source: Lopez-Paz & Oquab (2017), Revisiting classifier two-sample tests, ICLR; Nadeau & Bengio
    (2003), Machine Learning 52; DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44(3).
    """
    from scipy import special  # late: half a second
    from threadpoolctl import threadpool_limits

    current = pooled.is_current
    if not pooled.points.shape[1] or min(pooled.n_reference, pooled.n_current) < 2 * FOLDS:
        return Separation(0.5, 0.0, 1.0, 1.0)
    areas, variances, under_null = [], [], []
    lost = np.zeros(len(pooled.columns))
    with threadpool_limits(1):  # threads that wait for a busy core take several times as long
        for train, test in _folds(current, rng):
            classifier = _classifier(rng).fit(pooled.points[train], current[train])
            area, variance = _auc(classifier.decision_function(pooled.points[test]), current[test])
            n, m = int(current[test].sum()), int((~current[test]).sum())
            areas.append(area)
            variances.append(variance)
            under_null.append((n + m + 1) / (12 * n * m))
            lost += (area - _shuffled_aucs(classifier, pooled, test, rng)) / FOLDS
    auc = float(np.mean(areas))
    shared = 1 / FOLDS + 1 / (FOLDS - 1)
    spread = 1.96 * np.sqrt(shared * np.mean(variances))
    z = (auc - 0.5) / np.sqrt(shared * np.mean(under_null))
    order = np.argsort(-lost, kind="stable")
    return Separation(
        auc=auc,
        low=max(auc - spread, 0.0),
        high=min(auc + spread, 1.0),
        p_value=float(special.ndtr(-z)),
        importances={pooled.columns[place]: float(lost[place]) for place in order},
    )


def mmd(pooled: Pooled, *, rng: np.random.Generator, permutations: int = 500) -> Discrepancy:
    """How far do the two samples lie apart: maximum mean discrepancy, squared and unbiased.

    With the kernel k(x, y) = exp(-|x - y|^2 / 2 s^2), s half the median distance of two rows::

        mmd2  =  mean k(x, x')  +  mean k(y, y')  -  2 mean k(x, y)        x != x', y != y'

    The p-value is the share of *permutations* of the rows, the given one included, whose mmd2 is at
    least as large: exact, whatever the distribution.

    Half the median, as at the median itself the kernel is nearly linear in many columns, and blind
    to a correlation that flips.

    Source: Gretton, Borgwardt, Rasch, Schölkopf & Smola (2012), JMLR 13, lemma 6.
    """
    m, n = pooled.n_reference, pooled.n_current
    if not pooled.points.shape[1] or min(m, n) < 2:
        return Discrepancy(0.0, 1.0)
    kernel = _kernel(pooled.points)
    given = (~pooled.is_current).astype(np.float32)
    signs = np.vstack([given, rng.permuted(np.tile(given, (permutations, 1)), axis=1)]).T
    per_row = kernel.sum(axis=1, dtype=np.float64)
    within = np.einsum("ij,ij->j", signs, kernel @ signs, dtype=np.float64)  # x with x'
    touching = per_row @ signs  # x with anybody
    between = touching - within
    rest = per_row.sum() - touching - between
    found = within / (m * (m - 1)) + rest / (n * (n - 1)) - 2 * between / (m * n)
    as_large = np.count_nonzero(found[1:] >= found[0])
    return Discrepancy(float(found[0]), (1 + as_large) / (1 + permutations))


def _kernel(points: Floats) -> NDArray[np.float32]:
    """Single precision: twice as fast, and far finer than the noise between permutations."""
    x = points.astype(np.float32)
    squares = np.einsum("ij,ij->i", x, x)
    distances = squares[:, None] + squares[None, :] - 2 * (x @ x.T)
    np.maximum(distances, 0, out=distances)
    # Of the squares, so (2 s)^2; the zeros of the diagonal are too few to move it.
    median = float(np.median(distances)) or float(distances.mean())
    distances /= -median / 2
    kernel: NDArray[np.float32] = np.exp(distances, out=distances)
    np.fill_diagonal(kernel, 0)
    return kernel


def _folds(
    current: NDArray[np.bool_], rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows to train and rows to test on; every fold has its share of both samples."""
    fold = np.empty(current.size, dtype=np.intp)
    for side in (current, ~current):
        fold[side] = rng.permutation(np.arange(np.count_nonzero(side)) % FOLDS)
    for number in range(FOLDS):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _classifier(rng: np.random.Generator) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier  # late: a second

    return HistGradientBoostingClassifier(
        max_iter=60,
        early_stopping=False,
        random_state=int(rng.integers(2**31)),
    )


def _auc(scores: Floats, current: NDArray[np.bool_]) -> tuple[float, float]:
    """The area under the ROC curve, ties half, and DeLong's variance of it."""
    above = _placements(scores[current], scores[~current])
    below = 1 - _placements(scores[~current], scores[current])
    variance = np.var(above, ddof=1) / above.size + np.var(below, ddof=1) / below.size
    return float(above.mean()), float(variance)


def _placements(scores: Floats, others: Floats) -> Floats:
    """Share of *others* below each score, ties half."""
    ranked = np.sort(others)
    below = np.searchsorted(ranked, scores, "left") + np.searchsorted(ranked, scores, "right")
    shares: Floats = below / (2 * others.size)
    return shares


def _shuffled_aucs(
    classifier: Any, pooled: Pooled, test: NDArray[np.intp], rng: np.random.Generator
) -> Floats:
    """The area in a fold with each column shuffled, shape ``(columns,)``; one call for all."""
    points, current = pooled.points[test], pooled.is_current[test]
    copies = np.tile(points, (len(pooled.columns), 1, 1))
    for place in range(len(pooled.columns)):
        axes = np.flatnonzero(pooled.column == place)
        copies[place][:, axes] = points[rng.permutation(len(points))][:, axes]
    scores = classifier.decision_function(copies.reshape(-1, points.shape[1]))
    return np.array([_auc(one, current)[0] for one in scores.reshape(len(copies), -1)])
