"""What people type, what they read, and what a script that calls it learns from the exit code."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.cli import here
from monitoring_dagster.errors import UnknownModel
from monitoring_dagster.pipeline import profile
from monitoring_dagster.pipeline.profile import service_of
from tests.world import attributes, day_after

COMMANDS = [
    "backtest",
    "decide-label",
    "demo",
    "drift",
    "estimate",
    "evaluate",
    "fallback",
    "history",
    "promote",
    "proxies",
    "record",
    "resend",
    "retrain",
    "rollback",
    "runbook",
    "status",
    "suspects",
    "ui",
]


@pytest.fixture
def command(world, monkeypatch):
    """Type a command in the folder of the small world; returns exit code, output and complaint."""

    def monitor(name):
        if name != "tiny":
            raise UnknownModel.named(name, available=["tiny"])
        return world.monitor

    project = SimpleNamespace(specs={"tiny": world.spec}, monitor=monitor, broken={})
    monkeypatch.setattr(here, "project", lambda: project)
    monkeypatch.setenv("USER", "ada")

    def typed(*words):
        found = CliRunner().invoke(cli.main, words)
        return found.exit_code, found.stdout, found.stderr

    return typed


def test_help_names_every_command(command):
    code, out, _ = command("--help")
    assert code == 0
    assert sorted(cli.main.commands) == COMMANDS
    assert [name for name in COMMANDS if f"  {name} " not in out] == []


def test_status_of_a_healthy_model_is_one_line_and_0(command, world):
    code, out, _ = command("status")
    until = day_after(world.today, -1)
    assert (code, out) == (0, f"tiny: judged until {until}, version 1 serves, no open incident\n")


def test_status_of_an_open_incident_is_1_and_as_json_one_document(command, world):
    world.write(world.today)
    world.file("predictions", world.today).unlink()
    world.monitored(world.today)
    code, out, _ = command("status", "tiny", "--json")
    assert code == 1
    (found,) = json.loads(out)
    assert found["healthy"] is False
    assert f"P1 missing_day since {world.today}" in found["incidents"]


def test_runbook_as_text_and_as_json(command):
    """The rows of the small world are not of yesterday: exit code 1."""
    code, out, _ = command("runbook", "tiny")
    assert code == 1
    assert out.splitlines()[0].startswith("1. OK      Service health: ")
    assert out.splitlines()[3].startswith("4. FAIL    Upstream pipelines: ")
    code, out, _ = command("runbook", "tiny", "--json")
    assert code == 1
    assert [one["state"] for one in json.loads(out)][:4] == ["OK", "OK", "OK", "FAIL"]


@pytest.mark.parametrize(
    "words",
    [("status", "tinny"), ("runbook", "tinny"), ("retrain", "tinny"), ("fallback", "tinny", "on")],
    ids=lambda words: words[0],
)
def test_a_model_that_nobody_declared_is_one_line_and_2(command, words):
    code, out, err = command(*words)
    assert (code, out) == (2, "")
    assert err == (
        "monitoring-dagster: no monitored model 'tinny' under assets/. Did you mean 'tiny'?\n"
    )


def test_retrain_promote_and_rollback_make_a_version_serve_and_another_again(command, world):
    """The approval that `promotion: manual` waits for, and the way back."""
    world.spec_changes = {"retraining": attributes()["retraining"] | {"promotion": "manual"}}
    world.changes_on = day_after(world.today, -8)  # the champion learnt another world
    world.models.clear()
    for day in world.days():
        world.write(day)
        world.monitored(day)
    registry = world.monitor.registry
    code, out, _ = command("retrain", "tiny")
    assert (code, out.split(":")[0]) == (0, "version 2 waits for approval")
    assert registry.champion("tiny") == "1"
    code, out, _ = command("promote", "tiny", "2", "--reason", "looked at it")
    assert (code, out) == (0, "version 2 of tiny serves from now on\n")
    assert registry.champion("tiny") == "2"
    last = world.monitor.ledger.promotions("tiny")[-1]
    assert (last.version, last.previous, last.by, last.reason) == ("2", "1", "ada", "looked at it")
    code, out, _ = command("rollback", "tiny", "--reason", "it shouts")
    assert (code, out) == (0, "version 1 serves again in place of version 2: it shouts\n")
    assert registry.champion("tiny") == "1"
    code, out, err = command("rollback", "tiny", "--reason", "typed twice")
    assert (code, out) == (2, "")
    assert "no version of 'tiny' served before the present one" in err


def test_promoting_a_version_that_does_not_exist_is_2_and_changes_nothing(command, world):
    code, _, err = command("promote", "tiny", "12", "--reason", "typo")
    assert code == 2
    assert "has no version '12'" in err
    assert world.monitor.registry.champion("tiny") == "1"
    assert len(world.monitor.ledger.promotions("tiny")) == 1


def test_retraining_a_model_without_a_trainer_is_2(command, world):
    world.spec_changes = {"retraining": None}
    code, _, err = command("retrain", "tiny")
    assert code == 2
    assert "'tiny' has no `retraining`" in err


def test_while_the_fallback_is_on_its_rows_are_counted_and_not_judged(command, world):
    code, out, _ = command("fallback", "tiny", "on")
    assert (code, out) == (
        0,
        "fallback of tiny is on; rows served so are counted, and not judged\n",
    )
    world.live(1, acts=False)
    day = day_after(world.today, -1)
    service = service_of(world.monitor, day)
    assert (service["fallback"], service["counted"]) == (295, 0)
    assert command("fallback", "tiny", "off")[0] == 0
    world.live(1, acts=False)
    assert service_of(world.monitor, day_after(day))["counted"] == 295
    assert world.monitor.ledger.fallback("tiny").at <= datetime.now(UTC)


def test_the_installed_command_finds_the_models_of_the_folder_it_is_typed_in(world):
    """A process of its own, a real project, nothing stubbed."""
    world.declare()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(world.root), str(Path(__file__).parents[1])]),
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


def test_a_backtest_lists_what_would_drift_and_on_how_many_days(command, world):
    log = world.served(world.today)
    world.write(world.today, log=log.assign(income=log["income"] + 40))
    profile.run(world.monitor, world.today)
    code, out, _ = command("backtest", "tiny")
    assert code == 0
    assert f"1 days  income against training, {world.today} to {world.today}" in out
    assert "1 of 9 days with drift" in out
    found = json.loads(command("backtest", "tiny", "--json")[1])
    assert (found["days"], found["days_with_drift"]) == (9, 1)
    assert {"baseline": "training", "column": "income", "days": [str(world.today)]} in found[
        "drifted"
    ]
    later = str(day_after(world.today))
    assert "0 of 0 days" in command("backtest", "tiny", "--from", later)[1]
