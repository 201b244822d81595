"""One pass over a day's rows: every row is counted once, and what cannot be read is said."""

import pytest

from monitoring_dagster.measure import profiling
from monitoring_dagster.measure.step import Tone
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.days.profiles import profiles_of, service_of
from monitoring_dagster.store.days.signals import stored_on
from monitoring_dagster.store.days.usable_rows import quiet_columns
from tests.tiny import DAY, keep, log_of, monitor_of, put, reference_rows, registered

LOG = {
    "path": "served/{day}.parquet",
    "score": "score",
    "status": "status",
    "synthetic": "synthetic",
    "latency_ms": {"total": "ms"},
}


@pytest.fixture
def monitor(tmp_path, monkeypatch):
    features = (("age", "numeric"), ("debt", "numeric"))
    registered(monkeypatch, reference_rows(), features=features)
    rules = {"service": {"max_error_rate": 0.1}}
    return monitor_of(tmp_path, predictions=LOG, segments=["country"], rules=rules)


def serve(monitor, rows=100, **columns):
    usual = {"status": "ok", "synthetic": False, "ms": 20.0}
    put(monitor.root, "served", log_of(rows, **(usual | columns)))
    return profiling.run(monitor, DAY)


def test_a_feature_that_a_version_lacks_is_said_and_its_drift_is_quiet(monitor):
    """Half of the rows; one row less is a matter of drift."""
    check = serve(monitor, debt=[None] * 50 + [1.0] * 50).checks["versions"]
    assert (check.passed, check.tone) == (False, Tone.ERROR)
    assert "feature 'debt' is missing in 50 of 100 rows (50.0%) of version 1" in check.words
    assert stated(monitor)["version.schema_breach"].subject == "debt"
    assert quiet_columns(monitor, DAY, "1") == {"debt"}
    assert serve(monitor, debt=[None] * 49 + [1.0] * 51).checks["versions"].passed
    assert quiet_columns(monitor, DAY, "1") == frozenset()


def stated(monitor):
    return {one.name: one for one in stored_on(monitor, DAY)}


def test_every_row_is_accounted_for_and_those_that_count_are_profiled(monitor):
    status = ["ok"] * 90 + ["error"] * 6 + ["fallback"] * 4
    report = serve(monitor, status=status, synthetic=[False] * 88 + [True] * 2 + [False] * 10)
    numbers = report.numbers
    assert (numbers["rows"], numbers["counted"]) == (100, 88)
    assert (numbers["errors"], numbers["fallback"], numbers["synthetic"]) == (6, 4, 2)
    assert numbers["error_rate"] == pytest.approx(6 / 98)
    assert numbers["latency_p50_ms"] == 20.0
    profiles = profiles_of(monitor, DAY)
    assert profiles[Group("1")].rows == 88
    assert sum(one.rows for group, one in profiles.items() if group.segment == "country") == 88
    assert set(profiles[Group("1")].columns) == {
        "age", "debt", "country", "score", "prediction", "score: extremes",
    }  # fmt: skip
    assert report.words == {"versions": "1"}
    assert "<svg" in report.picture


def test_what_it_says_of_the_service_passes_within_its_limits(monitor):
    check = serve(monitor).checks["service"]
    assert (check.passed, check.words) == (True, "100 requests, 0.00% failed")
    check = serve(monitor, status=["error"] * 20 + ["ok"] * 80).checks["service"]
    assert not check.passed
    assert "20.0% of 100 requests failed (limit 10%)" in check.words


@pytest.mark.parametrize(
    ("versions", "passed", "tone", "words"),
    [
        pytest.param("1", True, None, "served by version 1", id="one that is known"),
        pytest.param("9", False, Tone.ERROR, "which MLflow does not know", id="an unknown one"),
        pytest.param(["1"] * 99 + ["v1"], False, Tone.ERROR, "log '1'?", id="one row is enough"),
    ],
)
def test_whether_the_registry_knows_who_served(monitor, versions, passed, tone, words):
    check = serve(monitor, model_version=versions).checks["versions"]
    assert check.passed is passed
    assert words in check.words
    assert tone in (None, check.tone)


def test_a_version_that_lacks_metadata_is_looked_at(monitor, monkeypatch):
    registered(monkeypatch, reference_rows(), code_hash=None)
    check = serve(monitor).checks["versions"]
    assert (check.passed, check.tone) == (False, Tone.WARN)
    assert "code_hash" in check.words


def test_rows_that_name_no_version_are_counted_and_nobodys(monitor):
    report = serve(monitor, model_version=[None] * 100)
    check = report.checks["versions"]
    assert (check.passed, check.words) == (None, f"No verdict: no row of {DAY} names a version")
    assert report.words == {"versions": "none"}
    assert service_of(monitor, DAY)["versions"] == {"": 100}


def test_rows_of_an_unknown_version_are_counted_over_no_column(monitor):
    report = serve(monitor, model_version="9")
    assert profiles_of(monitor, DAY)[Group("9")].columns == {}
    assert report.picture is None


def test_a_day_that_the_contract_calls_unusable_is_not_read(monitor):
    keep(monitor, "contract", usable="0")
    report = serve(monitor)
    assert report.numbers == {"rows": 0}
    assert {one.passed for one in report.checks.values()} == {None}
    assert service_of(monitor, DAY) == {"rows": 0}


def test_a_file_that_is_not_there_or_rotted_is_said_and_stored(monitor):
    for write in (False, True):
        if write:
            put(monitor.root, "served", log_of(1)).write_bytes(b"rot")
        report = profiling.run(monitor, DAY)
        assert report.numbers == {"rows": 0}
        assert not report.checks["service"].passed
        one = stated(monitor)["volume.unreadable_data"]
        assert f"{DAY}.parquet" in one.reason
        assert service_of(monitor, DAY)["error"] == one.reason


def test_a_day_of_nothing_but_test_traffic_is_told(monitor):
    report = serve(monitor, synthetic=True)
    one = stated(monitor)["volume.empty_day"]
    assert one.reason == (
        f"all 100 rows of {DAY} are synthetic by 'synthetic', and none is judged: does it say of"
        " real traffic that it is a test?"
    )
    assert one.reason in report.checks["service"].words


def test_columns_that_cannot_be_read_are_left_out_and_the_others_counted(monitor):
    keep(monitor, "contract", left_out=["debt", "country"])
    serve(monitor, age=[[1.0]] * 100)
    profiles = profiles_of(monitor, DAY)
    assert set(profiles) == {Group("1")}
    assert set(profiles[Group("1")].columns) == {"score", "prediction", "score: extremes"}


def test_a_column_of_latency_that_is_not_there_is_no_number(monitor):
    numbers = serve(monitor, ms=None).numbers
    assert not [name for name in numbers if name.startswith("latency")]
    assert numbers["mean_score"] == pytest.approx(0.5, abs=0.2)


def test_a_day_without_a_row_has_no_verdict(monitor):
    report = serve(monitor, rows=0, status=[], synthetic=[], ms=[])
    assert report.numbers["rows"] == 0
    assert report.checks["service"].words == f"No verdict: no rows on {DAY}, see contract:schema"
