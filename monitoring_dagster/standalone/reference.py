"""What does a table look like?  Read from files or memory, profiled once, kept for other days."""

import io
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, field, replace
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from monitoring_dagster.errors import MonitoringError, UnknownColumn
from monitoring_dagster.sources.tables.files import KEPT, NoRows, Table
from monitoring_dagster.standalone.columns import Guess, guessed
from monitoring_dagster.stats.columns.bins import (
    MAX_VALUES,
    Bins,
    CategoricalBins,
    NumericBins,
    bins_from_table,
    bins_of,
    bins_to_table,
    is_complete,
)
from monitoring_dagster.stats.columns.profile import (
    COLUMNS_AT_ONCE,
    Group,
    Profile,
    profile_by_columns,
    profiles_from_table,
    profiles_to_table,
)
from monitoring_dagster.stats.columns.values import categories, is_numeric, is_time, is_words, plain
from monitoring_dagster.stats.columns.written import Style, Unread, numbers_in
from monitoring_dagster.store.outputs import refuse_to_overwrite, write_whole
from monitoring_dagster.store.results import Damaged, sealed, unsealed

if TYPE_CHECKING:
    from numpy.random import Generator  # late: starting often must stay cheap

SAMPLE_ROWS = 131_072  # of the reference, evenly spread: over these the bins are laid
_MOST_ONCE = 0.5  # of the rows of a sample: with more, its values cannot be counted
_SIDE = "the reference"
Advance = Callable[[int], object]


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
class Reference:
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
        said, unread = json.loads(notes[KEPT + b".account"])
        return cls(
            bins_from_table(bins),
            profiles_from_table(table),
            {name: Guess(*said) for name, said in columns.items()},
            tuple(json.loads(notes[KEPT + b".segments"])),
            tuple(said),
            {name: Unread(rows, tuple(examples)) for name, (rows, examples) in unread.items()},
        )


def _notes_of(path: Path) -> Mapping[bytes, bytes]:
    try:
        notes: Mapping[bytes, bytes] = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError, ValueError):
        return {}
    return notes


