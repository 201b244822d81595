"""The error rates that the verdicts promise, over fresh references; benchmarks/ has the table."""

from functools import cache

import numpy as np
import pytest
from scipy import stats

from benchmarks.drift_days import (
    CHANGES,
    NULL_SHARES,
    NUMERIC,
    POPULATIONS,
    Day,
    ManyLevels,
    day,
    even,
    exactness,
    many_levels,
    tiny_shift,
    wild_values,
)
from monitoring_dagster.stats.columns.bins import CategoricalBins
from monitoring_dagster.stats.drift.cells import expected_unseen
from monitoring_dagster.stats.drift.column_drift import measure_all
from monitoring_dagster.stats.drift.drift_verdict import Verdict
from monitoring_dagster.stats.inference.evidence import chi_square, unseen_p_value

DAYS = 25
REFERENCE_ROWS = (1_000, 10_000)
CURRENT_ROWS = (30, 100, 2_000, 1_000_000)
ERROR = 1e-4  # probability that a test fails although its promise is kept


def most(days: int, rate: float) -> int:
    """Failures that *days* may show where each has a probability of *rate*."""
    return int(stats.binom.isf(ERROR, days, rate))


@cache
def days(reference_rows: int) -> list[Day]:
    return [day((5, reference_rows, i), reference_rows, CURRENT_ROWS) for i in range(DAYS)]


@pytest.mark.parametrize("current_rows", CURRENT_ROWS)
@pytest.mark.parametrize("reference_rows", REFERENCE_ROWS)
def test_fifty_features_without_drift_alarm_on_one_day_in_twenty(reference_rows, current_rows):
    """With the correction for fifty features alone, and all the more with the effect's floor."""
    found = days(reference_rows)
    assert sum(one.evidence[current_rows] for one in found) <= most(DAYS, 0.05)
    assert sum(one.alarm[current_rows] for one in found) <= most(DAYS, 0.05)


@pytest.mark.parametrize("level", [0.05, 0.01])
@pytest.mark.parametrize("current_rows", CURRENT_ROWS)
@pytest.mark.parametrize("reference_rows", REFERENCE_ROWS)
def test_each_p_value_is_below_a_level_as_rarely_as_it_says(reference_rows, current_rows, level):
    """Each distribution's own, with 0 to 60 % nulls; Kolmogorov-Smirnov also by itself."""
    found, each = days(reference_rows), len(NULL_SHARES)
    for kinds, p_values in (
        (POPULATIONS, [one.p_values[current_rows] for one in found]),
        (NUMERIC, [one.ks_p_values[current_rows] for one in found]),
    ):
        low = (np.array(p_values) < level).reshape(DAYS, len(kinds), each).sum((0, 2))
        assert dict(zip(kinds, low <= most(DAYS * each, level), strict=True)) == dict.fromkeys(
            kinds, True
        )


@pytest.mark.parametrize(
    ("reference_rows", "current_rows"),
    [(1_000, 2_000), (10_000, 1_000), (100_000, 1_000), (1_000_000, 2_000), (10_000, 1_000_000)],
)
def test_a_thousand_levels_are_no_drift(reference_rows, current_rows):
    """Neither those that the reference missed, nor those that it had more often than it should."""
    rng = np.random.default_rng((6, reference_rows, current_rows))
    low = 0
    for _ in range(60):
        bins, before = even(1_000).reference(rng, reference_rows)
        pairs = [(before, even(1_000).current(rng, current_rows, bins)) for _ in range(2)]
        found = measure_all("x", pairs, bins)
        low += found[0].p_value < 0.05
        assert max(one.effect for one in found) < 0.1
    assert low <= most(60, 0.05)


@cache
def many(kind: str, levels: int, each: int) -> list[ManyLevels]:
    """Forty days; of very many levels fewer."""
    return [
        many_levels(kind, levels, each, (6, levels, each, i), (100, 2_000, 100_000))
        for i in range(40 if levels < 10_000 else 6)
    ]


