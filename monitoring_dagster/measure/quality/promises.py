"""Promises of a version: what each metric is measured against, on any day."""

from collections.abc import Hashable, Mapping
from datetime import date, timedelta
from math import isfinite, nan, sqrt

from monitoring_dagster.measure.quality.model_metrics import label_of, metrics_of, own_metric
from monitoring_dagster.spec.metrics import MetricDefinition
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.columns.column_profile import NumericProfile
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.performance import HIGHER_IS_BETTER, Metric, label_spread
from monitoring_dagster.store.days.champions import first_champion
from monitoring_dagster.store.days.known_labels import OUTCOMES, outcomes_by_day
from monitoring_dagster.store.models.registry import RegistryUnavailable
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.version_reference import reference_of, role_columns

BASELINE_DAYS = 28  # before a definition becomes valid
_SHARES = HIGHER_IS_BETTER - {"r2"}
_LOSSES = {"log_loss", "brier", "ece", "mae", "rmse", "mse", "mape"}


def promise_of(monitor: Monitor, group: Group, name: str, day: date) -> float | None:
    """The baseline of a metric on *day*; None where there is none, or the definition is not the one
    that the day is judged by.

    In this order: what was registered with the version; its reference's own labelled rows; of a
    metric of the owner's, the days before it became valid. A segment has its own rows' metric, and
    is moved by `level_shift` to where the whole's baseline is.
    """
    definition = monitor.spec.definition(name)
    if definition is not None and not definition.judged_on(day):
        return None
    reference = reference_of(monitor, group.version)
    if reference is None:
        return None
    own = _of_reference(monitor.spec, reference, group, name)
    if group.segment and isfinite(own):
        return _inside(name, own + level_shift(monitor.spec, reference, name))
    registered = nan if group.segment else reference.baseline.get(name, nan)
    if isfinite(registered):
        return registered
    if isfinite(own):
        return own
    return _before(monitor, group, definition) if definition else None


def first_with_promise(monitor: Monitor, day: date) -> str | None:
    """The first champion, where its reference can be had: days are judged while MLflow is down, and
    that of a version which serves no more may never have been read."""
    first = first_champion(monitor, day) if monitor.spec.labels is not None else None
    try:
        known = first is not None and reference_of(monitor, first) is not None
    except RegistryUnavailable:
        return None
    return first if known else None


def unpromised(monitor: Monitor, group: Group, day: date) -> list[str]:
    """The judged metrics that nothing was promised for on *day*: nobody can say whether they are
    worse."""
    return [
        name
        for name in monitor.spec.tolerances
        if ((own := monitor.spec.definition(name)) is None or own.judged_on(day))
        and promise_of(monitor, group, name, day) is None
    ]


def compared(monitor: Monitor, day: date, found: Mapping[Group, Mapping[str, Metric]]) -> list[str]:
    """The judged metrics that are known of all rows of a version, and have a baseline on *day*."""
    whole = {group: metrics for group, metrics in found.items() if not group.segment}
    return [
        name
        for name in monitor.spec.tolerances
        if any(
            name in metrics
            and isfinite(metrics[name].value)
            and promise_of(monitor, group, name, day) is not None
            for group, metrics in whole.items()
        )
    ]


def as_row(
    monitor: Monitor, group: Group, name: str, metric: Metric, day: date
) -> dict[str, str | int | float | None]:
    """A metric beside its baseline, for the table that Dagster shows."""
    promise = promise_of(monitor, group, name, day)
    return {
        "group": label_of(group),
        "metric": name,
        "estimate": round(metric.value, 4),
        "low": round(metric.low, 4),
        "high": round(metric.high, 4),
        "baseline": None if promise is None else round(promise, 4),
        "n": metric.n,
    }


