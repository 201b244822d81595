"""Everything a person looks at, started together and stopped together."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from typing import Self

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.orchestration.dg_project import Project
from monitoring_dagster.store.ledger.database import reading


class PortTaken(MonitoringError):
    """Something else listens where we want to."""

    @classmethod
    def of(cls, port: int, option: str, error: OSError) -> Self:
        return cls(
            f"port {port} cannot be used: {error.strerror}. End what listens there, or name"
            f" another one with {option}"
        )

    @classmethod
    def twice(cls, port: int) -> Self:
        return cls(f"port {port} cannot be used by Dagster and MLflow both: give --mlflow-port")


class ServerMissing(MonitoringError):
    """A server that `ui` starts is not installed."""

    @classmethod
    def of_dagster(cls) -> Self:
        return cls('dagster-webserver is not installed: pip install "monitoring_dagster[ui]"')


class ServerEnded(MonitoringError):
    """A server that ought to run until Ctrl-C ended by itself."""

    @classmethod
    def with_code(cls, name: str, code: int) -> Self:
        return cls(f"{name} ended by itself with exit code {code}: its own lines above say why")


def serve(project: Project, *, port: int, mlflow_port: int) -> None:
    """Run Dagster's web server and daemon and the MLflow UI until Ctrl-C comes.

    Raises
    ------
    PortTaken, ServerMissing, ServerEnded, WrongAddress, LedgerUnavailable
    """
    _check(port, mlflow_port)
    with reading(project.house.ledger_url):
        pass  # a database that does not answer is one line here, and a page of theirs later
    dagster_url, mlflow_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{mlflow_port}"
    environment = os.environ | {
        "DAGSTER_HOME": str(project.root),
        "DAGSTER_UI_URL": dagster_url,
        "MLFLOW_UI_URL": mlflow_url,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "DO_NOT_TRACK": "1",
    }
    house = project.house
    commands = [
        [sys.executable, "-m", "dagster", "dev", "--workspace", "workspace.yaml",
         "--host", "127.0.0.1", "--port", str(port)],
        [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", house.tracking_uri,
         "--host", "127.0.0.1", "--port", str(mlflow_port), "--workers", "1"],
    ]  # fmt: skip
    running: list[subprocess.Popen[bytes]] = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped is stopped, whoever asks
    try:
        for command in commands:
            running.append(
                subprocess.Popen(command, cwd=project.root, env=environment, start_new_session=True)
            )
        print(f"Dagster: {dagster_url}\nMLflow:  {mlflow_url}\nCtrl-C ends both.", flush=True)
        while all(process.poll() is None for process in running):
            time.sleep(0.5)
        ended = next(n for n, process in enumerate(running) if process.returncode is not None)
        raise ServerEnded.with_code(("Dagster", "MLflow")[ended], running[ended].returncode)
    except KeyboardInterrupt:
        pass
    finally:
        for process in running:  # with everything that it started in turn
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
        for process in running:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _check(port: int, mlflow_port: int) -> None:
    """Say in a line what the servers would say in two tracebacks."""
    if find_spec("dagster_webserver") is None:
        raise ServerMissing.of_dagster()
    if port == mlflow_port:
        raise PortTaken.twice(port)
    for number, option in ((port, "--port"), (mlflow_port, "--mlflow-port")):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            try:
                probe.bind(("127.0.0.1", number))
            except OSError as error:
                raise PortTaken.of(number, option, error) from error
