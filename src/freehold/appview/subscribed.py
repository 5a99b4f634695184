"""Posts of those whom the reader subscribes to, found when they are read: merged from the chained index, as the home
timeline is. So nothing is written for each subscriber, and no table tells who they are.

Who posts decides who may subscribe: followers (unless they say otherwise), mutuals or nobody.
Source: app.bsky.notification.putActivitySubscription, listActivitySubscriptions, .declaration
"""

from typing import Any, NamedTuple

from freehold.appview import present
from freehold.appview.asked import SignInNeeded, before_pair, find_actor, pair_cursor
from freehold.appview.chains import Wanted
from freehold.appview.moments import TIE_BITS
from freehold.appview.page import Page
from freehold.appview.pieces import Json
from freehold.appview.runs import newest_on_disk

SUBSCRIBED = "subscribed-post"
_ALL = 1 << 62


class Subscription(NamedTuple):
    """since: micros; what was posted before is not told."""

    posts: bool
    replies: bool
    since: int


class Subscribed:
    """The reader's subscriptions that are in force now."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._by_actor = _in_force(page) if page.own.subscriptions else {}
        self._oldest = min((one.since for one in self._by_actor.values()), default=0)

    def posts(self, before: tuple[int, int], limit: int) -> tuple[list[tuple[Any, ...]], tuple[int, int] | None]:
        """Rows as of table notification, newest first, with a post's moment for the id and its id for the record key;
        and the (time, id) that was reached, None at the end."""
        if not self._by_actor:
            return [], None
        found, reached = self._newest(min(max(before[1], before[0] << TIE_BITS), _ALL), limit)
        rows = [
            (moment >> TIE_BITS, moment, SUBSCRIBED, actor, post, None)
            for moment, actor, post in found
            if self._is_news(moment, actor, post)
        ]
        if reached is None or reached >> TIE_BITS < self._oldest:
            return rows, None
        return rows, (reached >> TIE_BITS, reached)

    def _newest(self, before: int, limit: int) -> tuple[list[tuple[int, int, int]], int | None]:
        chains, wanted = self._page.memory.chains, self._wanted()
        places, reached = chains.newest(self._by_actor, limit, before, wanted)
        found = [(chains.moment[place], chains.actor[place], chains.post[place]) for place in places]
        if reached is None and chains.since:
            until = min(before, chains.since)
            older, reached = newest_on_disk(self._page.tx, self._by_actor, limit - len(found), until, wanted)
            found += older
        self._page.load_posts(post for _, _, post in found)
        return found, reached

    def _wanted(self) -> Wanted:
        by_actor = self._by_actor

        def wanted(author: int, parent: int, root: int) -> bool:
            asked = by_actor.get(author)
            return asked is not None and (asked.replies if parent else asked.posts)

        return wanted

    def _is_news(self, moment: int, actor: int, id: int) -> bool:
        """Whether it is a post, not a repost, from after the subscription, in a thread that is not muted."""
        post = self._page.posts.get(id)
        if post is None or post.moment != moment or moment >> TIE_BITS <= self._by_actor[actor].since:
            return False
        return post.thread not in self._page.circle.thread_mutes


def _in_force(page: Page) -> dict[int, Subscription]:
    """Of those who let the reader subscribe."""
    asked = {find_actor(page.tx, did): Subscription(*values) for did, values in page.own.subscriptions.items()}
    page.load_actors(id for id in asked if id is not None)
    page.load_states()
    return {id: one for id, one in asked.items() if id is not None and _tells(page, id)}


def _tells(page: Page, actor: int) -> bool:
    return not page.circle.shuns(actor) and present.lets_subscribe(page, actor)


def subscriptions(page: Page, limit: int, cursor: str | None) -> Json:
    """app.bsky.notification.listActivitySubscriptions: whom the reader subscribes to, the last first."""
    if page.viewer_did is None:
        raise SignInNeeded
    before = before_pair(cursor)
    asked = ((at, find_actor(page.tx, did)) for did, (_, _, at) in page.own.subscriptions.items())
    rows = sorted(((at, id) for at, id in asked if id is not None and (at, id) < before), reverse=True)[:limit]
    page.load_actors(id for _, id in rows)
    page.load_states()
    shown = [id for _, id in rows if page.active(id) and not page.circle.blocked(id)]
    return {"subscriptions": [present.profile(page, id) for id in shown], **pair_cursor(rows, limit)}
