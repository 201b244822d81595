"""The newest day on which each part of a model could be judged."""

from math import nan

import pytest

from monitoring_dagster.decide.rules import Evidence
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.judge.judged import (
    PARTS,
    LatestJudged,
    drift_verdicts,
    is_judged,
    latest_judged,
    newest_quality,
)
from tests.tiny import DAY, after, keep, monitor_of, served_by


@pytest.fixture
def monitor(tmp_path):
    return monitor_of(tmp_path)


def number(name, *, day=DAY, value=0.5, baseline=0.4, **more):
    return Signal.on(day, name, value, baseline=baseline, version="1", **more)


def column(verdict, role="feature", segment=""):
    return {"column": "x", "role": role, "segment": segment, "verdict": verdict}


@pytest.mark.parametrize(
    ("signal", "judged"),
    [
        pytest.param(number("estimate.log_loss"), True, id="the judged metric, and a baseline"),
        pytest.param(number("estimate.brier"), False, id="a metric that is not judged"),
        pytest.param(number("estimate.log_loss", baseline=nan), False, id="no baseline"),
        pytest.param(number("estimate.log_loss", value=nan), False, id="no value"),
        pytest.param(number("estimate.log_loss", segment="country", segment_value="DE"), False,
                     id="a segment alone"),
    ],
)  # fmt: skip
def test_an_estimate_is_judged_by_a_baseline(monitor, signal, judged):
    keep(monitor, "estimate", signals=[signal])
    assert is_judged(monitor, DAY, Evidence.ESTIMATE) is judged


@pytest.mark.parametrize(
    ("rows", "judged"),
    [
        pytest.param([column("OK")], [Evidence.FEATURES], id="a feature"),
        pytest.param([column("DRIFT", "answer")], [Evidence.PREDICTIONS], id="an answer"),
        pytest.param([column("INSUFFICIENT")], [], id="too few rows"),
        pytest.param([column("OK", segment="country")], [], id="a segment alone"),
        pytest.param([], [], id="no columns"),
    ],
)
def test_columns_are_judged_by_a_verdict_over_all_rows(monitor, rows, judged):
    keep(monitor, "drift", rows=rows)
    parts = (Evidence.PREDICTIONS, Evidence.FEATURES)
    assert [part for part in parts if is_judged(monitor, DAY, part)] == judged


def test_columns_that_were_written_anew_are_read_anew(monitor):
    keep(monitor, "drift", rows=[column("OK")])
    assert [one["verdict"] for one in drift_verdicts(monitor, DAY, Evidence.FEATURES)] == ["OK"]
    keep(monitor, "drift", rows=[column("DRIFT")])
    assert [one["verdict"] for one in drift_verdicts(monitor, DAY, Evidence.FEATURES)] == ["DRIFT"]


@pytest.mark.parametrize(("rows", "judged"), [({"1": 1}, True), ({}, False)])
def test_the_service_is_judged_by_any_row(monitor, rows, judged):
    served_by(monitor, rows)
    assert is_judged(monitor, DAY, Evidence.SERVICE) is judged


@pytest.mark.parametrize(("lag", "day"), [(0, DAY), (27, after(-27)), (28, None)])
def test_four_weeks_are_looked_back_at(monitor, lag, day):
    served_by(monitor, {"1": 9}, after(-lag))
    keep(monitor, "verdict", after(-lag), signals=[number("quality.log_loss", day=after(-lag - 3))])
    found = latest_judged(monitor, DAY)
    assert found[Evidence.SERVICE] == LatestJudged(Evidence.SERVICE, DAY, day)
    assert found[Evidence.QUALITY].day == (None if day is None else after(-3, day))
    assert set(found) == set(PARTS)


def test_a_model_without_labels_has_no_quality(tmp_path):
    found = latest_judged(monitor_of(tmp_path, labels=None), DAY)
    assert set(found) == set(PARTS) - {Evidence.QUALITY}
    assert {one.day for one in found.values()} == {None}


def test_quality_is_of_the_newest_prediction_day_that_the_newest_verdict_knew(monitor):
    older, newer = after(-5), after(-4)
    keep(monitor, "verdict", after(-1), signals=[
        number("quality.log_loss", day=older), number("quality.log_loss", day=newer, value=0.7),
        number("quality.brier", day=after(-1)),
    ])  # fmt: skip
    keep(monitor, "verdict", DAY)  # had labels of no day
    (found,) = newest_quality(monitor, DAY)
    assert (found.day, found.value) == (newer, 0.7)
    assert newest_quality(monitor, after(-2)) == []


def test_one_line_for_people():
    assert LatestJudged(Evidence.SERVICE, DAY, after(-2)).words == "judged on 2026-02-28"
    assert LatestJudged(Evidence.SERVICE, DAY, None).words == (
        "no verdict in the 28 days to 2026-03-02"
    )
