"""The replay as a person sees it: bars while it runs, a table at its end, and what to type next."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from monitoring_dagster.act.notify.drain import entries
from monitoring_dagster.demo.summary import Summary
from monitoring_dagster.orchestration.dg_project import Project
from monitoring_dagster.report.messages import to_text
from monitoring_dagster.report.outbox import PAGE
from monitoring_dagster.standalone.show import console

_SHOWN, _WIDEST_PANEL = 3, 120


class Bars:
    """One bar a phase, counted in days."""

    def __init__(self, *, quiet: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<48}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[words]}"),
            console=Console(stderr=True),
            refresh_per_second=2,
            disable=quiet,
        )
        self._task = self._progress.add_task("", total=None, visible=False, words="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def begin(self, words: str, days: int) -> None:
        """Start the next bar."""
        self._task = self._progress.add_task(words, total=days, words="")

    def advance(self, days: int, words: str = "") -> None:
        """So many days are done."""
        self._progress.update(self._task, advance=days, words=words)


def show_summaries(project: Project, summaries: Sequence[Summary]) -> None:
    """What happened, who serves now and how well, and the next command."""
    out = console()
    table = Table(title="A year of flights, monitored")
    for name in ("", *(one.model for one in summaries)):
        table.add_column(name, justify="right" if name else "left")
    lines: dict[str, Callable[[Summary], str]] = {
        "days": lambda one: f"{one.days} ({one.first} to {one.last})",
        "rows served": lambda one: f"{one.rows:,}",
        "labels joined": lambda one: f"{one.labelled:,}",
        "findings": lambda one: f"{one.findings:,}",
        "incidents": lambda one: f"{one.incidents}",
        "retrainings": lambda one: f"{one.retrainings}, {one.promotions} promoted",
        "serves now": lambda one: f"version {one.champion}",
        "how well, last 28 days": lambda one: "; ".join(
            f"v{version}: {one.metric} {value:.3f}" for version, value in one.quality.items()
        ),
    }
    for title, line in lines.items():
        table.add_row(title, *(line(one) for one in summaries))
    out.print(table)
    for entry in entries(project.house.ledger, project.house.links, limit=_SHOWN):
        out.print(
            Panel(
                Text(to_text(entry.message)),
                title=entry.channel,
                title_align="left",
                width=min(out.width, _WIDEST_PANEL),
            )
        )
    out.print(f"All messages: {project.house.outbox / PAGE}", soft_wrap=True)
    out.print("Next: [bold]make ui[/bold], then open http://127.0.0.1:3000")
