"""Every model's file as `dg check` must see it; Dagster looks at the last one of a type alone."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml
from dagster_shared.yaml_utils import parse_yamls_with_source_position
from dagster_shared.yaml_utils.source_position import ValueAndSourcePositionTree
from pydantic import ValidationError

from monitoring_dagster.errors import MonitoringError, did_you_mean
from monitoring_dagster.sources.suites.suites import BadSuite, load_suite
from monitoring_dagster.spec.model import ModelSpec
from monitoring_dagster.spec.record import Misplaced, shown
from monitoring_dagster.spec.schedule import Schedule
from monitoring_dagster.store.settings import BadSettings, settings_at

TYPES = (
    "monitoring_dagster.orchestration.MonitoredModel",
    "monitoring_dagster.orchestration.component.MonitoredModel",
)
_FILES = ("defs.yaml", "defs.yml", "component.yaml")
_KEYS = ("type", "attributes", "template_vars_module", "requirements", "post_processing")
_FORM = f"write type: {TYPES[0]}, and below attributes: the name, owner, task and predictions"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where it is there


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in one line of a file, and the way out."""

    file: Path
    line: int
    words: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} - {self.words}"


class WrongFile(MonitoringError):
    """A model's file cannot be what its owner meant."""

    @classmethod
    def of(cls, mistakes: Sequence[Mistake]) -> "WrongFile":
        return cls("\n".join(map(str, mistakes)))


@dataclass(frozen=True, slots=True)
class DeclaredModel:
    """The name of a model, and where it is written."""

    name: str
    file: Path
    line: int

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def check_all_files() -> None:
    """Where `dg check yaml` or `dg check defs` runs: all mistakes on stdout, and exit code 1.

    Dagster 1.13 keeps one document for each type of component and checks that alone, so that a
    mistake in another model's file passes as valid; and a JSON schema cannot say all that
    `ModelSpec` says. It asks each type for its schema first, which is where this comes in.
    """
    command = click.get_current_context(silent=True)
    if command is None or command.parent is None or command.parent.info_name != "check":
        return
    from dagster_dg_core.context import DgContext

    project = DgContext.for_project_environment(command.params["target_path"], {})
    paths = [Path(path).absolute() for path in command.params.get("paths", ())]
    mistakes = mistakes_below(
        project.defs_path,
        project.root_path,
        lambda file: not paths or not {*paths}.isdisjoint([file, *file.parents]),
    )
    if mistakes:
        for one in mistakes:
            click.echo(one)
        command.exit(1)


def mistakes_below(folder: Path, root: Path, chosen: Callable[[Path], bool]) -> list[Mistake]:
    """What is wrong in the *chosen* models' files of a project, in the order of files and lines.

    Suites lie below *root*; one that cannot be used is told in the line that names it.
    """
    mistakes: list[Mistake] = []
    names: list[DeclaredModel] = []
    for file in sorted(one for name in _FILES for one in folder.rglob(name)):
        found, declared = read_file(file, root)
        mistakes += found
        names += declared
    mistakes += same_names(names)
    try:
        settings_at(root)
    except BadSettings as error:
        mistakes.append(Mistake(error.file, error.line, error.words))
    wrong = {one for one in mistakes if chosen(one.file)}
    return sorted(wrong, key=lambda one: (one.file, one.line, one.words))


def read_file(file: Path, root: Path) -> tuple[list[Mistake], list[DeclaredModel]]:
    """The mistakes in the models that *file* declares, and their names."""
    try:
        text = file.read_text(encoding="utf-8")
        documents = parse_yamls_with_source_position(text, str(file))
    except UnicodeDecodeError:
        return [Mistake(file, 1, "the file is not UTF-8: save it as such")], []
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        tab = "\\t" in str(error.problem)
        way = "indent with blanks" if tab else "write text that begins with {, * or & in quotes"
        return [Mistake(file, line, f"the file is no YAML ({error.problem}): {way}")], []
    except yaml.YAMLError:
        return [Mistake(file, 1, "the file is no YAML: it holds control characters")], []
    if not documents:
        return [Mistake(file, 1, f"the file is empty: {_FORM}")], []
    mistakes: list[Mistake] = []
    names: list[DeclaredModel] = []
    for document in documents:
        if not isinstance(document.value, dict):
            line = document.source_position_tree.position.start.line
            mistakes.append(Mistake(file, line, f"a mapping (key: value) is wanted here: {_FORM}"))
        elif document.value.get("type") in TYPES:
            mistakes += mistakes_of(file, document, root)
            names += _names(file, document)
    if names or mistakes:
        mistakes += repeated_keys(file)
    return mistakes, names


