"""What a stored day says about the service: how many requests, of which versions, how well."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from monitoring_dagster.store.monitor import Monitor

STEP = "profile"  # it counts them, in its one pass over the rows
SERVICE = "service"  # metadata key


def service_of(monitor: Monitor, day: date) -> Mapping[str, Any]:
    """Rows, errors and latencies of one day; empty where it was not profiled."""
    found: Mapping[str, Any] = json.loads(
        (monitor.results.metadata(monitor.name, STEP, day) or {}).get(SERVICE, "{}")
    )
    return found
