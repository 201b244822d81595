"""All features together: what is seen that no single one shows, and how often nothing is."""

import numpy as np
import pyarrow as pa
import pytest

from monitoring_dagster.stats.columns.bins import bins_of
from monitoring_dagster.stats.columns.encoding import Pooled
from monitoring_dagster.stats.columns.profile import profile_batches
from monitoring_dagster.stats.drift.column_drift import measure
from monitoring_dagster.stats.drift.drift_settings import DriftSettings
from monitoring_dagster.stats.drift.drift_verdict import Verdict, judge
from monitoring_dagster.stats.drift.joint_drift import (
    MIN_AUC,
    MIN_ROWS,
    compare,
    domain_classifier,
    mmd,
)


def rows(n, *, correlation=0.7, columns=6, rng, **other):
    """Standard normal columns; the first two are correlated."""
    x = rng.normal(size=(n, columns))
    x[:, 1] = correlation * x[:, 0] + np.sqrt(1 - correlation**2) * x[:, 1]
    numbers = {f"x{number}": x[:, number] for number in range(columns)}
    return pa.table(numbers | {"plan": rng.choice(["basic", "plus", "pro"], n)} | other)


@pytest.fixture
def rng():
    return np.random.default_rng(20260302)


@pytest.fixture
def flipped(rng):
    """A correlation of 0.7 becomes one of -0.7; each column is what it was."""
    return rows(800, rng=rng), rows(800, correlation=-0.7, rng=rng)


def columns_verdicts(reference, current):
    """What is said about each column by itself."""
    bins = {name: bins_of(reference[name], column=name) for name in reference.column_names}
    profiles = []
    for table in (reference, current):
        labelled = table.append_column("v", pa.array(["1"] * table.num_rows))
        [found] = profile_batches(labelled.to_batches(), {"1": bins}, version="v").values()
        profiles.append(found.columns)
    measured = [measure(name, profiles[0][name], profiles[1][name], bins[name]) for name in bins]
    found = judge(measured, settings=DriftSettings())
    return {one.verdict for one in found}


class TestAFlippedCorrelation:
    def test_no_column_alone_shows_it(self, flipped):
        assert columns_verdicts(*flipped) == {Verdict.OK}

    def test_mmd_fails(self, flipped, rng):
        assert mmd(Pooled.of(*flipped), rng=rng, permutations=200).p_value == 1 / 201

    def test_the_classifier_sees_it_and_names_the_two_columns(self, flipped, rng):
        found = domain_classifier(Pooled.of(*flipped), rng=rng)
        assert 0.7 < found.low < found.auc < found.high < 0.9
        assert found.p_value < 1e-9
        assert set(list(found.importances)[:2]) == {"x0", "x1"}
        assert list(found.importances.values()) == sorted(found.importances.values(), reverse=True)

    def test_together_it_is_drift_in_words(self, flipped, rng):
        found = compare(*flipped, rng=rng)
        assert found.verdict is Verdict.DRIFT
        assert found.reason.startswith("a classifier tells the rows from the reference with AUC 0.")
        assert "p < 1e-16 of two tests; mostly by x" in found.reason

    def test_a_week_in_which_that_is_usual_is_no_drift(self, flipped, rng):
        found = compare(*flipped, rng=rng, usual_auc=0.9)
        assert found.verdict is Verdict.OK
        assert "below the effect threshold" in found.reason
        assert "(bound 0.900)" in found.reason

    def test_it_is_seen_among_thirty_columns(self, rng):
        """Where a kernel as wide as the median distance sees nothing."""
        tables = [rows(800, correlation=it, columns=30, rng=rng) for it in (0.7, -0.7)]
        assert mmd(Pooled.of(*tables), rng=rng, permutations=200).p_value < 0.01

    def test_the_same_generator_says_the_same(self, flipped):
        one, other = (compare(*flipped, rng=np.random.default_rng(1)) for _ in range(2))
        assert one == other


@pytest.fixture(scope="module")
def simulated():
    """Both methods on pairs of samples from the same world."""
    rng = np.random.default_rng(7)
    pairs = [Pooled.of(*(rows(100, columns=3, rng=rng) for _ in range(2))) for _ in range(80)]
    return (
        [domain_classifier(one, rng=rng) for one in pairs],
        [mmd(one, rng=rng, permutations=99).p_value for one in pairs],
    )