def mistakes_of(file: Path, document: ValueAndSourcePositionTree, root: Path) -> Iterator[Mistake]:
    """What is wrong in one document of a *file*, beside keys that stand twice."""
    for key in document.value:
        if key not in _KEYS:
            words = f"there is no key {shown(str(key))}. {did_you_mean(str(key), _KEYS)}"
            yield Mistake(file, line_of(document, [key]), words)
    attributes = document.value.get("attributes")
    if not isinstance(attributes, dict):
        line = line_of(document, ["attributes"])
        yield Mistake(file, line, f"attributes: a mapping (key: value) is wanted here: {_FORM}")
        return
    try:
        spec = ModelSpec.model_validate(attributes)
        if spec.expectations and "{{" not in spec.expectations:
            load_suite(root / spec.expectations)
        spec.schedule.over(_usual_schedule(root))
    except BadSuite as error:
        place = ["attributes", "expectations"]
        yield Mistake(file, line_of(document, place), f"{'.'.join(place)}: {error}")
    except Misplaced as error:
        keys = ["attributes", *error.place]
        yield Mistake(file, line_of(document, keys), f"{'.'.join(map(str, keys))}: {error}")
    except ValidationError as error:
        for one in error.errors():
            keys = ["attributes", *one["loc"]]
            key = shown(".".join(map(str, keys)))[1:-1]
            words = one["msg"].removeprefix("Value error, ")
            yield Mistake(file, line_of(document, keys), f"{key}: {words}")


def _usual_schedule(root: Path) -> Schedule:
    try:
        return settings_at(root).schedule
    except BadSettings:  # a mistake of its own
        return Schedule()


def repeated_keys(file: Path) -> list[Mistake]:
    """Keys that stand twice in one mapping: YAML would keep the last one without a word."""
    found: list[Mistake] = []
    for root in yaml.compose_all(file.read_text(encoding="utf-8"), Loader=_LOADER):
        for mapping in _mappings(root):
            lines: dict[str, int] = {}
            for key, _ in mapping.value:
                name, line = str(key.value), key.start_mark.line + 1
                if name in lines and key.tag != "tag:yaml.org,2002:merge":
                    words = f"the key {shown(name)} stands twice, first in line {lines[name]}:"
                    words += " only the last would count; take one of them out"
                    found.append(Mistake(file, line, words))
                lines.setdefault(name, line)
    return found


def same_names(names: Collection[DeclaredModel]) -> list[Mistake]:
    """Models whose results, runs and messages would be mixed up."""
    if len({one.name.casefold() for one in names}) == len(names):
        return []
    found = []
    first: dict[str, DeclaredModel] = {}
    for one in sorted(names, key=lambda one: (one.file, one.line)):
        other = first.setdefault(one.name.casefold(), one)
        if other is one:
            continue
        if other.name == one.name:
            words = f"another model is named {one.name!r}, too, in {other.place}"
        else:
            words = f"{one.name!r} and {other.name!r} in {other.place} differ by capitals alone,"
            words += " which some file systems and databases do not see"
        words += ": give one of them another name"
        found.append(Mistake(one.file, one.line, f"attributes.name: {words}"))
    return found


def line_of(document: ValueAndSourcePositionTree, place: Sequence[str | int]) -> int:
    """The line of the key *place*, or of the nearest one around it."""
    position, _ = document.source_position_tree.lookup_closest_and_path(list(place), None)
    return position.start.line


def _names(file: Path, document: ValueAndSourcePositionTree) -> Iterator[DeclaredModel]:
    attributes = document.value.get("attributes")
    name = attributes.get("name") if isinstance(attributes, dict) else None
    if isinstance(name, str):
        yield DeclaredModel(name, file, line_of(document, ["attributes", "name"]))


def _mappings(root: Any) -> Iterator[Any]:
    """Every mapping below *root*; an alias may lead to one twice, or round in a circle."""
    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
