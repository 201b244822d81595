"""Runs that nobody watches: what is left of them when they end, and when they are killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from monitoring_dagster.spec import ModelSpec
from tests.orchestration.daemon import Unattended, unattended, until
from tests.orchestration.small_project import FIRST, Checkout, write_days

SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE
STARTED, CANCELED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELED
THIRTY = [FIRST + timedelta(days=number) for number in range(30)]


@pytest.fixture
def project(churn_checkout: Checkout, spec: ModelSpec) -> Iterator[Unattended]:
    """Thirty days of rows, and a daemon's settings that look at its runs often."""
    write_days(churn_checkout.root, THIRTY)
    monitoring = {"poll_interval_seconds": 2, "cancellation_thread_poll_interval_seconds": 1}
    with unattended(
        churn_checkout, spec, run_monitoring=monitoring, run_retries={"enabled": False}
    ) as made:
        yield made


def with_a_step_that_waits(checkout: Checkout, day) -> None:
    """From now on the contract of *day* and all after it takes minutes."""
    file = checkout.root / "monitoring_dagster/measure/contract.py"
    file.write_text(
        file.read_text()
        + f"""

_at_once = run


def run(monitor: Monitor, day: date) -> StepReport:
    import time

    if day >= date.fromisoformat("{day}"):
        time.sleep(600)
    return _at_once(monitor, day)
"""
    )


def test_a_run_over_thirty_days_leaves_no_process(project: Unattended):
    backfill = project.backfill(["contract", "profile"], FIRST, 30)
    with project.daemon():
        project.run_of(backfill, STARTED, SUCCESS)
        until(lambda: len(project.of_runs()) > 1)  # the run, and a worker beside it
        project.run_of(backfill, SUCCESS)
        until(lambda: not project.of_runs(), seconds=20)


@pytest.mark.parametrize("how", ["killed", "cancelled"])
def test_a_run_that_does_not_end_by_itself_leaves_no_process(how: str, project: Unattended):
    with_a_step_that_waits(project.checkout, THIRTY[1])  # here, and in the workers
    backfill = project.backfill(["contract"], FIRST, 30)
    with project.daemon():
        run = project.run_of(backfill, STARTED)
        until(lambda: len(project.of_runs()) > 1)
        if how == "killed":
            project.kill(process_of(project, run))
        else:
            project.instance.run_launcher.terminate(run.run_id)
        until(lambda: not project.of_runs(), seconds=20)
        project.run_of(backfill, FAILURE if how == "killed" else CANCELED)


def process_of(project: Unattended, run: dg.DagsterRun) -> int:
    """The process that a run is in, by its own words."""
    events = project.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    pids = [
        one.get_dagster_event().event_specific_data.metadata["pid"].value
        for one in events
        if "pid" in one.get_dagster_event().event_specific_data.metadata
    ]
    return int(pids[0]) if pids else 0


def test_ctrl_c_leaves_no_process(project: Unattended):
    with_a_step_that_waits(project.checkout, THIRTY[1])
    command = launched(project, THIRTY)
    try:
        until(lambda: any("spawn_main" in words for words in project.of_runs().values()))
        os.killpg(command.pid, signal.SIGINT)  # a terminal tells everybody
        command.wait(timeout=30)
        until(lambda: not project.processes(), seconds=20)
    finally:
        project.kill(command.pid, *project.processes())
        command.wait()


@pytest.mark.parametrize("what", ["the machine", "its code server", "a command"])
def test_a_run_whose_process_is_gone_fails_and_frees_its_slot(what: str, project: Unattended):
    with_a_step_that_waits(project.checkout, THIRTY[1])
    with project.daemon():
        if what == "a command":
            command = launched(project, THIRTY[:5])
            wanted = dg.RunsFilter(statuses=[STARTED])
            run = until(lambda: project.instance.get_runs(wanted, limit=1))[0]
        else:
            run = project.run_of(project.backfill(["contract"], FIRST, 5), STARTED)
        process = until(lambda: process_of(project, run))
        if what == "a command":
            project.kill(command.pid, process)
            command.wait()
        elif what == "its code server":
            servers = [pid for pid, words in project.processes().items() if "api grpc" in words]
            project.kill(*servers)
            project.kill(process)
        else:
            project.kill(*project.processes())
    with project.daemon():
        until(lambda: project.instance.get_run_by_id(run.run_id).is_failure, seconds=60)
        assert any(f"process {process} is gone" in words for words in project.why(run))
        assert not project.instance.get_runs(dg.RunsFilter(statuses=[STARTED]))


def launched(project: Unattended, days) -> "subprocess.Popen[bytes]":
    """`dg launch` over a range of days."""
    return subprocess.Popen(
        [Path(sys.executable).parent / "dg", "launch", "--assets", "key:churn/contract",
         "--partition-range", f"{days[0]}...{days[-1]}"],
        cwd=project.checkout.root, env=project.checkout.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
