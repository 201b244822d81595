"""What did a signal from elsewhere, such as complaints or feedback, say of each day?"""

from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.sources.tables.files import Table
from monitoring_dagster.spec.sources import OutsideSeries
from monitoring_dagster.stats.columns.values import WrongType, is_words, numbers
from monitoring_dagster.stats.columns.written import numbers_in

_ANY_DAY = "????-??-??"
_MAX_SHOWN = 40  # characters of a value from the data
_FIRST, _LAST = date(1970, 1, 1), date(2199, 12, 31)


class UnusableSeries(MonitoringError):
    """A column of a signal's file holds something else than days, or numbers."""

    @classmethod
    def days(cls, column: str, place: str, reason: str) -> Self:
        return cls(
            f"column {column!r} of {place} holds no days ({reason}): write them as 2026-03-01, or"
            " name another column"
        )

    @classmethod
    def values(cls, column: str, place: str, arrived: object, example: object) -> Self:
        words = (
            f"column {column!r} of {place} holds {arrived}: write plain numbers, or name another"
        )
        words += " column"
        return cls(words if example is None else f"{words}. The first that is none: {example}")


def values_by_day(signal: OutsideSeries, *, root: Path) -> dict[date, float]:
    """The mean of the signal's values on each UTC day; rows without a day or number are left out.

    Raises
    ------
    NoFiles, UnreadableTable
        The files are not there, or are no table.
    UnknownColumn, UnusableColumn, UnusableSeries
        A column is not there, or holds no days or no numbers.
    """
    place = str(root / signal.path.replace("{day}", _ANY_DAY))
    table = Table.at(place)
    batches = list(table.read([signal.day, signal.value]))
    if not batches:
        return {}
    rows = pa.Table.from_batches(batches)
    days = _days(rows.column(0), signal.day, place)
    arrived = table.schema.field(signal.value).type
    if is_words(arrived) and (odd := numbers_in(rows.column(1)).unread).rows:
        raise UnusableSeries.values(signal.value, place, arrived, _short(odd.examples[0]))
    try:
        values = numbers(rows.column(1), column=signal.value).tolist()
    except WrongType:
        raise UnusableSeries.values(signal.value, place, arrived, None) from None
    of_day: dict[date, list[float]] = {}
    for day, value in zip(days, values, strict=True):
        if day is not None and isfinite(value):
            of_day.setdefault(day, []).append(value)
    return {day: sum(some) / len(some) for day, some in of_day.items()}


def _days(column: pa.ChunkedArray, name: str, place: str) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_integer(column.type):  # Arrow would take it for days since 1970
        raise UnusableSeries.days(name, place, str(column.type))
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    try:
        days: list[Any] = column.cast(pa.date32(), safe=False).to_pylist()
    except pa.ArrowException:
        example = _first_refused(column, pa.date32())
        raise UnusableSeries.days(name, place, example or str(column.type)) from None
    for day in days:
        if day is not None and not _FIRST <= day <= _LAST:
            raise UnusableSeries.days(name, place, f"{day} is out of all bounds")
    return days


def _first_refused(column: pa.ChunkedArray, wanted: pa.DataType) -> str | None:
    """The first text that cannot be read as *wanted*, harmless and short; None where none is."""
    for value in column.unique() if is_words(column.type) else ():
        try:
            value.cast(wanted)
        except pa.ArrowException:
            return _short(value.as_py())
    return None


def _short(value: str) -> str:
    text = ascii(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"
