"""One pass over the day's rows: the only step that reads them all."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from monitoring_dagster.decide.findings import Finding
from monitoring_dagster.decide.judging.limit_rules import limit_findings
from monitoring_dagster.decide.judging.statements import stated_findings
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.kinds import FindingKind
from monitoring_dagster.measure.service_signals import answer_signals, service_signals
from monitoring_dagster.measure.step import Check, StepReport, Tone
from monitoring_dagster.measure.version_contracts import (
    MISSING_FEATURE,
    missing_features,
    missing_signals,
)
from monitoring_dagster.measure.version_gaps import is_remark, registration_signals
from monitoring_dagster.report.pictures import histograms
from monitoring_dagster.sources.rows import rows, served, spark
from monitoring_dagster.sources.rows.readings import is_nested, reading
from monitoring_dagster.spec.sources import Predictions
from monitoring_dagster.stats.columns.bins import Bins
from monitoring_dagster.stats.columns.column_profile import NumericProfile
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile, profiles_to_table
from monitoring_dagster.stats.estimation.confidence import with_extremes
from monitoring_dagster.store.days.champions import traffic_on
from monitoring_dagster.store.days.profiles import PROFILE, SERVICE, why_no_profile
from monitoring_dagster.store.days.signals import StoredSignals, noted
from monitoring_dagster.store.days.usable_rows import (
    columns_left_out,
    is_usable,
    noted_quiet,
    quiet_columns,
)
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.version_reference import (
    has_probabilities,
    reference_of,
    role_columns,
)

_STATED = ("volume.unreadable_data", "volume.empty_day")


class _Engine(Protocol):
    """What answers for a whole day's rows; see `rows` for the promises."""

    def versions_of(self, predictions: Predictions, day: date, *, root: Path) -> dict[str, int]: ...

    def profile_day(
        self,
        predictions: Predictions,
        day: date,
        *,
        root: Path,
        bins: Mapping[str, Mapping[str, Bins]],
        segments: Sequence[str],
    ) -> tuple[served.PredictionAccount, dict[Group, Profile]]: ...

    def service_numbers(
        self, predictions: Predictions, day: date, *, root: Path
    ) -> served.ServiceNumbers: ...


def run(monitor: Monitor, day: date) -> StepReport:
    """Profile the day's rows per version and segment, and account for every row."""
    profiles: dict[Group, Profile] = {}
    service: dict[str, Any] = {"rows": 0}
    if is_usable(monitor, day):
        try:
            profiles, service = _read(monitor, day)
        except (rows.MissingDay, rows.UnreadableFile) as error:
            service["error"] = str(error)  # the contract, which reads less, had nothing to say
    known = _references(monitor, service.get("versions", {}))
    missing = missing_features(monitor.spec, known, profiles, quiet=quiet_columns(monitor, day))
    monitor.results.write(
        monitor.name,
        PROFILE,
        day,
        profiles_to_table(profiles),
        metadata={
            SERVICE: json.dumps(service),
            **noted_quiet((one.version.name, one.name) for one in missing),
            **noted(
                [
                    *_signals(monitor, day, profiles, service, known),
                    *missing_signals(day, missing, profiles),
                ]
            ),
        },
    )
    return _report(monitor, day, profiles, service)


def _references(monitor: Monitor, versions: Iterable[str]) -> dict[str, Reference]:
    """Of the versions that the registry knows."""
    found = {version: reference_of(monitor, version) for version in versions}
    return {version: one for version, one in found.items() if one is not None}


def _signals(
    monitor: Monitor,
    day: date,
    profiles: Mapping[Group, Profile],
    service: Mapping[str, Any],
    known: Mapping[str, Reference],
) -> Iterator[Signal]:
    yield from service_signals(day, service)
    if "error" in service:
        yield Signal.stating(day, "volume.unreadable_data", "rows", service["error"])
    if service["rows"] and service["synthetic"] == service["rows"]:
        column = monitor.spec.predictions.synthetic
        words = (
            f"all {service['rows']:,} rows of {day} are synthetic by {column!r}, and none is"
            " judged: does it say of real traffic that it is a test?"
        )
        yield Signal.stating(day, "volume.empty_day", "rows", words)
    yield from answer_signals(
        day,
        profiles,
        answers=role_columns(monitor.spec),
        bins={version: one.bins for version, one in known.items()},
        has_probabilities=has_probabilities(monitor.spec),
    )


