"""Expectation suites as their JSON files say them: those of Great Expectations 1, and of 0.18."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NoReturn, Self, get_args

from monitoring_dagster.errors import MonitoringError, did_you_mean
from monitoring_dagster.sources.suites.arguments import problem_with, shown
from monitoring_dagster.sources.suites.column_types import KNOWN, plain_name

Severity = Literal["critical", "warning", "info"]

# What Great Expectations itself writes beside these is of no use here, and does no harm.
_KEYS = {"type", "kwargs", "severity", "id", "meta", "notes", "description", "rendered_content"}
_OLD_KEYS = _KEYS | {
    "expectation_type",
    "expectation_context",
    "ge_cloud_id",
    "success_on_last_run",
}
_OF_THE_RUN = {"batch_id", "catch_exceptions", "include_config", "result_format", "run_name"}
NO_MORE = {  # what 1 does not take, and nobody asked for where it is off
    "allow_cross_type_comparisons", "auto", "output_strftime_format", "parse_strings_as_datetimes",
    "profiler_config",
}  # fmt: skip
_NEEDS_SQL = {
    "expect_query_results_to_match_comparison",
    "expect_table_row_count_to_equal_other_table",
}
_USUAL_TYPES = ("str", "int64", "float64", "bool", "datetime64", "category")
_PARAMETER = "$PARAMETER"


class BadSuite(MonitoringError):
    """A suite that cannot be validated against, because of what its file says."""

    @classmethod
    def at(cls, path: Path, problem: str, *, position: int | None = None) -> Self:
        where = f"{path}" if position is None else f"{path}, expectation {position}"
        return cls(f"{where}: {problem}")

    @classmethod
    def unknown_type(cls, path: Path, named: str, known: Collection[str], *, position: int) -> Self:
        near = get_close_matches(named, known, n=1)
        way = f"Did you mean {near[0]!r}?" if near else "Great Expectations 1 ships no such type."
        return cls.at(path, f"unknown type {shown(named)}. {way}", position=position)


@dataclass(frozen=True, slots=True)
class Expectation:
    """One sentence of a suite."""

    type: str
    kwargs: Mapping[str, Any]
    severity: Severity

    @property
    def named(self) -> list[str]:
        """The columns that it names, in the arguments for them."""
        kwargs = self.kwargs
        several = kwargs.get("column_list") or []
        found = [*(kwargs.get(name) for name in ("column", "column_A", "column_B")), *several]
        return [name for name in found if isinstance(name, str)]


@dataclass(frozen=True, slots=True)
class BrokenExpectation:
    """One expectation that a day's rows did not meet."""

    expectation: str
    column: str | None
    severity: Severity
    words: str  # one sentence; values are escaped, and none is of a sensitive column
    unexpected_share: float | None  # of what was judged; None where nothing is counted


@dataclass(frozen=True, slots=True)
class Suite:
    """What one model's rows must look like; *remarks* are what its owner may want to mend."""

    name: str
    path: Path
    expectations: tuple[Expectation, ...]
    remarks: tuple[str, ...] = ()


def load_suite(path: Path) -> Suite:
    """The suite in a JSON file. Raises BadSuite; does not import Great Expectations.

    Arguments of a type that only Great Expectations can judge are left to it. A file of 0.18 means
    the same here: its types and arguments are those of 1.
    """
    return suite_of(path, content_of(path))


def suite_of(path: Path, content: Any) -> Suite:
    """The suite that the JSON of a file says. Raises BadSuite."""
    if not isinstance(content, dict) or not isinstance(content.get("expectations"), list):
        raise BadSuite.at(path, 'is no suite: it needs {"name": ..., "expectations": [...]}')
    entries = content["expectations"]
    old = any(isinstance(entry, dict) and "expectation_type" in entry for entry in entries)
    values = content.get("suite_parameters") or content.get("evaluation_parameters") or {}
    known = _known_types()
    return Suite(
        str(content.get("name") or content.get("expectation_suite_name") or path.stem),
        path,
        tuple(
            _Entry(path, position, old, values).expectation(entry, known)
            for position, entry in enumerate(entries)
        ),
        _remarks(path, old=old, is_empty=not entries),
    )


