"""Fingerprints of a day's files: names, sizes and times, so that nobody has to read them."""

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.sources.rows.row_sql import DAY, quoted
from monitoring_dagster.sources.rows.rows import (
    UnreadableFile,
    connected,
    file_of,
    readable,
    rows_of,
)
from monitoring_dagster.sources.tables.parts import is_unfinished, parts_of
from monitoring_dagster.sources.tables.places import LoggedTable
from monitoring_dagster.spec.sources import Labels, Predictions

# Each file's bytes and time of change in nanoseconds; of a table its rows. Empty: nothing is there.
Fingerprint: TypeAlias = Mapping[str, Sequence[int]]

BEING_WRITTEN = timedelta(minutes=1)  # a file that changed within may still grow
_ROWS, _IS_WHOLE = "rows", "/"  # names that no file has
_MAX_KEPT = 1000  # tables


def fingerprint_of(source: Predictions | Labels, day: date, *, root: Path) -> Fingerprint:
    """What identifies the files of one day; nothing also where they cannot be looked at."""
    return fingerprints_of(source, day, day, root=root).get(day, {})


def fingerprints_of(
    source: Predictions | Labels, first: date, last: date, *, root: Path
) -> dict[date, Fingerprint]:
    """The same for each day from *first* to *last*, without days that cannot be looked at now.

    A folder is all its Parquet files, and whether its writer has finished. A table is counted only
    after its database has changed; one that is locked or not there has no days.
    """
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    found: dict[date, Fingerprint] = {}
    if source.path is None:
        with suppress(OSError, UnreadableFile, UnknownColumn):
            counts = _counts(source, first, last, root=root)
            found = {day: {_ROWS: [counts[day]]} if day in counts else {} for day in days}
        return found
    for day in days:
        path = file_of(source, day, root=root)
        with suppress(OSError):
            found[day] = _of_files(path) if path is not None else {}
    return found


def is_being_written(found: Fingerprint, *, now: datetime) -> bool:
    """Whether the files of a day may still grow; nobody can tell of a table."""
    if _ROWS in found:
        return False
    changed = [one[1] for name, one in found.items() if name != _IS_WHOLE]
    # A time to come is a clock that runs ahead: to wait for it might take for ever.
    recent = (0 <= now.timestamp() - one / 1e9 < BEING_WRITTEN.total_seconds() for one in changed)
    return any(recent) or list(found.get(_IS_WHOLE, [1])) == [0]


def is_table(found: Fingerprint) -> bool:
    """Whether rows were counted: they may be those of a writer half-way through."""
    return _ROWS in found


def _of_files(path: Path) -> Fingerprint:
    try:
        parts = parts_of(path)
    except LoggedTable:
        return {path.name: [0, 0]}  # never read, whatever lies in it
    found: dict[str, Sequence[int]] = {}
    for part in parts:
        file = part.stat()
        name = str(part.relative_to(path)) if part != path else path.name
        found[name] = [file.st_size, file.st_mtime_ns]
    if found and path.is_dir():
        found[_IS_WHOLE] = [int(not is_unfinished(path))]
    return found


_Key: TypeAlias = tuple[Path, str, str, date, date, tuple[int, ...]]
_counted: OrderedDict[_Key, dict[date, int]] = OrderedDict()
_counting = Lock()


def _counts(
    source: Predictions | Labels, first: date, last: date, *, root: Path
) -> dict[date, int]:
    """Rows by day; counted once as long as nobody writes to the database."""
    path = root.absolute() / (source.database or "")
    clock = source.served_at if isinstance(source, Predictions) else source.arrived_at
    key = (path, source.table or "", clock, first, last, _stamp(path))
    with _counting:
        if key in _counted:
            _counted.move_to_end(key)
            return _counted[key]
    with connected(source) as connection:
        rows = rows_of(connection, source, root=root, first=first, last=last)
        with readable(rows.place):
            query = f"SELECT {quoted(DAY)}, count(*) FROM {rows.sql} GROUP BY ALL"
            counts = {day: count for day, count in connection.execute(query).fetchall() if day}
    with _counting:
        _counted[key] = counts
        while len(_counted) > _MAX_KEPT:
            _counted.popitem(last=False)
    return counts


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes with every write to a database: its file, and the log beside it."""
    found: list[int] = []
    log = Path(f"{path}.wal")
    for one in [os.stat(path)] + ([os.stat(log)] if log.exists() else []):
        found += [one.st_size, one.st_mtime_ns, one.st_ino]
    return tuple(found)
