"""People found by the beginnings of their names: those whom the reader follows first, then the best-known.

Two full-text indexes are asked (see `names`): that of the well-known, from its end, which costs what the page costs
however many are called so; and, where few well-known people are, that of everybody, in which a beginning of more than
WHOLE letters costs what all to be gone through whose names begin so. It may do so for a while. Then it is asked
for the first letters alone, and for other words as they stand, which costs little again.
Source: app.bsky.actor.searchActors, searchActorsTypeahead
"""

from collections.abc import Sequence

from freehold.appview import names, present
from freehold.appview.asked import before
from freehold.appview.page import Page
from freehold.appview.people import listed
from freehold.appview.pieces import Json
from freehold.appview.words import spaced
from freehold.store.tx import TookTooLong, Tx

CANDIDATES = 300
LETTERS = 3
"""Of a beginning that the index of everybody has by itself."""
BEGINNINGS_NANOS = 10_000_000
"""How long may be looked for beginnings, of CPU: some 50,000 people."""
PATIENCE_NANOS = 10_000_000
"""And, in the index of everybody, for the rest."""
_WORDS_MOST = 20
_LOOKED_AT = 1_000
"""Of those whom most follow, where these are no well-known ones."""


def search(page: Page, q: str, limit: int, cursor: str | None) -> Json:
    """app.bsky.actor.searchActors: by handle, name and description."""
    skip = 0 if cursor is None else before(cursor)
    ids = matches(page, q, "{handle name description}")[skip : skip + limit]
    return {"actors": listed(page, ids), **({"cursor": str(skip + limit)} if len(ids) == limit else {})}


def typeahead(page: Page, q: str, limit: int) -> Json:
    """app.bsky.actor.searchActorsTypeahead: by the beginnings of handle and name."""
    ids = matches(page, q, "{handle name}", 4 * limit)[: limit * 2]
    page.load_actors(ids)
    page.load_states()
    shown = [id for id in ids if page.active(id) and not page.circle.blocked(id)]
    return {"actors": [present.basic(page, id) for id in shown[:limit]]}


_KNOWN = "SELECT rowid FROM actor_top WHERE actor_top MATCH :match ORDER BY rowid DESC LIMIT :most"
_FIRST = "SELECT rowid FROM actor_search WHERE actor_search MATCH :match LIMIT :most"
_NAMES = "SELECT id, handle, profile FROM actor WHERE id IN (SELECT value FROM json_each(:ids))"
_ROW = "SELECT id, handle, followers FROM actor WHERE status IS NULL"
_AMONG = f"{_ROW} AND id IN (SELECT value FROM json_each(:ids))"
_CALLED = f"{_ROW} AND (handle = :it OR handle >= :it || '.' AND handle < :it || '/') LIMIT :most"
_FOLLOWED = f"{_AMONG} AND +handle >= :begin AND +handle < :end"
_MOST_FOLLOWED = (
    f"{_ROW} AND handle >= :begin AND handle < :end AND id IN (SELECT id FROM"
    " (SELECT id, followers FROM actor ORDER BY followers DESC, id DESC LIMIT :most) WHERE followers < :fame)"
)


def matches(page: Page, q: str, columns: str, most: int = CANDIDATES) -> list[int]:
    """The best matches: the very handle, then whom the reader follows, then by followers.

    Where more than `most` match these are the best-known; where few of them are well-known, the first that came, too;
    and of those whom the reader follows, whose handle begins so.
    """
    words = spaced(q.lower().removeprefix("@")).replace('"', " ").replace("\0", " ").split()[:_WORDS_MOST]
    if not words:
        return []
    tx, follows, exact = page.tx, page.circle.follows, q.lower().strip().removeprefix("@")
    begun = f"{columns} : " + " ".join(f'"{word}"*' for word in words)
    known = [names.actor_at(place) for place in _found(tx, _KNOWN, begun, most, BEGINNINGS_NANOS) or ()]
    first = _anybody(tx, columns, words, begun, most) if len(known) < most else []
    rows = {*tx.run(_AMONG, ids=str([*known, *first])), *tx.run(_CALLED, it=exact, most=most)}
    if most in (len(known), len(first)) and len(words) == 1:
        span = {"begin": words[0], "end": words[0] + "\U0010ffff"}
        rows.update(tx.run(_FOLLOWED, ids=str(list(follows)), **span))
        if first:
            rows.update(tx.run(_MOST_FOLLOWED, most=_LOOKED_AT, fame=names.FAME, **span))

    def rank(row: tuple[int, str | None, int]) -> tuple[bool, bool, int, int]:
        id, handle, followers = row
        is_it = handle is not None and (handle == exact or handle.partition(".")[0] == exact)
        return (not is_it, id not in follows, -followers, id)

    return [id for id, _, _ in sorted(rows, key=rank)]


def _anybody(tx: Tx, columns: str, words: Sequence[str], begun: str, most: int) -> list[int]:
    """Those who came first; where too many begin so, of the first who have the words before the last one as they stand
    and a word that begins with its first letters, those in whose names it goes on as asked. begun: all words so."""
    found = _found(tx, _FIRST, begun, most, BEGINNINGS_NANOS)
    if found is not None:
        return found
    *whole, last = words
    match = f"{columns} : " + " ".join([*(f'"{word}"' for word in whole), f'"{last[:LETTERS]}"*'])
    ids = _found(tx, _FIRST, match, CANDIDATES, PATIENCE_NANOS) or []
    rows = tx.run(_NAMES, ids=str(ids))
    return [id for id, handle, raw in rows if names.begins(names.words_of(handle, raw), last)][:most]


def _found(tx: Tx, sql: str, match: str, most: int, nanos: int) -> list[int] | None:
    """Rows of an index of names; None where it takes too long."""
    try:
        with tx.within(nanos):
            return [row for (row,) in tx.run(sql, match=match, most=most)]
    except TookTooLong:
        return None
