"""A source that cannot be read costs its own model, and not even the loading of that."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.orchestration.small_project import ATTRIBUTES, DAYS, Checkout, write_days

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
LOG = {"database": "data/log.duckdb", "table": "log", "score": "score"}


def written_log(path: Path) -> None:
    """A table of three days of predictions."""
    with duckdb.connect(str(path)) as made:
        made.execute(
            "CREATE TABLE log AS SELECT d || '/' || n AS request_id,"
            " TIMESTAMPTZ '2026-03-02 12:00+00' + INTERVAL (d) DAY AS served_at,"
            " '1' AS model_version, 1 AS prediction, 0.5 AS score"
            " FROM range(3) AS days(d), range(5) AS rows(n)"
        )


@pytest.fixture
def two_models(new_checkout) -> Checkout:
    """A model of files and one of a table, in a project of their own."""
    checkout: Checkout = new_checkout()
    for folder in ("flight_delay", "flight_minutes"):
        for file in (checkout.root / "assets" / folder).glob("defs.yaml"):
            file.unlink()
    attributes = {key: value for key, value in ATTRIBUTES.items() if key != "retraining"}
    checkout.declare("churn", attributes)
    table = {key: attributes[key] for key in ("owner", "task")} | {"name": "table"}
    checkout.declare("table", table | {"predictions": LOG})
    write_days(checkout.root, DAYS[:3])
    written_log(checkout.root / "data/log.duckdb")
    return checkout


@pytest.fixture
def locked(two_models: Checkout) -> Iterator[Checkout]:
    """Somebody else writes to the table's database."""
    code = "import duckdb, sys; one = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    place = str(two_models.root / "data/log.duckdb")
    with subprocess.Popen(
        [sys.executable, "-c", code, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        yield two_models
        writer.kill()


def test_a_locked_database_takes_no_definitions_down(locked: Checkout):
    """Both models are loaded, it is said what is wrong, and the commands answer."""
    done = locked.run("dg", "list", "defs", "--json")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "model table is loaded. Its days begin on" in done.stdout
    assert "Could not set lock on file" in done.stdout
    for key in ("churn/contract", "table/contract"):
        assert f'"{key}"' in done.stdout
    done = locked.run("monitoring-dagster", "status", "--json")
    assert done.returncode == 1, done.stdout
    assert [one["model"] for one in json.loads(done.stdout)] == ["churn", "table"]


MISSPELT = {
    "nodb": ({"database": "data/lgo.duckdb"}, "database does not exist"),
    "notable": ({"table": "lgo"}, "Table with name lgo does not exist"),
    "notime": ({"served_at": "servd_at"}, "has no column 'servd_at'. Did you mean 'served_at'?"),
}  # by model: what is misspelt, and the words


def test_a_misspelt_source_costs_its_own_model_alone(two_models: Checkout):
    """`dg check defs` passes and says so; their days are told, and the others are judged."""
    for name, (predictions, _) in MISSPELT.items():
        attributes = {"name": name, "owner": "team:growth", "task": "binary"}
        two_models.declare(name, attributes | {"predictions": LOG | predictions})
    done = two_models.run("dg", "check", "defs")
    assert done.returncode == 0, done.stdout[-3000:]
    for name, (_, words) in MISSPELT.items():
        assert f"model {name} is loaded. Its days begin on" in done.stdout
        assert words in done.stdout
    for keys, day in (
        ("key:churn/contract", DAYS[0]),
        (" or ".join(f"key:{name}/contract" for name in MISSPELT), YESTERDAY),
    ):
        done = two_models.run(
            "dagster", "asset", "materialize", "-m", "monitoring_dagster.definitions",
            "--select", keys, "--partition", str(day),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]
    assert "150 rows keep the contract" not in done.stdout
    for _, words in MISSPELT.values():
        assert words.replace("'", "") in done.stdout.replace("\\", "").replace("'", "")
    done = two_models.run("monitoring-dagster", "status")
    assert "churn: " in done.stdout
    assert all(f"{name}: " in done.stdout for name in MISSPELT)
