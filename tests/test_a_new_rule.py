"""`docs/a_new_rule.md` taken at its word: its steps on a copy of the package."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "a_new_rule.md").read_text(encoding="utf-8")
COPIED = ["monitoring_dagster", "runbooks", "tests", "assets", "expectations", "README.md",
          "pyproject.toml", "docs", "CHANGELOG.md"]  # fmt: skip
STEP = re.compile(
    r"(?:[Ii]n|Write)\s+`(?P<file>[^`]+)`(?:, below\s+`(?P<below>[^`]+)`)?:\n\n"
    r"```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The package after the steps of the page."""
    root = tmp_path_factory.mktemp("new_rule")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / name)
    for step in STEP.finditer(PAGE):
        path = root / step["file"]
        if step["below"] is None:
            path.write_text(step["text"], encoding="utf-8")
            continue
        before = path.read_text(encoding="utf-8")
        lines = [line for line in before.splitlines(keepends=True) if step["below"] in line]
        assert len(lines) == 1, f"{step['below']!r} stands {len(lines)} times in {path.name}"
        path.write_text(before.replace(lines[0], lines[0] + step["text"]), encoding="utf-8")
    return root


def test_the_page_has_one_count_one_row_with_its_name_one_page_and_one_test():
    files = [step["file"] for step in STEP.finditer(PAGE)]
    assert files == [
        "monitoring_dagster/measure/service_signals.py",
        "monitoring_dagster/kinds.py",
        "monitoring_dagster/decide/rules.py",
        "runbooks/unknown_status.md",
        "runbooks/on_call.md",
        "tests/decide/test_unknown_status.py",
    ]


def test_the_steps_are_all_there_is_to_do(copy):
    """Its own test passes, and with it all that the catalogue, the pages and the house promise."""
    tests = ["decide", "measure/test_service_signals.py", "test_runbooks.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist",
         *(f"tests/{name}" for name in tests)],
        cwd=copy, env={"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin", "HOME": str(copy)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_the_new_rule_is_in_force_and_can_be_overridden(copy):
    """Nothing else names it: catalogue, YAML and command know it by its row."""
    code = (
        "import sys, monitoring_dagster; sys.path.insert(0, '.');"
        "assert monitoring_dagster.__file__.startswith(sys.argv[1]), monitoring_dagster.__file__;"
        "from monitoring_dagster.decide.rules_in_force import rules_in_force;"
        "from monitoring_dagster.spec import ModelSpec;"
        "spec = ModelSpec.model_validate({'name': 'm', 'owner': 'team:m', 'task': 'binary',"
        " 'predictions': {'path': '{day}.parquet'},"
        " 'rules': {'alerts': {'unknown_status': {'severity': 'P1'}}}});"
        "found = {one.name: one.severity.shown for one in rules_in_force(spec)};"
        "print(found['unknown_status'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(copy)], cwd=copy, env={"PYTHONPATH": str(copy)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.returncode) == ("P1", 0), done.stderr
