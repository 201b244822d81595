"""Drift of a day, as it was stored."""

from datetime import date
from typing import Any

from monitoring_dagster.stats.drift.drift_verdict import Verdict
from monitoring_dagster.store.monitor import Monitor

DRIFT = "drift"  # the step that stores it
Record = dict[str, Any]  # one column of one group against one baseline


def drifted_columns(monitor: Monitor, day: date) -> set[tuple[str, str]]:
    """Version and column of what drifted on *day*."""
    table = monitor.results.read(monitor.name, DRIFT, day)
    columns = ["version", "segment", "column", "verdict"]
    return {
        (row["version"], row["column"])
        for row in (table.select(columns).to_pylist() if table is not None else ())
        if not row["segment"] and row["verdict"] == Verdict.DRIFT
    }


def scores_drift(monitor: Monitor, day: date) -> bool:
    """Whether scores or predictions of the day are spread otherwise than usual."""
    table = monitor.results.read(monitor.name, DRIFT, day)
    return table is not None and any(
        row["role"] == "answer" and row["verdict"] == Verdict.DRIFT
        for row in table.select(["role", "verdict"]).to_pylist()
    )
