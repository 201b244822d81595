"""A finding carries the days behind its number, so that a message can show where it came from."""

from datetime import date, timedelta
from math import nan

import pytest

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.trends import SHOWN_DAYS, trend_of, with_trends
from monitoring_dagster.decide.signal import LoadedSignals, Signal
from monitoring_dagster.kinds import FindingKind, Severity

DAY = date(2026, 3, 9)


def found(kind, subject, severity=Severity.P2):
    return Finding("churn", DAY, kind, subject, severity, "it is off", "step")


def log(name, values, **about):
    """*values* of the days up to DAY, the last on it."""
    days = [DAY - timedelta(days=n) for n in reversed(range(len(values)))]
    of_days = zip(days, values, strict=True)
    return LoadedSignals({day: [Signal.on(day, name, one, n=9, **about)] for day, one in of_days})


@pytest.mark.parametrize(
    ("kind", "subject", "name", "about"),
    [
        (FindingKind.SERVICE_ERRORS, "error rate", "service.error_rate", {}),
        (FindingKind.SLOW_SERVICE, "p99", "service.latency_p99_ms", {"subject": "total"}),
        (FindingKind.FEATURE_DRIFT, "income", "drift.psi", {"subject": "income"}),
        (FindingKind.FEATURE_DRIFT, "income (version 2)", "drift.psi", {"subject": "income"}),
        (FindingKind.PERFORMANCE_DROP, "log_loss", "quality.log_loss", {}),
        (FindingKind.EXPECTED_DROP, "log_loss", "estimate.log_loss", {}),
        (
            FindingKind.SEGMENT_DROP,
            "log_loss where origin is EWR",
            "quality.log_loss",
            {"segment": "origin", "segment_value": "EWR"},
        ),
    ],
)
def test_the_number_of_a_rule_is_found(kind, subject, name, about):
    assert trend_of(found(kind, subject), log(name, [0.1, nan, 0.3], **about)) == (0.1, 0.3)
    elsewhere = log(name, [0.1, 0.2, 0.3], **{**about, "subject": "other"})
    assert trend_of(found(kind, subject), elsewhere) == ()


def test_a_rule_without_a_number_has_none_and_one_value_is_no_trend():
    one = found(FindingKind.SCHEMA_BREACH, "income")
    assert trend_of(one, log("contract.schema_breach", [1, 1])) == ()
    assert (
        trend_of(found(FindingKind.FEATURE_DRIFT, "a"), log("drift.psi", [0.3], subject="a")) == ()
    )


def test_the_last_fortnight_is_shown():
    values = [n / 100 for n in range(28)]
    one = found(FindingKind.SERVICE_ERRORS, "error rate")
    assert trend_of(one, log("service.error_rate", values)) == tuple(values[-SHOWN_DAYS:])


def test_of_a_day_that_labels_changed_the_newest_counts():
    early, late = (
        Signal.on(DAY - timedelta(days=9), "quality.log_loss", value, n=9) for value in (0.4, 0.7)
    )
    before = Signal.on(DAY - timedelta(days=10), "quality.log_loss", 0.3, n=9)
    known = {DAY - timedelta(days=1): [before, early], DAY: [late]}
    one = found(FindingKind.PERFORMANCE_DROP, "log_loss")
    assert trend_of(one, LoadedSignals(known)) == (0.3, 0.7)


def test_only_what_people_are_told_of_has_one():
    series = log("drift.psi", [0.1, 0.3], subject="income")
    some = [found(FindingKind.FEATURE_DRIFT, "income", one) for one in (Severity.P2, Severity.P3)]
    assert [one.trend for one in with_trends(some, series)] == [(0.1, 0.3), ()]
