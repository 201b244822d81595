"""Signature of each version that serves, held against a day's columns and what is missing there."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from monitoring_dagster.decide.judging.traffic import FEWEST_ROWS
from monitoring_dagster.decide.signal import Signal
from monitoring_dagster.errors import did_you_mean
from monitoring_dagster.kinds import Severity
from monitoring_dagster.measure.breaches import MOST, Breach, of_rows
from monitoring_dagster.sources.rows import served
from monitoring_dagster.sources.rows.countable_rows import needed
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.columns.bins import Bins
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.version_reference import reference_of, role_columns

MISSING_FEATURE = "version.schema_breach"


class ServedVersion(NamedTuple):
    """A version that the registry knows, and how many rows of a day it answered."""

    reference: Reference
    rows: int

    @property
    def name(self) -> str:
        return self.reference.version

    @property
    def features(self) -> dict[str, str]:
        """Kinds by name, in the signature's order; empty without one."""
        return dict(self.reference.features)


def served_versions(monitor: Monitor, day: date) -> list[ServedVersion]:
    """Those that answered rows of *day* and that the registry knows, the newest last."""
    rows = served.versions_of(monitor.spec.predictions, day, root=monitor.root)
    found = [
        ServedVersion(reference, count)
        for name, count in rows.items()
        if (reference := reference_of(monitor, name)) is not None
    ]
    return sorted(found, key=lambda one: int(one.name))


@dataclass(frozen=True)
class ExpectedColumn:
    """What one column ought to be."""

    name: str
    what: str  # feature, answer, segment or latency
    kind: str  # numeric or categorical
    bins: Bins | None


def expected_columns(spec: ModelSpec, versions: Sequence[ServedVersion]) -> list[ExpectedColumn]:
    """Columns whose type matters: those of defs.yaml, and those of the signatures; one that two
    versions take for different kinds stands there twice."""
    log = spec.predictions
    bins = versions[-1].reference.bins if versions else {}
    answers = role_columns(spec)
    features = [one for one in _expected_features(versions) if one.name not in answers]
    taken = {*answers, *(one.name for one in features)}
    others = [ExpectedColumn(name, "latency", "numeric", None) for name in log.latency_ms.values()]
    others += [
        ExpectedColumn(name, "segment", "categorical", bins.get(name)) for name in spec.segments
    ]
    found = [*(one for one in others if one.name not in taken), *features]
    for name in answers:
        is_number = spec.task == "regression" or name == log.score
        kind = "numeric" if is_number else "categorical"
        found.append(ExpectedColumn(name, "answer", kind, bins.get(name)))
    return found


def _expected_features(versions: Sequence[ServedVersion]) -> Iterator[ExpectedColumn]:
    """Each feature as the newest version of those that agree on its kind knows it."""
    for name in _names(versions):
        newest = {one.features[name]: one for one in versions if name in one.features}
        for kind, one in newest.items():
            what = "feature" if len(newest) == 1 else f"version {one.name}'s feature"
            yield ExpectedColumn(name, what, kind, one.reference.bins.get(name))


def signature_breaches(
    spec: ModelSpec,
    versions: Sequence[ServedVersion],
    columns: Mapping[str, str],
    unreadable: Mapping[str, str],
) -> Iterator[Breach]:
    """Missing, reordered and added columns, which are different findings.

    A feature is missed by the versions that have it in their signature, and no column is new that
    one of them knows. Columns stand in one order: where it is that of one version, it is right.
    """
    if not versions:
        return
    for name in _names(versions):
        needing = [one for one in versions if name in one.features]
        whose = f"feature {name!r} of {_listed(needing)}"
        about = version_about(needing, versions)
        if name in unreadable:
            words = f"{whose} {unreadable[name]}"
            yield Breach(name, Severity.P1, words, is_left_out=True, version=about)
        elif name not in columns:
            words = f"{whose} is missing. {did_you_mean(name, columns)}"
            yield Breach(name, Severity.P1, words, version=about)
    if all(_disordered(one, columns) for one in versions):
        words = (
            f"features stand in another order than in the signature of version {versions[-1].name},"
            f" from {_disordered(versions[-1], columns)!r} on"
        )
        yield Breach("column order", Severity.P3, words)
    log = spec.predictions
    known = {*needed(log), *log.deployed, *log.measured, *spec.segments}
    known.update(_names(versions))
    for name in columns:
        if name not in known:
            words = f"column {name!r} is new: neither defs.yaml nor the signature names it"
            yield Breach(name, Severity.P3, words)


def _names(versions: Sequence[ServedVersion]) -> list[str]:
    """The features of all of them, the newest version's first."""
    return list(dict.fromkeys(name for one in reversed(versions) for name in one.features))


def _disordered(version: ServedVersion, columns: Mapping[str, str]) -> str:
    """The first feature that stands elsewhere than in the signature; empty where none does."""
    there = [name for name in columns if name in version.features]
    ordered = [name for name in version.features if name in columns]
    pairs = zip(there, ordered, strict=True)
    return next((name for name, other in pairs if name != other), "")


def _listed(versions: Collection[ServedVersion]) -> str:
    *names, last = (one.name for one in versions)
    return f"versions {', '.join(names)} and {last}" if names else f"version {last}"


def version_about(some: Sequence[ServedVersion], versions: Sequence[ServedVersion]) -> str:
    """The one of *some* that answers the most rows: what is wrong with it is as urgent as its part
    of the traffic; empty where it is wrong with all *versions*, and so with the day."""
    return "" if len(some) == len(versions) else max(some, key=lambda one: one.rows).name


# What the rows of a version lack.


class MissingFeature(NamedTuple):
    """A feature that most rows of a version lack, and none of its reference did."""

    name: str
    version: ServedVersion
    missing: int


def missing_features(
    spec: ModelSpec,
    known: Mapping[str, Reference],
    profiles: Mapping[Group, Profile],
    *,
    quiet: Collection[str] = (),
) -> list[MissingFeature]:
    """Features that half of a version's rows or more lack, though its reference never did.

    One that the reference lacks now and then is a matter of drift. Columns that are *quiet* have
    been spoken of, and a version of a few rows gets no verdict.
    """
    declared = [one.name for one in spec.features or ()]
    found = []
    for version, reference in known.items():
        group = Group(version)
        now, before = profiles.get(group, Profile()), reference.profiles.get(group, Profile())
        if now.rows < FEWEST_ROWS:
            continue
        one = ServedVersion(reference, now.rows)
        for name in dict.fromkeys([*one.features, *declared]):
            column, usual = now.columns.get(name), before.columns.get(name)
            if column is None or usual is None or usual.nulls or name in quiet:
                continue
            if column.nulls >= MOST * now.rows:
                found.append(MissingFeature(name, one, column.nulls))
    return found


def missing_signals(
    day: date, found: Sequence[MissingFeature], groups: Collection[Group]
) -> Iterator[Signal]:
    """One statement a feature about all versions that lack it; *groups* are all that serve."""
    versions = {group.version for group in groups}
    for name in dict.fromkeys(one.name for one in found):
        lacking = [one for one in found if one.name == name]
        parts = " and ".join(
            f"{of_rows(one.missing, one.version.rows)} of version {one.version.name}"
            for one in lacking
        )
        is_all = len(lacking) == len(versions)
        about = max(lacking, key=lambda one: one.version.rows).version.name
        yield Signal.stating(
            day,
            MISSING_FEATURE,
            name,
            f"feature {name!r} is missing in {parts}, and never was in the reference",
            version="" if is_all else about,
            n=sum(one.missing for one in lacking),
        )
