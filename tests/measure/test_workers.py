"""Long ranges of days are shared among processes that are worth it, and none outlives its use."""

import os
import signal
from datetime import date, timedelta
from multiprocessing import active_children

import pytest

from monitoring_dagster.daily import workers
from monitoring_dagster.daily.steps import STEPS
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.monitor import House

CONTRACT = next(step for step in STEPS if step.name == "contract")
DAYS = [date(2026, 3, 2) + timedelta(days=number) for number in range(30)]


@pytest.fixture
def monitor(tmp_path):
    """A model whose files never came: each day is judged in no time."""
    spec = ModelSpec(
        name="idle", owner="team:a", task="binary", predictions={"path": "log/{day}.parquet"}
    )
    return House.at(tmp_path, environment={}).monitor(spec)


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: 2)


def test_thirty_days_are_shared_in_order_and_nobody_is_left(monitor, two_cores):
    with workers.kept():
        reports = workers.run_days(monitor, CONTRACT, DAYS)
        assert len(active_children()) == 1
    assert not active_children()
    assert list(reports) == DAYS
    assert not any(report.checks["schema"].passed for report in reports.values())


def test_where_nobody_keeps_workers_none_is_started(monitor, two_cores):
    assert list(workers.run_days(monitor, CONTRACT, DAYS)) == DAYS
    assert not active_children()


def test_a_worker_that_is_killed_changes_nothing(monitor, two_cores):
    with workers.kept():
        before = workers.run_days(monitor, CONTRACT, DAYS)
        [worker] = active_children()
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        assert workers.run_days(monitor, CONTRACT, DAYS) == before
    assert not active_children()


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_exception_leaves_nobody(error, monitor, two_cores):
    def interrupted():
        with workers.kept():
            workers.run_days(monitor, CONTRACT, DAYS)
            raise error

    with pytest.raises(error):
        interrupted()
    assert not active_children()


def test_the_outermost_keeps_the_workers(monitor, two_cores):
    with workers.started():
        for _ in range(2):
            with workers.kept():
                workers.run_days(monitor, CONTRACT, DAYS[:4])
            assert len(active_children()) == 1
    assert not active_children()


@pytest.mark.parametrize(
    ("days", "most", "processes"),
    [
        pytest.param(29, 8, 1, id="too few days for a second process"),
        pytest.param(30, 8, 2, id="enough for one more"),
        pytest.param(365, 8, 8, id="a year keeps every core busy"),
        pytest.param(365, 64, 23, id="more processes would only start"),
        pytest.param(365, 1, 1, id="one core"),
    ],
)
def test_as_many_processes_as_are_worth_starting(days, most, processes):
    parts = workers._Workers(most).parts(range(days))
    assert len(parts) == processes
    assert [day for part in parts for day in part] == list(range(days))


@pytest.mark.parametrize(
    ("files", "most"),
    [
        pytest.param({"cpu.max": "150000 100000"}, 2, id="one and a half cores are two processes"),
        pytest.param({"cpu.max": "50000 100000"}, 1, id="half a core"),
        pytest.param({"cpu.max": "max 100000"}, 16, id="no limit"),
        pytest.param(
            {"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3, id="version 1"
        ),
        pytest.param(
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 16, id="none in 1"
        ),
        pytest.param({}, 16, id="no Linux"),
    ],
)
def test_a_container_s_quota_counts(files, most, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n")
    assert workers.cores(tmp_path) == most
