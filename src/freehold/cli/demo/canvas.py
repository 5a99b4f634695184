"""Drawing by program: shapes go into an SVG, light and season into its colours.

In come numbers and colours (`#rrggbb`), out goes SVG text. Everything random comes from the dice that are passed in,
so the same seed gives the same drawing. Lengths are in the canvas's own units.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import NamedTuple

Points = Sequence[tuple[float, float]]


def dice(*seed: object) -> Random:
    """A source of chance for drawings and stories, the same for the same seed."""
    return Random("/".join(map(str, seed)))  # noqa: S311


def mix(one: str, other: str, part: float) -> str:
    """The colour that lies `part` (0–1) of the way from one to the other."""
    a, b = (tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in (one, other))
    return "#" + "".join(f"{round(x + (y - x) * part):02x}" for x, y in zip(a, b, strict=True))


def dark(colour: str, part: float = 0.25) -> str:
    """A shade of the colour."""
    return mix(colour, "#14161f", part)


def light(colour: str, part: float = 0.25) -> str:
    """A tint of the colour."""
    return mix(colour, "#fffaf0", part)


class Mood(NamedTuple):
    """The light of the day and the season."""

    hour: str
    season: str

    @property
    def sky(self) -> tuple[str, str, str]:
        """Three colours of the sky, from the top to the horizon."""
        return {
            "dawn": ("#c7d5dc", "#ece4d8", "#f7d9c0"),
            "day": ("#9fc4dc", "#cfe3ea", "#f1f3e6"),
            "dusk": ("#3a4468", "#c0788a", "#f4c98a"),
            "night": ("#10162c", "#1d2748", "#3a4468"),
        }[self.hour]

    @property
    def leaves(self) -> tuple[str, str, str]:
        """Three colours of trees."""
        return {
            "spring": ("#6fa053", "#93bd6a", "#e7c3cf"),
            "summer": ("#3c6e3f", "#56894b", "#7da65f"),
            "autumn": ("#b3622d", "#d2902f", "#8f4527"),
            "winter": ("#8d9aa0", "#c3ced1", "#eef2f2"),
        }[self.season]

    @property
    def ground(self) -> str:
        """The colour of a meadow."""
        return {"spring": "#a4c077", "summer": "#8cae62", "autumn": "#c2a45c", "winter": "#e9eef0"}[self.season]

    def lit(self, colour: str) -> str:
        """The colour as this light shows it."""
        tone, part = {
            "dawn": ("#e6dcd2", 0.16),
            "day": ("#ffffff", 0.0),
            "dusk": ("#6a4460", 0.28),
            "night": ("#0e1430", 0.55),
        }[self.hour]
        return mix(colour, tone, part)

    @property
    def words(self) -> str:
        """How a description of the picture ends."""
        hour = {"dawn": "in the early morning", "day": "by day", "dusk": "at sunset", "night": "at night"}[self.hour]
        return f"{hour}, in {self.season}"


class Canvas:
    """An SVG in the making: `width` by `height` units, and so many pixels."""

    def __init__(self, width: int, height: int, rng: Random, mood: Mood) -> None:
        self.width, self.height, self.rng, self.mood = width, height, rng, mood
        self._parts: list[str] = []
        self._defs: list[str] = []

    def svg(self, pixels: int | None = None) -> str:
        """The finished document; `pixels` is its width on screen."""
        wide = pixels or self.width
        size = f'viewBox="0 0 {self.width} {self.height}" width="{wide}" height="{wide * self.height // self.width}"'
        defs = f"<defs>{''.join(self._defs)}</defs>" if self._defs else ""
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{defs}{"".join(self._parts)}</svg>'

    def _add(self, name: str, fill: str, alpha: float, **more: object) -> None:
        attributes = "".join(
            f' {key.replace("_", "-")}="{value:.5g}"'
            if isinstance(value, float)
            else f' {key.replace("_", "-")}="{value}"'
            for key, value in more.items()
        )
        faint = f' opacity="{alpha:.3g}"' if alpha < 1 else ""
        self._parts.append(f'<{name} fill="{fill}"{faint}{attributes}/>')

    def rect(self, x: float, y: float, w: float, h: float, fill: str, r: float = 0, alpha: float = 1) -> None:
        """A rectangle with corners rounded by `r`."""
        self._add("rect", fill, alpha, x=float(x), y=float(y), width=float(w), height=float(h), rx=float(r))

    def oval(self, x: float, y: float, rx: float, ry: float, fill: str, alpha: float = 1) -> None:
        """An ellipse around (x, y)."""
        self._add("ellipse", fill, alpha, cx=float(x), cy=float(y), rx=float(rx), ry=float(ry))

    def disc(self, x: float, y: float, r: float, fill: str, alpha: float = 1) -> None:
        """A circle around (x, y)."""
        self.oval(x, y, r, r, fill, alpha)

    def ring(self, x: float, y: float, r: float, stroke: str, width: float, alpha: float = 1) -> None:
        """A circle's outline."""
        self._add(
            "circle", "none", alpha, cx=float(x), cy=float(y), r=float(r), stroke=stroke, stroke_width=float(width)
        )

    def path(self, d: str, fill: str = "none", stroke: str = "none", width: float = 0, alpha: float = 1) -> None:
        """Any path in SVG's own words."""
        ends = {"stroke": stroke, "stroke_width": float(width), "stroke_linecap": "round"} if width else {}
        self._add("path", fill, alpha, d=d, **ends)

    def line(self, x: float, y: float, to_x: float, to_y: float, stroke: str, width: float, alpha: float = 1) -> None:
        """A straight stroke."""
        self.path(f"M{x:.5g} {y:.5g}L{to_x:.5g} {to_y:.5g}", stroke=stroke, width=width, alpha=alpha)

    def poly(self, points: Points, fill: str, alpha: float = 1) -> None:
        """A filled polygon."""
        self.path("M" + "L".join(f"{x:.5g} {y:.5g}" for x, y in points) + "Z", fill, alpha=alpha)

    def shade(self, *colours: str, across: bool = False) -> str:
        """A fill that runs through the colours from top to bottom, or from left to right."""
        name = f"g{len(self._defs)}"
        step = 1 / max(len(colours) - 1, 1)
        stops = "".join(f'<stop offset="{i * step:.3g}" stop-color="{colour}"/>' for i, colour in enumerate(colours))
        way = 'x2="1" y2="0"' if across else 'x2="0" y2="1"'
        self._defs.append(f'<linearGradient id="{name}" x1="0" y1="0" {way}>{stops}</linearGradient>')
        return f"url(#{name})"

    def glow(self, x: float, y: float, r: float, colour: str, alpha: float = 0.8) -> None:
        """Light around a lamp or the sun."""
        name = f"g{len(self._defs)}"
        stops = f'<stop offset="0" stop-color="{colour}"/><stop offset="1" stop-color="{colour}" stop-opacity="0"/>'
        self._defs.append(f'<radialGradient id="{name}">{stops}</radialGradient>')
        self.disc(x, y, r, f"url(#{name})", alpha)

    @contextmanager
    def moved(self, x: float, y: float, scale: float = 1, turn: float = 0) -> Iterator[None]:
        """What is drawn inside has its origin at (x, y), scaled, turned by degrees."""
        self._parts.append(f'<g transform="translate({x:.5g} {y:.5g}) rotate({turn:.5g}) scale({scale:.5g})">')
        yield
        self._parts.append("</g>")

    def pick(self, *colours: str) -> str:
        """One of the colours, as this light shows it."""
        return self.mood.lit(self.rng.choice(colours))

    def fill(self, *colours: str) -> None:
        """Cover the whole canvas."""
        self.rect(0, 0, self.width, self.height, self.shade(*colours) if len(colours) > 1 else colours[0])
