"""Is a difference drift?  Evidence and effect in, one verdict and its reason out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isclose
from typing import Literal, TypeAlias

import numpy as np

from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.drift.column_drift import ColumnDrift, Growth
from monitoring_dagster.stats.drift.drift_settings import DriftSettings
from monitoring_dagster.stats.drift.usual import OrdinaryDay, Usual
from monitoring_dagster.stats.inference.evidence import benjamini_hochberg

_SHOWN_CHARACTERS = 40  # of a level's name, which is a value from the data
_SHOWN_NAMES = 3
_WORTH_SAYING = 0.001
_MOST_HIDDEN = 0.5  # of the rows: a bound above it hides any change that people would call one
_SELDOM = 0.01  # of ordinary days: more often it is a habit, as of a weekday's number

PsiBand: TypeAlias = Literal["none", "moderate", "significant"]


class Verdict(StrEnum):
    """What is said about a column on one day."""

    OK = "OK"
    DRIFT = "DRIFT"
    INSUFFICIENT = "INSUFFICIENT"  # too few rows for a verdict
    MUTED = "MUTED"  # not drift, as half of the rows in other bins would not be, either


class Broken(StrEnum):
    """How rows can lack an ordinary value; the first names are those of `Growth`."""

    MISSING = "missing"
    NEW_CATEGORY = "new_category"
    INFINITE = "infinite"
    OUT_OF_RANGE = "out_of_range"
    CONSTANT = "constant"  # all have the same one, and in the reference they had not


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """One column, judged among all that were looked at."""

    drift: ColumnDrift
    p_adjusted: float  # NaN where no verdict is given
    verdict: Verdict
    psi_band: PsiBand
    reason: str  # one plain sentence with the numbers
    broken: tuple[Broken, ...] = ()  # what has grown beyond its bound


def judge(
    measured: Sequence[ColumnDrift],
    *,
    settings: DriftSettings,
    usual: Sequence[Usual] | None = None,
) -> list[DriftVerdict]:
    """Which of the *measured* columns drifted, allowing for how many were looked at.

    Drift needs evidence and effect: a p-value that stays below `alpha` after the Benjamini-Hochberg
    correction, and either an effect of at least `min_effect`, or missing, infinite or far-out
    values or new categories in so many more of the rows as their own bound says; and no less than
    is usual. Where that is more than half of the rows a column that did not drift is muted, and not
    OK: there is hardly a change that it would show.

    Parameters
    ----------
    usual
        What an ordinary day shows, in the order of *measured*; None: nothing is known.

    Source: Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57(1).
    """
    adjusted = corrected(
        [drift.p_value for drift in measured],
        [min(drift.n_reference, drift.n_current) for drift in measured],
        settings,
    )
    looked_at = int(np.isfinite(adjusted).sum())
    return [
        verdict_of(
            drift,
            float(p),
            habit.day_of(drift.column),
            settings,
            looked_at=looked_at,
        )
        for drift, p, habit in zip(
            measured, adjusted, usual or [Usual()] * len(measured), strict=True
        )
    ]


def corrected(p_values: Sequence[float], rows: Sequence[int], settings: DriftSettings) -> Floats:
    """*p_values*, allowing for how many were looked at; NaN where either side has too few *rows*.

    >>> corrected([0.01, 0.5, 0.02], [100, 100, 99], DriftSettings(min_rows=100)).tolist()
    [0.02, 0.5, nan]
    """
    enough = np.asarray(rows) >= settings.min_rows
    adjusted = np.full(len(rows), np.nan)
    if enough.any():
        adjusted[enough] = benjamini_hochberg(np.asarray(p_values)[enough])
    return adjusted


def psi_band(psi: float, settings: DriftSettings) -> PsiBand:
    """The customary reading of a PSI; a value on a bound belongs to the upper band.

    >>> [psi_band(psi, DriftSettings()) for psi in (0.0999, 0.1, 0.2)]
    ['none', 'moderate', 'significant']
    """
    if psi >= settings.psi_significant:
        return "significant"
    return "moderate" if psi >= settings.psi_moderate else "none"


def _least(settings: DriftSettings) -> Growth:
    return Growth(
        settings.min_missing,
        settings.min_new_category,
        settings.min_infinite,
        settings.min_out_of_range,
    )


def _shortage(drift: ColumnDrift, settings: DriftSettings) -> str | None:
    for rows, side in ((drift.n_reference, "the reference"), (drift.n_current, "the current data")):
        if not rows:
            return f"{side} has no rows"
        if rows < settings.min_rows:
            return f"{side} has {rows:,} rows, below the {settings.min_rows:,} needed for a verdict"
    return None


def verdict_of(
    drift: ColumnDrift,
    p: float,
    ordinary: OrdinaryDay,
    settings: DriftSettings,
    *,
    looked_at: int,
) -> DriftVerdict:
    """The verdict on one of the columns that were *looked_at*; *p* is corrected for that."""
    effect_bound = max(settings.min_effect, ordinary.effect)
    growth_bounds = Growth(*map(max, _least(settings), ordinary.growth))
    band = psi_band(drift.psi, settings)
    shortage = _shortage(drift, settings)
    if shortage is not None:
        return DriftVerdict(drift, p, Verdict.INSUFFICIENT, band, shortage)
    evidence = f"p = {p:.2g} among {looked_at}" if p >= 1e-16 else f"p < 1e-16 among {looked_at}"
    share = f"{drift.effect:.1%} of rows fall in other bins than in the reference"
    if p >= settings.alpha:
        reason = f"not significant ({evidence}, needed below {settings.alpha:g})"
        return _no_drift(drift, p, band, reason, effect_bound)
    broken = tuple(
        Broken(name)
        for name, found, bound in zip(Growth._fields, drift.growth, growth_bounds, strict=True)
        if found >= bound
    )
    beyond = [
        f"{_SENTENCES[kind](drift)} (bound {getattr(growth_bounds, kind):.1%})" for kind in broken
    ]
    if drift.effect >= effect_bound:
        beyond.append(f"{share}{_means(drift)} (bound {effect_bound:.1%})")
        if ordinary.constant < _SELDOM and _is_constant(drift):
            broken = (*broken, Broken.CONSTANT)
            beyond.insert(0, f"{_constant(drift)} (bound {_SELDOM:.1%} of days)")
    if beyond:
        reason = f"{', and '.join(beyond)}; {evidence}"
        return DriftVerdict(drift, p, Verdict.DRIFT, band, reason, broken)
    reason = (
        f"significant, below the effect threshold: {share} (bound {effect_bound:.1%}, {evidence})"
    )
    return _no_drift(drift, p, band, reason, effect_bound)


def _is_constant(drift: ColumnDrift) -> bool:
    """Whether every value that is there is the same one, where the reference had several."""
    before, now = drift.reference, drift.current
    if drift.kind == "numeric":
        return now.minimum == now.maximum and before.minimum < before.maximum
    if drift.changed is None:
        return False
    _, first, second = drift.changed
    missing = before.null_share, now.null_share
    return second > 0 and isclose(second + missing[1], 1) and not isclose(first + missing[0], 1)


def _constant(drift: ColumnDrift) -> str:
    if drift.kind == "numeric":
        before = drift.reference
        usual = f"{before.minimum:,.4g} to {before.maximum:,.4g}"
        return f"all values are {drift.current.minimum:,.4g}, in the reference {usual}"
    level, first, _ = drift.changed or ("", 0.0, 0.0)
    return f"all values are {level[:_SHOWN_CHARACTERS]!r}, in the reference {first:.1%} of rows"


def _no_drift(
    drift: ColumnDrift, p: float, band: PsiBand, reason: str, effect_bound: float
) -> DriftVerdict:
    """OK only where half of the rows in other bins would have been drift."""
    if effect_bound <= _MOST_HIDDEN:
        return DriftVerdict(drift, p, Verdict.OK, band, reason)
    why = f"ordinary days differ by up to {effect_bound:.1%} of rows, which hides a change"
    return DriftVerdict(drift, p, Verdict.MUTED, band, f"muted, as {why}; {reason}")


def _missing(drift: ColumnDrift) -> str:
    before, now = drift.reference.null_share, drift.current.null_share
    return f"missing values rose from {before:.1%} to {now:.1%}"


def _new_category(drift: ColumnDrift) -> str:
    words = ", ".join(repr(name[:_SHOWN_CHARACTERS]) for name in drift.unseen[:_SHOWN_NAMES])
    words += " and others" if len(drift.unseen) > _SHOWN_NAMES else ""
    share = f"{drift.current.unseen_share:.1%} of rows"
    expected = drift.expected_unseen
    beside = f", {expected:.1%} expected" if expected >= _WORTH_SAYING else ""
    return f"new category {words}: {share}{beside}"


def _infinite(drift: ColumnDrift) -> str:
    before, now = drift.reference.infinite_share, drift.current.infinite_share
    beside = f", {before:.1%} in the reference" if before >= _WORTH_SAYING else ""
    return f"infinite values: {now:.1%} of rows{beside}"


def _out_of_range(drift: ColumnDrift) -> str:
    before, now = drift.reference, drift.current
    low, high = drift.near or (-np.inf, np.inf)
    first, last = max(before.minimum, low), min(before.maximum, high)
    beyond = [
        words
        for there, words in (
            (now.minimum < low, f"smallest {now.minimum:,.4g}"),
            (now.maximum > high, f"largest {now.maximum:,.4g}"),
        )
        if there
    ]
    return (
        f"{now.unseen_share:.1%} of rows outside the reference's range"
        f" {first:,.4g}..{last:,.4g} ({', '.join(beyond)})"
    )


_SENTENCES = {
    Broken.MISSING: _missing,
    Broken.NEW_CATEGORY: _new_category,
    Broken.INFINITE: _infinite,
    Broken.OUT_OF_RANGE: _out_of_range,
}


def _means(drift: ColumnDrift) -> str:
    """What changed, in the column's own terms."""
    before, now = drift.reference, drift.current
    if drift.changed is not None:
        level, first, second = drift.changed
        if abs(second - first) < _WORTH_SAYING:
            return ""
        return f", {level[:_SHOWN_CHARACTERS]!r} from {first:.1%} to {second:.1%}"
    if not np.isfinite([before.mean, now.mean]).all():
        return ""
    return (
        f", mean {before.mean:.4g} to {now.mean:.4g},"
        f" standard deviation {before.sd:.4g} to {now.sd:.4g},"
        f" median {before.p50:.4g} to {now.p50:.4g},"
        f" 5 % to 95 %: {before.p5:.4g}..{before.p95:.4g} to {now.p5:.4g}..{now.p95:.4g}"
    )
