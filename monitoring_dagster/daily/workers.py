"""Processes that share long ranges of days: most steps of one day know nothing of another."""

import os
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from math import ceil
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from threading import Thread
from typing import Any, Self

from monitoring_dagster.daily.steps import STEPS, Step
from monitoring_dagster.errors import MonitoringError, without_secrets
from monitoring_dagster.measure.step import StepReport
from monitoring_dagster.store.monitor import Monitor

_WORTH_STARTING_DAYS = 15  # for one process; below, starting it takes longer than it saves
_WORTH_SHARING_DAYS = 2  # once it has been started
_DAYS_AT_ONCE = 4  # that a process takes: who is done sooner takes more of what is left
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


def run_days(
    monitor: Monitor, step: Step, days: Sequence[date], *, then: Sequence[Step] = ()
) -> Reports:
    """What *step* says about each of *days*, in order; long ranges are shared among the cores.

    A day on which it raises is Failed, and costs no other day. There are other processes only
    within `kept`. Of a step whose days build on one another they share what it can prepare. A
    worker that dies changes nothing: what it had not done is done here, and a day that was run
    twice has the same result.

    Parameters
    ----------
    then
        Steps that will be run next for these days, and need nothing but what is done with *step*:
        workers begin with them while this process does something else.
    """
    found: Reports = {}
    if _workers is not None and monitor.spec.engine != "spark":  # a cluster has its own workers
        with suppress(BrokenProcessPool), closing(_workers.shared(monitor, step, days)) as made:
            for day, one in made:
                found[day] = _finished(monitor, step, day, one)
            done = [day for day, one in found.items() if not isinstance(one, Failed)]
            _workers.begin(monitor, then, done)
    rest = [day for day in days if day not in found]
    return found | {day: _finished(monitor, step, day, _made(monitor, step, day)) for day in rest}


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


@dataclass(frozen=True)
class _Part:
    """Neighbouring days that one process takes, and what it made of them."""

    days: Sequence[date]
    made: Future[list[Any]]


class _Workers:
    """All processes but this one, which keeps a core busy itself.

    A worker holds one end of a pipe whose other end is here alone: it ends in the moment in which
    that is closed, by `end` or by the death of this process.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pool: ProcessPoolExecutor | None = None
        self._alive: Connection | None = None
        self._begun: dict[tuple[str, str], list[_Part]] = {}  # by model and step

    def processes(self, days: int) -> int:
        """How many are worth their start for so many days, this one among them."""
        least = _WORTH_SHARING_DAYS if self._pool else _WORTH_STARTING_DAYS
        return max(min(self._most, days // least), 1)

    def shared(
        self, monitor: Monitor, step: Step, days: Sequence[date]
    ) -> Generator[tuple[date, Any]]:
        """What *step* makes of each day, in order. Raises BrokenProcessPool.

        Workers take the days one after another; this process takes what none of them has come to,
        so that all are done at the same time.
        """
        parts = self._begun.pop((monitor.name, step.name), None)
        if self.processes(len(days)) == 1 and parts is None:
            yield from ((day, _made(monitor, step, day)) for day in days)
            return
        if parts is not None and [day for part in parts for day in part.days] != [*days]:
            for part in parts:
                part.made.cancel()
            wait(part.made for part in parts)  # two processes shall not write the same day
            parts = None
        if parts is None:
            parts = self._asked(monitor, step, days, but_first=True)
        try:
            yield from self._done(monitor, step, parts)
        except BaseException:  # a cancelled run waits for nobody
            self.end(at_once=True)
            raise

    def begin(self, monitor: Monitor, steps: Sequence[Step], days: Sequence[date]) -> None:
        """Let workers begin with *steps*, which are shared later."""
        for step in steps if self._pool and self.processes(len(days)) > 1 else ():
            self._begun[monitor.name, step.name] = self._asked(monitor, step, days)

    def _done(
        self, monitor: Monitor, step: Step, parts: Sequence[_Part]
    ) -> Iterator[tuple[date, Any]]:
        left = iter(range(len(parts)))
        here: dict[int, list[Any]] = {}  # what this process made, by the place of the part
        for place, part in enumerate(parts):
            while place not in here and not part.made.done():
                taken = next((n for n in left if parts[n].made.cancel()), None)
                if taken is None:
                    break
                here[taken] = _in_turn(monitor, step.name, parts[taken].days)
            made = here.pop(place) if place in here else part.made.result()
            yield from zip(part.days, made, strict=True)

    def _asked(
        self, monitor: Monitor, step: Step, days: Sequence[date], *, but_first: bool = False
    ) -> list[_Part]:
        """Ask the workers for all of *days*, in parts that can be taken back until they are begun;
        *but_first* leaves the first part to this process, which has nothing else to do."""
        processes = self.processes(len(days))
        size = min(_DAYS_AT_ONCE, ceil(len(days) / processes))
        parts = [days[start : start + size] for start in range(0, len(days), size)]
        pool = self._started(processes - 1)
        return [
            _Part(part, pool.submit(_in_turn, monitor, step.name, part) if n else Future())
            for n, part in enumerate(parts, start=0 if but_first else 1)
        ]

    def warm_up(self) -> list[Future[None]]:
        """Start them all, each with what every step imports."""
        workers = self._most - 1
        return [self._started(workers).submit(_import_steps) for _ in range(workers)]

    def end(self, *, at_once: bool = False) -> None:
        """End every worker, *at_once* whatever it is at; the next long range starts others."""
        if self._pool is None or self._alive is None:
            return
        if at_once:
            self._alive.close()
        self._pool.shutdown(cancel_futures=True)
        self._alive.close()
        self._pool = self._alive = None
        self._begun = {}

    def _started(self, workers: int) -> ProcessPoolExecutor:
        if self._pool is None:
            theirs, self._alive = Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(
                max_workers=workers,
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


def _in_turn(monitor: Monitor, name: str, days: Sequence[date]) -> list[Any]:
    step = next(one for one in STEPS if one.name == name)
    return [_made(monitor, step, day) for day in days]


def _made(monitor: Monitor, step: Step, day: date) -> Any:
    """What any process can make of a day: its report, or what the report in its turn is made of."""
    return _tried(step.prepare if step.in_order else step.run, monitor, day)


def _finished(monitor: Monitor, step: Step, day: date, made: Any) -> StepReport | Failed:
    is_prepared = step.in_order and not isinstance(made, Failed)
    report: StepReport | Failed = _tried(step.run, monitor, day, made) if is_prepared else made
    return report


def _tried(call: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except Exception as error:  # whatever it is: the next day may be fine
        return Failed.by(error)


def _import_steps() -> None:
    for step in STEPS:
        _ = step.prepare if step.in_order else step.run


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
