"""Reference of a registered version, fetched from the registry once and kept on disk."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.stats.columns.bins import Bins, bins_of
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile, profile_batches
from monitoring_dagster.stats.columns.values import WrongType
from monitoring_dagster.stats.drift.usual import MIN_ROWS, usual
from monitoring_dagster.stats.estimation.confidence import (
    CUTS,
    EXTREMES_BINS,
    extremes_of,
    with_extremes,
    without_extremes,
)
from monitoring_dagster.store.models.registration import DAY
from monitoring_dagster.store.models.registry import ModelVersion, UnknownReference, UnknownVersion
from monitoring_dagster.store.monitor import HOME, Monitor
from monitoring_dagster.store.outputs import write_whole
from monitoring_dagster.store.references.reference import (
    FORMAT,
    ColumnKind,
    Reference,
    SpoiltReference,
)
from monitoring_dagster.store.references.reference_truth import (
    ANSWERS_FILE,
    LABELLED_FILE,
    answers_in,
    labelled_in,
    outcomes_in,
)
from monitoring_dagster.store.results import sealed

REFERENCE_FILE = "reference.parquet"
_MOST_DIGITS = 18  # of a version
_REFERENCES = "references"  # by format: an earlier release finds its own


def reference_of(monitor: Monitor, version: str) -> Reference | None:
    """The version's reference, from disk where it was read before; None if nobody knows it, or it
    was registered without reference rows.

    Once read, a reference needs no registry: days are computed while MLflow is down. What lies
    there damaged, or in the format of another release, is fetched again.

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
    if (folder / REFERENCE_FILE).exists():
        with suppress(SpoiltReference):
            return loaded(folder)
    try:
        _fetch(monitor, version, folder)
    except UnknownVersion:
        return None
    except UnknownReference as error:
        return error
    except (WrongType, KeyError, ValueError, pa.ArrowException) as error:
        return UnknownReference.unreadable(monitor.spec.mlflow_name, version, error)
    return loaded(folder)


def folder_of(monitor: Monitor, version: str) -> Path:
    """Where a version's reference lies once it was read, and what was made of it."""
    return _folder(monitor.root, monitor.name, version)


@lru_cache(maxsize=256)
def _folder(root: Path, model: str, version: str) -> Path:
    """Made once: some hundred signals a day ask for their version's reference."""
    return root / HOME / _REFERENCES / FORMAT / model / version


@lru_cache(maxsize=64)
def loaded(folder: Path) -> Reference:
    """The reference that lies in *folder*. Raises SpoiltReference, also where none does."""
    path = folder / REFERENCE_FILE
    found = Reference.kept(path)
    if found is None:
        raise SpoiltReference.otherwise(path)
    return found


def role_columns(spec: ModelSpec) -> tuple[str, ...]:
    """The columns that hold answers: their drift is told first."""
    log = spec.predictions
    return (log.score, log.prediction) if log.score else (log.prediction,)


def answer_columns(spec: ModelSpec) -> tuple[str, ...]:
    """The role columns, and what is derived from them: whether the scores are extreme."""
    return (
        *role_columns(spec),
        *([extremes_of(str(spec.predictions.score))] if has_probabilities(spec) else []),
    )


def has_probabilities(spec: ModelSpec) -> bool:
    """Whether the model's score is a probability of one of two classes, or of the likeliest."""
    return spec.predictions.score is not None and spec.task != "regression"


def _fetch(monitor: Monitor, version: str, folder: Path) -> None:
    """Read a version's rows from the registry and lay down what days need of them.

    Its reference comes last: while it is not there, nothing is. Days that were frozen beside it in
    another format stay what they are.
    """
    spec = monitor.spec
    described = monitor.registry.describe(spec.mlflow_name, version)
    table = _rows_of(monitor, version)
    reference = _made(spec, described, table, version)
    folder.mkdir(parents=True, exist_ok=True)
    others = (monitor.root / HOME / _REFERENCES).glob(
        f"*/{monitor.name}/{version}/frozen_*.parquet"
    )
    for frozen in sorted(others, reverse=True):  # of several the newest
        with suppress(OSError):  # there already; where nothing can be linked, it is made anew
            os.link(frozen, folder / frozen.name)
    write_whole(folder / ANSWERS_FILE, sealed(answers_in(spec, table, reference.bins)))
    write_whole(folder / LABELLED_FILE, sealed(labelled_in(table, reference.bins)))
    reference.keep(folder / REFERENCE_FILE)


def _made(spec: ModelSpec, described: ModelVersion, table: pa.Table, version: str) -> Reference:
    kinds = _kinds(spec, described)
    bins: dict[str, Bins] = {}
    for name in (name for name in kinds if name in table.column_names):
        with suppress(WrongType):  # it is one that the reference lacks
            cuts = CUTS if name == spec.predictions.score else ()
            bins[name] = bins_of(table[name], column=name, kind=kinds[name].kind, cuts=cuts)
    if has_probabilities(spec) and (score := str(spec.predictions.score)) in bins:
        bins[extremes_of(score)] = EXTREMES_BINS
        kinds[extremes_of(score)] = ColumnKind("categorical", f"read off {score!r}")
    profiles = _profiles(spec, table, bins, version)
    days = [_profiles(spec, part, bins, version) for part in _by_day(table)]
    whole, window = Group(version), described.training_window
    others = [name for name in table.column_names if name not in kinds]
    return Reference(
        bins,
        profiles,
        {name: kinds[name] for name in bins} | dict.fromkeys(others, _NO_PART),
        segments=tuple(name for name in spec.segments if name in table.column_names),
        version=version,
        usual={
            group: usual([day[group] for day in days if group in day], one, bins)
            for group, one in profiles.items()
        },
        outcomes=outcomes_in(spec, table, version),
        baseline=described.metrics,
        importances=described.importances,
        features=described.features,
        missing_metadata=described.missing_metadata,
        trained_until=window[1] if window else None,
        registered_on=described.created_at.date(),
        run_id=described.run_id,
        days=sum(day[whole].rows >= MIN_ROWS for day in days if whole in day),
        has_days=bool(days),
        feature_code=described.feature_code or "",
        libraries=described.trained_with,
    )


_NO_PART = ColumnKind(None, "no feature, segment or answer of the model")


def _kinds(spec: ModelSpec, described: ModelVersion) -> dict[str, ColumnKind]:
    """What each column is that is looked at; the answers first."""
    log, signature = spec.predictions, dict(described.features)
    answers = {log.score: ColumnKind("numeric", "a score")} if log.score else {}
    answers[log.prediction] = ColumnKind(
        "numeric" if spec.task == "regression" else "categorical", "a prediction"
    )
    segments = dict.fromkeys(spec.segments, ColumnKind("categorical", "a segment"))
    if spec.features is None:
        why = "a feature, by the model's signature"
        features = {name: ColumnKind(kind, why) for name, kind in described.features}
    else:
        why = "a feature, as declared"
        features = {
            one.name: ColumnKind(one.kind or signature.get(one.name, "numeric"), why)
            for one in spec.features
        }
    return {**answers, **segments, **features, **answers}


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
        {"": without_extremes(bins)},
        segments=[name for name in spec.segments if name in table.column_names],
    )
    named = {group._replace(version=version): one for group, one in found.items()}
    return with_extremes(named, {version: bins})


def _by_day(table: pa.Table) -> Iterator[pa.Table]:
    if DAY not in table.column_names:
        return
    for day in pc.unique(table[DAY]).to_pylist():
        yield table.filter(pc.equal(table[DAY], day))
