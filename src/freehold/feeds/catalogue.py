"""The feeds that there are: the network's own first, then by how many people like them; and found by words.

Source: app.bsky.unspecced.getPopularFeedGenerators, app.bsky.feed.getSuggestedFeeds
"""

from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from freehold.appview import generators
from freehold.appview.asked import before
from freehold.appview.declarations import GENERATOR
from freehold.appview.page import Page
from freehold.appview.pieces import Json
from freehold.protocol import cbor

MOST = 2_000
"""Feeds that are looked at; where more are declared, those of the accounts that came first."""
WORDS_MOST = 20
_ALL = (
    "SELECT did, declaration.rkey, declaration.record, coalesce(post.likes, 0) FROM declaration"
    " JOIN actor ON actor.id = declaration.actor"
    " LEFT JOIN post ON post.author = declaration.actor AND post.rkey = collection || '/' || declaration.rkey"
    " WHERE collection = :collection AND actor.status IS NULL LIMIT :most"
)


class Known(NamedTuple):
    """A feed. words: its name and description, in small letters."""

    uri: str
    words: str
    likes: int


def read(page: Page) -> list[Known]:
    """All that are looked at, those first that most people like."""
    rows = page.tx.run(_ALL, collection=GENERATOR, most=MOST)
    known = [Known(f"at://{did}/{GENERATOR}/{rkey}", _words(raw), likes) for did, rkey, raw, likes in rows]
    return sorted(known, key=itemgetter(2), reverse=True)


def popular(
    page: Page, known: list[Known], ours: Iterable[str], limit: int, cursor: str | None, query: str = ""
) -> Json:
    """A page of them. ours: the at-uris of the network's own, in their order. Raises BadCursor."""
    skip = 0 if cursor is None else before(cursor)
    words = query.lower().split()[:WORDS_MOST]
    found = [one.uri for one in known if all(word in one.words for word in words)]
    own = [uri for uri in ours if uri in set(found)]
    uris = own + [uri for uri in found if uri not in set(own)]
    more = {"cursor": str(skip + limit)} if skip + limit < len(uris) else {}
    return {**generators.feed_generators(page, uris[skip : skip + limit]), **more}


def _words(raw: bytes) -> str:
    record = cbor.decode_json(raw)
    texts = (record.get("displayName"), record.get("description"))
    return " ".join(text.lower() for text in texts if isinstance(text, str))
