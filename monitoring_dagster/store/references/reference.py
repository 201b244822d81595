"""Reference of a table or of a version: what days are compared with, and the file it is kept in."""

import io
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, astuple, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.sources.tables.files import KEPT
from monitoring_dagster.stats.columns.bins import Bins, bins_from_table, bins_to_table
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile, profiles_from_table, profiles_to_table
from monitoring_dagster.stats.columns.written import Unread
from monitoring_dagster.stats.drift.usual import Usual
from monitoring_dagster.stats.quality.outcomes import Outcomes
from monitoring_dagster.stats.quality.outcomes_file import (
    LONG_AGO,
    outcomes_from_table,
    outcomes_to_table,
)
from monitoring_dagster.store.outputs import refuse_to_overwrite, write_whole
from monitoring_dagster.store.results import Damaged, sealed, unsealed

FORMAT = "6"  # what was kept in another one is kept, or fetched, again
_OF_FORMAT, _BINS, _OUTCOMES, _FACTS = (
    KEPT + name for name in (b".format", b".bins", b".outcomes", b".facts")
)

Kind: TypeAlias = Literal["numeric", "categorical"]


class SpoiltReference(MonitoringError):
    """A kept reference is no longer what was kept."""

    @classmethod
    def at(cls, path: Path, error: Damaged) -> Self:
        return cls(f"the kept reference {path} is damaged, {error}: keep it anew from its rows")

    @classmethod
    def otherwise(cls, path: Path) -> Self:
        return cls(
            f"the kept reference {path} was kept by another version of monitoring-dagster, in a"
            " format that this one does not read: keep it anew from its rows"
        )


@dataclass(frozen=True, slots=True)
class ColumnKind:
    """What a column is taken for, and why; `kind` None: it is left out."""

    kind: Kind | None
    why: str
    unseen: bool = False  # left out although it may tell something: worth a warning


