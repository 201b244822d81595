"""Where does the result of a step lie, and is it still what was written?"""

import fcntl
import io
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.columns.values import from_numpy

Stamp: TypeAlias = tuple[int, int]  # when it was written, in nanoseconds, and which file it is

_DIGEST_BYTES = 32
_TAIL_BYTES = 8  # length of the footer, then PAR1
_DAYS_FILE = re.compile(r"\d{4}-\d\d-\d\d[.]parquet")
_NO_METADATA: Mapping[str, str] = MappingProxyType({})


class CorruptResult(MonitoringError):
    """A stored result is not, or no longer, what was written."""

    @classmethod
    def at(cls, path: Path, reason: str) -> Self:
        return cls(
            f"{path} is corrupt: {reason}."
            f" Re-materialise {path.stem} of {path.parent.name} for {path.parent.parent.name}."
        )


class Damaged(MonitoringError):
    """Sealed bytes are not what they were."""

    @classmethod
    def end(cls, size: int) -> Self:
        return cls(f"its {size} bytes do not end as Parquet does")

    @classmethod
    def bytes(cls) -> Self:
        return cls("its bytes do not match their digest")


class UnsafeName(MonitoringError):
    """A name that must not become part of a path."""

    @classmethod
    def named(cls, name: str) -> Self:
        return cls(
            f"{name!r} cannot name a folder of results: use letters, digits and _"
            " (at most 63), and begin with a letter"
        )


@dataclass(frozen=True, slots=True)
class ResultStore:
    """Results of steps, one Parquet file per model, step and UTC day.

    A file is either the old one or the new one, never a part of one, whenever a writer dies and
    however many write at once. Page checksums leave the footer unguarded (one flipped bit in five
    was read as other values), so every file also carries a digest of all its bytes.
    """

    root: Path

    def write(
        self,
        model: str,
        step: str,
        day: date,
        table: pa.Table,
        *,
        metadata: Mapping[str, str] = _NO_METADATA,
    ) -> Path:
        """Put *table* where `read` finds it, in place of what lay there; returns its path."""
        path = Path(self._place(model, step, day))
        path.parent.mkdir(parents=True, exist_ok=True)
        written = sealed(
            table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata})
        )
        with _only_writer(path.parent) as folder:
            for name in os.listdir(folder):
                if name.startswith(".") and name.endswith(".tmp"):  # left by a dead writer
                    os.unlink(name, dir_fd=folder)
            with tempfile.NamedTemporaryFile(
                dir=path.parent, prefix=f".{day}.", suffix=".tmp", delete=False
            ) as file:
                file.write(written)
                file.flush()
                os.fsync(file.fileno())
            os.replace(file.name, path)
            os.fsync(folder)
        return path

    def read(self, model: str, step: str, day: date) -> pa.Table | None:
        """What was written for *day*, or None; CorruptResult when a single bit differs."""
        path = Path(self._place(model, step, day))
        try:
            written = path.read_bytes()
        except FileNotFoundError:
            return None
        return _opened(written, path).read()

    def metadata(self, model: str, step: str, day: date) -> dict[str, str] | None:
        """The notes written beside the table of *day*, or None."""
        stamp = self.stamp(model, step, day)
        return None if stamp is None else dict(_notes(self._place(model, step, day), stamp))

    def stamp(self, model: str, step: str, day: date) -> Stamp | None:
        """What changes whenever the result of *day* is written anew; None where there is none."""
        try:
            file = os.stat(self._place(model, step, day))
        except FileNotFoundError:
            return None
        return file.st_mtime_ns, file.st_ino

    def days(self, model: str, step: str) -> list[date]:
        """The days that have a result, in order."""
        try:
            names = os.listdir(self._folder(model, step))
        except FileNotFoundError:
            return []
        return sorted(date.fromisoformat(name[:10]) for name in names if _DAYS_FILE.fullmatch(name))

    def _place(self, model: str, step: str, day: date) -> str:
        return f"{self._folder(model, step)}/{day.isoformat()}.parquet"

    def _folder(self, model: str, step: str) -> str:
        return _folder_of(self.root, model, step)


@lru_cache(maxsize=256)
def _folder_of(root: Path, model: str, step: str) -> str:
    """As text, and made once: a day asks for some hundred results, most by their stamps."""
    for name in (model, step):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", name):
            raise UnsafeName.named(name)
    return str(root / model / step)


@lru_cache(maxsize=2048)
def _notes(place: str, _stamp: Stamp) -> Mapping[str, str]:
    """The notes of a file, read once as long as nobody writes it anew: every step looks at some."""
    path = Path(place)
    notes: dict[bytes, bytes] = _opened(path.read_bytes(), path).schema_arrow.metadata or {}
    return {key.decode(): value.decode() for key, value in notes.items()}


@contextmanager
def _only_writer(folder: Path) -> Iterator[int]:
    """Hold *folder* for writing; the kernel lets go when the process dies."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def chosen_rows(table: pa.Table, chosen: NDArray[np.bool_]) -> pa.Table:
    """The *chosen* rows of a table, shape ``(rows,)``."""
    return table.filter(from_numpy(chosen))


def sealed(table: pa.Table) -> bytes:
    """Parquet with a digest between pages and footer, where no reader of Parquet looks."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    plain = buffer.getvalue()
    pages = len(plain) - _footer_bytes(plain)
    return plain[:pages] + sha256(plain).digest() + plain[pages:]


def unsealed(written: bytes) -> pa.Table:
    """What `sealed` wrote; Damaged when a single bit differs."""
    return _parquet(written).read()


def _parquet(written: bytes) -> pq.ParquetFile:
    """The sealed file, whose bytes are what they were; nothing of its columns is decoded."""
    if written[-4:] != b"PAR1":
        raise Damaged.end(len(written))
    pages = len(written) - _footer_bytes(written) - _DIGEST_BYTES
    digest = written[max(pages, 0) : max(pages, 0) + _DIGEST_BYTES]
    plain = written[: max(pages, 0)] + written[max(pages, 0) + _DIGEST_BYTES :]
    if sha256(plain).digest() != digest:
        raise Damaged.bytes()
    # Not `pq.read_table`: it imports pandas, which takes longer than to judge a day.
    return pq.ParquetFile(io.BytesIO(plain), page_checksum_verification=True)


def _opened(written: bytes, path: Path) -> pq.ParquetFile:
    try:
        return _parquet(written)
    except Damaged as error:
        raise CorruptResult.at(path, str(error)) from None


def _footer_bytes(parquet: bytes) -> int:
    return int.from_bytes(parquet[-_TAIL_BYTES:-4], "little") + _TAIL_BYTES
