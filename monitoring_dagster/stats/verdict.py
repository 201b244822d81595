"""Is a difference drift?  Evidence and effect in, one verdict and its reason out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

import numpy as np

from monitoring_dagster.stats.drift import (
    ColumnDrift,
    DriftSettings,
)
from monitoring_dagster.stats.values import Floats

_SHOWN_CHARACTERS = 40  # of a level's name, which is a value from the data

PsiBand: TypeAlias = Literal["none", "moderate", "significant"]


class Verdict(StrEnum):
    """What is said about a column on one day."""

    OK = "OK"
    DRIFT = "DRIFT"
    INSUFFICIENT = "INSUFFICIENT"  # too few rows for a verdict


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """One column, judged among all that were looked at."""

    drift: ColumnDrift
    p_adjusted: float  # NaN where no verdict is given
    verdict: Verdict
    psi_band: PsiBand
    reason: str  # one plain sentence with the numbers


def judge(
    measured: Sequence[ColumnDrift],
    *,
    settings: DriftSettings,
    usual_effect: Sequence[float],
    usual_new_mass: Sequence[float] | None = None,
) -> list[DriftVerdict]:
    """Which of the *measured* columns drifted, allowing for how many were looked at.

    Drift needs evidence and effect: a p-value that stays below `alpha` after the Benjamini-Hochberg
    correction, and either at least `min_effect` of the rows moved, or at least `min_new_mass` of
    the rows newly missing, unseen or infinite; and no less than is usual.

    Parameters
    ----------
    usual_effect, usual_new_mass
        What an ordinary day shows, in the order of *measured*; 0 where nothing is known.

    Source: Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57(1).
    """
    enough = [_shortage(drift, settings) is None for drift in measured]
    p_values = np.array([drift.p_value for drift in measured])
    adjusted = np.full(len(measured), np.nan)
    if any(enough):
        adjusted[enough] = benjamini_hochberg(p_values[enough])
    usual_new = usual_new_mass if usual_new_mass is not None else [0.0] * len(measured)
    return [
        _verdict(
            drift,
            float(p),
            max(settings.min_effect, habit),
            max(settings.min_new_mass, new),
            settings,
            looked_at=sum(enough),
        )
        for drift, p, habit, new in zip(measured, adjusted, usual_effect, usual_new, strict=True)
    ]


def benjamini_hochberg(p_values: Floats) -> Floats:
    """The smallest false discovery rate at which each would be a discovery."""
    order = np.argsort(p_values)[::-1]  # the largest first
    ranks = np.arange(p_values.size, 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum.accumulate(p_values[order] * p_values.size / ranks)
    return np.minimum(adjusted, 1.0)


def psi_band(psi: float, settings: DriftSettings) -> PsiBand:
    """The customary reading of a PSI; a value on a bound belongs to the upper band.

    >>> [psi_band(psi, DriftSettings()) for psi in (0.0999, 0.1, 0.2)]
    ['none', 'moderate', 'significant']
    """
    if psi >= settings.psi_significant:
        return "significant"
    return "moderate" if psi >= settings.psi_moderate else "none"


def _shortage(drift: ColumnDrift, settings: DriftSettings) -> str | None:
    for rows, side in ((drift.n_reference, "the reference"), (drift.n_current, "the current data")):
        if not rows:
            return f"{side} has no rows"
        if rows < settings.min_rows:
            return f"{side} has {rows:,} rows, below the {settings.min_rows:,} needed for a verdict"
    return None


def _verdict(
    drift: ColumnDrift,
    p: float,
    effect_bound: float,
    new_bound: float,
    settings: DriftSettings,
    *,
    looked_at: int,
) -> DriftVerdict:
    band = psi_band(drift.psi, settings)
    shortage = _shortage(drift, settings)
    if shortage is not None:
        return DriftVerdict(drift, p, Verdict.INSUFFICIENT, band, shortage)
    evidence = f"p = {p:.2g} among {looked_at}" if p >= 1e-16 else f"p < 1e-16 among {looked_at}"
    share = f"{drift.effect:.1%} of the rows moved"
    if p >= settings.alpha:
        reason = f"no more than chance ({evidence}, needed below {settings.alpha:g})"
        return DriftVerdict(drift, p, Verdict.OK, band, reason)
    beyond = []
    if drift.effect >= effect_bound:
        beyond.append(f"{share}{_means(drift)} (bound {effect_bound:.1%})")
    if drift.new_mass >= new_bound:
        beyond.append(
            f"{drift.new_mass:.1%} more of the rows are missing, infinite or unlike any in the"
            f" reference (bound {new_bound:.1%})"
        )
    if beyond:
        reason = f"{', and '.join(beyond)}; {evidence}"
        return DriftVerdict(drift, p, Verdict.DRIFT, band, reason)
    reason = f"real but small: {share} (bound {effect_bound:.1%}, {evidence})"
    return DriftVerdict(drift, p, Verdict.OK, band, reason)


def _means(drift: ColumnDrift) -> str:
    """What changed, in the column's own terms."""
    before, now = drift.reference, drift.current
    if drift.changed is not None:
        level, first, second = drift.changed
        return f", {level[:_SHOWN_CHARACTERS]!r} from {first:.1%} to {second:.1%}"
    if not np.isfinite([before.mean, now.mean]).all():
        return ""
    return (
        f", mean {before.mean:.4g} to {now.mean:.4g},"
        f" standard deviation {before.sd:.4g} to {now.sd:.4g},"
        f" median {before.p50:.4g} to {now.p50:.4g},"
        f" 5 % to 95 %: {before.p5:.4g}..{before.p95:.4g} to {now.p5:.4g}..{now.p95:.4g}"
    )
