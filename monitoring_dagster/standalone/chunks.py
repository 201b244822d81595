"""Into which stretches do the rows of a file fall?  Consecutive rows, or days; each row in one."""

from dataclasses import dataclass, field
from datetime import date
from typing import Self, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.values import Codes

Days: TypeAlias = NDArray[np.datetime64]

PARTS = 10
LEAST_ROWS = 100  # of a part, where nobody said how large they are to be


class UnusableTime(MonitoringError):
    """A column that is to say when holds no points in time."""

    @classmethod
    def of(cls, column: str, arrow_type: object) -> Self:
        return cls(
            f"column {column!r} holds {arrow_type}, and days need points in time: write timestamps,"
            " dates or ISO 8601 text, or name another column with --time COLUMN"
        )


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


def days_of(values: pa.ChunkedArray, *, column: str) -> Days:
    """The UTC day of each row, NaT where there is no time; without a zone it is UTC.

    Raises
    ------
    UnusableTime
        The column holds something else than timestamps, dates or ISO 8601 text.
    """
    arrow_type = values.type
    if pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type):
        values = _parsed(values, column)
    elif not (
        pa.types.is_timestamp(arrow_type)
        or pa.types.is_date(arrow_type)
        or pa.types.is_null(arrow_type)
    ):
        raise UnusableTime.of(column, arrow_type)
    if pa.types.is_timestamp(values.type) and values.type.tz:
        values = values.cast(pa.timestamp(values.type.unit, "UTC"))
    found: Days = np.asarray(values.cast(pa.date32(), safe=False)).astype("datetime64[D]")
    return found


def _parsed(values: pa.ChunkedArray, column: str) -> pa.ChunkedArray:
    for zone in (None, "UTC"):
        try:
            return values.cast(pa.timestamp("us", zone))
        except pa.ArrowInvalid:
            continue
    raise UnusableTime.of(column, "text that is no point in time")
