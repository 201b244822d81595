"""The Parquet files of one day, where a day is a file or a folder, and what they say of columns."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_dagster.sources.tables.places import is_whole_number, parquet_at
from monitoring_dagster.stats.columns.values import is_numeric, is_time, is_words

FileStamp: TypeAlias = tuple[int, int, int]


def parts_of(place: Path) -> list[Path]:
    """The files of a day, in order: *place* itself, or the Parquet files of the folder *place*.

    Raises
    ------
    LoggedTable
    """
    return [one.path for one in parquet_at(place)]


def stamp_of(part: Path) -> FileStamp:
    """What changes whenever a file is written anew: when that was, its number and its bytes."""
    found = part.stat()
    return found.st_mtime_ns, found.st_ino, found.st_size


def is_unfinished(place: Path) -> bool:
    """Whether a writer is at work in the folder *place*, or broke off there."""
    return (place / "_temporary").is_dir() and not (place / "_SUCCESS").exists()


def partitions(places: Iterable[Path]) -> dict[str, dict[Path, str | int | None]]:
    """The columns that stand in the names of folders (``k=a/``), by column and file.

    *places* are those of whole days: folders above a day belong to none. Whole numbers are read as
    such where all values of a column are.
    """
    found: dict[str, dict[Path, str | int | None]] = {}
    for place in places:
        for one in parquet_at(place):
            for name, value in one.partitions.items():
                found.setdefault(name, {})[one.path] = value
    for values in found.values():
        if all(one is None or is_whole_number(str(one)) for one in values.values()):
            values.update({file: None if one is None else int(one) for file, one in values.items()})
    return found


def columns_apart(parts: Sequence[Path]) -> tuple[set[str], dict[str, str], dict[str, str]]:
    """What the files of a day say of their columns, beside DuckDB.

    Returns
    -------
    All names as they are spelled; why a column cannot be read, where a file has it twice or the
    files disagree; and the type of durations, which Parquet stores as integers. Raises
    ArrowException, OSError for what is no Parquet file.
    """
    schemas = [(part, pq.read_schema(part)) for part in parts]
    names = {name for _, schema in schemas for name in schema.names}
    apart = dict(_twice(schemas)) | dict(_disagreeing(schemas))
    durations = {
        one.name: f"DURATION({one.type.unit})"
        for _, schema in schemas
        for one in schema
        if pa.types.is_duration(one.type)
    }
    return names, apart, durations


def _twice(schemas: Sequence[tuple[Path, pa.Schema]]) -> Iterator[tuple[str, str]]:
    for part, schema in schemas:
        spelled: dict[str, list[str]] = {}
        for name in schema.names:
            spelled.setdefault(name.lower(), []).append(name)
        for same in (names for names in spelled.values() if len(names) > 1):
            listed = " and ".join(map(repr, same))
            words = (
                f"stands {len(same)} times in {part.name}: {listed} are one name. Rename one of"
                " them"
            )
            for name in same:
                yield name, words


def _disagreeing(schemas: Sequence[tuple[Path, pa.Schema]]) -> Iterator[tuple[str, str]]:
    first: dict[str, tuple[str, Path, pa.DataType]] = {}
    for part, schema in schemas:
        for one in schema:
            family = _family(one.type)
            if family is None:
                continue
            before, place, arrow_type = first.setdefault(one.name, (family, part, one.type))
            if {before, family} <= {"time", "text"} or {before, family} <= {"plain", "text"}:
                continue
            if before != family:
                yield (
                    one.name,
                    f"is {arrow_type} in {place.name} and {one.type} in {part.name}. Write one of"
                    " them anew",
                )


def _family(arrow_type: pa.DataType) -> str | None:
    """Types of one family have a common one; None has it with every type."""
    if pa.types.is_dictionary(arrow_type):
        return _family(arrow_type.value_type)
    if pa.types.is_null(arrow_type):
        return None
    if is_time(arrow_type):
        return "time"
    if is_words(arrow_type):
        return "text"
    is_plain = is_numeric(arrow_type) or pa.types.is_boolean(arrow_type)
    return "plain" if is_plain else str(arrow_type)
