"""Signals of the days, as steps wrote them beside their results."""

import base64
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice

import numpy as np
import pyarrow as pa

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.spec.rules.own_rule import AREAS, step_of
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.results import ResultStore, Stamp, chosen_rows

_SIGNALS = "signals"  # among the notes of a step's file
_VERDICT = AREAS["quality"]  # the step that asks with signals which it has yet to store
_TIME = pa.timestamp("us", tz="UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES: Mapping[object, pa.DataType] = {
    str: pa.string(), float: pa.float64(), int: pa.int64(), datetime: _TIME,
    date | None: pa.date32(),
}  # fmt: skip
SCHEMA = pa.schema([(one.name, _TYPES[one.type]) for one in fields(Signal)])


def noted(signals: Iterable[Signal]) -> dict[str, str]:
    """*signals* as a note of the step's result: they are written with it, or not at all."""
    rows = list(signals)
    columns = [[getattr(one, name) for one in rows] for name in SCHEMA.names]
    table = pa.table(columns, schema=SCHEMA)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, SCHEMA, options=options) as writer:
        writer.write_table(table)
    return {_SIGNALS: base64.b64encode(sink.getvalue()).decode()}


def signals(monitor: Monitor, *names: str, first: date, last: date) -> list[Signal]:
    """Every signal of these *names*, or of all, that was written for a day from *first* to *last*,
    both included: step by step, and by day.

    A signal of quality is written for the day on which it was known, and is about the window that
    it names.
    """
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [one for _, some in _read(monitor, days, names) for one in some]


def stored_on(monitor: Monitor, day: date) -> list[Signal]:
    """All signals that were written for *day*, step by step."""
    return signals(monitor, first=day, last=day)


def loaded(
    monitor: Monitor, days: Sequence[date], names: Collection[str]
) -> dict[date, list[Signal]]:
    """What was written for each of *days* of these *names*."""
    found: dict[date, list[Signal]] = {}
    for day, some in _read(monitor, days, names):
        found.setdefault(day, []).extend(some)
    return found


@dataclass(frozen=True)
class StoredSignals:
    """The log of a model's days, as the verdict of one of them reads it."""

    monitor: Monitor
    day: date
    of_verdict: Sequence[Signal] | None = None  # which it is about to store anew

    def on(self, day: date, *names: str) -> Sequence[Signal]:
        """Those of *names*, or all, step by step."""
        stored = signals(self.monitor, *names, first=day, last=day)
        if self.of_verdict is None or day != self.day:
            return stored
        of_steps = [one for one in stored if step_of(one.name) != _VERDICT]
        return [*of_steps, *(one for one in self.of_verdict if not names or one.name in names)]

    def between(self, first: date, last: date, *names: str) -> Sequence[Signal]:
        """The same of the days from *first* to *last*, both included, day by day."""
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return [
            one
            for day in days
            for one in (self.on(day, *names) if day == self.day else self._before(day, names))
        ]

    def _before(self, day: date, names: tuple[str, ...]) -> Iterator[Signal]:
        """Of a day that the days after it ask for, too: decoded once for all of them."""
        results, model = self.monitor.results, self.monitor.name
        for step, wanted in _by_step(names).items():
            stamp = results.stamp(model, step, day)
            if stamp is not None:
                yield from _decoded_once(results, model, step, day, stamp, tuple(wanted))


def _read(
    monitor: Monitor, days: Sequence[date], names: Collection[str]
) -> Iterator[tuple[date, list[Signal]]]:
    """Step by step and day by day; of all *names* where none is given.

    Days are decoded together: a year of them takes hardly longer than one.
    """
    for step, wanted in _by_step(names).items():
        stamps = ((day, monitor.results.stamp(monitor.name, step, day)) for day in days)
        parts = [
            (day, _table(monitor.results, monitor.name, step, day, stamp))
            for day, stamp in stamps
            if stamp is not None
        ]
        if parts:
            whole = pa.concat_tables([table for _, table in parts])
            of_days = np.repeat(np.arange(len(parts)), [table.num_rows for _, table in parts])
            if wanted:
                is_wanted = np.isin(whole["name"].to_pylist(), wanted)
                whole, of_days = chosen_rows(whole, is_wanted), of_days[is_wanted]
            counts = np.bincount(of_days, minlength=len(parts)).tolist()
            decoded = iter(_decoded(whole))
            yield from (
                (day, list(islice(decoded, n))) for (day, _), n in zip(parts, counts, strict=True)
            )


def _by_step(names: Collection[str]) -> dict[str, list[str]]:
    """The steps that write *names*, each with those of them that it writes; all steps for none."""
    if not names:
        return {step: [] for step in AREAS.values()}
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        if (step := step_of(name)) is not None:
            found.setdefault(step, []).append(name)
    return found


def _decoded(table: pa.Table) -> list[Signal]:
    columns = [
        [_time(at) for at in column.cast(pa.int64()).to_pylist()]
        if column.type == _TIME
        else column.to_pylist()
        for column in table.columns
    ]
    rows = zip(*columns, strict=True)
    return [Signal(**dict(zip(SCHEMA.names, row, strict=True))) for row in rows]


@lru_cache(maxsize=4096)
def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


@lru_cache(maxsize=256)
def _decoded_once(
    results: ResultStore, model: str, step: str, day: date, stamp: Stamp, names: tuple[str, ...]
) -> list[Signal]:
    table = _table(results, model, step, day, stamp)
    if names:
        table = chosen_rows(table, np.isin(table["name"].to_pylist(), names))
    return _decoded(table)


@lru_cache(maxsize=512)
def _table(results: ResultStore, model: str, step: str, day: date, _stamp: Stamp) -> pa.Table:
    """One file's signals, decoded once as long as nobody writes it anew."""
    note = (results.metadata(model, step, day) or {}).get(_SIGNALS)
    if note is None:
        return SCHEMA.empty_table()  # written before steps wrote signals
    # So small that handing it to threads costs more than it takes.
    alone = pa.ipc.IpcReadOptions(use_threads=False)
    with pa.ipc.open_stream(base64.b64decode(note), options=alone) as reader:
        return reader.read_all()
