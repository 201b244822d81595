"""Did these rows drift from those?  The verdicts of the daily check, for any two tables."""

import io
import json
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from math import isfinite
from os import cpu_count
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.integrations.files import Table
from monitoring_dagster.integrations.results import Damaged, sealed, unsealed
from monitoring_dagster.standalone.columns import Guess, guessed
from monitoring_dagster.stats.bins import Bins, NumericBins, bins_from_table, bins_of, bins_to_table
from monitoring_dagster.stats.drift import DriftSettings, measure_all
from monitoring_dagster.stats.profile import (
    COLUMNS_AT_ONCE,
    Group,
    Profile,
    profile_by_columns,
    profiles_from_table,
    profiles_to_table,
)
from monitoring_dagster.stats.values import is_numeric
from monitoring_dagster.stats.verdict import DriftVerdict, Verdict, judge

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_ROWS = 131_072  # of the reference, evenly spread: over these the bins are laid
_KEPT = b"monitoring_dagster"
Advance = Callable[[int], object]


class NotATable(MonitoringError):
    """Something that cannot be read as rows and columns."""

    @classmethod
    def given(cls, side: str, thing: object, error: Exception | None = None) -> Self:
        reason = f": {str(error).partition(chr(10))[0]}" if error else ""
        return cls(
            f"the {side} is a {type(thing).__name__} that cannot be read as a table{reason}."
            " Give a pandas DataFrame, an Arrow table, or the path of Parquet or CSV files"
        )


class AlreadyKept(MonitoringError):
    """What was decided when a reference was kept cannot be decided again."""

    @classmethod
    def with_columns(cls, names: Collection[str]) -> Self:
        return cls(
            f"the kinds and segments of a kept reference are fixed ({', '.join(names)}):"
            " keep it anew from its rows"
        )


class SpoiltReference(MonitoringError):
    """A kept reference is no longer what was kept."""

    @classmethod
    def at(cls, path: Path, error: Damaged) -> Self:
        return cls(f"the kept reference {path} is damaged, {error}: keep it anew from its rows")


class NothingInCommon(MonitoringError):
    """Two tables without a column that could be compared."""

    @classmethod
    def between(cls, guesses: Mapping[str, Guess]) -> Self:
        why = "; ".join(f"{name}: {one.why}" for name, one in guesses.items())
        return cls(f"the reference has no column to compare ({why or 'no columns at all'})")


@dataclass(frozen=True)
class Reference:
    """What a table looked like: bins laid over it, its counts, and what its columns are."""

    bins: Mapping[str, Bins]
    profiles: Mapping[Group, Profile]
    guesses: Mapping[str, Guess]
    segments: tuple[str, ...]

    def keep(self, path: Path) -> None:
        """Write it down, to be compared with again without reading its rows."""
        with io.BytesIO() as buffer:
            pq.write_table(bins_to_table(self.bins), buffer)
            notes = {
                _KEPT: b"reference",
                _KEPT + b".bins": buffer.getvalue(),
                _KEPT + b".columns": json.dumps(
                    {name: [one.kind, one.why] for name, one in self.guesses.items()}
                ).encode(),
                _KEPT + b".segments": json.dumps(self.segments).encode(),
            }
        table = profiles_to_table(self.profiles).replace_schema_metadata(notes)
        path.write_bytes(sealed(table))

    @classmethod
    def kept(cls, path: Path) -> Self | None:
        """What `keep` wrote to *path*; None where something else lies there, or nothing."""
        try:
            notes = pq.read_schema(path).metadata or {}
        except (pa.ArrowException, OSError):
            return None
        if notes.get(_KEPT) != b"reference":
            return None
        try:
            table = unsealed(path.read_bytes())
        except Damaged as error:
            raise SpoiltReference.at(path, error) from None
        columns = json.loads(notes[_KEPT + b".columns"])
        return cls(
            bins_from_table(pq.ParquetFile(io.BytesIO(notes[_KEPT + b".bins"])).read()),
            profiles_from_table(table),
            {name: Guess(*said) for name, said in columns.items()},
            tuple(json.loads(notes[_KEPT + b".segments"])),
        )


