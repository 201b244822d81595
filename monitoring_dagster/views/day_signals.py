"""Signals of the days that are there before their labels, and might announce a loss."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import lru_cache
from math import isfinite

import numpy as np

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.sources.rows.outside_series import values_by_day
from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.store.days.champions import champion_on
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.days.signals import signals
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.version_reference import answer_columns, reference_of

_TOP_FEATURES = 10  # by importance; each further one makes the others harder to prove
_PSI = "drift.psi"
_NAMES = (
    _PSI,
    "drift.features",
    "prediction.mean",
    "prediction.confidence",
    "prediction.extreme_share",
    "service.error_rate",
    "labels.per_prediction",
)
_NAN = float("nan")


def signals_of(monitor: Monitor, days: Sequence[date], *, metric: str) -> dict[str, Floats]:
    """Every signal by its name, a number for each of *days*: shape ``(days,)``, NaN where unknown.

    From stored signals: PSI of the answers and of the ten most important features, how many
    features drifted, mean and confidence of the answers, the estimate of the *metric*, the
    service's error rate and the labels that arrived that day per prediction of it; of several
    versions those of the champion, else their mean by rows, against the first baseline. Then the
    spec's `signals`.

    Raises
    ------
    NoFiles, UnreadableTable, MixedTypes, UnknownColumn, UnusableSeries
        Of a signal of the spec.
    """
    outside = {
        name: values_by_day(one, root=monitor.root) for name, one in monitor.spec.signals.items()
    }
    places = {day: place for place, day in enumerate(days)}
    found: dict[tuple[str, str], dict[date, list[Signal]]] = {}
    champion = lru_cache(maxsize=None)(lambda day: _champion(monitor, day))
    for one in signals(monitor, *_NAMES, f"estimate.{metric}", first=days[0], last=days[-1]):
        if _is_of_first_baseline(monitor, one) and champion(one.day) in (None, "", one.version):
            found.setdefault((one.name, one.subject), {}).setdefault(one.day, []).append(one)
    left_out = _unimportant(monitor, found)
    series = {
        _title(*key): _series(by_day, places)
        for key, by_day in found.items()
        if key not in left_out
    }
    for name, values in outside.items():
        series[name] = np.array([values.get(day, _NAN) for day in days])
    return series


def _champion(monitor: Monitor, day: date) -> str | None:
    """The version whose numbers are the model's on *day*; None where it did not serve."""
    served = service_of(monitor, day).get("versions", {})
    champion = champion_on(monitor, day) if len(served) > 1 else None
    return champion if champion in served else None


def _is_of_first_baseline(monitor: Monitor, signal: Signal) -> bool:
    """Whether it is about all rows; of drift, against the first of the baselines."""
    first = monitor.spec.rules.drift.baselines[0].label
    is_drift = signal.name.startswith("drift.")
    return not signal.segment and (not is_drift or signal.baseline_name.startswith(first))


def _unimportant(
    monitor: Monitor, found: Mapping[tuple[str, str], Mapping[date, Sequence[Signal]]]
) -> Collection[tuple[str, str]]:
    """The PSI of the features beyond the most important ones."""
    answers, weight = answer_columns(monitor.spec), {}
    for (name, column), by_day in found.items():
        if name == _PSI and column not in answers:
            versions = {one.version for some in by_day.values() for one in some}
            weight[column] = max(_importance(monitor, version, column) for version in versions)
    ranked = sorted(weight, key=lambda column: (-weight[column], column))
    return {(_PSI, column) for column in ranked[_TOP_FEATURES:]}


def _importance(monitor: Monitor, version: str, column: str) -> float:
    reference = reference_of(monitor, version)
    return reference.importances.get(column, 0.0) if reference is not None else 0.0


def _title(name: str, subject: str) -> str:
    return f"{name} ({subject})" if subject else name


def _series(by_day: Mapping[date, Sequence[Signal]], places: Mapping[date, int]) -> Floats:
    """The mean by rows of each day's versions."""
    values = np.full(len(places), _NAN)
    for day, some in by_day.items():
        known = [one for one in some if isfinite(one.value)]
        rows = sum(max(one.n, 1) for one in known)
        if known:
            values[places[day]] = sum(one.value * max(one.n, 1) for one in known) / rows
    return values
