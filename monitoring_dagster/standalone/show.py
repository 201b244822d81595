"""How does a terminal show a comparison?  What drifted first, and why."""

import os
import sys
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn
from rich.progress import Progress as Bars
from rich.table import Table

from monitoring_dagster.standalone.drift import Comparison
from monitoring_dagster.stats.columns.profile import Group
from monitoring_dagster.stats.drift.drift_verdict import DriftVerdict, Verdict

_UNCUT_WIDTH = 10_000  # of what a program reads, or a person later
_SHOWN = 20  # of those that did not drift; all that did are shown
_COLOURS = {Verdict.DRIFT: "red", Verdict.OK: "green", Verdict.INSUFFICIENT: "yellow"}


class Progress:
    """A bar on stderr while columns are read, say; nothing where nobody looks."""

    def __init__(self, what: str = "columns read") -> None:
        self._bars = Bars(
            "{task.description}",
            MofNCompleteColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not _is_terminal(sys.stderr),
        )
        self._task = self._bars.add_task(what, total=None)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def advance(self, columns: int) -> None:
        self._bars.advance(self._task, columns)

    def reach(self, done: int, of: int) -> None:
        self._bars.update(self._task, completed=done, total=of)


class _Output(Console):
    """A console that leaves a pipe without a reader to whoever decides how the command ends."""

    def on_broken_pipe(self) -> None:
        raise  # rich is handling it, and would end with 1, as drift does


def console() -> Console:
    """Stdout as wide as its terminal or COLUMNS; in a pipe or file as wide as the tables need."""
    narrow = _is_terminal(sys.stdout) or os.environ.get("COLUMNS", "").isdigit()
    return _Output(highlight=False, width=None if narrow else _UNCUT_WIDTH)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()  # None: closed by whoever started us


def show(found: Comparison) -> None:
    """What was taken for what, a row a feature, and the verdict."""
    out = console()
    kinds: dict[str, list[str]] = {}
    for name, guess in found.guesses.items():
        said = f"{name} ({guess.why})" if guess.kind is None else name
        kinds.setdefault(guess.kind or "ignored", []).append(said)
    for kind, names in kinds.items():
        out.print(f"[dim]{kind}:[/dim] {escape(', '.join(names))}")
    for note in found.notes:
        out.print(f"[dim]note:[/dim] {escape(note)}")
    for warning in found.warnings:
        out.print(f"[yellow]warning:[/yellow] {escape(warning)}")
    drifted = [pair for pair in found.features if pair[1].verdict is Verdict.DRIFT]
    others = [pair for pair in found.features if pair[1].verdict is not Verdict.DRIFT]
    table = Table("feature", "verdict", *_NUMBERS, "why", box=None, pad_edge=False)
    for group, one in [*drifted, *others[:_SHOWN]]:
        table.add_row(*_cells(group, one))
    out.print(table)
    if len(others) > _SHOWN:
        out.print(f"[dim]and {len(others) - _SHOWN} more without drift: see --json[/dim]")
    out.print(
        f"[bold {_COLOURS[found.verdict]}]{found.verdict}[/]: {len(drifted)} of"
        f" {len(found.features)} drifted; {found.rows_current:,} rows against"
        f" {found.rows_reference:,} of the reference",
    )


_NUMBERS = ("moved", "PSI", "p adjusted")


def _cells(group: Group, one: DriftVerdict) -> list[str]:
    where = f" where {group.segment} is {group.value}" if group.segment else ""
    return [
        escape(f"{one.drift.column}{where}"),
        f"[{_COLOURS[one.verdict]}]{one.verdict}[/]",
        f"{one.drift.effect:.1%}",
        f"{one.drift.psi:.3f}",
        f"{one.p_adjusted:.2g}",
        escape(one.reason if one.verdict is Verdict.DRIFT else one.reason.partition(" (")[0]),
    ]
