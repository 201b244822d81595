"""The control chart keeps quiet over years without change, and sees a change in a week or two."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.spec.rules.alert_settings import CONTROL_LIMIT
from monitoring_dagster.stats.series.control_chart import (
    NormalVariation,
    control_chart,
    normal_variation,
)

YEAR = 270


def days_of(rng, days, *, deviation, correlation, error):
    """A stationary series: day effects with a memory, and chance in each day's rows."""
    effect = np.empty(days)
    effect[0] = rng.normal(0, deviation)
    fresh = deviation * np.sqrt(1 - correlation**2)
    for day in range(1, days):
        effect[day] = correlation * effect[day - 1] + rng.normal(0, fresh)
    return effect + rng.normal(0, error, days)


def first_alarm(series, errors, normal, *, start=5):
    """The first day on which the chart is beyond its limit; None in a quiet year."""
    days = range(start, series.size + 1)
    return next(
        (n for n in days if control_chart(series[max(n - 45, 0) : n], errors[:45][: min(n, 45)],
                                          normal).is_beyond(CONTROL_LIMIT)),
        None,
    )  # fmt: skip


def years(seeds, *, reference_days, deviation=0.05, correlation=0.5, error=0.02, change=0.0):
    """Days until the first alarm of each year, a change of so much on every day."""
    found = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        series = days_of(
            rng, reference_days + YEAR, deviation=deviation, correlation=correlation, error=error
        )
        errors = np.full(YEAR, error)
        normal = normal_variation(series[:reference_days], errors[:1].repeat(reference_days))
        found.append(first_alarm(series[reference_days:] - normal.mean + change, errors, normal))
    return found


@pytest.mark.parametrize(
    ("correlation", "deviation"),
    [
        pytest.param(0.0, 0.05, id="days know nothing of one another"),
        pytest.param(0.5, 0.05, id="a spell lasts for days"),
        pytest.param(0.7, 0.05, id="a spell lasts for a week"),
        pytest.param(0.0, 0.0, id="only chance in the rows"),
    ],
)
def test_of_twenty_five_quiet_years_at_most_three_alarm(correlation, deviation):
    found = years(25, reference_days=90, correlation=correlation, deviation=deviation)
    assert sum(one is not None for one in found) <= 3


@pytest.mark.parametrize(
    ("correlation", "days"),
    [
        pytest.param(0.0, 14, id="days know nothing of one another"),
        pytest.param(0.3, 21, id="a spell lasts for two days"),
        pytest.param(0.5, 35, id="a spell lasts for days"),
    ],
)
def test_a_change_of_two_deviations_is_found_in_nineteen_of_twenty_years(correlation, days):
    found = years(20, reference_days=90, correlation=correlation, change=0.1)
    assert sum(one is not None and one <= days for one in found) >= 19
    assert np.median([one or YEAR for one in found]) <= 14


def test_one_wild_day_is_no_change():
    normal = NormalVariation(0.5, 0.05, 0.0, 90)
    calm = np.zeros(40)
    assert not control_chart([*calm, 50.0], np.full(41, 0.02), normal).is_beyond(CONTROL_LIMIT)


def test_the_mean_change_is_told_in_the_number_s_unit():
    chart = control_chart(np.full(30, 0.25), np.full(30, 0.01), NormalVariation(0, 0.02, 0.2, 60))
    assert chart.change == pytest.approx(0.25)
    assert chart.is_beyond(CONTROL_LIMIT)
    assert chart.days == 30


def test_days_without_a_number_are_left_out():
    normal = NormalVariation(0, 0.02, 0.2, 60)
    with_gap = control_chart([0.1, np.nan, 0.2], [0.01, 0.01, 0.01], normal)
    assert with_gap == control_chart([0.1, 0.2], [0.01, 0.01], normal)
    assert control_chart([np.nan], [0.1], normal).days == 0


def test_a_longer_memory_widens_the_limit():
    quick, slow = (NormalVariation(0, 0.05, c, 90) for c in (0.0, 0.8))
    args = np.full(30, 0.05), np.full(30, 0.01)
    assert control_chart(*args, quick).distance > 2 * control_chart(*args, slow).distance


def test_a_short_reference_widens_the_limit():
    long, short = (NormalVariation(0, 0.05, 0.3, days) for days in (90, 7))
    args = np.full(30, 0.05), np.full(30, 0.01)
    assert control_chart(*args, long).distance > 1.3 * control_chart(*args, short).distance


@given(st.floats(0.01, 100), st.integers(0, 2**32 - 1))
def test_the_unit_does_not_matter(scale, seed):
    x = np.random.default_rng(seed).normal(0.05, 0.05, 30)
    errors, normal = np.full(30, 0.02), NormalVariation(0, 0.04, 0.3, 60)
    scaled = NormalVariation(0, 0.04 * scale, 0.3, 60)
    one, other = control_chart(x, errors, normal), control_chart(x * scale, errors * scale, scaled)
    assert other.distance == pytest.approx(one.distance)
    assert other.change == pytest.approx(one.change * scale)


def test_normal_variation_is_what_the_days_were_made_with():
    found = [
        normal_variation(
            days_of(np.random.default_rng(seed), 90, deviation=0.05, correlation=0.5, error=0.03),
            np.full(90, 0.03),
        )
        for seed in range(200)
    ]
    assert np.mean([one.deviation for one in found]) == pytest.approx(0.05, rel=0.1)
    assert np.mean([one.correlation for one in found]) == pytest.approx(0.5, abs=0.06)


def test_of_days_that_differ_by_chance_alone_nothing_is_left():
    rng = np.random.default_rng(0)
    found = [normal_variation(rng.normal(0, 0.03, 90), np.full(90, 0.03)) for _ in range(100)]
    assert np.median([one.deviation for one in found]) < 0.01


@pytest.mark.parametrize("days", [0, 1, 2])
def test_of_fewer_than_three_days_nothing_is_known(days):
    assert normal_variation(np.zeros(days), np.zeros(days)) is None


def test_days_that_do_not_vary_have_no_deviation():
    assert normal_variation(np.full(9, 0.4), np.zeros(9)) == NormalVariation(
        pytest.approx(0.4), 0.0, pytest.approx(1 / 9), 9
    )
