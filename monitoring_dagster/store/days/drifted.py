"""Drift of a day, as it was stored."""

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.stats.drift.drift_verdict import Verdict
from monitoring_dagster.store.monitor import Monitor

DRIFT = "drift"  # the step that stores it
JUDGED_BY = "judged_by"  # metadata key: the rules of drift, as they stood
Record = dict[str, Any]  # one column of one group against one baseline


def drifted_records(table: pa.Table) -> list[Record]:
    """What drifted, of the stored columns of a day; few of them, so that the others need not be
    decoded."""
    if not table.num_rows:
        return []
    found: list[Record] = table.filter(pc.equal(table["verdict"], str(Verdict.DRIFT))).to_pylist()
    return found


def drifted_columns(monitor: Monitor, day: date) -> set[tuple[str, str]]:
    """Version and column of what drifted on *day*."""
    return {(one["version"], one["column"]) for one in _drifted(monitor, day) if not one["segment"]}


def scores_drift(monitor: Monitor, day: date) -> bool:
    """Whether scores or predictions of the day are spread otherwise than usual."""
    return any(one["role"] == "answer" for one in _drifted(monitor, day))


def _drifted(monitor: Monitor, day: date) -> list[Record]:
    table = monitor.results.read(monitor.name, DRIFT, day)
    return drifted_records(table) if table is not None else []
