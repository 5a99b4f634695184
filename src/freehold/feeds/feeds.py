"""The feeds of one network: what both doors call.

In come the reader's DID (None for a stranger) and a feed's at-uri; out come the answers of the lexicons, and for our
own pages the reason of every item as a value. Whose feed it is decides who picks the items: the network itself (`own`),
a file of the owner's (`programs`), or another service (`foreign`). What a reader may not see is left out afterwards in
the same way for all.
Source: app.bsky.feed.getFeed, getFeedGenerator(s), getFeedSkeleton, describeFeedGenerator
"""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from functools import partial
from itertools import islice
from typing import NamedTuple

from freehold.appview import generators
from freehold.appview.asked import FAR, UnknownFeed, before, find_actor
from freehold.appview.declarations import GENERATOR
from freehold.appview.feeds import Item, shown_items
from freehold.appview.fragments import Fragment
from freehold.appview.page import Page
from freehold.appview.parts import as_list
from freehold.appview.pieces import Json, PostPiece
from freehold.appview.views import Views
from freehold.feeds import catalogue, own, trends
from freehold.feeds.editions import SHARE, Edition
from freehold.feeds.foreign import Foreign, Skeleton
from freehold.feeds.programs import Programs
from freehold.feeds.ranking import Pick, Standing, after, cursor_of
from freehold.feeds.reasons import Why, in_words

PUBLIC_DISCOVER = "at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.generator/whats-hot"
"""The Discover feed that official clients know by heart. They fall back on it when a timeline ends, and break where it
is refused; here it is this network's own."""
ROUNDS = 5


class Shown(NamedTuple):
    """An item of a feed. view: app.bsky.feed.defs#feedViewPost."""

    uri: str
    view: Fragment
    why: Why

    def said(self) -> Fragment:
        """The view with the reason in words, for apps."""
        return self.view | {"feedContext": in_words(self.why)}


class Feed(NamedTuple):
    """A page of a feed."""

    items: list[Shown]
    cursor: str | None = None


