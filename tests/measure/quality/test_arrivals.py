"""When the labels of each day came, how soon they come, and what late ones hide."""

import numpy as np
import pytest

from monitoring_dagster.measure.quality.arrivals import (
    arrivals_of,
    curve_on,
    labelled_by,
    late_bias_on,
    triangle_on,
)
from tests.tiny import DAY, after, keep, monitor_of

DAYS, A_DAY = 40, 1000
USUAL = (0.5, 0.3, 0.2)  # of a day's labels come after so many days
LAST = after(DAYS - 1)


def arrive(monitor, lag, by_day, **account):
    by_day = {str(after(served)): labels for served, labels in by_day.items()}
    keep(monitor, "outcomes", after(lag), account={"by_day": by_day, **account})
    keep(monitor, "profile", after(lag), service={"counted": A_DAY})


@pytest.fixture
def monitor(tmp_path):
    """Labels are waited for five days, and accepted for ten."""
    return monitor_of(tmp_path)


@pytest.fixture
def usual(monitor):
    """Forty days of a thousand predictions, the late labels of which are ones more often."""
    for n in range(DAYS):
        served = [day for day in (n, n - 1, n - 2) if day >= 0]
        counts = {day: round(A_DAY * USUAL[n - day]) for day in served}
        ones = {str(after(day)): counts[day] * (6 if n - day == 2 else 2) // 10 for day in served}
        arrive(monitor, n, counts, ones_by_day=ones)
    return monitor


@pytest.mark.parametrize(
    ("lags", "as_of", "found"),
    [
        pytest.param([0, 2], 9, [0, 2], id="the days on which any came"),
        pytest.param([0, 2], 1, [0], id="as known the day before the second"),
        pytest.param([10], 99, [10], id="the last day on which they are accepted"),
        pytest.param([11], 99, [], id="the day after"),
        pytest.param([], 9, [], id="none came"),
    ],
)
def test_the_days_on_which_labels_of_a_day_came(monitor, lags, as_of, found):
    for lag in lags:
        arrive(monitor, lag, {0: 1, 1: 5})
    assert arrivals_of(monitor, DAY, as_of=after(as_of)) == [after(lag) for lag in found]


def test_a_decision_about_its_labels_is_such_a_day_however_late(monitor):
    arrive(monitor, 0, {0: 1})
    decided = {"decided_by_day": {str(DAY): -1}}
    keep(monitor, "label_decisions", after(30), account=decided)
    assert arrivals_of(monitor, DAY, as_of=after(30)) == [DAY, after(30)]
    assert arrivals_of(monitor, DAY, as_of=after(29)) == [DAY]


def test_labels_of_the_last_days_by_prediction_day(monitor):
    arrive(monitor, 0, {0: 5})
    arrive(monitor, 1, {0: 2, 1: 3})
    arrive(monitor, 2, {0: -1})
    assert labelled_by(monitor, after(2), days=2) == {str(DAY): 1, str(after(1)): 3}
    assert labelled_by(monitor, after(2), days=3)[str(DAY)] == 6


def test_what_is_not_known_yet_is_no_zero(monitor):
    arrive(monitor, 0, {0: 5})
    arrive(monitor, 1, {0: -2, 1: 3})
    triangle, predictions = triangle_on(monitor, after(1))
    assert triangle.shape == (2, 6)
    assert np.array_equal(triangle[0], [5, 0, *[np.nan] * 4], equal_nan=True)
    assert np.array_equal(triangle[1], [3, *[np.nan] * 5], equal_nan=True)
    assert predictions.tolist() == [A_DAY, A_DAY]


def test_before_any_label_there_is_no_curve(monitor):
    assert triangle_on(monitor, DAY)[1].size == 0
    assert curve_on(monitor, DAY) is None


def test_the_curve_says_how_soon_labels_come(usual):
    curve = curve_on(usual, LAST)
    assert curve.shares[:3] == pytest.approx([0.5, 0.8, 1.0], abs=1e-9)
    assert curve.coverage.value == pytest.approx(1.0, abs=0.01)


def test_late_labels_that_differ_say_what_a_day_will_become(usual):
    """The late ones are those that come after half of the labels: on the second and third day."""
    day = after(-1, LAST)
    bias = late_bias_on(usual, day, as_of=LAST, curve=curve_on(usual, LAST))
    assert bias.differ
    assert bias.known.value == pytest.approx(0.2, abs=0.01)
    late = (0.3 * 0.2 + 0.2 * 0.6) / 0.5
    assert bias.projected.value == pytest.approx(0.8 * 0.2 + 0.2 * late, abs=0.01)


def test_labels_that_are_no_zeros_and_ones_have_no_such_bias(usual):
    curve = curve_on(usual, LAST)
    arrive(usual, DAYS - 1, {DAYS - 1: 500})
    assert late_bias_on(usual, LAST, as_of=LAST, curve=curve) is None
