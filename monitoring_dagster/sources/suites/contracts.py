"""Does a day's data look as its owner said that it must?"""

import json
import os
import sys
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import Template
from typing import TYPE_CHECKING, Any

from monitoring_dagster.errors import did_you_mean
from monitoring_dagster.sources.suites.column_types import is_of_type
from monitoring_dagster.sources.suites.kept_expectations import is_surely_kept
from monitoring_dagster.sources.suites.suites import BadSuite, Expectation, Severity, Suite

if TYPE_CHECKING:
    import pandas as pd

_MAX_WORDS = 500


@dataclass(frozen=True, slots=True)
class BrokenExpectation:
    """One expectation that a day's rows did not meet."""

    expectation: str
    column: str | None
    severity: Severity
    words: str  # one sentence; counts and aggregates, never the value of a row
    unexpected_share: float | None  # of the rows that were judged; None where rows are not counted


def validate(suite: Suite, frame: "pd.DataFrame") -> list[BrokenExpectation]:
    """The expectations of *suite* that *frame* does not meet, in the suite's order.

    A missing column is a breach, and an empty frame is judged like any other. Raises BadSuite.
    """
    asked = {
        position: one
        for position, one in enumerate(suite.expectations)
        if not is_surely_kept(one, frame)
    }
    if not asked:
        return []
    gx = great_expectations()
    batch = _context().data_sources.pandas_default.read_dataframe(frame)
    built = [
        one
        for one, expectation in zip(_built(suite, asked, frame), asked.values(), strict=True)
        if not _has_type(frame, expectation)
    ]
    expected = gx.ExpectationSuite(name=suite.name, expectations=built)
    breaches = {}
    for result in batch.validate(expected, result_format="BASIC").results:
        if not result.success:
            position = result.expectation_config.meta["position"]
            breaches[position] = _breach(suite.expectations[position], result, list(frame.columns))
    return [breach for _, breach in sorted(breaches.items())]


def _has_type(frame: "pd.DataFrame", expectation: Expectation) -> bool:
    """Whether a column has a type that is asked for, by another name than pandas 3 gives it."""
    named = expectation.kwargs.get("type_list") or [expectation.kwargs.get("type_")]
    column = str(expectation.kwargs.get("column"))
    if named == [None] or "row_condition" in expectation.kwargs:
        return False
    if list(frame.columns).count(column) != 1:
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


def _built(suite: Suite, asked: Mapping[int, Expectation], frame: "pd.DataFrame") -> list[Any]:
    """Great Expectations' own objects of those *asked*, by their position in the suite; it would
    drop a wrong one with a line in the log."""
    great_expectations()
    from great_expectations.expectations import registry

    known = registry.list_registered_expectation_implementations()
    built = []
    for position, expectation in asked.items():
        if expectation.type not in known:  # a file of theirs that holds a plan, and no code
            raise BadSuite.unknown_type(suite.path, expectation.type, known, position=position)
        kind = registry.get_expectation_impl(expectation.type)
        for name in expectation.kwargs:
            if name not in kind.__fields__:
                problem = f"{expectation.type} takes no {name!r}."
                problem += f" {did_you_mean(name, kind.__fields__)}"
                raise BadSuite.at(suite.path, problem, position=position)
        times = _times(frame, expectation.kwargs)
        try:
            built.append(
                kind(
                    **{**expectation.kwargs, **times, "meta": {"position": position}},
                    severity=expectation.severity,
                )
            )
        except (TypeError, ValueError) as error:
            problem = f"{expectation.type} cannot be: {_reason(error)}"
            raise BadSuite.at(suite.path, problem, position=position) from error
    return built


def _times(frame: "pd.DataFrame", kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Limits of a column of times as times of its zone: Great Expectations reads them as dates."""
    import pandas as pd

    column = str(kwargs.get("column"))
    written = {name: kwargs.get(name) for name in ("min_value", "max_value")}
    if list(frame.columns).count(column) != 1 or not is_of_type(frame[column], "datetime64"):
        return {}
    zone = getattr(frame[column].dtype, "tz", None)
    found = {}
    for name, value in written.items():
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


def _breach(expectation: Expectation, result: Any, columns: Collection[str]) -> BrokenExpectation:
    column = expectation.kwargs.get("column")
    percent = result.result.get("unexpected_percent")
    return BrokenExpectation(
        expectation=expectation.type,
        column=column,
        severity=expectation.severity,
        words=_words(expectation, result, columns)[:_MAX_WORDS],
        unexpected_share=None if percent is None else percent / 100,
    )


def _words(expectation: Expectation, result: Any, columns: Collection[str]) -> str:
    wanted = _wanted(expectation, result)
    named = [expectation.kwargs.get(key) for key in ("column", "column_A", "column_B")]
    named += expectation.kwargs.get("column_list", [])
    if missing := [repr(name) for name in named if name is not None and name not in columns]:
        return f"{wanted}: there is no column {', '.join(missing)}"
    if message := _raised(result.exception_info):
        return f"{wanted}: it could not be judged, {message}"
    return f"{wanted}: {_found(expectation, result.result)}"


def _found(expectation: Expectation, found: Mapping[str, Any]) -> str:
    """Counts, numbers, types and names of columns are told; what stands in a row is not."""
    rows, unexpected = found.get("element_count"), found.get("unexpected_count")
    if rows and unexpected is not None:
        return f"{unexpected:,} of {rows:,} rows do not ({unexpected / rows:.1%})"
    if unexpected or found.get("missing_count"):
        return f"{unexpected or 0:,} values are too many, {found.get('missing_count', 0):,} missing"
    value = found.get("observed_value")
    if value is None or ("column" in expectation.kwargs and isinstance(value, (list, dict))):
        return "that does not hold"
    if isinstance(value, list):
        return f"it is {', '.join(map(str, value))}"
    return f"it is {value:,.6g}" if hasattr(value, "__round__") else f"it is {value}"


def _wanted(expectation: Expectation, result: Any) -> str:
    """What Great Expectations says of the expectation, in its own words."""
    result.render()
    rendered = result.expectation_config.rendered_content
    if not rendered or rendered[0].value.template is None:
        return f"{expectation.type}({json.dumps(expectation.kwargs, default=str)})"
    values = {name: it["value"] for name, it in (rendered[0].value.params or {}).items()}
    return Template(rendered[0].value.template).safe_substitute(values).rstrip(".")


def _raised(exception_info: Mapping[str, Any]) -> str | None:
    """The message of what went wrong inside, flat or by metric."""
    for info in (exception_info, *exception_info.values()):
        if isinstance(info, Mapping) and info.get("raised_exception"):
            return str(info.get("exception_message")).partition("\n")[0]
    return None
