"""Where the posts that readers did something with stand in a ranked search: as if they were newer than they are.

A post's *heat* grows by one with every fourfold of what readers did with it, and puts the post so many weeks later.
Posts without heat stand at their moment and are not here. Those that have some stand a second time in a full-text
index, whose row numbers are their places: so the best hits of any words are the first that are read, among however
many, and ranked search costs what the newest-first one does. A post moves only when its heat changes, mostly once or
twice.
Tables: warm_post, post_top.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from freehold.appview.moments import TIE_BITS, free_place
from freehold.appview.parts import media_of
from freehold.appview.words import marks_at, words_in
from freehold.protocol import cbor
from freehold.store.tx import Tx

HEATS = 8
WEEK_MICROS = 7 * 86_400 * 1_000_000
WEIGHT = "post.likes + 2 * post.reposts + post.replies + 2 * post.quotes"
"""What readers did with a post, in SQL: a repost and a quote count twice, for they carry it on to others."""
WORTH = ("likes", "reposts", "replies", "quotes")
"""Counts of a post that are weighed."""


def heat(weight: int) -> int:
    """0 for nothing, 1 for 1 to 3, 2 for 4 to 15, 3 for 16 to 63 … HEATS at most. weight: 0 or more."""
    return min((weight.bit_length() + 1) // 2, HEATS)


def place(moment: int, heat: int) -> int:
    """Where a post of a moment stands by its heat, unless another stands there already."""
    return moment + (heat * WEEK_MICROS << TIE_BITS)


class Stand(NamedTuple):
    """Where a post is to stand, and by which words it is found there."""

    stands: int
    post: int
    heat: int
    author: int
    words: tuple[str, str]


_STANDING = (
    f"SELECT asked.id, moment, {WEIGHT}, stands, heat, post.author, parent, root, record FROM (SELECT ? AS id) AS asked"
    " LEFT JOIN post ON post.id = asked.id LEFT JOIN warm_post ON warm_post.post = asked.id"
)


def move(tx: Tx, posts: Mapping[int, bool]) -> None:
    """Let posts stand where their heat puts them now. True: their words may be others.

    The full-text index is written last, in the order of the places: it would begin a new part of itself for each that
    lies before the last.
    """
    if not posts:
        return
    gone: list[tuple[int]] = []
    new: list[Stand] = []
    for id, moment, weight, stands, held, author, *columns in tx.answers(_STANDING, ((post,) for post in posts)):
        warmth = heat(weight) if moment is not None else 0
        if warmth == (held or 0) and not (posts[id] and held):
            continue
        if held is not None:
            gone.append((stands,))
        if warmth:
            new.append(Stand(place(moment, warmth), id, warmth, author, words_of(author, *columns)))
    tx.many("DELETE FROM warm_post WHERE stands = ?", gone)
    new = _put(tx, sorted(new))
    tx.many("DELETE FROM post_top WHERE rowid = ?", gone)
    rows = [(one.stands, one.words[0], marks_at(one.stands, one.words[1])) for one in sorted(new)]
    tx.many("INSERT INTO post_top (rowid, text, marks) VALUES (?, ?, ?)", rows)


_PUT = "INSERT INTO warm_post (stands, post, heat, author) VALUES (?, ?, ?, ?)"


def _put(tx: Tx, new: list[Stand]) -> list[Stand]:
    """Write their rows, each at the first free place from its own on; where they stand then. (Posts can lie weeks apart
    to the microsecond, and have the same tie.)"""
    places = ((one.stands,) for one in new)
    taken = {stands for (stands,) in tx.answers("SELECT stands FROM warm_post WHERE stands = ?", places)}
    free = {one.stands: one for one in reversed(new) if one.stands not in taken}
    tx.many(_PUT, [one[:4] for one in free.values()])
    put = list(free.values())
    for one in new:
        if free.get(one.stands) is not one:
            one = one._replace(stands=free_place(tx, "warm_post", "stands", one.stands))
            tx.many(_PUT, [one[:4]])
            put.append(one)
    return put


def words_of(author: int, parent: int | None, root: int | None, raw: bytes) -> tuple[str, str]:
    """(text, marks) by which a post is found. raw: its record in DAG-CBOR."""
    record = cbor.decode_json_own(raw)
    return words_in(record, author=author, parent=parent, root=root, media=media_of(record))


def changes(by: Sequence[int], weight: int) -> bool:
    """Whether counts that were moved by so much, in the order of WORTH, to this weight, have changed the heat."""
    likes, reposts, replies, quotes = by
    before = max(weight - likes - replies - 2 * (reposts + quotes), 0)
    return before != weight and heat(weight) != heat(before)