class Feeds:
    """One network's feeds.

    did: of the feeds service. network: the network's name now. is_local: whether a DID has an account here. share: see
    `editions`.
    """

    def __init__(
        self,
        views: Views,
        did: str,
        *,
        foreign: Foreign,
        programs: Programs,
        network: Callable[[], str],
        is_local: Callable[[str], bool],
        share: float = SHARE,
    ) -> None:
        self.views = views
        self.did = did
        self.foreign = foreign
        self.programs = programs
        self._network = network
        self._is_local = is_local
        self._discover = Edition(own.discover, share)
        self._known = Edition(catalogue.read, share)
        self._topics = Edition(trends.Listener(views.labelers.redacting).topics, share)

    def uri(self, name: str) -> str:
        """The at-uri of a feed that this network makes itself."""
        return f"at://{self.did}/{GENERATOR}/{name}"

    @property
    def names(self) -> list[str]:
        """The feeds that this network makes itself: its own, then the owner's."""
        return [*own.WORDS, *self.programs.names]

    def listening(self, views: Views) -> "Feeds":
        """The same feeds, shown by these views."""
        feeds = copy(self)
        feeds.views = views
        return feeds

    # -- reading -----------------------------------------------------------------------------------------------------

    async def get_feed(
        self, viewer: str | None, feed: str, limit: int = 50, cursor: str | None = None, languages: str | None = None
    ) -> Json:
        """app.bsky.feed.getFeed. languages: the caller's accept-language, for other services. Raises UnknownFeed."""
        page = await self.page(viewer, feed, limit, cursor, languages)
        views = [one.view if one.why.kind == "elsewhere" else one.said() for one in page.items]
        return {"feed": views, **({"cursor": page.cursor} if page.cursor is not None else {})}

    async def page(
        self, viewer: str | None, feed: str, limit: int, cursor: str | None, languages: str | None = None
    ) -> Feed:
        """A page of any feed, with its reasons. Raises UnknownFeed."""
        name, asked = self._whose(viewer, feed)
        if asked is None:
            return await self.read(viewer, name, limit, cursor)
        skeleton = await self.foreign.skeleton(name, asked, limit, cursor, viewer, languages)
        with self.views.open(viewer) as opened:
            return _hydrated(opened, skeleton)

    async def read(self, viewer: str | None, name: str, limit: int, cursor: str | None) -> Feed:
        """A page of a feed that this network makes itself. Raises UnknownFeed, BadCursor."""
        wanted = await self.programs.standings(name) if name in self.programs.names else None
        with self.views.open(viewer) as page:
            if wanted is not None:
                return _ranked(page, after(wanted, cursor), limit)
            match name:
                case "discover":
                    return _ranked(page, after(self._discover.read(page), cursor), limit)
                case "friends":
                    return _ranked(page, after(self._among_friends(page), cursor), limit)
                case "photos":
                    return _backwards(page, limit, cursor, partial(own.photos, page))
                case "local":
                    local = partial(own.local, page, is_local=self._is_local, network=self._network())
                    return _backwards(page, limit, cursor, local)
        raise UnknownFeed(feed=name)

    def _among_friends(self, page: Page) -> list[Standing]:
        """Whoever follows nobody, or is not signed in, has Discover; each item says so by its reason."""
        return own.popular_with_friends(page) if page.circle.follows else self._discover.read(page)

    async def get_feed_skeleton(
        self, viewer: str | None, feed: str, limit: int = 50, cursor: str | None = None
    ) -> Json:
        """app.bsky.feed.getFeedSkeleton, for other AppViews. Raises UnknownFeed."""
        name, asked = self._whose(viewer, feed)
        if asked is not None:
            raise UnknownFeed(feed=feed)
        page = await self.read(viewer, name, limit, cursor)
        items = [{"post": one.uri, "feedContext": in_words(one.why)} for one in page.items]
        return {"feed": items, **({"cursor": page.cursor} if page.cursor is not None else {})}

    def describe_feed_generator(self) -> Json:
        """app.bsky.feed.describeFeedGenerator."""
        return {"did": self.did, "feeds": [{"uri": self.uri(name)} for name in self.names]}

    def _whose(self, viewer: str | None, feed: str) -> tuple[str, str | None]:
        """(name, None) of a feed of our own, (at-uri, DID of the service) of another. Raises UnknownFeed."""
        if feed == PUBLIC_DISCOVER:
            return "discover", None
        parts = feed.split("/")
        with self.views.open(viewer) as page:
            if len(parts) == 5 and parts[3] == GENERATOR and self._is_ours(page, parts[2]) and parts[4] in self.names:
                return parts[4], None
            found = generators.service_of(page, feed)
        if found is None or found[1] == self.did:
            raise UnknownFeed(feed=feed)
        return found

    def _is_ours(self, page: Page, authority: str) -> bool:
        """Whether this is the feeds service, by DID or handle."""
        if authority.startswith("did:"):
            return authority == self.did
        actor = find_actor(page.tx, authority)
        return actor is not None and actor == find_actor(page.tx, self.did)

    # -- feeds as things ---------------------------------------------------------------------------------------------

    async def get_feed_generator(self, viewer: str | None, feed: str) -> Json:
        """app.bsky.feed.getFeedGenerator. isOnline, isValid: of another service, as it said of itself lately."""
        views = self.get_feed_generators(viewer, [feed])["feeds"]
        if not views:
            raise UnknownFeed("could not find feed", name="InvalidRequest", feed=feed)
        (view,) = views
        if view["did"] != self.did:
            online, offered = await self.foreign.health(view["did"])
            return {"view": view, "isOnline": online, "isValid": view["uri"] in offered}
        name = "discover" if feed == PUBLIC_DISCOVER else view["uri"].rpartition("/")[2]
        ours = view["uri"] in (PUBLIC_DISCOVER, self.uri(name)) and name in self.names
        return {"view": view, "isOnline": ours and not self.programs.fault(name), "isValid": ours}

    def get_feed_generators(self, viewer: str | None, feeds: Sequence[str]) -> Json:
        """app.bsky.feed.getFeedGenerators: those that are there."""
        asked = [self.uri("discover") if feed == PUBLIC_DISCOVER else feed for feed in islice(feeds, 100)]
        with self.views.open(viewer) as page:
            found = generators.feed_generators(page, asked)["feeds"]
        if PUBLIC_DISCOVER not in feeds:
            return {"feeds": found}
        ours = self.uri("discover")
        alias = [view | {"uri": PUBLIC_DISCOVER} for view in found if view["uri"] == ours]
        return {"feeds": (found if ours in feeds else [view for view in found if view["uri"] != ours]) + alias[:1]}

    # -- what there is ---------------------------------------------------------------------------------------------

    def get_popular_feed_generators(
        self, viewer: str | None, limit: int = 50, cursor: str | None = None, query: str = ""
    ) -> Json:
        """app.bsky.unspecced.getPopularFeedGenerators, app.bsky.feed.getSuggestedFeeds. Raises BadCursor."""
        with self.views.open(viewer) as page:
            ours = [self.uri(name) for name in self.names]
            return catalogue.popular(page, self._known.read(page), ours, limit, cursor, query)

    def get_suggested_feeds(self, viewer: str | None, limit: int = 10) -> Json:
        """app.bsky.unspecced.getSuggestedFeeds."""
        return {"feeds": self.get_popular_feed_generators(viewer, limit)["feeds"]}

    def get_trends(self, viewer: str | None, limit: int = 10) -> Json:
        """app.bsky.unspecced.getTrends."""
        with self.views.open(viewer) as page:
            return trends.trends(page, self._topics.read(page), limit)

    def get_trending_topics(self, viewer: str | None, limit: int = 10) -> Json:
        """app.bsky.unspecced.getTrendingTopics."""
        feeds = {words.title: self.uri(name) for name, words in {**own.WORDS, **self.programs.words}.items()}
        with self.views.open(viewer) as page:
            return trends.trending_topics(page, self._topics.read(page), limit, feeds)


