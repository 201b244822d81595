"""A run whose process is gone is found, whoever started it; one that cannot be seen is left."""

import json
import os
import signal
import subprocess
import sys

import dagster as dg
import pytest
from dagster._core.launcher.base import WorkerStatus

from monitoring_dagster.orchestration import launcher
from monitoring_dagster.orchestration.launcher import PROCESS_TAG, WatchfulLauncher, note_process


@pytest.fixture(params=["proc", "ps"])
def system(request, monkeypatch, tmp_path):
    """Linux keeps processes in /proc, macOS asks `ps`."""
    if request.param == "ps":
        monkeypatch.setattr(launcher, "_PROC", tmp_path / "proc")


@pytest.fixture
def noted(instance):
    """A run whose process is this one."""
    run = instance.create_run_for_job(dg.GraphDefinition("empty", node_defs=[]).to_job())
    note_process(instance, run.run_id)
    return instance.get_run_by_id(run.run_id)


def health(seen, **changed):
    tags = json.loads(seen.tags[PROCESS_TAG]) | changed
    seen = seen.with_tags({**seen.tags, PROCESS_TAG: json.dumps(tags)})
    return WatchfulLauncher().check_run_worker_health(seen).status


def test_a_run_at_work_is_left_alone(system, noted):
    assert health(noted) is WorkerStatus.RUNNING


def test_a_process_that_ended_is_gone(system, noted):
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    assert health(noted, pid=ended.pid) is WorkerStatus.FAILED


def test_a_killed_process_that_nobody_has_buried_is_gone(system, noted):
    killed = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    born = launcher._born(killed.pid)
    assert health(noted, pid=killed.pid, born=born) is WorkerStatus.RUNNING
    os.kill(killed.pid, signal.SIGKILL)
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
    assert health(noted, pid=killed.pid, born=born) is WorkerStatus.FAILED
    killed.wait()


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        pytest.param({"born": "earlier"}, WorkerStatus.FAILED, id="its id is another's now"),
        pytest.param({"host": "elsewhere", "pid": -1}, WorkerStatus.RUNNING, id="another host"),
        pytest.param({"run": "first", "pid": -1}, WorkerStatus.RUNNING, id="tags of the first try"),
    ],
)
def test_only_what_is_known_counts(changed, status, noted):
    assert health(noted, **changed) is status


def test_a_run_without_a_note_is_left_alone(noted):
    run = noted.with_tags({})
    assert WatchfulLauncher().check_run_worker_health(run).status is WorkerStatus.RUNNING
