"""Years of a model, drawn from measured days: each day is counted once, and judged in every year.

A year is a project of its own: its days are drawn from the source days in blocks of a week, what is
stored of them is copied under their new dates, and the real verdict judges them one after the
other, with a ledger of its own.
"""

import base64
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.drawn_library import (
    APART,
    QUIET,
    ROW_STEPS,
    Library,
    house_at,
)
from benchmarks.drawn_models import moved
from monitoring_dagster.judge import verdict
from monitoring_dagster.kinds import Severity
from monitoring_dagster.measure.quality import arrived_labels
from monitoring_dagster.sources.labels.label_account import LabelAccount
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.stats.quality.outcomes_file import outcomes_to_table
from monitoring_dagster.store.days.known_labels import (
    ACCOUNT,
    BY_DAY,
    COUNTED,
    EXPECTED,
    ONES,
    OUTCOMES,
)
from monitoring_dagster.store.days.signals import noted
from monitoring_dagster.store.ledger.database import reading, tables
from monitoring_dagster.store.monitor import HOME, House, Monitor
from monitoring_dagster.store.results import ResultStore, sealed

WEEK = 7
_YEARS_NEED = 2_000_000_000  # bytes, of all that live at the same time
_SIGNALS = "signals"  # as `store.days.signals` notes them


def drawn_days(
    sources: Sequence[date], *, first: date, days: int, rng: np.random.Generator
) -> list[date]:
    """A source day for each of so many *days* from *first* on: whole weeks, at random, one behind
    the other. Weekdays keep their place, and weeks begin on a weekday that is drawn, too."""
    found: list[date] = []
    length = int(rng.integers(1, WEEK + 1))
    while len(found) < days:
        weekday = (first + timedelta(days=len(found))).weekday()
        starts = [
            place
            for place in range(len(sources) - length + 1)
            if sources[place].weekday() == weekday
        ]
        start = int(rng.choice(starts))
        found += sources[start : start + length]
        length = WEEK
    return found[:days]


@dataclass(frozen=True)
class Stored:
    """A step's result of one source day, as it lies in the library."""

    table: pa.Table
    notes: Mapping[str, str]
    signals: pa.Table


class Shelf:
    """What is stored of one library, read once a process."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._read: dict[tuple[str, str, date], Stored | None] = {}

    def stored(self, variant: str, step: str, day: date) -> Stored | None:
        if not self.library.has(variant, step):
            variant = QUIET
        key = variant, step, day
        if key not in self._read:
            results = ResultStore(self.library.root / variant / HOME / "results")
            table = results.read(self.library.model, step, day)
            notes = results.metadata(self.library.model, step, day) or {}
            self._read[key] = (
                None
                if table is None
                else Stored(table.replace_schema_metadata(None), notes, signals_in(notes))
            )
        return self._read[key]


@lru_cache(maxsize=2)
def shelf_of(library: Library) -> Shelf:
    return Shelf(library)


def signals_in(notes: Mapping[str, str]) -> pa.Table:
    with pa.ipc.open_stream(base64.b64decode(notes[_SIGNALS])) as reader:
        return reader.read_all()


def noted_signals(signals: pa.Table) -> dict[str, str]:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, signals.schema, options=options) as writer:
        writer.write_table(signals)
    return {_SIGNALS: base64.b64encode(sink.getvalue()).decode()}


def redated(stored: Stored, was: date, day: date) -> tuple[pa.Table, dict[str, str]]:
    """A step's result of *was*, as it would have been of *day*: table and notes."""
    by = (day - was).days
    notes = {
        name: text.replace(str(was), str(day))
        for name, text in stored.notes.items()
        if name != _SIGNALS
    }
    signals = _reworded(moved(stored.signals, by), was, day)
    return _reworded(moved(stored.table, by), was, day), notes | noted_signals(signals)


def _reworded(table: pa.Table, was: date, day: date) -> pa.Table:
    for name in ("reason", "words"):
        if name in table.column_names:
            place = table.column_names.index(name)
            words = pc.replace_substring(table[name], str(was), str(day))
            table = table.set_column(place, table.schema.field(place), words)
    return table


