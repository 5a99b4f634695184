"""The hydrate step for posts: they, what they show, and how the reader stands to all of it.

A post may show another post, or what somebody declares: a feed, a labeller, a list, a starter pack.
Source: the lexicon app.bsky.embed.record
"""

from collections.abc import Iterable

from freehold.appview import generators, list_views, listings, pack_views
from freehold.appview.lists import LIST
from freehold.appview.packs import PACK
from freehold.appview.page import Page
from freehold.appview.pieces import Json


def hydrate(page: Page, posts: Iterable[int]) -> None:
    """Load posts with all that they show, the roots of their threads (whose gates say who may answer), their authors,
    and how the reader stands to all of it."""
    page.load_posts(posts)
    page.load_posts({piece.root for piece in page.linked if piece.root})
    named = {piece.quoted for piece in page.linked if piece.quoted is not None and piece.quote is not None}
    new = named - page.declared.keys()
    declared = [view for uri in new if (view := _declared(page, uri)) is not None] if new else []
    page.load_states()
    page.declared |= {view["uri"]: view for view in declared}


def _declared(page: Page, uri: str) -> Json | None:
    """What a post shows that is no post."""
    if f"/{LIST}/" in uri:
        row = listings.by_uri(page, uri)
        return next(iter(list_views.shown(page, [row])), None) if row is not None else None
    if f"/{PACK}/" in uri:
        pack = pack_views.by_uri(page, uri)
        return next((pack_views.basic(page, row) for row in pack_views.shown(page, [pack])), None) if pack else None
    return generators.declared(page, uri)
