"""Signals of the days, as steps wrote them beside their results."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.decide.judging.judgement import USUAL_WEEKS
from monitoring_dagster.decide.rules import RULES
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


def signals(
    monitor: Monitor, *names: str, first: date, last: date, every_days: int = 1
) -> list[Signal]:
    """Every signal of these *names* that was written for a day from *first* to *last*, both
    included, or of every so many: step by step, and by day.

    A signal of quality is written for the day on which it was known, and is about the window that
    it names.
    """
    of_step: dict[str, list[str]] = {}
    for name in names:
        if (step := step_of(name)) is not None:
            of_step.setdefault(step, []).append(name)
    days = [first + timedelta(days=n) for n in range(0, (last - first).days + 1, every_days)]
    return [
        one
        for step, wanted in of_step.items()
        for day in days
        for one in _stored(monitor, step, day, wanted)
    ]


def limited_signals(monitor: Monitor, day: date) -> list[Signal]:
    """What the limits of the catalogue are about: of *day*, and of the same weekdays before it."""
    names = [rule.limit.signal for rule in RULES.values() if rule.limit is not None]
    return signals(
        monitor, *names, first=day - timedelta(weeks=USUAL_WEEKS), last=day, every_days=7
    )


def stored_on(monitor: Monitor, day: date) -> list[Signal]:
    """All signals that were written for *day*, step by step."""
    steps = dict.fromkeys(AREAS.values())
    return [one for step in steps for one in _stored(monitor, step, day)]


def _stored(
    monitor: Monitor, step: str, day: date, names: Sequence[str] | None = None
) -> list[Signal]:
    stamp = monitor.results.stamp(monitor.name, step, day)
    if stamp is None:
        return []
    table = _table(monitor.results, monitor.name, step, day, stamp)
    if names is not None:
        table = table.filter(pc.is_in(table["name"], pa.array(names)))
    return [Signal(**row) for row in table.to_pylist()]


@lru_cache(maxsize=512)
def _table(results: ResultStore, model: str, step: str, day: date, _stamp: Stamp) -> pa.Table:
    """One file's signals, decoded once as long as nobody writes it anew."""
    note = (results.metadata(model, step, day) or {}).get(_SIGNALS)
    if note is None:
        return SCHEMA.empty_table()  # written before steps wrote signals
    with pa.ipc.open_stream(base64.b64decode(note)) as reader:
        return reader.read_all()
