"""The project of the folder in which a command is typed, and what its commands read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.cli import here
from tests.tiny import monitor_of


@pytest.mark.parametrize(
    "words",
    [
        ("status", "tinny"),
        ("runbook", "tinny"),
        ("model", "retrain", "tinny"),
        ("model", "fallback", "tinny", "on"),
    ],
    ids=lambda words: words[0],
)
def test_a_model_that_nobody_declared_is_one_line_and_2(command, words):
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert err == (
        "monitoring-dagster: no monitored model 'tinny' under assets/. Did you mean 'tiny'?\n"
    )


def test_the_installed_command_finds_the_models_of_the_folder_it_is_typed_in(world):
    """A process of its own, a real project, nothing stubbed."""
    world.declare()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(world.root), str(Path(__file__).parents[2])]),
        "DAGSTER_HOME": str(world.root),
    }
    program = "from monitoring_dagster.cli import main; main(prog_name='monitoring-dagster')"
    ended = subprocess.run(
        [sys.executable, "-c", program, "status", "--json"],
        cwd=world.root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    (found,) = json.loads(ended.stdout)
    assert (found["model"], found["champion"], found["incidents"]) == ("tiny", "1", [])


def test_outside_of_a_project_it_says_where_to_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(cli.main, ["status"])
    assert found.exit_code == 2
    assert "holds no dg project" in found.stderr
    assert "go to your project's folder" in found.stderr


def test_what_a_models_commands_read_or_keep(tmp_path):
    monitor = monitor_of(
        tmp_path,
        labels={"database": "labels.duckdb", "table": "labels"},
        further_labels={"human": {"path": "/elsewhere/{day}/rows.parquet"}},
        signals={"calls": {"path": "calls.csv"}},
    )
    assert here.read_by(monitor) == [
        f"{tmp_path}/served/*.parquet", f"{tmp_path}/labels.duckdb", "/elsewhere/*/rows.parquet",
        f"{tmp_path}/calls.csv", f"{tmp_path}/.monitoring", f"{tmp_path}/assets",
        f"{tmp_path}/expectations",
    ]  # fmt: skip


def test_without_labels_there_are_none_to_read(tmp_path):
    places = here.read_by(monitor_of(tmp_path, labels=None))
    assert len(places) == 4


def test_broken_files_of_other_models_are_named_and_stop_nobody(monkeypatch, capsys):
    broken = {"other": ValueError("assets/other/defs.yaml:3: no key")}

    class Found:
        def __init__(self):
            self.broken = broken

        def monitor(self, name):
            print("noise of somebody's module")
            return name

    monkeypatch.setattr(here, "project", Found)
    assert here.monitor("tiny") == "tiny"
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "noise of somebody's module",
        "monitoring-dagster: assets/other/defs.yaml:3: no key (other models go on without it)",
    ]
