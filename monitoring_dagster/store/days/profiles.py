"""Profiles of a day, and what its rows say about the service."""

import json
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile, profiles_from_table
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.results import ResultStore, Stamp

PROFILE = "profile"  # it counts them, in its one pass over the rows
SERVICE = "service"  # metadata key


def service_of(monitor: Monitor, day: date) -> Mapping[str, Any]:
    """Rows, errors and latencies of one day; empty where it was not profiled."""
    notes = monitor.results.metadata(monitor.name, PROFILE, day) or {}
    return dict(_service(notes.get(SERVICE, "{}")))


@lru_cache(maxsize=512)
def _service(written: str) -> Mapping[str, Any]:
    """What one day noted, read once however many days look back at it."""
    found: Mapping[str, Any] = json.loads(written)
    return found


def profiles_of(monitor: Monitor, day: date) -> Mapping[Group, Profile]:
    """The stored profiles of one day; empty where it was not profiled."""
    stamp = monitor.results.stamp(monitor.name, PROFILE, day)
    return _decoded(monitor.results, monitor.name, day, stamp) if stamp else {}


def why_no_profile(monitor: Monitor, day: date) -> str:
    """Why a day has no row that is judged."""
    rows_ = service_of(monitor, day).get("rows")
    if not rows_:
        return f"no rows on {day}, see contract:schema"
    return f"none of {rows_:,} rows on {day} is judged (errors, fallback or synthetic)"


@lru_cache(maxsize=128)
def _decoded(results: ResultStore, model: str, day: date, _stamp: Stamp) -> Mapping[Group, Profile]:
    """One day, decoded once as long as nobody writes it anew: each evaluation looks at several."""
    table = results.read(model, PROFILE, day)
    return profiles_from_table(table) if table is not None else {}
