"""A parish with feeds: its own, and files of its owner's. It can ask no other service."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from freehold.api.answers import encode
from freehold.feeds import own
from freehold.feeds.feeds import Feeds
from freehold.feeds.foreign import Foreign
from freehold.feeds.programs import Programs
from freehold.feeds.reasons import in_words
from freehold.feeds.sieve import Sieve
from freehold.feeds.window import Seen, newest
from freehold.identity.resolver import Identity
from freehold.net.client import Client
from freehold.net.guard import Guard
from freehold.protocol.syntax import format_datetime
from support.parish import Parish, Person, catalog

GENERATOR = "app.bsky.feed.generator"


class FeedingParish(Parish):
    """The feeds service is a person called feeds. away: names of people who have no account here."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.away: set[str] = set()
        self.service = self.join("feeds")
        for name, words in own.WORDS.items():
            record = {"did": self.service.did, "displayName": words.title, "description": words.description}
            self.service.write(GENERATOR, {**record, "createdAt": format_datetime(self.now)}, name)
        self.feeds = self.feeds_with(Sieve())

    def feeds_with(self, sieve: Sieve) -> Feeds:
        client = Client(Guard())
        identity = Identity(
            reading=self.truth.reading,
            client=client,
            plc="own",
            public_plc="",
            local_handle=lambda handle: None,
            local_domain=".test",
            clock=self.clock,
            outside=False,
        )
        return Feeds(
            self.views,
            self.service.did,
            foreign=Foreign(client, identity, lambda viewer, service, method: None, self.clock),
            programs=Programs(self.folder / "feeds", self.newest, sieve=sieve, fresh_seconds=0),
            network=lambda: "the parish",
            is_local=lambda did: self.people[did].name not in self.away,
            share=1,
        )

    def newest(self, looks: int) -> list[Seen]:
        with self.index_db.reading() as tx:
            return newest(tx, looks)

    def feed(self, name: str, viewer: Person | None = None, **params: Any) -> Any:
        """A page of one of our own feeds as apps get it, held against its lexicon."""
        return self.call("getFeed", viewer, feed=self.feeds.uri(name), **params)

    def call(self, name: str, viewer: Person | None = None, **params: Any) -> Any:
        """A call of app.bsky.feed once all is settled; its answer as it goes out."""
        self.settle()
        answer = getattr(self.feeds, METHODS[name])(viewer.did if viewer else None, **params)
        answer = asyncio.run(answer) if asyncio.iscoroutine(answer) else answer
        answer = msgspec.json.decode(encode(answer))
        body = catalog().output("app.bsky." + (name if "." in name else f"feed.{name}"))
        assert body is not None
        assert body.check is not None
        body.check(answer)
        return answer

    def reasons(self, name: str, viewer: Person | None = None, limit: int = 30) -> list[str]:
        """Why each item of a feed's first page is there, in words."""
        self.settle()
        page = asyncio.run(self.feeds.read(viewer.did if viewer else None, name, limit, None))
        return [in_words(one.why) for one in page.items]

    def pages(
        self, name: str, viewer: Person | None, limit: int, between: Callable[[], None] = lambda: None
    ) -> list[str]:
        """The texts of a whole feed, page by page."""
        found: list[str] = []
        cursor: str | None = None
        while True:
            answer = self.feed(name, viewer, limit=limit, cursor=cursor)
            found += texts(answer)
            if (cursor := answer.get("cursor")) is None:
                return found
            between()


def texts(answer: Any) -> list[str]:
    """What the posts of a feed say."""
    return [item["post"]["record"]["text"] for item in answer["feed"]]


METHODS = {
    "getFeed": "get_feed",
    "getFeedGenerator": "get_feed_generator",
    "getFeedGenerators": "get_feed_generators",
    "getFeedSkeleton": "get_feed_skeleton",
    "getSuggestedFeeds": "get_popular_feed_generators",
    "unspecced.getPopularFeedGenerators": "get_popular_feed_generators",
    "unspecced.getSuggestedFeeds": "get_suggested_feeds",
    "unspecced.getTrends": "get_trends",
    "unspecced.getTrendingTopics": "get_trending_topics",
}
