"""Expectations about each row by itself, as SQL: whether it is judged, and whether it is odd."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from monitoring_dagster.sources.suites.counted.breach_words import (
    Limits,
    limit,
    listed,
    quoted,
    written,
)
from monitoring_dagster.sources.suites.counted.sql_values import Column, text
from monitoring_dagster.sources.suites.suites import Expectation

_MOST_SUMMANDS = 7  # NumPy adds more of them in another order, with another rounding
# What Python's expressions and those of the engines read differently, or only some of them read.
_DOUBTFUL = re.compile(r"\[:|\{,|\\Z|\\[0-9]")
_DOUBTFUL_IN_JAVA = re.compile(r"\(\?|&&|\[[^\]]*\[")
_NO_PLAIN_TEXT = "[^ -~]"  # \d, \w, $ and the like mean one thing where only these characters stand

Fault = Literal["are not", "are", "do not", "do"]


@dataclass(frozen=True, slots=True)
class RowTest:
    """What is asked of each row."""

    subject: str
    should: str
    judged: str  # SQL
    odd: str  # SQL: a judged row is not as it should be
    shown: tuple[str, ...]  # SQL: what an example consists of
    fault: Fault = "are not"
    noun: str = "values"
    doubtful: str | None = None  # SQL: a row that only Great Expectations can judge


def row_test(expectation: Expectation, columns: Mapping[str, Column]) -> RowTest | None:
    """What *expectation* asks of each row; None where SQL might not answer as Great Expectations.

    All columns that it names are in *columns*.
    """
    kwargs = {name: value for name, value in expectation.kwargs.items() if value is not None}
    if (build := _OF_ONE.get(expectation.type)) is not None:
        return build(columns[kwargs["column"]], kwargs)
    if (build_pair := _OF_PAIRS.get(expectation.type)) is not None:
        return build_pair(columns[kwargs["column_A"]], columns[kwargs["column_B"]], kwargs)
    if (build_rows := _OF_SEVERAL.get(expectation.type)) is not None:
        return build_rows([columns[name] for name in kwargs["column_list"]], kwargs)
    return None


def limits_of(kwargs: Mapping[str, Any]) -> Limits:
    return Limits(
        limit(kwargs.get("min_value")),
        limit(kwargs.get("max_value")),
        bool(kwargs.get("strict_min")),
        bool(kwargs.get("strict_max")),
    )


def _test(column: Column, should: str, met: str, fault: Fault, **more: Any) -> RowTest:
    """Every value that is there is judged."""
    return RowTest(
        quoted(column.name),
        should,
        f"{column.value} IS NOT NULL",
        f"NOT ({met})",
        (column.shown,),
        fault,
        **more,
    )


def _null(column: Column, _: Mapping[str, Any]) -> RowTest:
    there = f"{column.value} IS NOT NULL"
    subject, should = quoted(column.name), "should be missing"
    return RowTest(subject, should, "true", there, (column.shown,), "are not", "rows")


def _not_null(column: Column, _: Mapping[str, Any]) -> RowTest:
    missing = f"{column.value} IS NULL"
    return RowTest(quoted(column.name), "should not be missing", "true", missing, (), "are", "rows")


def _in_set(column: Column, kwargs: Mapping[str, Any]) -> RowTest | None:
    met = column.one_of(kwargs["value_set"])
    if met is None or column.type == "FLOAT":
        return None
    return _test(column, f"should be one of {listed(kwargs['value_set'])}", met, "are not")


def _not_in_set(column: Column, kwargs: Mapping[str, Any]) -> RowTest | None:
    odd = column.one_of(kwargs["value_set"])
    if odd is None or column.type == "FLOAT":
        return None
    return _test(column, f"should be none of {listed(kwargs['value_set'])}", f"NOT {odd}", "are")


def _between(column: Column, kwargs: Mapping[str, Any]) -> RowTest | None:
    conditions = []
    for name, strict, sign in (("min_value", "strict_min", ">"), ("max_value", "strict_max", "<")):
        if name in kwargs:
            constant = column.limit(kwargs[name])
            if constant is None:
                return None
            equal = "" if kwargs.get(strict) else "="
            conditions.append(f"{column.value} {sign}{equal} {constant}")
    return _test(column, f"should be {limits_of(kwargs)}", " AND ".join(conditions), "are not")


def _length(column: Column, kwargs: Mapping[str, Any]) -> RowTest | None:
    if column.kind != "text":
        return None
    limits = Limits(kwargs["value"], kwargs["value"]) if "value" in kwargs else limits_of(kwargs)
    length, conditions = f"length({column.value})", []
    if limits.low is not None:
        conditions.append(f"{length} >{'' if limits.above else '='} {limits.low!r}")
    if limits.high is not None:
        conditions.append(f"{length} <{'' if limits.below else '='} {limits.high!r}")
    should = f"should have {limits} characters"
    return _test(column, should, " AND ".join(conditions), "do not")


def _regex(
    column: Column, patterns: Sequence[str], *, every: bool = False, wanted: bool = True
) -> RowTest | None:
    if column.kind != "text" or not all(_is_common(one, column.engine) for one in patterns):
        return None
    function = "rlike" if column.engine == "spark" else "regexp_matches"
    matches = [f"{function}({column.value}, {text(one, column.engine)})" for one in patterns]
    odd_text = f"{function}({column.value}, '{_NO_PLAIN_TEXT}')"
    return _matching(column, patterns, matches, every=every, wanted=wanted, doubtful=odd_text)


def _like(
    column: Column,
    patterns: Sequence[str],
    kwargs: Mapping[str, Any],
    *,
    every: bool = False,
    wanted: bool = True,
) -> RowTest | None:
    if column.kind != "text" or any("\0" in one for one in patterns):
        return None
    mark = kwargs.get("escape")
    escape = f" ESCAPE {text(mark, column.engine)}" if mark else ""
    matches = [f"{column.value} LIKE {text(one, column.engine)}{escape}" for one in patterns]
    return _matching(column, patterns, matches, every=every, wanted=wanted)


def _matching(
    column: Column,
    patterns: Sequence[str],
    matches: Iterable[str],
    *,
    every: bool,
    wanted: bool,
    doubtful: str | None = None,
) -> RowTest:
    met = (" AND " if every else " OR ").join(f"({one})" for one in matches)
    which = "" if len(patterns) == 1 else "all of " if every else "one of "
    what = f"match {which}{listed(patterns)}"
    if wanted:
        return _test(column, f"should {what}", met, "do not", doubtful=doubtful)
    return _test(column, f"should not {what}", f"NOT ({met})", "do", doubtful=doubtful)


def _is_common(pattern: str, engine: str) -> bool:
    """Whether Python and the engine read *pattern* as the same, in plain text."""
    if "\0" in pattern or not pattern.isascii() or _DOUBTFUL.search(pattern):
        return False
    if engine == "spark":
        return _DOUBTFUL_IN_JAVA.search(pattern) is None
    try:
        pc.match_substring_regex(pa.nulls(1, pa.string()), pattern)  # by RE2, as DuckDB
    except pa.ArrowInvalid:
        return False
    return True


def _is_missing(column: Column) -> str:
    return f"{column.value} IS NULL"


def _judged(columns: Sequence[Column], ignored: str) -> str:
    """SQL: whether a row is judged, where rows with missing values may be left out."""
    missing = [_is_missing(one) for one in columns]
    if ignored in ("both_values_are_missing", "all_values_are_missing"):
        return f"NOT ({' AND '.join(missing)})"
    if ignored in ("either_value_is_missing", "any_value_is_missing"):
        return f"NOT ({' OR '.join(missing)})"
    return "true"


def rows_judged(columns: Sequence[Column], kwargs: Mapping[str, Any]) -> str:
    return _judged(columns, kwargs.get("ignore_row_if", "all_values_are_missing"))


def _pair(a: Column, b: Column, kwargs: Mapping[str, Any], should: str, met: str) -> RowTest:
    judged = _judged([a, b], kwargs.get("ignore_row_if", "both_values_are_missing"))
    odd = f"NOT coalesce({met}, false)"
    return RowTest(quoted(a.name), should, judged, odd, (a.shown, b.shown), "are not", "rows")


def _greater(a: Column, b: Column, kwargs: Mapping[str, Any]) -> RowTest | None:
    if not a.is_like(b):
        return None
    or_equal = bool(kwargs.get("or_equal"))
    should = f"should be {'at least' if or_equal else 'greater than'} {quoted(b.name)}"
    return _pair(a, b, kwargs, should, f"{a.value} >{'=' if or_equal else ''} {b.value}")


def _equal(a: Column, b: Column, kwargs: Mapping[str, Any]) -> RowTest | None:
    if not a.is_like(b):
        return None
    return _pair(a, b, kwargs, f"should equal {quoted(b.name)}", f"{a.value} = {b.value}")


def _pair_in_set(a: Column, b: Column, kwargs: Mapping[str, Any]) -> RowTest | None:
    met = []
    for pair in kwargs["value_pairs_set"]:
        conditions = []
        for column, value in zip((a, b), pair, strict=True):
            constant = "" if value is None else column.constant(value)
            if constant is None or column.type == "FLOAT" or column.kind == "flag":
                return None
            is_it = f"{column.value} = {constant}" if constant else _is_missing(column)
            conditions.append(is_it)
        met.append(f"({' AND '.join(conditions)})")
    if not met:
        return None
    pairs = [f"{written(x)} and {written(y)}" for x, y in kwargs["value_pairs_set"]]
    more = f" and {len(pairs) - 5:,} more" if len(pairs) > 5 else ""
    should = f"with {quoted(b.name)} should be one of {', '.join(pairs[:5])}{more}"
    return _pair(a, b, kwargs, should, " OR ".join(met))


def _rows(
    columns: Sequence[Column], kwargs: Mapping[str, Any], should: str, odd: str, fault: Fault
) -> RowTest:
    subject = ", ".join(quoted(one.name) for one in columns)
    shown = tuple(one.shown for one in columns)
    return RowTest(subject, should, rows_judged(columns, kwargs), odd, shown, fault, "rows")


def are_alike(columns: Sequence[Column]) -> bool:
    return len({one.name for one in columns}) == len(columns) > 1 and all(
        columns[0].is_like(one) for one in columns
    )


def _differing(columns: Sequence[Column], kwargs: Mapping[str, Any]) -> RowTest | None:
    if not are_alike(columns):
        return None
    same = " OR ".join(f"{_is_same(a, b)}" for a, b in combinations(columns, 2))
    return _rows(columns, kwargs, "should differ within each row", same, "do not")


def _same(columns: Sequence[Column], kwargs: Mapping[str, Any]) -> RowTest | None:
    if not are_alike(columns):
        return None
    same = " AND ".join(_is_same(columns[0], one) for one in columns[1:])
    return _rows(columns, kwargs, "should be equal within each row", f"NOT ({same})", "are not")


def _is_same(a: Column, b: Column) -> str:
    both = f"{_is_missing(a)} AND {_is_missing(b)}"
    return f"coalesce({a.value} = {b.value}, {both})"


def _sum(columns: Sequence[Column], kwargs: Mapping[str, Any]) -> RowTest | None:
    if len(columns) > _MOST_SUMMANDS or not all(one.is_number for one in columns):
        return None
    if not are_alike(columns) or any(one.type == "FLOAT" for one in columns):
        return None
    total = " + ".join(f"CAST({one.value} AS DOUBLE)" for one in columns)
    wanted = kwargs["sum_total"]
    odd = f"NOT coalesce({total} = CAST('{float(wanted)!r}' AS DOUBLE), false)"
    return _rows(columns, kwargs, f"should add up to {written(wanted)}", odd, "do not")


_Build = Callable[[Column, Mapping[str, Any]], RowTest | None]
_VALUES_TO = "expect_column_values_to_"
_OF_ONE: Mapping[str, _Build] = {
    f"{_VALUES_TO}be_null": _null,
    f"{_VALUES_TO}not_be_null": _not_null,
    f"{_VALUES_TO}be_in_set": _in_set,
    f"{_VALUES_TO}not_be_in_set": _not_in_set,
    f"{_VALUES_TO}be_between": _between,
    "expect_column_value_lengths_to_be_between": _length,
    "expect_column_value_lengths_to_equal": _length,
    f"{_VALUES_TO}match_regex": lambda c, k: _regex(c, [k["regex"]]),
    f"{_VALUES_TO}not_match_regex": lambda c, k: _regex(c, [k["regex"]], wanted=False),
    f"{_VALUES_TO}match_regex_list": lambda c, k: _regex(
        c, k["regex_list"], every=k.get("match_on") == "all"
    ),
    f"{_VALUES_TO}not_match_regex_list": lambda c, k: _regex(c, k["regex_list"], wanted=False),
    f"{_VALUES_TO}match_like_pattern": lambda c, k: _like(c, [k["like_pattern"]], k),
    f"{_VALUES_TO}not_match_like_pattern": lambda c, k: _like(
        c, [k["like_pattern"]], k, wanted=False
    ),
    f"{_VALUES_TO}match_like_pattern_list": lambda c, k: _like(
        c, k["like_pattern_list"], k, every=k.get("match_on") == "all"
    ),
    f"{_VALUES_TO}not_match_like_pattern_list": lambda c, k: _like(
        c, k["like_pattern_list"], k, wanted=False
    ),
    # Of distinct values, too, each is one that a row has.
    "expect_column_distinct_values_to_be_in_set": _in_set,
}
_OF_PAIRS: Mapping[str, Callable[[Column, Column, Mapping[str, Any]], RowTest | None]] = {
    "expect_column_pair_values_a_to_be_greater_than_b": _greater,
    "expect_column_pair_values_to_be_equal": _equal,
    "expect_column_pair_values_to_be_in_set": _pair_in_set,
}
_OF_SEVERAL: Mapping[str, Callable[[Sequence[Column], Mapping[str, Any]], RowTest | None]] = {
    "expect_select_column_values_to_be_unique_within_record": _differing,
    "expect_multicolumn_values_to_be_equal": _same,
    "expect_multicolumn_sum_to_equal": _sum,
}
