"""What many scenes share: sky, hills, water, houses, trees, people, lamps."""

import math

from freehold.cli.demo.canvas import Canvas, dark, light, mix

SKIN = ("#f2d3b8", "#e3b48f", "#c98a63", "#a8714d", "#7d5138", "#5d3b2a")
CLOTHES = ("#b5362f", "#2d4a6a", "#d9a53a", "#3f6b52", "#6d2f45", "#c7795a", "#40506a", "#8b5a86", "#e2d5bd")
WALLS = ("#e3b48a", "#d99373", "#e8d2a6", "#b9c6b4", "#c9bfae", "#d8a9a0", "#a9b9c4", "#e6ddc8")
ROOFS = ("#8f4a3a", "#6d4b46", "#a45c40", "#58505a")


def sky(c: Canvas, horizon: float) -> None:
    """The sky down to the horizon with sun or moon, clouds or stars."""
    c.rect(0, 0, c.width, horizon + 2, c.shade(*c.mood.sky))
    x = c.width * c.rng.uniform(0.15, 0.85)
    if c.mood.hour == "night":
        for _ in range(60):
            c.disc(c.rng.uniform(0, c.width), c.rng.uniform(0, horizon), c.rng.uniform(0.8, 2.4), "#f6efd0", 0.8)
        c.disc(x, horizon * 0.25, c.width * 0.03, "#f4eccd")
        return
    low = c.mood.hour != "day"
    y = horizon * (0.82 if low else 0.24)
    c.glow(x, y, c.width * 0.2, "#fff1c2", 0.75)
    c.disc(x, y, c.width * 0.035, "#fff3cf")
    for _ in range(c.rng.randint(2, 4)):
        cloud(c, c.rng.uniform(0, c.width), c.rng.uniform(0.08, 0.5) * horizon, c.width * c.rng.uniform(0.05, 0.1))


def cloud(c: Canvas, x: float, y: float, size: float) -> None:
    """A flat cloud."""
    tone = mix("#ffffff", c.mood.sky[1], 0.35)
    for dx, dy, r in ((-0.9, 0, 0.38), (-0.3, -0.2, 0.55), (0.4, -0.1, 0.46), (0.95, 0.05, 0.32)):
        c.oval(x + dx * size, y + dy * size, r * size, r * size * 0.6, tone, 0.85)


def hills(c: Canvas, horizon: float, colour: str, height: float, rows: int = 3) -> None:
    """Rows of hills, the far ones paler, white in winter."""
    if c.mood.season == "winter":
        colour = mix(colour, "#e9eef0", 0.7)
    for row in range(rows):
        tone = mix(c.mood.lit(colour), c.mood.sky[2], 0.65 - 0.6 * row / rows)
        base = horizon - height * (rows - row - 1) / rows
        phase, waves = c.rng.uniform(0, 6), c.rng.uniform(1.2, 2.4)
        points = [
            (x, base - height * 0.4 * (1 + math.sin(phase + waves * x / c.width * 5))) for x in steps(c.width, 40)
        ]
        c.poly([(0, c.height), *points, (c.width, c.height)], tone)


def steps(width: float, count: int) -> list[float]:
    """Even places from 0 to width."""
    return [width * i / count for i in range(count + 1)]


def water(c: Canvas, top: float, colour: str = "#5d8ca3") -> None:
    """Water down to the lower edge with small waves."""
    base = mix(c.mood.lit(colour), c.mood.sky[2], 0.25)
    c.rect(0, top, c.width, c.height - top, c.shade(light(base, 0.2), dark(base, 0.2)))
    for _ in range(70):
        y = top + (c.height - top) * c.rng.random() ** 0.8
        x, size = c.rng.uniform(0, c.width), 12 + (y - top) * 0.12
        c.path(f"M{x:.0f} {y:.0f}q{size / 2:.1f} -3 {size:.1f} 0", stroke=light(base, 0.5), width=1.6, alpha=0.5)


def house(c: Canvas, x: float, ground: float, w: float, h: float) -> None:
    """A gabled house with lit or dark windows."""
    wall, roof = c.pick(*WALLS), c.pick(*ROOFS)
    snow = c.mood.season == "winter"
    c.rect(x, ground - h, w, h, wall)
    rise = w * c.rng.uniform(0.35, 0.6)
    peak = [(x - w * 0.05, ground - h), (x + w / 2, ground - h - rise), (x + w * 1.05, ground - h)]
    c.poly(peak, mix(roof, "#f4f6f7", 0.75) if snow else roof)
    glass = "#f5cf7a" if c.mood.hour in ("night", "dusk") else c.mood.lit("#4f6672")
    columns, rows = max(2, round(w / 45)), max(1, round(h / 70))
    for row in range(rows):
        for column in range(columns):
            wx, wy = x + w * (column + 0.5) / columns, ground - h + h * (row + 0.28) / rows
            shown = glass if c.rng.random() < 0.75 else c.mood.lit("#3b4a54")
            c.rect(wx - w * 0.07, wy, w * 0.14, h / rows * 0.5, shown, 1)


