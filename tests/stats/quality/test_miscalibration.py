"""Calibration that got worse is found and named; chance, and what is too small, is let be."""

from collections import Counter

import numpy as np
import pytest

from monitoring_dagster.stats.quality.calibration import log_odds, logistic
from monitoring_dagster.stats.quality.miscalibration import CalibrationCause, miscalibrated
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.reliability import RightByScore


def honest(score):
    return score


def overconfident(score):
    return logistic(0.3 + 0.6 * log_odds(score))


def rows(rng, n, *, centre=0.0, truth=honest):
    """Scores around *centre* (log-odds), and rows right as often as *truth* says."""
    score = logistic(rng.normal(centre, 1, n))
    return RightByScore.of(score, rng.random(n) < truth(score))


@pytest.mark.parametrize("truth", [honest, overconfident])
@pytest.mark.parametrize("centre", [0.0, -4.0], ids=["balanced", "rare events"])
@pytest.mark.parametrize(
    ("n", "n_reference", "runs"),
    [(300, 300, 200), (300, 5_000, 100), (5_000, 5_000, 60), (100_000, 5_000, 8)],
)
def test_without_a_change_at_most_one_day_in_twenty_alarms(n, n_reference, runs, centre, truth):
    """However badly calibrated the reference is: it is the measure."""
    rng = np.random.default_rng(3)
    alarms = sum(
        miscalibrated(
            rows(rng, n, centre=centre, truth=truth),
            rows(rng, n_reference, centre=centre, truth=truth),
        ).alarm
        for _ in range(runs)
    )
    assert alarms <= 0.05 * runs + 2.6 * np.sqrt(0.05 * 0.95 * runs)


@pytest.mark.parametrize(("n", "runs"), [(300, 300), (5_000, 100), (1_000_000, 2)])
def test_p_values_against_perfect_calibration_keep_their_promise(n, runs):
    rng = np.random.default_rng(4)
    below = sum(miscalibrated(rows(rng, n)).p_value < 0.05 for _ in range(runs))
    assert below <= 0.05 * runs + 2.6 * np.sqrt(0.05 * 0.95 * runs)


@pytest.mark.parametrize("gap", [-0.05, 0.05])
def test_a_gap_of_five_points_is_found_with_5000_rows(gap):
    rng = np.random.default_rng(5)
    found = [
        miscalibrated(
            rows(rng, 5_000, truth=lambda s: np.clip(s + gap, 0, 1)), rows(rng, 5_000)
        )
        for _ in range(100)
    ]  # fmt: skip
    assert sum(drift.alarm for drift in found) >= 95
    assert np.mean([drift.effect for drift in found]) == pytest.approx(0.05, abs=0.005)


def test_half_a_point_of_a_million_rows_is_real_but_small():
    rng = np.random.default_rng(6)
    drift = miscalibrated(rows(rng, 1_000_000, truth=lambda s: s * 0.99), rows(rng, 500_000))
    assert drift.p_value < 1e-6
    assert not drift.alarm
    assert drift.words.startswith("significant, below the effect threshold: scores are 0.00")


@pytest.mark.parametrize(
    ("truth", "cause"),
    [
        pytest.param(
            lambda s: logistic(log_odds(s) + 0.4), CalibrationCause.BASE_RATE,
            id="more events at every score",
        ),
        pytest.param(
            lambda s: logistic(0.6 * log_odds(s)), CalibrationCause.OVERCONFIDENT,
            id="the truth is less extreme than the score",
        ),
        pytest.param(
            lambda s: logistic(1.5 * log_odds(s)), CalibrationCause.UNDERCONFIDENT,
            id="the truth is more extreme than the score",
        ),
        pytest.param(
            lambda s: np.where((s > 0.5) & (s < 0.7), s - 0.2, s), CalibrationCause.SHAPE,
            id="wrong in the middle alone",
        ),
    ],
)  # fmt: skip
def test_the_way_in_which_scores_are_wrong_is_named(truth, cause):
    rng = np.random.default_rng(7)
    found = [
        miscalibrated(rows(rng, 20_000, truth=truth), rows(rng, 20_000)) for _ in range(20)
    ]  # fmt: skip
    assert Counter(drift.cause for drift in found)[cause] >= 18
    assert all(cause in drift.words for drift in found if drift.cause is cause)


def test_intercept_and_slope_are_those_of_a_logistic_regression():
    rng = np.random.default_rng(8)
    drift = miscalibrated(
        rows(rng, 200_000, truth=lambda s: logistic(0.5 + 0.7 * log_odds(s))),
        rows(rng, 200_000, truth=lambda s: logistic(-0.25 + log_odds(s))),
    )
    assert drift.slope == pytest.approx(0.7, abs=0.02)
    assert drift.reference_slope == pytest.approx(1, abs=0.02)
    assert drift.reference_intercept == pytest.approx(-0.25, abs=0.02)


def test_scores_that_moved_are_no_miscalibration():
    """The base rate falls with the scores: each of them still keeps its word."""
    rng = np.random.default_rng(9)
    moved = [miscalibrated(rows(rng, 5_000, centre=-2), rows(rng, 5_000)) for _ in range(60)]
    assert sum(drift.alarm for drift in moved) <= 6


def test_what_got_better_does_not_alarm():
    rng = np.random.default_rng(10)
    drift = miscalibrated(rows(rng, 20_000), rows(rng, 20_000, truth=lambda s: s * 0.8))
    assert drift.effect > 0.05
    assert not drift.alarm
    assert drift.words.startswith("better than before")


def test_as_far_off_to_the_other_side_alarms():
    rng = np.random.default_rng(10)
    drift = miscalibrated(
        rows(rng, 20_000, truth=lambda s: logistic(log_odds(s) + 0.3)),
        rows(rng, 20_000, truth=lambda s: logistic(log_odds(s) - 0.3)),
    )
    assert drift.alarm


@pytest.mark.parametrize(
    ("current", "reference", "side"),
    [
        (RightByScore.of([], []), RightByScore.of([0.5], [1]), "the current data"),
        (RightByScore.of([], []), None, "the current data"),
        (RightByScore.of([0.5], [1]), RightByScore.of([], []), "the reference"),
    ],
)
def test_without_rows_nothing_is_known(current, reference, side):
    drift = miscalibrated(current, reference)
    assert (drift.p_value, drift.alarm) == (1.0, False)
    assert drift.words == f"nothing is known: {side} has no labelled rows with a score"


@pytest.mark.parametrize("score", [0.0, 0.001, 1.0])
def test_many_events_where_hardly_any_was_promised_alarm(score):
    """Also where too little was expected for the chi-square law."""
    right = np.arange(300) < (15 if score < 0.5 else 285)
    assert miscalibrated(RightByScore.of(np.full(300, score), right)).alarm
    assert not miscalibrated(RightByScore.of(np.full(300, score), np.full(300, score > 0.5))).alarm


def test_outcomes_and_rows_say_the_same():
    """Outcomes keep scores to within 0.0005."""
    rng = np.random.default_rng(11)
    score = logistic(rng.normal(0, 1, 5_000))
    label = (rng.random(5_000) < overconfident(score)).astype(int)
    counted = Outcomes.of("binary", label=label, prediction=label, score=score)
    coarse = miscalibrated(RightByScore.from_outcomes(counted))
    exact = miscalibrated(RightByScore.of(score, label))
    assert coarse.effect == pytest.approx(exact.effect, abs=0.001)
    assert coarse.slope == pytest.approx(exact.slope, abs=0.002)