def level_shift(spec: ModelSpec, reference: Reference, name: str) -> float:
    """What was registered, less what the reference's own rows say; 0 where either is unknown.

    The level of a baseline is the holdout's: newer rows, and the very model that serves. How far
    segments lie apart is the reference's, which has rows enough for them. Moved by this, segments
    and whole have one baseline: by its rows, the mean of the segments is that of the whole.
    """
    registered = reference.baseline.get(name, nan)
    shift = registered - _of_reference(spec, reference, Group(reference.version), name)
    return shift if isfinite(shift) else 0.0


def at_level(spec: ModelSpec, reference: Reference, name: str, metric: Metric) -> Metric:
    """A segment's *metric* over the reference's own rows, moved to the level of the whole's
    baseline with its interval."""
    moved = _inside(name, metric.value + level_shift(spec, reference, name))
    by = moved - metric.value
    return Metric(moved, metric.low + by, metric.high + by, metric.n)


def spread_of(monitor: Monitor, version: str) -> float:
    """The label's standard deviation where the version was made; NaN where nothing tells it.

    Of the reference's own labels, else of the answers that it holds: what the model says varies
    somewhat less than what is true.
    """
    reference = reference_of(monitor, version)
    if reference is None:
        return nan
    whole = Group(version)
    spread = label_spread(reference.outcomes.get(whole, Outcomes(monitor.spec.task)))
    if isfinite(spread):
        return spread
    columns = reference.profiles[whole].columns if whole in reference.profiles else {}
    answers = columns.get(role_columns(monitor.spec)[0])
    if not isinstance(answers, NumericProfile) or not answers.finite:
        return nan
    if monitor.spec.task == "regression":
        return sqrt(answers.variance)
    return sqrt(max(answers.mean * (1 - answers.mean), 0.0))


def _inside(name: str, value: float) -> float:
    """*value*, but no share above 1 and no loss below 0."""
    if name in _SHARES:
        return min(max(value, 0.0), 1.0)
    return max(value, 0.0) if name in _LOSSES else value


def _of_reference(spec: ModelSpec, reference: Reference, group: Group, name: str) -> float:
    """The metric over the reference's own labelled rows; NaN where it has none."""
    definition, outcomes = spec.definition(name), reference.outcomes.get(group)
    if outcomes is None or definition in spec.row_metrics:
        return nan
    key = group, definition.model_dump_json() if definition else ""
    if key not in reference.asked:
        own = [definition] if definition else []
        found = metrics_of(spec, outcomes, own=own)
        reference.asked[key] = {label: metric.value for label, metric in found.items()}
    return reference.asked[key].get(name, nan)


def _before(monitor: Monitor, group: Group, definition: MetricDefinition) -> float | None:
    """The metric over the days before its definition became valid, as known when it did."""
    if definition.valid_from is None:
        return None
    eve = definition.valid_from - timedelta(days=1)
    stamps = tuple(
        monitor.results.stamp(monitor.name, OUTCOMES, eve - timedelta(days=n))
        for n in range(BASELINE_DAYS)
    )
    scores = definition.value is None
    key = monitor.results, monitor.name, eve, stamps, scores, group.segment
    if key not in _totals:
        _totals.clear()  # one window at a time: it is asked for again and again
        _totals[key] = _total(monitor, eve, scores=scores, segment=group.segment)
    outcomes = _totals[key].get(group)
    value = own_metric(monitor.spec, definition, outcomes).value if outcomes else nan
    return value if isfinite(value) else None


_totals: dict[Hashable, dict[Group, Outcomes]] = {}


def _total(monitor: Monitor, eve: date, *, scores: bool, segment: str) -> dict[Group, Outcomes]:
    first = eve - timedelta(days=BASELINE_DAYS - 1)
    found: dict[Group, Outcomes] = {}
    for of_day in outcomes_by_day(
        monitor, first, eve, as_of=eve, scores=scores, segment=segment
    ).values():
        for group, one in of_day.items():
            found[group] = found[group] + one if group in found else one
    return found
