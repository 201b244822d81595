"""When labels come is learnt from unfinished days too, and a day says how much of it is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitoring_dagster.stats.labels.maturity import (
    ArrivalCurve,
    Maturity,
    UnusableTriangle,
    arrival_curve,
    expected_labels,
    maturity,
    still_to_come,
)

LAGS = 15


def cut(labels):
    """The triangle as known on the newest day."""
    known = np.array(labels, np.float64)
    for age, row in enumerate(known[::-1]):
        row[age + 1 :] = np.nan
    return known


def geometric(mean_days: float, lags: int = LAGS):
    weights = np.exp(-np.arange(lags) / mean_days)
    return weights / weights.sum()


def days_of(rng, days: int, shares, *, rows: int = 1000, coverage: float = 0.9):
    return rng.multinomial(rng.binomial(rows, coverage, days), shares)


@pytest.fixture(scope="module")
def curve() -> ArrivalCurve:
    """Half of the labels on the day, 30 % on the next, 19 % and 1 % on those after; 80 % in all."""
    found = arrival_curve([[400, 240, 152, 8]] * 10, [1000] * 10)
    assert found is not None
    return found


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any),
    st.lists(st.integers(1, 30), min_size=20, max_size=40),
)
def test_days_that_are_not_over_tell_the_same_as_days_that_are(on_each_lag, sizes):
    """Each day a multiple of the same: cutting the triangle loses nothing, whatever the sizes."""
    labels = np.outer(sizes, on_each_lag)
    rows = 2 * labels.sum(1)
    found = arrival_curve(cut(labels), rows)
    expected = np.cumsum(on_each_lag) / sum(on_each_lag)
    assert found is not None
    assert found.shares == pytest.approx(expected, abs=1e-12)
    assert found.coverage.value == pytest.approx(0.5)
    assert (found.low <= found.shares + 1e-12).all()
    assert (found.shares <= found.high + 1e-12).all()


def test_the_newest_days_count_where_they_are_known():
    """Labels come faster in the last five days, of which none is complete."""
    labels = np.array([[100, 100, 100, 0, 0, 0]] * 20 + [[200, 100, 0, 0, 0, 0]] * 5)
    slow = arrival_curve(cut(labels)[:20], [300] * 20)
    now = arrival_curve(cut(labels), [300] * 25, window_days=10)
    assert slow is not None
    assert now is not None
    assert slow.shares[0] == pytest.approx(1 / 3)
    # The last ten that know lag 1 are six old and four new ones, of lag 2 seven and three.
    assert now.shares[0] == pytest.approx((1 - 1000 / 2400) * (1 - 700 / 3000))


def test_the_curve_follows_a_change_within_its_window():
    rng = np.random.default_rng(0)
    labels = np.vstack([days_of(rng, 30, geometric(2)), days_of(rng, 60, geometric(6))])
    found = arrival_curve(cut(labels), [1000] * 90)
    assert found is not None
    assert found.shares == pytest.approx(np.cumsum(geometric(6)), abs=0.01)


def test_plain_shares_of_unfinished_days_would_be_wrong_and_these_are_not():
    rng = np.random.default_rng(1)
    triangle = cut(days_of(rng, 25, geometric(5)))
    plain = np.nansum(triangle[:, :5]) / np.nansum(triangle)
    found = arrival_curve(triangle, [1000] * 25)
    assert found is not None
    right = np.cumsum(geometric(5))[4]
    assert abs(plain - right) > 0.05
    assert abs(found.shares[4] - right) < 0.015


def test_intervals_hold_the_truth_though_days_differ_by_more_than_chance():
    """Each day's delay is its own; 250 histories, a share and the coverage."""
    rng = np.random.default_rng(2)
    means = 3 * np.exp(rng.normal(0, 0.2, (250, 45)))
    truth = np.mean([np.cumsum(geometric(m)) for m in means.ravel()[:5000]], axis=0)[2]
    held = covered = 0
    for own in means:
        coverage = np.clip(rng.normal(0.9, 0.03, 45), 0, 1)
        labels = rng.multinomial(rng.binomial(1000, coverage), [geometric(m) for m in own])
        found = arrival_curve(cut(labels), [1000] * 45)
        assert found is not None
        held += found.low[2] <= truth <= found.high[2]
        covered += found.coverage.low <= 0.9 <= found.coverage.high
    least = stats.binom.isf(1 - 1e-4, 250, 0.93)
    assert held >= least
    assert covered >= least
    assert held < 250


def test_only_what_differs_between_days_makes_a_share_unsure():
    """Each day gets half of its labels within a day, and not the same on the day itself."""
    labels = [[50 + off, 50 - off, 100] for off in (-20, 5, 20, -5, 0, 10, -10, 15, -15)]
    found = arrival_curve(labels, [200] * 9)
    assert found is not None
    assert found.shares == pytest.approx([0.25, 0.5, 1.0])
    assert (found.high - found.low)[1:] == pytest.approx([0.0, 0.0])
    # By hand: the standard error of the mean of the first shares, read on log(-log share).
    reach = stats.t.ppf(0.975, 8) * np.std([row[0] for row in labels], ddof=1) / 3 / 50
    widen = np.exp(reach / -np.log(0.25))
    assert (found.low[0], found.high[0]) == pytest.approx((0.25**widen, 0.25 ** (1 / widen)))


