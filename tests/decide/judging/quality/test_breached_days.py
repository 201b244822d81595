"""A day is breached where a metric is worse than tolerated with 95 % certainty."""

from dataclasses import replace

import pytest

from monitoring_dagster.decide.judging.quality.breached_days import breaches_of, expected_breaches
from monitoring_dagster.stats.inference.intervals import Z95
from tests.decide.judging.quality.judged_days import SPEC, TODAY, days, loss, served, varies


@pytest.mark.parametrize(
    ("value", "is_worse"),
    [
        pytest.param(0.56, True, id="the whole interval lies beyond the tolerance"),
        pytest.param(0.55, False, id="its end lies exactly on it"),
        pytest.param(0.45, False, id="within"),
        pytest.param(0.1, False, id="better"),
    ],
)
def test_a_day_is_worse_where_its_whole_interval_is(value, is_worse):
    worse = breaches_of(SPEC, days(value))
    assert list(worse[served(3)]["1"]) == (["log_loss"] if is_worse else [])


def test_nothing_is_worse_than_no_baseline():
    assert breaches_of(SPEC, days(9.0, baseline=float("nan"))) == {served(3): {"1": {}}}


def test_beside_another_version_one_of_few_rows_expects_nothing():
    both = [loss(0.7, area="estimate"), loss(0.7, area="estimate", version="2", n=29)]
    assert expected_breaches(SPEC, both)[TODAY].keys() == {"1"}
    assert expected_breaches(SPEC, both[1:])[TODAY].keys() == {"2"}


@pytest.mark.parametrize(
    ("value", "deviation", "is_breached"),
    [
        pytest.param(0.56, 0.0, True, id="beyond tolerance, days do not differ"),
        pytest.param(0.56, 0.2, False, id="days differ by as much"),
        pytest.param(0.5, 0.0, False, id="exactly on the tolerance"),
        pytest.param(0.9, 0.2, True, id="beyond both"),
    ],
)
def test_where_it_is_known_how_days_differ_a_breach_lies_beyond_that_too(
    value, deviation, is_breached
):
    worse = breaches_of(SPEC, days(value), [varies(deviation)])
    assert bool(worse[served(3)]["1"]) is is_breached


def test_exactly_as_far_as_days_differ_is_no_breach():
    """1.96 standard deviations of 0.1, of a day whose rows leave no doubt."""
    sure = [replace(one, low=one.value, high=one.value) for one in days(0.4 + Z95 * 0.1)]
    assert breaches_of(SPEC, sure, [varies(0.1)]) == {served(3): {"1": {}}}
    beyond = [replace(one, value=one.value + 1e-9) for one in sure]
    assert breaches_of(SPEC, beyond, [varies(0.1)])[served(3)]["1"]


def test_another_versions_variation_says_nothing():
    other = replace(varies(0.5), version="2")
    assert breaches_of(SPEC, days(0.56), [other]) == breaches_of(SPEC, days(0.56))
