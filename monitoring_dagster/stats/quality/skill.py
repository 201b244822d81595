"""Skill: how much better a model is than a constant answer to the same rows."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from monitoring_dagster.stats.inference.intervals import mean_of_blocks
from monitoring_dagster.stats.inference.sums import Sum
from monitoring_dagster.stats.quality.labelled_rows import ScoreCounts, label_of_bin
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import HIGHER_IS_BETTER, Metric

_ROUNDING = 1e-12  # of a skill: so near to zero it is zero
_FINEST = 0.25  # of the labels' standard deviation: the widest bin that their median may lie in


@dataclass(frozen=True, slots=True)
class Skill:
    """What a model saves of a constant's loss: 1 saves all of it, below 0 it adds to it."""

    together: Metric  # over all days, with a 95 % interval in which each day has one voice
    of_days: tuple[float, ...]  # their mean by rows is the one above
    metric: float  # the model's, a mean by rows
    constant: float  # the same metric of the constant
    answer: str  # what the constant says, in words


class _Constant(NamedTuple):
    answer: str
    losses: list[float]  # a day each


def skill_of(
    metric: str,
    days: Sequence[Outcomes],
    values: Sequence[float],
    *,
    learnt: Outcomes | None = None,
) -> Skill | None:
    """How much better than a constant a model was on some days; None where no constant answers the
    metric, or all labels are alike.

    The constant is one and the same over all days: the base rate (log_loss, brier), the most
    frequent class (accuracy), the mean (rmse, mse) or the median (mae) of the labels that it has
    learnt from; whatever it says, roc_auc is 0.5 and balanced_accuracy one class's share.
    With the model's loss l_b and the constant's c_b on the n_b rows of day b (1 - metric, where
    higher is better)::

        skill_b  = (c_b - l_b) / c,     c = sum_b n_b * c_b / n
        together = sum_b n_b * skill_b / n

    The median is known by bins of labels: its error exact within 1 %, None where labels lie so far
    from zero that bins are wider than a quarter of their standard deviation.

    Parameters
    ----------
    days
        The labelled rows of each day.
    values
        The model's metric on each; days without one are left out.
    learnt
        The labelled rows that the constant knows; by default the days' own, which makes it the best
        in hindsight. Of few days that is more than anybody could have known: the base rate of a
        calm week is worth more than many a model.

    Source: Murphy (1988), Monthly Weather Review 116(12), for skill; `mean_of_blocks` for its
    interval.
    """
    make = _CONSTANTS.get(metric)
    known = [
        (day, value)
        for day, value in zip(days, values, strict=True)
        if day.n > 0 and math.isfinite(value)
    ]
    of_days = [day for day, _ in known]
    constant = None
    if make and known:
        constant = make(of_days, sum(of_days[1:], of_days[0]) if learnt is None else learnt)
    if constant is None:
        return None
    rows = np.array([day.n for day, _ in known], float)
    own = np.array([value for _, value in known])
    of_constant = np.array(constant.losses)
    mean = float(rows @ of_constant / rows.sum())
    if not mean > 0:
        return None
    is_share = metric in HIGHER_IS_BETTER
    saved = (of_constant - (1 - own if is_share else own)) / mean
    saved[np.abs(saved) < _ROUNDING] = 0.0
    value, low, high = mean_of_blocks(saved, rows)
    return Skill(
        Metric(value, low, high, int(rows.sum())),
        tuple(saved.tolist()),
        float(rows @ own / rows.sum()),
        1 - mean if is_share else mean,
        constant.answer,
    )


def _log_loss(days: Sequence[Outcomes], learnt: Outcomes) -> _Constant | None:
    return _of_rate(days, learnt, lambda score: -math.log(score))


def _brier(days: Sequence[Outcomes], learnt: Outcomes) -> _Constant | None:
    return _of_rate(days, learnt, lambda score: (1 - score) ** 2)


