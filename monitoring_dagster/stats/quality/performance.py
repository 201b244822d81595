"""How good were the predictions, and how surely?  Outcomes in, metrics with intervals out."""

import math
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.inference.intervals import Z95, wilson
from monitoring_dagster.stats.inference.sums import Sum
from monitoring_dagster.stats.quality.outcomes import Outcomes, score_of_bin

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

_NAN = float("nan")
_CALIBRATION_GROUPS = 10
_MEANS_OF_SCORES = {"log_loss": "log_loss", "brier": "brier", "mean_score": "score"}

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
    (prediction minus label), r2, mape (over labels other than 0). Without the counts per score bin
    bias, ece, roc_auc and average_precision are missing.

    Exact, as scikit-learn on the rows, are all but three, which know scores by their bins: roc_auc
    (within 1e-4) and average_precision (within 1e-3, both from some 20,000 rows and as long as
    scores do not crowd within a few bins of 0.004 log-odds), and ece (within 0.0005 of the exact
    scores' over the same groups). Scores closer to 0 or 1 than 1e-7 are alike to them.

    Undefined values are NaN, never an error; so is everything of a change alone that takes more
    rows away than there are. The interval holds the true value in 95 % of days, give or take 2 %,
    but for average_precision (90 % from fifty positives on), ece (95 % or more) and r2, which takes
    the labels' variance as known. Shares: Wilson (1927); means: the normal law; the others say what
    they are.
    """
    if outcomes.task == "regression":
        return _of_numbers(outcomes)
    if _is_change(outcomes):
        outcomes = Outcomes(outcomes.task)
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
    found["f1"] = _mean_f1(table)
    return found | _of_scores(outcomes)


def _is_change(outcomes: Outcomes) -> bool:
    """Whether more rows were taken away than are there: then there is no quality to be told."""
    return any(rows < 0 for rows in outcomes.cells.values()) or any(
        bool((scored.rows < 0).any()) for scored in outcomes.scores.values()
    )


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
    found = {
        name: _mean(sums[summed], at_least=0.0)
        for name, summed in _MEANS_OF_SCORES.items()
        if summed in sums
    }
    if not outcomes.scores:
        return found
    bins, wrong, right = outcomes.by_score()
    found["ece"] = _calibration_error(score_of_bin(bins), wrong, right)
    if outcomes.task == "binary":
        bias = sums["score"].mean - float(right.sum() / (right + wrong).sum())
        found["bias"] = mean_metric(bias, sums["brier"].mean - bias**2, sums["score"].n)
        found["roc_auc"] = _roc_auc(wrong, right)
        found["average_precision"] = _average_precision(wrong, right)
    return found


def _roc_auc(negative: _Counts, positive: _Counts) -> Metric:
    """Probability that a positive scores above a negative, ties half; an interval by DeLong.

    Rows of one score bin count as tied: wrong by at most half the share of such pairs.

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
    return _by_odds(min(auc, 1.0), math.sqrt(sum(spread)), int(n + m), rarer=min(n, m))


def _average_precision(negative: _Counts, positive: _Counts) -> Metric:
    """Precision averaged over recall; an interval normal in its log-odds.

    Rows of one score bin count as tied, as scikit-learn counts equal scores. With precision p(t)
    among the a(t) rows scored t or more, one row more at s changes the sum of p over positives by

        positive: p(s) - AP + sum over positives t <= s of (1 - p(t)) / a(t)
        negative:           - sum over positives t <= s of p(t) / a(t)

    and the variance is the sum of their squares.
    """
    n, total = positive.sum(), int(positive.sum() + negative.sum())
    if not n:
        return Metric(_NAN, _NAN, _NAN, total)
    above = np.cumsum((positive + negative)[::-1])[::-1]
    precision = np.cumsum(positive[::-1])[::-1] / above
    value = min(float(precision @ positive / n), 1.0)
    of_positive = precision - value + np.cumsum(positive * (1 - precision) / above)
    of_negative = np.cumsum(positive * precision / above)
    error = float(np.sqrt(of_positive**2 @ positive + of_negative**2 @ negative)) / n
    return _by_odds(value, error, total, rarer=n)


def _by_odds(value: float, error: float, n: int, *, rarer: float) -> Metric:
    """A normal interval of the log-odds: with few positives the plain one misses below.

    At 0 and 1, which have no odds, Wilson's for as many rows as the *rarer* class has.
    """
    if not math.isfinite(error):
        return Metric(value, _NAN, _NAN, n)
    if not 0 < value < 1:
        return Metric(*_share(value * rarer, rarer)[:3], n)
    odds, factor = value / (1 - value), math.exp(min(Z95 * error / (value * (1 - value)), 700.0))
    low, high = odds / factor, odds * factor
    return Metric(value, low / (1 + low), high / (1 + high), n)


def _calibration_error(score: Floats, wrong: _Counts, right: _Counts) -> Metric:
    """Mean gap between score and share of ones, over ten groups of about equal rows.

    Noise makes gaps: a calibrated model of n rows still averages about
    ``sqrt(10 * p * (1 - p) / n) * 0.8``. The interval allows for all of that below, so it holds the
    true gap in 95 % or more.

    Source: Nixon et al. (2019), CVPR workshops (adaptive calibration error).
    """
    rows = wrong + right
    total = rows.sum()
    upto = np.cumsum(rows) - rows / 2
    group = np.minimum(upto * _CALIBRATION_GROUPS // total, _CALIBRATION_GROUPS - 1).astype(np.intp)
    n, ones, expected = (np.bincount(group, w) for w in (rows, right, score * rows))
    n, ones, expected = (x[n > 0] for x in (n, ones, expected))
    value = float(np.abs(ones - expected).sum() / total)
    variance = ones * (1 - ones / n)
    reach = Z95 * float(np.sqrt(variance.sum())) / total
    noise = float(np.sqrt(2 / np.pi * variance).sum()) / total
    return Metric(value, max(value - noise - reach, 0.0), min(value + reach, 1.0), int(total))


def _of_numbers(outcomes: Outcomes) -> dict[str, Metric]:
    error, over, square, share, label = (
        outcomes.sums.get(name, Sum()) for name in ("error", "over", "square", "share", "label")
    )
    absolute = Sum(error.n, 2 * over.total - error.total, error.squares, error.infinite)
    mse = _mean(square, at_least=0.0)
    spread = label.variance or _NAN
    # r2 takes the labels' variance as known, so its interval is that of the squared error.
    return {
        "mae": _mean(absolute, at_least=0.0),
        "rmse": Metric(_root(mse.value), _root(mse.low), _root(mse.high), mse.n),
        "mse": mse,
        "bias": _mean(error),
        "r2": Metric(1 - mse.value / spread, 1 - mse.high / spread, 1 - mse.low / spread, mse.n),
        "mape": _mean(share, at_least=0.0),
    }


def label_spread(outcomes: Outcomes) -> float:
    """Standard deviation of the labels, in their unit; NaN without rows, and for classes.

    >>> label_spread(Outcomes("binary", {("1", "1"): 2, ("0", "1"): 8}))
    0.4
    """
    if outcomes.task == "regression":
        variance = outcomes.sums.get("label", Sum()).variance
    elif outcomes.task == "binary" and outcomes.n > 0:
        ones = sum(rows for (label, _), rows in outcomes.cells.items() if label == "1")
        variance = ones / outcomes.n * (1 - ones / outcomes.n)
    else:
        variance = _NAN
    return _root(variance)


def quantile_loss(outcomes: Outcomes, level: float) -> Metric:
    """Pinball loss of a regression that predicts the quantile at *level*, 0 to 1.

    With error = prediction - label::

        mean(level * max(-error, 0) + (1 - level) * max(error, 0))

    Exact at any level: both parts, and their squares, are stored.

    Source: Koenker & Bassett (1978), Econometrica 46(1).
    """
    error, over = (outcomes.sums.get(name, Sum()) for name in ("error", "over"))
    under = Sum(
        error.n,
        over.total - error.total,
        error.squares - over.squares,
        error.infinite - over.infinite,
    )
    weighted = ((level, under), (1 - level, over))
    mean = sum(weight * part.mean for weight, part in weighted)
    square = sum(weight**2 * (part.variance + part.mean**2) for weight, part in weighted)
    return mean_metric(mean, square - mean**2, error.n, at_least=0.0)


def _share(rows: float, of: float) -> Metric:
    low, high = wilson(rows, of)
    return Metric(float(rows / of) if of else _NAN, float(low), float(high), int(of))


def mean_metric(mean: float, variance: float, n: int, *, at_least: float = -math.inf) -> Metric:
    """A mean of n rows of this variance, with a normal interval; one row has a mean and none."""
    if n < 1 or math.isnan(mean):
        return Metric(_NAN, _NAN, _NAN, max(n, 0))
    if n < 2 or not math.isfinite(variance):
        return Metric(mean, _NAN, _NAN, n)
    reach = Z95 * math.sqrt(max(variance, 0.0) / (n - 1))
    return Metric(mean, max(mean - reach, at_least), mean + reach, n)


def _mean(one: Sum, *, at_least: float = -math.inf) -> Metric:
    # Values that cannot be negative are infinite together where one is.
    mean = math.inf if one.infinite and at_least == 0 else one.mean
    return mean_metric(mean, one.variance, one.n, at_least=at_least)


def _root(square: float) -> float:
    return math.sqrt(square) if square >= 0 else _NAN


def _mean_of_shares(rows: _Counts, of: _Counts, *, absent: float) -> Metric:
    """Mean over classes, which are independent. A class without rows is *absent*.

    The interval has Wilson's for each class, their reaches squared and summed.

    Source: Zou & Donner (2008), Statistics in Medicine 27(10).
    """
    n = int(np.sum(of))
    share = np.divide(rows, of, out=np.full(rows.shape, absent), where=of > 0)
    ends = np.where(of > 0, wilson(rows, of), absent)
    if np.isnan(share).all():
        return Metric(_NAN, _NAN, _NAN, n)
    value, classes = float(np.nanmean(share)), np.count_nonzero(~np.isnan(share))
    below, above = (float(x) for x in np.sqrt(np.nansum((ends - share) ** 2, axis=1)) / classes)
    return Metric(value, value - below, value + above, n)


def _mean_f1(table: _Counts) -> Metric:
    """Mean F1 over classes, 2 hits / size of each, where size counts labels and predictions.

    By the delta method: what one row more in a cell changes, squared and summed over the rows.
    """
    hits, size = np.diag(table), table.sum(axis=0) + table.sum(axis=1)
    hits, size, table = (
        hits[size > 0],
        size[size > 0],
        table[np.ix_(size > 0, size > 0)],
    )
    if not hits.size:
        return Metric(_NAN, _NAN, _NAN, 0)
    f1 = 2 * hits / size
    change = 2 * np.diag(1 / size) - np.add.outer(f1 / size, f1 / size)
    value = float(np.mean(f1))
    reach = Z95 * float(np.sqrt(np.sum(table * change**2))) / f1.size
    return Metric(value, max(value - reach, 0.0), min(value + reach, 1.0), int(table.sum()))
