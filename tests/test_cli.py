"""What people type, what they read, and what a script that calls it learns from the exit code."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from monitoring_dagster import cli
from monitoring_dagster.act import promotion
from monitoring_dagster.act.notify.alerts import send
from monitoring_dagster.act.retraining.trigger import pending_trigger
from monitoring_dagster.cli import here
from monitoring_dagster.cli.group import MOVED
from monitoring_dagster.errors import UnknownModel
from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.ledger.ledger import Ledger
from tests.world import LATEST_DAYS, attributes, day_after

GROUPS = {
    "labels": ["decide", "issues"],
    "messages": ["resend"],
    "model": [
        "backtest", "estimate-accuracy", "fallback", "history", "leading-indicators", "promote",
        "retrain", "rollback", "rules", "signals",
    ],
}  # fmt: skip
COMMANDS = ["demo", "drift", "estimate", "evaluate", *GROUPS, "runbook", "status", "ui"]


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
    for group, names in GROUPS.items():
        code, out, _ = command(group, "--help")
        assert code == 0
        assert sorted(cli.main.commands[group].commands) == names
        assert [name for name in names if f"  {name} " not in out] == []


@pytest.mark.parametrize(("former", "now"), MOVED.items())
def test_a_former_command_says_what_to_write_now(command, former, now):
    code, _, error = command(former, "tiny")
    assert code == 2
    assert f"the command '{former}' has moved: write monitoring-dagster {now}" in error
    group, name = now.split()
    assert name in GROUPS[group]


def test_a_misspelt_command_of_a_group_is_told_with_the_nearest(command):
    code, _, error = command("model", "histry", "tiny")
    assert (code, "Did you mean 'history'?" in error) == (2, True)


def test_status_of_a_healthy_model_is_one_line_and_0(command, world):
    code, out, _ = command("status")
    until = day_after(world.today, -1)
    quality = day_after(until, -LATEST_DAYS)  # the newest day with labels enough
    words = f"tiny: judged until {until} (quality until {quality}), version 1 serves"
    assert (code, out) == (0, f"{words}, no open incident\n")


def test_status_of_an_open_incident_is_1_and_as_json_one_document(command, world):
    world.write(world.today)
    world.file("predictions", world.today).unlink()
    world.monitored(world.today)
    code, out, _ = command("status", "tiny", "--json")
    assert code == 1
    (found,) = json.loads(out)
    assert found["healthy"] is False
    assert f"P1 missing_day since {world.today}" in found["incidents"]


def test_a_page_of_the_runbook_is_printed_as_it_stands(command):
    """Without a model, and from any folder; a kind that is none is refused with those there are."""
    whole = (Path(cli.__file__).parents[2] / "runbooks" / "missing_day.md").read_text()
    assert command("runbook", "--page", "missing_day")[:2] == (0, whole)
    code, _, error = command("runbook", "--page", "mising_day")
    assert code == 2
    assert "missing_day" in error
    code, _, error = command("runbook")
    assert code == 2
    assert "--page KIND" in error


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


def test_retrain_promote_and_rollback_make_a_version_serve_and_another_again(command, world):
    """The approval that `promotion: manual` waits for, and the way back."""
    world.spec_changes = {"retraining": attributes()["retraining"] | {"promotion": "manual"}}
    world.changes_on = day_after(world.today, -8)  # the champion learnt another world
    world.models.clear()
    for day in world.days():
        world.write(day)
        world.monitored(day)
    registry = world.monitor.registry
    code, out, _ = command("model", "retrain", "tiny")
    assert (code, out.split(":")[0]) == (0, "version 2 waits for approval")
    assert registry.champion("tiny") == "1"
    code, out, _ = command("model", "promote", "tiny", "2", "--reason", "looked at it")
    assert (code, out) == (0, "version 2 of tiny serves from now on\n")
    assert registry.champion("tiny") == "2"
    last = world.monitor.ledger.promotions("tiny")[-1]
    assert (last.version, last.previous, last.by, last.reason) == ("2", "1", "ada", "looked at it")
    code, out, _ = command("model", "rollback", "tiny", "--reason", "it shouts")
    assert (code, out) == (0, "version 1 serves again in place of version 2: it shouts\n")
    assert registry.champion("tiny") == "1"
    code, out, err = command("model", "rollback", "tiny", "--reason", "typed twice")
    assert (code, out) == (2, "")
    assert "no version of 'tiny' served before the present one" in err


def registered(world, *numbers):
    """The versions with these numbers, each a copy of version 1; without a reference if it is 9."""
    client = MlflowClient(world.house.tracking_uri, world.house.tracking_uri)
    first = client.get_model_version("tiny", "1")
    for number in numbers:
        run = first.run_id
        if number == 9:
            run = client.create_run(client.get_run(first.run_id).info.experiment_id).info.run_id
        client.create_model_version("tiny", first.source, run, tags=first.tags)
    return client


def heard(world):
    """What the channel was told of the champion."""
    send(world.house, token=None)
    return [text for _, text in world.messages() if "Champion is" in text]


@pytest.mark.parametrize(
    ("version", "said"),
    [
        pytest.param("12", "has no version '12'. Did you mean", id="that nobody registered"),
        pytest.param("v2", "has no version 'v2'. Did you mean '2'?", id="with a letter"),
        pytest.param("1", "version 1 of 'tiny' is the champion already: promote another one of 2,"
                     " 3", id="that serves"),
        pytest.param("3", "version 3 of 'tiny' has no artefact reference/reference.parquet:"
                     " register it", id="without reference rows"),
    ],
)  # fmt: skip
def test_promoting_a_version_refuses_one(command, world, version, said):
    registered(world, 2, 9)
    code, out, err = command("model", "promote", "tiny", version, "--reason", "a try")
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1
    assert world.monitor.registry.champion("tiny") == "1"
    assert len(world.monitor.ledger.promotions("tiny")) == 1
    assert heard(world) == []


def test_a_reason_is_no_blank(command, world):
    code, _, err = command("model", "rollback", "tiny", "--reason", " ")
    assert code == 2
    assert "--reason is blank: write why" in err


def test_each_change_by_hand_is_announced_once_with_who_and_why(command, world):
    registered(world, 2)
    assert command("model", "promote", "tiny", "2", "--reason", "looked at it")[0] == 0
    assert command("model", "rollback", "tiny", "--reason", "it shouts")[0] == 0
    world.monitor.registry.set_champion("tiny", "2")  # in MLflow's own UI
    for _ in range(2):
        pending_trigger(world.judged())
    back, promoted, moved = sorted(heard(world))
    assert "v2 promoted by ada. Champion is v2 in place of v1. Reason: looked at it" in promoted
    assert "Rolled back to v1 by ada. Champion is v1 in place of v2. Reason: it shouts" in back
    assert "v2 promoted in MLflow. Champion is v2 in place of v1." in moved


@pytest.mark.parametrize("died_at", ["announce", "Promotion"])
def test_a_promotion_by_hand_that_died_is_written_down_and_announced_once(
    command, world, monkeypatch, died_at
):
    class Killed(BaseException):
        pass

    def dying(*_, **__):
        raise Killed

    registered(world, 2)
    with monkeypatch.context() as patch:
        if died_at == "announce":
            patch.setattr(promotion, "announce", dying)
        else:
            patch.setattr(Ledger, "record_promotion", dying)
        with pytest.raises(Killed):
            promotion.promote_by_hand(world.monitor, "2", reason="looked at it", by="ada")
    for _ in range(2):
        pending_trigger(world.judged())
    assert world.monitor.ledger.promotions("tiny")[-1].version == "2"
    assert len(heard(world)) == 1


@pytest.mark.parametrize(
    ("moves", "back"),
    [
        pytest.param("2", ["1"], id="once"),
        pytest.param("23", ["2", "1"], id="twice"),
        pytest.param("231", ["3", "2", "1"], id="an old one promoted again"),
        pytest.param("23<3", ["2", "1"], id="promoted again after going back"),
        pytest.param("232", ["1"], id="promoting the one before is going back"),
    ],
)
def test_rolling_back_follows_the_line_of_champions(command, world, moves, back):
    registered(world, 2, 3)
    for move in moves:
        words = ("model", "rollback", "tiny") if move == "<" else ("model", "promote", "tiny", move)
        assert command(*words, "--reason", "a try")[0] == 0
    found = []
    while command("model", "rollback", "tiny", "--reason", "back")[0] == 0:
        found.append(world.monitor.registry.champion("tiny"))
    assert found == back


def test_rolling_back_to_a_version_that_was_deleted_names_the_one_before(command, world):
    client = registered(world, 2, 3)
    for version in "23":
        assert command("model", "promote", "tiny", version, "--reason", "a try")[0] == 0
    client.delete_model_version("tiny", "2")
    code, _, err = command("model", "rollback", "tiny", "--reason", "complaints")
    assert code == 2
    assert "version 2 of 'tiny', which served before the present one, is no longer" in err
    assert (
        'monitoring-dagster model promote tiny 1 --reason "WHY" brings back the version before'
        in err
    )
    assert world.monitor.registry.champion("tiny") == "3"


@pytest.mark.parametrize(
    "words", [("model", "rollback", "tiny"), ("model", "promote", "tiny", "1")]
)
def test_a_champion_that_was_deleted_is_replaced_all_the_same(command, world, words):
    client = registered(world, 2)
    assert command("model", "promote", "tiny", "2", "--reason", "a try")[0] == 0
    client.delete_model_version("tiny", "2")
    assert command(*words, "--reason", "gone")[0] == 0
    assert world.monitor.registry.champion("tiny") == "1"
    assert world.monitor.ledger.promotions("tiny")[-1].previous == "2"


def test_status_says_that_the_fallback_is_on(command, world):
    assert command("model", "fallback", "tiny", "on", "--reason", "the store is down")[0] == 0
    said = r"fallback is on since \d{4}-\d\d-\d\d \d\d:\d\d UTC by ada"
    assert re.search(said, command("status", "tiny")[1])
    assert re.search(said, "fallback " + json.loads(command("status", "--json")[1])[0]["fallback"])
    code, out, err = command("model", "fallback", "tiny", "on")
    assert (code, out) == (2, "")
    assert "To switch it: monitoring-dagster model fallback tiny off" in err
    assert command("model", "fallback", "tiny", "off")[0] == 0
    assert "fallback" not in command("status", "tiny")[1]
    assert json.loads(command("status", "--json")[1])[0]["fallback"] is None


def test_retraining_a_model_without_a_trainer_is_2(command, world):
    world.spec_changes = {"retraining": None}
    code, _, err = command("model", "retrain", "tiny")
    assert code == 2
    assert "'tiny' has no `retraining`" in err


def test_while_the_fallback_is_on_its_rows_are_counted_and_not_judged(command, world):
    code, out, _ = command("model", "fallback", "tiny", "on")
    assert (code, out) == (
        0,
        "fallback of tiny is on; rows served so are counted, and not judged\n",
    )
    world.live(1, acts=False)
    day = day_after(world.today, -1)
    service = service_of(world.monitor, day)
    assert (service["fallback"], service["counted"]) == (295, 0)
    assert command("model", "fallback", "tiny", "off")[0] == 0
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
    code, out, _ = command("model", "backtest", "tiny")
    assert code == 0
    assert f"1 days  income against training, {world.today} to {world.today}" in out
    assert "1 of 9 judged days with drift" in out
    found = json.loads(command("model", "backtest", "tiny", "--json")[1])
    assert (found["days"], found["days_with_drift"]) == (9, 1)
    assert {"baseline": "training", "column": "income", "days": [str(world.today)]} in found[
        "drifted"
    ]
    later = str(day_after(world.today))
    assert "0 of 0 judged days" in command("model", "backtest", "tiny", "--from", later)[1]
