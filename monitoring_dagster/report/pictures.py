"""Small self-contained SVG pictures for people who would rather look than read."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite

CALM, ALARM, BASE, INK = "#4c78a8", "#d1495b", "#b8c4d0", "#5b6573"
_WIDTH, _ROW, _LEFT = 560, 22, 170


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


def _text(x: float, y: float, words: str, *, anchor: str = "start") -> str:
    shown = words if len(words) <= 24 else words[:23] + "…"
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
