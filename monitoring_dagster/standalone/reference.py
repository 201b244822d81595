"""Reference profile of a table, kept for other days."""

import io
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.sources.tables.files import KEPT, NoRows
from monitoring_dagster.standalone.column_kinds import Guess, guessed
from monitoring_dagster.standalone.table_profile import (
    Advance,
    as_read,
    profiled,
    sampled,
    styles_of,
    table_of,
    with_all_values,
)
from monitoring_dagster.stats.columns.bins import (
    Bins,
    bins_from_table,
    bins_of,
    bins_to_table,
    is_complete,
)
from monitoring_dagster.stats.columns.groups import Group
from monitoring_dagster.stats.columns.profile import Profile, profiles_from_table, profiles_to_table
from monitoring_dagster.stats.columns.values import is_time, is_words
from monitoring_dagster.stats.columns.written import Style, Unread, numbers_in
from monitoring_dagster.store.outputs import refuse_to_overwrite, write_whole
from monitoring_dagster.store.results import Damaged, sealed, unsealed

_SIDE = "the reference"


class AlreadyKept(MonitoringError):
    """What was decided when a reference was kept cannot be decided again."""

    @classmethod
    def with_columns(cls, names: Collection[str]) -> Self:
        return cls(
            f"the kinds and segments of a kept reference are fixed ({', '.join(names)}):"
            " keep it anew from its rows"
        )


class NotNumeric(MonitoringError):
    """A column is called numeric, and holds no numbers."""

    @classmethod
    def but(cls, column: str, arrived: object) -> Self:
        return cls(
            f"column {column!r} of the reference is to be numeric, and holds {arrived} without any"
            " number: send numbers, or call it categorical"
        )

    @classmethod
    def and_categorical(cls, column: str) -> Self:
        return cls(f"column {column!r} is called both numeric and categorical: choose one")


class SpoiltReference(MonitoringError):
    """A kept reference is no longer what was kept."""

    @classmethod
    def at(cls, path: Path, error: Damaged) -> Self:
        return cls(f"the kept reference {path} is damaged, {error}: keep it anew from its rows")

    @classmethod
    def older(cls, path: Path) -> Self:
        return cls(
            f"the kept reference {path} was kept by an older version, which did not count its rare"
            " categories: keep it anew from its rows"
        )


class NothingInCommon(MonitoringError):
    """Two tables without a column that could be compared."""

    @classmethod
    def between(cls, guesses: Mapping[str, Guess]) -> Self:
        why = "; ".join(f"{name}: {one.why}" for name, one in guesses.items())
        return cls(f"the reference has no column to compare ({why or 'no columns at all'})")

    @classmethod
    def with_columns(cls, reference: Iterable[str], current: Iterable[str]) -> Self:
        sides = (", ".join(list(map(repr, side))[:10]) or "-" for side in (reference, current))
        return cls("the two have no column in common: {} against {}".format(*sides))


@dataclass(frozen=True)
class TableReference:
    """What a table looked like: bins laid over it, its counts, and what its columns are."""

    bins: Mapping[str, Bins]
    profiles: Mapping[Group, Profile]
    guesses: Mapping[str, Guess]
    segments: tuple[str, ...]
    notes: tuple[str, ...] = ()  # what was taken for granted when its rows were read
    unread: Mapping[str, Unread] = field(default_factory=dict)  # values that were no numbers

    def keep(self, path: Path, *, force: bool = True) -> None:
        """Write it down, whole or not at all, to be compared with again without its rows.

        Raises NotWritten where the disk refuses, or something is there and not *force*.
        """
        with io.BytesIO() as buffer:
            pq.write_table(bins_to_table(self.bins), buffer)
            notes = {
                KEPT: b"reference",
                KEPT + b".bins": buffer.getvalue(),
                KEPT + b".columns": json.dumps(
                    {name: astuple(one) for name, one in self.guesses.items()}
                ).encode(),
                KEPT + b".segments": json.dumps(self.segments).encode(),
                KEPT + b".account": json.dumps([self.notes, self.unread]).encode(),
            }
        table = profiles_to_table(self.profiles).replace_schema_metadata(notes)
        write_whole(path, sealed(table), force=force)

    @classmethod
    def kept(cls, path: Path) -> Self | None:
        """What `keep` wrote to *path*; None where something else lies there, or nothing."""
        notes = _notes_of(path)
        if notes.get(KEPT) != b"reference":
            return None
        try:
            table = unsealed(path.read_bytes())
        except Damaged as error:
            raise SpoiltReference.at(path, error) from None
        bins = pq.ParquetFile(io.BytesIO(notes[KEPT + b".bins"])).read()
        if not is_complete(bins):
            raise SpoiltReference.older(path)
        columns = json.loads(notes[KEPT + b".columns"])
        remarks, unread = json.loads(notes[KEPT + b".account"])
        return cls(
            bins_from_table(bins),
            profiles_from_table(table),
            {name: Guess(*guess) for name, guess in columns.items()},
            tuple(json.loads(notes[KEPT + b".segments"])),
            tuple(remarks),
            {name: Unread(rows, tuple(examples)) for name, (rows, examples) in unread.items()},
        )


