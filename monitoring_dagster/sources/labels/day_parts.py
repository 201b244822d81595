"""Rows of many days, in parts whose files agree about what their columns hold."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring_dagster.sources.labels.label_values import family_of
from monitoring_dagster.sources.rows.row_sql import Rows, quoted
from monitoring_dagster.sources.rows.rows import file_of, readable_rows_of, rows_of
from monitoring_dagster.sources.tables.parts import FileStamp, stamp_of
from monitoring_dagster.spec.sources import Labels, Predictions

if TYPE_CHECKING:
    from monitoring_dagster.sources.rows.rows import Connection

_Signature = tuple[object, ...]


def rows_in_parts(
    connection: "Connection",
    source: Predictions | Labels,
    *,
    root: Path,
    first: date,
    last: date,
    without: Collection[date] = (),
) -> list[Rows]:
    """The rows of those days from *first* to *last* that exist; none where there are none.

    Files read together have one type a column. Where ids or times of one day are of another type
    than those of the others, reading them together would turn all of them into something else.
    """
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    groups: dict[_Signature, list[date]] = {}
    for day in days:
        path = file_of(source, day, root=root)
        if path is not None and path.exists() and day not in without:
            groups.setdefault(_signature(path, source), []).append(day)
    together = [set(days) - set(group) for group in groups.values()] or [set(without)]
    found = [
        rows_of(connection, source, root=root, first=first, last=last, without=others)
        for others in together
    ]
    return completed([one for one in found if one.columns])


def readable_rows_in_parts(
    connection: "Connection",
    source: Predictions | Labels,
    *,
    root: Path,
    first: date,
    last: date,
) -> tuple[list[Rows], set[date]]:
    """As `rows_in_parts`, without files that cannot be read; and the days that have none."""
    _, without = readable_rows_of(connection, source, root=root, first=first, last=last)
    parts = rows_in_parts(connection, source, root=root, first=first, last=last, without=without)
    return parts, without


def completed(parts: Sequence[Rows]) -> list[Rows]:
    """The *parts*, each with nulls where another one has a column that it lacks.

    A name in capitals is the same name, as it is to DuckDB.
    """
    every: dict[str, str] = {}
    for one in parts:
        every = one.columns | every
    found = []
    for one in parts:
        there = {name.lower(): kind for name, kind in one.columns.items()}
        same = {name: there[name.lower()] for name in every if name.lower() in there}
        absent = {name: kind for name, kind in every.items() if name not in same}
        nothing = "".join(f", NULL::{kind} AS {quoted(name)}" for name, kind in absent.items())
        sql = f"(SELECT *{nothing} FROM {one.sql})" if absent else one.sql
        found.append(Rows(sql, same | one.columns | absent, one.place))
    return found


def mixed(parts: Iterable[Rows], names: Iterable[str | None]) -> frozenset[str]:
    """Those of the columns *names* that hold text in one part and something else in another."""
    parts = list(parts)
    return frozenset(
        name
        for name in names
        if name is not None
        and len({family_of(one.columns[name]) for one in parts if name in one.columns}) > 1
    )


def _signature(path: Path, source: Predictions | Labels) -> _Signature:
    """What has to be alike in files that are read together: the very type of ids, and what the
    other columns are about. A file that is no Parquet is left to whoever reads it."""
    if isinstance(source, Predictions):
        others = [source.served_at, source.version, source.prediction, source.score]
    else:
        others = [source.arrived_at, source.label]
    file = min(path.rglob("*.parquet"), default=path) if path.is_dir() else path
    try:
        stamp = stamp_of(file)
    except OSError:  # it was taken away in this moment
        return ()
    return _signature_of(file, source.request_id, tuple(filter(None, others)), stamp)


@lru_cache(maxsize=1024)
def _signature_of(
    file: Path, request_id: str, others: tuple[str, ...], _stamp: FileStamp
) -> _Signature:
    """The same, read once as long as nobody writes the file anew: it is looked at for weeks."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(file)
    except (OSError, pa.ArrowException):
        return ()
    types = {one.name.lower(): one.type for one in schema}  # DuckDB does not tell names by case
    about = [_about(types.get(name.lower())) for name in (request_id, *others)]
    id_type = types.get(request_id.lower()) if about[0] == "number" else None
    return (id_type, *about)


def _about(arrow_type: object) -> str:
    import pyarrow as pa

    types = pa.types
    if arrow_type is None:
        return "nothing"
    numbers = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
    if any(is_one(arrow_type) for is_one in numbers):
        return "number"
    if types.is_timestamp(arrow_type) or types.is_date(arrow_type):
        return "time"
    if types.is_dictionary(arrow_type):
        return _about(arrow_type.value_type)  # type: ignore[attr-defined]
    if types.is_string(arrow_type) or types.is_large_string(arrow_type):
        return "text"
    return str(arrow_type)
