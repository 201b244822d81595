"""A command says who would receive a message, and when."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.cli import here
from monitoring_dagster.decide.routing import Routing
from monitoring_dagster.spec.channels import Route
from tests.tiny import monitor_of, noon

PAGE = Route(match=["severity=~P0|P1", "family=service"], pagerduty="PAGERDUTY_RISK")


@pytest.fixture
def command(tmp_path, monkeypatch):
    monitor = monitor_of(tmp_path)
    house = replace(monitor.house, routing=Routing((PAGE,)), as_of=noon())
    monkeypatch.setattr(here, "monitor", lambda model: {"tiny": house.monitor(monitor.spec)}[model])

    def typed(*words):
        found = CliRunner().invoke(cli.main, ["incidents", "route", *words])
        return found.exit_code, found.stdout.strip(), found.stderr.strip()

    return typed


def test_it_says_who_would_receive_a_message(command):
    code, out, _ = command("--model", "tiny", "--severity", "P1", "--family", "service")
    assert (code, out.splitlines()[0]) == (0, "pagerduty:PAGERDUTY_RISK  at once")
    code, out, _ = command("--model", "tiny", "--severity", "P2", "--at", "2026-03-07")
    assert out.splitlines()[0] == "slack:#ml-alerts  not before Mon 2026-03-09 09:00 UTC"


def test_a_program_gets_the_same(command):
    code, out, _ = command(
        "--model", "tiny", "--severity", "P0", "--kind", "slow_service", "--json"
    )
    assert code == 0
    assert json.loads(out) == {
        "labels": {
            "model": "tiny", "family": "service", "kind": "slow_service", "severity": "P0",
            "owner": "team:small", "segment": "",
        },
        "receivers": [{"receiver": "pagerduty:PAGERDUTY_RISK", "not_before": None}],
        "routes": ["pyproject.toml, routes 1: severity=~P0|P1 family=service"],
        "due": "2026-03-02T12:00:00+00:00",
        "on_call": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "--model"),
        (["--model", "tiny", "--severity", "P9"], "'P9'"),
        (["--model", "tiny", "--family", "servce"], "'servce'"),
    ],
)
def test_what_no_message_can_be_is_refused(command, words, complaint):
    code, _, err = command(*words)
    assert (code, complaint in err) == (2, True)
