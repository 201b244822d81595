"""A finding is as urgent as its rule, the owner and its own doubts allow."""

from dataclasses import replace
from datetime import date

import pytest

from monitoring_dagster.decide.findings import Finding, segment_of
from monitoring_dagster.decide.judging.judge import as_asked
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


def test_the_fingerprint_knows_no_day_and_no_severity():
    later = replace(FOUND, day=date(2026, 3, 9), severity=Severity.P1, words="age drifted more")
    assert later.fingerprint == FOUND.fingerprint


@pytest.mark.parametrize(
    ("subject", "segment"),
    [
        pytest.param("log_loss where country is DE", "country=DE", id="a drop in a segment"),
        pytest.param("mae where a b is x, y", "a b=x, y", id="blanks and commas"),
        pytest.param("dear (amount, version 2, country=FR)", "country=FR", id="an own rule"),
        pytest.param("dear (country=FR, against v1)", "country=FR", id="against a baseline"),
        pytest.param("dear (amount)", "", id="a column"),
        pytest.param("income", "", id="no segment"),
    ],
)
def test_a_subject_names_the_segment_that_it_is_about(subject, segment):
    assert replace(FOUND, subject=subject).segment == segment_of(subject) == segment
