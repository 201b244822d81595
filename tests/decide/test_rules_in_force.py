"""What is printed as in force is what days are judged by, and says where it is from."""

from datetime import date

import pytest

from monitoring_dagster.decide.rules_in_force import rules_in_force
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.spec.rules.alert_settings import ALERTS

SMALL = {
    "name": "churn",
    "owner": "team:growth",
    "task": "binary",
    "predictions": {"path": "data/{day}.parquet", "score": "score"},
    "labels": {"path": "labels/{day}.parquet", "mature_after_days": 5},
}


def in_force(**changed):
    return {str(one.name): one for one in rules_in_force(ModelSpec.model_validate(SMALL | changed))}


def words(one):
    return [setting.words for setting in (one.severity, *one.window, *one.thresholds)]


def test_every_rule_of_the_catalogue_is_named():
    assert list(in_force()) == [str(kind) for kind in ALERTS]


def test_of_the_shortest_file_all_are_defaults():
    found = in_force()
    assert words(found["performance_drop"]) == [
        "rules.alerts.performance_drop.severity: [P1 to P3]",
        "rules.alerts.performance_drop.breaches: [3]",
        "rules.alerts.performance_drop.of_days: [5]",
        "rules.performance.log_loss.relative: [0.05]",
    ]
    assert words(found["service_errors"])[1:] == ["rules.service.max_error_rate: [0.1]"]
    assert "rules.alerts.feature_drift.severity: [P1 to P3]" in words(found["feature_drift"])


def test_what_the_owner_wrote_stands_without_brackets():
    found = in_force(
        rules={
            "performance": {"accuracy": {"absolute": 0.02}},
            "drift": {"psi_alert": 0.3, "baselines": [{"kind": "rolling", "days": 7}]},
            "alerts": {"performance_drop": {"breaches": 2, "severity": "P0"}},
        }
    )
    assert words(found["performance_drop"]) == [
        "rules.alerts.performance_drop.severity: P0",
        "rules.alerts.performance_drop.breaches: 2",
        "rules.alerts.performance_drop.of_days: [5]",
        "rules.performance.accuracy.absolute: 0.02",
    ]
    of_drift = words(found["feature_drift"])
    assert "rules.drift.psi_alert: 0.3" in of_drift
    assert "rules.drift.alpha: [0.05]" in of_drift
    assert "rules.drift.baselines: [{'kind': 'rolling', 'days': 7}]" in of_drift


@pytest.mark.parametrize(
    ("rule", "changed", "why"),
    [
        pytest.param("slow_service", {}, "max_p99_ms is not written", id="no limit"),
        pytest.param("multivariate_drift", {}, "multivariate_drift is false", id="not critical"),
        pytest.param("late_labels", {"labels": None}, "no labels", id="no labels"),
        pytest.param("segment_drop", {"labels": None}, "no labels", id="no quality"),
        pytest.param("missing_day", {"rules": {"alerts": {"missing_day": {"enabled": False}}}},
                     "enabled is false", id="turned off"),
        pytest.param("multivariate_drift", {"multivariate_drift": True}, "", id="critical"),
        pytest.param("late_labels", {}, "", id="with labels"),
    ],
)  # fmt: skip
def test_a_rule_that_is_never_judged_says_why(rule, changed, why):
    found = in_force(**changed)[rule]
    assert why in found.why_not
    assert found.to_dict()["judged"] is (why == "")


def test_an_own_rule_that_finds_nothing_to_judge_says_so():
    spec = ModelSpec.model_validate(
        SMALL | {"rules": {"own": {"busy": {"signal": "volume.row", "above": 9}}}}
    )
    stored = [Signal.on(date(2026, 3, 2), "volume.rows", 300, n=300)]
    *_, busy = rules_in_force(spec, stored)
    assert busy.why_not == "no signal 'volume.row' was stored. Did you mean 'volume.rows'?"
    *_, unknown = rules_in_force(spec)  # before any day was judged
    assert unknown.why_not == ""
