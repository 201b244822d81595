"""Long ranges of days are shared among processes that are worth it, and none outlives its use."""

import os
import signal
from concurrent.futures import Future, wait
from datetime import date, timedelta
from multiprocessing import active_children

import pytest

from monitoring_dagster.daily import workers
from monitoring_dagster.daily.steps import STEPS
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.monitor import House

CONTRACT, PROFILE, VERDICT = (
    next(step for step in STEPS if step.name == name) for name in ("contract", "profile", "verdict")
)
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


def test_of_few_days_every_process_takes_its_share(monitor, two_cores):
    with workers.started():
        parts = workers._workers._asked(monitor, CONTRACT, DAYS[:4], but_first=True)
        assert [part.days for part in parts] == [DAYS[:2], DAYS[2:4]]
        assert list(workers.run_days(monitor, CONTRACT, DAYS[:4])) == DAYS[:4]


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


# Python 3.11's pool, as it breaks, stumbles over a part that this process has just taken over: its
# thread dies with InvalidStateError, after it has told all parts that were running (later versions
# look first). Every day is done all the same, which is what is asked here.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_is_killed_while_it_has_days_costs_none(monitor, two_cores):
    with workers.kept():
        before = workers.run_days(monitor, CONTRACT, DAYS, then=[PROFILE])
        for worker in active_children():
            os.kill(worker.pid, signal.SIGKILL)
        assert workers.run_days(monitor, PROFILE, DAYS).keys() == before.keys()
    assert not active_children()


def test_workers_begin_with_the_next_step_and_its_reports_are_the_same(monitor, two_cores):
    with workers.kept():
        workers.run_days(monitor, CONTRACT, DAYS, then=[PROFILE])
        begun = workers._workers._begun["idle", "profile"]
        wait(part.made for part in begun)
        ahead = workers.run_days(monitor, PROFILE, DAYS)
        assert not workers._workers._begun
        assert ahead == workers.run_days(monitor, PROFILE, DAYS)
    assert list(ahead) == DAYS


def test_of_other_days_than_were_begun_all_are_done(monitor, two_cores):
    with workers.kept():
        workers.run_days(monitor, CONTRACT, DAYS, then=[PROFILE])
        fewer = workers.run_days(monitor, PROFILE, DAYS[5:20])
        assert list(fewer) == DAYS[5:20]


def test_a_day_on_which_a_step_failed_is_not_begun_with_the_next(monitor, two_cores, monkeypatch):
    with workers.kept():
        workers.run_days(monitor, CONTRACT, DAYS)  # so that there are workers
        really = workers._in_turn

        def broken(monitor, name, days):
            failed = workers.Failed("disk full", "")
            found = zip(days, really(monitor, name, days), strict=True)
            return [failed if day == DAYS[-1] else one for day, one in found]

        monkeypatch.setattr(workers, "_in_turn", broken)
        monkeypatch.setattr(workers._Workers, "processes", lambda *_: 2)
        monkeypatch.setattr(workers._workers, "_pool", _Nobody())
        found = workers.run_days(monitor, CONTRACT, DAYS, then=[PROFILE])
        begun = workers._workers._begun["idle", "profile"]
        monkeypatch.undo()
    assert [day for day, one in found.items() if isinstance(one, workers.Failed)] == [DAYS[-1]]
    assert [day for part in begun for day in part.days] == DAYS[:-1]


class _Nobody:
    """A pool whose workers come to nothing: all is done in this process."""

    def submit(self, *_):
        return Future()


def test_what_a_verdict_is_prepared_with_elsewhere_gives_the_same_verdict(monitor, two_cores):
    alone = workers.run_days(monitor, VERDICT, DAYS)
    with workers.kept():
        assert workers.run_days(monitor, VERDICT, DAYS) == alone
    assert list(alone) == DAYS
    assert not any(isinstance(one, workers.Failed) for one in alone.values())


def test_a_day_that_cannot_be_prepared_costs_no_other_day(monitor, monkeypatch):
    really = VERDICT.prepare

    def broken(monitor, day):
        if day == DAYS[1]:
            raise MemoryError
        return really(monitor, day)

    monkeypatch.setattr("monitoring_dagster.judge.verdict.prepare", broken)
    found = workers.run_days(monitor, VERDICT, DAYS[:3])
    assert [isinstance(one, workers.Failed) for one in found.values()] == [False, True, False]
    assert found[DAYS[1]].words == "MemoryError"


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
        pytest.param(365, 64, 24, id="more processes would only start"),
        pytest.param(365, 1, 1, id="one core"),
    ],
)
def test_as_many_processes_as_are_worth_starting(days, most, processes):
    assert workers._Workers(most).processes(days) == processes


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
