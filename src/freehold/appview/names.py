"""By what people are found: the words of their handles and profiles, and the well-known a second time, by rank.

Among millions, hundreds of thousands have a name that begins with the same letters, and a full-text index gives those
first that came first. So whoever has FAME followers or more stands in a second one, whose row numbers are *places*: the
higher, the more follow them. Read from its end it gives the best-known of all whose names begin so, and what that costs
does not grow with how many there are. A place changes when followers have doubled, so it is seldom written.
Tables: actor_search, actor_top.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from unicodedata import combining, normalize

from freehold.appview.words import spaced
from freehold.protocol import cbor
from freehold.store.tx import Tx

FAME = 16
"""Followers. Fewer, and half a network would stand twice; more, and those who are found by their names alone would be
too many to go through."""
_WORD = re.compile(r"[^\W_]+")
_ID_BITS = 40
_IDS = (1 << _ID_BITS) - 1


def place(actor: int, followers: int) -> int:
    """Where somebody stands among the well-known: by how often one follower would have to double to have come so far,
    then as they came; 0 for others."""
    return (followers.bit_length() << _ID_BITS) + _IDS - actor if followers >= FAME else 0


def actor_at(place: int) -> int:
    """Who stands there, by id."""
    return _IDS - (place & _IDS)


def words_of(handle: str | None, raw: bytes | None) -> tuple[str, str, str]:
    """(handle, name, description) by which somebody is found. raw: their profile in DAG-CBOR."""
    profile = cbor.decode_json(raw) if raw is not None else {}
    said = (profile.get("displayName"), profile.get("description"))
    name, description = (spaced(text) if isinstance(text, str) else "" for text in said)
    return handle or "", name, description


def begins(words: Sequence[str], beginning: str) -> bool:
    """Whether the first of these texts or some word in them begins so, regardless of case and diacritics."""
    plain, wanted = [_plain(text) for text in words], _plain(beginning)
    return plain[0].startswith(wanted) or any(word.startswith(wanted) for text in plain for word in _WORD.findall(text))


def _plain(text: str) -> str:
    return "".join(letter for letter in normalize("NFD", text.lower()) if not combining(letter))


_NAMES = "SELECT id, handle, profile, followers FROM actor WHERE id = ?"


def write(tx: Tx, named: Collection[int], moved: Mapping[int, tuple[int, int]]) -> None:
    """Let people be found by the handles and profiles that they have now, where they stand now.

    named: whose words may be others. moved: followers of others before and now, of those who have more or fewer.
    """
    climbed = {id for id, counts in moved.items() if place(id, counts[0]) != place(id, counts[1])}
    gone: list[tuple[int]] = []
    new: list[tuple[Any, ...]] = []
    for id, handle, raw, followers in tx.answers(_NAMES, ((id,) for id in sorted(climbed.union(named)))):
        held, now = (place(id, count) for count in moved.get(id, (followers, followers)))
        words = words_of(handle, raw)
        if id in named:
            tx.run("DELETE FROM actor_search WHERE rowid = :id", id=id)
            tx.many(_INSERT.format("actor_search"), [(id, *words)])
        gone += [(held,)] if held else []
        new += [(now, *words)] if now else []
    # In the order of the places, for which a full-text index begins no new part of itself.
    tx.many("DELETE FROM actor_top WHERE rowid = ?", sorted(gone))
    tx.many(_INSERT.format("actor_top"), sorted(new))


_INSERT = "INSERT INTO {} (rowid, handle, name, description) VALUES (?, ?, ?, ?)"
