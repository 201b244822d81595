"""A day's account of its rows becomes numbers that rules can read."""

from datetime import date
from math import isnan

import pytest

from monitoring_dagster.measure.service_signals import service_signals

DAY = date(2026, 3, 2)
SERVICE = {
    "rows": 10, "counted": 5, "errors": 2, "fallback": 1, "synthetic": 1, "duplicate_ids": 1,
    "requests": 8, "error_rate": 0.25, "versions": {"1": 6, "2": 4},
    "latency_ms": {"total": {"p50": 5.0, "p95": 8.0, "p99": 9.0}},
    "unknown_statuses": {"tiemout": 2},
}  # fmt: skip


def values(service):
    found = service_signals(DAY, service)
    return {(one.name, one.subject, one.version): one for one in found}


@pytest.mark.parametrize(
    ("key", "value", "n"),
    [
        (("volume.rows", "", ""), 10, 10),
        (("volume.requests", "", ""), 8, 8),
        (("volume.counted_share", "", ""), 0.5, 10),
        (("volume.duplicate_ids_share", "", ""), 0.1, 10),
        (("service.error_rate", "", ""), 0.25, 8),
        (("service.fallback_share", "", ""), 0.125, 8),
        (("service.latency_p99_ms", "total", ""), 9.0, 8),
        (("version.share", "", "2"), 0.4, 10),
    ],
)
def test_each_number_and_the_rows_it_rests_on(key, value, n):
    one = values(SERVICE)[key]
    assert (one.value, one.n) == (value, n)


def test_shares_carry_the_counts_that_add_up_over_days():
    for one in values(SERVICE).values():
        if not isnan(one.total):
            assert one.value == one.good / one.total


def test_what_was_taken_for_an_error_is_said():
    reason = values(SERVICE)["service.error_rate", "", ""].reason
    assert reason == "; status 'tiemout' in 2 rows is none of ok, error, fallback"


def test_a_day_without_rows_says_only_that():
    assert [(name, one.value) for (name, *_), one in values({"rows": 0}).items()] == [
        ("volume.rows", 0)
    ]


def test_without_a_request_no_share_is_zero():
    """All rows are synthetic: whether the service failed is unknown."""
    only_tests = SERVICE | {"requests": 0, "error_rate": 0.0, "fallback": 0, "synthetic": 10}
    assert isnan(values(only_tests)["service.error_rate", "", ""].value)
