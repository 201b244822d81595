"""p-values are scipy's where it has them, and keep their promise where it has none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitoring_dagster.stats.inference.evidence import (
    MIN_EXPECTED,
    benjamini_hochberg,
    chi_square,
    ks_p_value,
    unseen_p_value,
)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_correction_for_many_looks_is_scipys(p_values):
    expected = stats.false_discovery_control(p_values)
    assert benjamini_hochberg(p_values) == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_chi_square_is_scipys_where_cells_are_filled():
    table = [[120, 80, 33], [90, 110, 20]]
    assert chi_square(*table) == pytest.approx(stats.chi2_contingency(table).pvalue, rel=1e-12)


@pytest.mark.parametrize(
    ("reference", "current", "expected"),
    [
        pytest.param(
            [100, 100, 3, 2, 4], [100, 100, 2, 4, 3],
            lambda: stats.chi2_contingency([[100, 100, 9], [100, 100, 9]]).pvalue,
            id="small cells are pooled",
        ),
        pytest.param(
            [1000, 0], [997, 3],
            lambda: stats.fisher_exact([[1000, 0], [997, 3]]).pvalue,
            id="two cells, one small: exact",
        ),
        pytest.param(
            [1000, 1, 0], [500, 1, 2],
            lambda: stats.fisher_exact([[1000, 1], [500, 3]]).pvalue,
            id="all but one small: pooled, then exact",
        ),
        pytest.param([5, 0], [9, 0], lambda: 1.0, id="one cell says nothing"),
        pytest.param([0, 0], [9, 1], lambda: 1.0, id="no reference says nothing"),
    ],
)  # fmt: skip
def test_chi_square_handles_small_cells(reference, current, expected):
    assert chi_square(reference, current) == pytest.approx(expected(), rel=1e-12)


@pytest.mark.parametrize("levels", [2, 3, 10, 30])
def test_chi_square_keeps_its_promise_without_drift(levels):
    """5 % of 600 runs, at 200 reference rows and 100 current ones."""
    rng = np.random.default_rng(levels)
    share = rng.dirichlet(np.ones(levels))
    alarms = [
        chi_square(rng.multinomial(200, share), rng.multinomial(100, share)) < 0.05
        for _ in range(600)
    ]
    assert np.mean(alarms) < 0.08


@pytest.mark.parametrize(("n", "m"), [(1000, 1000), (50_000, 300), (100, 100)])
def test_the_ks_p_value_is_scipys_limit_law(n, m):
    rng = np.random.default_rng(n)
    first, second = rng.normal(size=n), rng.normal(0.1, 1, m)
    found = stats.ks_2samp(first, second, method="asymp")
    expected = stats.kstwobign.sf(np.sqrt(n * m / (n + m)) * found.statistic)
    assert ks_p_value(found.statistic, n, m) == pytest.approx(expected, rel=1e-9)
    assert ks_p_value(found.statistic, n, m) == pytest.approx(found.pvalue, rel=0.1)


@given(st.tuples(*[st.integers(0, 400)] * 4).filter(lambda t: t[0] + t[1] and t[2] + t[3]))
def test_two_cells_of_which_one_is_small_are_fishers(table):
    a, b, c, d = table
    n, m = a + b, c + d
    if min(a + c, b + d) and min(a + c, b + d) * min(n, m) / (n + m) < MIN_EXPECTED:
        expected = stats.fisher_exact([[a, b], [c, d]]).pvalue
        assert chi_square([a, b], [c, d]) == pytest.approx(expected, rel=1e-6)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=4, max_size=4),
        min_size=2,
        max_size=5,
    )
)
def test_many_pairs_at_once_are_as_each_alone(pairs):
    before, now = np.moveaxis(np.array(pairs), -1, 0)
    alone = [chi_square(*np.array(pair).T) for pair in pairs]
    assert chi_square(before, now) == pytest.approx(np.array(alone), rel=1e-12)


def test_one_side_without_rows_says_nothing():
    assert ks_p_value(float("nan"), 0, 5) == ks_p_value(float("nan"), 5, 0) == 1.0
    assert chi_square([0, 0], [5, 1]) == 1.0


@pytest.mark.parametrize(
    ("expected", "unseen", "most", "least"),
    [
        pytest.param(0, 0, 1.0, 1.0, id="none"),
        pytest.param(0, 1, 0.5, 0.5, id="one of two rows falls on this side by chance"),
        pytest.param(0, 10, 0.5**10, 0.5**10, id="ten of ten do not"),
        pytest.param(100, 100, 0.6, 0.4, id="as many as expected"),
        pytest.param(100, 200, 1e-6, 0, id="twice as many"),
    ],
)
def test_unseen_rows_are_compared_with_those_to_be_expected(expected, unseen, most, least):
    p_value = unseen_p_value(expected, 1000, unseen, 1000)
    assert least * (1 - 1e-9) <= p_value <= most * (1 + 1e-9)


def test_clustered_rows_are_weaker_evidence_and_empty_sides_none():
    alone, clustered = (unseen_p_value(5, 100, 30, 100, clustering=d) for d in (1.0, 8.0))
    assert clustered > 10 * alone
    assert unseen_p_value([0, 5], [0, 100], [9, 9], [100, 0]).tolist() == [1.0, 1.0]
