"""Which columns of a table are watched, and as what?  Guessed from type, name and values."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.errors import UnknownColumn
from monitoring_dagster.stats.values import is_numeric

Kind: TypeAlias = Literal["numeric", "categorical"]

_IDENTIFIER = re.compile(r"(.*[_\W])?(id|uuid|guid|index|key)", re.IGNORECASE)
_FEW_ROWS = 100  # below, names that differ in every row may still be categories


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column is taken for, and why; `kind` None: it is left out."""

    kind: Kind | None
    why: str


def guessed(
    sample: pa.Table,
    *,
    categorical: Collection[str] = (),
    numeric: Collection[str] = (),
    ignore: Collection[str] = (),
) -> dict[str, Guess]:
    """The kind of every column of *sample*; what the caller says overrules what is seen.

    Raises
    ------
    UnknownColumn
        The caller names a column that is not there.
    """
    said: Mapping[str, Guess] = {
        **dict.fromkeys(categorical, Guess("categorical", "as you said")),
        **dict.fromkeys(numeric, Guess("numeric", "as you said")),
        **dict.fromkeys(ignore, Guess(None, "as you said")),
    }
    for name in said:
        if name not in sample.column_names:
            raise UnknownColumn.named(name, table="the reference", available=sample.column_names)
    return {name: said.get(name) or _guess(name, sample[name]) for name in sample.column_names}


def _guess(name: str, values: pa.ChunkedArray) -> Guess:
    arrow_type = values.type
    if pa.types.is_dictionary(arrow_type):
        values, arrow_type = values.cast(arrow_type.value_type), arrow_type.value_type
        if not pa.types.is_string(arrow_type):
            return Guess("categorical", "categories")
    if pa.types.is_boolean(arrow_type):
        return Guess("categorical", "true or false")
    if pa.types.is_null(arrow_type):
        return Guess("numeric", "without any value")
    if is_numeric(arrow_type):
        if pa.types.is_integer(arrow_type) and _IDENTIFIER.fullmatch(name) and _all_differ(values):
            return Guess(None, "an identifier: its name says so, and every value is another")
        return Guess("numeric", "numbers")
    if pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type):
        if _all_differ(values):
            return Guess(None, "an identifier: every value is another")
        return Guess("categorical", "words")
    return Guess(None, f"{arrow_type} has no categories")


def _all_differ(values: pa.ChunkedArray) -> bool:
    known = len(values) - values.null_count
    return known >= _FEW_ROWS and bool(pc.count_distinct(values).as_py() == known)
