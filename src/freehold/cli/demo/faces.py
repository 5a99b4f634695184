"""Portraits of people (no two alike in one community) and square emblems of organisations."""

from collections.abc import Callable
from math import cos, pi, sin
from typing import NamedTuple

from freehold.cli.demo.canvas import Canvas, dark, light
from freehold.cli.demo.motifs import CLOTHES, SKIN

_GROUNDS = (
    "#e6c9a8",
    "#bcd0d8",
    "#f0c6b4",
    "#cfc0dd",
    "#cfe0d2",
    "#f0dca0",
    "#e8cdd2",
    "#d7d0c4",
    "#bfcfae",
    "#f2d6a2",
)
_HAIR = ("#1d1714", "#3d2a1e", "#6a4526", "#8d3b22", "#b98d52", "#c9c4bd", "#e2ded6", "#4b3a3a")
STYLES = ("short", "long", "bun", "cloud", "scarf", "bob", "crop", "curls", "cap", "bald", "plait", "side")
EXTRAS = ("plain", "glasses", "beard", "earrings", "moustache", "freckles")
_SCARF = (
    "M46 84Q40 34 80 32Q120 34 114 84Q118 112 100 122L60 122Q42 112 46 84Z"
    "M55 80Q56 108 80 110Q104 108 105 80Q104 50 80 50Q56 50 55 80Z"
)


class Look(NamedTuple):
    """How somebody is drawn: one of STYLES, one of EXTRAS, the places of skin and hair in their colour tables."""

    style: str
    extra: str
    skin: int
    hair: int


def portrait(c: Canvas, look: Look) -> None:
    """Draw a face on a canvas of 160 by 160 units; clothes and background fall as the dice will."""
    style, extra = look.style, look.extra
    ground, coat = c.rng.choice(_GROUNDS), c.rng.choice(CLOTHES)
    skin, hair = SKIN[look.skin], _HAIR[look.hair]
    c.fill(light(ground, 0.3), dark(ground, 0.18))
    _behind(c, style, hair, coat)
    c.path("M18 172Q20 116 80 114Q140 116 142 172Z", coat)
    c.path("M66 98h28v18q-14 12 -28 0z", dark(skin, 0.12))
    c.oval(80, 76, 27, 32, skin)
    _features(c, skin, extra, hair)
    _in_front(c, style, hair, coat)
    if extra == "glasses":
        for x in (68, 92):
            c.ring(x, 76, 8.5, "#2a2a2e", 2)
        c.line(76.5, 76, 83.5, 76, "#2a2a2e", 2)


def _features(c: Canvas, skin: str, extra: str, hair: str) -> None:
    ink = dark(skin, 0.62)
    for x in (69, 91):
        c.oval(x, 76, 2.4, 2.9, ink)
    smile = c.rng.uniform(5, 9)
    c.path(f"M71 90q9 {smile:.1f} 18 0", stroke=ink, width=2.2)
    for x in (62, 98):
        c.oval(x, 86, 5, 3.4, "#d9644f", 0.18)
    if extra == "beard":
        c.path("M53 78Q54 112 80 114Q106 112 107 78Q104 96 90 94Q80 90 70 94Q56 96 53 78Z", hair)
        c.path("M72 99q8 5 16 0", stroke=light(skin, 0.2), width=2)
    elif extra == "moustache":
        c.path("M66 89q7 -8 14 -2q7 -6 14 2q-8 2 -14 -1q-6 3 -14 1z", hair)
    elif extra == "earrings":
        for x in (53, 107):
            c.disc(x, 90, 3, "#e0b64a")
    elif extra == "freckles":
        for x in (60, 64, 67, 93, 96, 100):
            c.disc(x, 83 + x % 3, 0.9, ink, 0.6)


def _behind(c: Canvas, style: str, hair: str, coat: str) -> None:
    if style == "long":
        c.path("M48 78Q44 40 80 38Q116 40 112 78L118 130H42Z", hair)
    elif style == "cloud":
        c.disc(80, 66, 43, hair)
    elif style == "bob":
        c.path("M47 78Q44 38 80 38Q116 38 113 78L112 104H48Z", hair)
    elif style == "curls":
        for i in range(13):
            c.disc(80 + 33 * cos(pi + i * pi / 12), 70 + 33 * sin(pi + i * pi / 12) + (abs(i - 6) > 4) * 8, 11, hair)
    elif style == "scarf":
        c.oval(80, 80, 29, 33, dark(coat, 0.2))
    elif style == "plait":
        for i in range(6):
            c.oval(114 + i, 84 + 11 * i, 7, 8, dark(hair, 0.06 * (i % 2)))


def _in_front(c: Canvas, style: str, hair: str, coat: str) -> None:
    fringe = "M52 72Q50 38 80 38Q110 38 108 72Q104 52 80 53Q56 52 52 72Z"
    if style == "scarf":
        c.path(_SCARF, light(coat, 0.18))
    elif style == "bald":
        c.path("M52 78q-4 -10 2 -18v22z", hair)
        c.path("M108 78q4 -10 -2 -18v22z", hair)
    elif style == "cap":
        c.path("M50 62Q52 34 80 34Q108 34 110 62Z", coat)
        c.path("M48 60h70q6 6 -4 7H48z", dark(coat, 0.25))
    elif style == "crop":
        c.path("M53 68Q52 42 80 41Q108 42 107 68Q100 56 80 56Q60 56 53 68Z", hair)
    elif style == "side":
        c.path("M51 78Q46 38 82 37Q114 38 109 76Q106 58 92 52Q70 62 55 60Z", hair)
    else:
        c.path(fringe, hair)
    if style == "bun":
        c.disc(80, 30, 12, hair)


