"""The posts that the reader saved: their bookmarks, which only they see.

What was deleted since, and what stands behind a block, says so in its place, so that it can be let go.
Source: app.bsky.bookmark.getBookmarks
"""

from freehold.appview import present
from freehold.appview.asked import FAR, SignInNeeded, before, post_id
from freehold.appview.embeds import hydrate
from freehold.appview.fragments import View
from freehold.appview.moments import text_of
from freehold.appview.page import Page
from freehold.appview.pieces import Json

_AFTER_ALL = "~"


def bookmarks(page: Page, limit: int, cursor: str | None) -> Json:
    """app.bsky.bookmark.getBookmarks, the last saved first."""
    if page.viewer_did is None:
        raise SignInNeeded
    time, _, uri = (cursor or "").partition(".")
    until = (before(time), uri) if cursor else (FAR, _AFTER_ALL)
    saved = ((at, uri, cid) for uri, (cid, at) in page.own.saved.items() if (at, uri) < until)
    rows = sorted(saved, reverse=True)[:limit]
    ids = {uri: post_id(page.tx, uri) for _, uri, _ in rows}
    hydrate(page, [id for id in ids.values() if id is not None])
    views = [
        {"subject": {"uri": uri, "cid": cid}, "createdAt": text_of(at), "item": _item(page, uri, ids[uri])}
        for at, uri, cid in rows
    ]
    return {"bookmarks": views, **({"cursor": f"{rows[-1][0]}.{rows[-1][1]}"} if len(rows) == limit else {})}


def _item(page: Page, uri: str, id: int | None) -> View:
    post = page.shown(id)
    if post is None:
        return present.not_found_post(uri)
    return present.blocked_post(page, post) if page.circle.blocked(post.author) else present.post(page, post)
