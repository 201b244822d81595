"""Expectations about a column as a whole, as SQL: aggregates, groups of equal values, ranks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from monitoring_dagster.sources.suites.counted.breach_words import (
    ANYTHING,
    Limits,
    listed,
    quoted,
    written,
)
from monitoring_dagster.sources.suites.counted.row_expectations import (
    limits_of,
    rows_judged,
)
from monitoring_dagster.sources.suites.counted.sql_values import Column, counted
from monitoring_dagster.sources.suites.suites import Expectation

_MOST_VALUES = 200  # each is an aggregate of its own
_NEAR_RELATIVE, _NEAR_ABSOLUTE = 1e-4, 1e-8  # so near a limit a quantile is within, as theirs is

_Asked: TypeAlias = Literal["unique", "count", "share", "most common"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of a column, which ought to be within limits."""

    subject: str
    what: str
    sql: str
    limits: Limits
    bounds: tuple[str | None, str | None] | None = None  # SQL, where the number is a time
    of_rows: bool = False  # a share, or a count, and so no value of a row

    @property
    def should(self) -> str:
        return f"should have a {self.what} of {self.limits}"

    @property
    def aggregates(self) -> tuple[str, ...]:
        """The number; where it is a time, whether it is within the limits, and its text."""
        if self.bounds is None:
            return (self.sql,)
        low, high = self.bounds
        conditions = [f"({self.sql}) IS NOT NULL"]
        if low is not None:
            conditions.append(f"{self.sql} >{'' if self.limits.above else '='} {low}")
        if high is not None:
            conditions.append(f"{self.sql} <{'' if self.limits.below else '='} {high}")
        return (" AND ".join(conditions), f"CAST({self.sql} AS STRING)")

    def found(self, answers: Sequence[Any]) -> tuple[bool, Any]:
        """Whether it is kept, and what is there."""
        if self.bounds is not None:
            return bool(answers[0]), answers[1]
        value = answers[0]
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return False, None
        return self.limits.hold(value), value


@dataclass(frozen=True, slots=True)
class Groups:
    """What is asked of the groups of equal values, or of equal rows."""

    subject: str
    should: str
    asked: _Asked
    keys: tuple[str, ...]  # SQL
    judged: str  # SQL
    shown: tuple[str, ...]  # SQL: what an example consists of
    limits: Limits = ANYTHING
    is_listed: str = "false"  # SQL: whether a value is in the set of the suite
    ties_okay: bool = False
    noun: str = "values"


@dataclass(frozen=True, slots=True)
class Ranks:
    """Quantiles of a column, each of which ought to be within limits."""

    subject: str
    value: str  # SQL
    shares: tuple[float, ...]
    limits: tuple[Limits, ...]
    between: str  # how a quantile between two values is read
    is_median: bool = False

    @property
    def should(self) -> str:
        if self.is_median:
            return f"should have a median of {self.limits[0]}"
        wanted = zip(self.shares, self.limits, strict=True)
        words = [f"a {written(share)} quantile of {limits}" for share, limits in wanted]
        return f"should have {', '.join(words)}"

    def places(self, rows: int) -> list[float]:
        """Where each quantile lies among *rows* values in their order, as NumPy has it."""
        found: list[float] = [(rows - 1) * (share * 100 / 100) for share in self.shares]
        if self.between == "nearest":
            return [float(round(place)) for place in found]
        how = {"lower": math.floor, "higher": math.ceil}.get(self.between)
        if how is not None:
            return [float(how(place)) for place in found]
        if self.between == "midpoint":
            return [(math.floor(place) + math.ceil(place)) / 2 for place in found]
        return found

    def hold(self, values: Sequence[float]) -> bool:
        pairs = zip(values, self.limits, strict=True)
        if self.is_median:
            return all(not math.isnan(value) and limits.hold(value) for value, limits in pairs)
        return all(limits.hold(value) or _is_near(value, limits) for value, limits in pairs)


@dataclass(frozen=True, slots=True)
class Contained:
    """Values of which each ought to be there, and, if *only*, no other."""

    subject: str
    values: tuple[Any, ...]
    conditions: tuple[str, ...]  # SQL: whether a row has it, for each
    only: bool
    odd: str  # SQL: a value is none of them
    column: Column

    @property
    def should(self) -> str:
        return f"should hold {'exactly' if self.only else 'each of'} {listed(self.values)}"


@dataclass(frozen=True, slots=True)
class Types:
    """A column that ought to be of one of several types."""

    subject: str
    names: tuple[str, ...]
    column: Column

    @property
    def should(self) -> str:
        return f"should be of type {' or '.join(self.names)}"

    @property
    def aggregates(self) -> tuple[str, ...]:
        """Rows, values, and values that are no whole numbers."""
        fractions = "0"
        if self.column.kind == "float":
            fractions = counted(f"{self.column.value} <> floor({self.column.value})")
        return ("count(*)", f"count({self.column.value})", fractions)


Whole: TypeAlias = Measure | Groups | Ranks | Contained | Types


def whole_test(expectation: Expectation, columns: Mapping[str, Column]) -> Whole | None:
    """What *expectation* asks of a column as a whole; None as in `row_test`."""
    kwargs = {name: value for name, value in expectation.kwargs.items() if value is not None}
    if expectation.type == "expect_compound_columns_to_be_unique":
        return _unique_rows([columns[name] for name in kwargs["column_list"]], kwargs)
    if not isinstance(kwargs.get("column"), str):
        return None
    column = columns[kwargs["column"]]
    named = expectation.type.removeprefix("expect_column_")
    if named in ("values_to_be_of_type", "values_to_be_in_type_list"):
        return _types(column, kwargs)
    if named == "proportion_of_non_null_values_to_be_between":
        share = f"count({column.value}) / CAST(nullif(count(*), 0) AS DOUBLE)"
        sql = f"coalesce({share}, 0)"
        subject, limits = quoted(column.name), limits_of(kwargs)
        return Measure(subject, "share of values that are there", sql, limits, of_rows=True)
    for build in (_measure, _groups, _ranks, _contained):
        found = build(column, named, kwargs)
        if found is not None:
            return found
    return None


