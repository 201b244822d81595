"""Signals of the days, as steps wrote them beside their results."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date, datetime, timedelta
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.spec.rules.own_rule import AREAS, step_of
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.results import ResultStore, Stamp

_SIGNALS = "signals"  # among the notes of a step's file
_TIME = pa.timestamp("us", tz="UTC")
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


def signals_on(monitor: Monitor, day: date, name: str) -> list[Signal]:
    """Every signal *name* that was written for *day*, whatever it is about."""
    return signals(monitor, name, first=day, last=day)


def signals(monitor: Monitor, name: str, *, first: date, last: date) -> list[Signal]:
    """Every signal *name* that was written for a day from *first* to *last*, both included, by day.

    A signal of quality is written for the day on which it was known, and is about the window that
    it names.
    """
    step = step_of(name)
    if step is None:
        return []
    found: list[Signal] = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        stamp = monitor.results.stamp(monitor.name, step, day)
        if stamp is None:
            continue
        table = _table(monitor.results, monitor.name, step, day, stamp)
        rows = table.filter(pc.equal(table["name"], name)).to_pylist()
        found += [Signal(**row) for row in rows]
    return found


def stored_on(monitor: Monitor, day: date) -> list[Signal]:
    """All signals that were written for *day*, step by step."""
    found: list[Signal] = []
    for step in dict.fromkeys(AREAS.values()):
        stamp = monitor.results.stamp(monitor.name, step, day)
        if stamp is not None:
            table = _table(monitor.results, monitor.name, step, day, stamp)
            found += [Signal(**row) for row in table.to_pylist()]
    return found


@lru_cache(maxsize=512)
def _table(results: ResultStore, model: str, step: str, day: date, _stamp: Stamp) -> pa.Table:
    """One file's signals, decoded once as long as nobody writes it anew."""
    note = (results.metadata(model, step, day) or {}).get(_SIGNALS)
    if note is None:
        return SCHEMA.empty_table()  # written before steps wrote signals
    with pa.ipc.open_stream(base64.b64decode(note)) as reader:
        return reader.read_all()
