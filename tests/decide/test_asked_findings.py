"""A finding is as urgent as its owner and its own doubts allow."""

from dataclasses import replace
from datetime import date

import pytest

from monitoring_dagster.decide.asked_findings import as_asked
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec.rules.alert_settings import Alert

FOUND = Finding(
    "churn", date(2026, 3, 2), FindingKind.FEATURE_DRIFT, "age", Severity.P2, "age drifted", "drift"
)
DOUBTED = replace(FOUND, severity=Severity.P3, at_most=Severity.P3)


@pytest.mark.parametrize(
    ("finding", "alerts", "severities"),
    [
        pytest.param(FOUND, {}, ["P2"], id="nothing is asked for: as the rule has it"),
        pytest.param(FOUND, {"feature_drift": Alert(severity="P1")}, ["P1"], id="louder"),
        pytest.param(FOUND, {"feature_drift": Alert(severity="P3")}, ["P3"], id="for the record"),
        pytest.param(FOUND, {"feature_drift": Alert(enabled=False)}, [], id="off"),
        pytest.param(FOUND, {"missing_day": Alert(enabled=False)}, ["P2"], id="another is off"),
        pytest.param(
            DOUBTED, {"feature_drift": Alert(severity="P1")}, ["P3"], id="a doubt of its own stays"
        ),
    ],
)
def test_findings_come_as_the_owner_asked_for_them(finding, alerts, severities):
    assert [str(one.severity) for one in as_asked([finding], alerts)] == severities