@dataclass
class Year:
    """A project whose days are drawn; each is composed, and then judged.

    Parameters
    ----------
    drawn
        The source day of each day.
    variant
        Which variant of it is served on the day of this number.
    """

    root: Path
    spec: ModelSpec
    library: Library
    first: date
    drawn: Sequence[date]
    variant: Callable[[int], str] = lambda _: QUIET

    def __post_init__(self) -> None:
        home = self.root / HOME
        if not home.exists():
            home.mkdir(parents=True)
            (home / "references").symlink_to(self.library.base / HOME / "references")
            for ledger in (self.library.base / HOME).glob("ledger.db*"):
                shutil.copy(ledger, home)
        self.house = house_at(self.root, self.library.base)
        self.shelf = shelf_of(self.library)

    def day(self, number: int) -> date:
        return self.first + timedelta(days=number)

    def monitor(self, number: int) -> Monitor:
        """As on the morning on which the day is judged."""
        monitor = self.house.monitor(self.spec)
        as_of = monitor.judged_at(self.day(number))
        return replace(monitor, house=replace(self.house, as_of=as_of))

    def live(self, number: int) -> None:
        """Compose one day, and judge it."""
        monitor = self.monitor(number)
        self.compose(monitor, number)
        verdict.run(monitor, self.day(number))

    def compose(self, monitor: Monitor, number: int) -> None:
        day = self.day(number)
        place = self.library.place_of(self.drawn[number])
        for step in ROW_STEPS:
            stored = self.shelf.stored(self.variant(number), step, place)
            assert stored is not None, f"{step} of {place} was measured"
            self._write(step, day, *redated(stored, place, day))
        if self.spec.labels is not None:
            self._write(OUTCOMES, day, *self._arrived(monitor, number))

    def _arrived(self, monitor: Monitor, number: int) -> tuple[pa.Table, dict[str, str]]:
        """What arrives on a day: of each day before it what came so many days after its source."""
        day = self.day(number)
        parts, accounts = [], []
        for served in range(max(number - APART + 1, 0), number + 1):
            lag = number - served
            place = self.library.place_of(self.drawn[served])
            stored = self.shelf.stored(self.variant(served), OUTCOMES, place + timedelta(days=lag))
            if stored is None:
                continue
            by = (self.day(served) - place).days
            parts.append(moved(stored.table, by))
            accounts.append(moved_account(json.loads(stored.notes[ACCOUNT]), by))
        account = added(accounts)
        signals = arrived_labels._signals(monitor, day, account)
        notes = {ACCOUNT: json.dumps(account), **noted(signals)}
        return pa.concat_tables(parts) if parts else outcomes_to_table({}), notes

    def _write(self, step: str, day: date, table: pa.Table, notes: Mapping[str, str]) -> None:
        """As `ResultStore.write` does, but for what makes it survive a crash."""
        folder = self.root / HOME / "results" / self.spec.name / step
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{day}.parquet").write_bytes(sealed(table.replace_schema_metadata(dict(notes))))


def moved_account(account: Mapping[str, Any], days: int) -> dict[str, Any]:
    """An account of labels, whose prediction days lie so many days later."""
    later = {
        name: {str(date.fromisoformat(day) + timedelta(days=days)): n for day, n in of.items()}
        for name, of in account.items()
        if name in (BY_DAY, ONES)
    }
    return {**account, **later}


def added(accounts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One account of labels that arrived together, of those of each prediction day.

    Alone, a day's labels without a prediction wait for other days' files; here all are there.
    """
    total: dict[str, Any] = asdict(LabelAccount(rows=0)) | {BY_DAY: {}}
    for account in accounts:
        for name, value in account.items():
            if name in (BY_DAY, ONES, "annotators"):
                of = total.setdefault(name, {})
                for key, n in value.items():
                    of[key] = of.get(key, 0) + n
            elif name == "oddities":
                total[name] = [*total[name], *value]
            elif name in (COUNTED, EXPECTED) or type(value) is int:
                total[name] = total.get(name, 0) + value
    total["orphan"], total["pending"] = total["orphan"] + total["pending"], 0
    return total


@dataclass(frozen=True)
class Heard:
    """One message: the turn of an incident, or of what else opened a thread."""

    thread: str
    day: date
    reason: str
    severity: str
    rules: frozenset[str]
    opened_on: date
    model: str


def heard(house: House) -> list[Heard]:
    """All messages of a project in their order; what is only edited is none."""
    query = tables().deliveries.select()
    with reading(house.ledger_url) as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    rows.sort(key=lambda row: (row["created_at"], row["incident"], row["seq"]))
    found = []
    for row in rows:
        event = row["event"]
        if event.get("quietly"):
            continue
        rules = {one["kind"] for one in event.get("findings", ())} or {event.get("kind", "")}
        day = date.fromisoformat(event["day"]) if "day" in event else row["created_at"].date()
        opened = event.get("opened_on")
        found.append(
            Heard(
                thread=row["incident"],
                day=day,
                reason=str(event.get("reason", "")),
                severity=str(event.get("severity", "")),
                rules=frozenset(map(str, rules)),
                opened_on=date.fromisoformat(opened) if opened else day,
                model=event["model"],
            )
        )
    return found


def is_urgent(severity: str) -> bool:
    return severity in (Severity.P0, Severity.P1)


@dataclass(frozen=True)
class Told:
    """What one lived stretch of days told people."""

    days: int
    messages: tuple[Heard, ...]
    urgent_days: int  # with a P0 or P1 open

    @property
    def threads(self) -> dict[str, list[Heard]]:
        found: dict[str, list[Heard]] = {}
        for one in self.messages:
            found.setdefault(one.thread, []).append(one)
        return found


def lived(year: Year, numbers: Iterable[int]) -> int:
    """Live these days; returns on how many of them a P0 or P1 was open at the end."""
    urgent = 0
    ledger = year.house.ledger
    for number in numbers:
        year.live(number)
        urgent += any(is_urgent(one.severity) for one in ledger.open_incidents(year.spec.name))
    return urgent


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """A folder for one year: in memory where that is, since the ledger waits for the disk."""
    memory = Path("/dev/shm")
    is_there = memory.is_dir() and shutil.disk_usage(memory).free > _YEARS_NEED
    return tempfile.TemporaryDirectory(
        prefix="monitoring_dagster_year_", dir=memory if is_there else None
    )


def first_of(library: Library) -> date:
    """The first day of every year: the one after the last source day."""
    return library.days[-1] + timedelta(days=1)