# -- from picks to a page ----------------------------------------------------------------------------------------------


def _ranked(page: Page, left: Sequence[Standing], limit: int) -> Feed:
    """As full a page as there is of items in order, since what is not visible leaves gaps."""
    feed = Feed([])
    place = 0
    while len(feed.items) < limit and place < len(left):
        some = left[place : place + limit - len(feed.items)]
        place += len(some)
        _show(page, [one.pick for one in some], feed)
    return feed._replace(cursor=cursor_of(left[place - 1]) if place < len(left) else None)


def _backwards(page: Page, limit: int, cursor: str | None, stretch: Callable[[int, int], own.Stretch]) -> Feed:
    """As full a page of an order by time as a few stretches give. Raises BadCursor."""
    feed = Feed([])
    reached: int | None = FAR if cursor is None else before(cursor)
    for _ in range(ROUNDS):
        if reached is None or len(feed.items) == limit:
            break
        picks, reached = stretch(limit - len(feed.items), reached)
        _show(page, picks, feed)
    return feed._replace(cursor=str(reached) if reached is not None else None)


def _show(page: Page, picks: Iterable[Pick], feed: Feed) -> None:
    """Add those that the reader may see, each with its reason."""
    by_item = {pick.item: pick for pick in picks}
    page.load_actors({pick.by for pick in by_item.values() if pick.by})
    for item, view in shown_items(page, list(by_item), lambda _, post: not page.circle.shuns(post.author)):
        piece = page.posts[item.post]
        feed.items.append(Shown(piece.uri, view, _filled_in(page, by_item[item], piece)))


def _filled_in(page: Page, pick: Pick, piece: PostPiece) -> Why:
    """The reason with what is only known of what is shown: a friend's name, how many pictures."""
    if pick.by:
        friend = page.actors[pick.by].basic
        return pick.why._replace(name=friend.get("displayName") or friend["handle"])
    if pick.why.kind == "pictures" and piece.media is not None:
        return pick.why._replace(n=len(as_list(piece.media.get("images", piece.media.get("items")))))
    return pick.why


def _hydrated(page: Page, skeleton: Skeleton) -> Feed:
    """What another service picked, as far as the index holds it and the reader may see it."""

    def visible(item: Item, post: PostPiece) -> bool:
        reposted = item.moment != post.moment
        return not page.circle.shuns(post.author) and not (reposted and page.circle.shuns(item.actor))

    picked = skeleton.resolved(page)
    request = {"reqId": skeleton.request} if skeleton.request is not None else {}
    items = [
        Shown(page.posts[item.post].uri, view | picked[item].more | request, Why("elsewhere"))
        for item, view in shown_items(page, list(picked), visible)
    ]
    return Feed(items, skeleton.cursor)