@pytest.mark.parametrize(
    ("on_each_lag", "p50", "p95"),
    [
        pytest.param([0, 0, 0, 10], 3.0, 3.45, id="all on the third day"),
        pytest.param([10], 0.25, 0.475, id="all on the day itself"),
        pytest.param([50, 30, 20], 0.5, 2.25, id="half on the day itself"),
    ],
)
def test_delays_are_read_within_the_day(on_each_lag, p50, p95):
    found = arrival_curve([on_each_lag] * 7, [100] * 7)
    assert found is not None
    assert (found.p50_days, found.p95_days) == pytest.approx((p50, p95))


@pytest.mark.parametrize(
    ("labels", "predictions"),
    [
        pytest.param([[5, 5]] * 6, [10] * 6, id="six complete days"),
        pytest.param([[5, 5]] * 6 + [[5, -1]] * 9, [10] * 15, id="others not over"),
        pytest.param([[0, 0]] * 20, [10] * 20, id="no label at all"),
        pytest.param([[0, 0]] * 20, [0] * 20, id="no prediction"),
        pytest.param(np.empty((0, 3)), [], id="no day"),
    ],
)
def test_too_few_days_know_no_curve(labels, predictions):
    assert arrival_curve(labels, predictions) is None


def test_the_lowest_coverage_is_that_of_a_day_in_the_window():
    labels = [[1, 0]] + [[80, 10]] * 20 + [[60, 10]] + [[80, 10]] * 20
    found = arrival_curve(labels, [100] * 42)
    assert found is not None
    assert (found.least_coverage, found.days) == (0.7, 28)


def test_what_is_a_gap_in_the_arrivals_stays_unknown_from_there_on():
    triangle = cut(np.outer(np.arange(10, 50), [5, 3, 2]))
    triangle[20, 1] = -1
    found = arrival_curve(triangle, np.arange(10, 50) * 20)
    assert found is not None
    assert found.shares == pytest.approx([0.5, 0.8, 1.0])


@pytest.mark.parametrize(
    ("labels", "predictions"), [([1, 2], [1, 2]), ([[1, 2]], [1, 2]), (np.empty((2, 0)), [1, 2])]
)
def test_a_triangle_that_does_not_fit_is_refused(labels, predictions):
    with pytest.raises(UnusableTriangle, match="give \\(days, lags\\) and \\(days,\\)"):
        arrival_curve(labels, predictions)


def test_what_comes_is_what_has_not_come(curve):
    to_come = [still_to_come(curve, lag) for lag in (-1, 0, 1, 2, 3, 99)]
    assert to_come == pytest.approx([1.0, 0.5, 0.2, 0.01, 0.0, 0.0])


@pytest.mark.parametrize(
    ("arrived", "lag_days", "expected"),
    [
        pytest.param(0, -1, 800.0, id="before the day: what days have in the end"),
        pytest.param(500, 0, 900.0, id="a good start: the rest as usual"),
        pytest.param(0, 1, 160.0, id="none so far: the rest as usual"),
        pytest.param(950, 0, 1000.0, id="no more than there are predictions"),
        pytest.param(700, 3, 700.0, id="the last lag: those that are here"),
    ],
)
def test_a_day_goes_on_like_others(curve, arrived, lag_days, expected):
    found = expected_labels(curve, predictions=1000, arrived=arrived, lag_days=lag_days)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("arrived", "lag_days", "expected", "reason"),
    [
        pytest.param(0, 2, Maturity.PENDING, "no label after 2 days", id="no label yet"),
        pytest.param(0, 13, Maturity.PENDING, "no label after 13 days", id="none on the last day"),
        pytest.param(
            0, 14, Maturity.MATURE,
            "the wait of 14 days is over: 0 of 1,000 predictions have a label",
            id="nobody waits any longer",
        ),
        pytest.param(
            640, 1, Maturity.PARTIAL,
            "after 1 day 80.0% of a day's labels have usually come: 640 are here,"
            " about 800 expected", id="a fifth is to come",
        ),
        pytest.param(
            800, 2, Maturity.MATURE, "after 2 days 99.0% of a day's labels have usually come",
            id="99 % is enough",
        ),
        pytest.param(
            799, 2, Maturity.PARTIAL,
            "after 2 days 99.0% of a day's labels have usually come, yet only 79.9% of the"
            " predictions have one, fewer than on any of 10 days before (80.0%)",
            id="labels that fail to come are waited for",
        ),
        pytest.param(
            799, 14, Maturity.MATURE,
            "the wait of 14 days is over: 799 of 1,000 predictions have a label", id="at most 14",
        ),
    ],
)  # fmt: skip
def test_a_day_is_as_mature_as_its_labels(curve, arrived, lag_days, expected, reason):
    found = maturity(
        curve, predictions=1000, arrived=arrived, lag_days=lag_days, mature_after_days=14
    )
    assert found == (expected, reason)


def test_without_a_curve_the_wait_decides():
    def at(lag_days):
        return maturity(
            None, predictions=9, arrived=9, lag_days=lag_days, mature_after_days=3
        ).maturity

    assert [at(2), at(3)] == [Maturity.PARTIAL, Maturity.MATURE]
