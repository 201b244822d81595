"""Everything a person looks at is started together and stopped together."""

import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from monitoring_dagster.orchestration import servers
from monitoring_dagster.orchestration.servers import PortTaken, ServerEnded, ServerMissing, serve
from monitoring_dagster.store.ledger.database import WrongAddress

FOREVER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def project(tmp_path):
    house = SimpleNamespace(ledger_url=f"sqlite:///{tmp_path}/l.db", tracking_uri="sqlite:///m.db")
    return SimpleNamespace(root=tmp_path, house=house)


@pytest.fixture
def started(monkeypatch):
    """Let other programs take the servers' places; returns what was to be started, and did."""
    found = []

    def instead(*programs):
        waiting = list(programs)
        real = subprocess.Popen

        def popen(command, **how):
            process = real(waiting.pop(0), start_new_session=how["start_new_session"])
            found.append((command, how, process))
            return process

        monkeypatch.setattr(servers.subprocess, "Popen", popen)
        monkeypatch.setattr(servers, "find_spec", lambda _: object())
        monkeypatch.setattr(servers.signal, "signal", lambda *_: None)
        return found

    return instead


@pytest.fixture
def ports():
    """Two ports at which nobody listens."""
    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def test_a_server_that_ends_by_itself_ends_the_other(project, started, ports, capsys):
    found = started(FOREVER, [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(ServerEnded, match=r"MLflow ended by itself with exit code 3: its own"):
        serve(project, port=ports[0], mlflow_port=ports[1])
    (dagster, how, one), (mlflow, _, two) = found
    assert (one.returncode, two.returncode) == (-signal.SIGINT, 3)
    assert str(ports[0]) in dagster
    assert str(ports[1]) in mlflow
    assert "sqlite:///m.db" in mlflow
    assert how["cwd"] == project.root
    assert how["env"]["DAGSTER_UI_URL"] == f"http://127.0.0.1:{ports[0]}"
    assert how["env"]["MLFLOW_UI_URL"] == f"http://127.0.0.1:{ports[1]}"
    assert "Ctrl-C ends both." in capsys.readouterr().out


def test_ctrl_c_ends_both_and_is_no_error(project, started, ports, monkeypatch):
    sleep, interrupts = time.sleep, [KeyboardInterrupt]

    def interrupted(seconds):
        if interrupts:
            raise interrupts.pop()
        sleep(seconds)

    found = started(FOREVER, FOREVER)
    monkeypatch.setattr(time, "sleep", interrupted)
    serve(project, port=ports[0], mlflow_port=ports[1])
    assert all(process.returncode for _, _, process in found)


@pytest.mark.parametrize("option", ["--port", "--mlflow-port"])
def test_a_port_that_is_taken_is_said_before_anything_starts(project, started, ports, option):
    found = started()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        asked = (port, ports[0]) if option == "--port" else (ports[0], port)
        with pytest.raises(PortTaken) as caught:
            serve(project, port=asked[0], mlflow_port=asked[1])
    assert str(caught.value) == (
        f"port {port} cannot be used: Address already in use. End what listens there, or name"
        f" another one with {option}"
    )
    assert found == []


def test_one_port_is_not_enough_for_both(project, started):
    started()
    with pytest.raises(PortTaken, match="by Dagster and MLflow both: give --mlflow-port"):
        serve(project, port=3000, mlflow_port=3000)


def test_a_server_that_is_not_installed_is_named_with_its_package(project, monkeypatch):
    monkeypatch.setattr(servers, "find_spec", lambda _: None)
    with pytest.raises(ServerMissing, match=r'pip install "monitoring_dagster\[ui\]"'):
        serve(project, port=3000, mlflow_port=5000)


def test_a_database_that_cannot_be_used_is_said_before_anything_starts(project, started, ports):
    found = started()
    project.house.ledger_url = "mysql://me:hunter2@db/ml"
    with pytest.raises(WrongAddress):
        serve(project, port=ports[0], mlflow_port=ports[1])
    assert found == []
