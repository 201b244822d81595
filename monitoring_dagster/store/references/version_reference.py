"""What did a version promise?  Its bins, its reference profiles, its metrics at registration."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.columns.bins import (
    Bins,
    NumericBins,
    bins_from_table,
    bins_of,
    bins_to_table,
)
from monitoring_dagster.stats.columns.column_profile import NumericProfile
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import (
    Profile,
    profile_batches,
    profiles_from_table,
    profiles_to_table,
)
from monitoring_dagster.stats.columns.values import WrongType
from monitoring_dagster.stats.drift.usual import MIN_ROWS, Usual, usual
from monitoring_dagster.stats.estimation.confidence import CUTS, EXTREMES_BINS, extremes
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.outcomes_file import outcomes_from_table, outcomes_to_table
from monitoring_dagster.store.models.registration import DAY
from monitoring_dagster.store.models.registry import UnknownReference, UnknownVersion
from monitoring_dagster.store.monitor import HOME, Monitor
from monitoring_dagster.store.references.reference_truth import (
    ANSWERS_FILE,
    BINS_FILE,
    LABELLED_FILE,
    LONG_AGO,
    answers_in,
    labelled_in,
    outcomes_in,
)

_MOST_DIGITS = 18  # of a version
_FORMAT = "4"  # what was cached in another one is fetched again


@dataclass(frozen=True)
class Reference:
    """One version, as it was when it was registered."""

    version: str
    bins: Mapping[str, Bins]
    profiles: dict[Group, Profile]
    usual: dict[Group, Usual]  # of ordinary days of the reference
    outcomes: Mapping[Group, Outcomes]  # of its rows; empty where it has no labels
    baseline: Mapping[str, float]  # metrics on the holdout
    importances: Mapping[str, float]
    features: tuple[tuple[str, str], ...]  # name and kind, in the signature's order
    missing_metadata: tuple[str, ...]
    trained_until: date | None
    registered_on: date
    run_id: str  # of the MLflow run that made it
    days: int | None = None  # with rows enough to say what is ordinary; None: nobody counted
    has_days: bool = True  # whether its rows say of which day they are
    # Metrics of its rows, by group and definition, once somebody asked for them.
    asked: dict[tuple[Group, str], dict[str, float]] = field(
        default_factory=dict, compare=False, repr=False
    )


def reference_of(monitor: Monitor, version: str) -> Reference | None:
    """The version's reference, from disk where it was read before; None if nobody knows it, or it
    was registered without reference rows.

    Once read, a reference needs no registry: days are computed while MLflow is down.

    Raises
    ------
    RegistryUnavailable
        The version was never read before and MLflow does not answer.
    """
    found = reference_or_reason(monitor, version)
    return found if isinstance(found, Reference) else None


def reference_or_reason(monitor: Monitor, version: str) -> Reference | UnknownReference | None:
    """The same, and why a version that the registry knows has none; None if nobody knows it.

    Raises
    ------
    RegistryUnavailable
    """
    if not (version.isascii() and version.isdigit() and len(version) <= _MOST_DIGITS):
        return None  # MLflow numbers its versions; anything else is a value from the data
    folder = folder_of(monitor, version)
    if not folder.exists():
        try:
            _fetch(monitor, version, folder)
        except UnknownVersion:
            return None
        except UnknownReference as error:
            return error
        except (WrongType, KeyError, ValueError, pa.ArrowException) as error:
            return UnknownReference.unreadable(monitor.spec.mlflow_name, version, error)
    return _load(folder)


def folder_of(monitor: Monitor, version: str) -> Path:
    """Where a version's reference lies once it was read."""
    return _folder(monitor.root, monitor.name, version)


@lru_cache(maxsize=256)
def _folder(root: Path, model: str, version: str) -> Path:
    """Made once: some hundred signals a day ask for their version's reference."""
    return root / HOME / "references" / _FORMAT / model / version


def role_columns(spec: ModelSpec) -> tuple[str, ...]:
    """The columns that hold answers: their drift is told first."""
    log = spec.predictions
    return (log.score, log.prediction) if log.score else (log.prediction,)


def answer_columns(spec: ModelSpec) -> tuple[str, ...]:
    """The role columns, and what is derived from them: whether the scores are extreme."""
    return (*role_columns(spec), *([_extremes_of(spec)] if has_probabilities(spec) else []))


def with_extremes(
    spec: ModelSpec, profiles: Mapping[Group, Profile], bins: Mapping[str, Mapping[str, Bins]]
) -> dict[Group, Profile]:
    """The *profiles*, and in each how many scores were extreme; read off the score's *bins*, which
    are by version and column."""
    found = dict(profiles)
    if not has_probabilities(spec):
        return found
    score = str(spec.predictions.score)
    for group, profile in profiles.items():
        scores, own = profile.columns.get(score), bins.get(group.version, {}).get(score)
        if isinstance(scores, NumericProfile) and isinstance(own, NumericBins):
            more = {_extremes_of(spec): extremes(scores, own)}
            found[group] = Profile(profile.rows, {**profile.columns, **more})
    return found


def has_probabilities(spec: ModelSpec) -> bool:
    """Whether the model's score is a probability of one of two classes, or of the likeliest."""
    return spec.predictions.score is not None and spec.task != "regression"


