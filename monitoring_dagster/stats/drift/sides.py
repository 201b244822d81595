"""What does one side of a comparison look like?  Moments, quantiles, shares."""

from dataclasses import dataclass

import numpy as np

from monitoring_dagster.stats.columns.bins import NumericBins
from monitoring_dagster.stats.columns.column_profile import Counts, NumericStack
from monitoring_dagster.stats.columns.values import Floats


@dataclass(frozen=True, slots=True)
class Side:
    """One column of one sample. Shares are of all rows; NaN where there is nothing to measure."""

    rows: int  # nulls included
    mean: float  # of the finite values, as are the next six
    sd: float
    minimum: float
    p5: float  # quantiles, interpolated within their bin
    p50: float
    p95: float
    maximum: float
    null_share: float
    infinite_share: float
    unseen_share: float  # values the reference never had, or far outside its range


def numeric_sides(side: NumericStack, masses: Counts, bins: NumericBins) -> list[Side]:
    known = side.finite > 0
    p5, p50, p95 = quantiles(side, bins, np.array([0.05, 0.5, 0.95])).T
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = masses / side.rows[:, None]
    columns = (
        side.rows,
        *(
            np.where(known, of, np.nan)
            for of in (side.mean, side.sd, side.minimum, p5, p50, p95, side.maximum)
        ),
        shares[:, 3],
        shares[:, 4:].sum(1),
        shares[:, 1:3].sum(1),
    )
    return [Side(*row) for row in zip(*(of.tolist() for of in columns), strict=True)]


def categorical_sides(levels: Counts, unseen: Counts) -> list[Side]:
    """What each sample looks like; of its rows, *unseen* ones have values that were never there."""
    rows, nan = levels.sum(1), float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        unseen_shares, missing = unseen / rows, levels[:, -1] / rows
    return [
        Side(
            rows=n,
            mean=nan,
            sd=nan,
            minimum=nan,
            p5=nan,
            p50=nan,
            p95=nan,
            maximum=nan,
            null_share=null_share,
            infinite_share=0.0 if n else nan,
            unseen_share=unseen_share,
        )
        for n, null_share, unseen_share in zip(
            rows.tolist(), missing.tolist(), unseen_shares.tolist(), strict=True
        )
    ]


def quantiles(side: NumericStack, bins: NumericBins, at: Floats) -> Floats:
    """The values below which the shares *at* of the finite rows lie; shape (samples, at).

    Exact where the bin holds a single value, else interpolated between its ends: never further
    from the exact quantile than the bin is wide. NaN without finite rows.
    """
    upto = np.cumsum(side.counts, axis=1)
    wanted = at * side.finite[:, None]
    found = (upto[:, None, :] < wanted[:, :, None]).sum(2).clip(max=bins.size - 1)
    rows = np.take_along_axis(side.counts, found, 1)
    into = 1 - (np.take_along_axis(upto, found, 1) - wanted) / np.maximum(rows, 1)
    with np.errstate(invalid="ignore"):
        low, high = (
            np.clip(ends[found], side.minimum[:, None], side.maximum[:, None])
            for ends in (np.append(-np.inf, bins.edges), np.append(bins.edges, np.inf))
        )
        values: Floats = low + (high - low) * into
    return np.where(side.finite[:, None] > 0, values, np.nan)
