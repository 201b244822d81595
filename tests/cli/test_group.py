"""How commands end: the exit code and the one line that a script, a pipe or a person gets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from monitoring_dagster import cli
from monitoring_dagster.cli.group import MOVED
from tests import fork_server
from tests.once import mlflow_database
from tests.orchestration.small_project import ATTRIBUTES, declared

GROUPS = {
    "expectations": ["draft", "migrate"],
    "incidents": [
        "acknowledge", "assign", "list", "listen", "resolve", "review", "route", "show", "snooze",
    ],
    "labels": ["decide", "issues"],
    "messages": ["resend"],
    "model": [
        "backtest", "estimate-accuracy", "fallback", "history", "leading-indicators", "promote",
        "retrain", "rollback", "rules", "signals",
    ],
    "silences": ["add", "expire", "list"],
}  # fmt: skip
COMMANDS = sorted(
    ["demo", "drift", "estimate", "evaluate", "event", *GROUPS, "runbook", "status", "ui", "why"]
)

ROOT = Path(__file__).parents[2]
START = "from monitoring_dagster.cli import main; main(prog_name='monitoring-dagster')"
BROKEN = """
import os, signal, threading
from concurrent.futures import ThreadPoolExecutor
from monitoring_dagster.standalone import compare as module
real = module.compare
def inside_a_pool(number): return 1 / number
def deeper(): return deeper()
def broken(*given, **more):
    {}
    return real(*given, **more)
module.compare = broken
"""


def environment_of(folder):
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MONITORING_", "MLFLOW_TRACKING", "DAGSTER_HOME", "COLUMNS"))
    }
    return kept | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def run(folder, *words, program=START, **more):
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "check": False, "timeout": 120}
    environment = environment_of(folder) | more.pop("environment", {})
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        cwd=folder, env=environment, encoding="utf-8", errors="replace", **given | more,
    )  # fmt: skip


def run_in(project, *words, environment=None):
    """As `run`, where a process that need not start from nothing will do."""
    given = environment_of(project) | (environment or {})
    return fork_server.run(["python", "-c", START, *map(str, words)], cwd=project, env=given)


def rows(n=400, shift=0.0):
    rng = np.random.default_rng(7)
    return pd.DataFrame({"größe": rng.normal(shift, 1, n), "plan": rng.choice(["a", "b"], n)})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Rows, the same again, rows that drifted, and too few of them."""
    folder = tmp_path_factory.mktemp("tables")
    rows().to_parquet(folder / "before.parquet")
    rows().to_parquet(folder / "calm.parquet")
    rows(shift=2).to_parquet(folder / "drifted.parquet")
    rows(20).to_parquet(folder / "few.parquet")
    return folder


