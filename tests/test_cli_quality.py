"""`history` and `estimate-accuracy`: what people read, and what a script that calls them learns."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.cli import here
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


def test_accuracy_by_slice_as_known_on_a_day(project):
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


@pytest.mark.parametrize("command", ["history", "estimate-accuracy"])
def test_a_model_without_labels_is_one_line_and_2(project, command):
    project.spec_changes |= {"labels": None, "retraining": None, "metrics": []}
    code, out, err = typed("model", command, "tiny", "accuracy")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "'tiny' has no `labels`" in err


@pytest.mark.parametrize("command", ["history", "estimate-accuracy"])
def test_a_day_that_is_none_is_2(project, command):
    code, _, err = typed("model", command, "tiny", "--as-of", "yesterday")
    assert code == 2
    assert "'yesterday' does not match" in err
