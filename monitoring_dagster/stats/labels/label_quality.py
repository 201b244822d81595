"""Are the labels right?  Which are likely wrong, and what that does to an accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.columns.values import Codes, arrow, categories
from monitoring_dagster.stats.quality.labelled_rows import probabilities, spelled_alike, zero_or_one
from monitoring_dagster.stats.quality.performance import Metric

_SHOWN_CHARACTERS = 40  # of a label, which is a value from the data


class UnusableErrorRate(MonitoringError):
    """Labels so often wrong that they say nothing, or a share that is none."""

    @classmethod
    def outside(cls, value: float) -> Self:
        return cls(
            f"error rate {value!r} is not from 0 to below 0.5: labels that are wrong half of the"
            " time say nothing; measure the rate on a double-checked sample"
        )


class Suspect(NamedTuple):
    """A label that is likely wrong."""

    row: int
    label: str
    likely: str
    probability: float  # of the likely label
    margin: float  # by which it is more probable than the given label
    reason: str


def suspects(
    label: ArrayLike | pa.Array,
    *,
    score: ArrayLike | pa.Array,
    prediction: ArrayLike | pa.Array | None = None,
    limit: int = 1000,
) -> tuple[Suspect, ...]:
    """Which labels are likely wrong, the likeliest first?

    Confident learning: a row labelled i counts as a j where the probability of j is at least the
    mean probability that rows labelled j have of being j (each class has its own threshold, so an
    unsure class needs less), and j is more probable than i. Ranked by that margin. Scores should
    come from a model that was not trained on these labels.

    Parameters
    ----------
    label
        Shape ``(rows,)``: 0 and 1, or names. Rows without a label or a score are left out.
    score
        Probability of class 1; of the predicted class where *prediction* is given. In this case
        the probability of another class is taken as all that is left, and a threshold is the mean
        over the rows labelled and predicted j, hence stricter.
    prediction
        The most probable class by name, for more than two classes.
    limit
        How many are returned at most.

    Raises
    ------
    UnusableOutcome
        A label is neither 0 nor 1 and there is no prediction, or a score is no probability.

    Source: Northcutt, Jiang & Chuang (2021), JAIR 70, arXiv:1911.00068.
    """
    codes, names = categories(arrow(label), column="label")
    given = probabilities(arrow(score))
    if prediction is None:
        truth, names = _ones(codes, names), ["0", "1"]
        likely = np.where(truth < 0, -1, 1 - truth)
        probability = np.where(truth == 1, 1 - given, given)
        own = 1 - probability
    else:
        answers, answer_names = categories(arrow(prediction), column="prediction")
        names, (truth, likely) = _renumbered([(codes, names), (answers, answer_names)])
        probability = given
        own = np.where(likely == truth, given, np.nan)
    known = (truth >= 0) & (likely >= 0) & ~np.isnan(given)
    agreed = known & ~np.isnan(own)
    rows = np.bincount(truth[agreed], minlength=len(names))
    sums = np.bincount(truth[agreed], own[agreed], len(names))
    with np.errstate(invalid="ignore"):
        threshold = sums / rows  # NaN, hence no suspect, where no row of the class is known
    margin = 2 * probability - 1
    wrong = known & (truth != likely) & (margin > 0) & (probability >= threshold[likely])
    chosen = np.flatnonzero(wrong)
    chosen = chosen[np.argsort(-margin[chosen], kind="stable")][:limit]
    return tuple(
        _suspect(row, names[truth[row]], names[likely[row]], probability[row], bound)
        for row, bound in zip(chosen.tolist(), threshold[likely[chosen]].tolist(), strict=True)
    )


def _suspect(row: int, label: str, likely: str, probability: float, bound: float) -> Suspect:
    reason = (
        f"labelled {_shown(label)}, but {_shown(likely)} has probability {probability:.3f},"
        f" at least the mean where it is the label ({bound:.3f})"
    )
    return Suspect(row, label, likely, float(probability), float(2 * probability - 1), reason)


class Disagreement(NamedTuple):
    """A label that most models contradict with one voice."""

    row: int
    label: str
    answer: str  # of those models
    votes: int
    answers: int  # of all models


def consensus(
    answers: Sequence[ArrayLike | pa.Array], label: ArrayLike | pa.Array
) -> tuple[Disagreement, ...]:
    """Where do more than half of the models give one same answer that is not the label?

    Parameters
    ----------
    answers
        One column a model, each shape ``(rows,)``. Missing answers have no vote, and a single
        answer is no consensus.

    >>> consensus([[1, 0, 1], [1, 1, 1], [0, 0, 1]], [0, 0, 1])
    (Disagreement(row=0, label='0', answer='1', votes=2, answers=3),)
    """
    columns = [categories(arrow(column), column="label") for column in (label, *answers)]
    names, (truth, *given) = _renumbered(columns)
    ballots = np.stack(given, axis=1)
    cast = (ballots >= 0).sum(1)
    # For each model's answer, how many models share it; the commonest answer leads.
    shared = (ballots[:, :, None] == ballots[:, None, :]).sum(2) * (ballots >= 0)
    leader = shared.argmax(1)[:, None]
    answer = np.take_along_axis(ballots, leader, 1)[:, 0]
    votes = np.take_along_axis(shared, leader, 1)[:, 0]
    against = (truth >= 0) & (cast > 1) & (2 * votes > cast) & (answer != truth)
    return tuple(
        Disagreement(row, names[truth[row]], names[answer[row]], int(votes[row]), int(cast[row]))
        for row in np.flatnonzero(against).tolist()
    )


@dataclass(frozen=True, slots=True)
class AccuracyUnderNoise:
    """An accuracy against the truth, from one against labels that are partly wrong."""

    value: float  # if errors strike at random
    low: float
    high: float
    worst_low: float  # whatever the errors strike
    worst_high: float
    words: str


def accuracy_under_noise(accuracy: Metric, error_rate: float) -> AccuracyUnderNoise:
    """How accurate are the predictions against the truth, if a share of the labels is wrong?

    Of two classes, with errors that strike every row alike and do not depend on the prediction::

        observed = true * (1 - e) + (1 - true) * e,   so   true = (observed - e) / (1 - 2 e)

    Whatever they strike, the truth lies within e of the observed accuracy. The interval is that of
    *accuracy*; the error rate counts as known.

    Raises
    ------
    UnusableErrorRate
        The rate is not from 0 to below 0.5.

    Source: Rogan & Gladen (1978), American Journal of Epidemiology 107(1).
    """
    if not 0 <= error_rate < 0.5:
        raise UnusableErrorRate.outside(error_rate)
    observed = np.array([accuracy.value, accuracy.low, accuracy.high])
    value, low, high = np.clip((observed - error_rate) / (1 - 2 * error_rate), 0, 1).tolist()
    worst_low, worst_high = np.clip(
        [accuracy.low - error_rate, accuracy.high + error_rate], 0, 1
    ).tolist()
    words = (
        f"with {error_rate:.1%} of the labels wrong, an accuracy of {accuracy.value:.3f} against"
        f" them is {value:.3f} ({low:.3f} to {high:.3f}) against the truth if errors strike at"
        f" random, and {worst_low:.3f} to {worst_high:.3f} whatever they strike"
    )
    return AccuracyUnderNoise(value, low, high, worst_low, worst_high, words)


def _ones(codes: Codes, names: Sequence[str]) -> Codes:
    return np.array([*(zero_or_one(name, "label") for name in names), -1], np.intp)[codes]


def _renumbered(columns: Sequence[tuple[Codes, list[str]]]) -> tuple[list[str], list[Codes]]:
    """All columns' codes as places in one list of names."""
    spelled = spelled_alike(*(own for _, own in columns))
    names = sorted({name for own in spelled for name in own})
    place = {name: i for i, name in enumerate(names)}
    return names, [
        np.array([*(place[name] for name in own), -1], np.intp)[codes]
        for own, (codes, _) in zip(spelled, columns, strict=True)
    ]


def _shown(name: str) -> str:
    return repr(name[:_SHOWN_CHARACTERS])