@dataclass(frozen=True)
class Comparison:
    """How a table differs from a reference, feature by feature; the most notable first."""

    verdict: Verdict
    rows_reference: int
    rows_current: int
    features: Sequence[tuple[Group, DriftVerdict]] = field(repr=False)
    guesses: Mapping[str, Guess] = field(repr=False)  # what each column was taken for
    reference: Reference = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them; what is not a number is None."""
        return {
            "verdict": str(self.verdict),
            "rows": {"reference": self.rows_reference, "current": self.rows_current},
            "columns": {name: one.kind or "ignored" for name, one in self.guesses.items()},
            "features": [_record(group, one) for group, one in self.features],
        }

    def to_frame(self) -> "pd.DataFrame":
        """One row a feature, whole first, then by segment."""
        import pandas as pd

        return pd.DataFrame([_record(group, one) for group, one in self.features])


def compare(
    reference: Any,
    current: Any,
    *,
    categorical: Collection[str] = (),
    numeric: Collection[str] = (),
    ignore: Collection[str] = (),
    segments: Sequence[str] = (),
    settings: DriftSettings | None = None,
    advance: Advance = lambda columns: None,
) -> Comparison:
    """Say for every column whether *current* drifted from *reference*, and how far.

    Parameters
    ----------
    reference, current
        A pandas DataFrame, an Arrow table, anything that speaks Arrow's PyCapsule interface, or a
        path: Parquet or CSV, a file, a folder or a glob. The reference may also be a `Reference`,
        or the path of one that was kept.
    categorical, numeric, ignore
        Columns whose guessed kind is wrong; by default numbers are numeric, words and booleans
        categorical, identifiers and points in time left out.
    segments
        Columns by whose values the rows are split and judged as well.
    settings
        Where evidence and effect begin.
    advance
        Told the number of columns that have just been read, on either side.

    Raises
    ------
    MonitoringError
        A side cannot be read, or a named column is not there.

    >>> import pyarrow as pa
    >>> before = pa.table({"age": [20.0 + i % 50 for i in range(1000)]})
    >>> now = pa.table({"age": [35.0 + i % 50 for i in range(1000)]})
    >>> str(compare(before, now).verdict)
    'DRIFT'
    """
    settings = settings or DriftSettings()
    Thread(target=import_module, args=("scipy.special",)).start()  # slow, and needed at the end
    before = _reference(reference, categorical, numeric, ignore, segments, advance)
    now = _table(current, "current data")
    unusable = _unusable(before, now)
    profiles = _profiles(now, before.bins, before.segments, unusable=unusable, advance=advance)
    features = _judged(before, profiles, settings, unusable)
    verdicts = {one.verdict for _, one in features}
    worst = next((one for one in (Verdict.DRIFT, Verdict.OK) if one in verdicts), None)
    new = {
        name: Guess(None, "not in the reference")
        for name in now.schema.names
        if name not in before.guesses
    }
    return Comparison(
        verdict=worst or Verdict.INSUFFICIENT,
        rows_reference=before.profiles[Group("")].rows,
        rows_current=profiles[Group("")].rows,
        features=features,
        guesses={**before.guesses, **new},
        reference=before,
    )


def _reference(
    given: Any,
    categorical: Collection[str],
    numeric: Collection[str],
    ignore: Collection[str],
    segments: Sequence[str],
    advance: Advance,
) -> Reference:
    kept = given if isinstance(given, Reference) else None
    if isinstance(given, str | Path):
        kept = Reference.kept(Path(given))
    if kept is not None:
        return _narrowed(kept, {*ignore}, {*categorical, *numeric, *segments})
    table = _table(given, "reference")
    for name in segments:
        if name not in table.schema.names:
            raise UnknownColumn.named(name, table="the reference", available=table.schema.names)
    sample = _sample(table)
    guesses = guessed(sample, categorical=categorical, numeric=numeric, ignore=ignore)
    bins = {
        name: bins_of(sample[name], column=name, kind=one.kind)
        for name, one in guesses.items()
        if one.kind is not None
    }
    if not bins:
        raise NothingInCommon.between(guesses)
    profiles = _profiles(table, bins, segments, unusable={}, advance=advance)
    return Reference(bins, profiles, guesses, tuple(segments))


def _narrowed(kept: Reference, ignore: set[str], said: set[str]) -> Reference:
    for name in ignore | said:
        if name not in kept.guesses:
            raise UnknownColumn.named(name, table="the reference", available=kept.guesses)
    if said:
        raise AlreadyKept.with_columns(sorted(said))
    bins = {name: one for name, one in kept.bins.items() if name not in ignore}
    guesses = {**kept.guesses, **dict.fromkeys(ignore, Guess(None, "as you said"))}
    if not bins:
        raise NothingInCommon.between(guesses)
    profiles = {
        group: Profile(profile.rows, {name: profile.columns[name] for name in bins})
        for group, profile in kept.profiles.items()
    }
    return Reference(bins, profiles, guesses, kept.segments)


def _table(given: Any, side: str) -> Table:
    if isinstance(given, str | Path):
        return Table.at(str(given))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Arrow asks pandas for what it is about to change
            table = pa.table(given)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise NotATable.given(side, given, error) from error
    return Table.of(table, place=f"the {side}")


def _sample(table: Table) -> pa.Table:
    """At most `SAMPLE_ROWS` rows, evenly spread."""
    step = -(-table.rows // SAMPLE_ROWS) or 1
    names = table.schema.names
    parts = [names[i : i + COLUMNS_AT_ONCE] for i in range(0, len(names), COLUMNS_AT_ONCE)]
    with ThreadPoolExecutor(_threads()) as pool:
        found = list(pool.map(lambda columns: _every(step, table.read(columns)), parts))
    columns = [column for part in found for column in part.columns]
    return pa.table(columns, names=names) if table.rows else table.schema.empty_table()


def _every(step: int, batches: Iterable[pa.RecordBatch]) -> pa.Table:
    found, seen = [], 0
    for batch in batches:
        rows = pa.array(range(-seen % step, len(batch), step), pa.int64())
        found.append(batch.take(rows))
        seen += len(batch)
    return pa.Table.from_batches(found)


def _unusable(before: Reference, now: Table) -> dict[str, str]:
    """Columns that are not there, or came as something else: their values count as missing."""
    found = {}
    for name, bins in before.bins.items():
        if name not in now.schema.names:
            found[name] = "the current data has no such column"
            continue
        arrow_type = now.schema.field(name).type
        if pa.types.is_dictionary(arrow_type):
            arrow_type = arrow_type.value_type
        measured = is_numeric(arrow_type) or arrow_type in (pa.bool_(), pa.null())
        if isinstance(bins, NumericBins) and not measured:
            found[name] = f"numeric in the reference, and arrives as {arrow_type}"
        elif pa.types.is_nested(arrow_type) or pa.types.is_binary(arrow_type):
            found[name] = f"arrives as {arrow_type}, which has no categories"
    return found


def _profiles(
    table: Table,
    bins: Mapping[str, Bins],
    segments: Sequence[str],
    *,
    unusable: Collection[str],
    advance: Advance,
) -> dict[Group, Profile]:
    def read(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        usable = [name for name in columns if name not in unusable]
        for batch in table.read(usable or table.schema.names[:1]):
            missing = {name: pa.nulls(len(batch)) for name in columns if name in unusable}
            there = dict(zip(batch.schema.names, batch.columns, strict=True)) | missing
            yield pa.RecordBatch.from_pydict({name: there[name] for name in columns})

    found = profile_by_columns(
        read, {"": bins}, segments=segments, threads=_threads(), advance=advance
    )
    return {Group(""): found.get(Group(""), Profile.empty(bins)), **found}


def _threads() -> int:
    return min(cpu_count() or 1, 8)


def _judged(
    before: Reference,
    profiles: Mapping[Group, Profile],
    settings: DriftSettings,
    unusable: Mapping[str, str],
) -> list[tuple[Group, DriftVerdict]]:
    """All groups and columns, corrected together for how many were looked at; drift first."""
    empty = Profile.empty(before.bins)
    pairs = [(before.profiles.get(group, empty), one) for group, one in profiles.items()]
    places, measured = [], []
    for name, bins in before.bins.items():
        columns = [(first.columns[name], second.columns[name]) for first, second in pairs]
        measured += measure_all(name, columns, bins)
        places += list(profiles)
    verdicts = judge(measured, settings=settings, usual_effect=[0.0] * len(measured))
    found = [
        (group, replace(one, reason=f"{unusable[name]}: {one.reason}") if name in unusable else one)
        for group, one in zip(places, verdicts, strict=True)
        for name in [one.drift.column]
    ]
    return sorted(
        found,
        key=lambda pair: (
            pair[1].verdict is not Verdict.DRIFT,
            bool(pair[0].segment),
            -pair[1].drift.effect,
            pair[1].drift.column,
        ),
    )


_PLAIN = {"ks_low": "ks", "wasserstein_low": "wasserstein"}  # certain, and nearly exact


def _record(group: Group, one: DriftVerdict) -> dict[str, Any]:
    drift = one.drift
    numbers = {
        "n_reference": drift.n_reference,
        "n_current": drift.n_current,
        **{_PLAIN.get(name, name): value for name, value in drift.distances().items()},
        "p_value": drift.p_value,
        "p_adjusted": one.p_adjusted,
        "effect": drift.effect,
        "new_mass": drift.new_mass,
        **{f"{name}_reference": value for name, value in asdict(drift.reference).items()},
        **{f"{name}_current": value for name, value in asdict(drift.current).items()},
    }
    del numbers["rows_reference"], numbers["rows_current"]
    return {
        "name": drift.column,
        "kind": drift.kind,
        "segment": group.segment or None,
        "value": group.value if group.segment else None,
        **{k: v if v is not None and isfinite(v) else None for k, v in numbers.items()},
        "unseen": list(drift.unseen),
        "psi_band": one.psi_band,
        "verdict": str(one.verdict),
        "reason": one.reason,
    }
