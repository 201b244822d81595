"""Estimates are held to account: honest ones are trusted, and those that claim too much are not."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitoring_dagster.stats.estimation.estimate_accuracy import (
    MIN_COVERAGE,
    Checked,
    Trust,
    estimate_accuracy,
    trusted,
)
from monitoring_dagster.stats.quality.performance import Metric

NAN = float("nan")


def month(rng, *, days=28, follows=0.0, width=1.0, moves=0.02, off=0.0, tails=None):
    """Estimates with an error of 0.01 around a quality that moves by *moves* a day.

    *follows* is the correlation of one day's error with the next, *width* that of the interval
    against an honest one, *off* a constant error, *tails* the degrees of freedom of heavy tails.
    """
    drawn = rng.normal(size=days)
    if tails is not None:
        drawn = rng.standard_t(tails, days) * np.sqrt((tails - 2) / tails)
    error = np.empty(days)
    before = drawn[0]
    for day, new in enumerate(drawn):
        before = error[day] = follows * before + np.sqrt(1 - follows**2) * new if day else new
    realised = 0.8 + np.cumsum(rng.normal(0, moves, days))
    estimate = realised + 0.01 * error + off
    reach = 1.96 * 0.01 * width
    return [
        Checked(e, e - reach, e + reach, r, 0.8) for e, r in zip(estimate, realised, strict=True)
    ]


def low_share(rng, months=300, **world):
    records = [
        estimate_accuracy(month(rng, **world), metric="roc_auc", tolerance=0.02)
        for _ in range(months)
    ]
    return sum(one.trust is Trust.LOW for one in records) / months


@pytest.mark.parametrize(
    "world",
    [
        pytest.param({}, id="independent days"),
        pytest.param({"follows": 0.5}, id="errors that follow each other"),
        pytest.param({"follows": 0.85}, id="errors that last"),
        pytest.param({"days": 10}, id="ten days"),
        pytest.param({"tails": 4}, id="heavy tails"),
        pytest.param({"moves": 0.0}, id="a month in which the reference value is unbeatable"),
    ],
)
def test_honest_intervals_are_called_low_in_one_month_of_twenty(world):
    rng = np.random.default_rng(0)
    assert low_share(rng, **world) <= stats.binom.isf(1e-4, 300, 0.05) / 300


@pytest.mark.parametrize(
    ("world", "least"),
    [
        pytest.param({"width": 0.5}, 0.8, id="intervals half as wide as they should be"),
        pytest.param({"width": 0.5, "follows": 0.5}, 0.65, id="and errors that follow each other"),
        pytest.param({"off": 0.03}, 0.95, id="estimates that are off by more than they say"),
        pytest.param({"off": 0.05, "width": 10, "moves": 0.001}, 0.95, id="wide and useless"),
    ],
)
def test_intervals_that_claim_too_much_are_found_within_the_month(world, least):
    rng = np.random.default_rng(1)
    assert low_share(rng, months=200, **world) >= least


def test_days_that_follow_each_other_call_honest_intervals_low_if_taken_as_independent():
    """The allowance is needed: without it these months break the promise."""
    rng = np.random.default_rng(2)
    naive = 0
    for _ in range(300):
        found = estimate_accuracy(month(rng, follows=0.9), metric="x", tolerance=1.0)
        naive += stats.binomtest(found.held, 28).proportion_ci(method="wilson").high < 0.90
    assert naive / 300 > 0.05


@pytest.mark.parametrize(("follows", "least"), [(0.0, 0.92), (0.5, 0.86)])
def test_the_bias_interval_holds_the_bias(follows, least):
    rng = np.random.default_rng(3)
    records = [
        estimate_accuracy(month(rng, follows=follows, off=0.01), metric="x", tolerance=1.0)
        for _ in range(300)
    ]
    held = [one.bias.low <= 0.01 <= one.bias.high for one in records]
    assert least <= np.mean(held) < 1
    assert np.mean([one.bias.value for one in records]) == pytest.approx(0.01, abs=0.001)


def test_numbers_by_hand():
    """Errors +1, -2, +1, -2 where the reference would have been off by 3, 3, 0 and 6."""
    checked = [
        Checked(11, 9, 13, 10, 7), Checked(8, 7.5, 8.5, 10, 7),
        Checked(11, 10, 13, 10, 10), Checked(8, 6, 9, 10, 16),
    ]  # fmt: skip
    found = estimate_accuracy(checked, metric="mae", tolerance=1.0)
    assert (found.days, found.held, found.coverage.value) == (4, 2, 0.5)
    assert found.mean_absolute_error == 1.5
    assert found.bias.value == -0.5
    assert found.excess_error.value == -1.5
    assert found.skill == 0.5
    # Errors that change sides follow by nothing: four days are four.
    assert (found.bias.n, found.coverage.n) == (4, 4)
    reach = stats.t.ppf(0.975, 3) * np.std([1, -2, 1, -2], ddof=1) / 2
    assert (found.bias.low, found.bias.high) == pytest.approx((-0.5 - reach, -0.5 + reach))


def test_an_end_of_the_interval_holds_the_truth():
    held = [
        estimate_accuracy([Checked(1, 0, 2, realised, 1)], metric="x", tolerance=1.0).held
        for realised in (-0.001, 0, 2, 2.001)
    ]
    assert held == [0, 1, 1, 0]


def test_days_that_are_not_known_are_left_out():
    known = [Checked(0.8, 0.7, 0.9, 0.75, 0.8)] * 12
    gaps = [
        Checked(0.8, 0.7, 0.9, NAN, 0.8), Checked(NAN, NAN, NAN, 0.8, 0.8),
        Checked(0.8, NAN, 0.9, 0.8, 0.8), Checked(float("inf"), 0.7, 0.9, 0.8, 0.8),
    ]  # fmt: skip
    found = estimate_accuracy([*gaps, *known, *gaps], metric="x", tolerance=1.0)
    assert found == estimate_accuracy(known, metric="x", tolerance=1.0)
    assert found.days == 12


def metric(low, high):
    return Metric((low + high) / 2, low, high, 28)


@pytest.mark.parametrize(
    ("days", "coverage_high", "excess_low", "expected", "reason"),
    [
        pytest.param(9, 0.1, 9.0, Trust.UNKNOWN, "9 days with labels, below the 10", id="9 days"),
        pytest.param(1, 0.1, 9.0, Trust.UNKNOWN, "1 day with labels", id="1 day"),
        pytest.param(10, 0.90, 0.02, Trust.GOOD, "held the truth on 7 of 10 days", id="on both"),
        pytest.param(10, 0.89, 0.0, Trust.LOW, "at most 89% beyond chance", id="too few held"),
        pytest.param(10, 1.0, 0.03, Trust.LOW, "at least 0.03 beyond chance", id="worse errors"),
        pytest.param(10, 1.0, NAN, Trust.GOOD, "held the truth", id="no reference value"),
    ],
)
def test_trust_is_a_rule_and_gives_its_reason(days, coverage_high, excess_low, expected, reason):
    found = trusted(
        days=days, held=7, coverage=metric(0.0, coverage_high),
        excess_error=metric(excess_low, 1.0), error=0.01, beyond=0, tolerance=0.02,
    )  # fmt: skip
    assert found.trust is expected
    assert reason in found.reason


@pytest.mark.parametrize(
    ("average", "beyond", "expected", "reason"),
    [
        pytest.param(0.02, 14, Trust.GOOD, "held the truth", id="on the tolerance"),
        pytest.param(0.02, 15, Trust.COARSE, "on 15 of 28 days", id="on most days beyond it"),
        pytest.param(0.03, 28, Trust.COARSE, "1.5 times what is tolerated", id="beyond it"),
        pytest.param(0.04, 28, Trust.COARSE, "2.0 times what is tolerated", id="twice"),
        pytest.param(0.10, 28, Trust.LOW, "5.0 times what is tolerated", id="five times"),
        pytest.param(0.10, 1, Trust.LOW, "5.0 times what is tolerated", id="on one day, by far"),
    ],
)
def test_trust_depends_on_the_size_of_the_misses_and_on_how_many(average, beyond, expected, reason):
    """However honest their intervals are."""
    found = trusted(
        days=28, held=28, coverage=metric(0.9, 1.0), excess_error=metric(0.0, 0.0),
        error=average, beyond=beyond, tolerance=0.02,
    )  # fmt: skip
    assert (found.trust, reason in found.reason) == (expected, True)


def test_a_miss_that_lasts_is_no_better_for_being_the_same_every_day():
    """Days that err alike are worth one: chance is no excuse for an error of forty tolerances."""
    checked = [
        Checked(0.4, 0.3, 0.5 + (day == 8), 0.4 if day < 9 else 1.3, 0.4) for day in range(18)
    ]
    found = estimate_accuracy(checked, metric="log_loss", tolerance=0.02)
    assert found.coverage.high >= MIN_COVERAGE
    assert found.trust is Trust.LOW
    assert found.reason == "they missed by 22.5 times what is tolerated on average"


@pytest.mark.parametrize("tolerance", [0.0, 0.02], ids=["not judged", "judged"])
def test_wide_intervals_do_not_make_estimates_reliable_that_miss_by_five_times(tolerance):
    """Nor does a reference value that is as far off; without a tolerance no size matters."""
    rng = np.random.default_rng(4)
    sides = rng.choice([-1, 1], 28)
    checked = [Checked(0.8 + 0.1 * side, 0.6, 1.0, 0.8, 0.8 + 0.1 * side) for side in sides]
    found = estimate_accuracy(checked, metric="roc_auc", tolerance=tolerance)
    assert found.held == 28
    assert found.trust is (Trust.LOW if tolerance else Trust.GOOD)
    said = "missed by 0.1 on average (0.02 is tolerated, exceeded on 28 of 28 days)"
    assert (said in found.words) == bool(tolerance)
    assert ("not reliable" in found.words) == bool(tolerance)


def record(held, missed, error=0.01):
    """Days on which the estimate is off by *error*, in turns above and below."""
    sides = [1, -1] * 50
    return estimate_accuracy(
        [
            Checked(0.8 + side * error, 0.0, 1.0 if i < held else 0.1, 0.8, 0.7)
            for i, side in zip(range(held + missed), sides, strict=False)
        ],
        metric="roc_auc",
        tolerance=0.02,
    )


@pytest.mark.parametrize(
    ("held", "missed", "words"),
    [
        pytest.param(
            26, 2,
            "the last 28 estimates of roc_auc missed by 0.012 on average (0.02 is tolerated,"
            " exceeded on 0 of 28 days) and their intervals held the truth on 26 days: reliable",
            id="good",
        ),
        pytest.param(
            18, 10,
            "the last 28 estimates of roc_auc missed by 0.012 on average (0.02 is tolerated,"
            " exceeded on 0 of 28 days) and their intervals held the truth on 18 days: not"
            " reliable, as intervals that promise 95 % held the truth on 18 of 28 days, which is at"
            " most 79% beyond chance", id="low",
        ),
        pytest.param(
            1, 0,
            "the last 1 estimate of roc_auc missed by 0.012 on average (0.02 is tolerated, exceeded"
            " on 0 of 1 day) and their intervals held the truth on 1 day: 1 day with labels, below"
            " the 10 needed to judge them",
            id="unknown",
        ),
        pytest.param(
            0, 0, "no estimate of roc_auc has been checked against labels yet", id="none",
        ),
    ],
)  # fmt: skip
def test_a_message_can_carry_the_words(held, missed, words):
    assert record(held, missed, error=0.012).words == words


@given(
    st.lists(
        st.tuples(st.floats(-10, 10), st.floats(0, 5), st.floats(-10, 10), st.floats(-10, 10)),
        max_size=20,
    )
)
def test_every_record_is_consistent(days):
    checked = [Checked(e, e - reach, e + reach, r, ref) for e, reach, r, ref in days]
    found = estimate_accuracy(checked, metric="x", tolerance=0.1)
    assert found.days == len(days)
    assert found.words
    if not days:
        assert math.isnan(found.mean_absolute_error)
        return
    assert 0 <= found.held <= found.days
    assert found.coverage.low <= found.coverage.value <= found.coverage.high
    assert abs(found.bias.value) <= found.mean_absolute_error + 1e-12
    assert 1 <= found.coverage.n <= found.days
    assert 1 <= found.bias.n <= found.coverage.n
