"""Of how many of its newest judged days a column drifted, nobody else's days among them."""

from datetime import date, timedelta
from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.decide.judging.lasting_drift import ComparedColumn, DriftDays, Lasting
from monitoring_dagster.decide.signal import LoadedSignals, Signal
from monitoring_dagster.spec.rules.alert_settings import Window
from monitoring_dagster.stats.drift.usual import _upper_bounds

DAY = date(2026, 3, 10)
INCOME = ComparedColumn("drift.feature_drift", "income", "1", "training")
THREE_OF_FIVE = Window(3, 5)


def verdict(value, days_ago=0, series=INCOME, **more):
    return Signal.on(
        DAY - timedelta(days=days_ago), series.name, value, subject=series.column,
        version=series.version, baseline_name=series.baseline, **more,
    )  # fmt: skip


def days(*signals, of=(INCOME,), of_days=5):
    by_day = {}
    for one in signals:
        by_day.setdefault(one.day, []).append(one)
    return DriftDays.upto(DAY, LoadedSignals(by_day), of, of_days=of_days)


def lasting(*newest_first, window=THREE_OF_FIVE):
    return days(*(verdict(one, n) for n, one in enumerate(newest_first))).lasting(INCOME, window)


@pytest.mark.parametrize(
    ("newest_first", "expected"),
    [
        pytest.param([1], None, id="one day alone"),
        pytest.param([1, 1], None, id="two days"),
        pytest.param([1, 1, 1], Lasting(3, 3), id="three days, and no more were ever judged"),
        pytest.param([1, 0, 1, 0, 1], Lasting(3, 5), id="three of five"),
        pytest.param([1, 0, 1, 0, 0, 1], None, id="three of six"),
        pytest.param([1, nan, nan, 1, nan, 1], Lasting(3, 3), id="days without a verdict"),
        pytest.param([1, nan, 0, 1, nan, 0, 1], Lasting(3, 5), id="are left out"),
        pytest.param([1] * 9, Lasting(5, 5), id="a long time"),
    ],
)
def test_three_of_the_last_five_judged_days_last(newest_first, expected):
    assert lasting(*newest_first) == expected


@given(st.lists(st.sampled_from([0.0, 1.0, nan]), max_size=20), st.integers(1, 5))
def test_one_more_day_of_drift_never_ends_it(newest_first, breaches):
    window = Window(breaches, 5)
    if lasting(*newest_first, window=window):
        assert lasting(1.0, *newest_first[:-1], window=window)


def test_a_day_four_weeks_ago_is_too_long_ago():
    seen = [verdict(1.0), verdict(1.0, 27)]
    assert days(*seen).judged[INCOME] == [DAY, DAY - timedelta(days=27)]
    assert days(verdict(1.0), verdict(1.0, 28)).judged[INCOME] == [DAY]


def test_each_column_version_and_baseline_has_days_of_its_own():
    others = [
        INCOME._replace(column="age"),
        INCOME._replace(version="2"),
        INCOME._replace(baseline="rolling, 28 days"),
        INCOME._replace(name="drift.prediction_drift"),
    ]
    seen = [verdict(1.0, n, one) for n, one in enumerate([INCOME, *others])]
    found = days(*seen, of=[INCOME, *others])
    assert all(found.lasting(one, THREE_OF_FIVE) is None for one in [INCOME, *others])
    assert all(found.lasting(one, Window(1, 1)) for one in [INCOME, *others])


def test_a_segment_is_judged_with_all_rows_and_drifts_by_itself():
    where = {"segment": "country", "segment_value": "DE"}
    whole = [verdict(0.0, n) for n in range(5)]
    found = days(*whole, *(verdict(1.0, n, **where) for n in (0, 2, 4)))
    about = {"segment": "country", "value": "DE"}
    assert found.lasting(INCOME, THREE_OF_FIVE, **about) == Lasting(3, 5)
    assert found.lasting(INCOME, THREE_OF_FIVE) is None
    assert found.lasting(INCOME, THREE_OF_FIVE, segment="country", value="FR") is None


def test_days_without_usable_values_are_counted_among_the_judged_ones():
    broken = INCOME._replace(name="drift.unusable")
    others = [broken._replace(column="age"), broken._replace(version="2")]
    seen = [verdict(1.0, n) for n in range(6)]
    seen += [verdict(0.6, n, broken) for n in (0, 2, 5)]
    found = days(*seen, *(verdict(0.6, 1, one) for one in others), of_days=6)
    assert [found.days_unusable(INCOME, of_days=n) for n in (1, 2, 3, 5, 6)] == [1, 1, 2, 2, 3]


def test_answers_of_a_version_that_drift_as_long():
    score = ComparedColumn("drift.prediction_drift", "score", "1", "training")
    other = score._replace(version="2")
    seen = [verdict(1.0, n, one) for n in range(3) for one in (score, other, INCOME)]
    seen += [verdict(0.0, n, score._replace(column="prediction")) for n in range(3)]
    of = [score, other, INCOME, score._replace(column="prediction")]
    assert days(*seen, of=of).of_answers("1", THREE_OF_FIVE) == ["score"]


@pytest.mark.parametrize(
    ("memory", "most"),
    [
        pytest.param(0.3, 0.15, id="as the scores of flights do, or more"),
        pytest.param(0.5, 0.35, id="half of what was off the day before"),
    ],
)
def test_days_that_remember_each_other_seldom_drift_for_days(memory, most):
    """The bound is that of one day in a hundred: without a window it is three episodes a year."""
    rng, years, reference = np.random.default_rng(0), 150, 90
    alone = lasting_ones = 0
    for _ in range(years):
        distances = 0.15 * np.exp(0.5 * remembering(rng, reference + 365, memory))
        before, year = distances[None, :reference], distances[reference:]
        (bound,) = _upper_bounds(before, np.ones(before.shape, bool))
        off = year >= bound
        lasts = np.array([off[n] and off[max(n - 4, 0) : n + 1].sum() >= 3 for n in range(365)])
        alone += begun(off)
        lasting_ones += begun(lasts)
    assert alone / years > 2
    assert lasting_ones / years < most


def remembering(rng, days, memory):
    found = rng.normal(size=days)
    for n in range(1, days):
        found[n] = memory * found[n - 1] + np.sqrt(1 - memory**2) * found[n]
    return found


def begun(days):
    """How often something began that had not been there the day before."""
    return int(np.sum(days[1:] & ~days[:-1]) + days[0])
