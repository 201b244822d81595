"""How do the values of an Arrow column become numbers, or codes and names?"""

from typing import Any, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.errors import MonitoringError

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.intp]


class WrongType(MonitoringError):
    """A column arrives in a type that its bins cannot hold."""

    @classmethod
    def not_numeric(cls, column: str, *, arrived: object) -> Self:
        return cls(
            f"column {column!r} was numeric in the reference and arrives as {arrived}:"
            " send numbers, or declare `kind: categorical` and register the reference again"
        )

    @classmethod
    def not_plain(cls, column: str, *, arrived: object) -> Self:
        return cls(
            f"column {column!r} arrives as {arrived}, which has no categories:"
            " take it out of `features`, or watch one of its fields"
        )


def is_numeric(arrow_type: pa.DataType) -> bool:
    """Whether a column of this type is measured rather than named; booleans are named."""
    return bool(
        pa.types.is_integer(arrow_type)
        or pa.types.is_floating(arrow_type)
        or pa.types.is_decimal(arrow_type)
    )


def numbers(values: pa.Array | pa.ChunkedArray, *, column: str) -> NDArray[np.generic]:
    """The values as a NumPy array of numbers, NaN where there is none; no copy where possible."""
    arrow_type = values.type
    if pa.types.is_dictionary(arrow_type):
        values, arrow_type = values.cast(arrow_type.value_type), arrow_type.value_type
    if pa.types.is_null(arrow_type) or pa.types.is_decimal(arrow_type):
        values = values.cast(pa.float64())
    elif pa.types.is_boolean(arrow_type):
        values = values.cast(pa.uint8())
    elif not is_numeric(arrow_type):
        raise WrongType.not_numeric(column, arrived=arrow_type)
    found: NDArray[np.generic] = plain(values, nulls_as=np.float64("nan"))
    return found


def plain(values: pa.Array | pa.ChunkedArray, *, nulls_as: np.generic | None = None) -> Any:
    """Numbers as a NumPy array, of the type of *nulls_as* where there are nulls; only then, and for
    a `ChunkedArray`, a copy.

    Arrow's own `to_numpy` imports pandas first, which takes longer than to count a day.
    """
    if isinstance(values, pa.ChunkedArray):
        chunks = [plain(chunk, nulls_as=nulls_as) for chunk in values.chunks]
        return np.concatenate(chunks) if chunks else np.empty(0)
    if nulls_as is None or not values.null_count:
        return np.from_dlpack(values)
    missing = np.from_dlpack(values.is_null().cast(pa.uint8())).astype(bool)
    bare = pa.Array.from_buffers(
        values.type, len(values), [None, values.buffers()[1]], offset=values.offset
    )
    found = np.from_dlpack(bare).astype(nulls_as.dtype)
    found[missing] = nulls_as
    return found


def categories(values: pa.Array | pa.ChunkedArray, *, column: str) -> tuple[Codes, list[str]]:
    """A code per row (-1 where the value is missing) and the distinct values as text.

    Only the distinct values are turned into text: 1 and 1.0 are "1", true is "true". A float NaN
    is missing.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_null(values.type):
        return np.full(len(values), -1, dtype=np.intp), []
    try:
        encoded = pc.dictionary_encode(values)
        words = encoded.dictionary.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise WrongType.not_plain(column, arrived=values.type) from None
    if pa.types.is_floating(encoded.dictionary.type):
        words = pc.if_else(pc.is_nan(encoded.dictionary), None, words)
    names: list[str | None] = words.to_pylist()
    indices = plain(encoded.indices, nulls_as=np.int64(len(names)))
    position: dict[str, int] = {}
    renumber = np.array(
        [-1 if name is None else position.setdefault(name, len(position)) for name in names] + [-1],
        dtype=np.intp,
    )
    return renumber.take(indices), list(position)


def arrow(values: ArrayLike | pa.Array) -> pa.Array | pa.ChunkedArray:
    """Anything that is an array, as Arrow has it; NaN is null."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    return pa.array(np.asarray(values), from_pandas=True)
