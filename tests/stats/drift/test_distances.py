"""Distances from bins are those of the raw data, or an interval that certainly holds them."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from monitoring_dagster.stats.columns.bins import NumericBins
from monitoring_dagster.stats.columns.column_profile import NumericStack
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile, profile_batches
from monitoring_dagster.stats.drift.distances import (
    hellinger,
    jensen_shannon,
    ks,
    l_infinity,
    psi,
    total_variation,
    total_variation_noise,
    wasserstein,
)

DISTANCES = [psi, jensen_shannon, hellinger, total_variation]


def column(values, bins):
    table = pa.table({"v": ["1"] * len(values), "x": pa.array(np.asarray(values, float))})
    found = profile_batches(table.to_batches(), {"1": {"x": bins}}, version="v")
    return found.get(Group("1"), Profile.empty({"x": bins})).columns["x"]


def stacked(values, bins):
    return NumericStack.of([column(values, bins)])


rows = st.integers(0, 500)
histograms = st.lists(st.tuples(rows, rows), min_size=1, max_size=20).map(
    lambda pairs: tuple(np.array(pairs).T)
)
filled = histograms.filter(lambda pair: pair[0].sum() and pair[1].sum())


@pytest.mark.parametrize(
    ("reference", "current", "expected"),
    [
        pytest.param([500, 500], [700, 300], 0.2 * np.log(1.4) - 0.2 * np.log(0.6), id="by hand"),
        pytest.param([100, 300, 600], [10, 30, 60], 0.0, id="equal shares"),
        pytest.param(
            [100, 0], [90, 10], (100 / 100.5 - 0.9) * np.log(100 / 100.5 / 0.9)
            + (0.5 / 100.5 - 0.1) * np.log(0.5 / 100.5 / 0.1), id="an empty bin is half a row"
        ),
        pytest.param([5, 5, 0], [2, 8, 0], psi([5, 5], [2, 8]), id="empty on both sides is no bin"),
    ],
)  # fmt: skip
def test_psi_is_the_formula_of_the_books(reference, current, expected):
    assert psi(reference, current) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given(filled)
def test_jensen_shannon_is_scipys_distance_in_base_two(pair):
    expected = distance.jensenshannon(*pair, base=2)
    assert jensen_shannon(*pair) ** 2 == pytest.approx(expected**2, abs=1e-12)


@given(filled)
def test_distances_stay_in_their_range_and_do_not_care_which_side_comes_first(pair):
    for function in DISTANCES:
        value = function(*pair)
        assert value >= 0
        assert value == pytest.approx(function(*pair[::-1]), abs=1e-12)
        assert function(pair[0], 7 * pair[0]) == pytest.approx(0, abs=1e-7) or function is psi
    assert max(f(*pair) for f in (jensen_shannon, hellinger, total_variation)) <= 1 + 1e-12


def test_nothing_in_common_is_one():
    for function in (jensen_shannon, hellinger, total_variation):
        assert function([3, 4, 0], [0, 0, 9]) == pytest.approx(1.0, abs=1e-15)
    assert np.isfinite(psi([3, 4, 0], [0, 0, 9]))


@pytest.mark.parametrize("function", DISTANCES)
def test_without_rows_nothing_is_known(function):
    assert np.isnan(function([0, 0], [1, 2]))
    assert np.isnan(function([1, 2], [0, 0]))


def test_without_drift_distances_are_as_noisy_as_they_say():
    """The averages that the docstrings state, at ten bins, 2,000 and 500 rows."""
    rng = np.random.default_rng(0)
    bins, n, m = 10, 2000, 500
    share = np.full(bins, 1 / bins)
    reference, current = rng.multinomial(n, share, 400), rng.multinomial(m, share, 400)
    noise = (bins - 1) * (1 / n + 1 / m)

    def mean(function, power=1):
        return np.mean([function(p, q) ** power for p, q in zip(reference, current, strict=True)])

    assert mean(psi) == pytest.approx(noise, rel=0.1)
    assert mean(jensen_shannon, 2) == pytest.approx(noise / (8 * np.log(2)), rel=0.1)
    assert mean(hellinger, 2) == pytest.approx(noise / 8, rel=0.1)
    spread = np.sqrt((1 / n + 1 / m) / (2 * np.pi)) * np.sum(np.sqrt(share * (1 - share)))
    assert mean(total_variation) == pytest.approx(spread, rel=0.1)
    assert mean(total_variation_noise) == pytest.approx(spread, rel=0.02)


quarters = st.lists(st.integers(-40, 40).map(lambda i: i / 4), min_size=1, max_size=30)


@settings(max_examples=150)
@given(quarters, quarters, st.lists(st.integers(-40, 40).map(lambda i: i / 8), max_size=12))
def test_ks_and_wasserstein_of_raw_data_lie_in_their_intervals(first, second, edges):
    bins = NumericBins(np.unique(edges))
    reference, current = column(first, bins), column(second, bins)
    low, high = ks(reference.counts, current.counts, singles=bins.singles)
    at = np.union1d(first, second)
    upto = [np.searchsorted(np.sort(x), at, "right") / len(x) for x in (first, second)]
    true = np.abs(upto[0] - upto[1]).max()
    assert low - 1e-12 <= true <= high + 1e-12
    low, high = wasserstein(stacked(first, bins), stacked(second, bins), edges=bins.edges)
    true = stats.wasserstein_distance(first, second)
    assert low - 1e-9 <= true <= high + 1e-9


@pytest.mark.parametrize("shift", [0.0, 0.1, 1.0])
def test_intervals_are_narrow_over_reference_bins(shift):
    rng = np.random.default_rng(7)
    first, second = rng.gamma(2, 1, 20_000), rng.gamma(2, 1, 3000) + shift
    bins = NumericBins.from_reference(first)
    reference, current = column(first, bins), column(second, bins)
    low, high = ks(reference.counts, current.counts, singles=bins.singles)
    true = stats.ks_2samp(first, second, method="asymp").statistic
    assert low <= true <= high
    assert high - low < 0.01 + 0.5 * shift
    assert true - low < 0.005
    low, high = wasserstein(stacked(first, bins), stacked(second, bins), edges=bins.edges)
    true = stats.wasserstein_distance(first, second)
    assert low <= true + 1e-12
    assert true <= high + 1e-12
    assert high - low < 0.02 * first.std()


def test_few_values_have_an_exact_ks():
    rng = np.random.default_rng(8)
    first, second = rng.poisson(3, 5000), rng.poisson(3.3, 900)
    bins = NumericBins.from_reference(first)
    low, _ = ks(column(first, bins).counts, column(second, bins).counts, singles=bins.singles)
    true = stats.ks_2samp(first, second, method="asymp").statistic
    assert low == pytest.approx(true, abs=1e-12)


def test_one_side_without_finite_values_says_nothing():
    bins = NumericBins(np.array([0.0]))
    for pair in (([1.0], []), ([], [1.0]), ([np.nan], [1.0])):
        first, second = (column(values, bins) for values in pair)
        bounds = wasserstein(*(stacked(values, bins) for values in pair), edges=bins.edges)
        assert np.isnan(bounds).all()
        assert np.isnan(ks(first.counts, second.counts, singles=bins.singles)).all()


@given(st.lists(filled.filter(lambda pair: len(pair[0]) > 2), min_size=2, max_size=5))
def test_many_pairs_at_once_are_as_each_alone(pairs):
    """Whatever lies beside a pair, its numbers are its own to the last bit, or nearly."""
    size = max(len(pair[0]) for pair in pairs)
    padded = [[np.pad(side, (0, size - len(side))) for side in pair] for pair in pairs]
    before, now = (np.stack([pair[side] for pair in padded]) for side in (0, 1))
    for function in (*DISTANCES, l_infinity, total_variation_noise):
        alone = [function(*pair) for pair in padded]
        assert function(before, now) == pytest.approx(np.array(alone), rel=1e-12, nan_ok=True)
