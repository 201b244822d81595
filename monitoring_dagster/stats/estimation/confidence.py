"""How sure are the scores?  What a score's profile says about confidence, without a row."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from monitoring_dagster.stats.columns.bins import BUCKETS, Bins, CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.column_profile import CategoricalProfile, NumericProfile
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile
from monitoring_dagster.stats.columns.values import Floats

EXTREMES = (0.05, 0.95)
CUTS = (float(np.nextafter(EXTREMES[0], 0)), 0.5, EXTREMES[1])  # edges that every score's bins have
EXTREMES_BINS = CategoricalBins(("below 0.05", "0.05 to 0.95", "above 0.95"))
_EXTREMES = ": extremes"  # behind a score's name: with a colon and a blank, as no feature's name


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


def extremes_of(score: str) -> str:
    """What the column is called that says whether a *score* is extreme."""
    return f"{score}{_EXTREMES}"


def without_extremes(bins: Mapping[str, Bins]) -> dict[str, Bins]:
    """The *bins* of what lies in rows: extremes are read off the counts of their score."""
    return {
        name: one
        for name, one in bins.items()
        if not (name.endswith(_EXTREMES) and one == EXTREMES_BINS)
    }


def with_extremes(
    profiles: Mapping[Group, Profile], bins: Mapping[str, Mapping[str, Bins]]
) -> dict[Group, Profile]:
    """The *profiles*, and in each how many scores were extreme, where the *bins*, by version and
    column, have such a column."""
    found = dict(profiles)
    for group, profile in profiles.items():
        of_version = bins.get(group.version, {})
        more = {
            extremes_of(name): extremes(column, own)
            for name, column in profile.columns.items()
            if of_version.get(extremes_of(name)) == EXTREMES_BINS
            and isinstance(column, NumericProfile)
            and isinstance(own := of_version[name], NumericBins)
        }
        if more:
            found[group] = Profile(profile.rows, {**profile.columns, **more})
    return found


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