def _notes_of(path: Path) -> Mapping[bytes, bytes]:
    try:
        notes: Mapping[bytes, bytes] = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError, ValueError):
        return {}
    return notes


def is_kept(path: Path) -> bool:
    """Whether `TableReference.keep` wrote *path*, by what its metadata says."""
    return _notes_of(path).get(KEPT) == b"reference"


def check_keep(path: Path, *, force: bool, read: Collection[str]) -> None:
    """Make sure that a profile can be kept at *path* and costs none of the files in *read*.

    A profile that was kept in a folder of rows is none of them. Raises NotWritten.
    """
    named = [place for place in read if Path(place).is_file()]
    refuse_to_overwrite(path, force=force, read=named if is_kept(path) else read)


def read_reference(
    given: Any,
    categorical: Collection[str],
    numeric: Collection[str],
    ignore: Collection[str],
    segments: Sequence[str],
    advance: Advance,
) -> TableReference:
    kept = given if isinstance(given, TableReference) else None
    if isinstance(given, str | Path):
        kept = TableReference.kept(Path(given))
    if kept is not None:
        return _narrowed(kept, {*ignore}, {*categorical, *numeric, *segments})
    table = table_of(given, "reference")
    table.require(segments, table=_SIDE)
    table.require([*categorical, *numeric], table=_SIDE)
    if not table.rows:
        raise NoRows.of(_SIDE)
    sample, step = sampled(table, categorical)
    _require_numbers(sample, numeric, categorical)
    guesses = guessed(
        sample,
        categorical=categorical,
        numeric=numeric,
        ignore=[name for name in ignore if name not in table.left_out],
        durations=table.durations & {*table.schema.names},
        step=step,
    ) | {
        name: Guess(None, "as you said") if name in ignore else Guess(None, why, unseen=True)
        for name, why in table.left_out.items()
    }
    styles = styles_of(sample, [name for name, one in guesses.items() if one.kind == "numeric"])
    bins = {
        name: bins_of(as_read(sample[name], styles.get(name)), column=name, kind=one.kind)
        for name, one in guesses.items()
        if one.kind is not None
    }
    if not bins:
        raise NothingInCommon.between(guesses)
    bins = with_all_values(bins, table, share=sample.num_rows / table.rows)
    found = profiled(table, bins, segments, unusable={}, advance=advance, styles=styles)
    return TableReference(
        bins,
        found.profiles,
        guesses,
        tuple(segments),
        notes=(*table.notes, *found.notes),
        unread={**table.unread, **found.unread},
    )


def _require_numbers(
    sample: pa.Table, numeric: Collection[str], categorical: Collection[str]
) -> None:
    """Raise NotNumeric where what is called numeric holds words or points in time."""
    for name in numeric:
        arrow_type, values = sample.schema.field(name).type, sample[name]
        if name in categorical:
            raise NotNumeric.and_categorical(name)
        is_text = is_words(arrow_type) and values.null_count < len(values)
        if is_time(arrow_type) or (
            is_text and _is_empty(numbers_in(values, Style.of(values)).values)
        ):
            raise NotNumeric.but(name, arrow_type)


def _is_empty(values: pa.Array) -> bool:
    return bool(values.null_count == len(values))


def _narrowed(kept: TableReference, ignore: set[str], named: set[str]) -> TableReference:
    for name in ignore | named:
        if name not in kept.guesses:
            raise UnknownColumn.named(name, table=_SIDE, available=kept.guesses)
    if named:
        raise AlreadyKept.with_columns(sorted(named))
    bins = {name: one for name, one in kept.bins.items() if name not in ignore}
    guesses = {**kept.guesses, **dict.fromkeys(ignore, Guess(None, "as you said"))}
    if not bins:
        raise NothingInCommon.between(guesses)
    profiles = {
        group: Profile(profile.rows, {name: profile.columns[name] for name in bins})
        for group, profile in kept.profiles.items()
    }
    unread = {name: one for name, one in kept.unread.items() if name in bins}
    return TableReference(bins, profiles, guesses, kept.segments, kept.notes, unread)
