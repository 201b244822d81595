"""How good were the predictions, and how surely?  Outcomes in, metrics with intervals out."""

import math
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.stats.outcomes import Outcomes, score_of_bin
from monitoring_dagster.stats.values import Floats

HIGHER_IS_BETTER: Final = frozenset(
    {
        "accuracy",
        "average_precision",
        "balanced_accuracy",
        "f1",
        "precision",
        "r2",
        "recall",
        "roc_auc",
    }
)

_Z = 1.959963984540054  # two-sided 95 % of the normal law
_NAN = float("nan")
_CALIBRATION_GROUPS = 10

_Counts: TypeAlias = NDArray[np.float64]


class Metric(NamedTuple):
    """A metric over n rows with its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float
    n: int


def metrics(outcomes: Outcomes) -> dict[str, Metric]:
    """Every metric that the task has, named as in scikit-learn.

    Binary: accuracy, balanced_accuracy, precision, recall, f1, base_rate; with scores also log_loss
    (nats), brier, bias (mean score minus share of ones), mean_score, ece, roc_auc,
    average_precision. Multiclass: accuracy, balanced_accuracy; precision, recall and f1 as the
    plain mean over classes; with scores also mean_score and ece. Regression: mae, rmse, mse, bias
    (prediction minus label), r2, mape (over labels other than 0).

    Undefined values are NaN, never an error. Intervals: Wilson (1927) for shares, the normal law
    for means; the others say what they are.
    """
    if outcomes.task == "regression":
        return _of_numbers(outcomes)
    labels = sorted({name for cell in outcomes.cells for name in cell})
    place = {name: i for i, name in enumerate(labels)}
    table = np.zeros((len(labels), len(labels)))
    for (label, prediction), rows in outcomes.cells.items():
        table[place[label], place[prediction]] += rows
    found = {
        "accuracy": _share(np.trace(table), table.sum()),
        "balanced_accuracy": _mean_of_shares(np.diag(table), table.sum(axis=1), absent=_NAN),
    }
    if outcomes.task == "binary":
        return found | _of_ones(outcomes) | _of_scores(outcomes)
    hits = np.diag(table)
    found["precision"] = _mean_of_shares(hits, table.sum(axis=0), absent=0.0)
    found["recall"] = _mean_of_shares(hits, table.sum(axis=1), absent=0.0)
    found["f1"] = _mean_f1(hits, table.sum(axis=0) + table.sum(axis=1) - hits)
    return found | _of_confidence(outcomes)


def _of_ones(outcomes: Outcomes) -> dict[str, Metric]:
    hit, missed, false = (
        outcomes.cells.get(cell, 0) for cell in (("1", "1"), ("1", "0"), ("0", "1"))
    )
    # F1 = 2J / (1 + J) grows with J = hits / (hits + misses + false alarms), a share.
    of_all = _share(hit, hit + missed + false)
    f1 = [2 * j / (1 + j) for j in of_all[:3]]
    return {
        "precision": _share(hit, hit + false),
        "recall": _share(hit, hit + missed),
        "f1": Metric(f1[0], f1[1], f1[2], of_all.n),
        "base_rate": _share(hit + missed, outcomes.n),
    }


def _of_scores(outcomes: Outcomes) -> dict[str, Metric]:
    sums = outcomes.sums
    n = int(sums.get("scored", 0))
    if not n:
        return {}
    bins = sorted(outcomes.scores)
    wrong, right = np.array([outcomes.scores[i] for i in bins], dtype=np.float64).T
    return {
        "log_loss": _mean(sums["log_loss"], sums["log_loss_square"], n, at_least=0.0),
        "brier": _mean(sums["brier"], sums["brier_square"], n, at_least=0.0),
        "bias": _mean(sums["score"] - right.sum(), sums["brier"], n),
        **_of_confidence(outcomes),
        "roc_auc": _roc_auc(wrong, right),
        "average_precision": _average_precision(wrong, right),
    }


def _of_confidence(outcomes: Outcomes) -> dict[str, Metric]:
    sums = outcomes.sums
    n = int(sums.get("scored", 0))
    if not n:
        return {}
    bins = sorted(outcomes.scores)
    wrong, right = np.array([outcomes.scores[i] for i in bins], dtype=np.float64).T
    return {
        "mean_score": _mean(sums["score"], sums["score_square"], n, at_least=0.0),
        "ece": _calibration_error(score_of_bin(bins), wrong, right),
    }


def _roc_auc(negative: _Counts, positive: _Counts) -> Metric:
    """Probability that a positive scores above a negative, ties half; DeLong's interval.

    Exact over score bins; rows of one bin count as tied, an error of order 1e-5.

    Source: DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44(3).
    """
    n, m = positive.sum(), negative.sum()
    if not (n and m):
        return Metric(_NAN, _NAN, _NAN, int(n + m))
    of_positive = (np.cumsum(negative) - negative / 2) / m  # share of negatives below each bin
    of_negative = 1 - (np.cumsum(positive) - positive / 2) / n
    auc = float(of_positive @ positive / n)
    spread = [
        float((places - auc) ** 2 @ rows) / (size - 1) / size if size > 1 else _NAN
        for places, rows, size in ((of_positive, positive, n), (of_negative, negative, m))
    ]
    reach = _Z * np.sqrt(sum(spread))
    low, high = np.clip([auc - reach, auc + reach], 0, 1).tolist()
    return Metric(auc, low, high, int(n + m))


def _average_precision(negative: _Counts, positive: _Counts) -> Metric:
    """Precision averaged over recall; a normal interval of its log-odds.

    Rows of one score bin count as tied, an error of order 1e-4 to 1e-3.

    Source: Boyd, Eng & Page (2013), ECML PKDD, for the interval.
    """
    n, total = positive.sum(), int(positive.sum() + negative.sum())
    if not n:
        return Metric(_NAN, _NAN, _NAN, total)
    hits, alarms = np.cumsum(positive[::-1]), np.cumsum((positive + negative)[::-1])
    value = min(float(np.sum(positive[::-1] / n * hits / alarms)), 1.0)
    if not 0 < value < 1:
        return Metric(value, _NAN, _NAN, total)
    odds, reach = np.log(value / (1 - value)), _Z / np.sqrt(n * value * (1 - value))
    low, high = (float(1 / (1 + np.exp(-x))) for x in (odds - reach, odds + reach))
    return Metric(value, low, high, total)


def _calibration_error(score: Floats, wrong: _Counts, right: _Counts) -> Metric:
    """Mean gap between score and share of ones, over ten groups of about equal rows.

    Scores are those of the bins' middles, at most 0.001 off. A calibrated model of n rows still
    averages about ``sqrt(10 * p * (1 - p) / n) * 0.8``. Interval: normal, groups independent.

    Source: Nixon et al. (2019), CVPR workshops (adaptive calibration error).
    """
    rows = wrong + right
    total = rows.sum()
    upto = np.cumsum(rows) - rows / 2
    group = np.minimum(upto * _CALIBRATION_GROUPS // total, _CALIBRATION_GROUPS - 1).astype(np.intp)
    n, ones, expected = (np.bincount(group, w) for w in (rows, right, score * rows))
    n, ones, expected = (x[n > 0] for x in (n, ones, expected))
    value = float(np.abs(ones - expected).sum() / total)
    reach = _Z * float(np.sqrt(np.sum(ones * (1 - ones / n)))) / total
    return Metric(value, max(value - reach, 0.0), min(value + reach, 1.0), int(total))


def _of_numbers(outcomes: Outcomes) -> dict[str, Metric]:
    sums, n = outcomes.sums, outcomes.n
    error, absolute, square, fourth, share, share_square, nonzero = (
        sums.get(name, 0.0)
        for name in (
            "error",
            "absolute",
            "square",
            "fourth",
            "share",
            "share_square",
            "nonzero",
        )
    )
    mse = _mean(square, fourth, n, at_least=0.0)
    spread = outcomes.label[2] / n if n else 0.0
    # r2 takes the labels' variance as known, so its interval is that of the squared error.
    r2 = [1 - x / spread if spread else _NAN for x in (mse.value, mse.high, mse.low)]
    return {
        "mae": _mean(absolute, square, n, at_least=0.0),
        "rmse": Metric(math.sqrt(mse.value), math.sqrt(mse.low), math.sqrt(mse.high), n),
        "mse": mse,
        "bias": _mean(error, square, n),
        "r2": Metric(r2[0], r2[1], r2[2], n),
        "mape": _mean(share, share_square, int(nonzero), at_least=0.0),
    }


def _share(rows: float, of: float) -> Metric:
    """Wilson's score interval: keeps its promise near 0 and 1 too."""
    if not of:
        return Metric(_NAN, _NAN, _NAN, 0)
    p, z2 = rows / of, _Z**2
    middle = (p + z2 / (2 * of)) / (1 + z2 / of)
    reach = _Z / (1 + z2 / of) * np.sqrt(p * (1 - p) / of + z2 / (4 * of**2))
    low, high = max(min(middle - reach, p), 0.0), min(max(middle + reach, p), 1.0)
    return Metric(float(p), float(low), float(high), int(of))


