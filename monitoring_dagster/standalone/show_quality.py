"""How does a terminal show an evaluation?  The whole with every metric, then a line a group."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isnan
from typing import Any

from rich.markup import escape
from rich.table import Table

from monitoring_dagster.standalone.evaluation import Evaluation, Quality, State
from monitoring_dagster.standalone.show import console
from monitoring_dagster.stats.quality.performance import Metric
from monitoring_dagster.stats.quality.reliability import ReliabilityRow

_SHOWN = 50
_VALUE_CHARACTERS, _LARGEST_WIDTH = 40, 400
_COLOURS = {
    State.PENDING: "blue",
    State.INSUFFICIENT: "yellow",
    State.PARTIAL: "cyan",
    State.MATURE: "green",
}
_IN_A_LINE = ("accuracy", "roc_auc", "f1", "mae", "bias")  # the first two that there are
_OWN = ("value_per_prediction", "quantile_loss")


def show(found: Evaluation) -> None:
    """What may be wrong, what was taken for what, where every row went, and the numbers."""
    out = console()
    for warning in found.warnings:
        out.print(f"[bold yellow]warning:[/] {_plain(warning)}")
    for side, roles in found.columns.items():
        out.print(f"[dim]{side}:[/dim] {_plain(roles.words)}")
    for note in found.notes:
        out.print(f"[dim]note:[/dim] {_plain(note)}")
    out.print(f"predictions: {_account(found.predictions._asdict())}")
    out.print(f"labels:      {_account(asdict(found.labels))}")
    known = f"as known at the end of {found.as_of} UTC" if found.as_of else "with every label"
    out.print(f"\n{found.task}, {known}: {_state(found.whole)}, {found.whole.reason}\n")
    out.print(_metrics(found.whole.metrics))
    if found.whole.reliability:
        out.print(_reliability(found.whole.reliability))
    groups = found.groups[1:]
    for by in dict.fromkeys(one.by for one in groups):
        table = _lines(str(by), [one for one in groups if one.by == by])
        # A line that a narrow terminal wraps is read; a number that is cut is another number.
        options = out.options.update(max_width=_LARGEST_WIDTH)
        out.width = max(out.width, out.measure(table, options=options).maximum)
        out.print()
        out.print(table)


def _metrics(metrics: Mapping[str, Metric]) -> Table:
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


def _lines(by: str, groups: Sequence[Quality]) -> Table:
    there = {name for one in groups for name in one.metrics}
    main = [name for name in _IN_A_LINE if name in there][:2]
    names = [*main, *(name for name in _OWN if name in there)]
    table = Table(box=None, pad_edge=False)
    table.add_column(_plain(by), overflow="fold", max_width=_VALUE_CHARACTERS)
    for header in ("labels", "state", *names):
        table.add_column(header, no_wrap=True)
    for one in groups[:_SHOWN]:
        table.add_row(
            _plain(str(one.value)),
            f"{one.n:,} of {one.predictions:,}",
            _state(one),
            *(_in_short(one.metrics.get(name)) for name in names),
        )
    if len(groups) > _SHOWN:
        table.add_row(f"[dim]and {len(groups) - _SHOWN:,} more: see --json[/dim]")
    return table


def _account(counts: Mapping[str, Any]) -> str:
    """The whole, and those of its parts that are not empty."""
    parts = [f"{n:,} {name}" for name, n in counts.items() if isinstance(n, int) and n]
    return ", ".join(parts) or "0 rows"


def _state(one: Quality) -> str:
    return f"[{_COLOURS[one.state]}]{one.state}[/]"


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
