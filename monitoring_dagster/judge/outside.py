"""Numbers from elsewhere, as the verdict of a day has them."""

from collections.abc import Iterator
from datetime import date
from math import nan

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.sources.rows.outside_series import values_by_day
from monitoring_dagster.store.monitor import Monitor


def outside_signals(monitor: Monitor, day: date) -> Iterator[Signal]:
    """The numbers from elsewhere that *day* has; NaN, with the reason, of a file that cannot be
    read."""
    for name, series in monitor.spec.signals.items():
        try:
            value = values_by_day(series, root=monitor.root).get(day)
        except MonitoringError as error:
            yield Signal.on(day, f"outside.{name}", nan, reason=str(error))
            continue
        if value is not None:
            yield Signal.on(day, f"outside.{name}", value, n=1)
