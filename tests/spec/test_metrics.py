"""A metric of one's own is defined in one way, and a tolerance has one unit."""

from datetime import date
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitoring_dagster.spec.metrics import (
    METRICS,
    SCORE_METRICS,
    MetricDefinition,
    Tolerance,
    ValueTable,
)
from tests.spec.written import told

WAYS = {
    "value": {"tp": 1.0},
    "quantile": 0.9,
    "expression": "abs(label - prediction)",
    "function": "assets.churn.metrics:profit",
}


@pytest.mark.parametrize("way", WAYS)
def test_one_way_to_compute_it_is_enough(way):
    one = MetricDefinition(name="cost", **{way: WAYS[way]})
    assert (one.version, one.better, one.columns) == (1, "higher", [])


@pytest.mark.parametrize("ways", [(), *combinations(WAYS, 2), tuple(WAYS)])
def test_a_metric_without_a_way_or_with_several_is_refused(ways):
    with pytest.raises(ValidationError) as raised:
        MetricDefinition(name="cost", **{way: WAYS[way] for way in ways})
    assert "metric 'cost': give exactly one of value, quantile, expression, function" in str(
        raised.value
    )


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        pytest.param({"quantile": 0.0}, "greater than 0", id="the quantile below all"),
        pytest.param({"quantile": 1.0}, "less than 1", id="the quantile above all"),
        pytest.param({"expression": " "}, "nothing is written here", id="a blank expression"),
        pytest.param({"function": "profit"}, "is not module:name", id="a function of no module"),
        pytest.param({"value": {}, "version": 0}, "greater than or equal to 1", id="no version"),
        pytest.param({"value": {}, "better": "less"}, "'higher' or 'lower'", id="another way up"),
        pytest.param({"value": {"tp": "5"}}, "without quotes", id="a price in quotes"),
    ],
)
def test_a_definition_that_means_nothing_is_refused(metric, words):
    ((place, message),) = told("metrics", [{"name": "cost", **metric}])
    assert place.startswith("metrics.0.")
    assert words in message


def test_an_outcome_that_is_not_priced_is_worth_nothing():
    assert ValueTable().model_dump() == {"tp": 0.0, "fp": 0.0, "fn": 0.0, "tn": 0.0}
    assert ValueTable(fn=-20.0).model_dump() == {"tp": 0.0, "fp": 0.0, "fn": -20.0, "tn": 0.0}


def test_a_tolerance_is_for_the_first_definition_where_it_says_nothing():
    assert Tolerance(relative=0.1).version == 1


def test_a_later_definition_is_another_metric_in_results():
    first, second = (MetricDefinition(name="cost", version=n, value={}) for n in (1, 2))
    assert (first.label, second.label) == ("cost", "cost_v2")


def test_a_day_is_judged_by_a_definition_from_valid_from_on_until_it_retires():
    one = MetricDefinition(
        name="cost", value={}, valid_from=date(2026, 3, 1), retired_on=date(2026, 5, 1)
    )
    days = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 4, 30), date(2026, 5, 1)]
    assert [one.judged_on(day) for day in days] == [False, True, True, False]


def test_without_dates_every_day_is_judged():
    one = MetricDefinition(name="cost", value={})
    assert one.judged_on(date.min)
    assert one.judged_on(date.max)


@pytest.mark.parametrize(
    ("tolerance", "baseline", "room"),
    [
        pytest.param(Tolerance(relative=0.05), 0.4, 0.02, id="relative"),
        pytest.param(Tolerance(relative=0.05), -0.4, 0.02, id="relative to a negative number"),
        pytest.param(Tolerance(relative=0.05), 0.0, 0.0, id="relative to nothing"),
        pytest.param(Tolerance(absolute=0.05), 0.4, 0.05, id="absolute"),
        pytest.param(Tolerance(absolute=0.05), 0.0, 0.05, id="absolute around zero"),
    ],
)
def test_how_much_room_a_tolerance_leaves(tolerance, baseline, room):
    assert tolerance.around(baseline) == pytest.approx(room)


@given(st.floats(1e-6, 1), st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_relative_tolerance_grows_with_the_size_of_the_baseline(relative, small, large):
    small, large = sorted((small, large))
    tolerance = Tolerance(relative=relative)
    assert 0 <= tolerance.around(small) <= tolerance.around(large)
    assert tolerance.around(-large) == tolerance.around(large)


@pytest.mark.parametrize(
    ("tolerance", "words"),
    [
        pytest.param({}, "either `relative` or `absolute`", id="no unit"),
        pytest.param({"relative": 0.1, "absolute": 0.1}, "either `relative`", id="two units"),
        pytest.param({"relative": 0.0}, "greater than 0", id="nothing is tolerated"),
        pytest.param({"absolute": -0.1}, "greater than 0", id="less than nothing"),
        pytest.param({"absolute": float("nan")}, "finite", id="not a number"),
        pytest.param({"relative": "5%"}, "without a unit", id="per cent"),
    ],
)
def test_a_tolerance_that_says_nothing_is_refused(tolerance, words):
    with pytest.raises(ValidationError) as raised:
        Tolerance.model_validate(tolerance)
    assert words in str(raised.value)


@pytest.mark.parametrize("task", METRICS)
def test_some_metric_of_every_task_needs_no_probability(task):
    """Else a model that logs answers alone could not be judged."""
    assert len(set(METRICS[task])) == len(METRICS[task])
    assert SCORE_METRICS[task] < set(METRICS[task])


def test_a_limit_stands_beside_a_tolerance_and_never_alone():
    assert Tolerance(relative=0.1).limit is None
    assert Tolerance(absolute=0.1, limit=0.7).limit == 0.7
    with pytest.raises(ValidationError, match="either `relative` or `absolute`"):
        Tolerance(limit=0.7)
