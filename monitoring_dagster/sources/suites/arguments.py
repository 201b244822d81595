"""Arguments of the expectations that the engine runs: which there are, and what each may be."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from monitoring_dagster.errors import did_you_mean

_MAX_SHOWN = 40
# Great Expectations takes these with every type: whoever writes one is judged by it.
_OF_EVERY_TYPE = {
    "batch_id", "catch_exceptions", "condition_parser", "description", "id", "library_metadata",
    "meta", "notes", "rendered_content", "result_format", "row_condition", "severity", "windows",
}  # fmt: skip


def as_number(value: object) -> float | None:
    """A limit that is a number, also where it is written as text; none else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def as_time(value: object) -> datetime | None:
    """A limit that is a time, in UTC.

    >>> print(as_time("2026-03-02"), as_time("2026-03-02T01:00+01:00"), as_time("soon"))
    2026-03-02 00:00:00+00:00 2026-03-02 00:00:00+00:00 None
    """
    try:
        at = datetime.fromisoformat(str(value))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_quantiles(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"quantiles", "value_ranges"}:
        return False
    shares, ranges = value["quantiles"], value["value_ranges"]
    return (
        isinstance(shares, list)
        and isinstance(ranges, list)
        and len(shares) == len(ranges)
        and all(_is_number(one) and 0 <= one <= 1 for one in shares)
        and all(map(_is_range, ranges))
    )


