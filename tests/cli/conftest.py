"""Commands as they are typed in the folder of the small world."""

from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.cli import here
from monitoring_dagster.errors import UnknownModel


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
