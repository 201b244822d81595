"""The Parquet files of one day, where a day is a file or a folder, and what they say of columns."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

_SUFFIXES = (".parquet", ".pq")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def parts_of(place: Path) -> list[Path]:
    """The files of a day, in order: *place* itself, or the Parquet files of the folder *place*.

    What writers hide, names that begin with a dot or an underscore, is not read.
    """
    if not place.is_dir():
        return [place] if place.exists() else []
    return sorted(
        one
        for one in place.rglob("*")
        if not any(name.startswith((".", "_")) for name in one.relative_to(place).parts)
        and one.is_file()
        and (one.name.lower().endswith(_SUFFIXES) or _is_parquet(one))
    )


def is_unfinished(place: Path) -> bool:
    """Whether a writer is at work in the folder *place*, or broke off there."""
    return (place / "_temporary").is_dir() and not (place / "_SUCCESS").exists()


def bytes_of(place: Path) -> int:
    """How large the files of a day are together."""
    return sum(one.stat().st_size for one in parts_of(place))


def _is_parquet(path: Path) -> bool:
    if path.suffix:  # Hive's files have none
        return False
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def partitions(
    parts: Mapping[Path, Sequence[Path]],
) -> dict[str, dict[Path, str | int | None]]:
    """The columns that stand in the names of folders (``k=a/``), by column and file.

    *parts* are the files by the place of their day: folders above it belong to no day. Whole
    numbers are read as such where all values of a column are.
    """
    found: dict[str, dict[Path, str | int | None]] = {}
    for place, files in parts.items():
        for file in files:
            for folder in file.relative_to(place).parts[:-1]:
                name, is_pair, value = folder.partition("=")
                if is_pair:
                    one = None if value == _NO_VALUE else unquote(value)
                    found.setdefault(unquote(name), {})[file] = one
    for values in found.values():
        if all(one is None or _is_integer(str(one)) for one in values.values()):
            values.update({file: None if one is None else int(one) for file, one in values.items()})
    return found


def _is_integer(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and str(int(text)) == text and len(text) < 19


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
    if pa.types.is_timestamp(arrow_type) or pa.types.is_date(arrow_type):
        return "time"
    if (
        pa.types.is_string(arrow_type)
        or pa.types.is_large_string(arrow_type)
        or pa.types.is_string_view(arrow_type)
    ):
        return "text"
    if (
        pa.types.is_integer(arrow_type)
        or pa.types.is_floating(arrow_type)
        or pa.types.is_decimal(arrow_type)
        or pa.types.is_boolean(arrow_type)
    ):
        return "plain"
    return str(arrow_type)
