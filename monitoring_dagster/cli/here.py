"""The project of the folder that a command is typed in."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitoring_dagster.orchestration.project import Project


def project() -> "Project":
    """The project in the current folder. Raises NoProject."""
    from monitoring_dagster.orchestration.project import Project  # late: Dagster is slow

    return Project.at(Path.cwd())
