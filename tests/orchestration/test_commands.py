"""Dagster's own commands on a copy of the project, as its users type them."""

import os
from datetime import date, timedelta

import dagster as dg
import pytest
from dagster import AssetCheckKey, AssetKey
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from tests.orchestration.small_project import DRIFTED, FIRST, MISSING, WINDOW, write_days

THIRTY = [FIRST + timedelta(days=number) for number in range(30)]


def test_the_project_as_it_stands_is_clean(new_checkout):
    checkout = new_checkout()
    for words in (["check", "yaml"], ["check", "defs"], ["list", "defs", "--json"]):
        done = checkout.run("dg", *words)
        assert done.returncode == 0, done.stdout
        assert "warning" not in done.stdout.lower()
    assert "flight_delay/verdict" in done.stdout
    assert "flight_minutes/drift" in done.stdout


def test_what_dg_scaffolds_is_valid_as_it_stands(new_checkout):
    checkout = new_checkout()
    component = "monitoring_dagster.orchestration.MonitoredModel"
    done = checkout.run("dg", "scaffold", "defs", component, "fraud")
    assert done.returncode == 0, done.stdout
    written = (checkout.root / "assets/fraud/defs.yaml").read_text()
    assert "# The inference log" in written
    done = checkout.run("dg", "check", "defs")
    assert done.returncode == 0, done.stdout


def test_thirty_days_in_one_command(churn_checkout):
    """`dagster asset materialize --partition-range`: every day has its own numbers and verdicts."""
    write_days(churn_checkout.root, THIRTY)
    done = churn_checkout.run(
        "dagster", "asset", "materialize", "-m", "monitoring_dagster.definitions",
        "--select", "group:churn and not key:churn/retraining",
        "--partition-range", f"{THIRTY[0]}...{THIRTY[-1]}",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(churn_checkout.root))
        patch.chdir(churn_checkout.root)
        with dg.DagsterInstance.get() as instance:
            key = AssetKey(["churn", "drift"])
            records = instance.fetch_materializations(key, limit=100).records
            by_day = {r.partition_key: r.asset_materialization.metadata for r in records}
            assert sorted(by_day) == [str(day) for day in THIRTY]
            assert by_day[str(DRIFTED)]["features_drifted"].value == 1
            assert by_day[str(THIRTY[-1])]["features_drifted"].value == 0
            check = AssetCheckKey(AssetKey(["churn", "contract"]), "schema")
            history = instance.event_log_storage.get_asset_check_execution_history(check, limit=100)
            failed = {
                record.event.dagster_event.asset_check_evaluation_data.partition
                for record in history
                if record.status is AssetCheckExecutionRecordStatus.FAILED
            }
            assert len(history) == 30
            assert failed == {str(MISSING)}
            evaluated = instance.get_materialized_partitions(AssetKey(["churn", "evaluation"]))
            assert len(evaluated) == 30
    assert date.fromisoformat(max(by_day)) - THIRTY[0] == timedelta(days=29)
    assert WINDOW < 30
    assert os.path.isdir(churn_checkout.root / ".monitoring/results/churn/verdict")
