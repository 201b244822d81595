"""A metric is worse where its whole interval lies beyond what is tolerated, and not before."""

from datetime import date
from math import inf, isfinite, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_dagster.decide.judging.tolerance import (
    beyond,
    higher_is_better,
    limit_of,
    metric_of,
    room_of,
    worse_than_tolerated,
)
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.spec import ModelSpec, Tolerance
from monitoring_dagster.stats.quality.performance import Metric

DAY = date(2026, 3, 2)
OWN = ModelSpec.model_validate(
    {
        "name": "churn",
        "owner": "team:growth",
        "task": "binary",
        "predictions": {"path": "data/{day}.parquet", "score": "score"},
        "segments": ["country"],
        "metrics": [
            {"name": "cost", "value": {"tp": 5.0, "fp": -1.0, "fn": -20.0}},
            {"name": "pain", "expression": "abs(label - prediction)", "better": "lower"},
        ],
        "rules": {"performance": {"log_loss": {"absolute": 0.1}, "bias": {"relative": 0.1}}},
    }
)


def is_worse(name, metric, promise, tolerance, *, spread=nan):
    room = room_of(tolerance, name, promise, spread=spread)
    return beyond(OWN, name, metric, limit_of(OWN, name, promise, room, spread=spread))


@pytest.mark.parametrize(
    ("name", "low", "high", "worse"),
    [
        pytest.param("accuracy", 0.60, 0.749, True, id="less right than is tolerated"),
        pytest.param("accuracy", 0.60, 0.75, False, id="exactly as much less as is tolerated"),
        pytest.param("accuracy", 0.95, 0.99, False, id="within"),
        pytest.param("cost", 0.60, 0.749, True, id="an own metric, higher is better"),
        pytest.param("cost", 0.95, 0.99, False, id="an own metric within"),
        pytest.param("log_loss", 1.251, 1.5, True, id="a greater loss than is tolerated"),
        pytest.param("log_loss", 1.25, 1.5, False, id="exactly as much greater as is tolerated"),
        pytest.param("log_loss", 0.1, 0.2, False, id="a smaller loss"),
        pytest.param("pain", 1.251, 1.5, True, id="an own metric, lower is better"),
        pytest.param("pain", 0.1, 0.2, False, id="less of it"),
        pytest.param("accuracy", nan, nan, False, id="unknown"),
        pytest.param("log_loss", nan, nan, False, id="an unknown loss"),
        pytest.param("log_loss", inf, inf, True, id="an infinite loss"),
    ],
)
@pytest.mark.parametrize("unit", ["relative", "absolute"])
def test_worse_is_where_the_whole_interval_lies_beyond_the_tolerance(name, low, high, worse, unit):
    """Of a promise of 1 a quarter is tolerated."""
    metric = Metric((low + high) / 2, low, high, 100)
    assert is_worse(name, metric, 1.0, Tolerance(**{unit: 0.25})) is worse


@pytest.mark.parametrize(
    ("promise", "low", "high", "worse"),
    [
        pytest.param(0.0, -0.01, 0.01, False, id="at zero"),
        pytest.param(-0.3, -0.01, 0.01, False, id="at zero, and less was registered"),
        pytest.param(0.08, -0.01, 0.01, False, id="at zero, and more was registered"),
        pytest.param(0.08, 0.05, 0.06, False, id="nearer to zero"),
        pytest.param(0.08, -0.09, -0.085, False, id="as far on the other side"),
        pytest.param(0.0, 0.05, 0.1, False, id="from the tolerance on"),
        pytest.param(0.0, 0.051, 0.1, True, id="above the tolerance"),
        pytest.param(0.0, -0.1, -0.051, True, id="below it on the other side"),
        pytest.param(0.0, -0.1, -0.05, False, id="up to it on the other side"),
        pytest.param(0.0, 0.04, 0.2, False, id="uncertain"),
        pytest.param(0.0, -0.2, 0.2, False, id="either side is possible"),
        pytest.param(0.08, 0.131, 0.14, True, id="worse than registered"),
        pytest.param(0.3, 0.29, 0.31, True, id="as bad as registered"),
        pytest.param(0.3, 0.15, 0.31, False, id="up to a fifth of the spread and the tolerance"),
        pytest.param(0.3, 0.1501, 0.31, True, id="beyond them"),
        pytest.param(0.5, 0.29, 0.31, True, id="bad, and less so than registered"),
        pytest.param(0.0, nan, nan, False, id="unknown"),
    ],
)
@pytest.mark.parametrize("unit", [{"relative": 0.1}, {"absolute": 0.05}])
def test_a_bias_is_judged_by_its_size(promise, low, high, worse, unit):
    """Of labels that spread by 0.5: a twentieth is tolerated, and 0.1 of a baseline counts."""
    metric = Metric((low + high) / 2, low, high, 100)
    assert is_worse("bias", metric, promise, Tolerance(**unit), spread=0.5) is worse


def test_where_the_spread_is_unknown_a_bad_baseline_counts_no_more_than_is_tolerated():
    far = Metric(0.3, 0.29, 0.31, 100)
    assert is_worse("bias", far, 0.3, Tolerance(absolute=0.05))
    assert not is_worse("bias", far, 0.3, Tolerance(absolute=0.2))