def _read(monitor: Monitor, day: date) -> tuple[dict[Group, Profile], dict[str, Any]]:
    log, spec, root = monitor.spec.predictions, monitor.spec, monitor.root
    engine: _Engine = spark if spec.engine == "spark" else served
    versions = engine.versions_of(log, day, root=root)
    left_out = columns_left_out(monitor, day)
    available = {
        name: kind
        for name, kind in rows.columns_of(log, day, root=root).items()
        if name not in left_out and not is_nested(kind)
    }
    known = _references(monitor, versions)
    bins = {version: _bins_that_fit(one, available) for version, one in known.items()}
    segments = [name for name in spec.segments if name in available]
    stages = {stage: name for stage, name in log.latency_ms.items() if name in available}
    log = log.model_copy(update={"latency_ms": stages})
    account, found = engine.profile_day(log, day, root=root, bins=bins, segments=segments)
    profiles = with_extremes(found, {version: one.bins for version, one in known.items()})
    numbers = engine.service_numbers(log, day, root=root)
    service = {
        **asdict(account),
        "requests": numbers.requests,
        "error_rate": numbers.error_rate or 0.0,
        "latency_ms": {stage: asdict(one) for stage, one in numbers.latency_ms.items()},
        "unknown_statuses": numbers.unknown_statuses,
        "versions": versions,
    }
    return profiles, service


def _bins_that_fit(reference: Reference, available: Mapping[str, str]) -> dict[str, Bins]:
    """Columns that can be read beside the reference; the contract tells about the others."""
    return {
        name: one
        for name, one in reference.bins.items()
        if name in available and reading(available[name], [one]) is not None
    }


def _report(
    monitor: Monitor, day: date, profiles: Mapping[Group, Profile], service: Mapping[str, Any]
) -> StepReport:
    log = StoredSignals(monitor, day)
    troubles = [
        *stated_findings(monitor.spec, day, log.on(day, *_STATED)),
        *limit_findings(monitor.spec, day, log, asset=PROFILE),
    ]
    versions = list(stated_findings(monitor.spec, day, registration_signals(monitor, day)))
    if lacking := log.on(day, MISSING_FEATURE):
        versions += stated_findings(monitor.spec, day, lacking, traffic_on(monitor, day))
    urgent = [one for one in versions if one.kind is not FindingKind.VERSION_METADATA]
    numbers: dict[str, int | float] = {"rows": service["rows"]}
    if service["rows"]:
        numbers |= {
            name: service[name]
            for name in (
                "counted",
                "errors",
                "fallback",
                "synthetic",
                "duplicate_ids",
                "error_rate",
            )
        }
        total = service["latency_ms"].get("total", {})
        numbers |= {f"latency_{name}_ms": value for name, value in total.items()}
    numbers |= _answers(monitor, profiles)
    served = ", ".join(filter(None, service.get("versions", {})))
    return StepReport(
        numbers=numbers,
        words={"versions": served or "none"},
        checks={
            "service": _service_check(service, troubles, why_no_profile(monitor, day)),
            "versions": Check(
                passed=all(is_remark(one.subject) for one in versions),
                words="; ".join(one.words for one in versions) or f"served by version {served}",
                tone=Tone.ERROR if urgent else Tone.WARN,
            )
            if served or versions
            else Check.no_verdict(
                f"no row of {day} names a version"
                if service["rows"]
                else why_no_profile(monitor, day)
            ),
        },
        picture=_picture(monitor, profiles),
    )


def _service_check(service: Mapping[str, Any], troubles: Sequence[Finding], nothing: str) -> Check:
    if troubles:
        return Check(passed=False, words="; ".join(one.words for one in troubles))
    if not service["rows"]:
        return Check.no_verdict(nothing)
    words = f"{service['requests']:,} requests, {service['error_rate']:.2%} failed"
    return Check(passed=True, words=words)


def _answers(monitor: Monitor, profiles: Mapping[Group, Profile]) -> dict[str, float]:
    """Mean and spread of scores or numeric predictions, over all versions."""
    numbers: dict[str, float] = {}
    for name in role_columns(monitor.spec):
        parts = [
            one.columns[name]
            for group, one in profiles.items()
            if not group.segment and name in one.columns
        ]
        numeric = [one for one in parts if isinstance(one, NumericProfile) and one.finite]
        if numeric:
            rows_ = sum(one.finite for one in numeric)
            numbers[f"mean_{name}"] = sum(one.mean * one.finite for one in numeric) / rows_
    return numbers


def _picture(monitor: Monitor, profiles: Mapping[Group, Profile]) -> str | None:
    """The first answer's distribution beside the reference's, in about 20 bins."""
    name = role_columns(monitor.spec)[0]
    for group, profile in profiles.items():
        reference = reference_of(monitor, group.version)
        if group.segment or reference is None or name not in profile.columns:
            continue
        before, now = reference.profiles[Group(group.version)].columns[name], profile.columns[name]
        starts = np.unique(np.linspace(0, len(now.counts), 21)[:-1].astype(int))
        shares = [
            np.add.reduceat(one.counts, starts) / max(one.counts.sum(), 1) for one in (before, now)
        ]
        return histograms(f"{name}, version {group.version}", *(one.tolist() for one in shares))
    return None
