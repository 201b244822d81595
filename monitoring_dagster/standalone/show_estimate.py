"""How does a terminal show estimates?  The reference on top, a line a chunk, what is blind last."""

from math import isnan

from rich.markup import escape
from rich.table import Table

from monitoring_dagster.standalone.estimates import ChunkEstimate, Estimates
from monitoring_dagster.standalone.show import console
from monitoring_dagster.stats.quality.performance import Metric

_IN_A_LINE = ("roc_auc", "accuracy", "f1", "mae", "rmse", "mse")  # the first three that there are


def show(found: Estimates) -> None:
    """What may be wrong, what was taken for what, the realised values, and what to expect."""
    out = console()
    for warning in found.warnings:
        out.print(f"[bold yellow]warning:[/] {_plain(warning)}")
    out.print(f"[dim]{found.task}:[/dim] {_plain(found.columns.words)}")
    out.print(f"[dim]features:[/dim] {_plain(', '.join(found.features) or 'none')}")
    for note in found.notes[1:]:
        out.print(f"[dim]note:[/dim] {_plain(note)}")
    given = {*(name for one in found.chunks for name in one.estimated.metrics)} or found.reference
    names = [name for name in _IN_A_LINE if name in given][:3]
    table = Table("rows", "n", *names, "by", box=None, pad_edge=False)
    realised = [_number(found.reference[name].value) for name in names]
    table.add_row("reference", f"{found.rows_reference:,}", *realised, "labels")
    for one in found.chunks:
        numbers = [_cell(one.estimated.metrics[name]) for name in names]
        shifted = " [yellow]shifted[/]" if one.shifted else ""
        table.add_row(*_place(one), *numbers, f"{one.estimated.method}{shifted}")
    out.print(table)
    for said in dict.fromkeys(one.estimated.note for one in found.chunks if one.estimated.note):
        out.print(f"[dim]note:[/dim] {_plain(said)}")
    out.print(f"[yellow]{_plain(found.notes[0])}[/yellow]")


def _place(one: ChunkEstimate) -> tuple[str, str]:
    rows = f"{one.chunk.rows.size - one.left_out:,}"
    if one.chunk.by_day:
        return str(one.chunk.day or "no time"), rows
    return f"{one.chunk.first:,} to {one.chunk.last:,}", rows


def _cell(metric: Metric) -> str:
    interval = f"{_number(metric.low, digits=2)}-{_number(metric.high, digits=2)}"
    return f"{_number(metric.value)} [dim]{interval}[/]" if metric.n else "-"


def _number(value: float, *, digits: int = 3) -> str:
    if isnan(value):
        return "-"
    return f"{value:.{digits}f}" if abs(value) < 10 else f"{value:,.4g}"


def _plain(words: str) -> str:
    """Words from the data, without markup and without what moves a cursor."""
    return escape("".join(one if one.isprintable() else repr(one)[1:-1] for one in words))
