"""Does a day's data look as its owner said that it must?"""

import json
import os
import sys
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from monitoring_dagster.errors import MonitoringError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["critical", "warning", "info"]

_MAX_WORDS = 500
# What Great Expectations itself writes beside these is of no use here, and does no harm.
_KEYS = {"type", "kwargs", "severity", "id", "meta", "notes", "description", "rendered_content"}


class BadSuite(MonitoringError):
    """A suite that cannot be validated against, because of what its file says."""

    @classmethod
    def at(cls, path: Path, problem: str, *, position: int | None = None) -> Self:
        where = f"{path}" if position is None else f"{path}, expectation {position}"
        return cls(f"{where}: {problem}")

    @classmethod
    def unknown_type(cls, path: Path, named: str, known: Collection[str], *, position: int) -> Self:
        problem = f"unknown type {named!r}. {did_you_mean(named, known)}"
        return cls.at(path, problem, position=position)


@dataclass(frozen=True, slots=True)
class Expectation:
    """One sentence of a suite."""

    type: str
    kwargs: Mapping[str, Any]
    severity: Severity


@dataclass(frozen=True, slots=True)
class Suite:
    """What one model's rows must look like."""

    name: str
    path: Path
    expectations: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class Breach:
    """One expectation that a day's rows did not meet."""

    expectation: str
    column: str | None
    severity: Severity
    words: str  # one sentence; counts and aggregates, never the value of a row
    unexpected_share: float | None  # of the rows that were judged; None where rows are not counted


def load_suite(path: Path) -> Suite:
    """The suite in a JSON file. Raises BadSuite; does not import Great Expectations.

    What only Great Expectations can judge, the arguments of each expectation, `check_arguments`
    and `validate` do.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        problem = "no such file: write it, or take `expectations` out of the model's defs.yaml"
        raise BadSuite.at(path, problem) from None
    except (OSError, ValueError) as error:
        raise BadSuite.at(path, f"is not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("expectations"), list):
        raise BadSuite.at(path, 'is no suite: it needs {"name": ..., "expectations": [...]}')
    known = _known_types()
    return Suite(
        str(content.get("name", path.stem)),
        path,
        tuple(
            _expectation(path, position, entry, known)
            for position, entry in enumerate(content["expectations"])
        ),
    )


def check_arguments(suite: Suite) -> None:
    """Raise BadSuite for the first expectation whose arguments cannot be."""
    _built(suite)


def validate(suite: Suite, frame: "pd.DataFrame") -> list[Breach]:
    """The expectations of *suite* that *frame* does not meet, in the suite's order.

    A missing column is a breach, and an empty frame is judged like any other. Raises BadSuite.
    """
    gx = great_expectations()
    batch = _context().data_sources.pandas_default.read_dataframe(frame)
    expected = gx.ExpectationSuite(name=suite.name, expectations=_built(suite))
    breaches = {}
    for result in batch.validate(expected, result_format="BASIC").results:
        if not result.success:
            position = result.expectation_config.meta["position"]
            breaches[position] = _breach(suite.expectations[position], result, list(frame.columns))
    return [breach for _, breach in sorted(breaches.items())]


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


def _known_types() -> frozenset[str]:
    """The types that Great Expectations ships, by its file names: importing it takes seconds."""
    spec = find_spec("great_expectations")
    assert spec is not None, "great_expectations is a dependency"
    assert spec.submodule_search_locations is not None, "great_expectations is a package"
    core = Path(spec.submodule_search_locations[0], "expectations", "core")
    return frozenset(path.stem for path in core.glob("expect_*.py"))


def _expectation(
    path: Path, position: int, entry: object, known_types: Collection[str]
) -> Expectation:
    if not isinstance(entry, dict):
        problem = f'{entry!r} is no expectation: write {{"type": ..., "kwargs": {{...}}}}'
        raise BadSuite.at(path, problem, position=position)
    for key in entry:
        if key not in _KEYS:
            problem = f"unknown key {key!r}. {did_you_mean(key, _KEYS)}"
            raise BadSuite.at(path, problem, position=position)
    named, kwargs = str(entry.get("type")), entry.get("kwargs", {})
    if named not in known_types:
        raise BadSuite.unknown_type(path, named, known_types, position=position)
    if not isinstance(kwargs, dict):
        raise BadSuite.at(path, f"kwargs {kwargs!r} is no object", position=position)
    severity = entry.get("severity", "critical")
    if severity not in get_args(Severity):
        problem = (
            f"unknown severity {severity!r}. {did_you_mean(str(severity), get_args(Severity))}"
        )
        raise BadSuite.at(path, problem, position=position)
    return Expectation(named, kwargs, severity)


def _built(suite: Suite) -> list[Any]:
    """Great Expectations' own objects; it would drop a wrong one with a line in the log."""
    great_expectations()
    from great_expectations.expectations import registry

    known = registry.list_registered_expectation_implementations()
    built = []
    for position, expectation in enumerate(suite.expectations):
        if expectation.type not in known:  # a file of theirs that holds a plan, and no code
            raise BadSuite.unknown_type(suite.path, expectation.type, known, position=position)
        kind = registry.get_expectation_impl(expectation.type)
        for name in expectation.kwargs:
            if name not in kind.__fields__:
                problem = f"{expectation.type} takes no {name!r}."
                problem += f" {did_you_mean(name, kind.__fields__)}"
                raise BadSuite.at(suite.path, problem, position=position)
        try:
            built.append(
                kind(
                    **{**expectation.kwargs, "meta": {"position": position}},
                    severity=expectation.severity,
                )
            )
        except (TypeError, ValueError) as error:
            problem = f"{expectation.type} cannot be: {' '.join(str(error).split())}"
            raise BadSuite.at(suite.path, problem, position=position) from error
    return built


def _breach(expectation: Expectation, result: Any, columns: Collection[str]) -> Breach:
    column = expectation.kwargs.get("column")
    percent = result.result.get("unexpected_percent")
    return Breach(
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
