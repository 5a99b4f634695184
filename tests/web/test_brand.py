"""The owner's colour: right in every icon, readable for every hue."""

import pytest

from freehold.web.brand import HUES, brand_css, icon_svg, oklch_hex
from support.village import Village


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("lightness", "chroma", "hue", "expected"),
    [
        (1, 0, 0, "#ffffff"),
        (0, 0, 0, "#000000"),
        (0.62796, 0.25768, 29.234, "#ff0000"),
        (0.45201, 0.31321, 264.052, "#0000ff"),
    ],
)
def test_colours_are_those_of_the_style_sheet(lightness: float, chroma: float, hue: float, expected: str) -> None:
    assert oklch_hex(lightness, chroma, hue) == expected


def test_words_are_readable_on_every_hue() -> None:
    """The lightnesses are those of tokens.css: words on paper, white on buttons, the plate's own pair."""
    for hue in range(0, 360, 3):
        for chroma in (0.0, 0.055, 0.11):
            assert contrast(oklch_hex(0.43, chroma, hue), "#fdfcfa") >= 4.9
            assert contrast(oklch_hex(0.52, chroma, hue), "#ffffff") >= 4.5
            assert contrast(oklch_hex(0.385, chroma, hue), oklch_hex(0.975, 0.012, hue)) >= 4.9


def test_a_hue_from_a_setting_cannot_leave_its_bounds() -> None:
    assert brand_css(Village(hue=725, chroma=9.0).face) == ":root { --hue: 5; --chroma: 0.110; }\n"
    assert len(HUES) == 8


def test_a_network_without_letters_still_has_an_icon() -> None:
    assert ">F</text>" in icon_svg(Village(name="<>&").face)
    assert ">É</text>" in icon_svg(Village(name="“école”").face)
