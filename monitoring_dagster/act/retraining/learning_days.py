"""Prediction days whose labels are known well enough to train and to compare on."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from monitoring_dagster.act.retraining.enough_labels import LabelState, LearningDay, LearningDays
from monitoring_dagster.measure.quality.arrivals import curve_on, labelled_by
from monitoring_dagster.sources.rows.rows import days_available
from monitoring_dagster.spec.model import labels_of
from monitoring_dagster.stats.labels.maturity import ArrivalCurve, Maturity, maturity
from monitoring_dagster.store.days.profiles import PROFILE, service_of
from monitoring_dagster.store.days.quarantined_days import why_quarantined
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.days.usable_rows import INVALID, is_usable
from monitoring_dagster.store.monitor import Monitor


def learning_days(monitor: Monitor, as_of: date) -> LearningDays:
    """The newest days with mature labels, as many as a retraining takes, and those after them.

    A day counts once no more of its labels are waited for, or nearly all have come by the usual
    delays, as for any verdict on quality, and at least ``labels.min_coverage`` of its predictions
    have one: a day with a quarter of its labels holds only the quick ones. A day in quarantine
    never counts, and days on which nothing was served do not. Days that were never profiled count
    by their age alone.
    """
    policy = monitor.spec.retraining
    assert policy is not None, "a model without retraining learns from no day"
    wanted = policy.train_days + policy.holdout_days
    curve = curve_on(monitor, as_of)
    found: list[LearningDay] = []
    known = 0
    for day, labelled in _served(monitor, as_of, days=wanted):
        one = _judged(monitor, day, labelled, as_of=as_of, curve=curve)
        if one is None:
            continue
        found.append(one)
        known += one.state is LabelState.KNOWN
        if known == wanted:
            break
    wait = labels_of(monitor.spec).mature_after_days
    return LearningDays(as_of, tuple(reversed(found)), policy, wait)


def _served(monitor: Monitor, as_of: date, *, days: int) -> Iterator[tuple[date, int]]:
    """The days that may have been served, newest first, and how many labels each has."""
    spec, log = monitor.spec, monitor.spec.predictions
    profiled = monitor.results.days(monitor.name, PROFILE)
    if log.path is not None:
        there = {*days_available(log, root=monitor.root)}
    else:  # nobody knows without reading it all on which days a table has rows
        before = min([*profiled, as_of + timedelta(days=1)])
        reach = days + labels_of(spec).mature_after_days
        there = {*profiled, *(before - timedelta(days=n + 1) for n in range(reach))}
    first = min(there, default=as_of)
    arrived: Counter[str] = Counter()
    for n in range((as_of - first).days + 1):
        day = as_of - timedelta(days=n)
        arrived.update(labelled_by(monitor, day, days=1))
        if day in there:
            yield day, max(arrived[str(day)], 0)


def _judged(
    monitor: Monitor, day: date, labelled: int, *, as_of: date, curve: ArrivalCurve | None
) -> LearningDay | None:
    """What one day is worth; None where nothing was served."""
    labels = labels_of(monitor.spec)
    service: Mapping[str, object] = service_of(monitor, day)
    predictions = int(str(service.get("counted", 0)))
    rows, invalid = _invalid_rows(monitor, day)
    if why := why_quarantined(monitor, day):
        state = LabelState.QUARANTINED
        return LearningDay(day, state, predictions, labelled, why, rows, invalid)
    if service and not predictions:
        # What could not be read that day has no rows in the results.
        is_spoilt = "error" in service or not is_usable(monitor, day)
        return LearningDay(day, LabelState.UNUSABLE, 0, labelled) if is_spoilt else None
    known = maturity(
        curve if service else None,
        predictions=predictions,
        arrived=labelled,
        lag_days=(as_of - day).days,
        mature_after_days=labels.mature_after_days,
    )
    state = LabelState.WAITING
    if known.maturity is Maturity.MATURE:
        is_enough = not service or (labelled >= max(labels.min_coverage * predictions, 1))
        state = LabelState.KNOWN if is_enough else LabelState.THIN
    return LearningDay(day, state, predictions, labelled, "", rows, invalid)


def _invalid_rows(monitor: Monitor, day: date) -> tuple[int, int]:
    """How many rows the contract read, and how many of them have a value that cannot be right."""
    found = signals(monitor, INVALID, first=day, last=day)
    return (int(found[0].total), int(found[0].good)) if found else (0, 0)
