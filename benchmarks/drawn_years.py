"""Years of a model, drawn from measured days: each day is counted once, and judged in every year.

What one day's rows and labels say is measured by the product's own steps and kept in a library
below the system's temporary folder. A year is a project of its own: its days are drawn from the
source days in blocks of a week, what is stored of them is copied under their new dates, and the
real verdict judges them one after the other, with a ledger of its own.
"""

import base64
import hashlib
import json
import pickle
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, timedelta
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.progress import track

from benchmarks.drawn_models import CHECKOUT, Source, SourceDay, moved, source_of, spec_of
from monitoring_dagster.daily.steps import STEPS
from monitoring_dagster.daily.workers import cores
from monitoring_dagster.demo.fake_service import write_day
from monitoring_dagster.judge import verdict
from monitoring_dagster.kinds import Severity
from monitoring_dagster.measure.quality import arrived_labels
from monitoring_dagster.measure.quality.counting import counted, counted_columns
from monitoring_dagster.sources.labels.label_account import LabelAccount
from monitoring_dagster.sources.labels.labels import join_labels
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.spec.model import labels_of
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
from monitoring_dagster.store.days.step_findings import VERDICT
from monitoring_dagster.store.ledger.database import reading, tables
from monitoring_dagster.store.monitor import HOME, House, Monitor
from monitoring_dagster.store.references.version_reference import reference_of
from monitoring_dagster.store.results import ResultStore, sealed

QUIET = "quiet"
ROW_STEPS = ("contract", "profile", "drift", "estimate")
WEEK = 7
_APART = 28  # days between two source days of a library, so that their labels never meet
_YEARS_NEED = 2_000_000_000  # bytes, of all that live at the same time
_SERVED = "served.pickle"  # of a library
_SIGNALS = "signals"  # as `store.days.signals` notes them
_UNMEASURED = ("cli", "judge", "orchestration", "report", "standalone", "views", "act/notify",
               "store/ledger")  # rooms that no step of a day's rows or labels asks  # fmt: skip

Change = Callable[[SourceDay, Source], SourceDay]


@dataclass(frozen=True)
class Variant:
    """Source days as something makes of them; nothing, where they are as they were."""

    name: str
    change: Change | None = None
    changes_rows: bool = True
    changes_labels: bool = True  # or what they are joined to


# The library: every source day, measured once


@dataclass(frozen=True)
class Library:
    """Source days of one model, and what the steps said of each, in one or more variants."""

    root: Path
    model: str

    @property
    def base(self) -> Path:
        return self.root / "base"

    @cached_property
    def days(self) -> list[date]:
        return [
            date.fromisoformat(one) for one in json.loads((self.base / "days.json").read_text())
        ]

    def monitor(self, spec: ModelSpec, variant: str) -> Monitor:
        return _house(self.root / variant, self.base).monitor(spec)

    def place_of(self, day: date) -> date:
        """Under which date a source day lies here; it is the same day of the week."""
        behind = len(self.days) - self.days.index(day)
        return day - timedelta(days=_APART * behind)

    def variants(self) -> set[str]:
        return {path.parent.name for path in self.root.glob("*/measured")}

    def has(self, variant: str, step: str) -> bool:
        """Whether a variant has results of its own; else those of quiet days are its."""
        return (self.root / variant / HOME / "results" / self.model / step).exists()


def library_of(
    name: str,
    rules: Mapping[str, Any],
    variants: Iterable["Variant"] = (),
    *,
    console: Console | None = None,
) -> Library:
    """The library of a model with these variants; what is not there yet is measured now."""
    spec = spec_of(name, rules)
    library = Library(
        Path(tempfile.gettempdir()) / "monitoring_dagster_years" / f"{name}-{_key(spec)}", name
    )
    wanted = [Variant(QUIET), *(one for one in variants if one.name != QUIET)]
    missing = [one for one in wanted if one.name not in library.variants()]
    if not missing:
        return library
    source = source_of(name, rules)
    days = _base(library, source)
    for one in missing:
        _measure(library, source, one, days, console)
    return library


