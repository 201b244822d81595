"""A delivery is counted hour by hour, and a log that lacks what every row needs says so."""

from datetime import timedelta

import pyarrow as pa
import pytest

from monitoring_dagster.decide.judging.statements import stated_severity
from monitoring_dagster.kinds import Severity
from monitoring_dagster.measure import contract
from monitoring_dagster.measure.breaches import Breach
from monitoring_dagster.measure.delivery_signals import (
    delivery_signals,
    incomplete_log,
    synthetic_leak,
)
from monitoring_dagster.sources.inspection.inspection import IdCounts, Inspection, Odd, Times
from monitoring_dagster.sources.inspection.request_context import FeatureAges, KeyCounts
from monitoring_dagster.spec import Predictions
from monitoring_dagster.store.days.quarantined_days import why_quarantined
from tests.tiny import (
    DAY,
    SPEC,
    FakeMlflow,
    after,
    log_of,
    monitor_of,
    noon,
    put,
    with_mlflow,
)

LOG = Predictions(path="{day}.parquet")


def inspection(rows=1000, **changed):
    usual = {
        "rows": rows, "counted": rows, "times": Times(0, 0, 0, 0.0, 0.0),
        "ids": IdCounts(0, 0, rows, rows), "without_version": 0, "without_prediction": 0,
        "scores": Odd(0, 0),
    }  # fmt: skip
    return Inspection(**usual | changed)


def test_hours_are_24_signals_named_by_when_they_begin():
    found = [*delivery_signals(DAY, inspection(hours=(7,) + (0,) * 22 + (3,)))]
    hours = [one for one in found if one.name == "contract.hour_rows"]
    assert [one.subject for one in hours][::23] == ["00:00", "23:00"]
    assert [one.value for one in hours] == [7.0] + [0.0] * 22 + [3.0]


def test_rows_without_times_have_no_hours():
    names = {one.name for one in delivery_signals(DAY, inspection())}
    assert names == {"contract.incomplete_share", "contract.invalid_share"}


def test_shares_carry_their_counts_so_that_days_add_up():
    found = {one.name: one for one in delivery_signals(DAY, inspection(incomplete=2, invalid=5))}
    incomplete, invalid = found["contract.incomplete_share"], found["contract.invalid_share"]
    assert (incomplete.value, incomplete.good, incomplete.total) == (0.002, 2, 1000)
    assert (invalid.value, invalid.good, invalid.total) == (0.005, 5, 1000)


def test_ages_and_keys_are_signals_where_the_log_has_them():
    ages = FeatureAges(900, 1.0, 5.0, 30.0, missing=80, ahead=20)
    keys = KeyCounts(500, (("a", 400), ("b", 50)))
    found = [*delivery_signals(DAY, inspection(ages=ages, keys=keys))]
    numbers = {(one.name, one.subject): one.value for one in found}
    assert numbers["freshness.feature_age_hours", "median"] == 1.0
    assert numbers["freshness.feature_age_hours", "p99"] == 5.0
    assert numbers["freshness.feature_age_hours", "oldest"] == 30.0
    assert numbers["freshness.missing_share", ""] == 0.08
    assert numbers["freshness.ahead_share", ""] == 0.02
    assert numbers["traffic.key_share", "a"] == 0.8
    assert numbers["traffic.key_share", "b"] == 0.1


def test_a_day_without_rows_has_no_shares():
    assert [*delivery_signals(DAY, inspection(0))] == []


@pytest.mark.parametrize(
    ("leaked", "severity"),
    [
        pytest.param(0, None, id="none"),
        pytest.param(1, Severity.P2, id="a single row"),
        pytest.param(10, Severity.P2, id="exactly a hundredth"),
        pytest.param(11, Severity.P1, id="more"),
    ],
)
def test_untagged_tests_are_stated_with_share_and_examples(leaked, severity):
    tests = Odd(1000, leaked, ("probe-1", "<!channel>")[:leaked])
    log = LOG.model_copy(update={"synthetic": "is_test"})
    found = [*synthetic_leak(DAY, log, inspection(untagged_tests=tests))]
    assert [stated_severity(one) for one in found] == [severity] * bool(leaked)
    for one in found:
        assert one.reason.startswith(f"{leaked} of 1,000 rows ({leaked / 1000:.1%}) have the id")
        assert "for example 'probe-1'" in one.reason
        assert "are not 'is_test': they are judged as real" in one.reason


