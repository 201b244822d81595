"""Many days at once: most steps of one day know nothing of another, so every core can take some."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from multiprocessing import get_context

from monitoring_dagster.pipeline.monitor import Monitor
from monitoring_dagster.pipeline.step import StepReport
from monitoring_dagster.pipeline.steps import STEPS, Step

_WORTH_STARTING_DAYS = 30  # below, starting the workers takes longer than they save
_WORTH_SHARING_DAYS = 4  # once they have been started


def run_days(monitor: Monitor, step: Step, days: Sequence[date]) -> dict[date, StepReport]:
    """What *step* says about each of *days*, in order; long ranges are shared among the cores.

    Every process takes one run of neighbouring days. A worker that dies changes nothing: the days
    are then run here, and a day that was run twice has the same result.
    """
    least = _WORTH_SHARING_DAYS if _pool.cache_info().currsize else _WORTH_STARTING_DAYS
    shares = not step.in_order and monitor.spec.engine != "spark"  # a cluster has its own workers
    if shares and _cores() > 1 and len(days) >= least:
        try:
            return _shared(monitor, step, days)
        except BrokenProcessPool:
            _pool.cache_clear()
    return _in_turn(monitor, step.name, days)


@contextmanager
def started() -> Iterator[None]:
    """Workers that are there from the beginning, for somebody who will run many short ranges."""
    if _cores() > 1:
        for _ in range(_cores() - 1):
            _pool().submit(_warm_up)
    try:
        yield
    finally:
        if _pool.cache_info().currsize:
            _pool().shutdown(cancel_futures=True)
            _pool.cache_clear()


def _shared(monitor: Monitor, step: Step, days: Sequence[date]) -> dict[date, StepReport]:
    size = -(-len(days) // _cores())
    parts = [days[start : start + size] for start in range(0, len(days), size)]
    asked = [_pool().submit(_in_turn, monitor, step.name, part) for part in parts[1:]]
    try:
        found = _in_turn(monitor, step.name, parts[0])
    finally:
        wait(asked)
    for part in asked:
        found |= part.result()
    return found


def _in_turn(monitor: Monitor, name: str, days: Sequence[date]) -> dict[date, StepReport]:
    step = next(one for one in STEPS if one.name == name)
    return {day: step.run(monitor, day) for day in days}


def _warm_up() -> None:
    """Import what every step needs, once in each worker."""
    for step in STEPS:
        _ = step.run


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pool() -> ProcessPoolExecutor:
    """All cores but the one that this process keeps busy itself."""
    return ProcessPoolExecutor(max_workers=max(_cores() - 1, 1), mp_context=get_context("spawn"))
