"""Estimates of a day, as they were stored."""

from datetime import date

from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.store.monitor import Monitor

ESTIMATE = "estimate"


def estimates_of(monitor: Monitor, day: date) -> dict[Group, dict[str, Metric]]:
    """What was estimated of one day; empty where nothing was."""
    found: dict[Group, dict[str, Metric]] = {}
    table = monitor.results.read(monitor.name, ESTIMATE, day)
    for row in table.to_pylist() if table is not None else ():
        group = Group(row["version"], row["segment"], row["value"])
        metric = Metric(row["estimate"], row["low"], row["high"], row["n"])
        found.setdefault(group, {})[row["metric"]] = metric
    return found