def is_kept(path: Path) -> bool:
    """Whether `Reference.keep` wrote *path*, by what its metadata says."""
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
) -> Reference:
    kept = given if isinstance(given, Reference) else None
    if isinstance(given, str | Path):
        kept = Reference.kept(Path(given))
    if kept is not None:
        return _narrowed(kept, {*ignore}, {*categorical, *numeric, *segments})
    table = table_of(given, "reference")
    table.require(segments, table=_SIDE)
    table.require([*categorical, *numeric], table=_SIDE)
    if not table.rows:
        raise NoRows.of(_SIDE)
    sample, step = _sample(table, categorical)
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
    styles = _styles(sample, [name for name, one in guesses.items() if one.kind == "numeric"])
    bins = {
        name: bins_of(_as_read(sample[name], styles.get(name)), column=name, kind=one.kind)
        for name, one in guesses.items()
        if one.kind is not None
    }
    if not bins:
        raise NothingInCommon.between(guesses)
    bins = _with_all_values(bins, table, share=sample.num_rows / table.rows)
    found = profiled(table, bins, segments, unusable={}, advance=advance, styles=styles)
    return Reference(
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


def _narrowed(kept: Reference, ignore: set[str], said: set[str]) -> Reference:
    for name in ignore | said:
        if name not in kept.guesses:
            raise UnknownColumn.named(name, table=_SIDE, available=kept.guesses)
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
    unread = {name: one for name, one in kept.unread.items() if name in bins}
    return Reference(bins, profiles, guesses, kept.segments, kept.notes, unread)


def table_of(given: Any, side: str) -> Table:
    return Table.at(str(given)) if isinstance(given, str | Path) else Table.of(given, side=side)


def _sample(table: Table, categorical: Collection[str]) -> tuple[pa.Table, int]:
    """At most `SAMPLE_ROWS` rows, evenly spread, and how far they lie apart.

    Of numbers the first of each block of rows, of categories any one of it: where these take turns,
    the first ones would be always the same.
    """
    step = -(-table.rows // SAMPLE_ROWS) or 1
    schema = table.schema
    named = [n for n in schema.names if n in categorical or not is_numeric(schema.field(n).type)]
    measured = [name for name in schema.names if name not in named]
    parts = [
        (of[i : i + COLUMNS_AT_ONCE], anywhere)
        for of, anywhere in ((measured, False), (named, True))
        for i in range(0, len(of), COLUMNS_AT_ONCE)
    ]

    def read(part: tuple[list[str], bool]) -> pa.Table:
        columns, anywhere = part
        rng = np.random.default_rng(0) if anywhere else None
        return _every(step, table.read(columns), rng)

    with ThreadPoolExecutor(_threads()) as pool:
        found = list(pool.map(read, parts))
    columns = {
        name: column
        for part in found
        for name, column in zip(part.schema.names, part.columns, strict=True)
    }
    return pa.table({name: columns[name] for name in schema.names}), step


def _every(step: int, batches: Iterable[pa.RecordBatch], rng: "Generator | None") -> pa.Table:
    """One row of every *step*: the first, or with *rng* any of them."""
    found, seen = [], 0
    for batch in batches:
        rows = np.arange(-seen % step, len(batch), step)
        if rng is not None:
            rows = (rows + rng.integers(step, size=rows.size)).clip(max=len(batch) - 1)
        found.append(batch.take(pa.array(rows)))
        seen += len(batch)
    return pa.Table.from_batches(found)


def _with_all_values(bins: Mapping[str, Bins], table: Table, *, share: float) -> dict[str, Bins]:
    """The *bins*, laid over a *share* of the rows; of categories that this share has not seen all
    values of, over all rows, unless nearly all values differ or there are too many."""
    if share == 1:
        return dict(bins)

    def over_all(name: str) -> Bins:
        of = bins[name]
        if isinstance(of, NumericBins):
            return of
        if 0 < of.times[0] < _MOST_ONCE * of.rows and (found := _values(table, name)) is not None:
            return CategoricalBins.of_values(*found)
        return replace(of, laid_over=share * of.laid_over)

    with ThreadPoolExecutor(_threads()) as pool:
        return dict(zip(bins, pool.map(over_all, bins), strict=True))


def _values(table: Table, name: str) -> tuple[list[str], NDArray[np.int64]] | None:
    """The distinct values of a column and how many rows there are of each; None of too many."""
    parts: list[pa.Table] = []
    for batch in table.read([name]):
        codes, names = categories(batch.column(0), column=name)
        rows = np.bincount(codes[codes >= 0], minlength=len(names))
        parts.append(pa.table({"name": pa.array(names, pa.string()), "rows": rows}))
        if sum(part.num_rows for part in parts) > 4 * MAX_VALUES:
            parts = [_summed(parts)]
            if parts[0].num_rows > MAX_VALUES:
                return None
    found = _summed(parts)
    if found.num_rows > MAX_VALUES:
        return None
    return found["name"].to_pylist(), plain(found["rows_sum"]).astype(np.int64)


def _summed(parts: Sequence[pa.Table]) -> pa.Table:
    found = pa.concat_tables(part.rename_columns(["name", "rows"]) for part in parts)
    return found.group_by("name").aggregate([("rows", "sum")])


class Profiled(NamedTuple):
    """What rows look like, and what was read in another way than as it lies there."""

    profiles: dict[Group, Profile]
    notes: tuple[str, ...]
    unread: dict[str, Unread]  # by column: values that are written, and no number


def profiled(
    table: Table,
    bins: Mapping[str, Bins],
    segments: Sequence[str],
    *,
    unusable: Collection[str],
    advance: Advance,
    styles: Mapping[str, Style] | None = None,
) -> Profiled:
    """Count all rows over *bins*; the values of *unusable* columns count as missing.

    Numbers that come as text are read as such; by default their style is that of the first rows.
    """
    text = [
        name
        for name, one in bins.items()
        if isinstance(one, NumericBins) and name not in unusable
        and is_words(table.schema.field(name).type)
    ]  # fmt: skip
    if styles is None and text:
        first = next(iter(table.read(text)), None)
        styles = _styles(first, text) if first is not None else {}
    written = dict.fromkeys(text, Style()) | dict(styles or {})
    unread: dict[str, Unread] = {}

    def read(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        usable = [name for name in columns if name not in unusable]
        for batch in table.read(usable or table.schema.names[:1]):
            there = dict(zip(batch.schema.names, batch.columns, strict=True))
            for name in text:
                if name in there:
                    found = numbers_in(there[name], written[name])
                    there[name] = found.values
                    if found.unread.rows:
                        unread[name] = unread.get(name, Unread()).and_then(found.unread)
            there |= {name: pa.nulls(len(batch)) for name in columns if name in unusable}
            yield pa.RecordBatch.from_pydict({name: there[name] for name in columns})

    found = profile_by_columns(
        read, {"": bins}, segments=segments, threads=_threads(), advance=advance
    )
    notes = tuple(
        f"column {name!r}: {style.words}" for name, style in written.items() if style.words
    )
    whole = {Group(""): found.get(Group(""), Profile.empty(bins)), **found}
    return Profiled(whole, notes, unread)


def _styles(rows: pa.Table | pa.RecordBatch, names: Iterable[str]) -> dict[str, Style]:
    """How numbers are written in those columns of text that hold any."""
    found = {name: Style.of(rows[name]) for name in names if is_words(rows.schema.field(name).type)}
    return {name: one for name, one in found.items() if one is not None}


def _as_read(values: pa.ChunkedArray, style: Style | None) -> pa.Array | pa.ChunkedArray:
    return values if style is None else numbers_in(values, style).values


def _threads() -> int:
    return min(cpu_count() or 1, 8)
