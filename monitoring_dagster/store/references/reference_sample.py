"""Which rows of the reference stand for a version, and how much does an ordinary week differ?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitoring_dagster.stats.columns.bins import Bins
from monitoring_dagster.stats.columns.encoding import Pooled, uniform_columns
from monitoring_dagster.stats.columns.sample import bottom_k, keyed
from monitoring_dagster.stats.drift.joint_drift import MIN_ROWS, domain_classifier
from monitoring_dagster.store.models.registration import DAY
from monitoring_dagster.store.monitor import Monitor
from monitoring_dagster.store.outputs import write_whole
from monitoring_dagster.store.references.reference import Reference
from monitoring_dagster.store.references.version_reference import folder_of
from monitoring_dagster.store.results import sealed

SAMPLE_ROWS = 2000  # of either side: the kernel test's time grows with its square
_USUAL = b"usual_auc"
_WEEK_DAYS = 7


@dataclass(frozen=True)
class ReferenceSample:
    """Some rows of a version's reference, and how well an ordinary week of it is told apart."""

    rows: pa.Table  # features, as `stats.encoding.uniform_columns` has them
    usual_auc: float  # 0.5 where the reference tells of fewer than two weeks


def features_of(monitor: Monitor, reference: Reference) -> dict[str, Bins]:
    """The inputs of the model that have bins: no answers, and no columns that only split."""
    declared = monitor.spec.features
    names = (
        [name for name, _ in reference.features]
        if declared is None
        else [one.name for one in declared]
    )
    return {name: reference.bins[name] for name in names if name in reference.bins}


def reference_sample(monitor: Monitor, reference: Reference) -> ReferenceSample:
    """The sample of a version's reference, from disk where it was drawn before.

    It lies beside the cached reference and is drawn when it is first needed.

    Raises
    ------
    RegistryUnavailable
        It was never drawn and MLflow does not answer.
    """
    path = folder_of(monitor, reference.version) / "sample.parquet"
    if not path.exists():
        table = monitor.registry.reference(monitor.spec.mlflow_name, reference.version)
        write_whole(path, sealed(_drawn(monitor, reference, table)))
    found = pq.read_table(path, page_checksum_verification=True)
    return ReferenceSample(found, float(found.schema.metadata[_USUAL]))


def _drawn(monitor: Monitor, reference: Reference, table: pa.Table) -> pa.Table:
    bins = features_of(monitor, reference)
    request_id = monitor.spec.predictions.request_id
    known = request_id in table.column_names
    ranked = keyed(table, table[request_id].to_pylist() if known else range(table.num_rows))
    rows = uniform_columns(bottom_k(ranked, k=SAMPLE_ROWS), bins)
    return rows.replace_schema_metadata({_USUAL: repr(_usual_auc(ranked, bins))})


def _usual_auc(ranked: pa.Table, bins: Mapping[str, Bins]) -> float:
    """The most that any week of the reference is told from its other weeks.

    Weather, weekdays and prices move together all the time: a week is drift only where it stands
    out more than these did.
    """
    areas = [0.5]
    weeks = list(_weeks(ranked)) if DAY in ranked.column_names else []
    for number, days in enumerate(weeks if len(weeks) > 1 else []):
        inside = pc.is_in(ranked[DAY], value_set=pa.array(days, ranked.schema.field(DAY).type))
        sides = [
            uniform_columns(bottom_k(ranked.filter(mask), k=SAMPLE_ROWS), bins)
            for mask in (pc.invert(inside), inside)
        ]
        if min(side.num_rows for side in sides) >= MIN_ROWS:
            rng = np.random.default_rng(number)
            areas.append(domain_classifier(Pooled.of(*sides), rng=rng).auc)
    return max(areas)


def _weeks(ranked: pa.Table) -> Iterator[list[object]]:
    """The reference's days in sevens, counted from the last; an incomplete week is left out."""
    days = sorted(day for day in pc.unique(ranked[DAY]).to_pylist() if day is not None)
    for end in range(len(days), _WEEK_DAYS - 1, -_WEEK_DAYS):
        yield days[end - _WEEK_DAYS : end]
