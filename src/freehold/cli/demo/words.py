"""All that is said in the demo's town, read from three pages of plain talk into posts that know what they answer.

The form: a line `= handle` starts a thread, `> handle` answers it, `>> handle` answers that answer, and so on; the
words follow on the next line. After the handle may stand: `fr` (the language, else English), `@18` (the hour of the
day), `#name` (a name of this post), `"name` (quotes the post of that name), `[market, tram]` (pictures of these).
In the words a bare `@handle` names another account of the town.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from freehold.cli.demo import talk_clubs, talk_home, talk_town

PAGES = {"town": talk_town.TALK, "clubs": talk_clubs.TALK, "home": talk_home.TALK}
_HEAD = re.compile(r"(=|>+) (\w+)((?: (?:fr|@\d+|#\w+|\"\w+|\[[\w, ]+\]))*)$")
_OPTION = re.compile(r"\[[^\]]+\]|\S+")


class Said(NamedTuple):
    """One post of the town.

    key: unique, e.g. `town-17`. name: what a quoting post calls it. answers: the key of the post above it, if any.
    hour: of the day, if the words ask for one. pictures: motifs of `art.SCENES`.
    """

    key: str
    who: str
    text: str
    language: str
    hour: int | None
    name: str | None
    quotes: str | None
    answers: str | None
    pictures: tuple[str, ...]


def _read_page(page: str, talk: str) -> Iterator[Said]:
    above: list[str] = []
    lines = [line for line in talk.splitlines() if line.strip()]
    for number, (head, text) in enumerate(zip(lines[::2], lines[1::2], strict=True)):
        found = _HEAD.match(head)
        if found is None:
            raise ValueError(f"{page}: not the head of a post: {head}")
        mark, who, rest = found.groups()
        depth = 0 if mark == "=" else len(mark)
        if depth > len(above):
            raise ValueError(f"{page}: an answer to nothing: {head}")
        key = f"{page}-{number}"
        options = _OPTION.findall(rest)
        taken = {option[0]: option[1:] for option in options if option != "fr"}
        yield Said(
            key,
            who,
            text,
            "fr" if "fr" in options else "en",
            int(taken["@"]) if "@" in taken else None,
            taken.get("#"),
            taken.get('"'),
            above[depth - 1] if depth else None,
            tuple(motif.strip() for motif in taken["["].rstrip("]").split(",")) if "[" in taken else (),
        )
        above[depth:] = [key]


@cache
def everything_said() -> dict[str, tuple[Said, ...]]:
    """The posts of each page, in the order in which they are told."""
    return {page: tuple(_read_page(page, talk)) for page, talk in PAGES.items()}
