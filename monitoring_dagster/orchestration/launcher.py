"""The launcher of `dagster.yaml`: Dagster's own, which also knows whether a run's process lives."""

import json
import os
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from dagster import DagsterInstance, DagsterRun
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus

PROCESS_TAG = ".dagster/monitoring_process"  # the UI does not show tags that begin like this
_PROC = Path("/proc")  # of Linux; elsewhere `ps` is asked


class WatchfulLauncher(DefaultRunLauncher):
    """Tells run monitoring about runs whose process is gone.

    A code server reports the runs that it has started itself, as long as it lives. Of a run whose
    code server ended before it, that a command has started, or that was at work when the machine
    went down, Dagster's own launcher knows nothing, and it would hold its slot until
    ``max_runtime_seconds``.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """FAILED where the process that *run* is in is known to be gone from this machine."""
        process = _process_of(run)
        if process is None or process["host"] != socket.gethostname():
            return CheckRunHealthResult(WorkerStatus.RUNNING)  # as far as can be known from here
        pid = int(process["pid"])
        if _born(pid) == process["born"]:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        words = f"its process {pid} is gone from {process['host']} (killed, or out of memory)"
        return CheckRunHealthResult(WorkerStatus.FAILED, words)


def note_process(instance: DagsterInstance, run_id: str) -> None:
    """Write down that this process works on a run: no other has its id and its time of birth."""
    born = _born(os.getpid())
    if born is not None:
        process = {"run": run_id, "host": socket.gethostname(), "pid": os.getpid(), "born": born}
        instance.add_run_tags(run_id, {PROCESS_TAG: json.dumps(process)})


def _process_of(run: DagsterRun) -> dict[str, str] | None:
    """What `note_process` wrote; a run that is tried again begins with the tags of the first."""
    process = json.loads(run.tags.get(PROCESS_TAG, "{}"))
    return process if process.get("run") == run.run_id else None


def _born(pid: int) -> str | None:
    """When a process of this machine began, in its system's own words; None if it has ended."""
    if _PROC.exists():
        with suppress(OSError):
            state, *numbers = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            return None if state in "ZX" else numbers[18]  # clock ticks since the machine started
        return None
    listed = subprocess.run(
        ["ps", "-p", str(pid), "-o", "stat=", "-o", "lstart="],
        capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    state, _, began = listed.stdout.strip().partition(" ")
    return began.strip() if began and not state.startswith("Z") else None
