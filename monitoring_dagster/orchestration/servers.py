"""Everything a person looks at, started together and stopped together."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from monitoring_dagster.orchestration.project import Project


def serve(project: Project, *, port: int, mlflow_port: int) -> None:
    """Run Dagster's web server and daemon and the MLflow UI until one ends or Ctrl-C comes."""
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