Mark = Callable[[Canvas, str, str], None]


def _columns(c: Canvas, ink: str, ground: str) -> None:
    c.rect(34, 30, 92, 100, ink, 3)
    c.rect(44, 40, 72, 14, ground)
    for y in range(64, 122, 10):
        c.rect(44, y, 32, 4, ground)
        if y > 90:
            c.rect(84, y, 32, 4, ground)
    c.rect(84, 64, 32, 24, "#b5362f")


def _arcs(c: Canvas, ink: str, ground: str) -> None:
    for r in (52, 38, 24):
        c.path(f"M{80 - r} 104A{r} {r} 0 0 1 {80 + r} 104", stroke=ink, width=7)
    c.disc(80, 102, 7, ink)


def _shield(c: Canvas, ink: str, ground: str) -> None:
    c.path("M34 28H126V82Q122 118 80 136Q38 118 34 82Z", ink)
    c.rect(66, 33, 28, 92, ground)
    c.disc(80, 78, 15, dark(ground, 0.7))


def _book(c: Canvas, ink: str, ground: str) -> None:
    c.path("M80 52Q58 38 28 44V116Q58 110 80 124Z", ink)
    c.path("M80 52Q102 38 132 44V116Q102 110 80 124Z", light(ink, 0.5))


def _leaf(c: Canvas, ink: str, ground: str) -> None:
    c.path("M80 128C36 108 26 70 50 46C64 34 78 40 80 52C82 40 96 34 110 46C134 70 124 108 80 128Z", ink)
    c.line(80, 60, 80, 144, ground, 4)


def _wheat(c: Canvas, ink: str, ground: str) -> None:
    c.line(80, 40, 80, 138, ink, 5)
    for y in range(44, 110, 16):
        for side in (-1, 1):
            with c.moved(80 + 14 * side, y + 6, turn=38 * side):
                c.oval(0, 0, 7, 13, ink)


def _oars(c: Canvas, ink: str, ground: str) -> None:
    for side in (-1, 1):
        with c.moved(80, 80, turn=42 * side):
            c.rect(-3, -58, 6, 110, ink)
            c.rect(-10, -66, 20, 36, "#c9402f", 5)
    for y in (122, 134):
        c.path(f"M30 {y}q12 -9 25 0t25 0t25 0t25 0", stroke=ink, width=4)


def _flower(c: Canvas, ink: str, ground: str) -> None:
    c.path("M80 86V140M80 122q-22 -2 -28 -20M80 116q20 0 26 -18", stroke="#cfe0b8", width=6)
    for i in range(8):
        c.disc(80 + 25 * cos(i * pi / 4), 64 + 25 * sin(i * pi / 4), 13, ink)
    c.disc(80, 64, 14, "#d9a53a")


def _reel(c: Canvas, ink: str, ground: str) -> None:
    c.disc(80, 80, 52, ink)
    for i in range(5):
        c.disc(80 + 30 * cos(i * 1.2566 - 1.57), 80 + 30 * sin(i * 1.2566 - 1.57), 12, ground)
    c.disc(80, 80, 6, ground)


def _spanner(c: Canvas, ink: str, ground: str) -> None:
    for i in range(8):
        with c.moved(80, 80, turn=45 * i):
            c.rect(-9, -58, 18, 22, ink, 3)
    c.disc(80, 80, 44, ink)
    c.disc(80, 80, 28, ground)
    c.path("M80 98C58 84 66 62 80 74C94 62 102 84 80 98Z", "#d5604a")


def _tram(c: Canvas, ink: str, ground: str) -> None:
    c.path("M80 42L64 26M80 42L96 26M58 26h44", stroke=ink, width=4)
    c.rect(44, 42, 72, 76, ink, 12)
    c.rect(54, 54, 52, 30, ground, 4)
    for x in (60, 100):
        c.disc(x, 102, 6, "#f5cf7a")
    c.line(36, 132, 124, 132, ink, 5)


def _bridge(c: Canvas, ink: str, ground: str) -> None:
    c.rect(18, 62, 124, 34, ink)
    for x in (42, 80, 118):
        c.path(f"M{x - 15} 112V100A15 15 0 0 1 {x + 15} 100V112Z", ground)
    c.rect(18, 54, 124, 8, light(ink, 0.3))
    for y in (118, 130):
        c.path(f"M24 {y}q14 -8 28 0t28 0t28 0t28 0", stroke=ink, width=4)


EMBLEMS: dict[str, tuple[Mark, str, str]] = {
    "columns": (_columns, "#f3ead7", "#22201d"),
    "arcs": (_arcs, "#f2d9b0", "#6b2a3c"),
    "shield": (_shield, "#b5362f", "#f3ebdf"),
    "book": (_book, "#f3ead7", "#2d4a5e"),
    "leaf": (_leaf, "#dfe8c8", "#22503f"),
    "wheat": (_wheat, "#f1cf86", "#6a3f26"),
    "oars": (_oars, "#eef1ea", "#1f5364"),
    "flower": (_flower, "#e9a7b4", "#3b5a3a"),
    "reel": (_reel, "#efe3cb", "#43284f"),
    "spanner": (_spanner, "#e7e2d6", "#3f5668"),
    "tram": (_tram, "#f4e8d2", "#a92f2b"),
    "bridge": (_bridge, "#dccfb8", "#41536b"),
}


def emblem(c: Canvas, name: str) -> None:
    """Draw an organisation's mark, one of EMBLEMS, on a canvas of 160 by 160 units."""
    mark, ink, ground = EMBLEMS[name]
    c.fill(ground)
    mark(c, ink, ground)