def terrace(c: Canvas, ground: float, low: float, high: float, start: float = -20) -> None:
    """A row of houses across the picture."""
    x = start
    while x < c.width:
        w = c.rng.uniform(0.09, 0.14) * c.width
        house(c, x, ground, w, c.rng.uniform(low, high))
        x += w + 1


def tree(c: Canvas, x: float, ground: float, size: float) -> None:
    """A round tree in the colours of the season."""
    c.rect(x - size * 0.05, ground - size * 0.5, size * 0.1, size * 0.5, c.mood.lit("#5c4636"))
    bare = c.mood.season == "winter"
    for _ in range(9 if bare else 16):
        angle, away = c.rng.uniform(0, 6.3), c.rng.uniform(0, size * 0.3)
        r = size * c.rng.uniform(0.1, 0.2)
        c.disc(x + math.cos(angle) * away, ground - size * 0.7 + math.sin(angle) * away, r, c.pick(*c.mood.leaves), 0.9)


def fir(c: Canvas, x: float, ground: float, size: float) -> None:
    """A fir tree."""
    tone = c.mood.lit("#2f5242")
    for level in range(3):
        w, y = size * (0.2 + 0.08 * level), ground - size * (0.95 - 0.28 * level)
        c.poly([(x, y), (x - w, y + size * 0.36), (x + w, y + size * 0.36)], dark(tone, 0.06 * level))
        if c.mood.season == "winter":
            c.poly([(x, y), (x - w * 0.45, y + size * 0.16), (x + w * 0.45, y + size * 0.16)], "#eef2f2")


def person(c: Canvas, x: float, ground: float, size: float, coat: str | None = None) -> None:
    """Somebody standing, seen from afar: `size` is the height."""
    coat, skin = coat or c.pick(*CLOTHES), c.pick(*SKIN)
    c.oval(x, ground, size * 0.2, size * 0.04, "#20202a", 0.22)
    c.rect(x - size * 0.09, ground - size * 0.38, size * 0.07, size * 0.38, dark(coat, 0.55))
    c.rect(x + size * 0.02, ground - size * 0.38, size * 0.07, size * 0.38, dark(coat, 0.55))
    c.rect(x - size * 0.15, ground - size * 0.78, size * 0.3, size * 0.48, coat, size * 0.1)
    c.disc(x, ground - size * 0.88, size * 0.105, skin)
    hair = c.pick("#2a1f1a", "#5a3d26", "#8b6a42", "#c9c2b8", "#1c1714")
    c.path(
        f"M{x - size * 0.11:.1f} {ground - size * 0.88:.1f}"
        f"a{size * 0.11:.1f} {size * 0.12:.1f} 0 0 1 {size * 0.22:.1f} 0z",
        hair,
    )


def lamp(c: Canvas, x: float, ground: float, size: float) -> None:
    """A street lamp, burning when it is dark."""
    c.rect(x - size * 0.012, ground - size, size * 0.024, size, c.mood.lit("#2c3136"))
    c.rect(x - size * 0.04, ground - size * 1.04, size * 0.08, size * 0.09, "#f7d98c", 2)
    if c.mood.hour in ("night", "dusk"):
        c.glow(x, ground - size, size * 0.4, "#f7d98c", 0.6)


def table(c: Canvas, top: float) -> None:
    """A wall and a wooden table from `top` down, for still lifes."""
    wall = c.mood.lit(c.rng.choice(("#4a4d45", "#7d8f88", "#b9a58a", "#5b5560", "#8ea3ad", "#c8b6a0")))
    wood = c.mood.lit(c.rng.choice(("#b98a5a", "#a5774c", "#8e6644", "#c9a173")))
    c.rect(0, 0, c.width, top + 2, c.shade(dark(wall, 0.2), wall))
    c.poly([(0, 0), (c.width * 0.42, 0), (c.width * 0.1, top), (0, top)], "#fff3d0", 0.1)
    c.rect(0, top, c.width, c.height - top, c.shade(wood, dark(wood, 0.3)))
    for i in range(1, 7):
        c.rect(0, top + (c.height - top) * i / 7, c.width, 2, dark(wood, 0.45), alpha=0.4)


def shadow(c: Canvas, x: float, y: float, w: float) -> None:
    """What stands on a table darkens it."""
    c.oval(x, y, w, w * 0.13, "#2c1a0c", 0.35)


def fall(c: Canvas) -> None:
    """Snow in winter, leaves in autumn, petals in spring: something in the air."""
    tone = {"winter": "#ffffff", "autumn": "#d2902f", "spring": "#f3d5dd"}.get(c.mood.season)
    if tone is None:
        return
    for _ in range(90 if c.mood.season == "winter" else 26):
        r = c.rng.uniform(1.5, 4.5) * c.width / 1000
        c.oval(
            c.rng.uniform(0, c.width),
            c.rng.uniform(0, c.height),
            r,
            r * (1 if c.mood.season == "winter" else 0.6),
            tone,
            0.85,
        )
