"""app.bsky.feed.*: feeds that somebody picks the items of, read here or asked for by other AppViews.

Source: lexicons app.bsky.feed.getFeed, getFeedGenerator(s), getFeedSkeleton, describeFeedGenerator, sendInteractions,
getSuggestedFeeds, app.bsky.unspecced.getPopularFeedGenerators, getSuggestedFeeds, getTrends, getTrendingTopics
"""

from collections.abc import Awaitable, Callable
from typing import Any

from freehold.api.bsky import viewed
from freehold.api.caller import ACCESS, NONE, OPTIONAL, Caller
from freehold.api.listening import listening
from freehold.api.xrpc import Answer, Given, Handler, procedure, query
from freehold.feeds.feeds import Feeds
from freehold.site import Site

Json = dict[str, Any]
Read = Callable[[Feeds, str | None, Given], Awaitable[Json] | Json]

FEED, UNSPECCED = "app.bsky.feed.", "app.bsky.unspecced."
BY_SERVICE = frozenset(
    {
        *(FEED + name for name in ("getFeed", "getFeedGenerator", "getFeedGenerators", "getFeedSkeleton")),
        *(FEED + name for name in ("getSuggestedFeeds", "sendInteractions")),
        *(UNSPECCED + name for name in ("getPopularFeedGenerators", "getSuggestedFeeds")),
        *(UNSPECCED + name for name in ("getTrends", "getTrendingTopics")),
    }
)
"""Methods where a service token counts too."""


def _reads(nsid: str, cost: int = 1) -> Callable[[Read], Handler]:
    """Register a view that needs no more than who reads: what was written before the call is in it."""

    def register(read: Read) -> Handler:
        @query(nsid, auth=OPTIONAL, cost=cost)
        async def view(site: Site, caller: Caller, given: Given) -> Answer:
            await site.caught_up()
            rev = site.views.repo_rev(caller.did) if caller.did is not None else None
            heard = listening(site, given.headers)
            answer = read(site.feeds.listening(heard.views), caller.did, given)
            return viewed(answer if isinstance(answer, dict) else await answer, heard, rev)

        return view

    return register


@_reads(FEED + "getFeed", cost=2)
def get_feed(feeds: Feeds, viewer: str | None, given: Given) -> Awaitable[Json]:
    return feeds.get_feed(viewer, languages=given.headers.get("accept-language"), **given.params)


@_reads(FEED + "getFeedSkeleton", cost=2)
def get_feed_skeleton(feeds: Feeds, viewer: str | None, given: Given) -> Awaitable[Json]:
    return feeds.get_feed_skeleton(viewer, **given.params)


@_reads(FEED + "getFeedGenerator")
def get_feed_generator(feeds: Feeds, viewer: str | None, given: Given) -> Awaitable[Json]:
    return feeds.get_feed_generator(viewer, **given.params)


@_reads(FEED + "getFeedGenerators")
def get_feed_generators(feeds: Feeds, viewer: str | None, given: Given) -> Json:
    return feeds.get_feed_generators(viewer, **given.params)


@_reads(UNSPECCED + "getPopularFeedGenerators")
def get_popular_feed_generators(feeds: Feeds, viewer: str | None, given: Given) -> Json:
    return feeds.get_popular_feed_generators(viewer, **given.params)


@_reads(FEED + "getSuggestedFeeds")
def get_suggested_feeds_of_lexicon(feeds: Feeds, viewer: str | None, given: Given) -> Json:
    return feeds.get_popular_feed_generators(viewer, **given.params)


@_reads(UNSPECCED + "getSuggestedFeeds")
def get_suggested_feeds(feeds: Feeds, viewer: str | None, given: Given) -> Json:
    return feeds.get_suggested_feeds(viewer, **given.params)


@_reads(UNSPECCED + "getTrends")
def get_trends(feeds: Feeds, viewer: str | None, given: Given) -> Json:
    return feeds.get_trends(viewer, **given.params)


@_reads(UNSPECCED + "getTrendingTopics")
def get_trending_topics(feeds: Feeds, viewer: str | None, given: Given) -> Json:
    return feeds.get_trending_topics(viewer, given.params["limit"])


@query(FEED + "describeFeedGenerator", auth=NONE)
async def describe_feed_generator(site: Site, caller: Caller, given: Given) -> Json:
    return site.feeds.describe_feed_generator()


@procedure(FEED + "sendInteractions", auth=ACCESS)
async def send_interactions(site: Site, caller: Caller, given: Given) -> Json:
    """Taken and not kept: nothing here is ranked by what somebody looks at."""
    return {}
