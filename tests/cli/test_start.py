"""The commands that start something long: what they are told, and what they say at their end."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.cli import here
from monitoring_dagster.demo import replay, replay_view
from monitoring_dagster.demo.summary import Summary
from monitoring_dagster.orchestration import dg_project, servers

SUMMARY = Summary(
    "tiny", date(2026, 1, 1), date(2026, 3, 1), 60, 9, 8, 7, 6, 5, 4, "2", "brier", {}
)


@pytest.fixture
def asked(monkeypatch):
    """What the replay was asked for, which prints something, and what was shown."""
    found = {}

    def replayed(project, *, end, seed, progress):
        print("noise of a library")
        found.update(project=project, end=end, seed=seed)
        return [SUMMARY]

    monkeypatch.setattr(here, "project", lambda: "the project")
    monkeypatch.setattr(replay, "replay", replayed)
    monkeypatch.setattr(replay_view, "show_summaries", lambda *shown: found.update(shown=shown))
    monkeypatch.setattr(dg_project, "silence_dagster", lambda: None)
    monkeypatch.setattr("gc.set_threshold", lambda *_: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return found


def typed(*words):
    found = CliRunner().invoke(cli.main, words)
    return found.exit_code, found.stdout, found.stderr


def test_the_replay_ends_where_somebody_says_with_another_seed(asked):
    assert typed("demo", "--end", "2026-03-01", "--seed", "3")[0] == 0
    assert (asked["end"], asked["seed"]) == (date(2026, 3, 1), 3)
    assert asked["shown"] == ("the project", [SUMMARY])


def test_by_default_it_ends_yesterday(asked):
    before = datetime.now(UTC).date()
    typed("demo")
    yesterday = {day - timedelta(days=1) for day in (before, datetime.now(UTC).date())}
    assert asked["end"] in yesterday
    assert asked["seed"] == 0


def test_as_json_it_is_one_document_and_nothing_else(asked):
    code, out, err = typed("demo", "--json")
    (found,) = json.loads(out)
    assert (code, found["model"], found["first"]) == (0, "tiny", "2026-01-01")
    assert "noise of a library" in err
    assert "shown" not in asked


@pytest.fixture
def served(monkeypatch):
    """What the servers were asked for."""
    found = []
    monkeypatch.setattr(here, "project", lambda: "the project")
    monkeypatch.setattr(servers, "serve", lambda project, **ports: found.append((project, ports)))
    return found


def test_the_web_pages_are_served_at_the_usual_ports_or_at_others(served):
    assert typed("ui")[0] == 0
    assert typed("ui", "--port", "1", "--mlflow-port", "65535")[0] == 0
    assert served == [
        ("the project", {"port": 3000, "mlflow_port": 5000}),
        ("the project", {"port": 1, "mlflow_port": 65535}),
    ]


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_that_is_none_is_refused(served, port):
    code, _, err = typed("ui", "--port", port)
    assert (code, served) == (2, [])
    assert "Invalid value for '--port'" in err
