"""The small project as fixtures: in this process, and as a copy that commands run in."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.monitor import Monitor
from tests.orchestration.small_project import (
    ATTRIBUTES,
    CHECKOUT,
    DAYS,
    Checkout,
    monitor_at,
    write_days,
)


@pytest.fixture(scope="session")
def spec() -> ModelSpec:
    """The model that most tests watch."""
    return ModelSpec.model_validate(ATTRIBUTES)


@pytest.fixture(scope="session")
def _prepared(tmp_path_factory: pytest.TempPathFactory, spec: ModelSpec) -> Path:
    root = tmp_path_factory.mktemp("prepared")
    write_days(root, DAYS)
    monitor_at(root, spec)
    return root


@pytest.fixture
def monitor(tmp_path: Path, spec: ModelSpec, _prepared: Path) -> Monitor:
    """The model with its dozen days on disk, nothing computed yet."""
    root = tmp_path / "house"
    shutil.copytree(_prepared, root)
    return monitor_at(root, spec)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's records, for one test."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def new_checkout(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Checkout]:
    """Copies of the project that nobody installed and nobody ran."""

    def copy() -> Checkout:
        root = tmp_path_factory.mktemp("checkout")
        nothing = shutil.ignore_patterns("__pycache__", "dagster.yaml.bak")
        for folder in ("assets", "expectations", "monitoring_dagster", "runbooks"):
            shutil.copytree(CHECKOUT / folder, root / folder, ignore=nothing)
        for file in ("pyproject.toml", "workspace.yaml", "dagster.yaml"):
            shutil.copy(CHECKOUT / file, root / file)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MONITORING_", "DAGSTER_", "MLFLOW_", "SLACK_", "PYTEST_"))
        }
        return Checkout(
            root,
            kept
            | {
                "DAGSTER_HOME": str(root),
                "PYTHONPATH": str(root),
                "PYTHONDONTWRITEBYTECODE": "1",
                "OMP_NUM_THREADS": "1",
                "NO_COLOR": "1",
                "COLUMNS": "200",
            },
        )

    return copy


@pytest.fixture
def churn_checkout(new_checkout: Callable[[], Checkout], _prepared: Path) -> Checkout:
    """A copy of the project that watches the small model alone, its days on disk."""
    checkout = new_checkout()
    for folder in ("flight_delay", "flight_minutes"):
        shutil.rmtree(checkout.root / "assets" / folder)
    shutil.copytree(_prepared, checkout.root, dirs_exist_ok=True)
    checkout.declare("churn", ATTRIBUTES)
    return checkout
