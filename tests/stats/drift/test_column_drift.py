"""What is measured about a column: both sides, the distances, the effect, the evidence."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from monitoring_dagster.stats.columns.bins import CategoricalBins, NumericBins, bins_of
from monitoring_dagster.stats.columns.column_profile import MismatchedBins, empty_column
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import profile_batches
from monitoring_dagster.stats.drift.column_drift import ColumnDrift, Growth, measure


def profiled(values, bins):
    table = pa.table({"v": ["1"] * len(values), "x": values})
    if not len(values):
        return empty_column(bins)
    found = profile_batches(table.to_batches(), {"1": {"x": bins}}, version="v")
    return found[Group("1")].columns["x"]


def measured(reference, current) -> ColumnDrift:
    first, second = (
        values if isinstance(values, pa.Array) else pa.array(values)
        for values in (reference, current)
    )
    bins = bins_of(first, column="x")
    return measure("x", profiled(first, bins), profiled(second, bins), bins)


def test_a_mean_from_10_to_20_shows_both_means_and_variances():
    rng = np.random.default_rng(0)
    reference, current = rng.normal(10, 2, 5000), rng.normal(20, 3, 2000)
    drift = measured(reference, current)
    assert drift.reference.mean == pytest.approx(reference.mean(), rel=1e-12)
    assert drift.current.mean == pytest.approx(current.mean(), rel=1e-12)
    assert drift.reference.sd**2 == pytest.approx(reference.var(ddof=1), rel=1e-12)
    assert drift.current.sd**2 == pytest.approx(current.var(ddof=1), rel=1e-12)
    assert (drift.reference.minimum, drift.current.maximum) == (reference.min(), current.max())
    assert drift.effect > 0.9
    assert drift.p_value < 1e-100
    assert drift.wasserstein_sd == pytest.approx(5, rel=0.05)
    assert drift.wasserstein_sd == pytest.approx(drift.wasserstein.low / drift.reference.sd)


def test_a_numeric_p_value_is_that_of_both_tests_together():
    rng = np.random.default_rng(1)
    reference = [*rng.normal(size=3000), *[None] * 300]
    current = [*rng.normal(0.05, 1, 800), *[None] * 120]
    drift = measured(reference, current)
    of_values = stats.ks_2samp(reference[:3000], current[:800], method="asymp").pvalue
    of_missing = stats.chi2_contingency([[3000, 300], [800, 120]]).pvalue
    assert drift.p_value == pytest.approx(2 * min(of_values, of_missing), rel=0.05)
    assert drift.growth == pytest.approx((120 / 920 - 300 / 3300, 0, 0, 0))


def test_a_categorical_column_counts_missing_and_unseen():
    reference = ["a"] * 600 + ["b"] * 400
    current = ["a"] * 500 + ["b"] * 400 + ["new"] * 60 + [None] * 40
    drift = measured(reference, current)
    assert drift.kind == "categorical"
    assert drift.total_variation == pytest.approx(0.1)
    assert drift.effect == drift.total_variation
    assert drift.growth == pytest.approx((0.04, 0.06, 0, 0))
    assert (drift.current.null_share, drift.current.unseen_share) == (0.04, 0.06)
    assert drift.unseen == ("new",)
    table = [[600, 400, 0, 0], [500, 400, 60, 40]]
    assert drift.p_value == pytest.approx(stats.chi2_contingency(table).pvalue, rel=1e-9)
    assert drift.ks is drift.wasserstein is drift.wasserstein_sd is None


def test_rare_levels_share_one_cell():
    """Three hundred levels would drown the distances in noise; the test still sees them all."""
    rng = np.random.default_rng(2)
    names = np.array([f"airport {i:03}" for i in range(300)])
    share = 1 / np.arange(1, 301)
    share /= share.sum()
    drift = measured(rng.choice(names, 20_000, p=share), rng.choice(names, 500, p=share))
    assert drift.psi < 0.1
    assert drift.effect < 0.12


def test_new_values_far_outside_the_range_are_unseen():
    """A sentinel of -999 in 3 % of the rows is as new as a new category."""
    rng = np.random.default_rng(3)
    reference = rng.uniform(0, 1, 5000)
    current = np.where(np.arange(2000) < 60, -999.0, rng.uniform(0, 1, 2000))
    drift = measured(reference, current)
    assert drift.current.unseen_share == pytest.approx(0.03)
    assert drift.growth == pytest.approx((0, 0, 0, 0.03))
    assert drift.p_value < 1e-10
    assert measured(reference, rng.uniform(-0.05, 1.05, 2000)).growth == Growth()


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        pytest.param([1.0, 2.0], [], id="no current rows"),
        pytest.param([], [1.0, 2.0], id="no reference rows"),
        pytest.param([], [], id="nothing at all"),
        pytest.param([None, None], [1.0, None], id="reference all null"),
        pytest.param([1.0, 2.0], [None, None], id="current all null"),
        pytest.param([np.inf, -np.inf], [np.nan, np.inf], id="nothing finite"),
        pytest.param([7.0] * 50, [7.0] * 20, id="constant"),
        pytest.param([7.0] * 50, [8.0] * 20, id="another constant"),
        pytest.param([0.0] * 50, [1e308, -1e308], id="as far away as can be"),
        pytest.param([1.0, 2.0] * 50, [1e12, 3e12], id="nothing in common"),
    ],
)
@pytest.mark.parametrize("kind", [pa.float64(), pa.string()], ids=["numeric", "categorical"])
def test_hostile_columns_are_measured_without_an_error(reference, current, kind):
    first, second = (
        pa.array(values, pa.float64(), from_pandas=False).cast(kind)
        for values in (reference, current)
    )
    drift = measured(first, second)
    assert 0 <= drift.effect <= 1
    assert all(0 <= share <= 1 for share in drift.growth)
    assert 0 <= drift.p_value <= 1


def test_equal_constants_do_not_differ_and_other_ones_do():
    same, other = measured([7.0] * 200, [7.0] * 200), measured([7.0] * 200, [7.5] * 200)
    assert (same.effect, same.p_value, same.psi) == (0.0, 1.0, 0.0)
    assert same.wasserstein_sd is None
    assert other.effect == 1.0
    assert other.wasserstein.low == pytest.approx(0.5)


def test_all_null_is_wholly_newly_missing():
    drift = measured([1.0] * 200, pa.nulls(200, pa.float64()))
    assert drift.growth == Growth(missing=1.0)
    assert drift.effect == 1.0
    assert drift.p_value < 1e-10


def test_missing_values_that_vanish_are_an_effect_and_no_growth():
    drift = measured([None] * 300 + [1.0] * 700, [1.0] * 1000)
    assert drift.effect == pytest.approx(0.3)
    assert drift.growth == Growth()


@pytest.mark.parametrize("odd", [1e12, -1e12, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_one_wild_value_changes_next_to_nothing(odd, shift):
    rng = np.random.default_rng(5)
    reference, current = rng.normal(size=5000), rng.normal(shift, 1, 1000)
    calm, wild = measured(reference, current), measured(reference, np.append(current, odd))
    assert wild.effect == pytest.approx(calm.effect, abs=0.002)
    assert wild.psi == pytest.approx(calm.psi, abs=0.01)
    assert wild.growth == pytest.approx(calm.growth, abs=0.001)
    assert (wild.p_value < 0.05) == (calm.p_value < 0.05)


def test_a_wild_value_in_the_reference_hides_no_shift():
    rng = np.random.default_rng(6)
    reference = np.append(rng.normal(size=5000), 1e6)
    assert measured(reference, rng.normal(1, 1, 1000)).effect > 0.3


def test_profiles_over_other_bins_are_refused():
    one, other = NumericBins(np.array([0.0])), NumericBins(np.array([1.0]))
    words = CategoricalBins(("a",))
    for first, second, bins in (
        (one, other, one),
        (one, one, other),
        (words, words, one),
    ):
        with pytest.raises(MismatchedBins, match="differ"):
            measure("x", empty_column(first), empty_column(second), bins)


def levels(stem, number, rows):
    return [f"{stem}{i % number}" for i in range(rows)]


@pytest.mark.parametrize(
    ("reference", "current", "share"),
    [
        pytest.param(levels("s", 900, 9000), levels("s", 900, 4500) + levels("n", 900, 4500), 0.5,
                     id="900 levels of ten rows"),
        pytest.param(levels("s", 900, 9000), levels("s", 900, 1900) + levels("n", 90, 100), 0.05,
                     id="one row in twenty"),
        pytest.param(levels("s", 30, 900), levels("s", 30, 1900) + ["new"] * 100, 0.05,
                     id="one new level among thirty"),
        pytest.param(levels("s", 20_000, 100_000), levels("s", 1900, 1900) + levels("n", 50, 100),
                     0.05, id="twenty thousand levels"),
        pytest.param(levels("s", 1500, 1500), levels("s", 1500, 1000) + ["new"] * 500, None,
                     id="every value once: any may be new"),
    ],
)  # fmt: skip
def test_new_levels_are_found_among_many_rare_ones(reference, current, share):
    drift = measured(reference, current)
    if share is None:
        assert drift.expected_unseen == 1.0
        assert drift.growth.new_category == 0
        return
    assert drift.growth.new_category == pytest.approx(share)
    assert drift.effect >= share
    assert drift.p_value < 0.001
    assert drift.reference.unseen_share == 0
    assert drift.current.unseen_share == pytest.approx(share)


def test_what_many_rare_levels_let_expect_is_no_growth():
    """Of 5,000 levels a reference of 5,000 rows misses more than a third."""
    rng = np.random.default_rng(7)
    names = np.array([f"s{i}" for i in range(5000)])
    drift = measured(rng.choice(names, 5000), rng.choice(names, 2000))
    assert drift.current.unseen_share == pytest.approx(np.exp(-1), abs=0.03)
    assert drift.expected_unseen == pytest.approx(np.exp(-1), abs=0.03)
    assert drift.growth.new_category < 0.03
    assert drift.psi < 0.1
    assert drift.p_value > 0.01


def test_rows_of_other_days_know_the_values_that_the_bins_know():
    """Against other rows than the bins were laid over, as many unseen ones count as there were."""
    reference, odd = levels("s", 900, 9000), levels("s", 900, 1800) + levels("n", 900, 200)
    bins = bins_of(pa.array(reference), column="x")
    first, second = (profiled(pa.array(odd), bins) for _ in range(2))
    drift = measure("x", first, second, bins, own=False)
    assert drift.expected_unseen == drift.reference.unseen_share == pytest.approx(0.1)
    assert (drift.growth.new_category, drift.p_value) == (0, 1)


def test_the_new_value_with_most_rows_is_named_first():
    drift = measured(["a"] * 300, ["a"] * 200 + ["few"] * 3 + ["many"] * 60 + ["some"] * 9)
    assert drift.unseen == ("many", "some", "few")
