"""How sure are the scores?  What a score's profile says about confidence, without a row."""

from dataclasses import dataclass

import numpy as np

from monitoring_dagster.stats.columns.bins import BUCKETS, CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.column_profile import CategoricalProfile, NumericProfile
from monitoring_dagster.stats.columns.values import Floats

EXTREMES = (0.05, 0.95)
CUTS = (float(np.nextafter(EXTREMES[0], 0)), 0.5, EXTREMES[1])  # edges that every score's bins have
EXTREMES_BINS = CategoricalBins(("below 0.05", "0.05 to 0.95", "above 0.95"))


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure some scores of a binary model are; NaN without scores."""

    extreme_share: float  # of the scores below 0.05 or above 0.95, exact
    mean_max_probability: float  # of the likelier class, 0.5 to 1, exact
    entropy_bits: float  # mean, 0 to 1, over the bins' means: too high by less than 0.001


def extremes(scores: NumericProfile, bins: NumericBins) -> CategoricalProfile:
    """The same rows, counted by whether their score is extreme: drift of it is over-confidence.

    Infinite scores count as missing. Exact over bins with edges at `CUTS`.
    """
    low, high = np.searchsorted(bins.edges, [CUTS[0], CUTS[2]]) + 1
    counts = [scores.counts[:low].sum(), scores.counts[low:high].sum(), scores.counts[high:].sum()]
    return CategoricalProfile(
        EXTREMES_BINS.digest, np.pad(counts, (0, BUCKETS)), scores.nulls + scores.infinite
    )


def confidence_of(scores: NumericProfile, bins: NumericBins) -> Confidence:
    """How sure the *scores* are, from their counts and sums over *bins* with edges at `CUTS`."""
    n = scores.finite
    if not n:
        return Confidence(*[float("nan")] * 3)
    below, _, above = extremes(scores, bins).counts[:3]
    there = scores.counts > 0
    rows = scores.counts[there]
    mean = np.clip(scores.sums[there] / rows, 0, 1)
    return Confidence(
        float((below + above) / n),
        float(np.maximum(mean, 1 - mean) @ rows / n),
        float(_entropy(mean) @ rows / n),
    )


def _entropy(p: Floats) -> Floats:
    """Of a coin that falls on one side with probability *p*, in bits."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.nan_to_num(p * np.log2(p)) - np.nan_to_num((1 - p) * np.log2(1 - p))