def content_of(path: Path) -> Any:
    """The JSON of a suite's file. Raises BadSuite."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if not text.strip():
            raise BadSuite.at(path, 'is empty: write {"name": ..., "expectations": [...]}')
        return json.loads(text, object_pairs_hook=_no_doubles, parse_constant=_no_constant)
    except FileNotFoundError:
        problem = "no such file: write it, or take `expectations` out of the model's defs.yaml"
        raise BadSuite.at(path, problem) from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadSuite.at(path, f"is not JSON: {error}") from error


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            message = f"the key {shown(key)} stands twice in one object: take one of them out"
            raise ValueError(message)
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    message = f"{name} is no number of JSON: write one, or null"
    raise ValueError(message)


def _remarks(path: Path, *, old: bool, is_empty: bool) -> tuple[str, ...]:
    if is_empty:
        return (
            f"{path.name} holds no expectation, so no rule of your own is checked: write some, or"
            " take `expectations` out of defs.yaml",
        )
    if old:
        return (
            f"{path.name} is in the format of Great Expectations 0.18, which is read as 1:"
            " `monitoring-dagster expectations migrate` writes `type` for `expectation_type`",
        )
    return ()


@lru_cache(maxsize=1)
def _known_types() -> frozenset[str]:
    """The types that Great Expectations ships, by its file names: importing it takes seconds."""
    spec = find_spec("great_expectations")
    assert spec is not None, "great_expectations is a dependency"
    assert spec.submodule_search_locations is not None, "great_expectations is a package"
    core = Path(spec.submodule_search_locations[0], "expectations", "core")
    return frozenset(path.stem for path in core.glob("expect_*.py"))


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where an entry stands, and what the suite says for all of them."""

    path: Path
    position: int
    old: bool  # of 0.18
    values: Any  # of the suite's parameters, by name

    def expectation(self, entry: object, known_types: Collection[str]) -> Expectation:
        if not isinstance(entry, dict):
            self._refuse(
                f'{shown(entry)} is no expectation: write {{"type": ..., "kwargs": {{...}}}}'
            )
        keys = _OLD_KEYS if self.old else _KEYS
        for key in entry:
            if key not in keys:
                self._refuse(f"unknown key {shown(key)}. {did_you_mean(key, _KEYS)}")
        named = str(entry.get("type", entry.get("expectation_type")))
        if str(entry.get("expectation_type", named)) != named:
            self._refuse("`type` and `expectation_type` differ: take one of them out")
        if named not in known_types:
            raise BadSuite.unknown_type(self.path, named, known_types, position=self.position)
        if named in _NEEDS_SQL:
            self._refuse(f"{named} asks another table, and the rows of one day are looked at")
        severity = entry.get("severity", "critical")
        if severity not in get_args(Severity):
            way = did_you_mean(str(severity), get_args(Severity))
            self._refuse(f"unknown severity {shown(severity)}. {way}")
        return Expectation(named, self._arguments(named, entry.get("kwargs", {})), severity)

    def _arguments(self, named: str, kwargs: object) -> dict[str, Any]:
        if not isinstance(kwargs, dict):
            self._refuse(f"kwargs {shown(kwargs)} is no object")
        filled = {name: self._filled(named, name, value) for name, value in kwargs.items()}
        if self.old:
            filled = {
                name: value
                for name, value in filled.items()
                if name not in _OF_THE_RUN and (value or name not in NO_MORE)
            }
        self._check_values(named, filled)
        return filled

    def _filled(self, named: str, argument: str, value: Any) -> Any:
        """*value* with the suite's own parameters filled in: a daily run is given none."""
        if isinstance(value, list):
            return [self._filled(named, argument, each) for each in value]
        if isinstance(value, str) and value.startswith(_PARAMETER):
            value = {_PARAMETER: value.removeprefix(_PARAMETER).strip(".")}
        if not isinstance(value, dict):
            return value
        if _PARAMETER not in value:
            return {key: self._filled(named, argument, each) for key, each in value.items()}
        name = value[_PARAMETER]
        given = self.values if isinstance(self.values, dict) else {}
        found = value.get(f"{_PARAMETER}.{name}", given.get(str(name)))
        if found is None:
            self._refuse(
                f"{named}: {argument} is the parameter {shown(name)}, and nobody gives its value"
                " in a daily run: write the value itself"
            )
        return found

    def _check_values(self, named: str, kwargs: Mapping[str, Any]) -> None:
        """What Great Expectations would find out with the first row, or in words of its own."""
        mostly = kwargs.get("mostly", 1)
        if isinstance(mostly, bool) or not isinstance(mostly, (int, float)) or not 0 <= mostly <= 1:
            problem = f"mostly is {shown(mostly)}: write a share from 0 to 1, such as 0.95"
            self._refuse(f"{named} cannot be: {problem}")
        self._check_types(named, kwargs)
        low, high = kwargs.get("min_value"), kwargs.get("max_value")
        if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
            problem = f"min_value {low} is above max_value {high}: no value can meet that"
            self._refuse(f"{named} cannot be: {problem}")
        for pattern in (kwargs.get("regex"), *(kwargs.get("regex_list") or [])):
            try:
                re.compile(pattern or "")
            except (re.error, TypeError) as error:
                problem = f"{shown(pattern)} is no regular expression ({error})"
                self._refuse(f"{named} cannot be: {problem}")
        wrong = problem_with(named, kwargs)
        if wrong is not None:
            self._refuse(f"{named} {wrong}")

    def _check_types(self, named: str, kwargs: Mapping[str, Any]) -> None:
        listed = kwargs.get("type_list", [])
        if not isinstance(listed, list):
            problem = f"type_list is {shown(listed)}: write a list, such as [{shown(listed)}]"
            self._refuse(f"{named} cannot be: {problem}")
        for name in [*listed, *([kwargs["type_"]] if "type_" in kwargs else [])]:
            if not isinstance(name, str) or plain_name(name) not in KNOWN:
                near = get_close_matches(str(name), KNOWN, n=1)
                way = did_you_mean(str(name), near or _USUAL_TYPES)
                self._refuse(f"{named} cannot be: there is no type {shown(name)}. {way}")

    def _refuse(self, problem: str) -> NoReturn:
        raise BadSuite.at(self.path, problem, position=self.position)
