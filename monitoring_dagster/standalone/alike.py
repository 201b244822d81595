"""The same columns of two tables in the same types, where both say the same in another way."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.standalone.spellings import are_spelled, spelled
from monitoring_dagster.stats.columns.values import categories, is_numeric, is_words
from monitoring_dagster.stats.columns.written import Style, numbers_in
from monitoring_dagster.stats.quality.labelled_rows import SPELLED


def alike(before: pa.Table, now: pa.Table, names: Sequence[str]) -> tuple[pa.Table, pa.Table]:
    """Both tables, with the columns *names* in common types where nothing is lost by that.

    True against 1.0 or 'True', 7 against '7', 0.1 against the float32 nearest to it: both become
    the plainer of the two. Numbers as text are numbers on both sides; text among them is null.
    """
    for name in names:
        if name not in now.column_names:
            continue
        first, second = _pair(_bare(before[name]), _bare(now[name]))
        before = before.set_column(before.column_names.index(name), name, first)
        now = now.set_column(now.column_names.index(name), name, second)
    return before, now


def _bare(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without codes and decimals."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return values.cast(pa.float64()) if pa.types.is_decimal(values.type) else values


def _pair(
    first: pa.ChunkedArray, second: pa.ChunkedArray
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    both = (first, second)
    texts = [one for one in both if is_words(one.type)]
    if any(pa.types.is_boolean(one.type) for one in both):
        found = [_as_bool(one) for one in both]
    elif texts and all(is_words(one.type) or is_numeric(one.type) for one in both):
        found = [_as_numbers(one) if is_words(one.type) else one for one in both]
    elif any(pa.types.is_float32(one.type) for one in both):
        found = [_as_float32(one) for one in both]
    else:
        return both
    return both if None in found else (found[0], found[1])


def _as_float32(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Numbers as near as float32 has them; None for others."""
    if not is_numeric(values.type):
        return None
    return values.cast(pa.float32(), safe=False).cast(pa.float64())


def _as_bool(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """What is 0 and 1 in any spelling; None where anything else is there."""
    kind = values.type
    if pa.types.is_boolean(kind):
        return values
    if not (is_numeric(kind) or is_words(kind)) or pc.count_distinct(values).as_py() > len(SPELLED):
        return None
    codes, names = categories(values, column="")
    if not are_spelled(names):
        return None
    ones = np.array([*(bool(SPELLED[spelled(name).lower()]) for name in names), False])[codes]
    return pa.chunked_array([pa.array(ones, mask=codes < 0)])


def _as_numbers(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Numbers that are written as text; None for words."""
    style = Style.of(values)
    return None if style is None else pa.chunked_array([numbers_in(values, style).values])
