"""A limit of the catalogue holds beyond it, and is silent without evidence."""

from datetime import date, timedelta
from math import nan

import pytest

from monitoring_dagster.decide.judging.limit_rules import limit_findings
from monitoring_dagster.decide.signal import LoadedSignals, Signal
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.spec.rules.limits import Rules

TODAY = date(2026, 3, 10)

SPEC = ModelSpec.model_validate(
    {
        "name": "churn",
        "owner": "team:growth",
        "task": "binary",
        "predictions": {"path": "data/{day}.parquet"},
        "rules": {"service": {"max_p99_ms": 100}},
    }
)


def ago(days):
    return TODAY - timedelta(days=days)


def number(value, days_ago=0, **changed):
    return Signal.on(ago(days_ago), "service.error_rate", value, **({"n": 500} | changed))


def rows(count, weeks_ago=0):
    return Signal.on(ago(7 * weeks_ago), "volume.rows", count, n=count)


def p99(value, subject="total"):
    return Signal.on(TODAY, "service.latency_p99_ms", value, subject=subject, n=1000)


def age(hours, weeks_ago=0, subject="median"):
    day = ago(7 * weeks_ago)
    return Signal.on(day, "freshness.feature_age_hours", hours, subject=subject, n=1000)


def found(signals, *, spec=SPEC, **asked):
    by_day = {}
    for one in signals:
        by_day.setdefault(one.day, []).append(one)
    return limit_findings(spec, TODAY, LoadedSignals(by_day), **asked)


@pytest.mark.parametrize(
    ("signals", "kinds"),
    [
        pytest.param([number(0.1)], {}, id="errors exactly on the limit"),
        pytest.param([number(0.11)], {FindingKind.SERVICE_ERRORS: Severity.P0}, id="errors"),
        pytest.param([number(0.11, 1)], {}, id="yesterday's errors are yesterday's"),
        pytest.param([number(nan)], {}, id="no request, no verdict"),
        pytest.param([p99(100)], {}, id="latency on the limit"),
        pytest.param([p99(101)], {FindingKind.SLOW_SERVICE: Severity.P2}, id="slow"),
        pytest.param([p99(501)], {FindingKind.SLOW_SERVICE: Severity.P0}, id="five times"),
        pytest.param([p99(500)], {FindingKind.SLOW_SERVICE: Severity.P2}, id="exactly five times"),
        pytest.param([p99(999, "feature")], {}, id="another stage"),
        pytest.param([rows(49), rows(100, 1), rows(100, 2)],
                     {FindingKind.LOW_VOLUME: Severity.P1}, id="less than half of usual"),
        pytest.param([rows(50), rows(100, 1), rows(100, 2)], {}, id="exactly half"),
        pytest.param([rows(1), rows(100, 1)], {}, id="one week is no usual"),
        pytest.param([rows(1), rows(100, 1), rows(0, 2)], {}, id="nor is a day without rows"),
        pytest.param([rows(0), rows(100, 1), rows(100, 2)], {}, id="no rows: the contract speaks"),
        pytest.param([rows(90), rows(10, 1), rows(200, 2), rows(150, 3)], {}, id="the median"),
        pytest.param([rows(70), rows(10, 1), rows(200, 2), rows(150, 3)],
                     {FindingKind.LOW_VOLUME: Severity.P1}, id="below half of the median"),
        pytest.param([rows(301), rows(100, 1), rows(100, 2)],
                     {FindingKind.HIGH_VOLUME: Severity.P2}, id="more than thrice of usual"),
        pytest.param([rows(300), rows(100, 1), rows(100, 2)], {}, id="exactly thrice"),
        pytest.param([age(30), age(1, 1), age(1, 2)],
                     {FindingKind.STALE_FEATURES: Severity.P1}, id="1 hour became 30"),
        pytest.param([age(3), age(1, 1), age(1, 2)], {}, id="exactly thrice as old"),
        pytest.param([age(1), age(0.01, 1), age(0.01, 2)], {}, id="an hour is not stale"),
        pytest.param([age(1.1), age(0.01, 1), age(0.01, 2)],
                     {FindingKind.STALE_FEATURES: Severity.P1}, id="more is, where minutes are"),
        pytest.param([age(30), age(1, 1)], {}, id="one week is no usual age"),
        pytest.param([age(30, subject="oldest"), age(1, 1, "oldest"), age(1, 2, "oldest")], {},
                     id="one old row is no stale day"),
    ],
)  # fmt: skip
def test_limits_of_the_catalogue(signals, kinds):
    assert {one.kind: one.severity for one in found(signals)} == kinds


def test_a_limit_that_is_not_written_limits_nothing():
    spec = SPEC.model_copy(update={"rules": Rules()})
    assert found([p99(1e9)], spec=spec) == []


def test_a_limit_says_value_and_limit_and_what_the_step_adds():
    exceeded = found([number(0.5, reason="; status 'x' is none of ours")])
    assert [one.words for one in exceeded] == [
        "50.0% of 500 requests failed (limit 10%); status 'x' is none of ours"
    ]


def test_the_owners_limit_is_held_whatever_is_usual():
    written = {"rules": {"service": {"max_feature_age_hours": 6}}}
    spec = ModelSpec.model_validate(SPEC.model_dump(exclude_unset=True) | written)
    assert found([age(6), age(1, 1), age(1, 2)], spec=spec) == []
    (stale,) = found([age(6.5)], spec=spec)
    assert stale.words == (
        "features of the median row were 6.5 hours old when served (limit 6.0 hours)"
    )
    (stale,) = found([age(30), age(1, 1), age(1, 2)])
    assert stale.words == (
        "features of the median row were 30.0 hours old when served (limit 3.0 hours), on this"
        " weekday usually 1.0"
    )


def test_only_the_limits_of_an_asset_are_asked_for():
    signals = [number(0.5), p99(999)]
    assert len(found(signals, asset="profile")) == 2
    assert found(signals, asset="drift") == []
