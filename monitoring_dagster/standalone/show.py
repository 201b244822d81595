"""Comparisons, estimates and evaluations as a terminal shows them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isnan
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn
from rich.progress import Progress as Bars
from rich.table import Table

from monitoring_dagster.stats.drift.drift_verdict import DriftVerdict, Verdict

if TYPE_CHECKING:  # a command loads what it needs itself, and not what the others do
    from monitoring_dagster.standalone.chunk_estimates import ChunkEstimate, Estimates
    from monitoring_dagster.standalone.compare import Comparison
    from monitoring_dagster.standalone.evaluate import Quality, TableEvaluation
    from monitoring_dagster.stats.columns.groups import Group
    from monitoring_dagster.stats.quality.performance import Metric
    from monitoring_dagster.stats.quality.reliability import ReliabilityRow

_UNCUT_WIDTH = 10_000  # of what a program reads, or a person later
_SHOWN_FEATURES = 20  # of those that did not drift; all that did are shown
_VERDICT_COLOURS = {
    Verdict.DRIFT: "red", Verdict.OK: "green", Verdict.MUTED: "yellow",
    Verdict.INSUFFICIENT: "yellow",
}  # fmt: skip


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


def show_comparison(found: Comparison) -> None:
    """What was taken for what, a row a feature, and the verdict."""
    out = console()
    kinds: dict[str, list[str]] = {}
    for name, guess in found.kinds.items():
        words = f"{name} ({guess.why})" if guess.kind is None else name
        kinds.setdefault(guess.kind or "ignored", []).append(words)
    for kind, names in kinds.items():
        out.print(f"[dim]{kind}:[/dim] {escape(', '.join(names))}")
    for note in found.notes:
        out.print(f"[dim]note:[/dim] {escape(note)}")
    for warning in found.warnings:
        out.print(f"[yellow]warning:[/yellow] {escape(warning)}")
    drifted = [pair for pair in found.features if pair[1].verdict is Verdict.DRIFT]
    others = [pair for pair in found.features if pair[1].verdict is not Verdict.DRIFT]
    table = Table("feature", "verdict", *_NUMBERS, "why", box=None, pad_edge=False)
    for group, one in [*drifted, *others[:_SHOWN_FEATURES]]:
        table.add_row(*_comparison_cells(group, one))
    out.print(table)
    if len(others) > _SHOWN_FEATURES:
        out.print(f"[dim]and {len(others) - _SHOWN_FEATURES} more without drift: see --json[/dim]")
    muted = sum(one.verdict is Verdict.MUTED for _, one in found.features)
    hidden = f", {muted} muted" if muted else ""
    out.print(
        f"[bold {_VERDICT_COLOURS[found.verdict]}]{found.verdict}[/]: {len(drifted)} of"
        f" {len(found.features)} drifted{hidden}; {found.rows_current:,} rows against"
        f" {found.rows_reference:,} of the reference",
    )


_NUMBERS = ("moved", "PSI", "p adjusted")


def _comparison_cells(group: Group, one: DriftVerdict) -> list[str]:
    where = f" where {group.segment} is {group.value}" if group.segment else ""
    return [
        escape(f"{one.drift.column}{where}"),
        f"[{_VERDICT_COLOURS[one.verdict]}]{one.verdict}[/]",
        f"{one.drift.effect:.1%}",
        f"{one.drift.psi:.3f}",
        f"{one.p_adjusted:.2g}",
        escape(one.reason if one.verdict is Verdict.DRIFT else one.reason.partition(" (")[0]),
    ]


# The first three that there are.
_ESTIMATED_METRICS = ("roc_auc", "accuracy", "f1", "mae", "rmse", "mse")


def show_estimates(found: Estimates) -> None:
    """What may be wrong, what was taken for what, the realised values, and what to expect."""
    out = console()
    for warning in found.warnings:
        out.print(f"[bold yellow]warning:[/] {_plain(warning)}")
    out.print(f"[dim]{found.task}:[/dim] {_plain(found.columns.words)}")
    out.print(f"[dim]features:[/dim] {_plain(', '.join(found.features) or 'none')}")
    for note in found.notes[1:]:
        out.print(f"[dim]note:[/dim] {_plain(note)}")
    given = {*(name for one in found.chunks for name in one.estimated.metrics)} or found.reference
    names = [name for name in _ESTIMATED_METRICS if name in given][:3]
    table = Table("rows", "n", *names, "by", box=None, pad_edge=False)
    realised = [_short_number(found.reference[name].value) for name in names]
    table.add_row("reference", f"{found.rows_reference:,}", *realised, "labels")
    for one in found.chunks:
        numbers = [_estimate_cell(one.estimated.metrics[name]) for name in names]
        shifted = " [yellow]shifted[/]" if one.shifted else ""
        table.add_row(*_chunk_place(one), *numbers, f"{one.estimated.method}{shifted}")
    out.print(table)
    for words in dict.fromkeys(one.estimated.note for one in found.chunks if one.estimated.note):
        out.print(f"[dim]note:[/dim] {_plain(words)}")
    out.print(f"[yellow]{_plain(found.notes[0])}[/yellow]")


def _chunk_place(one: ChunkEstimate) -> tuple[str, str]:
    rows = f"{one.chunk.rows.size - one.left_out:,}"
    if one.chunk.by_day:
        return str(one.chunk.day or "no time"), rows
    return f"{one.chunk.first:,} to {one.chunk.last:,}", rows


def _estimate_cell(metric: Metric) -> str:
    interval = f"{_short_number(metric.low, digits=2)}-{_short_number(metric.high, digits=2)}"
    return f"{_short_number(metric.value)} [dim]{interval}[/]" if metric.n else "-"


def _short_number(value: float, *, digits: int = 3) -> str:
    if isnan(value):
        return "-"
    return f"{value:.{digits}f}" if abs(value) < 10 else f"{value:,.4g}"


_SHOWN_GROUPS = 50
_VALUE_CHARACTERS, _LARGEST_WIDTH = 40, 400
_STATE_COLOURS = {
    "PENDING": "blue",
    "INSUFFICIENT": "yellow",
    "PARTIAL": "cyan",
    "MATURE": "green",
}
_GROUP_METRICS = ("accuracy", "roc_auc", "f1", "mae", "bias")  # the first two that there are
_OWN = ("value_per_prediction", "quantile_loss")


def show_evaluation(found: TableEvaluation) -> None:
    """What may be wrong, what was taken for what, where every row went, and the numbers."""
    out = console()
    for warning in found.warnings:
        out.print(f"[bold yellow]warning:[/] {_plain(warning)}")
    for side, roles in found.columns.items():
        out.print(f"[dim]{side}:[/dim] {_plain(roles.words)}")
    for note in found.notes:
        out.print(f"[dim]note:[/dim] {_plain(note)}")
    out.print(f"predictions: {_counts(found.predictions._asdict())}")
    out.print(f"labels:      {_counts(asdict(found.labels))}")
    known = f"as known at the end of {found.as_of} UTC" if found.as_of else "with every label"
    out.print(f"\n{found.task}, {known}: {_state(found.whole)}, {found.whole.reason}\n")
    out.print(_metric_table(found.whole.metrics))
    if found.whole.reliability:
        out.print(_reliability(found.whole.reliability))
    groups = found.groups[1:]
    for by in dict.fromkeys(one.by for one in groups):
        table = _group_table(str(by), [one for one in groups if one.by == by])
        # A line that a narrow terminal wraps is read; a number that is cut is another number.
        options = out.options.update(max_width=_LARGEST_WIDTH)
        out.width = max(out.width, out.measure(table, options=options).maximum)
        out.print()
        out.print(table)


def _metric_table(metrics: Mapping[str, Metric]) -> Table:
    table = Table("metric", "value", "95 % interval", "n", box=None, pad_edge=False)
    for name, one in metrics.items():
        table.add_row(name, _number(one.value), _interval(one), f"{one.n:,}")
    return table


def _reliability(rows: Sequence[ReliabilityRow]) -> Table:
    table = Table(
        "scores", "mean score", "share of ones", "95 % interval", "n", box=None, pad_edge=False,
        title="\nreliability", title_justify="left", title_style="dim",
    )  # fmt: skip
    for row in rows:
        table.add_row(
            f"{row.low:.4g} to {row.high:.4g}", _number(row.mean_score), _number(row.right_share),
            f"{row.right_low:.4f} to {row.right_high:.4f}", f"{row.n:,}",
        )  # fmt: skip
    return table


def _group_table(by: str, groups: Sequence[Quality]) -> Table:
    there = {name for one in groups for name in one.metrics}
    main = [name for name in _GROUP_METRICS if name in there][:2]
    names = [*main, *(name for name in _OWN if name in there)]
    table = Table(box=None, pad_edge=False)
    table.add_column(_plain(by), overflow="fold", max_width=_VALUE_CHARACTERS)
    for header in ("labels", "state", *names):
        table.add_column(header, no_wrap=True)
    for one in groups[:_SHOWN_GROUPS]:
        table.add_row(
            _plain(str(one.value)),
            f"{one.n:,} of {one.predictions:,}",
            _state(one),
            *(_in_short(one.metrics.get(name)) for name in names),
        )
    if len(groups) > _SHOWN_GROUPS:
        table.add_row(f"[dim]and {len(groups) - _SHOWN_GROUPS:,} more: see --json[/dim]")
    return table


def _counts(counts: Mapping[str, Any]) -> str:
    """The whole, and those of its parts that are not empty."""
    parts = [f"{n:,} {name}" for name, n in counts.items() if isinstance(n, int) and n]
    return ", ".join(parts) or "0 rows"


def _state(one: Quality) -> str:
    return f"[{_STATE_COLOURS[one.state]}]{one.state}[/]"


def _number(value: float) -> str:
    return "-" if isnan(value) else f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def _interval(one: Metric) -> str:
    return "" if isnan(one.low) else f"{_number(one.low)} to {_number(one.high)}"


def _in_short(one: Metric | None) -> str:
    if one is None or isnan(one.value):
        return "-"
    interval = "" if isnan(one.low) else f" [dim]\\[{one.low:.3g}, {one.high:.3g}][/dim]"
    return f"{one.value:.3g}{interval}"


def _plain(text: str) -> str:
    """Text from the data: no markup, and no character that moves the cursor."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return escape(shown)
