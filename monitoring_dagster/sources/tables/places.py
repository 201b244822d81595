"""Data files of a place: a file, a folder as writers leave it, or a glob."""

import glob
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import unquote

from monitoring_dagster.errors import MonitoringError

_PARQUET = (".parquet", ".pq")
_SUFFIXES = (*_PARQUET, ".csv", ".tsv")
_OTHERS = (  # that may hold rows, too
    ".zip", ".7z", ".xlsx", ".xls", ".feather", ".arrow", ".ipc", ".orc", ".avro", ".json",
    ".jsonl", ".ndjson", ".pkl",
)  # fmt: skip
_PACKED = (".gz", ".bz2", ".zst", ".lz4", ".br")
_HIVE = re.compile(r"([^=/]+)=(.*)")
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_LOGS = {"_delta_log": "Delta", ".hoodie": "Hudi", "metadata": "Iceberg"}


class NoFiles(MonitoringError):
    """Nothing lies there that could be read."""

    @classmethod
    def at(cls, place: str) -> Self:
        return cls(
            f"{place}: no such file, and no folder or glob with {', '.join(_SUFFIXES[:3])} in it"
        )

    @classmethod
    def remote(cls, place: str) -> Self:
        return cls(f"{place}: only files of this machine are read: copy it here first")


class LoggedTable(MonitoringError):
    """A table whose log says which of its files count."""

    @classmethod
    def at(cls, place: Path, kind: str) -> Self:
        return cls(
            f"{place} is a {kind} table: its log says which files count, and some of those that lie"
            " there may be deleted or old: export the rows that you mean to Parquet"
        )


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file with rows, and what the names of its folders say of them."""

    path: Path
    partitions: Mapping[str, str | None] = field(default_factory=dict)  # column: value


def files_at(place: str) -> list[DataFile]:
    """The data files in the file or folder *place*, or in what the glob *place* matches; by name.

    What writers hide is left out: names that begin with ``.`` or ``_`` below *place*.

    Raises
    ------
    NoFiles, LoggedTable
    """
    if place.startswith("file://"):
        place = unquote(place.removeprefix("file://"))
    if re.match(r"[a-z][a-z0-9+.-]+://", place):
        raise NoFiles.remote(place)
    path = Path(place)
    if path.is_file():
        return [DataFile(path)]
    roots = [path] if path.is_dir() else [Path(one) for one in glob.iglob(place, recursive=True)]
    below = path if path.is_dir() else _fixed_part(place)
    found = {one.path: one for root in sorted(roots) for one in _below(root, below)}
    if not found:
        raise NoFiles.at(place)
    return [found[one] for one in sorted(found)]


def others_at(place: str) -> list[str]:
    """Names of files in the folder *place* that may hold rows, and are not read."""
    folder = Path(place)
    return sorted(
        one.name
        for one in (folder.rglob("*") if folder.is_dir() else ())
        if one.name.lower().endswith(_OTHERS) and one.is_file()
        and not any(map(_is_hidden, one.relative_to(folder).parts))
    )  # fmt: skip


def parquet_at(place: Path) -> list[DataFile]:
    """The Parquet files of a day, which is a file or a folder; none where there are none.

    Raises
    ------
    LoggedTable
    """
    if place.is_file():
        return [DataFile(place)]
    if not place.is_dir():
        return []
    with suppress(NoFiles):
        return [one for one in files_at(str(place)) if _is_parquet(one.path)]
    return []


def is_whole_number(text: str) -> bool:
    """Whether a value in a folder's name is a 64-bit whole number, and no code: 7, not 007."""
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and str(int(text)) == text and len(digits) < 19


def _below(root: Path, place: Path) -> Iterator[DataFile]:
    """*root* itself, or the data files of the folder."""
    inside = root.is_dir()
    for path in root.rglob("*") if inside else [root]:
        parts = path.relative_to(place).parts if path.is_relative_to(place) else path.parts
        if inside and (kind := _kind_of_log(path)):
            raise LoggedTable.at(path.parent, kind)
        if path.is_file() and not any(map(_is_hidden, parts)) and _holds_rows(path):
            yield DataFile(path, dict(_partitions(parts[:-1])))


def _kind_of_log(path: Path) -> str | None:
    if not path.is_dir():
        return None
    kind = _LOGS.get(path.name)
    if kind == "Iceberg" and not any(path.glob("*.metadata.json")):
        return None
    return kind


def _holds_rows(path: Path) -> bool:
    name = path.name.lower()
    packed = next((one for one in _PACKED if name.endswith(one)), "")
    return name.removesuffix(packed).endswith(_SUFFIXES) or _is_parquet(path)


def _is_parquet(path: Path) -> bool:
    if path.suffix.lower() in _PARQUET:
        return True
    if path.suffix:  # Hive's files have none
        return False
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_")) and not _HIVE.fullmatch(name)


def _partitions(folders: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    for folder in folders:
        if match := _HIVE.fullmatch(folder):
            name, value = map(unquote, match.groups())
            yield name, None if value == _HIVE_NULL else value


def _fixed_part(pattern: str) -> Path:
    """The folder in front of the first part with a wildcard."""
    parts = Path(pattern).parts
    wild = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    return Path(*parts[:wild])
