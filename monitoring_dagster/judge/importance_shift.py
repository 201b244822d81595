"""Versions that lean on other features than the one before them."""

from collections.abc import Collection, Iterator
from datetime import date, timedelta

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.stats.drift.importance import rank_correlation, shared_weight
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.version_reference import reference_of

_NEW_DAYS = 7  # a version that served before them is not new
_MIN_CORRELATION = 0.5  # of the ranks of importances; a low one alone may be many weak features
_MIN_SHARED_WEIGHT = 0.5


def importance_signals(monitor: Monitor, day: date) -> Iterator[Signal]:
    """A new version that leans on other features than the one before it."""
    earlier = service_of(monitor, day - timedelta(days=_NEW_DAYS)).get("versions", {})
    for version in service_of(monitor, day).get("versions", {}):
        reference = reference_of(monitor, version) if version not in earlier else None
        before = _predecessor(monitor, reference, earlier) if reference else None
        if reference is None or before is None:
            continue
        correlation = rank_correlation(before.importances, reference.importances)
        shared = shared_weight(before.importances, reference.importances)
        if correlation < _MIN_CORRELATION and shared < _MIN_SHARED_WEIGHT:
            words = (
                f"version {version} leans on other features than version {before.version}:"
                f" {shared:.0%} of the importance lies on the same ones (limit"
                f" {_MIN_SHARED_WEIGHT:.0%}), rank correlation {correlation:.2f} (limit"
                f" {_MIN_CORRELATION}); {_most_changed(before, reference)}"
            )
            yield Signal.stating(day, "registration.importance_shift", version, words)


def _predecessor(
    monitor: Monitor, reference: Reference, served: Collection[str]
) -> Reference | None:
    known = [one for one in (reference_of(monitor, name) for name in served) if one is not None]
    return max(
        (one for one in known if int(one.version) < int(reference.version)),
        key=lambda one: int(one.version),
        default=None,
    )


def _most_changed(before: Reference, now: Reference) -> str:
    places = [
        {name: place for place, name in enumerate(sorted(of, key=lambda n: -of[n]), start=1)}
        for of in (before.importances, now.importances)
    ]
    common = places[0].keys() & places[1].keys()
    name = max(common, key=lambda one: (abs(places[0][one] - places[1][one]), one))
    return f"{name} went from place {places[0][name]} to {places[1][name]}"