@pytest.mark.parametrize(
    ("rows", "incomplete", "is_said"),
    [
        pytest.param(10_000, 10, False, id="exactly a thousandth"),
        pytest.param(10_000, 11, True, id="more"),
        pytest.param(300, 2, False, id="two rows of a small log"),
        pytest.param(300, 3, True, id="three"),
        pytest.param(300, 0, False, id="none"),
    ],
)
def test_a_log_is_incomplete_beyond_a_thousandth_of_its_rows(rows, incomplete, is_said):
    found = [*incomplete_log(LOG, inspection(rows, incomplete=incomplete), [])]
    assert [one.severity for one in found] == [Severity.P2] * is_said


def test_it_says_how_many_and_of_what():
    (found,) = incomplete_log(LOG, inspection(10_000, incomplete=12), [])
    assert found.words == (
        "12 of 10,000 rows (0.12%) have no 'model_version', 'request_id' or 'served_at'"
        " (limit 0.1%)"
    )
    assert found.is_judged


@pytest.mark.parametrize(
    ("subject", "severity", "is_said"),
    [
        pytest.param("request_id", Severity.P2, False, id="it is said of ids alone"),
        pytest.param("request_id", Severity.P3, True, id="for the record only"),
        pytest.param("age", Severity.P1, True, id="it is another column's breach"),
    ],
)
def test_what_one_column_says_is_not_said_twice(subject, severity, is_said):
    breach = Breach(subject, severity, "is odd")
    found = [*incomplete_log(LOG, inspection(10_000, incomplete=12), [breach])]
    assert bool(found) is is_said


WEEKS = [after(7 * n) for n in range(3)]  # the last one is judged


@pytest.fixture
def inspected(tmp_path):
    """What the contract of the third Monday says; each has 24 hours, and what is changed of it."""
    log = {
        **SPEC["predictions"], "key": "client", "features_at": "features_at",
        "synthetic": "is_test", "synthetic_prefixes": ["probe-"],
    }  # fmt: skip
    monitor = with_mlflow(monitor_of(tmp_path, predictions=log), FakeMlflow())

    def said(*, hours=24, client=None, age_hours=1.0, probes=0):
        for n, day in enumerate(WEEKS):
            is_last = n == len(WEEKS) - 1
            served = [
                noon(day) - timedelta(hours=12) + timedelta(minutes=3 * k) for k in range(480)
            ]
            served = served[: 20 * hours] if is_last else served
            old = timedelta(hours=age_hours if is_last else 1.0)
            table = log_of(
                len(served), day,
                served_at=pa.array(served, pa.timestamp("us", "UTC")),
                features_at=pa.array([one - old for one in served], pa.timestamp("us", "UTC")),
                client=[client if client and is_last and k % 4 else f"c{k % 50}"
                        for k in range(len(served))],
                request_id=[f"probe-{k}" if k < probes and is_last else f"{day}/{k}"
                            for k in range(len(served))],
                is_test=False,
            )  # fmt: skip
            put(monitor.root, "served", table, day)
            report = contract.run(monitor, day)
        return report, why_quarantined(monitor, WEEKS[-1])

    return said


@pytest.mark.parametrize(
    ("changed", "words", "quarantined"),
    [
        pytest.param({}, "", "", id="as ever"),
        pytest.param({"hours": 12}, "rows of 12 of 24 hours are missing (12:00 to 24:00 UTC)",
                     "partial day", id="half a day"),
        pytest.param({"age_hours": 30}, "the median row were 30.0 hours old when served (limit 3.0",
                     "stale features", id="features of yesterday"),
        pytest.param({"client": "<!channel>"}, "'<!channel>' has 75.0% of the rows", "",
                     id="one client"),
        pytest.param({"probes": 9}, "9 of 480 rows (1.9%) have the id of test traffic, for example"
                     " 'probe-0', 'probe-1', 'probe-2' and are not 'is_test'", "synthetic leak",
                     id="tests without their tag"),
        pytest.param({"hours": 12, "age_hours": 30}, "hours are missing",
                     "partial day, stale features", id="two at once"),
    ],
)  # fmt: skip
def test_the_contract_says_what_is_odd_about_a_delivery(inspected, changed, words, quarantined):
    report, why = inspected(**changed)
    check = report.checks["schema"]
    assert words in check.words
    assert why == quarantined
    assert (f"Day quarantined ({quarantined})" in check.words) is bool(quarantined)
    assert check.passed is not bool(words)
