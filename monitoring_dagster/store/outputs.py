"""Files that a person asks for: refused where they would cost another, written whole or not."""

import glob
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self
from uuid import uuid4

from monitoring_dagster.errors import MonitoringError


class NotWritten(MonitoringError):
    """A file cannot, or must not, be written."""

    @classmethod
    def over(cls, path: Path) -> Self:
        return cls(f"{path} is there already: say --force to replace it, or name another file")

    @classmethod
    def over_input(cls, path: Path) -> Self:
        return cls(f"{path} belongs to what is read and is never overwritten: name another file")

    @classmethod
    def on_no_file(cls, path: Path) -> Self:
        kind = "a folder" if path.is_dir() else "no regular file"
        return cls(f"{path} is {kind}: name a file to write")

    @classmethod
    def without_folder(cls, path: Path) -> Self:
        return cls(f"cannot write {path}: No such file or folder {path.parent}. Make it first")

    @classmethod
    def by(cls, path: Path, error: OSError) -> Self:
        return cls(f"cannot write {path}: {error.strerror or error}")


def refuse_to_overwrite(path: Path, *, force: bool, read: Collection[str] = ()) -> None:
    """Make sure, before long work, that *path* can be written and costs nobody a file.

    Parameters
    ----------
    force
        What is there may be replaced, unless it belongs to what is read.
    read
        Files, folders and globs that are read.

    Raises
    ------
    NotWritten
    """
    try:
        if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
            raise NotWritten.on_no_file(path)
        if path.exists() and _belongs(path, read):
            raise NotWritten.over_input(path)
        if path.exists() and not force:
            raise NotWritten.over(path)
        folder = path.resolve().parent
        if not folder.is_dir():
            raise NotWritten.without_folder(path)
    except (OSError, RuntimeError) as error:  # of a name that is too long, of links in a circle
        reason = error if isinstance(error, OSError) else OSError(0, "its links go in a circle")
        raise NotWritten.by(path, reason) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NotWritten.by(path, PermissionError(0, f"the folder {folder} takes no new file"))


def write_whole(path: Path, content: bytes, *, force: bool = True) -> None:
    """Put *content* at *path*, all of it or nothing; what lay there stays until all is on disk.

    Raises
    ------
    NotWritten
        The disk refuses; or something has appeared there, and not *force*.
    """
    target = path.resolve()
    beside = target.with_name(f".monitoring-dagster.{uuid4().hex}.tmp")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with open(descriptor, "wb") as file:
            with suppress(FileNotFoundError):
                os.chmod(beside, target.stat().st_mode & 0o7777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if not force and target.exists():
            raise NotWritten.over(path)
        os.replace(beside, target)
        _settle(target.parent)
    except OSError as error:
        raise NotWritten.by(path, error) from error
    finally:
        beside.unlink(missing_ok=True)


def _settle(folder: Path) -> None:
    """Let the new name reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _belongs(path: Path, read: Collection[str]) -> bool:
    """Whether *path* is one of these files, by another name too, or lies in one of the folders."""
    inside = any(
        path.resolve().is_relative_to(one.resolve()) for place in read for one in _matched(place)
    )
    return inside or any(os.path.samefile(path, one) for place in read for one in _files(place))


def _matched(place: str) -> list[Path]:
    path = Path(place)
    return [path] if path.exists() else [Path(one) for one in glob.glob(place, recursive=True)]


def _files(place: str) -> Iterator[Path]:
    for one in _matched(place):
        for file in one.rglob("*") if one.is_dir() else [one]:
            if file.exists():
                yield file
