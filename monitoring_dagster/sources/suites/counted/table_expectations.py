"""Expectations about the table of a day: how many rows, and which columns in which order."""

from collections.abc import Sequence
from typing import Any

from monitoring_dagster.errors import did_you_mean
from monitoring_dagster.sources.suites.counted.breach_words import Limits, listed, quoted, written
from monitoring_dagster.sources.suites.counted.row_expectations import limits_of
from monitoring_dagster.sources.suites.suites import Expectation

TABLE_TYPES = frozenset(
    {
        "expect_column_to_exist",
        "expect_table_row_count_to_be_between",
        "expect_table_row_count_to_equal",
        "expect_table_column_count_to_be_between",
        "expect_table_column_count_to_equal",
        "expect_table_columns_to_match_ordered_list",
        "expect_table_columns_to_match_set",
    }
)


def unlike_table(expectation: Expectation, columns: Sequence[str], rows: int) -> str | None:
    """What is wrong with a table of these *columns*, in their order; None where it is as expected.

    Of a type in `TABLE_TYPES`.
    """
    kwargs = {name: value for name, value in expectation.kwargs.items() if value is not None}
    named = expectation.type.removeprefix("expect_")
    if named == "column_to_exist":
        return _exists(kwargs, columns)
    if named == "table_columns_to_match_ordered_list":
        return _ordered(kwargs["column_list"], columns)
    if named == "table_columns_to_match_set":
        return _set(kwargs["column_set"], columns, exact=kwargs.get("exact_match", True))
    count, what = (rows, "rows") if "row_count" in named else (len(columns), "columns")
    limits = Limits(kwargs["value"], kwargs["value"]) if "value" in kwargs else limits_of(kwargs)
    if limits.hold(count):
        return None
    return f"the table should have {limits} {what}: it has {count:,}"


def _exists(kwargs: dict[str, Any], columns: Sequence[str]) -> str | None:
    name, place = kwargs["column"], kwargs.get("column_index")
    if name not in columns:
        words = f"{quoted(name)} should exist: there is no column {quoted(name)}"
        return f"{words}. {did_you_mean(name, columns)}"
    if not place:  # 0 asks nothing, as Great Expectations has it
        return None
    if -len(columns) <= place < len(columns) and columns[place] == name:
        return None
    found = columns.index(name)
    return f"{quoted(name)} should be column {written(place)}, counted from 0: it is {found:,}"


def _ordered(wanted: Sequence[str], columns: Sequence[str]) -> str | None:
    if list(columns) == list(wanted):
        return None
    should = f"the table should have the columns {listed(wanted)}, in this order"
    differing = [n for n, (a, b) in enumerate(zip(wanted, columns, strict=False)) if a != b]
    if not differing:
        return f"{should}: it has {len(columns):,} columns, and {len(wanted):,} are wanted"
    first = differing[0]
    return f"{should}: column {first}, counted from 0, is {quoted(columns[first])}"


def _set(wanted: Sequence[str], columns: Sequence[str], *, exact: bool) -> str | None:
    missing = [name for name in dict.fromkeys(wanted) if name not in columns]
    further = [name for name in columns if name not in wanted] if exact else []
    if not missing and not further:
        return None
    found = [f"there is no column {listed(missing)}"] if missing else []
    found += [f"{listed(further)} stand beside them"] if further else []
    how = "exactly the columns" if exact else "the columns"
    return f"the table should have {how} {listed(wanted)}: {'; '.join(found)}"