MANY = pytest.mark.parametrize(
    ("kind", "levels", "each"),
    [("even", 30, 5), ("Zipf's", 30, 50), ("even", 900, 10), ("Zipf's", 900, 5),
     ("even", 10_000, 5), ("Zipf's", 10_000, 50)],
)  # fmt: skip


@MANY
def test_many_rare_levels_alarm_on_one_day_in_twenty(kind, levels, each):
    found = many(kind, levels, each)
    for rows in (100, 2_000, 100_000):
        assert sum(one.evidence[rows] for one in found) <= most(len(found), 0.05)


@MANY
def test_new_levels_among_many_rare_ones_are_found(kind, levels, each):
    """Half of the rows always; one in twenty where the reference has a thousand rows."""
    found = many(kind, levels, each)
    assert all(one.found[0.5] for one in found)
    if levels * each >= 1_000:
        assert sum(not one.found[0.05] for one in found) <= most(len(found), 0.05)


@pytest.mark.parametrize("rows_of_a_level", [3, 5, 7, 12])
@pytest.mark.parametrize("levels", [10, 30, 300])
def test_one_level_that_the_reference_missed_is_no_evidence(levels, rows_of_a_level):
    """All its rows are unseen together, and no value was had once to let expect it."""
    rng, low = np.random.default_rng((11, levels, rows_of_a_level)), 0
    for before in rng.multinomial(levels * rows_of_a_level, np.full(levels, 1 / levels), 300):
        bins = CategoricalBins.of_values([str(i) for i in range(levels)], before)
        rows = np.append(before[before > 0], np.zeros(bins.size - len(bins.levels), int))
        counts = np.append(np.sort(rows)[::-1], 0)
        expected = expected_unseen(counts, bins, own=True)
        unseen = rng.binomial(100_000, (before == 0).mean())
        low += unseen_p_value(
            expected.at_most, expected.rows, unseen, 100_000, clustering=expected.clustering
        ) < 0.005  # fmt: skip
    assert low <= most(300, 0.005)


@pytest.mark.parametrize("levels", [2, 10, 30, 1_000])
@pytest.mark.parametrize("rows", [(1_000, 30), (1_000, 100), (10**6, 30), (10**6, 1_000)])
def test_chi_square_holds_its_level_with_small_cells_and_unequal_sides(levels, rows):
    """Zipf's shares, so that some cells are small whatever the rows."""
    rng = np.random.default_rng((7, levels, *rows))
    share = 1 / np.arange(1, levels + 1)
    before, now = (rng.multinomial(n, share / share.sum(), 800) for n in rows)
    p_values = chi_square(before, now)
    for level in (0.05, 0.01):
        assert (p_values < level).sum() <= most(800, level)


@pytest.mark.parametrize("change", CHANGES)
def test_drift_is_found_on_nineteen_days_in_twenty(change):
    """Over 10,000 reference rows at 2,000 rows: a feature alone, and one of fifty."""
    found = [one.found[change] for one in days(10_000)]
    for i in (0, 1):
        assert sum(not one[i] for one in found) <= most(DAYS, 0.05)


def test_a_large_reference_hides_no_new_category():
    """In 1,000,000 rows together a category of 60 is expected to have 0.1 of them."""
    assert chi_square([100_000, 300_000, 600_000, 0], [194, 582, 1_164, 60]) < 1e-50


def test_a_tiny_shift_is_reported_and_no_alarm():
    found = tiny_shift((8,))
    assert found.p_adjusted < 1e-10
    assert found.verdict is Verdict.OK
    assert found.reason.startswith("significant, below the effect threshold")


@pytest.mark.parametrize("seed", range(4))
def test_one_wild_value_on_either_side_changes_no_verdict(seed):
    changed = wild_values((9, seed))
    assert changed == dict.fromkeys(changed, 0)


@pytest.mark.parametrize("kind", NUMERIC)
def test_profiles_say_what_raw_rows_say(kind):
    """PSI and JS to rounding; KS and Wasserstein within their certified intervals, by scipy."""
    for seed in range(4):
        found = exactness(kind, (10, seed))
        assert max(found.psi_error, found.js_error) < 1e-9
        assert max(found.ks_outside, found.wasserstein_outside) < 1e-9
        assert found.ks_width < 0.01
