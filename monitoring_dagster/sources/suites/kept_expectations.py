"""Expectations that rows keep beyond doubt: most of them, on most days.

Great Expectations takes a hundred times as long to say so, and imports for seconds. It is asked
about everything else, and about all that is broken: the words are its own.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from monitoring_dagster.sources.suites.suites import Expectation

if TYPE_CHECKING:
    import pandas as pd

_COLUMN_VALUES = "expect_column_values_to"
_ARGUMENTS = {  # that are understood here, beside `column` and `mostly`
    f"{_COLUMN_VALUES}_not_be_null": frozenset[str](),
    f"{_COLUMN_VALUES}_be_unique": frozenset[str](),
    f"{_COLUMN_VALUES}_be_in_set": frozenset({"value_set"}),
    f"{_COLUMN_VALUES}_be_between": frozenset(
        {"min_value", "max_value", "strict_min", "strict_max"}
    ),
}


def is_surely_kept(expectation: Expectation, frame: "pd.DataFrame") -> bool:
    """Whether *frame* keeps *expectation*; false also where only Great Expectations can tell.

    >>> import pandas as pd
    >>> unique = Expectation("expect_column_values_to_be_unique", {"column": "n"}, "critical")
    >>> is_surely_kept(unique, pd.DataFrame({"n": [1, 2]}))
    True
    """
    kwargs = {name: one for name, one in expectation.kwargs.items() if name != "mostly"}
    name = kwargs.pop("column", None)
    understood = _ARGUMENTS.get(expectation.type)
    if understood is None or not understood.issuperset(kwargs) or frame.empty:
        return False
    if not isinstance(name, str) or list(frame.columns).count(name) != 1:
        return False
    column = frame[name]
    present = column[column.notna()]
    if expectation.type.endswith("_not_be_null"):
        return bool(len(present) / len(column) >= expectation.kwargs.get("mostly", 1))
    if not (_is_words(column) or _is_number(column)):
        return False
    if expectation.type.endswith("_be_unique"):
        return bool(present.is_unique)
    if expectation.type.endswith("_be_in_set"):
        values = kwargs.get("value_set")
        return (
            isinstance(values, list)
            and _are_alike(column, values)
            and bool(present.isin(values).all())
        )
    return _is_number(column) and _is_between(present, kwargs)


def _is_between(present: "pd.Series", kwargs: Mapping[str, Any]) -> bool:
    limits = [kwargs.get("min_value"), kwargs.get("max_value")]
    stricts = [kwargs.get("strict_min", False), kwargs.get("strict_max", False)]
    if limits == [None, None] or any(type(one) not in (int, float, type(None)) for one in limits):
        return False
    if any(type(one) is not bool for one in stricts):
        return False
    low, high = (None if one is None else float(one) for one in limits)  # as they are read there
    above, below = stricts
    return bool(
        (low is None or (present > low if above else present >= low).all())
        and (high is None or (present < high if below else present <= high).all())
    )


def _are_alike(column: "pd.Series", values: Collection[object]) -> bool:
    """Whether *values* are all of what the column holds, so that equal means one thing."""
    kinds: Collection[type] = (str,) if _is_words(column) else (int, float)
    return all(type(one) in kinds for one in values)


def _is_words(column: "pd.Series") -> bool:
    import pandas as pd

    return isinstance(column.dtype, pd.StringDtype)


def _is_number(column: "pd.Series") -> bool:
    return str(column.dtype) in ("int64", "float64")
