"""Plots as the server draws them: SVG paths, coloured by class, for a box of 300 by 88.

In come numbers; out come the `d` of a line with what lies under it, or bars. The baseline is zero, so that nothing
looks larger than it is. The words beside a plot, and a table of the same numbers, are the template's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

WIDTH, HEIGHT = 300, 88
_HEADROOM = 1.1
_GAP = 3.0


class Line(NamedTuple):
    """A line over time. fill: the same, closed at the baseline. mark: of a limit, or "". most: the highest value."""

    line: str
    fill: str
    mark: str
    most: float


class Bar(NamedTuple):
    """One bar, in the box's units."""

    x: float
    y: float
    width: float
    height: float


def line(points: Sequence[tuple[datetime, float]], limit: float = 0.0) -> Line:
    """Two or more points, in order of time. limit: a value to be compared with; 0 is none. A gap of a day or more in
    the measurements is a gap in the line."""
    first, last = points[0][0].timestamp(), points[-1][0].timestamp()
    most = max(value for _, value in points)
    top = max(most, limit) * _HEADROOM or 1.0

    def place(when: datetime, value: float) -> tuple[float, float]:
        share = (when.timestamp() - first) / (last - first) if last > first else 0.0
        return WIDTH * share, HEIGHT * (1 - max(value, 0.0) / top)

    drawn, under = [], []
    for run in _runs(points):
        places = [place(when, value) for when, value in run]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        drawn.append(f"M{path}")
        under.append(f"M{places[0][0]:.1f} {HEIGHT}L{path}L{places[-1][0]:.1f} {HEIGHT}Z")
    mark = f"M0 {HEIGHT * (1 - limit / top):.1f}H{WIDTH}" if limit else ""
    return Line("".join(drawn), "".join(under), mark, most)


def bars(values: Sequence[float]) -> list[Bar]:
    """Side by side, at most a tenth of the width each."""
    top = max(values, default=0.0) * _HEADROOM or 1.0
    step = WIDTH / max(len(values), 10)
    return [
        Bar(n * step + _GAP / 2, HEIGHT * (1 - value / top), step - _GAP, HEIGHT * value / top)
        for n, value in enumerate(values)
    ]


def _runs(points: Sequence[tuple[datetime, float]]) -> list[list[tuple[datetime, float]]]:
    runs = [[points[0]]]
    for point in points[1:]:
        if (point[0] - runs[-1][-1][0]).days >= 1:
            runs.append([])
        runs[-1].append(point)
    return runs