@dataclass(frozen=True)
class Reference:
    """What rows looked like: bins laid over them, their counts, and what their columns are.

    The rows are those of a table, or those that a version was registered with: then it also knows
    what ordinary days of them show, how they turned out, and what the registry says.
    """

    bins: Mapping[str, Bins]
    profiles: dict[Group, Profile]  # by group of `version`
    kinds: Mapping[str, ColumnKind]
    segments: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what was taken for granted when the rows were read
    unread: Mapping[str, Unread] = field(default_factory=dict)  # values that were no numbers
    version: str = ""  # "": of a table
    usual: dict[Group, Usual] = field(default_factory=dict)  # of ordinary days
    outcomes: Mapping[Group, Outcomes] = field(default_factory=dict)  # empty without labels
    baseline: Mapping[str, float] = field(default_factory=dict)  # metrics on the holdout
    importances: Mapping[str, float] = field(default_factory=dict)
    features: tuple[tuple[str, str], ...] = ()  # name and kind, in the signature's order
    missing_metadata: tuple[str, ...] = ()
    trained_until: date | None = None
    registered_on: date = LONG_AGO
    run_id: str = ""  # of the MLflow run that made it
    days: int | None = None  # with rows enough to say what is ordinary; None: nobody counted
    has_days: bool = True  # whether its rows say of which day they are
    feature_code: str = ""  # hash or commit of the code that computed its features
    libraries: Mapping[str, str] = field(default_factory=dict)  # that it was trained with
    # Metrics of its rows, by group and definition, once somebody asked for them.
    asked: dict[tuple[Group, str], dict[str, float]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def keep(self, path: Path, *, force: bool = True) -> None:
        """Write it down, whole or not at all, to be compared with again without its rows.

        Raises
        ------
        NotWritten
            The disk refuses, or something is there and not *force*.
        """
        outcomes = {(LONG_AGO, group): one for group, one in self.outcomes.items()}
        notes = {
            KEPT: b"reference",
            _OF_FORMAT: FORMAT.encode(),
            _BINS: _as_bytes(bins_to_table(self.bins)),
            _OUTCOMES: _as_bytes(outcomes_to_table(outcomes)) if outcomes else b"",
            _FACTS: json.dumps(self._facts()).encode(),
        }
        table = profiles_to_table(self.profiles).replace_schema_metadata(notes)
        write_whole(path, sealed(table), force=force)

    def _facts(self) -> dict[str, Any]:
        """All that is no table, as JSON has it."""
        return {
            "kinds": {name: astuple(one) for name, one in self.kinds.items()},
            "segments": self.segments,
            "notes": self.notes,
            "unread": self.unread,
            "version": self.version,
            "usual": [[group, asdict(one)] for group, one in self.usual.items()],
            "baseline": dict(self.baseline),
            "importances": dict(self.importances),
            "features": self.features,
            "missing_metadata": self.missing_metadata,
            "trained_until": self.trained_until and self.trained_until.isoformat(),
            "registered_on": self.registered_on.isoformat(),
            "run_id": self.run_id,
            "days": self.days,
            "has_days": self.has_days,
            "feature_code": self.feature_code,
            "libraries": dict(self.libraries),
        }

    @classmethod
    def kept(cls, path: Path) -> Self | None:
        """What `keep` wrote to *path*; None where something else lies there, or nothing.

        Raises
        ------
        SpoiltReference
            A bit of it has changed, or another version wrote it in another format.
        """
        if not is_kept(path):
            return None
        try:
            table = unsealed(path.read_bytes())
        except Damaged as error:
            raise SpoiltReference.at(path, error) from None
        notes = table.schema.metadata
        if notes.get(_OF_FORMAT) != FORMAT.encode():
            raise SpoiltReference.otherwise(path)
        facts = json.loads(notes[_FACTS])
        until = facts["trained_until"]
        outcomes = outcomes_from_table(_table_in(notes[_OUTCOMES])) if notes[_OUTCOMES] else {}
        as_told = (
            "version", "baseline", "importances", "run_id", "days", "has_days", "feature_code",
            "libraries",
        )  # fmt: skip
        return cls(
            bins=bins_from_table(_table_in(notes[_BINS])),
            profiles=profiles_from_table(table),
            kinds={name: ColumnKind(*one) for name, one in facts["kinds"].items()},
            segments=tuple(facts["segments"]),
            notes=tuple(facts["notes"]),
            unread={name: Unread(n, tuple(of)) for name, (n, of) in facts["unread"].items()},
            usual={Group(*group): Usual(**one) for group, one in facts["usual"]},
            outcomes={group: one for (_, group), one in outcomes.items()},
            features=tuple((name, kind) for name, kind in facts["features"]),
            missing_metadata=tuple(facts["missing_metadata"]),
            trained_until=date.fromisoformat(until) if until else None,
            registered_on=date.fromisoformat(facts["registered_on"]),
            **{name: facts[name] for name in as_told},
        )


def _as_bytes(table: pa.Table) -> bytes:
    with io.BytesIO() as buffer:
        pq.write_table(table, buffer)
        return buffer.getvalue()


def _table_in(written: bytes) -> pa.Table:
    """Not by `pq.read_table`, which imports pandas."""
    return pq.ParquetFile(io.BytesIO(written)).read()


def is_kept(path: Path) -> bool:
    """Whether `Reference.keep` wrote *path*, by what its metadata says."""
    try:
        return (pq.read_schema(path).metadata or {}).get(KEPT) == b"reference"
    except (pa.ArrowException, OSError, ValueError):
        return False


def check_keep(path: Path, *, force: bool, read: Collection[str]) -> None:
    """Make sure that a reference can be kept at *path* and costs none of the files in *read*.

    One that was kept in a folder of rows is none of them.

    Raises
    ------
    NotWritten
    """
    named = [place for place in read if Path(place).is_file()]
    refuse_to_overwrite(path, force=force, read=named if is_kept(path) else read)