def _mean(total: float, squares: float, n: int, *, at_least: float = -np.inf) -> Metric:
    """Normal interval from a sum and a sum of squares; one row has a mean and no interval."""
    if not n:
        return Metric(_NAN, _NAN, _NAN, 0)
    mean = total / n
    if n < 2 or not np.isfinite(squares):
        return Metric(mean, _NAN, _NAN, n)
    reach = _Z * float(np.sqrt(max(squares / n - mean**2, 0.0) / (n - 1)))
    return Metric(mean, max(mean - reach, at_least), mean + reach, n)


def _mean_of_shares(rows: _Counts, of: _Counts, *, absent: float) -> Metric:
    """Mean over classes; normal interval, classes independent. A class without rows is *absent*."""
    n = int(np.sum(of))
    share = np.divide(rows, of, out=np.full(rows.shape, absent), where=of > 0)
    share, of = share[~np.isnan(share)], np.maximum(of[~np.isnan(share)], 1)
    if not share.size:
        return Metric(_NAN, _NAN, _NAN, n)
    return _around(share, share * (1 - share) / of, n)


def _mean_f1(hits: _Counts, union: _Counts) -> Metric:
    """Mean F1 over classes; delta method on hits / union of labels and predictions."""
    if not hits.size:
        return Metric(_NAN, _NAN, _NAN, 0)
    share = hits / union
    return _around(
        2 * share / (1 + share),
        (2 / (1 + share) ** 2) ** 2 * share * (1 - share) / union,
        int(union.sum()),
    )


def _around(values: _Counts, variances: ArrayLike, n: int) -> Metric:
    value = float(np.mean(values))
    reach = _Z * float(np.sqrt(np.sum(variances))) / values.size
    return Metric(value, max(value - reach, 0.0), min(value + reach, 1.0), n)