def _key(spec: ModelSpec) -> str:
    """What the stored numbers hang on: the code that measures, and what it is asked to."""
    digest = hashlib.sha256()
    package = CHECKOUT / "monitoring_dagster"
    unmeasured = tuple(str(package / room) for room in _UNMEASURED)
    files = [one for one in package.rglob("*.py") if not str(one).startswith(unmeasured)]
    here = Path(__file__).parent
    for path in [*files, *(CHECKOUT / "assets").rglob("*.py"), here / "drawn_models.py"]:
        digest.update(str(path.relative_to(CHECKOUT)).encode() + path.read_bytes())
    asked = spec.model_dump(mode="json")
    rules = asked.pop("rules")
    asked |= {"drift": rules["drift"], "metrics judged": [*spec.tolerances],
              "segments judged": {column: {value: [*of] for value, of in values.items()}
                                  for column, values in spec.rules.segments.items()}}  # fmt: skip
    digest.update(json.dumps(asked, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def _house(root: Path, base: Path) -> House:
    (root / HOME).mkdir(parents=True, exist_ok=True)
    return House.at(root, {"MLFLOW_TRACKING_URI": f"sqlite:///{base / HOME / 'mlflow.db'}"})


def source_days(library: Library) -> list[SourceDay]:
    """The days of a library as they were served."""
    found: list[SourceDay] = pickle.loads((library.base / _SERVED).read_bytes())
    return found


def _base(library: Library, source: Source) -> list[SourceDay]:
    """Both versions registered, and the source days as they were served; made where missing."""
    served = library.base / _SERVED
    if not served.exists():
        shutil.rmtree(library.base, ignore_errors=True)
        monitor = _house(library.base, library.base).monitor(source.spec)
        models = source.begin(monitor)
        for version in ("1", "2"):
            assert reference_of(monitor, version) is not None, "it was just registered"
        (library.base / "days.json").write_text(json.dumps([str(one) for one in source.days]))
        days = [source.day(day, model) for day, model in zip(source.days, models, strict=True)]
        served.with_suffix(".new").write_bytes(pickle.dumps(days))
        served.with_suffix(".new").rename(served)
    return source_days(library)


def _measure(
    library: Library,
    source: Source,
    variant: "Variant",
    days: Sequence[SourceDay],
    console: Console | None,
) -> None:
    """Every source day of one variant, shared among the cores."""
    root = library.root / variant.name
    shutil.rmtree(root, ignore_errors=True)
    monitor = library.monitor(source.spec, variant.name)
    (root / HOME / "references").symlink_to(library.base / HOME / "references")
    (root / "expectations").symlink_to(CHECKOUT / "expectations")
    measure = partial(_measured, library, monitor, replace(source, rows=None), variant)
    with ProcessPoolExecutor(cores(), initializer=alone) as pool:
        each_day = track(
            pool.map(measure, days), f"{library.model}: measuring {variant.name}", len(days),
            console=console, disable=console is None or not console.is_terminal, transient=True,
        )  # fmt: skip
        for _ in each_day:
            pass
    for folder in ("seen", "data"):
        shutil.rmtree(root / HOME / folder, ignore_errors=True)
    (root / "measured").touch()


def _measured(
    library: Library, monitor: Monitor, source: Source, variant: "Variant", one: SourceDay
) -> None:
    changed = variant.change(one, source) if variant.change else one
    place = library.place_of(one.day)
    changed = moved_day(changed, (place - one.day).days)
    assert monitor.spec.predictions.path is not None
    write_day(monitor.root / monitor.spec.predictions.path.format(day=place), changed.served)
    for name in ROW_STEPS if variant.changes_rows else ():
        next(step for step in STEPS if step.name == name).run(monitor, place)
    if variant.changes_labels and monitor.spec.labels is not None:
        _measure_labels(monitor, changed, place)


def _measure_labels(monitor: Monitor, one: SourceDay, place: date) -> None:
    """What arrives of one day's labels, by the day of arrival, as its step stores it.

    What comes while it is waited for is joined at once, and told apart afterwards: to the product
    it is all the same, and a join takes as long for one label as for a thousand.
    """
    labels = labels_of(monitor.spec)
    wait, (arrivals, arrived) = labels.mature_after_days, _arrivals(one.labels)
    waited = [arrival for arrival in arrivals if (arrival - place).days <= wait]
    later = [[arrival] for arrival in arrivals if arrival not in waited]
    for together in [waited, *later] if waited else later:
        at = place + timedelta(days=wait) if together is waited else together[0]
        some = one.labels.filter(pc.is_in(arrived, pa.array(together, pa.date32())))
        assert labels.path is not None
        path = monitor.root / labels.path.format(day=at)
        write_day(path, some)
        joined, account = join_labels(
            monitor.spec, at, root=monitor.root, extras=counted_columns(monitor.spec)
        )
        path.unlink()
        _store_apart(monitor, one, place, some, joined, account)


def _store_apart(
    monitor: Monitor,
    one: SourceDay,
    place: date,
    labels: pa.Table,
    joined: pa.Table,
    account: LabelAccount,
) -> None:
    """Outcomes and account of each arrival day, of labels that were joined together."""
    arrivals, arrived = _arrivals(labels)
    day_of = dict(zip(labels["request_id"].to_pylist(), arrived.to_pylist(), strict=True))
    came = pa.array([day_of[id_] for id_ in joined["request_id"].to_pylist()], pa.date32())
    place_of_day = joined.column_names.index("day")
    by_arrival = counted(monitor.spec, joined.set_column(place_of_day, "day", came))
    served = {*one.served["request_id"].to_pylist()}
    counts, total = {*came.to_pylist()}, LabelAccount(rows=0)
    joined_ids = {*joined["request_id"].to_pylist()}
    for arrival in arrivals:
        ids = [id_ for id_, on in day_of.items() if on == arrival]
        buckets = Counter(_bucket(id_, joined_ids, served, account) for id_ in ids)
        own = LabelAccount(rows=len(ids), **buckets)
        total = LabelAccount(**{
            name: getattr(total, name) + getattr(own, name) for name in _BUCKETS
        })  # fmt: skip
        found = {
            (place, group): outcomes
            for (day, group), outcomes in by_arrival.items()
            if day == arrival
        }
        by_day = {str(place): buckets["joined"] + buckets["late"]} if arrival in counts else {}
        notes = asdict(own) | {BY_DAY: by_day} | arrived_labels._said_by(found)
        monitor.results.write(
            monitor.name,
            OUTCOMES,
            arrival,
            outcomes_to_table(found),
            metadata={ACCOUNT: json.dumps(notes), **noted([])},
        )
    differing = [one for one in _BUCKETS if getattr(total, one) != getattr(account, one)]
    assert not differing, f"labels of {place} were told apart wrongly: {differing}"


_BUCKETS = [one.name for one in fields(LabelAccount) if one.type in ("int", int)]


def _bucket(id_: str, joined: set[str], served: set[str], account: LabelAccount) -> str:
    """Where one label went; the counts of all must be those of the *account*."""
    if id_ in joined:
        return "late" if account.late else "joined"
    if id_ not in served:
        return "orphan" if account.orphan else "pending"
    return "expired" if account.expired else "uncounted"


def _arrivals(labels: pa.Table) -> tuple[list[date], pa.ChunkedArray]:
    arrived = labels["arrived_at"].cast(pa.timestamp("us")).cast(pa.date32())
    return sorted(pc.unique(arrived).to_pylist()), arrived


def moved_day(one: SourceDay, days: int) -> SourceDay:
    return replace(one, served=moved(one.served, days), labels=moved(one.labels, days))


# A year: stored results under other dates


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
        self.house = _house(self.root, self.library.base)
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
        for served in range(max(number - _APART + 1, 0), number + 1):
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


# What people heard


@dataclass(frozen=True)
class Heard:
    """One message: the turn of an incident, or of what else opened a thread."""

    thread: str
    day: date
    reason: str
    severity: str
    rules: frozenset[str]
    opened_on: date


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


def alone() -> None:
    """Of a process among others that keep every core busy: it needs no threads of its own."""
    pa.set_cpu_count(1)


# The same rows as files, through every step


def compared(
    library: Library, rules: Mapping[str, Any], variant: Variant, *, days: int, seed: int
) -> list[str]:
    """Where a composed stretch differs from the same rows written as files and run through every
    step: findings, incidents and messages; empty where all are the same."""
    source = source_of(library.model, rules)
    of_day = {one.day: one for one in source_days(library)}
    first = first_of(library)
    drawn = drawn_days(library.days, first=first, days=days, rng=np.random.default_rng(seed))
    with scratch() as one, scratch() as other:
        years = [
            Year(Path(folder), source.spec, library, first, drawn, lambda _: variant.name)
            for folder in (one, other)
        ]
        composed, written = years
        lived(composed, range(days))
        (written.root / "expectations").symlink_to(CHECKOUT / "expectations")
        changed = {
            day: variant.change(one, source) if variant.change else one
            for day, one in of_day.items()
            if day in drawn
        }
        _write_all(written, [changed[day] for day in drawn])
        for number in range(days):
            monitor = written.monitor(number)
            for step in STEPS:
                if step.name in (*ROW_STEPS, OUTCOMES, VERDICT):
                    step.run(monitor, written.day(number))
        said = [
            {
                "findings": year.house.ledger.findings(library.model, first, year.day(days)),
                "incidents": year.house.ledger.incidents(library.model),
                "messages": heard(year.house),
            }
            for year in years
        ]
    number = len(said[0]["findings"])
    if not number:
        return ["nothing was found in the stretch, and so nothing compared: take a longer one"]
    return [
        f"{what}: only {where} {one}"
        for what in said[0]
        for where, some, others in (
            ("composed", said[0][what], said[1][what]),
            ("from files", said[1][what], said[0][what]),
        )
        for one in some
        if one not in others
    ]


def _write_all(year: Year, served: Sequence[SourceDay]) -> None:
    """The files of a year whose days are these: requests have new ids, labels come as late."""
    monitor = year.monitor(0)
    spec = year.spec
    assert spec.predictions.path is not None
    assert spec.labels is not None
    assert spec.labels.path is not None
    labels = []
    for number, one in enumerate(served):
        day = year.day(number)
        later = moved_day(one, (day - one.day).days)
        table, told = (_renamed(some, number) for some in (later.served, later.labels))
        write_day(monitor.root / spec.predictions.path.format(day=day), table)
        labels.append(told)
    whole = pa.concat_tables(labels)
    _, arrived = _arrivals(whole)
    for number in range(len(served)):
        day = year.day(number)
        some = whole.filter(pc.equal(arrived, pa.scalar(day, pa.date32())))
        write_day(monitor.root / spec.labels.path.format(day=day), some)


def _renamed(table: pa.Table, number: int) -> pa.Table:
    ids = pc.binary_join_element_wise(str(number), table["request_id"], "/")
    return table.set_column(table.column_names.index("request_id"), "request_id", ids)
