"""Do scores still promise what they did?  Calibration now against that of the reference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from monitoring_dagster.stats.columns.values import Codes, Floats
from monitoring_dagster.stats.quality.calibration import log_odds, logistic
from monitoring_dagster.stats.quality.reliability import GROUPS, RightByScore, equal_groups

_MIN_VARIANCE = 5.0  # of the count of rows right, below which the chi-square law is poor
_RIDGE = 1e-3  # keeps a fit finite where all rows are right, and moves no other
_NEWTON_STEPS = 50


class CalibrationCause(StrEnum):
    """In what way the scores went wrong: the simplest that explains it."""

    NONE = "no change"
    BASE_RATE = "the base rate alone"  # calibration in the large: one shift of all log-odds
    OVERCONFIDENT = "overconfident"  # a smaller slope than in the reference
    UNDERCONFIDENT = "underconfident"
    SHAPE = "some scores only"


@dataclass(frozen=True, slots=True)
class CalibrationDrift:
    """Current calibration against that of the reference, or against perfect calibration."""

    p_value: float
    effect: float  # typical gap in probability, noise taken out
    alarm: bool
    cause: CalibrationCause
    intercept: float  # log-odds by which all scores are too low
    slope: float  # of the true log-odds over the score's: below 1 is overconfident
    reference_intercept: float
    reference_slope: float
    n_current: int
    n_reference: int
    words: str


def miscalibrated(
    current: RightByScore,
    reference: RightByScore | None = None,
    *,
    min_effect: float = 0.02,
    alpha: float = 0.05,
) -> CalibrationDrift:
    """Do scores promise something else than they did in the reference?

    Over groups g of about equal current rows, with the residual ``right - score`` of a row::

        d_g    = mean current residual - mean reference residual
        p      = P(chi2_G > sum_g d_g^2 / var_g)
        effect = sqrt(max(0, sum_g n_g / n * (d_g^2 - var_g)))

    var_g counts the noise of both sides, so a small reference is no oracle, and noise is taken out
    of the effect. Residuals, not shares, are compared: scores that moved are no miscalibration.
    Neighbouring groups are put together until chi-square holds.

    Parameters
    ----------
    reference
        None measures against perfect calibration.
    min_effect
        Gap in probability below which a significant change is no alarm.

    Returns
    -------
    An alarm where p is below *alpha*, the effect at least *min_effect*, and the current scores are
    not better than those of the reference. At most a share *alpha* of days without change alarm.

    Source: Hosmer & Lemeshow (1980), Commun. Stat. A 9(10), for the test; Broecker (2012), Climate
    Dynamics 39, for the noise; Cox (1958), Biometrika 45, for intercept and slope.
    """
    before = reference if reference is not None else RightByScore.of([], [])
    here, there = _recalibrated(current), _recalibrated(before)
    p_value, effect = _changed(current, reference, current.score)
    cause, better = CalibrationCause.NONE, False
    if p_value < alpha and effect >= min_effect:
        cause = _cause(current, reference, here, there, min_effect=min_effect, alpha=alpha)
        off, off_before = (_changed(side, None, side.score)[1] for side in (current, before))
        better = off_before - off >= min_effect
    drift = CalibrationDrift(
        p_value=p_value,
        effect=effect,
        alarm=cause is not CalibrationCause.NONE and not better,
        cause=cause,
        intercept=here.intercept,
        slope=here.slope,
        reference_intercept=there.intercept,
        reference_slope=there.slope,
        n_current=current.n,
        n_reference=before.n,
        words="",
    )
    words = _words(drift, current, reference, min_effect=min_effect, alpha=alpha)
    return replace(drift, words=words)


def _changed(
    current: RightByScore, reference: RightByScore | None, expected: Floats
) -> tuple[float, float]:
    """p-value and effect of the residuals right - *expected* against those of the reference."""
    if not current.n or (reference is not None and not reference.n):
        return 1.0, 0.0
    from scipy import special  # late: starting often must stay cheap

    group = equal_groups(current.rows, GROUPS)
    sides = [_Side(current, expected, group)]
    if reference is not None:
        bounds = current.score[np.flatnonzero(np.diff(group))]
        at = np.searchsorted(bounds, reference.score)
        sides.append(_Side(reference, reference.score, at))
    merged = _merged(_variances(sides, int(group[-1]) + 1))
    sides = [side._replace(group=merged[side.group]) for side in sides]
    groups = int(merged[-1]) + 1
    size = np.array([side.summed(side.counts.rows, groups) for side in sides])
    mean = np.array([side.summed(side.excess, groups) for side in sides]) / size
    variance = np.sum(np.maximum(_variances(sides, groups), 1.0) / size**2, axis=0)
    gap = np.abs(mean[0] - mean[1]) if reference is not None else np.abs(mean[0])
    # A single cell has Yates' correction, as in a contingency table.
    tested = np.maximum(gap - (0.5 / size).sum(0), 0.0) if groups == 1 else gap
    p_value = float(special.chdtrc(groups, float(np.sum(tested**2 / variance))))
    beyond = float((gap**2 - variance) @ size[0]) / current.n
    return p_value, float(np.sqrt(max(beyond, 0.0)))


class _Side(NamedTuple):
    """One sample, with what is expected of each score, and its group."""

    counts: RightByScore
    expected: Floats
    group: Codes

    @property
    def excess(self) -> Floats:
        """Rows right beyond the expected, by score."""
        beyond: Floats = self.counts.right - self.counts.rows * self.expected
        return beyond

    def summed(self, values: Floats, groups: int) -> Floats:
        return np.bincount(self.group, values, groups).astype(np.float64)


def _variances(sides: Sequence[_Side], groups: int) -> Floats:
    """Of the rows right, by side and group, if the residuals of a group are the same on all."""
    shared: Floats = np.zeros(groups)
    if len(sides) > 1:
        excess = sum(side.summed(side.excess, groups) for side in sides)
        shared = np.asarray(excess / sum(side.summed(side.counts.rows, groups) for side in sides))
    found = []
    for side in sides:
        p = np.clip(side.expected + shared[side.group], 0, 1)
        found.append(side.summed(side.counts.rows * p * (1 - p), groups))
    return np.array(found)


def _merged(variances: Floats) -> Codes:
    """New numbers for the groups: neighbours are one until each side varies enough in them."""
    number, numbers = 0, []
    so_far: Floats = np.zeros(len(variances))
    for of_group in variances.T:
        numbers.append(number)
        so_far = so_far + of_group
        if so_far.min() >= _MIN_VARIANCE:
            number += 1
            so_far = so_far * 0
    return np.minimum(np.array(numbers, np.intp), max(number - 1, 0))


class _Recalibration(NamedTuple):
    """What scores should have been: ``log_odds(p) = level + slope * log_odds(score)``."""

    intercept: float  # level at a slope of 1: calibration in the large
    level: float
    slope: float

    def shifted(self, score: Floats) -> Floats:
        return logistic(_log_odds(score) + self.intercept)

    def fitted(self, score: Floats) -> Floats:
        return logistic(self.level + self.slope * _log_odds(score))


def _recalibrated(counts: RightByScore) -> _Recalibration:
    x = _log_odds(counts.score)
    ones = np.ones_like(x)
    (intercept,) = _coefficients(counts, ones[None], x)
    # Around the mean, level and slope hardly depend on each other: few steps are enough.
    centre = float(x @ counts.rows) / max(counts.n, 1)
    level, change = _coefficients(counts, np.stack([ones, x - centre]), x)
    return _Recalibration(intercept, level - change * centre, 1 + change)


def _coefficients(counts: RightByScore, design: Floats, offset: Floats) -> list[float]:
    """Of the logistic regression on *design* beside *offset*: Newton's steps, a hint of ridge."""
    beta = np.zeros(len(design))
    for _ in range(_NEWTON_STEPS):
        p = logistic(offset + beta @ design)
        uphill = design @ (counts.right - counts.rows * p) - _RIDGE * beta
        curve = (design * (counts.rows * p * (1 - p))) @ design.T + _RIDGE * np.eye(len(beta))
        step = np.clip(np.linalg.solve(curve, uphill), -1, 1)
        beta += step
        if np.abs(step).max() < 1e-9:
            break
    found: list[float] = beta.tolist()
    return found