def test_a_bias_tolerated_by_an_unknown_spread_is_not_judged():
    far = Metric(9.0, 8.0, 10.0, 100)
    assert not is_worse("bias", far, 0.0, Tolerance(relative=0.1))


def test_a_promise_below_zero_is_tolerated_as_far_either_side():
    metric = Metric(-1.3, -1.4, -1.26, 100)
    assert is_worse("cost", metric, -1.0, Tolerance(relative=0.25))
    assert not is_worse("cost", metric, -1.0, Tolerance(relative=0.26))


numbers = st.floats(-1e6, 1e6)
NAMES = st.sampled_from(["accuracy", "cost", "log_loss", "pain", "bias"])


@given(NAMES, numbers, numbers, numbers, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_who_tolerates_more_is_told_no_sooner(name, low, high, promise, little, much):
    low, high = sorted((low, high))
    little, much = sorted((little, much))
    metric = Metric((low + high) / 2, low, high, 100)
    strict, lax = (is_worse(name, metric, promise, Tolerance(absolute=n)) for n in (little, much))
    assert strict or not lax


@given(NAMES, numbers, numbers, st.floats(1e-3, 1e3), st.floats(0, 1e3), st.floats(0, 1e3))
def test_who_is_less_sure_is_told_no_sooner(name, value, promise, room, sure, unsure):
    sure, unsure = sorted((sure, unsure))
    narrow, wide = (
        is_worse(
            name, Metric(value, value - reach, value + reach, 9), promise, Tolerance(absolute=room)
        )
        for reach in (sure, unsure)
    )
    assert narrow or not wide


@given(st.sampled_from(["accuracy", "cost", "log_loss", "pain"]), numbers, st.floats(1e-3, 1e3))
def test_what_was_promised_is_never_worse(name, promise, room):
    metric = Metric(promise, promise, promise, 100)
    assert not is_worse(name, metric, promise, Tolerance(absolute=room))


@pytest.mark.parametrize(
    ("name", "higher"),
    [("accuracy", True), ("roc_auc", True), ("log_loss", False), ("ece", False), ("mae", False),
     ("cost", True), ("pain", False)],
)  # fmt: skip
def test_which_way_is_up(name, higher):
    assert higher_is_better(OWN, name) is higher


@pytest.mark.parametrize(
    ("signal", "metric"),
    [("quality.log_loss", "log_loss"), ("pooled.cost_v2", "cost_v2"), ("quality", "")],
)
def test_the_metric_of_a_signal_is_its_quantity(signal, metric):
    assert metric_of(Signal.on(DAY, signal, 0.5)) == metric


def loss(value=0.7, *, name="log_loss", **about):
    """A metric whose interval reaches 0.05 to both sides, of a baseline of 0.4."""
    reach = {"low": value - 0.05, "high": value + 0.05}
    fields = reach | {"n": 1400, "version": "3", "baseline": 0.4} | about
    return Signal.on(DAY, f"quality.{name}", value, **fields)


@pytest.mark.parametrize(
    ("signal", "is_found"),
    [
        pytest.param(loss(), True, id="worse"),
        pytest.param(loss(0.55), False, id="its end lies exactly on the limit"),
        pytest.param(loss(0.5501), True, id="just beyond it"),
        pytest.param(loss(name="brier"), False, id="a metric that nobody judges"),
        pytest.param(loss(baseline=nan), False, id="without a baseline"),
        pytest.param(loss(segment="country", segment_value="DE"), False, id="of one segment"),
        pytest.param(loss(nan), False, id="unknown"),
        pytest.param(loss(low=nan, high=nan), False, id="how surely is unknown"),
    ],
)
def test_what_is_worse_than_its_owner_tolerates(signal, is_found):
    assert [one.signal for one in worse_than_tolerated(OWN, [signal])] == [signal] * is_found


def test_each_of_many_is_judged_by_itself_and_in_their_order():
    worse, fine, other = loss(0.9), loss(0.4), loss(0.8, version="4")
    found = worse_than_tolerated(OWN, [worse, fine, other])
    assert [one.signal.version for one in found] == ["3", "4"]
    assert list(worse_than_tolerated(OWN, [])) == []


def test_the_sentence_names_value_interval_rows_baseline_and_tolerance():
    (found,) = worse_than_tolerated(OWN, [loss()])
    assert (found.metric, found.room) == ("log_loss", 0.1)
    assert found.limit == pytest.approx(0.5)
    assert found.said("was", "labels") == (
        "log_loss of version 3 was 0.7 (0.65 to 0.75, 1,400 labels), baseline 0.4, tolerance 0.1"
    )


def test_the_sentence_about_a_bias_names_how_far_from_zero_it_may_lie():
    (found,) = worse_than_tolerated(OWN, [loss(name="bias", baseline=0.02, spread=0.5)])
    assert found.room == pytest.approx(0.05)
    assert found.words == "baseline 0.02, at most 0.07 from zero is tolerated"
    assert found.said("will be", "rows").startswith("bias of version 3 will be 0.7 ")
    assert isfinite(found.limit)
