"""A day is breached where a metric is worse than tolerated with 95 % certainty."""

import pytest

from monitoring_dagster.decide.judging.quality.breached_days import breaches_of, expected_breaches
from tests.decide.judging.quality.judged_days import SPEC, TODAY, days, loss, served


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
