"""What did a version promise?  Its bins, its reference profiles, its metrics at registration."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitoring_dagster.integrations.registry import UnknownVersion
from monitoring_dagster.pipeline.monitor import HOME, Monitor
from monitoring_dagster.spec import ModelSpec
from monitoring_dagster.stats.bins import Bins, bins_from_table, bins_of, bins_to_table
from monitoring_dagster.stats.profile import (
    Group,
    Profile,
    profile_batches,
    profiles_from_table,
    profiles_to_table,
)
from monitoring_dagster.stats.verdict import usual_effect, usual_new_mass

DAY = "day"  # the column of the reference table that tells its days apart


@dataclass(frozen=True)
class Reference:
    """One version, as it was when it was registered."""

    version: str
    bins: Mapping[str, Bins]
    profiles: Mapping[Group, Profile]
    usual_effect: Mapping[Group, Mapping[str, float]]  # of ordinary days of the reference
    usual_new_mass: Mapping[Group, Mapping[str, float]]
    baseline: Mapping[str, float]  # metrics on the holdout
    importances: Mapping[str, float]
    features: tuple[tuple[str, str], ...]  # name and kind, in the signature's order
    missing_metadata: tuple[str, ...]
    trained_until: date | None
    registered_on: date
    run_id: str  # of the MLflow run that made it


def reference_of(monitor: Monitor, version: str) -> Reference | None:
    """The version's reference, from disk where it was read before; None if nobody knows it.

    Once read, a reference needs no registry: days are computed while MLflow is down.

    Raises
    ------
    RegistryUnavailable
        The version was never read before and MLflow does not answer.
    """
    if not (version.isascii() and version.isdigit()):
        return None  # MLflow numbers its versions; anything else is a value from the data
    folder = monitor.root / HOME / "references" / monitor.name / version
    if not folder.exists():
        try:
            _fetch(monitor, version, folder)
        except UnknownVersion:
            return None
    return _load(folder)


def role_columns(spec: ModelSpec) -> tuple[str, ...]:
    """The columns that hold answers: their drift is told first."""
    log = spec.predictions
    return (log.score, log.prediction) if log.score else (log.prediction,)


def _fetch(monitor: Monitor, version: str, folder: Path) -> None:
    spec = monitor.spec
    described = monitor.registry.describe(spec.mlflow_name, version)
    table = monitor.registry.reference(spec.mlflow_name, version)
    kinds = dict(described.features)
    if spec.features is not None:
        kinds = {one.name: one.kind or kinds.get(one.name, "numeric") for one in spec.features}
    columns = [name for name in (*role_columns(spec), *kinds) if name in table.column_names]
    answers = {spec.predictions.score: "numeric"}
    if spec.task == "regression":
        answers[spec.predictions.prediction] = "numeric"
    else:
        answers[spec.predictions.prediction] = "categorical"
    bins: dict[str, Bins] = {
        name: bins_of(table[name], column=name, kind=kinds.get(name) or answers[name])  # type: ignore[arg-type]
        for name in columns
    }
    segments = [name for name in spec.segments if name in table.column_names]
    profiles = _profiles(table, bins, version, segments)
    days = [_profiles(part, bins, version, segments) for part in _by_day(table)]
    of_group = {group: [day[group] for day in days if group in day] for group in profiles}
    usual = {
        name: [[list(group), how(of_group[group], one, bins)] for group, one in profiles.items()]
        for name, how in (("usual_effect", usual_effect), ("usual_new_mass", usual_new_mass))
    }
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
        **usual,
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
    try:
        pq.write_table(bins_to_table(bins), building / "bins.parquet", write_page_checksum=True)
        pq.write_table(
            profiles_to_table(profiles), building / "profiles.parquet", write_page_checksum=True
        )
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
        bins=bins_from_table(
            pq.read_table(folder / "bins.parquet", page_checksum_verification=True)
        ),
        profiles=profiles_from_table(
            pq.read_table(folder / "profiles.parquet", page_checksum_verification=True)
        ),
        usual_effect={Group(*group): values for group, values in facts["usual_effect"]},
        usual_new_mass={Group(*group): values for group, values in facts["usual_new_mass"]},
        baseline=facts["baseline"],
        importances=facts["importances"],
        features=tuple((name, kind) for name, kind in facts["features"]),
        missing_metadata=tuple(facts["missing_metadata"]),
        trained_until=date.fromisoformat(until) if until else None,
        registered_on=date.fromisoformat(facts["registered_on"]),
        run_id=facts["run_id"],
    )


def _profiles(
    table: pa.Table, bins: Mapping[str, Bins], version: str, segments: list[str]
) -> dict[Group, Profile]:
    labelled = table.append_column("__version", pa.repeat(pa.scalar(version), table.num_rows))
    return profile_batches(
        labelled.to_batches(max_chunksize=65_536),
        {version: bins},
        version="__version",
        segments=segments,
    )


def _by_day(table: pa.Table) -> Iterator[pa.Table]:
    if DAY not in table.column_names:
        return
    for day in pc.unique(table[DAY]).to_pylist():
        yield table.filter(pc.equal(table[DAY], day))
