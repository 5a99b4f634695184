"""Costs over the number of posts, both in powers of ten, as SVG for a page.

In come lines by name; out comes the text of a file that brings its own colours, for light and dark pages. The product's
own plots (`freehold.web.plots`) run over time from zero; what grows by powers needs other axes.
Source: https://www.w3.org/TR/SVG2/
"""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10
from typing import NamedTuple

WIDTH, HEIGHT = 760, 360
LEFT, RIGHT, TOP, FOOT = 56, 250, 40, 34
LABEL = 15
COLOURS = ("#2563a8", "#b4501e", "#2f7d4f", "#8a3f8f", "#937312", "#a8324a", "#3a7f8c", "#5b5f66")
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:14px;font-weight:600}"
    ".grid{stroke:#8884;fill:none}.line{fill:none;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}}"
)


class Line(NamedTuple):
    """points: (posts, microseconds), the fewest posts first, both above 0."""

    name: str
    points: Sequence[tuple[float, float]]


def svg(title: str, unit: str, lines: Sequence[Line]) -> str:
    """A drawing of some lines. unit: what stands at the upright axis."""
    across = [posts for line in lines for posts, _ in line.points]
    upright = [value for line in lines for _, value in line.points]
    x = _scale(min(across), max(across), LEFT, WIDTH - RIGHT)
    low, high = 10 ** floor(log10(min(upright))), 10 ** ceil(log10(max(upright) * 1.05))
    y = _scale(low, high, HEIGHT - FOOT, TOP)
    parts = [f'<text class="title" x="{LEFT}" y="16">{escape(title)}</text>', _text(4, TOP - 10, unit)]
    for power in range(round(log10(low)), round(log10(high)) + 1):
        parts.append(f'<path class="grid" d="M{LEFT} {y(10**power):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 6, y(10**power) + 4, f"{10**power:,g}", "end"))
    for posts in sorted(set(across)):
        parts.append(f'<path class="grid" d="M{x(posts):.1f} {TOP}V{HEIGHT - FOOT}"/>')
        parts.append(_text(x(posts), HEIGHT - FOOT + 16, f"{posts:,.0f}", "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, "posts in the index", "middle"))
    for n, (line, at) in enumerate(zip(lines, _apart([y(line.points[-1][1]) for line in lines]), strict=True)):
        colour = COLOURS[n % len(COLOURS)]
        points = " ".join(f"{x(posts):.1f},{y(value):.1f}" for posts, value in line.points)
        parts.append(f'<polyline class="line" stroke="{colour}" points="{points}"/>')
        parts.append(f'<circle cx="{WIDTH - RIGHT + 14}" cy="{at - 4:.1f}" r="4" fill="{colour}"/>')
        parts.append(_text(WIDTH - RIGHT + 24, at, f"{line.name}: {line.points[-1][1]:,.0f}"))
    body = "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>{body}</svg>\n"
    )


def _apart(places: Sequence[float]) -> list[float]:
    """Where labels go so that none lies on another, in the order of the lines."""
    order = sorted(range(len(places)), key=places.__getitem__)
    put, last = [0.0] * len(places), TOP - LABEL
    for n in order:
        last = put[n] = max(places[n] + 4, last + LABEL)
    over = max(last - (HEIGHT - FOOT), 0)
    return [place - over for place in put]


def _scale(least: float, most: float, first: float, last: float):  # type: ignore[no-untyped-def]
    """From numbers, in powers of ten, to places."""
    span = log10(most / least) or 1.0
    return lambda number: first + (last - first) * log10(number / least) / span


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
