"""Which numbers of a day are there before its labels, and might announce a loss?"""

from collections.abc import Iterable, Sequence
from datetime import date
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from monitoring_dagster.sources.rows.outside_series import values_by_day
from monitoring_dagster.stats.columns.bins import NumericBins
from monitoring_dagster.stats.columns.column_profile import NumericProfile
from monitoring_dagster.stats.columns.profile import profiles_from_table
from monitoring_dagster.stats.columns.values import Floats
from monitoring_dagster.stats.drift.drift_verdict import Verdict
from monitoring_dagster.stats.estimation.confidence import confidence_of
from monitoring_dagster.store.days.champions import champion_on
from monitoring_dagster.store.days.drifted import DRIFT
from monitoring_dagster.store.days.estimated import estimates_of
from monitoring_dagster.store.days.known_labels import BY_DAY, account_of
from monitoring_dagster.store.days.profiles import PROFILE, service_of
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.version_reference import reference_of, role_columns

_TOP_FEATURES = 10  # by importance; each further one makes the others harder to prove
_NAN = float("nan")
_DRIFT_COLUMNS = ["version", "column", "role", "kind", "verdict", "psi", "mean_current",
                  "n_current", "importance"]  # fmt: skip

_Numbers = dict[str, float]


class _Drifts(NamedTuple):
    """What the drift step said of one day's whole rows."""

    numbers: _Numbers
    psi: _Numbers  # of features
    importance: _Numbers


def signals_of(monitor: Monitor, days: Sequence[date], *, metric: str) -> dict[str, Floats]:
    """Every signal by its name, a number for each of *days*: shape ``(days,)``, NaN where unknown.

    From stored results: PSI and mean of the answers, PSI of the ten most important features, how
    many features drifted, how sure the scores were, the estimate of the *metric*, the service's
    error rate and the labels that arrived that day per prediction of it; of several versions those
    of the champion, against the first baseline. Then the spec's `signals`.

    Raises
    ------
    NoFiles, UnreadableTable, MixedTypes, UnknownColumn, UnusableSeries
        Of a signal of the spec.
    """
    outside = {
        name: values_by_day(one, root=monitor.root) for name, one in monitor.spec.signals.items()
    }
    versions = [_champion(monitor, day) for day in days]
    drifts = [_drift(monitor, day, one) for day, one in zip(days, versions, strict=True)]
    found = [
        drift.numbers
        | _scores(monitor, day, version)
        | _estimate(monitor, day, version, metric)
        | _service(monitor, day)
        for day, version, drift in zip(days, versions, drifts, strict=True)
    ]
    names = list(dict.fromkeys(name for one in found for name in one))
    return {
        **{name: _series(one.get(name) for one in found) for name in names},
        **{
            f"psi of {column}": _series(one.psi.get(column) for one in drifts)
            for column in _most_important(drifts)
        },
        **{name: _series(values.get(day) for day in days) for name, values in outside.items()},
    }


def _champion(monitor: Monitor, day: date) -> str | None:
    """The version whose numbers are the model's on *day*; None where it did not serve."""
    served = service_of(monitor, day).get("versions", {})
    champion = champion_on(monitor, day) if len(served) > 1 else None
    return champion if champion in served else None


def _series(values: Iterable[float | None]) -> Floats:
    return np.array([one if one is not None and isfinite(one) else _NAN for one in values])


def _most_important(drifts: Sequence[_Drifts]) -> list[str]:
    weight: _Numbers = {}
    for one in drifts:
        for column in one.psi:
            weight[column] = max(weight.get(column, 0.0), one.importance.get(column, 0.0))
    return sorted(weight, key=lambda column: (-weight[column], column))[:_TOP_FEATURES]


def _drift(monitor: Monitor, day: date, version: str | None) -> _Drifts:
    """Of whole rows of one *version*; of all, a column is their mean by rows."""
    table = monitor.results.read(monitor.name, DRIFT, day)
    if table is None:
        return _Drifts({}, {}, {})
    first = monitor.spec.rules.drift.baselines[0].label
    whole = pc.and_(
        pc.equal(table["segment"], ""), pc.starts_with(table["baseline"], pattern=first)
    )
    by_column: dict[str, list[dict[str, Any]]] = {}
    for row in table.filter(whole).select(_DRIFT_COLUMNS).to_pylist():
        if version in (None, row["version"]):
            by_column.setdefault(row["column"], []).append(row)
    answers = role_columns(monitor.spec)
    features = {name: some for name, some in by_column.items() if some[0]["role"] == "feature"}
    numbers: _Numbers = {}
    for name in answers:
        some = by_column.get(name, [])
        numbers[f"psi of {name}"] = _mean((one["psi"], one["n_current"]) for one in some)
        if some and some[0]["kind"] == "numeric":
            means = ((one["mean_current"], one["n_current"]) for one in some)
            numbers[f"mean of {name}"] = _mean(means)
    if features:
        drifted = [
            name
            for name, some in features.items()
            if any(one["verdict"] == Verdict.DRIFT for one in some)
        ]
        numbers["drifted features"] = float(len(drifted))
    psi = {
        name: _mean((one["psi"], one["n_current"]) for one in some)
        for name, some in features.items()
    }
    importance = {
        name: max(one["importance"] or 0.0 for one in some) for name, some in features.items()
    }
    return _Drifts(numbers, psi, importance)


def _mean(weighted: Iterable[tuple[float | None, int]]) -> float:
    """Of pairs of a value and its rows; NaN without any."""
    known = [(value, rows) for value, rows in weighted if value is not None and isfinite(value)]
    total = sum(rows for _, rows in known)
    return sum(value * rows for value, rows in known) / total if total else _NAN


def _scores(monitor: Monitor, day: date, version: str | None) -> _Numbers:
    """How sure the day's scores were; no other column of its profiles is decoded."""
    score = monitor.spec.predictions.score
    table = monitor.results.read(monitor.name, PROFILE, day)
    if score is None or monitor.spec.task == "regression" or table is None or not table.num_rows:
        return {}
    own = pc.and_(pc.equal(table["segment"], ""), pc.equal(table["column"], score))
    found = []
    for group, profile in profiles_from_table(table.filter(own)).items():
        if version not in (None, group.version):
            continue
        reference, scores = reference_of(monitor, group.version), profile.columns[score]
        bins = reference.bins.get(score) if reference is not None else None
        if isinstance(scores, NumericProfile) and isinstance(bins, NumericBins):
            found.append((confidence_of(scores, bins), scores.finite))
    return {
        f"confidence of {score}": _mean((one.mean_max_probability, n) for one, n in found),
        f"extremes of {score}": _mean((one.extreme_share, n) for one, n in found),
    }


def _estimate(monitor: Monitor, day: date, version: str | None, metric: str) -> _Numbers:
    whole = [
        one
        for group, one in estimates_of(monitor, day).items()
        if not group.segment and version in (None, group.version)
    ]
    known = [one[metric] for one in whole if metric in one]
    return {f"estimated {metric}": _mean((one.value, one.n) for one in known)} if known else {}


def _service(monitor: Monitor, day: date) -> _Numbers:
    service = service_of(monitor, day)
    if not service.get("counted"):
        return {}
    arrived = sum(account_of(monitor, day).get(BY_DAY, {}).values())
    return {
        "error rate": service.get("error_rate", _NAN),
        "arrived labels": arrived / service["counted"],
    }
