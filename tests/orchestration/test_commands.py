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
        done = checkout.run_afresh("dg", *words)
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
        "--select", "group:churn",
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


BROKEN = {
    "glob": ('predictions: {path: "{day}/*.parquet"}', 6, "has the glob '*'"),
    "csv": ('predictions: {path: "log/{day}.csv"}', 6, "pandas.read_csv(old).to_parquet(new)"),
    "bucket": ('predictions: {path: "s3://log/{day}.parquet"}', 6, "s3:// begins a URL"),
    "dayless": ("predictions: {path: log/all.parquet}", 6, "has no {day}"),
    "hash": ("channels:\n    slack: #ml-alerts", 7, "an unquoted # begins a comment"),
    "nested": ("rules:\n    drift:\n      alhpa: 0.1", 8, "Did you mean 'alpha'?"),
    "listed": ("features:\n    - name: a\n    - {name: b, kidn: numeric}", 8, "mean 'kind'?"),
    "suite": (
        "expectations: expectations/old.json",
        6,
        "expectation 0: unknown type 'expect_colum",
    ),
    "gone": ("expectations: expectations/gone.json", 6, "no such file: write it, or take"),
    "token": ("channels: {slack: xoxb-1-canary}", 6, "this is a secret"),
    "twice": ("task: regression", 6, "the key 'task' stands twice, first in line 5"),
    "whole": ("retraining: {trainer: a:b}", 6, "retraining needs `labels`"),
}  # by folder: what is written, the line that is named, and the words
OTHERS = {
    "empty": ("", 1, "the file is empty"),
    "bare": ("type: monitoring_dagster.orchestration.MonitoredModel\n", 1, "below attributes:"),
    "listing": (
        "type: monitoring_dagster.orchestration.MonitoredModel\nattributes:\n  - name: a\n",
        2,
        "a mapping (key: value) is wanted",
    ),
    "tab": (
        "type: monitoring_dagster.orchestration.MonitoredModel\nattributes:\n\tname: a\n",
        3,
        "indent with blanks",
    ),
}


def written(name, more):
    """The text of a model's file with one thing added."""
    lines = [f"name: {name}", "owner: team:a", "task: binary", more]
    if "predictions" not in more:
        lines.append('predictions: {path: "log/{day}.parquet"}')
    head = ["type: monitoring_dagster.orchestration.MonitoredModel", "attributes:"]
    return "\n".join([*head, *(f"  {line}" for line in lines), ""])


@pytest.mark.parametrize("command", ["yaml", "defs"])
def test_what_yaml_cannot_do_is_refused_with_file_and_line(new_checkout, command):
    """In every model's file, not in Dagster's last one alone; and no secret is shown."""
    checkout = new_checkout()
    expected = []
    for folder, (more, line, words) in BROKEN.items():
        expected.append((checkout.declare(folder, written(folder, more)), line, words))
    for folder, (text, line, words) in OTHERS.items():
        expected.append((checkout.declare(folder, text), line, words))
    (checkout.root / "expectations/old.json").write_text(
        '{"expectations": [{"type": "expect_colum", "kwargs": {}}]}', encoding="utf-8"
    )
    for folder, name in (("one", "same"), ("two", "same"), ("three", "Same")):
        checkout.declare(folder, written(name, "description: fine"))
    first = checkout.root / "assets/one/defs.yaml:3"
    expected.append((checkout.root / "assets/three/defs.yaml", 3, f"'same' in {first} differ"))
    expected.append((checkout.root / "assets/two/defs.yaml", 3, f"named 'same', too, in {first}"))
    done = checkout.run("dg", "check", command)
    assert done.returncode == 1
    for file, line, words in expected:
        told = [one for one in done.stdout.splitlines() if one.startswith(f"{file}:{line} - ")]
        assert len(told) == 1, (file, done.stdout)
        assert words in told[0]
    assert "flight_delay" not in done.stdout
    assert "Traceback" not in done.stdout
    assert "canary" not in done.stdout


def test_one_folder_is_checked_alone_where_it_is_named(new_checkout):
    checkout = new_checkout()
    checkout.declare("csv", written("csv", BROKEN["csv"][0]))
    done = checkout.run("dg", "check", "yaml", "assets/flight_delay")
    assert done.returncode == 0, done.stdout
    done = checkout.run("dg", "check", "yaml", "assets/csv")
    assert done.returncode == 1
    assert "assets/csv/defs.yaml:6 - " in done.stdout


def test_a_mistake_in_the_projects_settings_is_named_by_every_command(churn_checkout):
    file = churn_checkout.root / "pyproject.toml"
    text = file.read_text(encoding="utf-8")
    line = len(text.splitlines()) + 2
    file.write_text(f'{text}[tool.monitoring_dagster.schedule]\ntime_zone = "Europe/Berln"\n')
    words = f"{file}:{line} - [tool.monitoring_dagster] schedule.time_zone: there is no time zone"
    for command in (["dg", "check", "defs"], ["monitoring-dagster", "status"]):
        done = churn_checkout.run(*command)
        assert done.returncode in (1, 2), done.stdout
        assert words in done.stdout
        assert "Did you mean 'Europe/Berlin'?" in done.stdout
        assert "Traceback" not in done.stdout
