"""Small self-contained SVG pictures for people who would rather look than read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from math import isfinite

CALM, ALARM, BASE, INK = "#4c78a8", "#d1495b", "#b8c4d0", "#5b6573"
LOSS = "#fbe3e6"
_WIDTH, _ROW, _LEFT, _PANEL = 560, 22, 170, 90


@dataclass(frozen=True, slots=True)
class Bar:
    """One measured thing beside the bound that it should stay under."""

    label: str
    value: float
    bound: float
    alarm: bool


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Horizontal bars, each with a tick at its bound; alarms are red."""
    top = max((max(row.value, row.bound) for row in rows), default=0) or 1
    scale = (_WIDTH - _LEFT - 60) / top
    body = []
    for index, row in enumerate(rows):
        y = 30 + index * _ROW
        length, tick = row.value * scale, _LEFT + row.bound * scale
        colour = ALARM if row.alarm else CALM
        body.append(_text(_LEFT - 8, y + 13, row.label, anchor="end"))
        body.append(
            f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="15" rx="2" fill="{colour}"/>'
            f'<path d="M{tick:.1f} {y - 2}v19" stroke="{INK}" stroke-dasharray="2 2"/>'
        )
        body.append(_text(_LEFT + max(length, row.bound * scale) + 6, y + 12, f"{row.value:.3f}"))
    return _svg(title, 40 + len(rows) * _ROW, body)


