"""The owner's colour: its names, the style sheet, the manifest and the icons made of it.

Lightness is fixed in tokens.css, only hue and chroma are the owner's, so contrast holds for every choice.
Sources: https://bottosson.github.io/posts/oklab/ (OKLCH to sRGB), https://www.w3.org/TR/appmanifest/
"""

from functools import lru_cache
from math import cos, radians, sin
from typing import NamedTuple

from markupsafe import escape

from freehold.web.backend import Json, Network


class Hue(NamedTuple):
    """A named colour: angle 0–360 and strength 0–0.11."""

    hue: int
    chroma: float


HUES = {
    "bottle": Hue(160, 0.075),
    "ink": Hue(258, 0.1),
    "oxblood": Hue(20, 0.11),
    "plum": Hue(335, 0.1),
    "ochre": Hue(75, 0.085),
    "brick": Hue(42, 0.1),
    "lake": Hue(205, 0.07),
    "slate": Hue(250, 0.02),
}


def brand_css(network: Network) -> str:
    """What the owner chose; loaded last."""
    return f":root {{ --hue: {network.hue % 360}; --chroma: {min(max(network.chroma, 0.0), 0.11):.3f}; }}\n"


def oklch_hex(lightness: float, chroma: float, hue: float) -> str:
    """An OKLCH colour as #rrggbb, clipped to sRGB."""
    a, b = chroma * cos(radians(hue)), chroma * sin(radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(255 * _gamma(min(max(part, 0.0), 1.0))):02x}" for part in linear)


def icon_svg(network: Network, *, bleed: bool = False) -> str:
    """The network's icon: its first letter on the plate. bleed: colour to the edges, for masks that cut the corners."""
    plate = oklch_hex(0.385, network.chroma, network.hue)
    light = oklch_hex(0.975, 0.012, network.hue)
    letter = escape(next((c for c in network.name if c.isalnum()), "F").upper())
    corner, inset = (0, 96) if bleed else (88, 30)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512" width="512" height="512">'
        f'<rect width="512" height="512" rx="{corner}" fill="{plate}"/>'
        f'<rect x="{inset}" y="{inset}" width="{512 - 2 * inset}" height="{512 - 2 * inset}" rx="56" fill="none"'
        f' stroke="{light}" stroke-opacity=".7" stroke-width="10"/>'
        f'<text x="256" y="{338 if not bleed else 322}" font-family="Charter, Georgia, Noto Serif, serif"'
        f' font-weight="700" font-size="{240 if not bleed else 190}" text-anchor="middle" fill="{light}">'
        f"{letter}</text></svg>"
    )


@lru_cache(maxsize=64)
def icon_png(svg: str, pixels: int) -> bytes:
    """The icon as PNG, for home screens that take no SVG. Our own drawing; call it from a thread."""
    import pyvips  # only where an icon is asked for: it costs start-up time

    image = pyvips.Image.svgload_buffer(svg.encode(), scale=pixels / 512)
    return bytes(image.write_to_buffer(".png"))


def manifest(network: Network, version: str, description: str, write: str) -> Json:
    """The web app manifest: installs from the browser, takes shared text and links into the composer."""
    sizes = ((192, "any"), (512, "any"), (512, "maskable"))
    png = [
        {"src": f"/icon-{n}{'-mask' if purpose == 'maskable' else ''}.png?v={version}", "sizes": f"{n}x{n}",
         "type": "image/png", "purpose": purpose}
        for n, purpose in sizes
    ]  # fmt: skip
    return {
        "id": "/",
        "name": network.name,
        "short_name": network.name if len(network.name) <= 12 else network.name.split()[0][:12],
        "description": description,
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#fdfcfa",
        "theme_color": oklch_hex(0.385, network.chroma, network.hue),
        "icons": [{"src": f"/icon.svg?v={version}", "sizes": "any", "type": "image/svg+xml"}, *png],
        "shortcuts": [{"name": write, "url": "/write"}],
        "share_target": {
            "action": "/write",
            "method": "GET",
            "params": {"title": "title", "text": "text", "url": "url"},
        },
    }


def _gamma(part: float) -> float:
    return 12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055
