"""What a version was registered without, and what cannot be judged because of it."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import Severity
from monitoring_dagster.measure.breaches import shown
from monitoring_dagster.measure.quality.promises import unpromised
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.drift.usual import MIN_ROWS
from monitoring_dagster.store.days.profiles import service_of
from monitoring_dagster.store.models.registration import DAY, LABEL
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.version_reference import reference_or_reason

ENOUGH_DAYS = 7  # of the reference: fewer do not hold every weekday
_LEAST_DAYS = 2  # below, nothing is known of how days differ
_METADATA = "registration.version_metadata"
_SHOWN = 5
_DAYS = ": days of the reference"  # in the subject of a remark about them
_RECENT_DAYS = 7  # a version that served before them is not new


class Gap(NamedTuple):
    """Something that is missing, and what it costs."""

    missing: str
    costs: str  # what is not judged; empty where nothing is
    severity: Severity


def registration_signals(monitor: Monitor, day: date) -> Iterator[Signal]:
    """What the registry lacks of the versions that served on *day*."""
    for version, count in service_of(monitor, day).get("versions", {}).items():
        if version:  # the contract counts rows that name none
            yield from _of_version(monitor, day, version, count)


def is_remark(subject: str) -> bool:
    """Whether it is about the reference's length: said once of a new version, and no fault."""
    return subject.endswith(_DAYS)


def gaps(monitor: Monitor, reference: Reference, day: date) -> list[Gap]:
    """What *reference* lacks of what the model's spec needs on *day*, the weightiest first."""
    found = [*_of_columns(monitor, reference), *_of_promises(monitor, reference, day)]
    found += [Gap(name, "", Severity.P3) for name in reference.missing_metadata]
    if monitor.spec.predictions.feature_code is not None and not reference.feature_code:
        found.append(Gap("feature_code", "the feature code of its rows", Severity.P3))
    return sorted(found, key=lambda one: one.severity)


def in_words(reference: Reference, found: list[Gap]) -> str:
    """One sentence about all of them, with the way out."""
    missing = f"version {reference.version} was registered without" + _listed(
        [one.missing for one in found]
    )
    costs = list(dict.fromkeys(one.costs for one in found if one.costs))
    if not costs:
        return missing
    return f"{missing}; not judged: {', '.join(costs)}. Register it again with Registry.log_version"


def few_days(reference: Reference) -> str:
    """Why normal variation is not, or badly, known; empty where it is, or nobody counted."""
    days = reference.days
    if days is None or days >= ENOUGH_DAYS:
        return ""
    of_days = f"the reference of version {reference.version} has"
    if not reference.has_days:
        of_days += f" no column {DAY!r}"
    else:
        of_days += f" {days or 'no'} day{'' if days == 1 else 's'} of {MIN_ROWS} rows or more"
    if days < _LEAST_DAYS:
        return (
            f"{of_days}: normal variation from day to day is unknown, and drift is judged by"
            f" rules.drift alone. Register {ENOUGH_DAYS} days or more"
        )
    return (
        f"{of_days}: limits for drift are wide, and weekdays are not told apart."
        f" Register {ENOUGH_DAYS} days or more"
    )


def _of_version(monitor: Monitor, day: date, version: str, count: int) -> Iterator[Signal]:
    reference = reference_or_reason(monitor, version)
    if reference is None:
        words = (
            f"{count:,} rows name version {shown(version)}, which MLflow does not know"
            f" for {monitor.spec.mlflow_name!r}{_likely_version(version)}"
        )
        yield Signal.stating(day, "registration.unknown_version", version, words)
        return
    if not isinstance(reference, Reference):
        words = f"{count:,} rows of version {version} are counted and not judged: {reference}"
        yield Signal.stating(day, _METADATA, version, words)
        return
    found = gaps(monitor, reference, day)
    if found:
        words, severity = in_words(reference, found), found[0].severity
        yield Signal.stating(day, _METADATA, version, words, severity=severity)
    if (few := few_days(reference)) and not _served_before(monitor, day, version):
        subject = f"{version}{_DAYS}"
        yield Signal.stating(day, _METADATA, subject, few, severity=Severity.P3)


def _likely_version(version: str) -> str:
    """What a value was meant to be that is no version of the registry."""
    number = version.lower().removeprefix("v").removeprefix("ersion").strip(" -_.")
    if number.isascii() and number.isdigit() and number != version:
        return f": MLflow's versions are plain numbers, log {number!r}?"
    return ""


def _served_before(monitor: Monitor, day: date, version: str) -> bool:
    """Whether a version served in the last days: what is said once was said then."""
    return any(
        version in service_of(monitor, day - timedelta(days=n)).get("versions", {})
        for n in range(1, _RECENT_DAYS + 1)
    )


def _of_columns(monitor: Monitor, reference: Reference) -> list[Gap]:
    spec, log = monitor.spec, monitor.spec.predictions
    there = reference.bins
    names = (
        [one.name for one in spec.features]
        if spec.features is not None
        else [name for name, _ in reference.features]
    )
    found = [
        Gap(f"feature {name!r} in its reference", f"drift of {name}", Severity.P2)
        for name in names
        if name not in there
    ]
    if not names:
        found.append(Gap("features in its signature", "drift of features", Severity.P2))
    answers = [log.prediction, *([log.score] if log.score and spec.task != "regression" else [])]
    found += [
        Gap(f"column {name!r} in its reference", f"drift of {name}", Severity.P2)
        for name in answers
        if name not in there
    ]
    if not reference.outcomes:
        found.append(Gap(f"usable {LABEL!r} in its reference", "expected quality", Severity.P3))
    return found


def _of_promises(monitor: Monitor, reference: Reference, day: date) -> list[Gap]:
    return [
        Gap(f"a value of {name}", f"quality by {name} (rules.performance)", Severity.P2)
        for name in unpromised(monitor, Group(reference.version), day)
    ]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f" {', '.join(names[:_SHOWN])}{more}"