def _extremes_of(spec: ModelSpec) -> str:
    return f"{spec.predictions.score}: extremes"  # with a colon and a blank, as no feature's name


def _fetch(monitor: Monitor, version: str, folder: Path) -> None:
    spec = monitor.spec
    described = monitor.registry.describe(spec.mlflow_name, version)
    table = _rows_of(monitor, version)
    kinds: dict[str, str] = dict(described.features)
    if spec.features is not None:
        kinds = {one.name: one.kind or kinds.get(one.name, "numeric") for one in spec.features}
    kinds = {
        **dict.fromkeys(spec.segments, "categorical"),
        **kinds,
        **({spec.predictions.score: "numeric"} if spec.predictions.score else {}),
        spec.predictions.prediction: "numeric" if spec.task == "regression" else "categorical",
    }
    bins: dict[str, Bins] = {}
    for name in dict.fromkeys([*role_columns(spec), *kinds]):
        cuts = CUTS if name == spec.predictions.score else ()
        if name in table.column_names:
            with suppress(WrongType):  # it is one that the reference lacks
                bins[name] = bins_of(table[name], column=name, kind=kinds[name], cuts=cuts)  # type: ignore[arg-type]
    profiles = _profiles(spec, table, bins, version)
    days = [_profiles(spec, part, bins, version) for part in _by_day(table)]
    outcomes = outcomes_in(spec, table, version)
    if has_probabilities(spec) and spec.predictions.score in bins:
        bins[_extremes_of(spec)] = EXTREMES_BINS
    ordinary = {
        group: usual([day[group] for day in days if group in day], one, bins)
        for group, one in profiles.items()
    }
    whole = Group(version)
    facts = {
        "baseline": dict(described.metrics),
        "importances": dict(described.importances),
        "features": [list(pair) for pair in described.features],
        "missing_metadata": list(described.missing_metadata),
        "trained_until": described.training_window[1].isoformat()
        if described.training_window
        else None,
        "registered_on": described.created_at.date().isoformat(),
        "run_id": described.run_id,
        "usual": [[group, asdict(one)] for group, one in ordinary.items()],
        "days": sum(day[whole].rows >= MIN_ROWS for day in days if whole in day),
        "has_days": bool(days),
    }
    tables = {
        BINS_FILE: bins_to_table(bins),
        "profiles.parquet": profiles_to_table(profiles),
        "outcomes.parquet": outcomes_to_table(
            {(LONG_AGO, group): one for group, one in outcomes.items()}
        ),
        ANSWERS_FILE: answers_in(spec, table, bins),
        LABELLED_FILE: labelled_in(table, bins),
    }
    _keep(folder, tables, facts)


def _keep(folder: Path, tables: Mapping[str, pa.Table], facts: Mapping[str, Any]) -> None:
    """Write a reference whole, or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
    try:
        for name, table in tables.items():
            pq.write_table(table, building / name, write_page_checksum=True)
        (building / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
        with suppress(OSError):  # somebody else was quicker with the same
            building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


@lru_cache(maxsize=64)
def _load(folder: Path) -> Reference:
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    until = facts["trained_until"]
    return Reference(
        version=folder.name,
        bins=bins_from_table(pq.read_table(folder / BINS_FILE, page_checksum_verification=True)),
        profiles=profiles_from_table(
            pq.read_table(folder / "profiles.parquet", page_checksum_verification=True)
        ),
        outcomes={
            group: one
            for (_, group), one in outcomes_from_table(
                pq.read_table(folder / "outcomes.parquet", page_checksum_verification=True)
            ).items()
        },
        usual={Group(*group): Usual(**found) for group, found in facts["usual"]},
        baseline=facts["baseline"],
        importances=facts["importances"],
        features=tuple((name, kind) for name, kind in facts["features"]),
        missing_metadata=tuple(facts["missing_metadata"]),
        trained_until=date.fromisoformat(until) if until else None,
        registered_on=date.fromisoformat(facts["registered_on"]),
        run_id=facts["run_id"],
        days=facts.get("days"),  # not there where an earlier release wrote them
        has_days=facts.get("has_days", True),
    )


def _rows_of(monitor: Monitor, version: str) -> pa.Table:
    """The reference's rows; of two columns of one name, which nobody can tell apart, neither."""
    name = monitor.spec.mlflow_name
    table = monitor.registry.reference(name, version)
    if not table.num_rows:
        raise UnknownReference.empty(name, version)
    names = table.column_names
    return table.select([i for i, column in enumerate(names) if names.count(column) == 1])


def _profiles(
    spec: ModelSpec, table: pa.Table, bins: Mapping[str, Bins], version: str
) -> dict[Group, Profile]:
    found = profile_batches(
        table.to_batches(max_chunksize=65_536),
        {"": bins},
        segments=[name for name in spec.segments if name in table.column_names],
    )
    named = {group._replace(version=version): one for group, one in found.items()}
    return with_extremes(spec, named, {version: bins})


def _by_day(table: pa.Table) -> Iterator[pa.Table]:
    if DAY not in table.column_names:
        return
    for day in pc.unique(table[DAY]).to_pylist():
        yield table.filter(pc.equal(table[DAY], day))
