"""The project's settings, as they stand in its pyproject.toml."""

import re
import tomllib
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from monitoring_dagster.errors import MonitoringError
from monitoring_dagster.spec.project import ProjectSettings

_FILE = "pyproject.toml"


class BadSettings(MonitoringError):
    """What is written in `[tool.monitoring_dagster]` cannot be meant."""

    def __init__(self, words: str, *, file: Path, line: int) -> None:
        super().__init__(f"{file}:{line} - {words}")
        self.file, self.line, self.words = file, line, words

    @classmethod
    def of(cls, file: Path, text: str, error: ValidationError) -> Self:
        first, *more = error.errors()
        keys = list(map(str, first["loc"]))
        words = first["msg"].removeprefix("Value error, ").replace("YAML reads", "TOML reads")
        others = f" (and {len(more)} more)" if more else ""
        place = " ".join(["[tool.monitoring_dagster]", ".".join(keys)]).rstrip()
        return cls(f"{place}: {words}{others}", file=file, line=_line_of(text, keys))


def settings_at(root: Path) -> ProjectSettings:
    """The settings of the project at *root*; the defaults where nothing is written.

    A file that is no TOML says nothing here, nor one whose `tool` is no table: Dagster refuses it
    with its place.

    Raises
    ------
    BadSettings
    """
    file = root / _FILE
    try:
        text = file.read_text(encoding="utf-8")
        tool = tomllib.loads(text).get("tool")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return ProjectSettings()
    if not isinstance(tool, dict):
        return ProjectSettings()
    try:
        return ProjectSettings.model_validate(tool.get("monitoring_dagster", {}))
    except ValidationError as error:
        raise BadSettings.of(file, text, error) from None


def _line_of(text: str, keys: list[str]) -> int:
    """The line of the innermost of *keys* that is found, from that of our own table on."""
    lines = text.splitlines()
    ours = re.compile(r"\s*\[?(tool\.)?monitoring_dagster\b")
    start = next((n for n, one in enumerate(lines) if ours.match(one)), 0)
    for key in reversed(keys):
        for number, line in enumerate(lines[start:], start + 1):
            if key in line:
                return number
    return start + 1
