"""Whom the reader follows among the followers of an actor, and among those who like a post.

Source: app.bsky.actor.defs#knownFollowers, app.bsky.feed.defs#knownLikers
"""

from freehold.appview.page import Page

SHOWN = 5
_LOOKS = 2_000
_THEIRS = "SELECT actor FROM {} WHERE subject = :subject AND main = 1 ORDER BY at DESC, actor DESC LIMIT :looks"
_MINE = (  # CROSS JOIN: by whom the reader follows, never through all who did the same
    "SELECT edge.actor FROM json_each(:ids) AS mine CROSS JOIN {} AS edge ON edge.actor = mine.value"
    " AND edge.subject = :subject AND edge.main = 1 ORDER BY edge.at DESC, edge.actor DESC"
)


def followers(page: Page, actor: int) -> list[int]:
    """Of a loaded actor, the newest first."""
    return _known(page, "follow", actor, page.actors[actor].followers)


def likers(page: Page, post: int) -> list[int]:
    """Of a loaded post, the newest first."""
    return _known(page, "post_like", post, page.posts[post].likes)


def _known(page: Page, table: str, subject: int, many: int) -> list[int]:
    """many: who did so in all; it says which of two ways is the shorter."""
    follows = page.circle.follows
    if many <= max(len(follows) * 4, SHOWN):
        rows = page.tx.run(_THEIRS.format(table), subject=subject, looks=_LOOKS)
        return [id for (id,) in rows if id in follows]
    rows = page.tx.run(_MINE.format(table), subject=subject, ids=str(list(follows)[:_LOOKS]))
    return [id for (id,) in rows]
