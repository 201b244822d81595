"""Into which stretches do the rows of a file fall?  Consecutive rows, or days; each row in one."""

from dataclasses import dataclass, field
from datetime import date
from typing import Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.sources.rows.rows import connected
from monitoring_dagster.standalone.times import HAS_ZONE, WrongTime, time_of
from monitoring_dagster.stats.columns.values import Codes

Days: TypeAlias = NDArray[np.datetime64]

PARTS = 10
LEAST_ROWS = 100  # of a part, where nobody said how large they are to be


class UnusableChunks(MonitoringError):
    """Chunks that cannot be cut."""

    @classmethod
    def sized(cls, rows: int) -> Self:
        return cls(f"chunks of {rows} rows cannot be cut: give at least 1")

    @classmethod
    def both(cls) -> Self:
        return cls("chunks have a size or are days: give --chunk-size or --by, not both")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a table, by place from 0 on."""

    rows: Codes = field(repr=False)  # ascending
    day: date | None = None
    by_day: bool = False

    @property
    def first(self) -> int:
        return int(self.rows[0])

    @property
    def last(self) -> int:
        return int(self.rows[-1])


def of_rows(rows: int, *, size: int | None = None) -> list[Chunk]:
    """Consecutive rows: *size* each, and what is left over by itself; by default ten equal parts,
    fewer where a part would have less than 100 rows.

    >>> [(one.first, one.last) for one in of_rows(7, size=3)]
    [(0, 2), (3, 5), (6, 6)]
    """
    if size is not None and size < 1:
        raise UnusableChunks.sized(size)
    if not rows:
        return []
    parts = min(max(rows // LEAST_ROWS, 1), PARTS)
    ends = range(size, rows, size) if size else [rows * part // parts for part in range(1, parts)]
    return [Chunk(one) for one in np.split(np.arange(rows), list(ends))]


def of_days(days: Days) -> list[Chunk]:
    """The rows of each day, in the order in which the days begin; rows without a day together."""
    known, first, place = np.unique(days, return_index=True, return_inverse=True)
    rows = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    return [Chunk(rows[code], known[code].item(), by_day=True) for code in np.argsort(first)]


def days_of(
    values: pa.ChunkedArray,
    *,
    column: str,
    notes: list[str] | None = None,
    said: list[str] | None = None,
) -> Days:
    """The UTC day of each row, NaT where there is no time; without a zone it is UTC.

    How numbers are taken is one of the *notes*, and how many cannot be read is *said*. Raises
    WrongTime where the column holds something else than timestamps, dates, ISO 8601 text or an
    epoch, or text of which some says its zone and some does not.
    """
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    time = time_of(values, "at", column=column, role="time")
    with connected() as connection:
        connection.register("times", pa.table({"at": values}))
        found = connection.sql(f"SELECT CAST({time.sql} AS DATE) AS day FROM times")
        days = found.to_arrow_table()["day"]
    unread = days.null_count - values.null_count
    if time.is_text:
        _refuse_mixed(values, unread, column)
    if time.note and notes is not None:
        notes.append(time.note)
    if unread and said is not None:
        said.append(f"times in {column!r} that cannot be read, of rows without a day: {unread:,}")
    return np.asarray(days.cast(pa.date32())).astype("datetime64[D]")


def _refuse_mixed(values: pa.ChunkedArray, unread: int, column: str) -> None:
    known = values.drop_null()
    if len(known) and unread == len(known):
        raise WrongTime.in_text(column, "time", known[0].as_py())
    zoned = pc.sum(pc.match_substring_regex(known, HAS_ZONE)).as_py() or 0
    if 0 < zoned < len(known) - unread:
        raise WrongTime.of_zones(column, "time", zoned, len(known))
