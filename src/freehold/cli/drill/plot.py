"""Plots as SVG, by a few lines of our own: numbers over time, and measured beside promised.

In come numbers; out comes the text of an `svg` element, whose colours are named by classes, for the page's own style.
Source: https://www.w3.org/TR/SVG2/
"""

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

WIDTH, LEFT, RIGHT = 960, 44, 12
TIME_HEIGHT, TIME_TOP, TIME_FOOT = 260, 44, 26
ROW, BAR, GAP, ROWS_TOP = 46, 12, 4, 30
NAMES_WIDTH, NUMBERS_WIDTH = 120, 60
TICKS = 5
STEPS = (1, 2, 5)


Scale = Callable[[float], float]


class Band(NamedTuple):
    """A stretch of time that is marked. begin, end: seconds."""

    label: str
    begin: float
    end: float


class Line(NamedTuple):
    """Numbers in even steps. kind: the class of its colour."""

    kind: str
    numbers: Sequence[float]


class Row(NamedTuple):
    """Seconds measured, by kind; None: never. promised: likewise."""

    label: str
    measured: dict[str, float | None]
    promised: dict[str, float]


def over_time(lines: Sequence[Line], bands: Sequence[Band], step: float) -> str:
    """Lines over seconds, `step` apart, with bands behind them."""
    seconds = max((len(line.numbers) for line in lines), default=1) * step
    most = _above(max((max(line.numbers, default=0) for line in lines), default=0))
    height = TIME_TOP + TIME_HEIGHT + TIME_FOOT
    x = _scale(LEFT, WIDTH - RIGHT, seconds)
    y = _scale(TIME_TOP + TIME_HEIGHT, TIME_TOP, most)
    parts = []
    for n, band in enumerate(bands):
        width = max(x(min(band.end, seconds)) - x(band.begin), 2.0)
        parts.append(
            f'<rect class="band" x="{x(band.begin):.1f}" y="{TIME_TOP}" width="{width:.1f}" height="{TIME_HEIGHT}"/>'
        )
        parts.append(_text(x(band.begin), TIME_TOP - (26 if n % 2 else 8), band.label, "label"))
    for number in _ticks(most):
        parts.append(f'<path class="grid" d="M{LEFT} {y(number):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 8, y(number) + 4, f"{number:g}", "axis end"))
    parts += [_text(x(at), height - 8, f"{at:g} s", "axis middle") for at in _ticks(seconds)[1:]]
    for line in lines:
        points = " ".join(f"{x((n + 0.5) * step):.1f},{y(each):.1f}" for n, each in enumerate(line.numbers))
        parts.append(f'<polyline class="line {line.kind}" points="{points}"/>')
    return _svg(height, parts)


def beside(rows: Sequence[Row]) -> str:
    """Bars of measured seconds, with a mark at what was promised."""
    longest = [seconds for row in rows for seconds in (*row.promised.values(), *row.measured.values()) if seconds]
    most = _above(max(longest, default=1))
    x = _scale(NAMES_WIDTH, WIDTH - NUMBERS_WIDTH, most)
    foot = ROWS_TOP + ROW * len(rows)
    parts = [f'<path class="grid" d="M{x(at):.1f} {ROWS_TOP - 6}V{foot}"/>' for at in _ticks(most)]
    parts += [_text(x(at), ROWS_TOP - 14, f"{at:g} s", "axis middle") for at in _ticks(most)]
    for n, row in enumerate(rows):
        top = ROWS_TOP + ROW * n
        parts.append(_text(0, top + BAR + GAP, row.label, "name"))
        for m, (kind, seconds) in enumerate(row.measured.items()):
            parts += _bar(x, top + m * (BAR + GAP), kind, seconds, row.promised[kind])
    return _svg(foot + 6, parts)


def _bar(x: Scale, top: float, kind: str, seconds: float | None, promised: float) -> list[str]:
    end, zero = x(promised if seconds is None else seconds), x(0)
    late = " late" if seconds is None or seconds > promised else ""
    said = "never" if seconds is None else f"{seconds:.1f} s"
    return [
        f'<path class="bar {kind}{late}" d="M{zero:.1f} {top:.1f}H{max(end, zero + 1.5):.1f}v{BAR}H{zero:.1f}z"/>',
        f'<path class="promised" d="M{x(promised):.1f} {top - 2:.1f}v{BAR + 4}"/>',
        _text(end + 6, top + BAR - 2, said, "axis"),
    ]


def _svg(height: float, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img">{"".join(parts)}</svg>'


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _ticks(most: float) -> list[float]:
    """Round numbers from 0 to `most`, about TICKS of them."""
    size = 1e-3
    while True:
        for step in STEPS:
            if size * step * TICKS >= most:
                return [n * size * step for n in range(int(most / (size * step) + 1e-9) + 1)]
        size *= 10


def _scale(first: float, last: float, most: float) -> Scale:
    """From numbers, 0 to `most`, to places."""
    return lambda number: first + (last - first) * number / most


def _above(most: float) -> float:
    """A little more than the highest number, so that it does not touch the edge."""
    return max(most * 1.08, 1.0)
