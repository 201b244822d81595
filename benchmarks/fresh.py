"""What does a command cost in a process of its own?  Seconds, processor seconds and peak memory."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Timer
from typing import Self

LIMIT_SECONDS = 3600
CACHE = Path.home() / ".cache" / "monitoring_dagster" / "bench"


class FailedCommand(Exception):
    """A command did not end well."""

    @classmethod
    def after(cls, seconds: float, *, code: int, said: str) -> Self:
        last = (said.strip() or "said nothing").splitlines()[-1]
        return cls(f"exit {code} after {seconds:.0f} s: {last}")


@dataclass(frozen=True, slots=True)
class Cost:
    """One run, or the medians of several."""

    seconds: float
    cpu_seconds: float
    peak_mb: float  # 1e6 bytes, of the largest of the process and its children


def run_fresh(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    fine: Collection[int] = (),
    limit_seconds: float = LIMIT_SECONDS,
) -> tuple[Cost, str]:
    """Run *command* and return its cost and what it printed.

    Raises FailedCommand where it takes too long, or ends with another exit code than 0 and those
    that are *fine* as long as something was printed. A caller must import little: Linux counts the
    caller's memory at the fork towards the peak of the child.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=err,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        timer = Timer(limit_seconds, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        printed, said = (_text(stream) for stream in (out, err))
    code = process.returncode
    if code and not (code in fine and printed):
        raise FailedCommand.after(seconds, code=code, said=said or printed)
    cost = Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)
    return cost, printed


def median_cost(costs: Sequence[Cost]) -> Cost:
    """The median of each number on its own."""
    return Cost(
        median(one.seconds for one in costs),
        median(one.cpu_seconds for one in costs),
        median(one.peak_mb for one in costs),
    )


def _text(stream) -> str:  # type: ignore[no-untyped-def]
    stream.seek(0)
    return stream.read().decode(errors="replace")
