"""A run starts often: what it does not need, it does not import."""

import subprocess
import sys

import pytest

HEAVY = ("pandas", "scipy.stats", "sklearn", "mlflow", "great_expectations", "duckdb", "sqlalchemy")


def test_the_definitions_load_without_any_heavy_library(churn_checkout):
    code = (
        "import sys, monitoring_dagster.definitions as d; d.defs().get_repository_def();"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=churn_checkout.root,
        env=churn_checkout.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip().endswith("[]"), done.stdout


@pytest.mark.parametrize("module", ["monitoring_dagster.spec", "monitoring_dagster.cli"])
def test_a_command_that_only_helps_imports_little(module):
    code = (
        f"import sys, {module}; print([n for n in ('dagster', 'scipy.stats') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