def _log_odds(score: Floats) -> Floats:
    return log_odds(np.clip(score, 1e-9, 1 - 1e-9))


def _cause(
    current: RightByScore,
    reference: RightByScore | None,
    here: _Recalibration,
    there: _Recalibration,
    *,
    min_effect: float,
    alpha: float,
) -> CalibrationCause:
    """The simplest recalibration that leaves nothing to alarm about."""
    score = current.score
    slope = (
        CalibrationCause.OVERCONFIDENT
        if here.slope < there.slope
        else CalibrationCause.UNDERCONFIDENT
    )
    for cause, change in (
        (CalibrationCause.BASE_RATE, here.shifted(score) - there.shifted(score)),
        (slope, here.fitted(score) - there.fitted(score)),
    ):
        p_value, effect = _changed(current, reference, np.clip(score + change, 0, 1))
        if p_value >= alpha or effect < min_effect:
            return cause
    return CalibrationCause.SHAPE


def _words(
    drift: CalibrationDrift,
    current: RightByScore,
    reference: RightByScore | None,
    *,
    min_effect: float,
    alpha: float,
) -> str:
    for name, side in (("the current data", current), ("the reference", reference)):
        if side is not None and not side.n:
            return f"nothing is known: {name} has no labelled rows with a score"
    against = "perfect calibration" if reference is None else "the calibration of the reference"
    evidence = f"p = {drift.p_value:.2g}" if drift.p_value >= 1e-16 else "p < 1e-16"
    if drift.p_value >= alpha:
        return f"not significant: no further from {against} ({evidence}, needed below {alpha:g})"
    gap = f"{drift.effect:.3f} from {against} (bound {min_effect:g}, {evidence})"
    if drift.cause is CalibrationCause.NONE:
        return f"significant, below the effect threshold: scores are {gap}"
    better = "" if drift.alarm else "better than before: "
    before = "" if reference is None else f", in the reference {drift.reference_slope:.2f}"
    return (
        f"{better}scores are {gap}; {drift.cause}:"
        f" mean score {current.score @ current.rows / current.n:.3f} where"
        f" {current.right.sum() / current.n:.3f} of {current.n:,} rows were right,"
        f" slope {drift.slope:.2f}{before}"
    )
