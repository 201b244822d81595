"""The commands by which a person decides: what they type, and what the exit code says."""

import os
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from monitoring_dagster import cli
from monitoring_dagster.act.fallback import switch_fallback
from monitoring_dagster.act.notify.delivery import send
from monitoring_dagster.act.retraining.trigger import pending_trigger
from monitoring_dagster.cli import here
from monitoring_dagster.store.days.profiles import service_of
from tests.tiny import FakeMlflow, monitor_of, with_mlflow
from tests.world import attributes, day_after


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


def test_a_rollback_without_its_features_is_refused_unless_it_is_forced(command, world):
    """Version 2 served with feature code of its own, and that still runs."""
    log = attributes()["predictions"] | {"feature_code": "sha"}
    world.spec_changes = {"predictions": log}
    client = registered(world, 2)
    client.set_model_version_tag("tiny", "1", "feature_code", "aaaa")
    client.set_model_version_tag("tiny", "2", "feature_code", "bbbb")
    assert command("model", "promote", "tiny", "2", "--reason", "better")[0] == 0
    world.write(world.today, log=world.served(world.today).assign(sha="bbbb"))
    world.monitored(world.today)
    code, out, err = command("model", "rollback", "tiny", "--reason", "it shouts")
    assert (code, out) == (2, "")
    assert f"those of {world.today} come from 'bbbb': roll the feature pipeline back first" in err
    assert len(err.splitlines()) == 1
    assert world.monitor.registry.champion("tiny") == "2"
    code, out, _ = command("model", "rollback", "tiny", "--reason", "it shouts", "--force")
    assert (code, out) == (0, "version 1 serves again in place of version 2: it shouts\n")
    assert world.monitor.registry.champion("tiny") == "1"


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
    send(world.house, environment={})
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


@pytest.mark.parametrize("user", ["", None], ids=["no name in the environment", "nothing at all"])
def test_somebody_without_a_name_is_known_by_number(tmp_path, monkeypatch, user):
    """A container may run as somebody whom nobody named."""
    monkeypatch.setattr(here, "getuser", lambda: {}["nobody"])
    if user is None:
        monkeypatch.delenv("USER", raising=False)
    else:
        monkeypatch.setenv("USER", user)
    monitor = with_mlflow(monitor_of(tmp_path), FakeMlflow("1", champion="1"))
    monkeypatch.setattr(here, "monitor", lambda _: monitor)
    found = CliRunner().invoke(cli.main, ["model", "fallback", "tiny", "on"])
    assert found.exit_code == 0
    assert monitor.ledger.fallback("tiny").by == f"uid {os.getuid()}"


def test_messages_that_slack_refused_for_good_are_tried_again(tmp_path, monkeypatch):
    monitor = with_mlflow(monitor_of(tmp_path), FakeMlflow("1", champion="1"))
    monkeypatch.setattr(here, "project", lambda: SimpleNamespace(house=monitor.house))
    switch_fallback(monitor, on=True, reason="", by="ada")
    deliveries, now = monitor.ledger.deliveries, datetime.now(UTC)
    deliveries.mark_dead(deliveries.claim(now=now), "invalid_blocks")
    found = CliRunner().invoke(cli.main, ["messages", "resend"])
    assert (found.exit_code, found.stdout) == (0, "1 messages wait to be sent again\n")
    assert deliveries.waiting(now).pending == 1


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["promote", "tiny", "2"], id="promote"),
        pytest.param(["rollback", "tiny"], id="rollback"),
    ],
)
def test_who_changes_the_champion_says_why(monkeypatch, words):
    monkeypatch.setattr(here, "monitor", lambda _: 1 / 0)
    found = CliRunner().invoke(cli.main, ["model", *words])
    assert found.exit_code == 2
    assert "Missing option '--reason'" in found.stderr
    found = CliRunner().invoke(cli.main, ["model", *words, "--reason", " \t"])
    assert (found.exit_code, "--reason is blank: write why" in found.stderr) == (2, True)


class TestEvent:
    @pytest.fixture
    def monitor(self, tmp_path, monkeypatch):
        found = monitor_of(tmp_path)
        monkeypatch.setattr(here, "monitor", lambda name: found)
        monkeypatch.setenv("USER", "ada")
        return found

    def noted(self, *words):
        found = CliRunner().invoke(cli.main, ["event", "tiny", *words])
        return found.exit_code, found.stdout, found.stderr

    def test_it_is_in_the_ledger_with_its_time_and_who_noted_it(self, monitor):
        at = ("--at", "2026-03-02T14:05")
        code, out, _ = self.noted("scikit-learn  1.9", "--kind", "libraries", *at)
        line = "2026-03-02 14:05 libraries: scikit-learn 1.9 (by ada)"
        assert (code, out) == (0, f"noted: {line}\n")
        day = datetime(2026, 3, 2, tzinfo=UTC)
        (change,) = monitor.ledger.changes("tiny", day, day.replace(hour=23))
        assert change.line == line
        assert self.noted("scikit-learn 1.9", "--kind", "libraries", *at)[1] == (
            f"was noted before: {line}\n"
        )

    def test_blank_words_say_nothing(self, monitor):
        code, out, err = self.noted(" ")
        assert (code, out) == (2, "")
        assert "write what was changed" in err
