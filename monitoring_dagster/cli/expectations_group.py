"""The commands that write suites of expectations: a first draft, and one in today's format."""

import os
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitoring_dagster.cli import here
from monitoring_dagster.cli.output import print_json, reserved
from monitoring_dagster.errors import escaped

if TYPE_CHECKING:
    from monitoring_dagster.measure.suite_draft import SuiteDraft
    from monitoring_dagster.store.monitor import Monitor

_JSON = click.option("--json", "as_json", is_flag=True)
_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("model")
@click.option("--output", type=_FILE, help="Another file than defs.yaml names.")
@click.option("--force", is_flag=True, help="Replace the file that is there.")
@_JSON
def draft(model: str, output: Path | None, force: bool, as_json: bool) -> None:
    """Write a first suite for MODEL from its reference and signature, for you to mend.

    Limits are learnt on two thirds of the reference's days, and kept only if the others keep them.
    """
    from monitoring_dagster.measure.suite_draft import draft_of
    from monitoring_dagster.sources.suites.suite_text import suite_text
    from monitoring_dagster.store.outputs import refuse_to_overwrite, write_whole

    monitor = here.monitor(model)
    usual = Path(monitor.spec.expectations or f"expectations/{monitor.name}/predictions.json")
    path = output or monitor.root / usual
    if output is not None or path.exists():
        refuse_to_overwrite(path, force=force)
    with reserved():
        found = draft_of(monitor)
    if output is None:
        path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, suite_text(found.content).encode(), force=force)
    document = _told(monitor, path, found)
    if as_json:
        print_json(document)
        return
    for line in _lines(document):
        click.echo(line)


def _told(monitor: "Monitor", path: Path, found: "SuiteDraft") -> dict[str, Any]:
    learning, drafted = found.learning, found.draft
    name, written = os.path.relpath(path, monitor.root), monitor.spec.expectations
    is_named = written is not None and name == os.path.normpath(written)
    return {
        "file": str(path),
        "version": learning.version,
        "expectations": len(drafted.entries),
        "columns": len(drafted.columns),
        "rows": learning.rows,
        "days": len(learning.days),
        "held_out": learning.held_out,
        "has_days": learning.has_days,
        "omitted": [
            {"column": one.column, "asked": one.asked, "why": one.why, "words": one.words}
            for one in drafted.omitted
        ],
        "add_to_defs": None if is_named else f"expectations: {name}",
    }


def _lines(told: dict[str, Any]) -> list[str]:
    kind = "days" if told["has_days"] else "parts of its rows, which tell fewer than 3 days"
    omitted = [f"  {escaped(one['words'])}" for one in told["omitted"]]
    return [
        f"{told['file']}: {told['expectations']} expectations about {told['columns']} columns",
        f"Learnt from {told['rows']:,} rows of version {told['version']}'s reference, held out on"
        f" {told['held_out']} of {told['days']} {kind}",
        *(["Not asked:", *omitted] if omitted else []),
        *([f"Add to the model's defs.yaml:  {told['add_to_defs']}"] if told["add_to_defs"] else []),
    ]


@click.command()
@click.argument("file", nargs=-1, required=True, type=_FILE)
@click.option("--dry-run", is_flag=True, help="Print the difference and write nothing.")
@_JSON
def migrate(file: tuple[Path, ...], dry_run: bool, as_json: bool) -> None:
    """Rewrite suites of Great Expectations 0.18 in the format of 1.

    If one FILE cannot be migrated, none is written.
    """
    from monitoring_dagster.sources.suites.migration import migrated
    from monitoring_dagster.store.outputs import write_whole

    new = {path: migrated(path) for path in file}
    if as_json:
        migrates = {str(path): text is not None for path, text in new.items()}
        print_json({"migrated": migrates, "written": not dry_run})
    for path, text in new.items():
        if text is not None and not dry_run:
            write_whole(path, text.encode())
        if not as_json:
            _say(path, text, dry_run=dry_run)


def _say(path: Path, text: str | None, *, dry_run: bool) -> None:
    if text is None:
        click.echo(f"{path}: in the format of Great Expectations 1 already")
    elif dry_run:
        old = path.read_text(encoding="utf-8-sig").splitlines()
        lines = unified_diff(old, text.splitlines(), str(path), str(path), lineterm="")
        for line in lines:
            click.echo(escaped(line))
    else:
        click.echo(f"{path}: migrated")