def histograms(title: str, reference: Sequence[float], current: Sequence[float]) -> str:
    """Two histograms over the same bins, as shares: the reference grey, the day over it."""
    top = max((*reference, *current), default=0) or 1
    width = (_WIDTH - 40) / max(len(reference), 1)
    body = []
    for index, (before, now) in enumerate(zip(reference, current, strict=True)):
        x = 20 + index * width
        for share, colour, inset in ((before, BASE, 0.05), (now, CALM, 0.3)):
            height = 110 * share / top
            body.append(
                f'<rect x="{x + inset * width:.1f}" y="{145 - height:.1f}"'
                f' width="{width * (1 - 2 * inset):.1f}" height="{height:.1f}" fill="{colour}"/>'
            )
    body.append(_text(20, 163, "grey: reference, blue: this day"))
    return _svg(title, 172, body)


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with its interval and what it is compared with."""

    label: str
    value: float
    low: float
    high: float
    baseline: float | None
    alarm: bool


def intervals(title: str, rows: Sequence[Estimate]) -> str:
    """Point estimates with their 95 % intervals on one axis; a grey tick is the baseline."""
    rows = [row for row in rows if isfinite(row.value)]
    edges = [edge for row in rows for edge in (row.value, row.low, row.high, row.baseline)
             if edge is not None and isfinite(edge)]  # fmt: skip
    low, high = min(edges, default=0.0), max(edges, default=1.0)
    scale = (_WIDTH - _LEFT - 70) / ((high - low) or 1)

    def at(value: float) -> float:
        return _LEFT + 8 + (value - low) * scale

    body = []
    for index, row in enumerate(rows):
        y = 40 + index * _ROW
        colour = ALARM if row.alarm else CALM
        body.append(_text(_LEFT - 8, y + 4, row.label, anchor="end"))
        if row.baseline is not None and isfinite(row.baseline):
            x = at(row.baseline)
            body.append(f'<path d="M{x:.1f} {y - 9}v18" stroke="{BASE}" stroke-width="3"/>')
        if isfinite(row.low) and isfinite(row.high):
            body.append(
                f'<path d="M{at(row.low):.1f} {y}H{at(row.high):.1f}" stroke="{colour}"'
                ' stroke-width="2"/>'
            )
        body.append(f'<circle cx="{at(row.value):.1f}" cy="{y}" r="4" fill="{colour}"/>')
        body.append(_text(_WIDTH - 50, y + 4, f"{row.value:.4g}"))
    return _svg(title, 50 + len(rows) * _ROW, body)


@dataclass(frozen=True, slots=True)
class Pair:
    """A signal and what it announces, a number a day; NaN where it is unknown."""

    label: str
    signal: Sequence[float]
    lead_days: int
    threshold: float | None
    alerts: Sequence[int]  # positions


def pairs(
    title: str,
    days: Sequence[date],
    metric: Sequence[float],
    losses: Sequence[tuple[int, int]],
    rows: Sequence[Pair],
) -> str:
    """A panel a signal: the metric in grey, and over it the signal, moved to what it announces.

    Each has a scale of its own. Losses, by first and last position, are shaded; the dashed line is
    the threshold; a circle is an alert, and the line to it begins on the day on which it came.
    """
    span = f"{days[0]} to {days[-1]}" if days else "no day"
    body = [_text(20, 34, span if rows else f"{span}: no signal is related to it", most=60)]
    for index, row in enumerate(rows):
        body += _panel(44 + index * (_PANEL + 26), metric, losses, row)
    return _svg(title, 54 + len(rows) * (_PANEL + 26), body)


def _panel(
    top: float, metric: Sequence[float], losses: Sequence[tuple[int, int]], row: Pair
) -> list[str]:
    width = _WIDTH - 40
    xs = [20 + width * place / max(len(metric) - 1, 1) for place in range(len(metric))]
    shown, moved = max(len(xs) - row.lead_days, 0), xs[row.lead_days :]
    threshold = [] if row.threshold is None else [row.threshold]
    at = _upwards([*row.signal, *threshold], top)
    body = [
        f'<rect x="{xs[first]:.1f}" y="{top}" width="{xs[last] - xs[first] + 1:.1f}"'
        f' height="{_PANEL}" fill="{LOSS}"/>'
        for first, last in losses
    ]
    body.append(_line(xs, metric, _upwards(metric, top), INK))
    body.append(_line(moved, row.signal[:shown], at, CALM))
    body += [
        f'<path d="M20 {at(value):.1f}h{width}" stroke="{ALARM}" stroke-dasharray="4 3"/>'
        for value in threshold
    ]
    for place in row.alerts:
        if place < shown:
            x, y = moved[place], at(row.signal[place])
            body.append(
                f'<path d="M{xs[place]:.1f} {y:.1f}H{x:.1f}" stroke="{ALARM}"/>'
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{ALARM}"/>'
            )
    words = f"blue: {row.lead_days} days later than it came"
    return [
        *body,
        _text(20, top + _PANEL + 14, row.label, most=60),
        _text(_WIDTH - 20, top + _PANEL + 14, words, anchor="end", most=60),
    ]


def _upwards(values: Sequence[float], top: float) -> Callable[[float], float]:
    """Where a value lies in the panel below *top*: the largest at its upper edge."""
    known = [one for one in values if isfinite(one)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    return lambda value: top + _PANEL - 2 - (_PANEL - 4) * (value - low) / ((high - low) or 1)


def _line(
    xs: Sequence[float], values: Sequence[float], at: Callable[[float], float], colour: str
) -> str:
    """A line through the known points; it breaks where one is unknown."""
    steps, pen = [], "M"
    for x, value in zip(xs, values, strict=True):
        if isfinite(value):
            steps.append(f"{pen}{x:.1f} {at(value):.1f}")
        pen = "L" if isfinite(value) else "M"
    return f'<path d="{"".join(steps)}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def page(title: str, lines: Sequence[str], picture: str) -> str:
    """A self-contained HTML page: a picture, and under it what there is to say."""
    said = "".join(f"<p>{escape(one)}</p>" for one in lines)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'</head><body style="font-family:system-ui,sans-serif;max-width:{_WIDTH}px">{picture}'
        f"{said}</body></html>"
    )


def _text(x: float, y: float, words: str, *, anchor: str = "start", most: int = 24) -> str:
    printable = "".join(one if one.isprintable() else "\ufffd" for one in words)
    shown = printable if len(words) <= most else printable[: most - 1] + "…"
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}">{escape(shown)}</text>'
    )


def _svg(title: str, height: int, body: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' viewBox="0 0 {_WIDTH} {height}" font-family="system-ui,sans-serif" font-size="11">'
        f'<rect width="100%" height="100%" fill="#ffffff" rx="6"/>'
        f'<text x="12" y="18" font-size="12" font-weight="600" fill="#22303c">{escape(title)}'
        "</text>" + "".join(body) + "</svg>"
    )
