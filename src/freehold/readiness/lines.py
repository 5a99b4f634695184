"""One thing that a network depends on, as it is said to people: at a terminal in English, on a page in their language.

`what` and `say` are sentences that a translation knows, with `%(…)s` for the facts; `todo` is a command, for all alike.
"""

from collections.abc import Mapping
from typing import NamedTuple

GOOD, DOUBT, BAD = "✓", "!", "✗"
"""Something else takes its place; something is to be done; it would not come back."""
DAY = 86_400 * 1_000_000


class Line(NamedTuple):
    """mark: one of the three. what: can be lost. uses: its name, if it has one. say: what then. todo: a command.

    tried: when its spare was last tried in earnest, in micros; 0: never; None: there is nothing to try.
    """

    mark: str
    what: str
    say: str
    facts: Mapping[str, str] = {}
    uses: str = ""
    todo: str = ""
    tried: int | None = None

    def said(self) -> str:
        """In English."""
        return self.say % self.facts if self.facts else self.say


def days_since(now: int, then: int) -> int:
    """Whole days."""
    return max(0, (now - then) // DAY)
