"""A project that runs by itself: Dagster's daemon and code server over a copy of the project."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar
from uuid import uuid4

import dagster as dg
import yaml
from dagster._core.definitions.selector import (
    PartitionRangeSelector,
    PartitionsByAssetSelector,
    PartitionsSelector,
)
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.tags import BACKFILL_ID_TAG

from monitoring_dagster.orchestration.component import definitions_of
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.monitor import House
from tests.orchestration.small_project import Checkout

T = TypeVar("T")
PATIENCE_SECONDS = 180  # where other work keeps the machine busy
AROUND = ("dagster._daemon", "dagster api grpc", "resource_tracker")
PROMPT_DAEMON = """
from dagster._daemon import cli, controller
from dagster._core.run_coordinator import QueuedRunCoordinator
controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1
QueuedRunCoordinator.dequeue_interval_seconds = 1
cli.main()
"""  # the command dagster-daemon, but that it waits a second where that waits 30 or 5


def until(look: Callable[[], T], *, seconds: float = PATIENCE_SECONDS) -> T:
    """What *look* finds, once it finds something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.2)
    return found


@dataclass
class Unattended:
    """A copy of the project with a daemon, and nobody who looks at it."""

    checkout: Checkout
    spec: ModelSpec
    instance: dg.DagsterInstance

    def backfill(self, steps: Sequence[str], first: date, days: int) -> str:
        """Ask for a range of days as the UI does; returns the backfill's id."""
        monitor = House.at(self.checkout.root, environment={}).monitor(self.spec)
        last = first + timedelta(days=days - 1)
        chosen = PartitionsSelector(
            ranges=[PartitionRangeSelector(start=str(first), end=str(last))]
        )
        asked = PartitionBackfill.from_partitions_by_assets(
            backfill_id=uuid4().hex[:8],
            asset_graph=definitions_of(monitor).resolve_asset_graph(),
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=self.instance,
            partitions_by_assets=[
                PartitionsByAssetSelector(
                    asset_key=dg.AssetKey([self.spec.name, step]), partitions=chosen
                )
                for step in steps
            ],
            title=None,
            description=None,
            run_config=None,
        )
        self.instance.add_backfill(asked)
        return asked.backfill_id

    def run_of(self, backfill: str, *statuses: dg.DagsterRunStatus) -> dg.DagsterRun:
        """The newest run of a backfill, once it is in one of *statuses*."""
        wanted = dg.RunsFilter(tags={BACKFILL_ID_TAG: backfill})

        def there() -> dg.DagsterRun | None:
            run = next(iter(self.instance.get_runs(wanted, limit=1)), None)
            if run is None or run.status in statuses:
                return run
            assert not run.is_finished, f"{run.status}: {self.why(run)}"
            return None

        return until(there)

    def why(self, run: dg.DagsterRun) -> list[str]:
        """What a run says about its failure."""
        failed = {dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.STEP_FAILURE}
        return [str(one.get_dagster_event()) for one in self.instance.all_logs(run.run_id, failed)]

    def of_runs(self) -> dict[int, str]:
        """The processes beside the daemon and its code server, by id: their commands."""
        return {
            pid: words
            for pid, words in self.processes().items()
            if not any(one in words for one in AROUND)
        }

    def processes(self) -> dict[int, str]:
        """All that lives of this project."""
        listed = subprocess.run(
            ["ps", "axeww", "-o", "pid=,stat=,command="],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        rows = (line.split(None, 2) for line in listed.stdout.splitlines())
        mine = f" DAGSTER_HOME={self.checkout.root} "
        return {
            int(pid): words[:200]
            for pid, state, words in rows
            if mine in f"{words} " and not state.startswith("Z") and not words.startswith("ps ")
        }

    def kill(self, *pids: int) -> None:
        """As the kernel does that runs out of memory."""
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @contextmanager
    def daemon(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Until the block ends, a daemon runs that starts code servers and runs."""
        with (self.checkout.root / "daemon.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", PROMPT_DAEMON, "run", "-w", "workspace.yaml"],
                cwd=self.checkout.root, env=self.checkout.environment,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                yield process
            finally:
                self.kill(process.pid)
                process.wait()
                self.kill(*self.processes())


@contextmanager
def unattended(
    checkout: Checkout, spec: ModelSpec, **settings: dict[str, object]
) -> Iterator[Unattended]:
    """*checkout* without its sensors, and with *settings* in dagster.yaml."""
    sensors = checkout.root / "monitoring_dagster/orchestration/automation/sensors.py"
    sensors.write_text(sensors.read_text().replace("Status.RUNNING", "Status.STOPPED"))
    file = checkout.root / "dagster.yaml"
    written = yaml.safe_load(file.read_text())
    for name, value in settings.items():
        written[name] |= value
    file.write_text(yaml.safe_dump(written))
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(checkout.root)
    try:
        reference = InstanceRef.from_dir(str(checkout.root))
        with dg.DagsterInstance.from_ref(reference) as instance:
            yield Unattended(checkout, spec, instance)
    finally:
        os.environ.pop("DAGSTER_HOME")
        if before is not None:
            os.environ["DAGSTER_HOME"] = before
