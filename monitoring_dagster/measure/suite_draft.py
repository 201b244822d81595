"""Draft of a model's first suite, from what MLflow keeps of the version that serves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.sources.suites.drafting import Draft, Learning, drafted
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.store.models.registration import DAY
from monitoring_dagster.store.models.registry import ModelVersion, UnknownReference
from monitoring_dagster.store.monitor import Monitor

_FEWEST_DAYS = 3  # below, none can be held out
_FEWEST_ROWS = 30  # of a day that limits are tried on
_PARTS = 10  # of the rows, where they tell no days
_HELD_OUT = 3  # one part in so many, the last ones


class NothingToDraftFrom(MonitoringError):
    """No version of the model is registered."""

    @classmethod
    def of(cls, model: str) -> Self:
        return cls(
            f"no version of {model!r} is registered in MLflow, and a suite is drafted from the"
            " reference of one: register it with Registry.log_version"
        )


@dataclass(frozen=True, slots=True)
class SuiteDraft:
    """What the file says, and what it was learnt from."""

    model: str
    learning: Learning
    draft: Draft

    @property
    def content(self) -> dict[str, object]:
        """The suite as Great Expectations 1 writes it."""
        learning = self.learning
        return {
            "name": self.model,
            "meta": {
                "drafted_by": "monitoring-dagster expectations draft",
                "version": learning.version,
                "rows": learning.rows,
                "days" if learning.has_days else "parts": len(learning.days),
                "held_out": learning.held_out,
            },
            "notes": learning.notes,
            "expectations": [*self.draft.entries],
        }


def draft_of(monitor: Monitor) -> SuiteDraft:
    """The draft from the champion's reference, or that of the newest version where none serves.

    Raises
    ------
    NothingToDraftFrom, UnknownReference, RegistryUnavailable
    """
    name, registry = monitor.spec.mlflow_name, monitor.registry
    version = registry.champion(name) or next(iter(registry.versions(name)[::-1]), None)
    if version is None:
        raise NothingToDraftFrom.of(name)
    table = registry.reference(name, version)
    if not table.num_rows:
        raise UnknownReference.empty(name, version)
    learning = learning_from(monitor.spec, registry.describe(name, version), table)
    return SuiteDraft(monitor.name, learning, drafted(monitor.spec, learning))


def learning_from(spec: ModelSpec, described: ModelVersion, table: pa.Table) -> Learning:
    """The reference's rows day by day, the last third of the days held out.

    Where the rows tell fewer than three days, ten parts of them stand for days. Of two columns of
    one name, which nobody can tell apart, neither is looked at.
    """
    names = table.column_names
    table = table.select([i for i, name in enumerate(names) if names.count(name) == 1])
    features = dict(described.features)
    if spec.features is not None:
        features = {
            one.name: one.kind or features.get(one.name, "numeric") for one in spec.features
        }
    days = [] if DAY in features else _by_day(table)
    has_days = len(days) >= _FEWEST_DAYS
    parts = days if has_days else [*_parts(table)]
    return Learning(
        version=described.version,
        days=parts,
        held_out=len(parts) // _HELD_OUT,
        has_days=has_days,
        features=features,
        required=described.required,
    )


def _by_day(table: pa.Table) -> list[pa.Table]:
    """In their order, few rows together with those of the next day: one row alone says nothing.

    Rows of no day come first, where they only teach.
    """
    if DAY not in table.column_names:
        return []
    written = pc.utf8_slice_codeunits(pc.cast(table[DAY], pa.string()), 0, 10)
    days = pc.fill_null(written, "").combine_chunks().dictionary_encode()
    found: list[pa.Table] = []
    for _, code in sorted((day, code) for code, day in enumerate(days.dictionary.to_pylist())):
        rows = table.filter(pc.equal(days.indices, code))
        if found and found[-1].num_rows < _FEWEST_ROWS:
            rows = pa.concat_tables([found.pop(), rows])
        found.append(rows)
    if len(found) > 1 and found[-1].num_rows < _FEWEST_ROWS:
        found[-2:] = [pa.concat_tables(found[-2:])]
    return found


def _parts(table: pa.Table) -> Iterator[pa.Table]:
    size = -(-table.num_rows // _PARTS)
    for start in range(0, table.num_rows, size):
        yield table.slice(start, size)
