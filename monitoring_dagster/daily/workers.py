"""Processes that share long ranges of days: most steps of one day know nothing of another."""

import os
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from math import ceil
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from threading import Thread
from typing import Self

from monitoring_dagster.daily.steps import STEPS, Step
from monitoring_dagster.errors import MonitoringError, without_secrets
from monitoring_dagster.measure.step import StepReport
from monitoring_dagster.store.monitor import Monitor

_WORTH_STARTING_DAYS = 15  # for one process; below, starting it takes longer than it saves
_WORTH_SHARING_DAYS = 2  # once it has been started
_CGROUPS = Path("/sys/fs/cgroup")
_WORDS = 300  # characters of an error that people are told

_workers: "_Workers | None" = None  # of this process, while somebody keeps them


@dataclass(frozen=True, slots=True)
class Failed:
    """A day on which a step raised: the error in a line, and where it came from."""

    words: str
    trace: str

    @classmethod
    def by(cls, error: Exception) -> Self:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        named = first if isinstance(error, MonitoringError) else f"{type(error).__name__}: {first}"
        trace = "".join(traceback.format_exception(error))
        return cls(without_secrets(named)[:_WORDS].rstrip(": ."), without_secrets(trace))


Reports = dict[date, StepReport | Failed]


def run_days(monitor: Monitor, step: Step, days: Sequence[date]) -> Reports:
    """What *step* says about each of *days*, in order; long ranges are shared among the cores.

    A day on which it raises is Failed, and costs no other day. Every process takes one run of
    neighbouring days; there are others only within `kept`. A worker that dies changes nothing: the
    days are then run here, and a day that was run twice has the same result.
    """
    shares = not step.in_order and monitor.spec.engine != "spark"  # a cluster has its own workers
    if shares and _workers is not None and (parts := _workers.parts(days))[1:]:
        with suppress(BrokenProcessPool):
            return _workers.run(monitor, step, parts)
        _workers.end()
    return _in_turn(monitor, step.name, days)


@contextmanager
def kept() -> Iterator[None]:
    """Within, the first long range starts workers; afterwards none is left, however it ends.

    They end with this process, too, even where it is killed. Nested, the outermost keeps them.
    """
    global _workers
    if _workers is not None:
        yield
        return
    _workers = _Workers(cores())
    try:
        yield
    finally:
        _workers.end()
        _workers = None


@contextmanager
def started() -> Iterator[None]:
    """Workers that are there from the beginning, for somebody who will run many short ranges."""
    with kept():
        assert _workers is not None, "they are kept"
        _workers.warm_up()
        yield


def cores(cgroups: Path = _CGROUPS) -> int:
    """The cores that this process may keep busy, by its affinity and its container's quota."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(ceil(min(there or 1, _quota(cgroups))), 1)


class _Workers:
    """All processes but this one, which keeps a core busy itself.

    A worker holds one end of a pipe whose other end is here alone: it ends in the moment in which
    that is closed, by `end` or by the death of this process.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pool: ProcessPoolExecutor | None = None
        self._alive: Connection | None = None

    def parts(self, days: Sequence[date]) -> list[Sequence[date]]:
        """Runs of neighbouring days, one for each process that is worth it; one: share nothing."""
        least = _WORTH_SHARING_DAYS if self._pool else _WORTH_STARTING_DAYS
        processes = max(min(self._most, len(days) // least), 1)
        size = max(ceil(len(days) / processes), 1)
        return [days[start : start + size] for start in range(0, len(days), size)]

    def run(self, monitor: Monitor, step: Step, parts: Sequence[Sequence[date]]) -> Reports:
        """The first part here, the others elsewhere. Raises BrokenProcessPool."""
        pool = self._started()
        asked = [pool.submit(_in_turn, monitor, step.name, part) for part in parts[1:]]
        try:
            found = _in_turn(monitor, step.name, parts[0])
            for part in asked:
                found |= part.result()
        except BaseException:  # a cancelled run waits for nobody
            self.end(at_once=True)
            raise
        return found

    def warm_up(self) -> list[Future[None]]:
        """Start them all, each with what every step imports."""
        return [self._started().submit(_import_steps) for _ in range(self._most - 1)]

    def end(self, *, at_once: bool = False) -> None:
        """End every worker, *at_once* whatever it is at; the next long range starts others."""
        if self._pool is None or self._alive is None:
            return
        if at_once:
            self._alive.close()
        self._pool.shutdown(cancel_futures=True)
        self._alive.close()
        self._pool = self._alive = None

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            theirs, self._alive = Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(
                max_workers=max(self._most - 1, 1),
                mp_context=get_context("spawn"),
                initializer=_follow,
                initargs=(theirs,),
            )
        return self._pool


def _follow(parent: Connection) -> None:
    """Let this worker end with its parent, and leave it to that to hear Ctrl-C."""
    signal(SIGINT, SIG_IGN)
    Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Connection) -> None:
    with suppress(EOFError, OSError):
        parent.recv()  # nothing is ever sent
    os._exit(1)


def _in_turn(monitor: Monitor, name: str, days: Sequence[date]) -> Reports:
    step = next(one for one in STEPS if one.name == name)
    return {day: _tried(monitor, step, day) for day in days}


def _tried(monitor: Monitor, step: Step, day: date) -> StepReport | Failed:
    try:
        return step.run(monitor, day)
    except Exception as error:  # whatever it is: the next day may be fine
        return Failed.by(error)


def _import_steps() -> None:
    for step in STEPS:
        _ = step.run


def _quota(cgroups: Path) -> float:
    """Cores that Linux lets this container use; infinite where no limit is set."""
    with suppress(OSError, ValueError):  # version 2
        most, period = (cgroups / "cpu.max").read_text().split()
        return float(most) / float(period) if most != "max" else float("inf")
    with suppress(OSError, ValueError):  # version 1
        most, period = (
            (cgroups / "cpu" / name).read_text()
            for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        )
        return float(most) / float(period) if float(most) > 0 else float("inf")
    return float("inf")
