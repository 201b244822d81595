"""Under other rules a day is judged from what was measured of it, as if measured anew."""

from dataclasses import replace
from math import isfinite

import pytest

from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.measure.drift import drift
from monitoring_dagster.measure.drift.drift_signals import drift_signals, judged_again
from monitoring_dagster.store.days.drifted import DRIFT
from monitoring_dagster.store.days.signals import signals
from tests.world import START

NAMES = ("drift.prediction_drift", "drift.feature_drift")
OF_RULES = (*NAMES, "drift.features", "drift.unusable", "drift.importance")


@pytest.fixture(scope="module")
def lived(founded, tmp_path_factory):
    """A day on which columns drifted in every way there is."""
    world = founded.copied_to(tmp_path_factory.mktemp("again"))
    log = world.served(START)
    log = log.assign(
        income=log["income"] + 25,
        age=log["age"].where(log.index % 4 != 0),
        debt=log["debt"].where(log.index % 9 != 0, float("inf")),
        plan=log["plan"].where(log.index % 5 != 0, "<b>gold</b>"),
        score=log["score"] ** 3,
    )
    world.write(START, log=log)
    profile.run(world.monitor, START)
    drift.run(world.monitor, START)
    return world


def said(found):
    return [
        (one.name, one.subject, one.version, one.segment_value, one.baseline_name, one.severity,
         one.reason, one.value)
        for one in found
        if one.value > 0 and one.name in OF_RULES
    ]  # fmt: skip


def calm(found):
    """What did not drift, or could not be judged."""
    return {
        (one.name, one.subject, one.version, one.n, isfinite(one.value))
        for one in found
        if one.name in NAMES and not one.segment and not one.value > 0
    }


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param({}, id="as they were"),
        pytest.param({"min_effect": 0.2}, id="a larger effect"),
        pytest.param({"alpha": 1e-12}, id="more evidence"),
        pytest.param({"min_missing": 0.3, "min_effect": 0.3}, id="more missing values"),
        pytest.param({"min_new_category": 0.5, "min_effect": 0.5}, id="more new categories"),
        pytest.param({"min_infinite": 0.5, "min_effect": 0.01}, id="more infinite values"),
        pytest.param({"min_rows": 200}, id="segments have too few rows"),
        pytest.param({"min_rows": 5000}, id="too few rows everywhere"),
        pytest.param({"psi_alert": 9.0}, id="less urgent"),
    ],
)
def test_what_was_measured_is_judged_as_if_measured_anew(lived, rules):
    world = replace(lived, spec_changes={"rules": {"drift": rules}})
    monitor = world.monitor
    anew = list(drift_signals(monitor.spec, START, drift.judged(monitor, [START])[START]))
    again = judged_again(monitor.spec, START, monitor.results.read("tiny", DRIFT, START))
    assert said(again) == said(anew)
    assert calm(again) == calm(anew)


def test_the_day_was_odd_enough_to_compare(lived):
    found = signals(lived.monitor, *NAMES, first=START, last=START)
    drifted = {one.subject for one in found if one.value > 0 and not one.segment}
    assert {"income", "age", "debt", "plan", "score"} <= drifted


def test_a_column_that_did_not_drift_is_a_verdict_too(lived):
    found = signals(lived.monitor, *NAMES, first=START, last=START)
    assert ("drift.feature_drift", "country", "1", 295, True) in calm(found)


def test_every_column_has_its_distances(lived):
    names = ("drift.psi", "drift.effect", "drift.missing")
    found = signals(lived.monitor, *names, first=START, last=START)
    by_name = {name: {one.subject for one in found if one.name == name} for name in names}
    assert len(set(map(frozenset, by_name.values()))) == 1
    missing = {one.subject: one for one in found if one.name == "drift.missing"}
    assert missing["age"].value == pytest.approx(0.25, abs=0.02)
    assert missing["age"].baseline == 0


def test_each_feature_that_drifted_has_its_share_of_the_importance(lived):
    found = signals(lived.monitor, "drift.importance", first=START, last=START)
    by_column = {one.subject: one.value for one in found}
    assert by_column.keys() == {"income", "age", "debt", "plan"}
    assert all(0 <= one <= 1 for one in by_column.values())
    assert 0 < sum(by_column.values()) <= 1


def test_the_share_of_features_that_drifted_adds_up(lived):
    (one,) = signals(lived.monitor, "drift.features", first=START, last=START)
    assert (one.value, one.good, one.version) == (one.good, one.value, "1")
    assert 4 <= one.value <= one.total