def _of_rate(
    days: Sequence[Outcomes], learnt: Outcomes, loss: Callable[[float], float]
) -> _Constant | None:
    """Always the share of ones; *loss* is that of a row, by the probability of what it is."""
    ones = [_scored(day, "1") for day in days]
    zeros = [_scored(day, "0") for day in days]
    known = {label: _scored(learnt, label) for label in ("0", "1")} if learnt.scores else {}
    known = known or _labels(learnt)
    if not (min(known.get("0", 0), known.get("1", 0)) > 0 and _all_rows(days, ones, zeros)):
        return None
    rate = known["1"] / (known["0"] + known["1"])
    of_one, of_zero = loss(rate), loss(1 - rate)
    losses = [(a * of_one + b * of_zero) / (a + b) for a, b in zip(ones, zeros, strict=True)]
    return _Constant(f"{rate:.3g}, the base rate", losses)


def _all_rows(days: Sequence[Outcomes], *counts: Sequence[int]) -> bool:
    """Whether these are the rows that a metric of scores is over: all that have one, each day."""
    totals = [sum(some) for some in zip(*counts, strict=True)]
    scored = [day.sums.get("score", Sum()).n for day in days]
    return totals == scored and min(totals, default=0) > 0


def _scored(day: Outcomes, label: str) -> int:
    return sum(int(one.rows.sum()) for (of, _), one in day.scores.items() if of == label)


def _accuracy(days: Sequence[Outcomes], learnt: Outcomes) -> _Constant | None:
    labels, whole = [_labels(day) for day in days], _labels(learnt)
    if not whole:
        return None
    most = max(sorted(whole), key=lambda name: whole[name])
    losses = [1 - of.get(most, 0) / sum(of.values()) for of in labels]
    return _Constant(f"{most}, the most frequent class", losses)


def _balanced_accuracy(days: Sequence[Outcomes], _learnt: Outcomes) -> _Constant | None:
    return _Constant("one class", [1 - 1 / len(_labels(day)) for day in days])


def _labels(day: Outcomes) -> dict[str, int]:
    """Rows of each label that occurs."""
    found: dict[str, int] = {}
    for (label, _), rows in day.cells.items():
        found[label] = found.get(label, 0) + rows
    return {label: rows for label, rows in found.items() if rows}


def _roc_auc(days: Sequence[Outcomes], _learnt: Outcomes) -> _Constant | None:
    return _Constant("one score", [0.5] * len(days))


def _rmse(days: Sequence[Outcomes], learnt: Outcomes) -> _Constant | None:
    found = _mse(days, learnt)
    return found and _Constant(found.answer, [math.sqrt(one) for one in found.losses])


def _mse(days: Sequence[Outcomes], learnt: Outcomes) -> _Constant | None:
    mean = learnt.sums.get("label", Sum()).mean
    of_days = [day.sums.get("label", Sum()) for day in days]
    losses = [one.variance + (one.mean - mean) ** 2 for one in of_days]
    if not all(map(math.isfinite, losses)):
        return None
    return _Constant(f"{mean:.4g}, the mean label", losses)


def _mae(days: Sequence[Outcomes], learnt: Outcomes) -> _Constant | None:
    counts, pooled = [_label_counts(day) for day in days], _label_counts(learnt)
    spread = math.sqrt(max(learnt.sums.get("label", Sum()).variance, 0.0))
    if pooled is None or not spread > 0 or any(one is None for one in counts):
        return None
    upto = np.cumsum(pooled.rows)
    place = pooled.bins[np.searchsorted(upto, upto[-1] / 2)]
    low, high = label_of_bin(np.array([place - 0.5, place + 0.5]))
    if high - low > _FINEST * spread:
        return None
    median = float(label_of_bin(np.array([place]))[0])
    losses = [
        float(one.rows @ np.abs(label_of_bin(one.bins) - median) / one.rows.sum())
        for one in counts
        if one is not None
    ]
    return (
        _Constant(f"{median:.3g}, the median label", losses)
        if all(map(math.isfinite, losses))
        else None
    )


def _label_counts(day: Outcomes) -> ScoreCounts | None:
    """Labels of a regression by their bins; None where some were counted without."""
    found = day.scores.get(("", ""))
    return found if found is not None and int(found.rows.sum()) == day.n else None


_CONSTANTS: Final[Mapping[str, Callable[[Sequence[Outcomes], Outcomes], _Constant | None]]] = {
    "log_loss": _log_loss,
    "brier": _brier,
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "roc_auc": _roc_auc,
    "rmse": _rmse,
    "mse": _mse,
    "mae": _mae,
}
