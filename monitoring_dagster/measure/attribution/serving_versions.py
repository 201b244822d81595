"""Versions side by side: traffic, quality, drift and latency, first and last seen."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from math import isfinite, nan
from typing import Any

import numpy as np
import pyarrow.compute as pc

from monitoring_dagster.measure.attribution.windows import Windows
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.store.days.drifted import DRIFT
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.monitor import Monitor

_ALONE = 0.99  # of the day's rows: then its latency is the version's


def serving_versions(monitor: Monitor, windows: Windows) -> dict[str, dict[str, Any]]:
    """By version that served in either window: the days on which it was first and last seen there,
    its share of all rows now, the largest drift of any of its columns, and its latency.

    Latency is counted for all rows of a day: it is known of versions that served days alone.
    """
    days = [
        windows.first_before + timedelta(days=n)
        for n in range((windows.last - windows.first_before).days + 1)
    ]
    rows = {day: _rows(service_of(monitor, day)) for day in days}
    now = [day for day in days if day >= windows.first]
    total = sum(sum(rows[day].values()) for day in now)
    found = {}
    for version in sorted({version for of_day in rows.values() for version in of_day}):
        seen = [day for day in days if rows[day].get(version)]
        served = sum(rows[day].get(version, 0) for day in now)
        found[version] = {
            "first_seen": seen[0],
            "last_seen": seen[-1],
            "traffic": served / total if total else nan,
            "latency_p99_ms": _latency(monitor, version, [day for day in now if rows[day]], rows),
            "labelled": round(windows.total(Group(version)).n),
            "psi": nan,
            "drifted_most": "",
        }
    for version, column, psi in _largest_drift(monitor, windows.last):
        if version in found:
            found[version] |= {"psi": psi, "drifted_most": column}
    return found


def _rows(service: Mapping[str, Any]) -> dict[str, int]:
    return {version: n for version, n in service.get("versions", {}).items() if version and n}


def _latency(
    monitor: Monitor, version: str, days: list[date], rows: Mapping[date, Mapping[str, int]]
) -> float:
    """The median over those *days* on which it served alone, of all stages the slowest."""
    known = []
    for day in days:
        if rows[day].get(version, 0) >= _ALONE * sum(rows[day].values()):
            stages = service_of(monitor, day).get("latency_ms", {})
            known += [max((one.get("p99", nan) for one in stages.values()), default=nan)]
    known = [one for one in known if isfinite(one)]
    return float(np.median(known)) if known else nan


def _largest_drift(monitor: Monitor, day: date) -> Iterator[tuple[str, str, float]]:
    """Of each version the column of largest PSI, against any baseline."""
    table = monitor.results.read(monitor.name, DRIFT, day)
    if table is None or not table.num_rows:
        return
    records = table.filter(pc.equal(table["segment"], "")).select(["version", "column", "psi"])
    largest: dict[str, tuple[str, float]] = {}
    for one in records.to_pylist():
        psi = one["psi"]
        if psi is not None and isfinite(psi) and psi > largest.get(one["version"], ("", -1.0))[1]:
            largest[one["version"]] = (one["column"], psi)
    for version, (column, psi) in largest.items():
        yield version, column, psi
