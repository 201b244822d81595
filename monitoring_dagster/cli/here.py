"""The project of the folder that a command is typed in, a model of it, and who types."""

import os
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitoring_dagster.cli.output import reserved

if TYPE_CHECKING:
    from monitoring_dagster.orchestration.dg_project import Project
    from monitoring_dagster.store.monitor import Monitor


def project() -> "Project":
    """The project in the current folder. Raises NoProject."""
    from monitoring_dagster.orchestration.dg_project import Project  # late: Dagster is slow

    return Project.at(Path.cwd())


def monitor(model: str) -> "Monitor":
    """One model of it; broken files of other models are named on stderr.

    Raises
    ------
    NoProject, BrokenProject, BrokenModel, UnknownModel
    """
    found = project()
    with reserved():
        wanted = found.monitor(model)
    warn_of_broken(found)
    return wanted


def warn_of_broken(found: "Project") -> None:
    """A line on stderr for every file that ought to declare a model and is broken."""
    for error in found.broken.values():
        click.echo(f"monitoring-dagster: {error} (other models go on without it)", err=True)


def read_by(monitor: "Monitor") -> list[str]:
    """Folders and globs of all that a model's commands read or keep."""
    spec = monitor.spec
    labels = [spec.labels] if spec.labels else []
    sources = [spec.predictions, *labels, *spec.further_labels.values()]
    places = [one.path or one.database for one in sources]
    places += [one.path for one in spec.signals.values()]
    rows = [str(monitor.root / place.replace("{day}", "*")) for place in places if place]
    ours = [str(monitor.root / name) for name in (".monitoring", "assets", "expectations")]
    return [*rows, *ours]


def person() -> str:
    """Who decides; a container may run as somebody who has no name."""
    try:
        return os.environ.get("USER") or getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
