"""The models that a project declares, and the files that declare none because they are broken."""

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

import dagster as dg
from dagster._check import CheckError
from dagster.components.core.decl import YamlDecl, build_component_decl_from_yaml_file
from dagster.components.core.defs_module import ComponentPath
from pydantic import ValidationError
from yaml import MarkedYAMLError

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.orchestration.component import MonitoredModel, refuse_same_names
from monitoring_dagster.spec.model import ModelSpec


class BrokenModel(MonitoringError):
    """A file that ought to declare a model, and does not."""

    @classmethod
    def at(cls, file: Path, error: Exception, *, root: Path) -> Self:
        place = str(file.relative_to(root) if file.is_relative_to(root) else file)
        if isinstance(error, ValidationError):
            return cls(_invalid(error, place))
        if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
            return cls(f"{place}:{error.problem_mark.line + 1}: no valid YAML: {error.problem}")
        return cls(f"{place}: {_first_line(error)}")

    @classmethod
    def in_python(cls, place: str, error: BaseException) -> Self:
        return cls(f"{place}: {_first_line(error)}")


class BrokenProject(MonitoringError):
    """What is declared cannot even be looked for."""

    @classmethod
    def at(cls, root: Path, error: BaseException) -> Self:
        of_toml = type(error).__module__.startswith("toml")
        place = "pyproject.toml" if of_toml else _place_below(root, error)
        where = f"{place}: " if place else ""
        return cls(
            f"the project in {root} cannot be loaded: {where}{_first_line(error)}."
            " `dg check defs` says more"
        )


@dataclass
class Declared:
    """Models by name, and the errors of broken ones by the name that they would have."""

    specs: dict[str, ModelSpec] = field(default_factory=dict)
    broken: dict[str, BrokenModel] = field(default_factory=dict)


def declared_in(root: Path) -> Declared:
    """All that the dg project at *root* declares; a broken file takes no other model down.

    Raises
    ------
    BrokenProject
    WrongFile
        Two models have one name.
    """
    try:
        tree = dg.ComponentTree.for_project(root)
    except Exception as error:  # of the owner's Python, or of pyproject.toml
        raise BrokenProject.at(root, error) from error
    try:
        found = tree.get_all_components(of_type=MonitoredModel)
    except Exception as error:  # whatever it is: file by file it is found again, with its place
        declared = _file_by_file(tree, root)
        cause = error.__cause__ or error
        if not declared.broken:  # then it is a Python file beside them
            place = _place_below(root, cause)
            if not place or not declared.specs:
                raise BrokenProject.at(root, cause) from error
            declared.broken[place] = BrokenModel.in_python(place, cause)
        return declared
    refuse_same_names(found)
    return Declared({one.spec.name: one.spec for one in found})


def _file_by_file(tree: dg.ComponentTree, root: Path) -> Declared:
    found = Declared()
    for file in sorted(tree.defs_module_path.rglob("defs.yaml")):
        name = file.parent.name
        try:
            for decl in _documents(tree, file):
                name = _name_in(decl) or name
                spec = _loaded(decl).spec
                found.specs[spec.name] = spec
        except Exception as error:  # of what the owner wrote
            found.broken[name] = BrokenModel.at(file, error, root=root)
    return found


def _documents(tree: dg.ComponentTree, file: Path) -> Iterator[YamlDecl]:
    context = tree.decl_load_context.for_component_loc(ComponentPath.from_path(file.parent))
    decls = build_component_decl_from_yaml_file(context, file).iterate_all_component_decls()
    for one in decls:
        if isinstance(one, YamlDecl) and issubclass(one.component_type, MonitoredModel):
            yield one


def _loaded(decl: YamlDecl) -> MonitoredModel:
    written = decl.component_file_model
    if written is None or not written.attributes:
        message = "it has no `attributes`: name, owner, task and predictions at least"
        raise ValueError(message)
    return cast("MonitoredModel", decl._load_component())


def _name_in(decl: YamlDecl) -> str | None:
    attributes: Any = decl.component_file_model and decl.component_file_model.attributes
    return (
        str(attributes["name"])
        if isinstance(attributes, Mapping) and "name" in attributes
        else None
    )


def _invalid(error: ValidationError, place: str) -> str:
    """The first error with its line and key, and how many more there are."""
    first, *more = error.errors()
    position = first.get("ctx", {}).get("source_position")
    line = f":{position.start.line}" if position else ""
    key = ".".join(map(str, first["loc"])).partition(" at ")[0]
    words = first["msg"].removeprefix("Value error, ")
    others = f" (and {len(more)} more)" if more else ""
    return f"{place}{line}: {key}: {words}{others}"


def _place_below(root: Path, error: BaseException) -> str:
    """The innermost line of the owner's own Python that *error* went through, if any."""
    if isinstance(error, SyntaxError) and error.filename:
        file = Path(error.filename)
        return f"{file.relative_to(root)}:{error.lineno}" if file.is_relative_to(root) else ""
    ours = Path(__file__).parents[1]
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if (file := Path(frame.filename)).is_relative_to(root)
        and not file.is_relative_to(ours)
        and "site-packages" not in file.parts
    ]
    return f"{Path(own[-1].filename).relative_to(root)}:{own[-1].lineno}" if own else ""


def _first_line(error: BaseException) -> str:
    words = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    if isinstance(error, CheckError):  # of Dagster, whose words begin with its own
        return words.partition("Description: ")[2] or words
    return f"{type(error).__name__}: {words[:200]}".rstrip(".: ")
