"""Expectations that only Great Expectations can judge, over the columns that they need.

What is asked of each row by itself is judged some rows at a time, and the counts are added up.
"""

import os
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import Template
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from monitoring_dagster.errors import did_you_mean
from monitoring_dagster.sources.suites.column_types import is_of_type
from monitoring_dagster.sources.suites.counted.breach_words import (
    example_words,
    quoted,
    unexpected_words,
    written,
)
from monitoring_dagster.sources.suites.suites import (
    BadSuite,
    BrokenExpectation,
    Expectation,
    Suite,
)

if TYPE_CHECKING:
    import pandas as pd

_MAX_WORDS = 500
_EXAMPLES = 5
_ROWS_AT_ONCE = 250_000
# Of these, a batch of rows has in pandas the type that all rows have.
_STEADY = {"VARCHAR", "DOUBLE", "FLOAT", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}
_OF_ALL_ROWS = {  # that are asked of each row, but look at others
    "expect_column_values_to_be_unique", "expect_column_values_to_be_increasing",
    "expect_column_values_to_be_decreasing", "expect_column_value_z_scores_to_be_less_than",
    "expect_column_values_to_not_be_outliers", "expect_compound_columns_to_be_unique",
    "expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list",
}  # fmt: skip

Read = Callable[[Sequence[str]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True, slots=True)
class _Result:
    """What Great Expectations says of one expectation, about all rows or some."""

    success: bool
    found: Mapping[str, Any]
    wanted: str
    raised: str | None


def broken_by_great_expectations(
    suite: Suite,
    left: Mapping[int, Expectation],
    read: Read,
    columns: Mapping[str, str],
    *,
    sensitive: Collection[str] = (),
) -> dict[int, BrokenExpectation]:
    """Which expectations of *left*, by their position in *suite*, the rows do not meet.

    Parameters
    ----------
    read
        The rows of some columns, a batch at a time.
    columns
        All that there are, with DuckDB's types.

    A missing column is a breach, and a day without rows is judged like any other. Raises BadSuite.
    """
    built = _built(suite, left)
    needed: dict[tuple[str, ...], list[int]] = {}
    for position, one in left.items():
        needed.setdefault((*columns_of(one, columns), *_kind_of_reading(one, built)), []).append(
            position
        )
    broken = {}
    for key, positions in needed.items():
        names, adds_up = list(key[:-1]), key[-1] == _ADDS_UP
        asked = {position: left[position] for position in positions}
        parts = adds_up and all(columns[name] in _STEADY for name in names)
        frames = _frames(read(names), names, None if not parts else _ROWS_AT_ONCE)
        for position, result in _added_up(suite, asked, frames).items():
            if not result.success:
                one = left[position]
                shown = not set(names if not one.named else one.named) & set(sensitive)
                broken[position] = _breach(one, result, columns, is_shown=shown)
    return broken


_ADDS_UP, _AT_ONCE = "adds up", "at once"


def _kind_of_reading(one: Expectation, built: Mapping[int, Any]) -> tuple[str]:
    great_expectations()
    from great_expectations.expectations import expectation as kinds

    by_row = (
        kinds.ColumnMapExpectation,
        kinds.ColumnPairMapExpectation,
        kinds.MulticolumnMapExpectation,
    )
    of_type = next(it for it in built.values() if it.expectation_type == one.type)
    is_by_row = isinstance(of_type, by_row) and one.type not in _OF_ALL_ROWS
    return (_ADDS_UP if is_by_row and "row_condition" not in one.kwargs else _AT_ONCE,)


def columns_of(one: Expectation, there: Collection[str]) -> list[str]:
    """Which of the columns that are *there* it looks at, in their order; one at least, so that rows
    can be counted."""
    condition = one.kwargs.get("row_condition")
    if one.type.startswith("expect_table_") or not isinstance(condition, (str, type(None))):
        return [*there]
    named = set(one.named)
    return [name for name in there if name in named or (condition and name in condition)] or [
        *there
    ][:1]


def _frames(
    batches: Iterator[pa.RecordBatch], names: Sequence[str], rows: int | None
) -> "Iterator[pd.DataFrame]":
    """All rows as one frame, or about so many *rows* at a time; one frame at least."""
    some: list[pa.RecordBatch] = []
    is_first = True
    for batch in batches:
        some.append(batch)
        if rows is not None and sum(one.num_rows for one in some) >= rows:
            yield pa.Table.from_batches(some).to_pandas(split_blocks=True)
            some, is_first = [], False
    if some:
        yield pa.Table.from_batches(some).to_pandas(split_blocks=True, self_destruct=True)
    elif is_first:
        yield pa.table({name: pa.nulls(0, pa.string()) for name in names}).to_pandas()


def _added_up(
    suite: Suite, asked: Mapping[int, Expectation], frames: "Iterator[pd.DataFrame]"
) -> dict[int, _Result]:
    """The results of all frames together."""
    found: dict[int, list[_Result]] = {}
    for frame in frames:
        for position, result in _results(suite, asked, frame).items():
            found.setdefault(position, []).append(result)
    return {
        position: several[0] if len(several) == 1 else _sum(several, asked[position])
        for position, several in found.items()
    }


def _sum(results: Sequence[_Result], one: Expectation) -> _Result:
    raised = next((it.raised for it in results if it.raised), None)
    numbers = ("element_count", "unexpected_count", "missing_count")
    total = {name: sum(it.found.get(name) or 0 for it in results) for name in numbers}
    examples = [value for it in results for value in it.found.get("partial_unexpected_list") or ()]
    judged = total["element_count"] - total["missing_count"]
    share = (judged - total["unexpected_count"]) / judged if judged else 1.0
    return _Result(
        raised is None and share >= one.kwargs.get("mostly", 1),
        {**total, "partial_unexpected_list": examples},
        results[0].wanted,
        raised,
    )


def _results(
    suite: Suite, asked: Mapping[int, Expectation], frame: "pd.DataFrame"
) -> dict[int, _Result]:
    gx = great_expectations()
    kept = [position for position, one in asked.items() if _has_type(frame, one)]
    some = {position: one for position, one in asked.items() if position not in kept}
    found = {position: _Result(True, {}, "", None) for position in kept}
    if some:
        batch = _context().data_sources.pandas_default.read_dataframe(frame)
        built = list(_built(suite, some, frame).values())
        expected = gx.ExpectationSuite(name=suite.name, expectations=built)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it makes each of them anew
            validated = batch.validate(expected, result_format="BASIC")
        for result in validated.results:
            position = result.expectation_config.meta["position"]
            success = bool(result.success)
            wanted = "" if success else _wanted(some[position], result)
            raised = _raised(result.exception_info)
            found[position] = _Result(success, result.result, wanted, raised)
    return found


def _has_type(frame: "pd.DataFrame", expectation: Expectation) -> bool:
    """Whether a column has a type that is asked for, by another name than pandas 3 gives it."""
    named = expectation.kwargs.get("type_list") or [expectation.kwargs.get("type_")]
    column = str(expectation.kwargs.get("column"))
    if named == [None] or "row_condition" in expectation.kwargs:
        return False
    if not expectation.type.startswith("expect_column_values_") or column not in frame.columns:
        return False
    return any(is_of_type(frame[column], name) for name in named)


@lru_cache(maxsize=1)
def _context() -> Any:
    """One for the process: a day's validation would make it anew."""
    context = great_expectations().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def great_expectations() -> Any:
    """The library, imported when it is first needed, and without PySpark.

    Where PySpark is installed, Great Expectations imports it, which takes long, and PySpark ends
    the process if that has no main file (`python -c`, some workers). Frames need neither.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    if "great_expectations" not in sys.modules:
        hidden = {name: sys.modules.pop(name) for name in [*sys.modules] if _is_spark(name)}
        sys.modules["pyspark"] = None  # type: ignore[assignment]  # an ImportError for who asks
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it leans on modules that Python deprecates
                import great_expectations  # noqa: F401
        finally:
            del sys.modules["pyspark"]
            sys.modules.update(hidden)
    return sys.modules["great_expectations"]


def _is_spark(module: str) -> bool:
    return module == "pyspark" or module.startswith("pyspark.")


def _built(
    suite: Suite, asked: Mapping[int, Expectation], frame: "pd.DataFrame | None" = None
) -> dict[int, Any]:
    """Great Expectations' own objects of those *asked*, by their position in the suite; it would
    drop a wrong one with a line in the log."""
    great_expectations()
    from great_expectations.expectations import registry

    known = registry.list_registered_expectation_implementations()
    built = {}
    for position, expectation in asked.items():
        if expectation.type not in known:  # a file of theirs that holds a plan, and no code
            raise BadSuite.unknown_type(suite.path, expectation.type, known, position=position)
        kind = registry.get_expectation_impl(expectation.type)
        for name in expectation.kwargs:
            if name not in kind.__fields__:
                problem = f"{expectation.type} takes no {name!r}."
                problem += f" {did_you_mean(name, kind.__fields__)}"
                raise BadSuite.at(suite.path, problem, position=position)
        times = {} if frame is None else _times(frame, expectation.kwargs)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # a condition as JSON has it
                built[position] = kind(
                    **{**expectation.kwargs, **times, "meta": {"position": position}},
                    severity=expectation.severity,
                )
        except (TypeError, ValueError) as error:
            problem = f"{expectation.type} cannot be: {_reason(error)}"
            raise BadSuite.at(suite.path, problem, position=position) from error
    return built


def _times(frame: "pd.DataFrame", kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Limits of a column of times as times of its zone: Great Expectations reads them as dates."""
    import pandas as pd

    column = str(kwargs.get("column"))
    limits = {name: kwargs.get(name) for name in ("min_value", "max_value")}
    if column not in frame.columns or not is_of_type(frame[column], "datetime64"):
        return {}
    zone = getattr(frame[column].dtype, "tz", None)
    found = {}
    for name, value in limits.items():
        if isinstance(value, str):
            try:
                time = pd.Timestamp(value)
            except ValueError:
                continue  # what Great Expectations says of it is said
            utc = time.tz_localize("UTC") if time.tz is None else time.tz_convert("UTC")
            found[name] = utc.tz_localize(None) if zone is None else utc
    return found


def _reason(error: Exception) -> str:
    """The first thing that is wrong with each argument: Pydantic tries one type after another."""
    if not hasattr(error, "errors"):
        return " ".join(str(error).split())
    first: dict[str, str] = {}
    for one in error.errors():
        first.setdefault(str(one["loc"][0]), one["msg"])
    return "; ".join(f"{name} {words}".removeprefix("__root__ ") for name, words in first.items())


def _breach(
    expectation: Expectation, result: _Result, columns: Collection[str], *, is_shown: bool
) -> BrokenExpectation:
    odd, judged = result.found.get("unexpected_count"), _judged(result.found)
    return BrokenExpectation(
        expectation=expectation.type,
        column=expectation.kwargs.get("column"),
        severity=expectation.severity,
        words=f"{result.wanted}: {_found(expectation, result, columns, is_shown=is_shown)}"[
            :_MAX_WORDS
        ],
        unexpected_share=odd / judged if odd is not None and judged else None,
    )


def _judged(found: Mapping[str, Any]) -> int:
    return (found.get("element_count") or 0) - (found.get("missing_count") or 0)


def _found(
    expectation: Expectation, result: _Result, columns: Collection[str], *, is_shown: bool
) -> str:
    """Counts, numbers, types, names of columns and examples; counts alone where nothing may be
    shown, since the library's own messages repeat values."""
    if missing := [quoted(name) for name in expectation.named if name not in columns]:
        return f"there is no column {', '.join(missing)}"
    if result.raised:
        return "it cannot be judged" + (f", {result.raised}" if is_shown else "")
    found = result.found
    odd, judged = found.get("unexpected_count"), _judged(found)
    if judged and odd is not None:
        examples = found.get("partial_unexpected_list") or [] if is_shown else []
        some = [*dict.fromkeys(map(_as_row, examples))][:_EXAMPLES]
        return unexpected_words(odd, judged, "values", "do not") + example_words(some)
    value = found.get("observed_value")
    if value is None or not is_shown or isinstance(value, dict):
        return "that does not hold"
    if isinstance(value, (list, set)):
        return f"it is {', '.join(map(_plain, [*value][:_EXAMPLES]))}"
    return f"it is {_plain(value)}"


def _as_row(value: Any) -> tuple[object, ...]:
    return tuple(map(_hashable, value)) if isinstance(value, tuple) else (_hashable(value),)


def _hashable(value: Any) -> object:
    return value if value is None or isinstance(value, (int, float)) else str(value)


def _plain(value: Any) -> str:
    return written(float(value)) if hasattr(value, "__round__") else quoted(str(value))


def _wanted(expectation: Expectation, result: Any) -> str:
    """What Great Expectations says of the expectation, in its own words."""
    result.render()
    rendered = result.expectation_config.rendered_content
    if not rendered or rendered[0].value.template is None:
        arguments = ", ".join(f"{name}={value!r}" for name, value in expectation.kwargs.items())
        return f"{expectation.type}({arguments})"
    values = {name: it["value"] for name, it in (rendered[0].value.params or {}).items()}
    return Template(rendered[0].value.template).safe_substitute(values).rstrip(".")


def _raised(exception_info: Mapping[str, Any]) -> str | None:
    """The message of what went wrong inside, flat or by metric."""
    for info in (exception_info, *exception_info.values()):
        if isinstance(info, Mapping) and info.get("raised_exception"):
            return str(info.get("exception_message")).partition("\n")[0]
    return None
