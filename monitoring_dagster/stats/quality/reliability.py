"""When it says 80 %, is it right 80 % of the time?  Scores against outcomes, by level of score."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.columns.values import Codes, Floats
from monitoring_dagster.stats.inference.intervals import wilson
from monitoring_dagster.stats.quality.outcomes import Outcomes, score_of_bin

GROUPS = 10


class UnusableScores(MonitoringError):
    """Scores that promise nothing."""

    @classmethod
    def no_probability(cls, value: float) -> Self:
        return cls(f"score {value!r} is no probability: give it as a number from 0 to 1")


@dataclass(frozen=True, slots=True)
class RightByScore:
    """Labelled rows by score, ascending; each shape ``(scores,)``.

    Right means label 1 (binary) or a prediction equal to the label (multiclass).
    """

    score: Floats
    wrong: Floats
    right: Floats

    @classmethod
    def of(cls, score: ArrayLike, right: ArrayLike) -> Self:
        """From rows: their scores, and whether each turned out right.

        Raises
        ------
        UnusableScores
            A score is no probability.
        """
        given, hits = np.asarray(score, np.float64), np.asarray(right, bool)
        outside = given[~((given >= 0) & (given <= 1))]
        if outside.size:
            raise UnusableScores.no_probability(float(outside[0]))
        values, place = np.unique(given, return_inverse=True)
        rows = np.bincount(place, minlength=values.size).astype(np.float64)
        ones = np.bincount(place, hits, values.size).astype(np.float64)
        return cls(values, rows - ones, ones)

    @classmethod
    def from_outcomes(cls, outcomes: Outcomes) -> Self:
        """Scores are those of the bins' middles, at most 0.0005 off."""
        bins, wrong, right = outcomes.by_score()
        return cls(score_of_bin(bins), wrong, right)

    @property
    def rows(self) -> Floats:
        total: Floats = self.wrong + self.right
        return total

    @property
    def n(self) -> int:
        return int(self.rows.sum())


class ReliabilityRow(NamedTuple):
    """Predictions of about the same score, and how often they were right (95 % interval)."""

    low: float  # the scores lie from here
    high: float  # to here
    n: int
    mean_score: float
    right_share: float
    right_low: float
    right_high: float


def reliability(outcomes: Outcomes, *, groups: int = GROUPS) -> tuple[ReliabilityRow, ...]:
    """How often were predictions of each level of score right?

    The *groups* hold about equal numbers of rows, and ten are those of the metric `ece`: it is the
    mean of ``|mean_score - right_share|`` weighted by n. Rows of one score stay together, so few
    distinct scores make fewer groups; without scores there is none.
    """
    return reliability_of(RightByScore.from_outcomes(outcomes), groups=groups)


def reliability_of(counts: RightByScore, *, groups: int = GROUPS) -> tuple[ReliabilityRow, ...]:
    """As `reliability`, from counts by score.

    >>> reliability_of(RightByScore.of([0.25, 0.25, 0.75, 0.75], [0, 1, 1, 1]), groups=2)[1][:5]
    (0.75, 0.75, 2, 0.75, 1.0)
    """
    if not counts.n:
        return ()
    group = equal_groups(counts.rows, groups)
    n, right, expected = (
        np.bincount(group, w) for w in (counts.rows, counts.right, counts.score * counts.rows)
    )
    first, last = (np.searchsorted(group, np.arange(n.size), side) for side in ("left", "right"))
    columns = (
        counts.score[first], counts.score[last - 1], n.astype(np.intp), expected / n, right / n,
        *wilson(right, n),
    )  # fmt: skip
    return tuple(ReliabilityRow(*row) for row in zip(*(c.tolist() for c in columns), strict=True))


def equal_groups(rows: Floats, groups: int) -> Codes:
    """Of each score, its place among *groups* of about equal rows; none is empty.

    Parameters
    ----------
    rows
        By score, ascending; shape ``(scores,)``, at least one row.
    """
    upto = np.cumsum(rows) - rows / 2
    group = np.minimum(upto * groups // rows.sum(), groups - 1)
    return np.unique(group, return_inverse=True)[1]
