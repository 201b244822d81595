"""The README is true: every block of it is run, read or looked up."""

import re
import shlex
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import pytest
import yaml
from click.testing import CliRunner

from monitoring_dagster.cli import main
from monitoring_dagster.daily.steps import STEPS
from monitoring_dagster.measure.version_gaps import few_days, gaps
from monitoring_dagster.report.on_call import Roster
from monitoring_dagster.spec import Channels, Labels, ModelSpec
from monitoring_dagster.spec.project import ProjectSettings
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.monitor import House
from monitoring_dagster.store.references.version_reference import reference_of
from monitoring_dagster.store.settings import settings_at

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


def test_every_block_is_of_a_kind_that_is_tested_here():
    assert {name for name, _ in BLOCKS} == {"", "sh", "yaml", "toml", "python"}
    assert len(blocks("")) == 1  # the story in one line


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_yaml_is_a_valid_model(text):
    declared = yaml.safe_load(text)
    assert declared["type"] == "monitoring_dagster.orchestration.MonitoredModel"
    assert ModelSpec.model_validate(declared["attributes"]).name == "churn"


@pytest.mark.parametrize("text", blocks("toml"))
def test_every_toml_is_a_valid_project(text, tmp_path):
    (tmp_path / "pyproject.toml").write_text(text)
    assert settings_at(tmp_path).schedule.grace_minutes == 60


@pytest.mark.parametrize("line", [line for text in blocks("sh") for line in text.splitlines()])
def test_every_command_exists(line):
    program, command, *arguments = shlex.split(line, comments=True)
    if program == "make":
        assert re.search(rf"^{command}:.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        return
    assert program == "monitoring-dagster"
    words, found = [command], main.commands[command]
    if isinstance(found, click.Group):
        words.append(arguments.pop(0))
        found = found.commands[words[-1]]
    given = [one for one in arguments if not one.startswith("--")]
    help_text = CliRunner().invoke(main, [*words, "--help"]).output
    assert all(one in help_text for one in arguments if one.startswith("--"))
    assert len(given) <= sum(not p.name.startswith("--") for p in found.params)


def test_every_python_block_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".monitoring").mkdir()
    names: dict[str, object] = {}
    for text in blocks("python"):
        exec(compile(text, "README.md", "exec"), names)
    assert str(names["found"].verdict) == "DRIFT"
    assert names["registry"].champion("churn") == names["version"] == "1"
    nothing_is_missing(tmp_path)
    assert "1 models:/churn/1 False" in capsys.readouterr().out


def nothing_is_missing(root):
    """What the README registers is all that its shortest file needs."""
    spec = ModelSpec.model_validate(yaml.safe_load(blocks("yaml")[0])["attributes"])
    monitor = House.at(root, {}).monitor(spec)
    reference = reference_of(monitor, "1")
    assert gaps(monitor, reference, date(2026, 2, 1)) == []
    assert few_days(reference) == ""
    assert reference.outcomes[Group("1")].n == 2800


def test_the_columns_of_a_label_file_are_those_that_are_read():
    """By their default names."""
    section = README.partition("## Labels that come late")[2].partition("\n## ")[0]
    columns = re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
    labels = Labels(path="labels/{day}.parquet")
    assert columns == [labels.request_id, labels.label, labels.arrived_at]


def test_the_table_of_assets_is_the_table_of_steps():
    section = README.partition("## What a day goes through")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*)\|$", section, flags=re.MULTILINE)
    told = {name: set(re.findall(r"`(\w+)`", checks)) for name, checks in rows}
    assert told == {step.name: set(step.checks) for step in STEPS} | {"retraining": set()}


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_link_and_picture_is_there(target):
    assert (ROOT / target).exists()


def test_every_variable_is_read_somewhere():
    code = "".join(path.read_text() for path in (ROOT / "monitoring_dagster").rglob("*.py"))
    for name in re.findall(r"`([A-Z][A-Z_]+)`", README):
        assert name in code, name


DELIVERY = (ROOT / "docs" / "delivery.md").read_text()
ITS_BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", DELIVERY, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("language", "text"), ITS_BLOCKS)
def test_what_the_page_on_delivery_shows_can_be_written(language, text, tmp_path):
    if language == "toml":
        (tmp_path / "pyproject.toml").write_text(text)
        assert settings_at(tmp_path) != ProjectSettings()
    elif text.startswith("channels:"):
        assert Channels.model_validate(yaml.safe_load(text)["channels"]).destinations
    elif language == "yaml":
        roster = Roster.parsed(text, file="on_call.yaml", zone=ZoneInfo("UTC"), users={})
        assert roster.on_call(datetime(2026, 12, 10, tzinfo=UTC)).name == "cleo"
    else:
        assert language == "sh"
        for line in text.splitlines():
            test_every_command_exists(line)
