"""Tables that lie in memory, column by column: what cannot be read costs only itself."""

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import pyarrow as pa

from monitoring_dagster.errors import MonitoringError

_INDEX = "__index_level_"  # how pandas calls an index without a name: no column of anybody's


class NotATable(MonitoringError):
    """Something that cannot be read as rows and columns."""

    @classmethod
    def given(cls, side: str, thing: object, error: Exception | None = None) -> Self:
        reason = f": {str(error).partition(chr(10))[0]}" if error else ""
        return cls(
            f"the {side} is a {type(thing).__name__} that cannot be read as a table{reason}."
            " Give a pandas DataFrame, an Arrow table, or the path of Parquet or CSV files"
        )


class FrameRows(NamedTuple):
    """A table in memory; names may stand twice in it."""

    table: pa.Table
    rows: int  # also where no column is left
    left_out: dict[str, str]  # column: why


def read_frame(given: Any, *, side: str) -> FrameRows:
    """The rows of a pandas DataFrame, an Arrow table, or anything with Arrow's PyCapsule interface.

    Objects of several types in one column are read as text.

    Raises
    ------
    NotATable
    """
    columns, left_out = [], {}
    for name, column, why in _columns(given, side):
        if name.startswith(_INDEX):
            continue
        if column is None:
            left_out[name] = why
        else:
            columns.append((name, column))
    names = [name for name, _ in columns]
    table = pa.Table.from_arrays([one for _, one in columns], names=names)
    rows = table.num_rows if columns else getattr(given, "num_rows", None)
    return FrameRows(table, len(given) if rows is None else rows, left_out)


def _columns(given: Any, side: str) -> Iterator[tuple[str, Any, str]]:
    if hasattr(given, "iloc") and hasattr(given, "index"):
        yield from _of_pandas(given, side)
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Arrow asks pandas for what it is about to change
            table = pa.table(given)
        yield from (
            (name, column, "")
            for name, column in zip(table.column_names, table.columns, strict=True)
        )
        return
    except (TypeError, ValueError, NotImplementedError, pa.ArrowException) as error:
        names = list(getattr(given, "columns", ()))
        select = getattr(given, "select", None)
        if not names or not callable(select):
            raise NotATable.given(side, given, error) from error
    for name in map(str, names):
        try:
            yield name, pa.table(select([name])).column(0), ""
        except Exception as error:  # of any library of frames: it costs this column
            yield name, None, _first_line(error)


def _of_pandas(frame: Any, side: str) -> Iterator[tuple[str, Any, str]]:
    if frame.ndim != 2:
        raise NotATable.given(side, frame)
    for place, name in enumerate(frame.columns):
        yield str(name), *_of_series(frame.iloc[:, place])
    for place, name in enumerate(frame.index.names):
        if name is not None and name not in frame.columns:
            level = frame.index.get_level_values(place)
            yield str(name), *_of_series(level.to_series())


def _of_series(series: Any) -> tuple[pa.Array | pa.ChunkedArray | None, str]:
    kind = type(series.dtype).__name__
    if kind == "SparseDtype":
        series = series.sparse.to_dense()
    elif kind == "IntervalDtype":
        series = series.astype(str).where(series.notna())
    elif (
        kind == "CategoricalDtype" and type(series.cat.categories.dtype).__name__ == "IntervalDtype"
    ):
        series = series.cat.rename_categories(str)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pa.array(series, from_pandas=True), ""
    except (TypeError, ValueError, OverflowError, NotImplementedError, pa.ArrowException) as error:
        words = [_word(one) for one in series]
        if series.dtype == object and None not in words:
            return pa.array([one or None for one in words], pa.string()), ""
        return None, f"{series.dtype} values that cannot be read: {_first_line(error)}"


def _word(value: Any) -> str | None:
    """A single value as text, "" where it is missing; None for what is no single value."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    is_named = not repr(value).startswith("<")  # as objects without a name of their own show
    return str(value) if isinstance(value, str) or (is_named and not _has_parts(value)) else None


def _has_parts(value: Any) -> bool:
    return hasattr(value, "__len__") or hasattr(value, "__iter__")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
