"""The commands that say how a model does: what people read, and what a script learns."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.cli import here
from monitoring_dagster.measure import profiling as profile
from monitoring_dagster.views.history import history, summary
from tests.world import LATEST_DAYS, START, day_after

DAYS = [day_after(START, n) for n in range(8)]
COST = {"name": "cost", "value": {"fn": -1.0}}


def typed(*words):
    found = CliRunner().invoke(cli.main, words)
    return found.exit_code, found.stdout, found.stderr


@pytest.fixture
def project(founded, monkeypatch):
    """The commands find the founded world, with a cost table that is new; nothing is changed."""
    world = replace(founded, spec_changes={"metrics": [COST]})
    found = SimpleNamespace(
        specs={"tiny": world.spec}, monitor=lambda name: world.monitor, broken={}
    )
    monkeypatch.setattr(here, "project", lambda: found)
    return world


def test_history_is_a_line_a_day_and_accuracy_a_line_a_slice(project):
    code, out, err = typed("model", "history", "tiny", "accuracy")
    assert (code, err) == (0, "")
    *lines, last = out.splitlines()
    points = history(project.monitor, metric="accuracy")
    assert lines == [one.words for one in points]
    assert last == summary(points)
    assert [line.split()[:3] for line in lines] == [[str(day), "v1", "accuracy"] for day in DAYS]
    assert lines[0].endswith("295 of 295 labels, MATURE")
    code, out, err = typed("model", "estimate-accuracy", "tiny")
    assert (code, err) == (0, "")
    assert out.startswith("all rows: the last 5 estimates of log_loss missed by 0.0")


def test_history_as_json_says_the_same(project):
    code, out, _ = typed("model", "history", "tiny", "cost", "--json")
    assert code == 0
    found = json.loads(out)
    assert found == [one.to_dict() for one in history(project.monitor, metric="cost")]
    assert found[0]["value"] == pytest.approx(
        -project.joined(START).eval("label == 1 and prediction == 0").mean()
    )


def test_history_of_a_segment_of_some_days_as_known_on_one(project):
    asked = [
        "model",
        "history",
        "tiny",
        "--by",
        "country",
        "--from",
        str(DAYS[1]),
        "--to",
        str(DAYS[2]),
    ]
    code, out, _ = typed(*asked, "--as-of", str(DAYS[2]), "--json")
    assert code == 0
    found = json.loads(out)
    assert [(one["day"], one["segment_value"]) for one in found] == [
        (str(day), value) for day in DAYS[1:3] for value in ("DE", "FR")
    ]
    rows = project.joined(DAYS[1], as_of=DAYS[2])
    assert found[0]["n"] == (rows["country"] == "DE").sum() < found[0]["predictions"]


def test_a_day_before_its_labels_is_unknown_and_compared_with_nothing(project, monkeypatch):
    monkeypatch.setattr(
        "monitoring_dagster.views.history.outcomes_by_day", lambda *given, **more: {}
    )
    code, out, _ = typed("model", "history", "tiny", "accuracy", "--to", str(START))
    assert (code, out.split(",")[0]) == (0, f"{START}  v1  accuracy unknown; 0 of 295 labels")
    (found,) = json.loads(
        typed("model", "history", "tiny", "accuracy", "--to", str(START), "--json")[1]
    )
    assert (found["value"], found["change"], found["n"]) == (None, None, 0)
    assert found["promise"] > 0.5


def test_an_infinite_value_is_null_in_json(project):
    project.spec_changes["metrics"] = [
        {"name": "odd", "expression": "1e308 * 10 * (1 + label)", "better": "lower"}
    ]
    code, out, _ = typed("model", "history", "tiny", "odd", "--json")
    assert code == 0
    assert {one["value"] for one in json.loads(out)} == {None}


def test_accuracy_of_estimates_by_slice_as_known_on_a_day(project):
    code, out, _ = typed("model", "estimate-accuracy", "tiny", "accuracy")
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines()] == [
        "all rows", "country is DE", "country is FR"
    ]  # fmt: skip
    code, out, _ = typed(
        "model", "estimate-accuracy", "tiny", "accuracy", "--as-of", str(START), "--json"
    )
    assert code == 0
    (found,) = json.loads(out)
    assert (found["days"], found["trust"], found["skill"]) == (0, "UNKNOWN", None)
    code, out, _ = typed(
        "model",
        "estimate-accuracy",
        "tiny",
        "accuracy",
        "--as-of",
        str(DAYS[LATEST_DAYS]),
        "--json",
    )
    assert [one["days"] for one in json.loads(out)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(
            ("model", "history", "tiny", "acuracy"), "'acuracy'. Did you mean 'accuracy'?", id="1"
        ),
        pytest.param(
            ("model", "estimate-accuracy", "tiny", "acuracy"),
            "'acuracy'. Did you mean 'accuracy'?",
            id="2",
        ),
        pytest.param(
            ("model", "history", "tiny", "--by", "land"), "not split by 'land'", id="segment"
        ),
    ],
)
def test_what_the_model_does_not_have_is_one_line_and_2(project, words, told):
    code, out, err = typed(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err


@pytest.mark.parametrize("name", ["history", "estimate-accuracy"])
def test_a_model_without_labels_is_one_line_and_2(project, name):
    project.spec_changes |= {"labels": None, "retraining": None, "metrics": []}
    code, out, err = typed("model", name, "tiny", "accuracy")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "'tiny' has no `labels`" in err


@pytest.mark.parametrize("name", ["history", "estimate-accuracy"])
def test_a_day_that_is_none_is_2(project, name):
    code, _, err = typed("model", name, "tiny", "--as-of", "yesterday")
    assert code == 2
    assert "'yesterday' does not match" in err


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
