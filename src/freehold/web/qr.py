"""A QR code as one SVG path, so that the page's own policy and colours hold for it.

Spec: ISO/IEC 18004, by segno
"""

from dataclasses import dataclass
from itertools import groupby

import segno

BORDER = 4
"""Modules of quiet around it, as the standard asks."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """size: of the square, in modules. path: the dark ones, run by run."""

    size: int
    path: str


def drawing_of(text: str) -> Drawing:
    """The QR code that says `text`."""
    runs = []
    size = 0
    for y, row in enumerate(segno.make_qr(text, error="m").matrix_iter(border=BORDER)):
        x = 0
        for dark, modules in groupby(row):
            wide = len(list(modules))
            if dark:
                runs.append(f"M{x} {y}h{wide}v1h-{wide}z")
            x += wide
        size = x
    return Drawing(size, "".join(runs))
