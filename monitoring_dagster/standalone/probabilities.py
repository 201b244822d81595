"""Scores as probabilities: rounding is clipped, a few that are none are left out, many refused."""

from collections.abc import Mapping, Sequence
from typing import Self

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.standalone.classes import THRESHOLD
from monitoring_dagster.standalone.spellings import MOST_INVALID
from monitoring_dagster.stats.quality.performance import Metric

ROUNDING = 1e-9  # beyond 0 and 1, what adding up does to a probability
SHOWN_IDS = 5
_LARGEST_PERCENT = 100
_LEAST_SCORES = 20
_MANY = 100  # rows that are not all right by chance
_OTHER_CLASS_AUC = 0.3
_STANDARD_ERRORS = 5.0
_OF_INTERVAL = 3.92  # standard errors in a 95 % interval


class NoProbability(MonitoringError):
    """A column of scores that holds something else."""

    @classmethod
    def among(cls, column: str, outside: int, rows: int, *, least: float, most: float) -> Self:
        cause = "does --score name another column"
        if least < 0:
            cause = f"are they log-odds or margins, or {cause}"
        elif most <= _LARGEST_PERCENT:
            cause = f"are they percent, or {cause}"
        return cls(
            f"the score, column {column!r}, holds {outside:,} of {rows:,} values outside 0 to 1"
            f" (from {least:.4g} to {most:.4g}): {cause}? Give probabilities"
        )


def refuse_most(column: str, outside: int, rows: int, *, least: float, most: float) -> None:
    """Raise NoProbability where more than one score, and one in twenty, is no probability."""
    if outside and (outside > max(1.0, MOST_INVALID * rows) or outside == rows):
        raise NoProbability.among(column, outside, rows, least=least, most=most)


def left_out(what: str, count: int, where: str, examples: Sequence[object]) -> str:
    """A warning: `scores that are no probability, such as 1.7: 1 left out (id 'r7')`."""
    shown = ", ".join(repr(one)[:40] for one in examples[:SHOWN_IDS])
    more = ", ..." if count > len(examples[:SHOWN_IDS]) else ""
    return f"{what}: {count:,} left out ({where} {shown}{more})"


def of_predicted_class(column: str, least: float, rows: int, *, is_both: bool) -> str:
    """What to say of binary scores that never fall below one half though *both* classes are
    predicted; "" where they do.
    """
    if not is_both or not least >= THRESHOLD or rows < _LEAST_SCORES:
        return ""
    return (
        f"no score of {column!r} is below {least:.3g}, and 0 and 1 are predicted: are scores the"
        " probability of the predicted class? Give that of class 1, or say --task multiclass"
    )


def of_other_class(auc: Metric | None) -> str:
    """What to say of scores that rank the wrong way round; "" where they do not."""
    if auc is None or not auc.value < _OTHER_CLASS_AUC or not auc.high < THRESHOLD:
        return ""
    error = (auc.high - auc.low) / _OF_INTERVAL
    if error > 0 and (THRESHOLD - auc.value) / error < _STANDARD_ERRORS:
        return ""
    return (
        f"ROC AUC is {auc.value:.3g}, far below 0.5: scores may be the probability of the other"
        " class. Name the class that they mean with --positive, or the right column with --score"
    )


def of_certainty(found: Mapping[str, Metric]) -> str:
    """What to say of metrics that are too good, or of labels of one class; "" where there is
    nothing.
    """
    ones = found.get("base_rate")
    if ones is not None and ones.n and ones.value in (0, 1):
        return (
            f"every label that is known is {ones.value:.0f}: what needs both classes, such as ROC"
            " AUC, is not defined"
        )
    accuracy, error = found.get("accuracy"), found.get("mae")
    if accuracy is not None and accuracy.n >= _MANY and accuracy.value == 1:
        return f"all {accuracy.n:,} predictions are right: is the label what was predicted?"
    if error is not None and error.n >= _MANY and error.value == 0:
        return f"all {error.n:,} predictions are exact: is the label what was predicted?"
    return ""
