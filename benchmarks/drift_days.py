"""What does a day look like on which it is known whether anything drifted?

Bins are laid over a fresh reference each day, since a verdict knows its reference no better than
that. The current day's counts are drawn at once: over given bins they are multinomial.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import special, stats

from monitoring_dagster.stats.columns.bins import Bins, CategoricalBins, NumericBins
from monitoring_dagster.stats.columns.column_profile import (
    CategoricalProfile,
    ColumnProfile,
    NumericProfile,
)
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import profile_batches
from monitoring_dagster.stats.drift.cells import group_starts
from monitoring_dagster.stats.drift.column_drift import ColumnDrift, measure, measure_all
from monitoring_dagster.stats.drift.drift_settings import DriftSettings
from monitoring_dagster.stats.drift.drift_verdict import DriftVerdict, Verdict, judge
from monitoring_dagster.stats.inference.evidence import ks_p_value

Floats: TypeAlias = NDArray[np.float64]

SETTINGS = DriftSettings()
DETECTION_ROWS = 2_000
NULL_SHARES = (0.0, 0.05, 0.2, 0.4, 0.6)
WILD = (1e12, np.inf)


class Counted(NamedTuple):
    """A column of the reference."""

    bins: Bins
    profile: ColumnProfile


@dataclass(frozen=True)
class Numbers:
    """A numeric population."""

    draw: Callable[[np.random.Generator, int], Floats]
    upto: Callable[[Floats], Floats]  # distribution function

    def reference(self, rng: np.random.Generator, rows: int, *, nulls: float = 0.0) -> Counted:
        missing = rng.binomial(rows, nulls)
        return laid(np.append(self.draw(rng, rows - missing), np.full(missing, np.nan)))

    def current(
        self, rng: np.random.Generator, rows: int, bins: Bins, *, nulls: float = 0.0
    ) -> ColumnProfile:
        """Counts and nulls alone: no verdict reads more."""
        assert isinstance(bins, NumericBins)
        missing = rng.binomial(rows, nulls)
        upto = np.concatenate([[0.0], self.upto(bins.edges), [1.0]])
        counts = rng.multinomial(rows - missing, np.diff(upto).clip(min=0))
        return NumericProfile(bins.digest, counts, np.zeros(bins.size), nulls=int(missing))


@dataclass(frozen=True)
class Levels:
    """A categorical population; level 0 is named "0"."""

    shares: Floats
    stem: str = ""  # of the names

    @cached_property
    def _names(self) -> list[str]:
        return [f"{self.stem}{level}" for level in range(self.shares.size)]

    def reference(self, rng: np.random.Generator, rows: int, *, nulls: float = 0.0) -> Counted:
        missing = rng.binomial(rows, nulls)
        counts = rng.multinomial(rows - missing, self.shares)
        bins = CategoricalBins.of_values(self._names, counts)
        return Counted(bins, self._profile(counts, bins, missing))

    def current(
        self, rng: np.random.Generator, rows: int, bins: Bins, *, nulls: float = 0.0
    ) -> ColumnProfile:
        assert isinstance(bins, CategoricalBins)
        missing = rng.binomial(rows, nulls)
        return self._profile(rng.multinomial(rows - missing, self.shares), bins, missing)

    def _profile(
        self, counts: NDArray[np.int64], bins: CategoricalBins, missing: int
    ) -> CategoricalProfile:
        into = np.zeros(bins.size, np.int64)
        there = np.flatnonzero(counts)
        np.add.at(into, bins.index([self._names[level] for level in there]), counts[there])
        return CategoricalProfile(bins.digest, into, nulls=int(missing))


Population: TypeAlias = Numbers | Levels


def laid(values: Floats) -> Counted:
    """Bins over *values*, and their profile."""
    bins = NumericBins.from_reference(values)
    return Counted(bins, profiled(values, bins))


def profiled(values: Floats, bins: NumericBins) -> ColumnProfile:
    batches = pa.table({"x": values}).to_batches()
    return profile_batches(batches, {"": {"x": bins}})[Group("")].columns["x"]


def normal(mean: float = 0.0, sd: float = 1.0) -> Numbers:
    return Numbers(lambda rng, n: rng.normal(mean, sd, n), lambda x: special.ndtr((x - mean) / sd))


def even(levels: int, stem: str = "") -> Levels:
    return Levels(np.full(levels, 1 / levels), stem)


def zipf(levels: int, stem: str = "") -> Levels:
    shares = 1 / np.arange(1, levels + 1)
    return Levels(shares / shares.sum(), stem)


NUMERIC: Mapping[str, Numbers] = {
    "normal": normal(),
    "uniform": Numbers(lambda rng, n: rng.random(n), lambda x: np.clip(x, 0, 1)),
    "lognormal": Numbers(lambda rng, n: rng.lognormal(size=n), stats.lognorm(1).cdf),
    "Cauchy": Numbers(lambda rng, n: rng.standard_cauchy(n), stats.cauchy.cdf),
    "integers 0 to 5": Numbers(
        lambda rng, n: rng.integers(0, 6, n).astype(np.float64), stats.randint(0, 6).cdf
    ),
    "80 % zeros": Numbers(
        lambda rng, n: np.where(rng.random(n) < 0.8, 0.0, rng.lognormal(size=n)),
        lambda x: 0.8 * (x >= 0) + 0.2 * stats.lognorm(1).cdf(x),
    ),
}
POPULATIONS: Mapping[str, Population] = {
    **NUMERIC,
    **{f"{levels:,} levels": even(levels) for levels in (2, 10, 30, 1_000)},
}
FEATURES = [(kind, nulls) for kind in POPULATIONS for nulls in NULL_SHARES]  # a model of fifty


class Change(NamedTuple):
    before: Population
    now: Population
    nulls: float = 0.0  # share of them afterwards; before there are none


_COLOURS = np.array([0.1, 0.3, 0.6])
CHANGES: Mapping[str, Change] = {
    "mean + 0.25 sd": Change(normal(), normal(0.25)),
    "variance doubled": Change(normal(), normal(sd=np.sqrt(2))),
    "category 10 to 20 %": Change(Levels(_COLOURS), Levels(np.array([0.2, 0.3, 0.5]))),
    "nulls 0 to 5 %": Change(normal(), normal(), nulls=0.05),
    "new category, 3 %": Change(Levels(_COLOURS), Levels(np.append(0.97 * _COLOURS, 0.03))),
    "500 of 1,000 levels vanish": Change(
        even(1_000), Levels(np.append(np.full(500, 1 / 500), np.zeros(500)))
    ),
}


@dataclass(frozen=True, slots=True)
class Day:
    """One fresh reference, and what was said of a day of each size."""

    p_values: Mapping[int, Floats]  # by current rows, one for each of `FEATURES`
    ks_p_values: Mapping[int, Floats]  # of the numeric ones alone
    effects: Mapping[int, Floats]
    alarm: Mapping[int, bool]  # without any drift
    evidence: Mapping[int, bool]  # as `alarm`, with no floor under the effect
    found: Mapping[str, tuple[bool, bool]]  # by change: alone, and as one of fifty features


def day(seed: Sequence[int], reference_rows: int, sizes: Sequence[int]) -> Day:
    """Fifty features without drift at each of *sizes*, and each change at `DETECTION_ROWS`."""
    rng = np.random.default_rng(seed)
    sizes = sorted({*sizes, DETECTION_ROWS})
    p_of_ks: dict[int, list[float]] = {size: [] for size in sizes}
    columns = []
    for kind, nulls in FEATURES:
        population = POPULATIONS[kind]
        bins, before = population.reference(rng, reference_rows, nulls=nulls)
        days = [population.current(rng, size, bins, nulls=nulls) for size in sizes]
        found = measure_all(kind, [(before, now) for now in days], bins)
        columns.append(found)
        for size, now, drift in zip(sizes, days, found, strict=True):
            if drift.ks and isinstance(before, NumericProfile) and isinstance(now, NumericProfile):
                p_of_ks[size].append(float(ks_p_value(drift.ks.low, before.finite, now.finite)))
    measured = {size: [one[i] for one in columns] for i, size in enumerate(sizes)}
    verdicts = {size: judged(of) for size, of in measured.items()}
    others = measured[DETECTION_ROWS][1:]
    return Day(
        {size: np.array([one.p_value for one in of]) for size, of in measured.items()},
        {size: np.array(of) for size, of in p_of_ks.items()},
        {size: np.array([one.effect for one in of]) for size, of in measured.items()},
        {size: any(map(drifted, of)) for size, of in verdicts.items()},
        {size: any(v.p_adjusted < SETTINGS.alpha for v in of) for size, of in verdicts.items()},
        {
            name: (drifted(judged([one])[0]), drifted(judged([one, *others])[0]))
            for name, one in _changed(rng, reference_rows)
        },
    )


def _changed(rng: np.random.Generator, reference_rows: int) -> Iterator[tuple[str, ColumnDrift]]:
    for name, change in CHANGES.items():
        bins, before = change.before.reference(rng, reference_rows)
        now = change.now.current(rng, DETECTION_ROWS, bins, nulls=change.nulls)
        yield name, measure(name, before, now, bins)


MANY_LEVELS: Mapping[str, Callable[[int, str], Levels]] = {"even": even, "Zipf's": zipf}
NEW_SHARES = (0.5, 0.05)


class ManyLevels(NamedTuple):
    """What was said of one column of rare levels, over a fresh reference."""

    alarm: Mapping[int, bool]  # by current rows, without any drift
    evidence: Mapping[int, bool]  # as `alarm`, with no floor under the effect
    found: Mapping[float, bool]  # by the share of `DETECTION_ROWS` that is of new levels


def many_levels(
    kind: str, levels: int, rows_each: int, seed: Sequence[int], sizes: Sequence[int]
) -> ManyLevels:
    """A reference of *rows_each* rows a level on average; new levels are as many, and as rare."""
    rng = np.random.default_rng(seed)
    population, others = (MANY_LEVELS[kind](levels, stem) for stem in ("", "new "))
    bins, before = population.reference(rng, levels * rows_each)
    days = [population.current(rng, size, bins) for size in sizes]
    for share in NEW_SHARES:
        new = rng.binomial(DETECTION_ROWS, share)
        days.append(
            population.current(rng, DETECTION_ROWS - new, bins) + others.current(rng, new, bins)
        )
    measured = measure_all(kind, [(before, now) for now in days], bins)
    verdicts = [judged([one])[0] for one in measured]
    calm, changed = verdicts[: len(sizes)], verdicts[len(sizes) :]
    return ManyLevels(
        {size: drifted(one) for size, one in zip(sizes, calm, strict=True)},
        {size: one.p_adjusted < SETTINGS.alpha for size, one in zip(sizes, calm, strict=True)},
        {share: drifted(one) for share, one in zip(NEW_SHARES, changed, strict=True)},
    )


def tiny_shift(seed: Sequence[int], rows: int = 1_000_000) -> DriftVerdict:
    """0.02 standard deviations, *rows* on either side."""
    rng = np.random.default_rng(seed)
    bins, before = normal().reference(rng, rows)
    return judged([measure("x", before, normal(0.02).current(rng, rows, bins), bins)])[0]


def wild_values(seed: Sequence[int], reference_rows: int = 10_000) -> dict[str, int]:
    """How many of the four verdicts with one value of `WILD` on either side are others than without
    it, by population; the last one is shifted by 0.25 standard deviations.
    """
    rng = np.random.default_rng(seed)
    changed = {}
    for kind, now in [*NUMERIC.items(), ("mean + 0.25 sd", normal(0.25))]:
        reference = NUMERIC.get(kind, normal()).draw(rng, reference_rows)
        current = now.draw(rng, DETECTION_ROWS)
        calm = _verdict(reference, current)
        changed[kind] = sum(
            (_verdict(np.append(reference, wild), current) is not calm)
            + (_verdict(reference, np.append(current, wild)) is not calm)
            for wild in WILD
        )
    return changed


def _verdict(reference: Floats, current: Floats) -> Verdict:
    bins, before = laid(reference)
    assert isinstance(bins, NumericBins)
    return judged([measure("x", before, profiled(current, bins), bins)])[0].verdict


class Exactness(NamedTuple):
    """What profiles say beside what the raw rows say."""

    psi_error: float  # as are the others: absolute
    js_error: float
    ks_outside: float  # how far the exact value lies outside its interval
    ks_width: float
    wasserstein_outside: float  # in interquartile ranges of the reference, as is the next
    wasserstein_width: float


def exactness(kind: str, seed: Sequence[int], reference_rows: int = 10_000) -> Exactness:
    """Raw rows of a population and of one that is 1.2 times as wide, measured both ways."""
    rng = np.random.default_rng(seed)
    population = NUMERIC[kind]
    reference = population.draw(rng, reference_rows)
    current = 1.2 * population.draw(rng, DETECTION_ROWS)
    bins, before = laid(reference)
    assert isinstance(bins, NumericBins)
    assert isinstance(before, NumericProfile)
    drift = measure("x", before, profiled(current, bins), bins)
    assert drift.ks
    assert drift.wasserstein
    p, q = (_cell_shares(side, before, bins) for side in (reference, current))
    there = (p > 0) | (q > 0)
    p, q = p[there], q[there]
    half = [np.maximum(of, 0.5 / n) for of, n in ((p, reference.size), (q, current.size))]
    half = [of / of.sum() for of in half]
    psi = np.sum((half[0] - half[1]) * np.log(half[0] / half[1]))
    js = np.sqrt((stats.entropy(p, (p + q) / 2, 2) + stats.entropy(q, (p + q) / 2, 2)) / 2)
    ks = stats.ks_2samp(reference, current, method="asymp").statistic
    iqr = float(stats.iqr(reference)) or 1.0
    moved = stats.wasserstein_distance(reference, current) / iqr
    low, high = (end / iqr for end in drift.wasserstein)
    return Exactness(
        abs(psi - drift.psi),
        abs(js - drift.jensen_shannon),
        max(drift.ks.low - ks, ks - drift.ks.high, 0.0),
        drift.ks.high - drift.ks.low,
        max(low - moved, moved - high, 0.0),
        high - low,
    )


def _cell_shares(values: Floats, before: NumericProfile, bins: NumericBins) -> Floats:
    """Of raw *values* far below, in ten groups of equal reference mass, and far above."""
    starts = group_starts(np.where(bins.far, 0, before.counts)[None])[0, 1:]
    ends = np.append(bins.edges, np.inf)[starts - 1].clip(*bins.near)
    at = np.concatenate([bins.near[:1], ends, bins.near[1:]])
    upto = np.searchsorted(np.sort(values), at, side="right")
    return np.diff([0, *upto, values.size]) / values.size


def judged(measured: Sequence[ColumnDrift]) -> list[DriftVerdict]:
    return judge(measured, settings=SETTINGS)


def drifted(verdict: DriftVerdict) -> bool:
    return verdict.verdict is Verdict.DRIFT
