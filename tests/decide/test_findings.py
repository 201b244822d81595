"""A finding is as urgent as its rule, the owner and its own doubts allow."""

from dataclasses import replace
from datetime import date

import pytest

from monitoring_dagster.decide.findings import Finding, segment_of
from monitoring_dagster.kinds import FindingKind, Severity

FOUND = Finding(
    "churn", date(2026, 3, 2), FindingKind.FEATURE_DRIFT, "age", Severity.P2, "age drifted", "drift"
)


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
