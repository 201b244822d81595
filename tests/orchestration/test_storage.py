"""One dagster.yaml, two storages, and an event log that is quicker than Dagster's and no other."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from monitoring_dagster.orchestration.storage import QuickEventLog

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("MONITORING_POSTGRES_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(number: int) -> str:
    """Materialise one asset in the instance of DAGSTER_HOME."""
    with dg.DagsterInstance.get() as instance:
        event = dg.AssetMaterialization("a", partition=str(number), metadata={"number": number})
        instance.report_runless_asset_event(event)
    return str(number)


def read() -> dict[str, object]:
    with dg.DagsterInstance.get() as instance:
        records = instance.fetch_materializations(dg.AssetKey("a"), limit=100).records
        return {r.partition_key: r.asset_materialization.metadata["number"].value for r in records}


def test_without_a_url_it_is_sqlite_below_the_project(home):
    told(1)
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, QuickEventLog)
    assert read() == {"1": 1}
    assert (home / ".monitoring/dagster/history/runs/index.db").exists()


def test_with_a_url_it_is_postgresql(home, monkeypatch, postgres_url):
    monkeypatch.setenv("MONITORING_POSTGRES_URL", postgres_url)
    told(1)
    with dg.DagsterInstance.get() as instance:
        assert type(instance.event_log_storage).__name__ == "PostgresEventLogStorage"
    assert read() == {"1": 1}
    assert not (home / ".monitoring").exists() or not any((home / ".monitoring").rglob("*.db"))


def test_dagster_s_own_event_log_reads_what_the_quick_one_wrote(home):
    told(1)
    own = SqliteEventLogStorage(str(home / ".monitoring/dagster/history/runs"))
    assert own.get_materialized_partitions(dg.AssetKey("a")) == {"1"}


def test_two_processes_write_at_once_and_nothing_is_lost(home):
    told(0)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(told, range(1, 21)))
    assert read() == {str(number): number for number in range(21)}


def test_files_of_old_runs_are_let_go(tmp_path):
    log = QuickEventLog(str(tmp_path))
    for number in range(8):
        with log.run_connection(f"run-{number}"):
            pass
    assert len(log._engines) <= 4
    log.dispose()
    assert not log._engines
