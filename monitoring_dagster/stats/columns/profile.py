"""What did the rows look like?  Summaries that add up: a week is the sum of its days."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.stats.columns.accumulate import Split, count_column, kept_values
from monitoring_dagster.stats.columns.bins import Bins
from monitoring_dagster.stats.columns.column_profile import (
    CategoricalProfile,
    ColumnProfile,
    MismatchedBins,
    NumericProfile,
    add_columns,
    empty_column,
)
from monitoring_dagster.stats.columns.groups import MISSING, OTHER, Group
from monitoring_dagster.stats.columns.values import categories, from_numpy, plain

COLUMNS_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class Profile:
    """Every watched column of some rows. `Profile()` is neutral under `+`."""

    rows: int = 0
    columns: Mapping[str, ColumnProfile] = field(default_factory=dict)

    @classmethod
    def empty(cls, bins: Mapping[str, Bins]) -> Self:
        """No rows yet, over these bins."""
        return cls(0, {column: empty_column(of) for column, of in bins.items()})

    def __add__(self, other: Self) -> Self:
        """Both taken together, exact up to rounding; refused where columns or bins differ."""
        if not self.columns and not self.rows:
            return other
        if not other.columns and not other.rows:
            return self
        if set(self.columns) != set(other.columns):
            raise MismatchedBins.columns(self.columns, other.columns)
        return type(self)(
            self.rows + other.rows,
            {name: add_columns(one, other.columns[name]) for name, one in self.columns.items()},
        )


def profile_batches(
    batches: Iterable[pa.RecordBatch],
    bins: Mapping[str, Mapping[str, Bins]],
    *,
    version: str | None = None,
    segments: Sequence[str] = (),
) -> dict[Group, Profile]:
    """Profile all rows in one pass, by model version and by the values of each segment column.

    Parameters
    ----------
    batches
        Rows with the columns `version`, `segments` and all that *bins* names.
    bins
        Bins per column, by version. Rows of a version without bins are only counted.
    version
        The column that names the model version of a row; without one, all are of version "".
    segments
        Columns to split by. A missing value is "(missing)"; of more than 200 values those of
        lowest hash are kept and the rest are "(other)".

    Returns
    -------
    A profile per group that has rows; `Group(version)` is the sum over the first segment's values.

    Raises
    ------
    UnknownColumn
        A column is not there.
    WrongType
        A numeric column arrives as something else.
    """
    splits: dict[str, list[Split]] = {}
    for batch in batches:
        for name, rows in [("", batch)] if version is None else _by_version(batch, version):
            columns = bins.get(name, {})
            if name not in splits:
                splits[name] = [Split(columns, segment=s) for s in segments] or [Split(columns)]
            selected = _select(rows, dict.fromkeys([*segments, *columns]))
            slots = [(split, split.count_rows(selected)) for split in splits[name]]
            for column in columns:
                count_column(column, selected.column(column), slots)
    profiles = {}
    for name, of_version in splits.items():
        profiles[Group(name)] = Profile(*of_version[0].total())
        for split in of_version if segments else []:
            for value, (n, found) in sorted(split.groups().items()):
                profiles[Group(name, split.segment, value)] = Profile(n, found)
    return profiles


def profile_by_columns(
    read: Callable[[Sequence[str]], Iterable[pa.RecordBatch]],
    bins: Mapping[str, Mapping[str, Bins]],
    *,
    version: str | None = None,
    segments: Sequence[str] = (),
    threads: int = 2,
    advance: Callable[[int], object] = lambda columns: None,
) -> dict[Group, Profile]:
    """As `profile_batches`, a few columns at a time, in several threads: quicker, and in the memory
    that these few columns take.

    Parameters
    ----------
    read
        Reads all rows anew, of the columns it is asked for; called from several threads.
    advance
        Told the number of columns that have just been done.
    """
    fixed = [*segments, *([version] if version is not None else [])]
    every = list(dict.fromkeys(name for columns in bins.values() for name in columns))

    def profile_of(names: Sequence[str]) -> dict[Group, Profile]:
        of_names = {v: {name: of[name] for name in names if name in of} for v, of in bins.items()}
        wanted = list(dict.fromkeys([*fixed, *names]))
        found = profile_batches(read(wanted), of_names, version=version, segments=segments)
        advance(len(names))
        return found

    starts = range(0, max(len(every), 1), COLUMNS_AT_ONCE)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(profile_of, [every[i : i + COLUMNS_AT_ONCE] for i in starts]))
    return {
        group: Profile(
            profile.rows,
            {name: one for part in parts for name, one in part[group].columns.items()},
        )
        for group, profile in parts[0].items()
    }


def merge_profiles(parts: Iterable[Mapping[Group, Profile]]) -> dict[Group, Profile]:
    """The profiles of all rows, from those of every part of them, whoever cut the rows.

    Each part kept those of its segment values that have the lowest hash. What is among the 200
    lowest of all values is so in every part that has it, and was never "(other)" there; what is
    not becomes "(other)" here. So no cut changes a count.
    """
    whole: dict[Group, Profile] = {}
    values: dict[tuple[str, str], set[str]] = {}

    def add(group: Group, profile: Profile) -> None:
        whole[group] = whole.get(group, Profile()) + profile

    for part in parts:
        for group, profile in part.items():
            add(group, profile)
            if group.segment:
                values.setdefault((group.version, group.segment), set()).add(group.value)
    for (version, segment), found in values.items():
        for value in sorted(found - kept_values(found)):
            add(Group(version, segment, OTHER), whole.pop(Group(version, segment, value)))
    return dict(sorted(whole.items()))


def _select(batch: pa.RecordBatch, columns: Iterable[str]) -> pa.RecordBatch:
    available = set(batch.schema.names)
    wanted = list(columns)
    for column in wanted:
        if column not in available:
            raise UnknownColumn.named(column, table="the batch of rows", available=available)
    return batch.select(wanted)


def _by_version(batch: pa.RecordBatch, column: str) -> list[tuple[str, pa.RecordBatch]]:
    codes, names = categories(_select(batch, [column]).column(0), column=column)
    present = np.flatnonzero(np.bincount(codes + 1, minlength=len(names) + 1)) - 1
    label = [*names, MISSING]  # code -1 is the last
    if len(present) == 1:
        return [(label[present[0]], batch)]
    return [
        (
            label[code],
            batch.take(from_numpy(np.flatnonzero(codes == code))),
        )  # several times quicker than a filter
        for code in present
    ]


_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("version", "segment", "value", "column", "digest")),
        ("rows", pa.int64()),
        ("counts", pa.list_(pa.int64())),
        ("sums", pa.list_(pa.float64())),
        ("moments", pa.list_(pa.float64())),  # minimum, maximum, mean, m2
        *((name, pa.int64()) for name in ("nulls", "negative_infinite", "positive_infinite")),
        ("unseen", pa.map_(pa.string(), pa.int64())),
    ]
)


def profiles_to_table(profiles: Mapping[Group, Profile]) -> pa.Table:
    """One row per group and column, for a file; a group without columns has one row."""
    records = [
        group._asdict() | {"rows": profile.rows} | record
        for group, profile in profiles.items()
        for record in [_record(*item) for item in profile.columns.items()] or [{}]
    ]
    return pa.Table.from_pylist(records, schema=_SCHEMA)


def _record(name: str, column: ColumnProfile) -> dict[str, object]:
    record: dict[str, object] = {
        "column": name,
        "digest": column.digest,
        "counts": column.counts,
        "nulls": column.nulls,
    }
    if isinstance(column, CategoricalProfile):
        return record | {"unseen": list(column.unseen.items())}
    return record | {
        "sums": column.sums,
        "moments": [column.minimum, column.maximum, column.mean, column.m2],
        "negative_infinite": column.negative_infinite,
        "positive_infinite": column.positive_infinite,
    }


def profiles_from_table(table: pa.Table) -> dict[Group, Profile]:
    """The profiles that `profiles_to_table` wrote down."""
    profiles: dict[Group, Profile] = {}
    arrays = {name: table.column(name) for name in ("counts", "sums")}
    plain = table.drop_columns(list(arrays)).to_pylist(maps_as_pydicts="strict")
    for i, record in enumerate(plain):
        group = Group(record["version"], record["segment"], record["value"])
        before = profiles.get(group, Profile(record["rows"]))
        if record["column"] is None:
            profiles[group] = before
            continue
        found = _column(record, **{name: of[i].values for name, of in arrays.items()})
        profiles[group] = Profile(before.rows, {**before.columns, record["column"]: found})
    return profiles


def _column(record: Mapping[str, Any], *, counts: pa.Array, sums: pa.Array | None) -> ColumnProfile:
    if sums is None:
        return CategoricalProfile(
            record["digest"], plain(counts), record["nulls"], record["unseen"]
        )
    return NumericProfile(
        record["digest"],
        plain(counts),
        plain(sums),
        record["nulls"],
        record["negative_infinite"],
        record["positive_infinite"],
        *record["moments"],
    )
