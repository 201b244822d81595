"""Usable rows and columns of a day, as its contract left them."""

import json
from datetime import date

from monitoring_dagster.store.monitor import Monitor

CONTRACT = "contract"
INVALID = "contract.invalid_share"  # signal: of the rows, those with a value that cannot be right
USABLE = "usable"  # metadata key: can the rows be counted at all?
QUIET = "quiet"  # metadata key: columns whose drift says nothing new
LEFT_OUT = "left_out"  # metadata key: columns that are not read


def quiet_columns(monitor: Monitor, day: date) -> frozenset[str]:
    """Columns whose breach was told already: their drift says nothing new."""
    notes = monitor.results.metadata(monitor.name, CONTRACT, day) or {}
    return frozenset(json.loads(notes.get(QUIET, "[]")))


def columns_left_out(monitor: Monitor, day: date) -> frozenset[str]:
    """Columns of which the contract said that they cannot be read."""
    notes = monitor.results.metadata(monitor.name, CONTRACT, day) or {}
    return frozenset(json.loads(notes.get(LEFT_OUT, "[]")))


def is_usable(monitor: Monitor, day: date) -> bool:
    """Whether the day's rows can be counted; true where the contract was never inspected."""
    return (monitor.results.metadata(monitor.name, CONTRACT, day) or {}).get(USABLE, "1") == "1"
