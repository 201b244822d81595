"""When did the labels of each day arrive, and how many are still to come?"""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np

from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.labels.late_labels import LabelMean, LateBias, late_bias
from monitoring_dagster.stats.labels.maturity import (
    WINDOW_DAYS,
    ArrivalCurve,
    arrival_curve,
    expected_labels,
)
from monitoring_dagster.store.days.known_labels import (
    BY_DAY,
    ONES,
    OUTCOMES,
    account_of,
    decision_days,
)
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.monitor import Monitor


def arrivals_of(monitor: Monitor, day: date, *, as_of: date) -> list[date]:
    """The days up to *as_of* on which labels of *day* came, were corrected, or were discarded or
    restored, in order."""
    accepted = labels_of(monitor.spec).accepted_days
    last = min(as_of, day + timedelta(days=accepted))
    days = (day + timedelta(days=n) for n in range((last - day).days + 1))
    came = {one for one in days if str(day) in _by_day(monitor, one)}
    return sorted(came.union(decision_days(monitor, day, as_of=as_of)))


def labelled_by(monitor: Monitor, as_of: date, *, days: int) -> dict[str, int]:
    """Labels that had arrived by the end of *as_of* in the last so many days, by prediction day."""
    total: dict[str, int] = {}
    for n in range(days):
        for served, labels in _by_day(monitor, as_of - timedelta(days=n)).items():
            total[served] = total.get(served, 0) + labels
    return total


def curve_on(monitor: Monitor, as_of: date) -> ArrivalCurve | None:
    """How soon labels arrive, as learnt by the end of *as_of*; None before a week is complete."""
    triangle, predictions = triangle_on(monitor, as_of)
    return arrival_curve(triangle, predictions) if predictions.size else None


def triangle_on(monitor: Monitor, as_of: date) -> tuple[Floats, Floats]:
    """Labels by prediction day (oldest first) and lag, NaN where not known; and predictions."""
    lags = labels_of(monitor.spec).mature_after_days + 1
    stored = monitor.results.days(monitor.name, OUTCOMES)
    first = as_of - timedelta(days=WINDOW_DAYS + lags)
    days = [first + timedelta(days=n) for n in range((as_of - first).days + 1)]
    days = [day for day in days if stored and day >= stored[0]]
    place = {str(day): row for row, day in enumerate(days)}
    triangle = np.full((len(days), lags), np.nan)
    for row, day in enumerate(days):
        known = (as_of - day).days + 1
        triangle[row, :known] = 0.0
    for arrival in days:
        for served, labels in _by_day(monitor, arrival).items():
            lag = (arrival - date.fromisoformat(served)).days
            if served in place and lag < lags:
                triangle[place[served], lag] = max(labels, 0)
    return triangle, np.array([service_of(monitor, day).get("counted", 0) for day in days], float)


def late_bias_on(
    monitor: Monitor, day: date, *, as_of: date, curve: ArrivalCurve
) -> LateBias | None:
    """Do binary labels that come late differ from early ones, and what does *day* hide by it?

    Learnt from the days whose wait is over; late is later than half of the labels.
    """
    wait = labels_of(monitor.spec).mature_after_days
    first = as_of - timedelta(days=WINDOW_DAYS + wait)
    early, late, known = np.zeros(2, int), np.zeros(2, int), np.zeros(2, int)
    for n in range((as_of - first).days + 1):
        arrival = first + timedelta(days=n)
        account = account_of(monitor, arrival)
        if account.get(BY_DAY) and ONES not in account:
            return None  # not a binary model
        for served, labels in account.get(BY_DAY, {}).items():
            counts = np.array([account[ONES].get(served, 0), labels])
            since = date.fromisoformat(served)
            if since == day:
                known += counts
            elif (as_of - since).days >= wait:
                if (arrival - since).days <= curve.p50_days:
                    early += counts
                else:
                    late += counts
    expected = expected_labels(
        curve,
        predictions=service_of(monitor, day).get("counted", 0),
        arrived=int(known[1]),
        lag_days=(as_of - day).days,
    )
    return late_bias(
        LabelMean.of_counts(*early.clip(0).tolist()),
        LabelMean.of_counts(*late.clip(0).tolist()),
        known=LabelMean.of_counts(*known.clip(0).tolist()),
        missing=expected - max(int(known[1]), 0),
    )


def _by_day(monitor: Monitor, arrival: date) -> Mapping[str, int]:
    """Labels that arrived then, less those they replaced, by prediction day."""
    found: Mapping[str, int] = account_of(monitor, arrival).get(BY_DAY, {})
    return found
