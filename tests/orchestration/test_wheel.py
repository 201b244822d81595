"""Another project that installs our wheel, and nothing else of ours, finds the component."""

import subprocess
import sys
from pathlib import Path

from monitoring_dagster.spec import ModelSpec
from tests.orchestration.small_project import ATTRIBUTES, CHECKOUT, DAYS, declared, write_days

PYPROJECT = """\
[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "elsewhere"
"""


def test_a_project_that_installs_the_wheel_finds_the_component(tmp_path, new_checkout):
    """By its entry point: `dg list components` names it, and a defs.yaml with it loads."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    subprocess.run([*build, str(CHECKOUT)], check=True, timeout=120, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    subprocess.run(
        [*pip, "install", "--no-deps", "--target", str(site), str(wheel)],
        check=True, timeout=120, capture_output=True,
    )  # fmt: skip
    project = tmp_path / "elsewhere"
    defs = project / "elsewhere" / "defs" / "churn"
    defs.mkdir(parents=True)
    (project / "pyproject.toml").write_text(PYPROJECT)
    (project / "elsewhere" / "__init__.py").touch()
    (project / "elsewhere" / "defs" / "__init__.py").touch()
    (project / "elsewhere" / "definitions.py").write_text(
        "from pathlib import Path\nimport dagster as dg\n\n\n@dg.definitions\ndef defs():\n"
        "    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)\n"
    )
    (defs / "defs.yaml").write_text(declared(ATTRIBUTES))
    write_days(project, DAYS[:1])
    environment = new_checkout().environment | {
        "PYTHONPATH": f"{site}:{project}",
        "DAGSTER_HOME": str(project),
    }

    def dg(*words: str) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "dg"), *words],
            cwd=project, env=environment, text=True, timeout=120, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    assert "monitoring_dagster.orchestration.MonitoredModel" in dg("list", "components")
    assert "churn/verdict" in dg("list", "defs", "--json")
    where = "import monitoring_dagster; print(monitoring_dagster.__file__)"
    seen = subprocess.run(
        [sys.executable, "-c", where],
        cwd=project, env=environment, text=True, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert seen.stdout.startswith(str(site))
    _reads_runbooks(project, environment)


def _reads_runbooks(project: Path, environment: dict[str, str]) -> None:
    """The pages came along: in messages by their first steps, and whole by the command."""
    program = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from monitoring_dagster.act.notify import alerts, delivery\n"
        "from monitoring_dagster.store.monitor import House\n"
        "from monitoring_dagster.spec import ModelSpec\n"
        "monitor = House.at(Path.cwd(), {}).monitor(ModelSpec.model_validate_json(sys.argv[1]))\n"
        "alerts.note_failed_run(monitor, run_id='r1', words='the disk is full')\n"
        "delivery.send(monitor.house, environment={})"
    )
    spec = ModelSpec.model_validate(ATTRIBUTES).model_dump_json(exclude_unset=True)
    command = "from monitoring_dagster.cli import main; main()"
    for words in (
        [program, spec],
        *([command, "runbook", "--page", one] for one in ("failed_run", "on_call")),
    ):
        done = subprocess.run(
            [sys.executable, "-c", *words],
            cwd=project, env=environment, text=True, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert done.stdout == (CHECKOUT / "runbooks" / "on_call.md").read_text()
    page = (project / ".monitoring/outbox/index.html").read_text()
    assert "Run it again from the run" in page
    assert "file://" not in page
