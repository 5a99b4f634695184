"""The four feeds of the network itself: how each picks its items, and why each item is there.

Every one looks at a bounded number of items by the index's own numbers (the newest feed items, what some people liked
last), so that it costs the same in a village and in a nation. None knows the reader but Popular with friends, which
knows whom they follow.
"""

from collections import defaultdict
from collections.abc import Callable
from heapq import nlargest

from freehold.appview.feeds import Item
from freehold.appview.page import Page
from freehold.appview.parts import PICTURES
from freehold.feeds.ranking import Counted, Pick, Standing, counted, in_order, stands_at, thinned
from freehold.feeds.reasons import Why
from freehold.feeds.records import Words

DISCOVER_LOOKS, STRETCH_LOOKS = 1_000, 2_000
"""Feed items that Discover looks at, and Photos and Local for each stretch of a page."""
ACTIVE, LIKES_EACH = 100, 10
"""How many of those who spoke last are asked what they liked last, and how much of that."""
FRIENDS, FRIENDS_LOOKS, FRIEND_LIKES = 300, 1_000, 20
"""How many friends are asked, for how many likes in all and how many of one; at least for three of each."""
BEST = 1_000
DISCOVER_HOURS = 6
FRIENDS_HOURS = 12

WORDS = {
    "discover": Words(
        "Discover",
        "What people here talk about. A post stands as if it were 6 hours newer for each doubling of its likes and"
        " replies, and of its echoes and quotes, which count twice; an author's second post of a day stands 6 hours"
        " lower, the fourth 12. The same for everybody.",
    ),
    "friends": Words(
        "Popular with friends",
        "What those whom you follow liked or echoed last. A post stands as if it were 12 hours newer for each doubling"
        " of how many of them did.",
    ),
    "photos": Words("Photos", "Posts with pictures, the newest first. Nothing is picked out."),
    "local": Words("Local", "Everything that members of this network post, the newest first. Nothing is picked out."),
}
"""The network's own feeds by their record keys."""

_RECENT = "SELECT moment, actor, post, repost, parent_author FROM feed_item ORDER BY moment DESC LIMIT :looks"
_BACKWARDS = (
    "SELECT moment, actor, post, repost, parent_author, media FROM feed_item WHERE moment < :before"
    " ORDER BY moment DESC"
)
_LAST = (
    "SELECT one.value, given.subject, given.rkey FROM json_each(:actors) AS one CROSS JOIN {table} AS given"
    " ON given.actor = one.value AND given.main = 1 AND given.rkey IN"
    " (SELECT rkey FROM {table} WHERE actor = one.value AND main = 1 ORDER BY rkey DESC LIMIT :each)"
)
_LIKES, _ECHOES = (_LAST.format(table=table) for table in ("post_like", "repost"))


# -- Discover --------------------------------------------------------------------------------------------------------


def discover(page: Page) -> list[Standing]:
    """The newest posts, and those that the most active people like and echo now. The same for every reader."""
    rows = page.tx.run(_RECENT, looks=DISCOVER_LOOKS)
    ids = {post for _, _, post, repost, parent_author in rows if repost is not None or not parent_author}
    active = list(dict.fromkeys(actor for _, actor, *_ in rows))[:ACTIVE]
    ids.update(subject for _, subject, _ in page.tx.run(_LIKES, actors=str(active), each=LIKES_EACH))
    standings = [
        Standing(stands_at(one.moment, one.weight, DISCOVER_HOURS), one.moment, Pick(one.item, _noticed(one)))
        for one in counted(page.tx, ids)
    ]
    return thinned(nlargest(BEST, standings), DISCOVER_HOURS)


def _noticed(one: Counted) -> Why:
    if not one.weight:
        return Why("new")
    return Why("noticed", one.likes, one.reposts, one.replies, one.quotes)


# -- Popular with friends --------------------------------------------------------------------------------------------


def popular_with_friends(page: Page) -> list[Standing]:
    """What those whom the reader follows liked and echoed last, by how many of them did."""
    friends = _friends(page)
    each = min(FRIEND_LIKES, max(3, FRIENDS_LOOKS // max(len(friends), 1)))
    likes, echoes = (_last(page, sql, friends, each) for sql in (_LIKES, _ECHOES))
    posts = counted(page.tx, likes.keys() | echoes.keys())
    standings = (_popular(one, likes[one.id], echoes[one.id]) for one in posts if one.author != page.viewer)
    return in_order(nlargest(BEST, standings))


def _last(page: Page, sql: str, friends: list[int], each: int) -> defaultdict[int, dict[int, str]]:
    """What friends liked (or echoed) last: post to friend to record key."""
    found: defaultdict[int, dict[int, str]] = defaultdict(dict)
    for friend, subject, rkey in page.tx.run(sql, actors=str(friends), each=each):
        found[subject][friend] = rkey
    return found


def _popular(one: Counted, likes: dict[int, str], echoes: dict[int, str]) -> Standing:
    friends = likes | echoes
    why = Why("friends", len(friends), echoes=len(friends) - len(likes))
    by = next(iter(friends)) if len(friends) == 1 else 0
    return Standing(stands_at(one.moment, len(friends), FRIENDS_HOURS), one.moment, Pick(one.item, why, by))


def _friends(page: Page) -> list[int]:
    """Whom the reader follows and hears, the most active first where there are many."""
    follows = [actor for actor in page.circle.follows if not page.circle.shuns(actor)]
    if len(follows) > FRIENDS:
        chains = page.memory.chains
        heads = nlargest(FRIENDS, ((chains.moment[place], place) for place in chains.heads(follows, None)))
        follows = [chains.actor[place] for _, place in heads]
    page.load_actors(follows)
    return [actor for actor in follows if page.active(actor)]


# -- Photos and Local ------------------------------------------------------------------------------------------------

Stretch = tuple[list[Pick], int | None]
"""Picks, and the moment that was reached; None at the end."""


def photos(page: Page, limit: int, before: int) -> Stretch:
    """Posts with pictures, the newest first."""
    return _backwards(page, limit, before, lambda actor, media: media == PICTURES, lambda: Why("pictures"))


def local(page: Page, limit: int, before: int, is_local: Callable[[str], bool], network: str) -> Stretch:
    """Posts of this network's own members, the newest first."""

    def wanted(actor: int, media: int) -> bool:
        page.load_actors((actor,))
        return actor in page.actors and is_local(page.actors[actor].did)

    return _backwards(page, limit, before, wanted, lambda: Why("here", name=network))


def _backwards(
    page: Page, limit: int, before: int, wanted: Callable[[int, int], bool], why: Callable[[], Why]
) -> Stretch:
    """Posts that answer nothing and are `wanted` by their (author, media), from STRETCH_LOOKS items at most."""
    picks: list[Pick] = []
    rows = page.tx.each(_BACKWARDS, before=before)
    for looks, (moment, actor, post, repost, parent_author, media) in enumerate(rows, 1):
        if repost is None and not parent_author and wanted(actor, media):
            picks.append(Pick(Item(moment, actor, post), why()))
        if len(picks) == limit or looks == STRETCH_LOOKS:
            return picks, moment
    return picks, None