@pytest.fixture
def project(tmp_path):
    """A project with one model and no results."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n'
        '[tool.dg.project]\nroot_module = "assets"\ndefs_module = "assets"\n'
    )
    (tmp_path / "assets/churn").mkdir(parents=True)
    (tmp_path / "assets/__init__.py").touch()
    (tmp_path / "assets/churn/defs.yaml").write_text(declared(ATTRIBUTES))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        pytest.param(["calm.parquet"], 0, "", id="no drift"),
        pytest.param(["drifted.parquet"], 1, "", id="drift"),
        pytest.param(["drifted.parquet", "--json"], 1, "", id="drift as JSON"),
        pytest.param(["few.parquet"], 2, "20 rows, below the 100 needed", id="too few rows"),
        pytest.param(["nothing.parquet"], 2, "no such file", id="a file that is not there"),
        pytest.param(["calm.parquet", "--ignore", "grösse"], 2, "mean 'größe'?", id="misspelt"),
        pytest.param(["calm.parquet", "--jsn"], 2, "Did you mean '--json'?", id="an option"),
        pytest.param([], 2, "Missing argument 'CURRENT'", id="an argument"),
    ],
)
def test_what_drift_ends_with(folder, words, code, complaint):
    ended = run(folder, "drift", "before.parquet", *words)
    assert (ended.returncode, ended.stderr.count("\n")) == (code, int(bool(complaint)))
    assert complaint in ended.stderr
    if "--json" in words:
        assert json.loads(ended.stdout)["verdict"] == "DRIFT"
    assert bool(ended.stdout) == (code < 2 or words == ["few.parquet"])


@pytest.mark.parametrize(
    ("broken", "code", "complaint"),
    [
        pytest.param("1 / 0", 3, "ZeroDivisionError: division by zero. This is a bug", id="ours"),
        pytest.param("raise MemoryError", 3, "drift crashed with MemoryError.", id="memory"),
        pytest.param("deeper()", 3, "RecursionError: maximum recursion", id="recursion"),
        pytest.param("raise EOFError('cut off')", 3, "EOFError: cut off", id="end of a file"),
        pytest.param(
            "list(ThreadPoolExecutor().map(inside_a_pool, [0]))", 3, "ZeroDivision", id="in a pool"
        ),
        pytest.param(
            "t = threading.Thread(target=inside_a_pool, args=[0]); t.start(); t.join()", 3,
            "ZeroDivision", id="in a thread that nobody asks",
        ),
        pytest.param("raise ValueError('x' * 999)", 3, f"ValueError: {'x' * 200}...", id="long"),
        pytest.param(
            "raise OSError('postgresql://me:s3/cret@db/ml is away')", 3, "://***@db/ml",
            id="a password is not repeated",
        ),
        pytest.param(
            "raise PermissionError(13, 'Permission denied', '/data')", 2,
            "/data: Permission denied", id="the disk is not ours to blame",
        ),
        pytest.param(  # whoever started the tests may have it ignored
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "    os.kill(os.getpid(), signal.SIGINT)", 130, "", id="Ctrl-C",
        ),
    ],
)  # fmt: skip
def test_a_crash_is_one_line_and_3(folder, broken, code, complaint):
    program = BROKEN.format(broken) + START
    ended = run(folder, "drift", "before.parquet", "calm.parquet", program=program)
    assert ended.returncode == code
    assert ended.stderr.count("\n") == int(bool(complaint)), ended.stderr
    assert complaint in ended.stderr
    assert "s3/cret" not in ended.stderr
    assert ("--traceback drift" in ended.stderr) == (code == 3)


def test_the_traceback_is_shown_to_who_asks_for_it(folder):
    program = BROKEN.format("raise OSError('postgresql://me:s3cret@db is away')") + START
    ended = run(folder, "--traceback", "drift", "before.parquet", "calm.parquet", program=program)
    assert ended.returncode == 3
    assert "in broken" in ended.stderr
    assert "s3cret" not in ended.stderr


def test_what_libraries_print_is_no_part_of_the_json(folder):
    program = BROKEN.format("print('hello')") + START
    ended = run(folder, "drift", "before.parquet", "calm.parquet", "--json", program=program)
    assert (ended.returncode, ended.stderr) == (0, "hello\n")
    assert json.loads(ended.stdout)["verdict"] == "OK"


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["drift", "before.parquet", "calm.parquet"], id="a table"),
        pytest.param(["drift", "before.parquet", "drifted.parquet", "--json"], id="JSON"),
        pytest.param(["--help"], id="help"),
    ],
)
def test_a_pipe_whose_reader_has_gone_ends_quietly_with_141(folder, words, unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    ended = run(folder, *words, stdout=writer, environment={"PYTHONUNBUFFERED": unbuffered})
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_a_full_disk_below_the_output_is_2(folder):
    with open("/dev/full", "w") as full:
        ended = run(folder, "drift", "before.parquet", "calm.parquet", stdout=full)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "No space left on device" in ended.stderr


@pytest.mark.parametrize("closed", [1, 2], ids=["stdout", "stderr"])
def test_a_stream_that_is_closed_changes_no_verdict(folder, closed):
    words = ["drift", "before.parquet", "drifted.parquet"]
    assert run(folder, *words, preexec_fn=lambda: os.close(closed)).returncode == 1


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        pytest.param({"PYTHONIOENCODING": "ascii"}, r"gr\xf6\xdfe", id="ascii"),
        pytest.param({"LC_ALL": "C"}, "größe", id="the C locale"),
    ],
)
def test_a_letter_that_the_locale_lacks_costs_no_answer(folder, environment, shown):
    words = ["drift", "before.parquet", "drifted.parquet"]
    ended = run(folder, *words, environment=environment)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert f"numeric: {shown}\n" in ended.stdout


def test_a_piped_table_is_not_cut_and_a_wanted_width_is_kept(folder):
    words = ["drift", "before.parquet", "drifted.parquet"]
    (line,) = [one for one in run(folder, *words).stdout.splitlines() if "DRIFT  " in one]
    assert line.rstrip().endswith("among 2 columns)") or len(line.rstrip()) > 120
    narrow = run(folder, *words, environment={"COLUMNS": "60"}).stdout.splitlines()
    assert max(map(len, narrow[2:-1])) <= 60


KEPT = ["drift", "before.parquet", "calm.parquet", "--keep"]


@pytest.mark.parametrize(
    ("name", "force", "said"),
    [
        pytest.param("new.profile", [], "", id="a new file"),
        pytest.param("old.profile", [], "say --force", id="a file that is there"),
        pytest.param("old.profile", ["--force"], "", id="by force"),
        pytest.param("before.parquet", ["--force"], "never overwritten", id="what is read"),
        pytest.param("../tables/calm.parquet", ["--force"], "never overwritten", id="spelt else"),
        pytest.param("link", ["--force"], "never overwritten", id="a link to it"),
        pytest.param("twin", ["--force"], "never overwritten", id="its other name"),
        pytest.param("rows", ["--force"], "is a directory", id="a folder"),
        pytest.param("nowhere/x", [], "No such file or folder", id="in no folder"),
        pytest.param("/dev/stdout", ["--force"], "no regular file", id="a device"),
        pytest.param("x" * 300, [], "name too long", id="a name too long"),
    ],
)
def test_keep_writes_over_nothing_unasked(tmp_path, name, force, said):
    here = tmp_path / "tables"
    (here / "rows").mkdir(parents=True)
    for file in ("before.parquet", "calm.parquet", "rows/1.parquet"):
        rows().to_parquet(here / file)
    (here / "old.profile").write_text("old")
    (here / "link").symlink_to(here / "before.parquet")
    (here / "twin").hardlink_to(here / "calm.parquet")
    before = {file: file.read_bytes() for file in here.rglob("*") if file.is_file()}
    ended = run_in(here, *KEPT, name, *force)
    assert (ended.returncode, ended.stderr.count("\n")) == ((2, 1) if said else (0, 0))
    assert said in ended.stderr
    after = {file: file.read_bytes() for file in here.rglob("*") if file.is_file()}
    changed = {file.name for file in after if after[file] != before.get(file)}
    assert changed == (set() if said else {name})
    assert not list(here.rglob("*.tmp"))


@pytest.mark.parametrize("place", ["rows", "rows/*.parquet"], ids=["in the folder", "in the glob"])
def test_keep_writes_over_no_row_and_over_its_own_profile(tmp_path, place):
    (tmp_path / "rows").mkdir()
    for name in ("1", "2"):
        rows().to_parquet(tmp_path / f"rows/{name}.parquet")
    words = ["drift", "rows/1.parquet", place, "--force", "--keep"]
    refused = run_in(tmp_path, *words, "rows/2.parquet")
    assert (refused.returncode, "never overwritten" in refused.stderr) == (2, True)
    for _ in range(2):
        assert run_in(tmp_path, *words, "rows/my.profile").returncode == 0


@pytest.mark.parametrize("command", ["drift", "evaluate", "estimate"])
def test_a_kept_profile_is_no_rows(folder, on_disk, command):
    kept = on_disk / "kept.profile"
    run_in(folder, *KEPT, kept)
    ended = run_in(folder, command, "before.parquet", kept)
    assert (ended.returncode, ended.stderr.count("\n"), ended.stdout) == (2, 1, "")
    assert command != "drift" or "holds no rows" in ended.stderr


IN_A_PROJECT = [
    ["status"], ["model", "backtest", "churn"], ["model", "history", "churn"],
    ["model", "estimate-accuracy", "churn"], ["model", "leading-indicators", "churn"],
    ["labels", "issues", "churn"], ["runbook", "churn"], ["model", "rules", "churn"],
    ["model", "signals", "churn"],
    ["messages", "resend"], ["ui"], ["demo"], ["incidents", "list"], ["silences", "list"],
    ["incidents", "show", "x"], ["incidents", "resolve", "x"], ["incidents", "listen"],
    ["silences", "expire", "1"],
    ["labels", "decide", "churn", "discard", "r1", "--reason", "x"],
    ["model", "fallback", "churn", "on"], ["model", "rollback", "churn", "--reason", "x"],
    ["model", "promote", "churn", "1", "--reason", "x"],
    ["model", "retrain", "churn"],
]  # fmt: skip


@pytest.mark.parametrize("words", IN_A_PROJECT, ids=lambda words: words[0])
def test_outside_of_a_project_every_command_says_where_to_go(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(cli.main, words)
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "holds no dg project" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param("postgresql://me:s3cret@127.0.0.1:1/ml", "Connection refused", id="down"),
        pytest.param("postgresql+asyncpg://me:s3cret@127.0.0.1:1/ml", "refused", id="driver"),
        pytest.param("mysql://me:s3cret@db/ml", "takes postgresql:// or sqlite://", id="mysql"),
        pytest.param("postgresql://me:s3cret@db:port/ml", "is no database URL", id="no port"),
        pytest.param("me:s3cret@db", "is no database URL", id="no scheme"),
        pytest.param("postgresql://me:s@3cret@db/ml", "more than one @", id="an @ in it"),
        pytest.param("sqlite:////proc/nowhere/l.db", "No such file", id="no such disk"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line_without_its_password(project, url, said):
    ended = run_in(project, "status", environment={"MONITORING_POSTGRES_URL": url})
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert said in ended.stderr
    assert "3cret" not in ended.stderr


def _no_database(home):
    home.mkdir()
    (home / "ledger.db").write_text("no database at all, whatever its name says")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(_no_database, "file is not a database", id="a ledger that is none"),
        pytest.param(lambda home: home.touch(), "where results are kept", id="a file in its place"),
        pytest.param(lambda home: home.symlink_to("/proc/nowhere"), "are kept", id="a lost disk"),
    ],
)
def test_a_place_that_cannot_be_used_is_one_line_and_2(project, spoil, said):
    spoil(project / ".monitoring")
    ended = run_in(project, "status")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert said in ended.stderr


def test_mlflow_that_does_not_answer_is_one_line_and_2(project):
    away = {"MLFLOW_TRACKING_URI": "http://me:s3cret@127.0.0.1:1"}
    ended = run_in(project, "model", "rollback", "churn", "--reason", "x", environment=away)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "monitoring-dagster: MLflow at http://127.0.0.1:1 does not answer: Connection refused."
        " Start it, or set MLFLOW_TRACKING_URI to where it runs.\n"
    )


MISSPELT = declared(ATTRIBUTES | {"name": "other", "ownr": "x"})


@pytest.mark.parametrize(
    ("file", "text", "place", "said"),
    [
        pytest.param("other/defs.yaml", MISSPELT, ":", "Did you mean 'owner'?", id="a key"),
        pytest.param("other/defs.yaml", "a: b: c\n", ":1: ", "no valid YAML", id="no YAML"),
        pytest.param("other/defs.yaml", "", ": ", "No components", id="empty"),
        pytest.param("other/defs.yaml", "type: no.Such\n", ": ", "`no` not found", id="a type"),
        pytest.param("other.py", "x = 1 / 0\n", ":1: ", "division by zero", id="Python"),
        pytest.param("other.py", "def f(:\n", ":1: ", "invalid syntax", id="no Python"),
    ],
)
def test_a_broken_file_is_named_and_takes_no_other_model_down(
    project, tmp_path_factory, file, text, place, said
):
    mlflow_database(tmp_path_factory, project / ".monitoring/mlflow.db")
    path = project / "assets" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    one = run_in(project, "status", "churn")
    assert one.stdout.startswith("churn: judged until never")
    assert (one.returncode, one.stderr.count("\n")) == (1, 1)
    assert f"assets/{file}{place}" in one.stderr
    assert said in one.stderr
    every = run_in(project, "status", "--json")
    assert (every.returncode, [one["model"] for one in json.loads(every.stdout)]) == (2, ["churn"])
    assert said in every.stderr


def test_a_model_whose_own_file_is_broken_is_not_called_unknown(project):
    (project / "assets/other").mkdir()
    (project / "assets/other/defs.yaml").write_text(MISSPELT)
    ended = run(project, "model", "history", "other")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "there is no key 'ownr'" in ended.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["model", "history", "churn"], 2, "churn has no stored day", id="history"),
        pytest.param(["model", "backtest", "churn"], 2, "churn has no stored day", id="backtest"),
        pytest.param(
            ["labels", "issues", "churn"], 2, "no label of churn belongs to", id="label issues"
        ),
        pytest.param(
            ["model", "leading-indicators", "churn"],
            2,
            "no day in that range is stored",
            id="leading indicators",
        ),
        pytest.param(["status", "chrn"], 2, "Did you mean 'churn'?", id="an unknown model"),
        pytest.param(["statsu"], 2, "Did you mean 'status'?", id="an unknown command"),
        pytest.param(["runbook", "churn"], 1, "", id="runbook"),
        pytest.param(["messages", "resend"], 0, "", id="resend"),
    ],
)
def test_where_nothing_is_stored_it_is_said(project, words, code, said):
    ended = run_in(project, *words)
    assert (ended.returncode, ended.stderr.count("\n")) == (code, int(bool(said)))
    assert said in ended.stderr


@pytest.mark.parametrize(
    ("option", "name"),
    [
        pytest.param(
            ["labels", "issues", "churn", "--csv"], "data/labels/2026-03-02.parquet", id="rows"
        ),
        pytest.param(
            ["labels", "issues", "churn", "--csv"], "assets/churn/defs.yaml", id="the YAML"
        ),
        pytest.param(
            ["model", "leading-indicators", "churn", "--plot"],
            ".monitoring/x.svg",
            id="what is kept",
        ),
    ],
)
def test_what_a_model_reads_is_never_written_over(project, option, name):
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text("rows")
    before = path.read_text()
    ended = run_in(project, *option, name, "--force")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "never overwritten" in ended.stderr
    assert path.read_text() == before


def test_a_port_that_is_taken_is_one_line_before_anything_starts(project):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run_in(project, "ui", "--mlflow-port", port, "--port", 39_181)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert f"port {port} cannot be used" in ended.stderr
    assert "--mlflow-port" in ended.stderr


def test_the_help_says_what_the_codes_mean(folder):
    ended = run(folder, "--help")
    assert ended.returncode == 0
    for code in ("0 ", "1 ", "2 ", "3 ", "130", "141"):
        assert f"    {code}" in ended.stdout


def test_help_names_every_command(command):
    code, out, _ = command("--help")
    assert code == 0
    assert sorted(cli.main.commands) == COMMANDS
    assert [name for name in COMMANDS if f"  {name} " not in out] == []
    for group, names in GROUPS.items():
        code, out, _ = command(group, "--help")
        assert code == 0
        assert sorted(cli.main.commands[group].commands) == names
        assert [name for name in names if f"  {name} " not in out] == []


@pytest.mark.parametrize(("former", "now"), MOVED.items())
def test_a_former_command_says_what_to_write_now(command, former, now):
    code, _, error = command(former, "tiny")
    assert code == 2
    assert f"the command '{former}' has moved: write monitoring-dagster {now}" in error
    group, name = now.split()
    assert name in GROUPS[group]


def test_a_misspelt_command_of_a_group_is_told_with_the_nearest(command):
    code, _, error = command("model", "histry", "tiny")
    assert (code, "Did you mean 'history'?" in error) == (2, True)