class TestWithoutDrift:
    """Simulated: few rows and many draws, for what must hold at any number of rows."""

    def test_the_auc_is_about_a_half_and_its_interval_holds_it(self, simulated):
        found, _ = simulated
        assert np.mean([one.auc for one in found]) == pytest.approx(0.5, abs=0.015)
        assert np.mean([one.low <= 0.5 <= one.high for one in found]) > 0.9

    def test_false_alarms_stay_below_what_is_promised(self, simulated):
        """5 % of 80 are 4; 10 would come once in a hundred times."""
        found, p_values = simulated
        assert sum(one.p_value < 0.05 for one in found) < 10
        assert sum(p <= 0.05 for p in p_values) < 10

    def test_the_permutation_p_value_is_uniform(self, simulated):
        """By Kolmogorov and Smirnov; a p-value that is always 0.5 would not pass."""
        from scipy import stats

        _, p_values = simulated
        assert stats.kstest(p_values, "uniform").pvalue > 0.01

    def test_the_discrepancy_is_unbiased(self, rng):
        """Without drift it is 0 on average, and so below it about as often as above."""
        drawn = [
            mmd(Pooled.of(rows(30, rng=rng), rows(50, rng=rng)), rng=rng, permutations=1).mmd2
            for _ in range(300)
        ]
        assert abs(np.mean(drawn)) < 4 * np.std(drawn) / np.sqrt(300)


def test_mmd_is_the_textbook_sum(rng):
    """Against three loops over the kernel; lemma 6 of Gretton et al."""
    pooled = Pooled.of(rows(12, rng=rng), rows(9, rng=rng))
    x = pooled.points
    squares = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    kernel = np.exp(-2 * squares / np.median(squares))
    m, n = 12, 9
    within = [kernel[i, j] for i in range(m) for j in range(m) if i != j]
    rest = [kernel[i, j] for i in range(m, m + n) for j in range(m, m + n) if i != j]
    between = kernel[:m, m:]
    wanted = np.mean(within) + np.mean(rest) - 2 * np.mean(between)
    assert mmd(pooled, rng=rng).mmd2 == pytest.approx(wanted, abs=1e-6)


def test_the_interval_is_wide_where_rows_are_few(rng):
    few, many = (
        domain_classifier(Pooled.of(*(rows(n, rng=rng) for _ in range(2))), rng=rng)
        for n in (60, 600)
    )
    assert few.high - few.low > 2 * (many.high - many.low)


def test_a_small_shift_is_real_and_no_drift(rng):
    """Evidence without effect: a fifth of a standard deviation in one of seven columns."""
    reference, current = rows(3000, rng=rng), rows(3000, rng=rng)
    moved = pa.array(current["x3"].to_numpy() + 0.2)
    found = compare(reference, current.set_column(3, "x3", moved), rng=rng)
    assert (found.verdict, found.p_adjusted < 0.05) == (Verdict.OK, True)
    assert found.separation.low < MIN_AUC
    assert "below the effect threshold" in found.reason


@pytest.mark.parametrize("side", ["the reference", "the current data"])
def test_below_the_rows_needed_no_verdict_is_given(side, rng):
    tables = [rows(MIN_ROWS, rng=rng), rows(MIN_ROWS, rng=rng)]
    assert compare(*tables, rng=rng).verdict is not Verdict.INSUFFICIENT
    place = 0 if side == "the reference" else 1
    tables[place] = tables[place].slice(1)
    found = compare(*tables, rng=rng)
    assert found.verdict is Verdict.INSUFFICIENT
    assert found.reason == f"{side} has 199 rows, below the 200 needed for a verdict"
    assert np.isnan(found.p_adjusted)


@pytest.mark.parametrize(
    "wild",
    [
        pytest.param(1e308, id="one huge value"),
        pytest.param(float("inf"), id="one infinity"),
        pytest.param(float("nan"), id="one NaN"),
        pytest.param(None, id="one null"),
    ],
)
def test_one_wild_value_changes_nothing(wild, rng):
    """Not for the column it is in, and not for the others."""
    reference, current = rows(300, rng=rng), rows(300, correlation=-0.7, rng=rng)
    values = pa.array([wild, *current["x0"].to_pylist()[1:]], pa.float64())
    found = compare(reference, current.set_column(0, "x0", values), rng=rng)
    assert found.verdict is Verdict.DRIFT
    assert np.isfinite([found.separation.auc, found.discrepancy.mmd2]).all()


def test_constant_and_empty_columns_are_harmless(rng):
    nothing = {"constant": np.ones(300), "empty": pa.array([None] * 300, pa.float64())}
    found = compare(rows(300, rng=rng, **nothing), rows(300, rng=rng, **nothing), rng=rng)
    assert found.verdict is Verdict.OK
    assert found.separation.importances["constant"] == 0


def test_where_no_column_varies_no_verdict_is_given(rng):
    still = pa.table({"x": np.ones(300)})
    assert compare(still, still, rng=rng).reason == "no column varies"


def test_rows_newly_missing_in_a_new_combination_are_seen(rng):
    """A tenth misses x0 before and after, but now exactly those of one plan."""
    tables = []
    for together in (False, True):
        table = rows(800, rng=rng)
        chance = rng.random(800) < 1 / 3
        chosen = np.array(table["plan"].to_pylist()) == "pro" if together else chance
        tables.append(table.set_column(0, "x0", pa.array(table["x0"].to_numpy(), mask=chosen)))
    found = compare(*tables, rng=rng)
    assert found.verdict is Verdict.DRIFT
    assert set(list(found.separation.importances)[:2]) == {"x0", "plan"}
