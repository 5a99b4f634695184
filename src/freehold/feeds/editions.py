"""What is made of the index for all readers alike, and stands for a while: so that a crowd of readers costs little."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from freehold.appview.page import Page

T = TypeVar("T")
SHARE = 0.02
"""How much of a core's time may go into making one thing anew: after each time it stands as long as that takes."""


class Edition(Generic[T]):
    """The last of something. share: see SHARE; 1 makes it anew whenever the index changed."""

    def __init__(self, make: Callable[[Page], T], share: float = SHARE) -> None:
        self._make = make
        self._share = share
        self._kept: tuple[int, float, T] | None = None

    def read(self, page: Page) -> T:
        """As it was made last, if nothing changed since or that was just now."""
        began = time.monotonic()
        if self._kept is not None and (self._kept[0] == page.generation or began < self._kept[1]):
            return self._kept[2]
        made = self._make(page)
        took = time.monotonic() - began
        self._kept = page.generation, began + took / self._share, made
        return made