def _measure(column: Column, named: str, kwargs: Mapping[str, Any]) -> Measure | None:
    name = named.removesuffix("_to_be_between")
    if column.is_number and name in _OF_NUMBERS and _are_numbers(limits_of(kwargs)):
        what, sql = _OF_NUMBERS[name]
        value = f"CAST({column.value} AS DOUBLE)"
        return Measure(quoted(column.name), what, sql.format(value), limits_of(kwargs))
    if column.kind != "time" or name not in ("min", "max"):
        return None
    written_ = [kwargs.get("min_value"), kwargs.get("max_value")]
    bounds = [None if it is None else column.limit(it) for it in written_]
    if any(it is not None and sql is None for it, sql in zip(written_, bounds, strict=True)):
        return None
    what, sql = _OF_NUMBERS[name][0], f"{name}({column.value})"
    return Measure(quoted(column.name), what, sql, limits_of(kwargs), (bounds[0], bounds[1]))


_OF_NUMBERS = {
    "min": ("smallest value", "min({})"),
    "max": ("largest value", "max({})"),
    "mean": ("mean", "avg({})"),
    "sum": ("sum", "coalesce(sum({}), 0)"),
    "stdev": ("standard deviation", "stddev_samp({})"),
}


def _are_numbers(limits: Limits) -> bool:
    return not any(isinstance(one, str) for one in (limits.low, limits.high))


def _groups(column: Column, named: str, kwargs: Mapping[str, Any]) -> Groups | None:
    if column.kind == "other":
        return None
    limits = limits_of(kwargs)
    if named == "values_to_be_unique":
        return _of_values(column, "should be unique", "unique")
    if named == "unique_value_count_to_be_between":
        return _of_values(column, f"should have {limits} distinct values", "count", limits=limits)
    if named == "proportion_of_unique_values_to_be_between":
        should = f"should have a share of distinct values of {limits}"
        return _of_values(column, should, "share", limits=limits)
    if named != "most_common_value_to_be_in_set" or column.type == "FLOAT":
        return None
    is_listed = column.one_of(kwargs["value_set"])
    if is_listed is None:
        return None
    should = f"should have a most common value among {listed(kwargs['value_set'])}"
    ties_okay = bool(kwargs.get("ties_okay"))
    return _of_values(column, should, "most common", is_listed=is_listed, ties_okay=ties_okay)


def _of_values(column: Column, should: str, asked: _Asked, **more: Any) -> Groups:
    keys, judged = (column.value,), f"{column.value} IS NOT NULL"
    return Groups(quoted(column.name), should, asked, keys, judged, (column.shown,), **more)


def _unique_rows(columns: Sequence[Column], kwargs: Mapping[str, Any]) -> Groups | None:
    if len({one.name for one in columns}) < len(columns) or len(columns) < 2:
        return None
    if any(one.kind == "other" for one in columns):
        return None
    subject = ", ".join(quoted(one.name) for one in columns)
    keys, shown = (tuple(getattr(one, it) for one in columns) for it in ("value", "shown"))
    return Groups(
        subject,
        "should be unique together",
        "unique",
        keys,
        rows_judged(columns, kwargs),
        shown,
        noun="rows",
    )


def _ranks(column: Column, named: str, kwargs: Mapping[str, Any]) -> Ranks | None:
    if not column.is_number:
        return None
    if named == "median_to_be_between" and _are_numbers(limits_of(kwargs)):
        limits = (limits_of(kwargs),)
        return Ranks(quoted(column.name), column.value, (0.5,), limits, "linear", is_median=True)
    if named != "quantile_values_to_be_between":
        return None
    asked = kwargs["quantile_ranges"]
    return Ranks(
        quoted(column.name),
        column.value,
        tuple(map(float, asked["quantiles"])),
        tuple(Limits(low, high) for low, high in asked["value_ranges"]),
        kwargs.get("allow_relative_error") or "nearest",
    )


def _is_near(value: float, limits: Limits) -> bool:
    return any(
        it is not None and abs(value - it) <= _NEAR_ABSOLUTE + _NEAR_RELATIVE * abs(it)
        for it in (limits.low, limits.high)
    )


def _contained(column: Column, named: str, kwargs: Mapping[str, Any]) -> Contained | None:
    if named not in ("distinct_values_to_contain_set", "distinct_values_to_equal_set"):
        return None
    is_one = column.one_of(kwargs["value_set"])
    if is_one is None or column.type == "FLOAT" or len(kwargs["value_set"]) > _MOST_VALUES:
        return None
    values = tuple(dict.fromkeys(kwargs["value_set"]))
    conditions = tuple(f"{column.value} = {column.constant(value)}" for value in values)
    only = named == "distinct_values_to_equal_set"
    subject = quoted(column.name)
    return Contained(subject, values, conditions, only, f"NOT ({is_one})", column)


def _types(column: Column, kwargs: Mapping[str, Any]) -> Types | None:
    if column.kind in ("other", "date"):
        return None
    names = kwargs.get("type_list") or [kwargs["type_"]]
    return Types(quoted(column.name), tuple(names), column)
