"""Which version served, and whether a change in quality is the traffic's, a version's, the inputs'
or the relation's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite, nan
from typing import Any

import pyarrow as pa

from monitoring_dagster.decide.signal import Signal, readable
from monitoring_dagster.errors import escaped
from monitoring_dagster.measure.attribution.change_parts import (
    BY_VERSION,
    CHANGE,
    MIX,
    WITHIN,
    SplitBy,
    change_signals,
    splits_of,
)
from monitoring_dagster.measure.attribution.serving_versions import serving_versions
from monitoring_dagster.measure.attribution.version_effects import VERSION_EFFECT, version_effects
from monitoring_dagster.measure.attribution.windows import Windows, windows_of
from monitoring_dagster.measure.step import Row, StepReport
from monitoring_dagster.store.days.known_labels import OUTCOMES
from monitoring_dagster.store.monitor import Monitor

STEP = "attribution"
_FLOATS = (
    "share_before", "share_now", "quality_before", "quality_now", "mix", "within", "traffic",
    "psi", "latency_p99_ms",
)  # fmt: skip
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("dimension", "value", "metric")),
        *((name, pa.float64()) for name in _FLOATS),
        ("labelled", pa.int64()),
        ("drifted_most", pa.string()),
        ("first_seen", pa.date32()),
        ("last_seen", pa.date32()),
    ]
)


@dataclass(frozen=True)
class Attributed:
    """Causes of a change in quality, as known on one day: signals, and the parts behind them."""

    windows: Windows | None  # None: the day has too few labels
    splits: Sequence[SplitBy]
    signals: Sequence[Signal]


def run(monitor: Monitor, day: date) -> StepReport:
    """Split the change of quality up to *day*, with every label that is there now."""
    as_of = max([day, *monitor.results.days(monitor.name, OUTCOMES)])
    found = attributed(monitor, day, as_of=as_of)
    records = _records(monitor, found)
    monitor.results.write(monitor.name, STEP, day, pa.Table.from_pylist(records, schema=SCHEMA))
    if found.windows is None:
        return StepReport(words={"attribution": "too few labels for a verdict on this day"})
    shown: list[Row] = [
        {
            "version": one["value"],
            "traffic": _rounded(one["traffic"]),
            "quality": _rounded(one["quality_now"]),
            "before": _rounded(one["quality_before"]),
            "psi": _rounded(one["psi"]),
            "first seen": str(one["first_seen"] or ""),
            "last seen": str(one["last_seen"] or ""),
        }
        for one in records
        if one["dimension"] == BY_VERSION
    ]
    return StepReport(
        numbers=_numbers(found), words={"attribution": _words(found)}, table=shown
    )  # fmt: skip


def attributed(monitor: Monitor, day: date, *, as_of: date) -> Attributed:
    """The causes of the change up to *day*, as known on *as_of*: the same answer whenever asked.

    Raises
    ------
    UnusableMetric
    """
    windows = windows_of(monitor, day, as_of=as_of)
    if windows is None:
        return Attributed(None, (), ())
    splits = splits_of(windows)
    signals = [
        *change_signals(windows, splits),
        *version_effects(monitor, windows, splits[0] if splits else None),
    ]
    return Attributed(windows, splits, signals)


def _records(monitor: Monitor, found: Attributed) -> list[dict[str, Any]]:
    """Every group of every split; versions with what else is known of them."""
    if found.windows is None:
        return []
    versions = serving_versions(monitor, found.windows)
    metric = found.windows.metric
    records = []
    for by in found.splits:
        for value, part in zip(by.values, by.split.groups, strict=True):
            records.append(
                {"dimension": by.dimension, "value": value, "metric": metric.label,
                 "share_before": part.share_before, "share_now": part.share_now,
                 "quality_before": metric.sign * part.mean_before,
                 "quality_now": metric.sign * part.mean_now, "mix": part.mix,
                 "within": part.within,
                 **(versions.pop(value, {}) if by.dimension == BY_VERSION else {})}
            )  # fmt: skip
    records += [
        {"dimension": BY_VERSION, "value": version, "metric": metric.label, **of}
        for version, of in versions.items()
    ]
    return [{**dict.fromkeys(_FLOATS, nan), **one} for one in records]


def _numbers(found: Attributed) -> dict[str, int | float]:
    """The whole, to be plotted day by day."""
    plotted = {CHANGE: "change", MIX: "mix", WITHIN: "within"}
    numbers: dict[str, int | float] = {}
    for one in found.signals:
        is_whole = one.subject == BY_VERSION if one.name in (MIX, WITHIN) else True
        if not is_whole or not isfinite(one.value) or one.segment:
            continue
        if one.name in plotted and not one.version:
            numbers.setdefault(plotted[one.name], one.value)
        elif one.name == VERSION_EFFECT:
            numbers["version_effect"] = numbers.get("version_effect", 0.0) + one.value
    return numbers


def _words(found: Attributed) -> str:
    """The change and its parts, in one sentence each."""
    windows = found.windows
    assert windows is not None, "a day without a verdict has no parts"
    change = next(one for one in found.signals if one.name == CHANGE and not one.version)
    if not isfinite(change.value):
        return change.reason
    label = windows.metric.label
    direction = "worse" if change.value > 0 else "better"
    said = [
        f"{label} is {readable(abs(change.value))} {direction} than"
        f" {readable(change.baseline)} before ({windows.before_name})"
    ]
    whole = {one.name: one for one in found.signals if one.subject == BY_VERSION
             and not one.version}  # fmt: skip
    said.append(
        f"{_part(whole[MIX])} by traffic that moved between versions, {_part(whole[WITHIN])} within"
        " versions"
    )
    for one in found.signals:
        if one.name == VERSION_EFFECT:
            part = f"{_part(one)}: " if isfinite(one.value) else ""
            said.append(f"{part}{one.reason}")
    return escaped(". ".join(said))


def _part(one: Signal) -> str:
    interval = (
        f" ({readable(one.low, sign='+')} to {readable(one.high, sign='+')})"
        if isfinite(one.low)
        else ""
    )
    return f"{readable(one.value, sign='+')}{interval}"


def _rounded(value: float) -> float | None:
    return round(value, 4) if isfinite(value) else None