def _is_range(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    low, high = value
    if not all(one is None or _is_number(one) for one in value):
        return False
    return low is None or high is None or low <= high


_Kind = tuple[Callable[[Any], bool], str]  # whether a value is one, and what to write
_NAME: _Kind = (lambda it: isinstance(it, str), 'the name of a column, such as "age"')
_TEXT: _Kind = (lambda it: isinstance(it, str), "a text")
_TEXTS: _Kind = (lambda it: _is_texts(it) and bool(it), 'a list of texts, such as ["a", "b"]')
_NAMES: _Kind = (_TEXTS[0], 'a list of columns, such as ["a", "b"]')
_VALUES: _Kind = (
    lambda it: isinstance(it, list),
    'a list of values, such as ["DE", "FR"]',
)
_SOME: _Kind = (lambda it: isinstance(it, list) and bool(it), _VALUES[1])
_PAIRS: _Kind = (
    lambda it: isinstance(it, list) and all(isinstance(p, list) and len(p) == 2 for p in it),
    'a list of pairs, such as [["DE", "EUR"]]',
)
_FLAG: _Kind = (lambda it: isinstance(it, bool), "true or false")
_NUMBER: _Kind = (_is_number, "a number")
_WHOLE: _Kind = (_is_whole, "a whole number")
_LIMIT: _Kind = (
    lambda it: as_number(it) is not None or (isinstance(it, str) and as_time(it) is not None),
    'a number, or a time such as "2026-03-01"',
)
_QUANTILES: _Kind = (
    _is_quantiles,
    'an object, such as {"quantiles": [0.5], "value_ranges": [[0, 9]]}',
)


def _one_of(*words: str) -> _Kind:
    return (lambda it: it in words, f"one of {', '.join(words)}")


_STRICT = {"strict_min": _FLAG, "strict_max": _FLAG}
_LIMITS = {"min_value": _LIMIT, "max_value": _LIMIT, **_STRICT}
_NUMBERS = {"min_value": _NUMBER, "max_value": _NUMBER, **_STRICT}
_WHOLES = {"min_value": _WHOLE, "max_value": _WHOLE, **_STRICT}
_COLUMN, _PAIR = {"column!": _NAME}, {"column_A!": _NAME, "column_B!": _NAME}
_COLUMNS = {"column_list!": _NAMES}
_MOSTLY = {"mostly": _NUMBER}
_OF_PAIRS = {
    "ignore_row_if": _one_of("both_values_are_missing", "either_value_is_missing", "neither")
}
_OF_ROWS = {
    "ignore_row_if": _one_of("all_values_are_missing", "any_value_is_missing", "never"),
}
_LIKE = {"escape": (lambda it: isinstance(it, str) and len(it) == 1, "one character")}
_MATCH = {"match_on": _one_of("any", "all")}
_VALUES_TO, _COLUMN_ = "expect_column_values_to_", "expect_column_"

# By type; an exclamation mark stands where an argument must not be left out.
_ARGUMENTS: Mapping[str, Mapping[str, _Kind]] = {
    **{
        _VALUES_TO + name: _COLUMN | _MOSTLY | more
        for name, more in {
            "be_null": {},
            "not_be_null": {},
            "be_unique": {},
            "be_in_set": {"value_set!": _VALUES},
            "not_be_in_set": {"value_set!": _VALUES},
            "be_between": _LIMITS,
            "be_of_type": {"type_!": _TEXT},
            "be_in_type_list": {"type_list!": _TEXTS},
            "match_regex": {"regex!": _TEXT},
            "not_match_regex": {"regex!": _TEXT},
            "match_regex_list": {"regex_list!": _TEXTS, **_MATCH},
            "not_match_regex_list": {"regex_list!": _TEXTS},
            "match_like_pattern": {"like_pattern!": _TEXT, **_LIKE},
            "not_match_like_pattern": {"like_pattern!": _TEXT, **_LIKE},
            "match_like_pattern_list": {"like_pattern_list!": _TEXTS, **_MATCH, **_LIKE},
            "not_match_like_pattern_list": {"like_pattern_list!": _TEXTS, **_LIKE},
        }.items()
    },
    **{
        _COLUMN_ + name: _COLUMN | more
        for name, more in {
            "to_exist": {"column_index": _WHOLE},
            "value_lengths_to_be_between": _MOSTLY | _WHOLES,
            "value_lengths_to_equal": _MOSTLY | {"value!": _NUMBER},
            "min_to_be_between": _LIMITS,
            "max_to_be_between": _LIMITS,
            "mean_to_be_between": _LIMITS,
            "median_to_be_between": _LIMITS,
            "sum_to_be_between": _LIMITS,
            "stdev_to_be_between": _NUMBERS,
            "quantile_values_to_be_between": {
                "quantile_ranges!": _QUANTILES,
                "allow_relative_error": (
                    lambda it: (
                        it is False or it in ("linear", "lower", "higher", "midpoint", "nearest")
                    ),
                    "false, or one of linear, lower, higher, midpoint, nearest",
                ),
            },
            "unique_value_count_to_be_between": _WHOLES,
            "proportion_of_unique_values_to_be_between": _NUMBERS,
            "proportion_of_non_null_values_to_be_between": _NUMBERS,
            "distinct_values_to_be_in_set": {"value_set!": _SOME},
            "distinct_values_to_contain_set": {"value_set!": _VALUES},
            "distinct_values_to_equal_set": {"value_set!": _VALUES},
            "most_common_value_to_be_in_set": {"value_set!": _VALUES, "ties_okay": _FLAG},
        }.items()
    },
    **{
        f"expect_column_pair_values_{name}": _PAIR | _MOSTLY | _OF_PAIRS | more
        for name, more in {
            "a_to_be_greater_than_b": {"or_equal": _FLAG},
            "to_be_equal": {},
            "to_be_in_set": {"value_pairs_set!": _PAIRS},
        }.items()
    },
    "expect_compound_columns_to_be_unique": _COLUMNS | _MOSTLY | _OF_ROWS,
    "expect_select_column_values_to_be_unique_within_record": _COLUMNS | _MOSTLY | _OF_ROWS,
    "expect_multicolumn_values_to_be_equal": _COLUMNS | _MOSTLY | _OF_ROWS,
    "expect_multicolumn_sum_to_equal": _COLUMNS | _MOSTLY | _OF_ROWS | {"sum_total!": _NUMBER},
    "expect_table_row_count_to_be_between": _WHOLES,
    "expect_table_row_count_to_equal": {"value!": _WHOLE},
    "expect_table_column_count_to_be_between": {"min_value": _NUMBER, "max_value": _NUMBER},
    "expect_table_column_count_to_equal": {"value!": _WHOLE},
    "expect_table_columns_to_match_ordered_list": {
        "column_list!": (_is_texts, _NAMES[1]),
    },
    "expect_table_columns_to_match_set": {
        "column_set!": (_is_texts, _NAMES[1]),
        "exact_match": _FLAG,
    },
}
_ONE_LIMIT_AT_LEAST = {
    "expect_column_values_to_be_between",
    "expect_column_value_lengths_to_be_between",
}
ENGINE_TYPES = frozenset(_ARGUMENTS)


def is_plain(kwargs: Mapping[str, Any]) -> bool:
    """Whether all of *kwargs* are arguments that the engine understands."""
    return not any(name in _OF_EVERY_TYPE for name in kwargs)


def problem_with(named: str, kwargs: Mapping[str, Any]) -> str | None:
    """What is wrong with the arguments of the type *named*, and the way out.

    None where nothing is, and where the type is one that Great Expectations alone can judge.

    >>> problem_with("expect_column_to_exist", {"colum": "age"})
    "takes no 'colum'. Did you mean 'column'?"
    """
    if named not in _ARGUMENTS:
        return None
    kinds = {name.rstrip("!"): kind for name, kind in _ARGUMENTS[named].items()}
    for name, value in kwargs.items():
        if name not in kinds:
            if name in _OF_EVERY_TYPE:
                continue
            return f"takes no {name!r}. {did_you_mean(name, kinds)}"
        is_one, wanted = kinds[name]
        if value is not None and not is_one(value):
            return f"cannot be: {name} is {shown(value)}: write {wanted}"
    for name, kind in _ARGUMENTS[named].items():
        if name.endswith("!") and kwargs.get(name.rstrip("!")) is None:
            return f"needs {name.rstrip('!')}: write {kind[1]}"
    if named in _ONE_LIMIT_AT_LEAST and not {"min_value", "max_value"} & {
        name for name, value in kwargs.items() if value is not None
    }:
        return "needs min_value or max_value"
    return None


def shown(value: object) -> str:
    """*value* as an error may repeat it: harmless, and cut to 40 characters."""
    text = ascii(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"
