"""Names of types in a suite, read as what they mean: of Python, NumPy, pandas, Spark and SQL."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# A name without a size is a kind; one with a size, such as int32, is that size alone.
_NAMES = {
    "text": (
        "object", "object_", "o", "str", "str_", "string", "stringdtype", "stringtype", "varchar",
        "char", "text", "unicode", "string[python]", "string[pyarrow]",
    ),
    "integer": (
        "int", "int_", "integer", "integertype", "long", "longtype", "bigint", "smallint",
        "tinyint", "shorttype",
    ),
    "float": ("float", "float_", "floating", "floattype", "double", "doubletype", "real"),
    "decimal": ("decimal", "decimaltype", "numeric"),
    "bool": ("bool", "bool_", "boolean", "booleandtype", "booleantype"),
    "time": (
        "datetime", "datetime64", "datetimetzdtype", "timestamp", "timestamptype", "timestamptz",
    ),
    "date": ("date", "datetype"),
    "duration": ("timedelta", "timedelta64", "interval"),
    "category": ("category", "categorical", "categoricaldtype", "categoricaldtypetype"),
    "list": ("list", "tuple", "ndarray", "array"),
    "mapping": ("dict", "map", "struct"),
    "bytes": ("bytes", "bytes_", "binary"),
}  # fmt: skip
_SIZES = {
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *(f"float{bits}" for bits in (16, 32, 64)),
}
_NUMBERS = {  # of DuckDB
    "FLOAT": ("float32", "float"),
    "DOUBLE": ("float64", "float"),
    **{
        f"{sign}{name}": (f"{sign.lower()}int{bits}", "integer")
        for sign in ("", "U")
        for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("INTEGER", 32), ("BIGINT", 64))
    },
}
_KIND_OF = {name: kind for kind, names in _NAMES.items() for name in names}
KNOWN = frozenset(_KIND_OF) | _SIZES
_OF_OBJECTS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "bool"),
    (str, "text"),
    (int, "integer"),
    (float, "float"),
    (Decimal, "decimal"),
    (datetime, "time"),
    (date, "date"),
    (timedelta, "duration"),
    (bytes, "bytes"),
    (dict, "mapping"),
)


def plain_name(name: str) -> str:
    """*name* as it stands in `KNOWN`, if it does: without case, module, unit and zone.

    >>> plain_name("Int64"), plain_name("datetime64[ns, UTC]"), plain_name("np.float64")
    ('int64', 'datetime64', 'float64')
    """
    lower = name.strip().lower().removesuffix("()").rpartition(".")[2]
    return lower.partition("[")[0] if lower.startswith(("datetime64", "timedelta64")) else lower


def is_of_type(column: "pd.Series", name: str) -> bool:
    """Whether the values of *column* are what *name* means, whatever pandas holds them as.

    pandas 3 holds words as `str` where a suite of pandas 2 says `object`, and whole numbers with a
    gap as floats.
    """
    return _is_named(name, str(column.dtype).lower(), _kinds(column))


def is_counted_type(
    duckdb_type: str, name: str, *, rows: int, values: int, are_whole: bool
) -> bool:
    """The same of a column that stays where it is: what pandas would hold it as is known.

    Parameters
    ----------
    duckdb_type
        Of text, a number, a truth or a time.
    rows, values
        How many there are, and how many of them are not missing.
    are_whole
        Whether all values are whole numbers.
    """
    gaps = values < rows
    if duckdb_type == "VARCHAR":
        return _is_named(name, "str", {"text"})
    if duckdb_type == "BOOLEAN":
        nothing = gaps and not values  # which is of any type, as Great Expectations has it
        is_int = gaps and plain_name(name) == "int"  # as which Python takes true
        return nothing or is_int or _is_named(name, "object" if gaps else "bool", {"bool"})
    if duckdb_type.startswith("TIMESTAMP"):
        return _is_named(name, "datetime64", {"time"})
    dtype, kind = _NUMBERS[duckdb_type]
    if kind == "integer" and gaps:
        dtype, kind, are_whole = "float64", "float", True
    kinds = {kind} | ({"integer with gaps"} if kind == "float" and gaps and are_whole else set())
    return _is_named(name, dtype, kinds)


def _is_named(name: str, dtype: str, kinds: Collection[str]) -> bool:
    plain = plain_name(name)
    if plain in _SIZES:
        return dtype == plain or (plain.startswith("int") and "integer with gaps" in kinds)
    kind = _KIND_OF.get(plain)
    if plain in ("object", "object_", "o"):
        return dtype == "object" or "text" in kinds
    return kind in kinds or (kind == "integer" and "integer with gaps" in kinds)


def _kinds(column: "pd.Series") -> set[str]:
    from pandas.api import types

    dtype = column.dtype
    if isinstance(dtype, types.CategoricalDtype):
        return {"category"} | _kinds(column.cat.categories.to_series())
    if types.is_bool_dtype(dtype):
        return {"bool"}
    if types.is_integer_dtype(dtype):
        return {"integer"}
    if types.is_float_dtype(dtype):
        present = column.dropna()
        gaps = len(present) < len(column) and bool((present == present.round()).all())
        return {"float", "integer with gaps"} if gaps else {"float"}
    if types.is_datetime64_any_dtype(dtype):
        return {"time"}
    if types.is_timedelta64_dtype(dtype):
        return {"duration"}
    if types.is_object_dtype(dtype):
        return {_kind_of_objects(column.dropna())}
    return {"text"} if types.is_string_dtype(dtype) else set()


def _kind_of_objects(values: "pd.Series") -> str:
    kinds = {
        next((kind for known, kind in _OF_OBJECTS if issubclass(each, known)), "list")
        for each in set(map(type, values))
    }
    return kinds.pop() if len(kinds) == 1 else "mixed"
