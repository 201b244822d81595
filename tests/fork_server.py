"""Commands as processes of their own, forked from one that has loaded other people's packages.

What is ours is not loaded before the fork, so that a command finds it in its own PYTHONPATH. What
a fresh interpreter does before (options, import times, warnings while it imports) is not seen.
"""

import atexit
import json
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO

LOADED = [
    "dagster._cli",
    "dagster.components.list",
    "dagster_dg_cli.cli",
    "dagster_postgres",
    "duckdb",
    "mlflow.sklearn",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "rich.console",
    "rich.table",
    "scipy.stats",
    "skops.io",
    "slack_sdk",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
]
LONGEST = 2**20  # of a message, in bytes


def run(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run a script of the virtual environment, or `python -c`, and tell apart what it wrote."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        code = _ended(words, cwd, env, timeout, output.fileno(), errors.fileno())
        written = [_text(file) for file in (output, errors)]
    return subprocess.CompletedProcess(list(words), code, *written)


def run_merged(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """As `run`; its output and its errors are one text."""
    with tempfile.TemporaryFile() as output:
        code = _ended(words, cwd, env, timeout, output.fileno(), output.fileno())
        return subprocess.CompletedProcess(list(words), code, _text(output))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _ended(
    words: Sequence[str], cwd: Path, env: Mapping[str, str], timeout: float, *files: int
) -> int:
    server, process = _server()
    asked = {"words": [*words], "cwd": str(cwd), "env": dict(env)}
    socket.send_fds(server, [json.dumps(asked).encode()], files)
    server.settimeout(timeout)
    try:
        return int(server.recv(LONGEST))
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        _server.cache_clear()
        raise subprocess.TimeoutExpired(list(words), timeout) from None


@cache
def _server() -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            env=env | {"MLFLOW_LOGGING_LEVEL": "WARNING"},
            cwd="/",
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    atexit.register(_end, ours, process)
    return ours, process


def _end(ours: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    ours.close()
    process.wait(10)


def serve(asking: socket.socket) -> None:
    """Fork for each command, and answer with how it ended, until nobody is there to ask."""
    sys.path.pop(0)  # the folder of this file
    for name in LOADED:
        with suppress(ImportError):  # an extra that nobody installed
            import_module(name)
    ours = [name for name in sys.modules if re.match(r"(monitoring_dagster|assets|tests)\b", name)]
    assert not ours, ours
    while True:
        message, files, _, _ = socket.recv_fds(asking, LONGEST, 2)
        if not message:
            return
        pid = os.fork()
        if not pid:
            asking.close()
            _become(files, **json.loads(message))
        for file in files:
            os.close(file)
        asking.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())


def _become(files: Sequence[int], words: list[str], cwd: str, env: Mapping[str, str]) -> None:
    """As if the interpreter had been started for this command alone."""
    code = 1
    try:
        for descriptor, file in zip((1, 2), files, strict=True):
            os.dup2(file, descriptor)
            os.close(file)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        paths = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
        try:
            if words[:2] == ["python", "-c"]:
                sys.argv = ["-c", *words[3:]]
                sys.path[:0] = ["", *paths]
                main = sys.modules["__main__"] = ModuleType("__main__")
                exec(words[2], vars(main))
            else:
                scripts = Path(sys.executable).parent
                sys.argv = [str(scripts / words[0]), *words[1:]]
                sys.path[:0] = [str(scripts), *paths]
                runpy.run_path(sys.argv[0], run_name="__main__")
            code = 0
        except SystemExit as ended:
            if isinstance(ended.code, str):
                print(ended.code, file=sys.stderr)
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:
            traceback.print_exc()
        threading._shutdown()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
