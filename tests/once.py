"""What is made once a run, by the worker that first needs it, and shared by all."""

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """What *make* returned when some worker gave it a folder of that name; it must not be changed.

    The folder keeps its place until the run ends: MLflow writes down where an artefact lies.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    known = shared / f"{name}.pickle"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            folder = shared / name
            shutil.rmtree(folder, ignore_errors=True)  # a worker broke off
            folder.mkdir()
            made = make(folder)
            known.write_bytes(pickle.dumps(made))
        found: T = pickle.loads(known.read_bytes())
    return found


def mlflow_database(factory: pytest.TempPathFactory, file: Path) -> None:
    """An empty MLflow database as *file*: to copy one is much quicker than to make it."""

    def make(folder: Path) -> Path:
        from monitoring_dagster.store.models.registry import Registry  # late: with MLflow

        Registry(f"sqlite:///{folder}/mlflow.db").versions("none")
        return folder / "mlflow.db"

    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(once(factory, "mlflow", make), file)


def world_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> Any:
    """A copy of a world (`tests.world`) that lived once: whoever breaks it breaks that alone."""
    return once(factory, name, make).copied_to(factory.mktemp(name))
