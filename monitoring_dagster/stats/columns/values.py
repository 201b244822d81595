"""How do the values of an Arrow column become numbers, or codes and names?"""

from typing import Any, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.stats.columns.written import MISSING, numbers_in

_WHOLE = 2.0**63
_MISSING = frozenset(MISSING)

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


def plain_type(arrow_type: pa.DataType) -> pa.DataType | None:
    """What a column of any Arrow type is read as: truth values, numbers, text, points in time, or
    nulls. Durations and times of day are read as seconds; None: nobody can look at it.

    >>> plain_type(pa.duration("ms")), plain_type(pa.string_view()), plain_type(pa.list_(pa.int8()))
    (DataType(double), DataType(string), None)
    """
    if pa.types.is_dictionary(arrow_type):
        inner = plain_type(arrow_type.value_type)
        is_text = inner is not None and is_words(inner)
        return pa.dictionary(pa.int32(), inner) if is_text else inner
    if pa.types.is_run_end_encoded(arrow_type):
        return plain_type(arrow_type.value_type)
    if pa.types.is_string_view(arrow_type):
        return pa.string()
    if pa.types.is_duration(arrow_type) or pa.types.is_time(arrow_type):
        return pa.float64()
    is_plain = is_numeric(arrow_type) or is_words(arrow_type) or is_time(arrow_type)
    return arrow_type if is_plain or arrow_type in (pa.bool_(), pa.null()) else None


def as_plain(values: pa.Array) -> pa.Array:
    """*values* in their `plain_type`, which is not None."""
    arrow_type, wanted = values.type, plain_type(values.type)
    if arrow_type == wanted:
        return values
    if pa.types.is_dictionary(arrow_type):
        names = as_plain(values.dictionary)
        if pa.types.is_dictionary(wanted):
            return pa.DictionaryArray.from_arrays(values.indices.cast(pa.int32()), names)
        return names.take(values.indices)
    if pa.types.is_run_end_encoded(arrow_type):
        return as_plain(pc.run_end_decode(values))
    if pa.types.is_duration(arrow_type) or pa.types.is_time(arrow_type):
        whole = pa.int32() if pa.types.is_time32(arrow_type) else pa.int64()
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[arrow_type.unit]
        return pc.divide(values.cast(whole).cast(pa.float64(), safe=False), float(per_second))
    return values.cast(wanted)


def is_numeric(arrow_type: pa.DataType) -> bool:
    """Whether a column of this type is measured rather than named; booleans are named."""
    return bool(
        pa.types.is_integer(arrow_type)
        or pa.types.is_floating(arrow_type)
        or pa.types.is_decimal(arrow_type)
    )


def is_words(arrow_type: pa.DataType) -> bool:
    """Whether a column of this type is text, dictionaries of text included."""
    if pa.types.is_dictionary(arrow_type):
        return is_words(arrow_type.value_type)
    return bool(
        pa.types.is_string(arrow_type)
        or pa.types.is_large_string(arrow_type)
        or pa.types.is_string_view(arrow_type)
    )


def is_time(arrow_type: pa.DataType) -> bool:
    """Whether a column of this type holds points in time."""
    return bool(pa.types.is_timestamp(arrow_type) or pa.types.is_date(arrow_type))


def numbers(values: pa.Array | pa.ChunkedArray, *, column: str) -> NDArray[np.generic]:
    """The values as a NumPy array of numbers, NaN where there is none; no copy where possible.

    Text is read as plain numbers, and is NaN where it is none.
    """
    arrow_type = values.type
    if not is_numeric(arrow_type):
        if plain_type(arrow_type) is None or is_time(arrow_type):
            raise WrongType.not_numeric(column, arrived=arrow_type)
        values = _read_as_numbers(values)
    elif pa.types.is_decimal(arrow_type):
        values = values.cast(pa.float64(), safe=False)
    found: NDArray[np.generic] = plain(values, nulls_as=np.float64("nan"))
    return found


def _read_as_numbers(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    values = as_plain(values)
    if is_words(values.type):
        return numbers_in(values).values
    if pa.types.is_boolean(values.type):
        return values.cast(pa.uint8())
    return values.cast(pa.float64(), safe=False)  # nulls, decimals, and what is numeric by now


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


def from_numpy(values: NDArray[Any], *, missing: NDArray[np.bool_] | None = None) -> pa.Array:
    """Numbers or truth values as Arrow has them, null where *missing*; both of shape ``(rows,)``.

    Arrow's own `pa.array` imports pandas first.

    >>> from_numpy(np.array([0.5, 1.5]), missing=np.array([False, True])).to_pylist()
    [0.5, None]
    """
    kind, valid = pa.from_numpy_dtype(values.dtype), None if missing is None else _bits(~missing)
    data = _bits(values) if values.dtype == bool else pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(values), [valid, data])


def _bits(values: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))


def categories(values: pa.Array | pa.ChunkedArray, *, column: str) -> tuple[Codes, list[str]]:
    """A code per row (-1 where the value is missing) and the distinct values as text.

    Only the distinct values are turned into text, and equal values have one: 1, 1.0 and the decimal
    1.00 are "1", true is "true", 0.1 + 0.2 is "0.3", midnight is its day. A float NaN is missing,
    and so is text that says so (`MISSING`), whatever file it comes from.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if plain_type(values.type) is None:
        raise WrongType.not_plain(column, arrived=values.type)
    values = as_plain(values)
    if pa.types.is_float16(values.type):
        values = values.cast(pa.float32())  # Arrow cannot encode halves
    if pa.types.is_null(values.type):
        return np.full(len(values), -1, dtype=np.intp), []
    encoded = pc.dictionary_encode(values)
    names = _names_of(encoded.dictionary)
    indices = plain(encoded.indices, nulls_as=np.int64(len(names)))
    position: dict[str, int] = {}
    renumber = np.array(
        [-1 if name is None else position.setdefault(name, len(position)) for name in names] + [-1],
        dtype=np.intp,
    )
    return renumber.take(indices), list(position)


def names_of(values: pa.Array) -> pa.Array:
    """Plain values as text, as `categories` names them."""
    codes, names = categories(values, column="")
    return pa.array([*names, None], pa.string()).take(pa.array(codes % (len(names) + 1)))


def _names_of(distinct: pa.Array) -> list[str | None]:
    if pa.types.is_floating(distinct.type):
        return [_number_name(one) for one in distinct.to_pylist()]
    words = distinct.cast(pa.string())
    if pa.types.is_timestamp(distinct.type):  # a day, and no more digits than tell something
        words = pc.replace_substring_regex(words, r"(\.\d*?)0+(Z?)$", r"\1\2")
        words = pc.replace_substring_regex(words, r"\.(Z?)$", r"\1")
        words = pc.replace_substring_regex(words, " 00:00:00$", "")
    if pa.types.is_decimal(distinct.type):
        words = pc.replace_substring_regex(words, r"(\.\d*?)0+$", r"\1")
        words = pc.replace_substring_regex(words, r"\.$", "")
    return [None if one in _MISSING else one for one in words.to_pylist()]


def _number_name(number: float | None) -> str | None:
    """Whole numbers in full, others to the 7 digits of a 32-bit float: the last bits of a sum, or
    of a double, are no other category."""
    if number is None or number != number:
        return None
    if number.is_integer() and abs(number) < _WHOLE:
        return str(int(number))
    return f"{number:.7g}"


def arrow(values: ArrayLike | pa.Array) -> pa.Array | pa.ChunkedArray:
    """Anything that is an array, as Arrow has it; NaN is null."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    return pa.array(np.asarray(values), from_pandas=True)
