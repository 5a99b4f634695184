"""Where the posts that readers did something with stand in a ranked search: as if they were newer than they are.

A post's *heat* grows by one with every fourfold of what readers did with it, and puts the post so many weeks later.
Posts without heat stand at their moment and are not here. Those that have some stand a second time in a full-text
index, whose row numbers are their places: so the best hits of any words are the first that are read, among however
many, and ranked search costs what the newest-first one does. A post moves only when its heat changes, mostly once or
twice.
Tables: warm_post, post_top.
"""

from typing import NamedTuple

from freehold.appview.moments import TIE_BITS, free_place
from freehold.appview.parts import media_of
from freehold.appview.words import words_in
from freehold.protocol import cbor
from freehold.store.tx import Tx

HEATS = 8
WEEK_MICROS = 7 * 86_400 * 1_000_000
WEIGHT = "post.likes + 2 * post.reposts + post.replies + 2 * post.quotes"
"""What readers did with a post, in SQL: a repost and a quote count twice, for they carry it on to others."""
WORTH = {"likes": 1, "reposts": 2, "replies": 1, "quotes": 2}


def heat(weight: int) -> int:
    """0 for nothing, 1 for 1 to 3, 2 for 4 to 15, 3 for 16 to 63 … HEATS at most. weight: 0 or more."""
    return min((weight.bit_length() + 1) // 2, HEATS)


def place(moment: int, heat: int) -> int:
    """Where a post of a moment stands by its heat, unless another stands there already."""
    return moment + (heat * WEEK_MICROS << TIE_BITS)


class Words(NamedTuple):
    """A row of post_top."""

    stands: int
    text: str
    marks: str


class Moves:
    """The places that one transaction gives and takes. The full-text index is written at its end, by `finish`."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._gone: list[int] = []
        self._new: list[Words] = []

    def move(self, post: int, anew: bool) -> None:
        """Let a post stand where its heat puts it now. anew: its words may be others."""
        row = self._tx.one(
            f"SELECT moment, {WEIGHT}, author, parent, root, record FROM post WHERE id = :id", id=post
        ) or (None, 0)
        moment, warmth = row[0], heat(row[1]) if row[0] is not None else 0
        held = self._tx.one("SELECT stands, heat FROM warm_post WHERE post = :post", post=post)
        if (held[1] if held is not None else 0) == warmth and not (anew and held is not None):
            return
        if held is not None:
            self._tx.run("DELETE FROM warm_post WHERE post = :post", post=post)
            self._gone.append(held[0])
        if warmth:
            # Posts can lie weeks apart to the microsecond, and have the same tie.
            stands = free_place(self._tx, "warm_post", "stands", place(moment, warmth))
            self._tx.run(
                "INSERT INTO warm_post (stands, post, heat) VALUES (:stands, :post, :heat)",
                stands=stands,
                post=post,
                heat=warmth,
            )
            self._new.append(Words(stands, *words_of(*row[2:])))

    def finish(self) -> None:
        """Write the full-text index, in the order of the places: it would begin a new part of itself for each that lies
        before the last."""
        for stands in self._gone:
            self._tx.run("DELETE FROM post_top WHERE rowid = :stands", stands=stands)
        for words in sorted(self._new):
            self._tx.run("INSERT INTO post_top (rowid, text, marks) VALUES (:stands, :text, :marks)", **words._asdict())


def words_of(author: int, parent: int | None, root: int | None, raw: bytes) -> tuple[str, str]:
    """(text, marks) by which a post is found. raw: its record in DAG-CBOR."""
    record = cbor.decode_json(raw)
    return words_in(record, author=author, parent=parent, root=root, media=media_of(record))


def changes(name: str, by: int, weight: int) -> bool:
    """Whether a count that was moved `by`, to this weight, has changed the heat."""
    return heat(weight) != heat(max(weight - by * WORTH[name], 0))
