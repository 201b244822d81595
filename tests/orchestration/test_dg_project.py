"""A dg project as the commands see it: found by its file, with its models by name."""

import os
from types import SimpleNamespace

import dagster as dg
import pytest

from monitoring_dagster.errors import UnknownModel
from monitoring_dagster.orchestration import dg_project
from monitoring_dagster.orchestration.declared import BrokenModel, Declared
from monitoring_dagster.orchestration.dg_project import (
    FailedRun,
    NoProject,
    Project,
    UnusableFolder,
)
from tests.tiny import DAY, after, monitor_of, spec_of


@pytest.fixture
def found(tmp_path, monkeypatch):
    """The project at a folder whose pyproject.toml says this."""

    def at(text="[tool.dg.project]\n"):
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
        if text is not None:
            (tmp_path / "pyproject.toml").write_bytes(text.encode("latin-1"))
        return Project.at(tmp_path)

    return at


def with_models(project, **broken):
    declared = Declared(
        {"tiny": spec_of()}, {name: BrokenModel(words) for name, words in broken.items()}
    )
    project.__dict__["_declared"] = declared
    return project


@pytest.mark.parametrize("text", [None, "", "[tool.dg]\n", "[project]\nname = 'dg'\n"])
def test_a_folder_that_is_no_project_says_where_to_go(found, tmp_path, text):
    with pytest.raises(NoProject) as caught:
        found(text)
    assert str(caught.value) == (
        f"{tmp_path} holds no dg project (no pyproject.toml with [tool.dg.project]):"
        " go to your project's folder"
    )


def test_a_file_that_is_not_utf_8_is_read_as_far_as_it_goes(found, tmp_path):
    assert found("[tool.dg.project]\n# M\xfcnchen\n").root == tmp_path


def test_dagster_keeps_its_records_in_the_project_unless_somebody_says_otherwise(
    found, tmp_path, monkeypatch
):
    found()
    monkeypatch.delenv("DAGSTER_HOME")
    Project.at(tmp_path)
    assert os.environ["DAGSTER_HOME"] == str(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "/elsewhere")
    Project.at(tmp_path)
    assert os.environ["DAGSTER_HOME"] == "/elsewhere"


def test_a_model_by_name_or_the_reason_why_not(found, tmp_path):
    project = with_models(found(), other="assets/other/defs.yaml:3: no key")
    monitor = project.monitor("tiny")
    assert (monitor.name, monitor.root) == ("tiny", tmp_path)
    with pytest.raises(BrokenModel, match=r"assets/other/defs\.yaml:3: no key"):
        project.monitor("other")
    with pytest.raises(UnknownModel, match=r"no monitored model 'tinny' .* Did you mean 'tiny'"):
        project.monitor("tinny")
    assert (set(project.specs), set(project.broken)) == ({"tiny"}, {"other"})


def test_a_place_where_nothing_can_be_kept_is_named(found, tmp_path):
    project = found()
    (tmp_path / ".monitoring").touch()
    with pytest.raises(UnusableFolder) as caught:
        _ = project.house
    assert str(caught.value) == (
        f"cannot use {tmp_path}/.monitoring, where results are kept: File exists."
        " Put the project on a disk that can be written to"
    )


class Job:
    """Stands in for Dagster's: notes what it is asked to run, and how it ends."""

    def __init__(self, *, success=True):
        self.success, self.runs = success, []

    def resolve_implicit_global_asset_job_def(self):
        return self

    def execute_in_process(self, *, asset_selection, tags, **_):
        steps = [key.path[-1] for key in asset_selection]
        ends = [tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end")]
        self.runs.append((steps, *ends))
        return SimpleNamespace(success=self.success, run_id="r7", all_events=[])


@pytest.fixture
def job(monkeypatch):
    def is_(**how):
        made = Job(**how)
        monkeypatch.setattr(dg_project, "definitions_of", lambda _: made)
        monkeypatch.setattr(dg_project, "_instance", dg.DagsterInstance.ephemeral)
        return made

    return is_


def test_a_weekly_step_has_a_run_of_its_own_over_the_weeks_that_end_in_the_range(
    found, job, tmp_path
):
    made = job()
    monitor = monitor_of(tmp_path, multivariate_drift=True)
    steps = ["profile", "multivariate", "estimate"]
    found().run_days(monitor, steps, after(1), after(13))
    days = (str(after(1)), str(after(13)))
    assert made.runs == [
        (["profile"], *days), (["multivariate"], str(DAY), str(after(7))), (["estimate"], *days)
    ]  # fmt: skip


def test_no_day_before_the_first_and_no_week_that_ends_elsewhere(found, job, tmp_path):
    made = job()
    monitor = monitor_of(tmp_path, multivariate_drift=True)
    found().run_days(monitor, ["contract", "multivariate"], after(-3), after(5))
    assert made.runs == [(["contract"], str(DAY), str(after(5)))]


def test_a_run_that_failed_is_one_line_with_its_id(found, job, tmp_path):
    job(success=False)
    with pytest.raises(FailedRun) as caught:
        found().run_days(monitor_of(tmp_path), ["contract"], DAY, DAY)
    assert str(caught.value) == (
        "run r7 failed: no step failed. Look at it in the Dagster UI (make ui)"
    )
