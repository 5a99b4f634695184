"""Feeds that other services make: they are asked for at-uris, and shown what the index holds of these.

A service is found by the DID that the feed's record names, asked over guarded connections, with limits on time, size
and calls at once. For a member of this network it is told who asks, by a service token that is good for this one call;
a stranger's call carries nothing. A service that does not answer, or answers what is no feed, is a named refusal.
Source: app.bsky.feed.getFeedSkeleton, describeFeedGenerator;
https://atproto.com/specs/xrpc#inter-service-authentication-jwt
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from freehold.appview.asked import UnknownFeed, find_actor, post_id
from freehold.appview.batch import POST
from freehold.appview.feeds import Item
from freehold.appview.moments import TIE_BITS
from freehold.appview.page import Page
from freehold.appview.parts import as_dict, as_list, as_text
from freehold.appview.pieces import Json
from freehold.identity.cache import Cache
from freehold.identity.resolver import DidNotFound, Identity
from freehold.net.client import Client
from freehold.net.errors import UpstreamFailed
from freehold.net.xrpc import Params, Remote, RemoteRefused
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.clock import Clock

SKELETON = "app.bsky.feed.getFeedSkeleton"
DESCRIBE = "app.bsky.feed.describeFeedGenerator"
SERVICE = "#bsky_fg"
SECONDS = 5.0
MAX_BYTES = 500_000
MOST_AT_ONCE, MOST_OF_ONE = 32, 8
"""Calls that may be under way, and of these to one service."""
LONGEST_CURSOR, LONGEST_CONTEXT, LONGEST_REQUEST = 2_000, 2_000, 100
MINUTE = 60_000_000
KNOWN = {"most": 1_000, "fresh": 10 * MINUTE, "stale": 10 * MINUTE, "failed": MINUTE}
PIN = "app.bsky.feed.defs#reasonPin"

TokenFor = Callable[[str, str, str], str | None]
"""(reader's DID, service's DID, method) to a service token; None for a reader whose key is not here."""


class Refusing(InvalidRequest):
    """The service said no; under its own name, in its own words."""


class FeedsBusy(Refused):
    """More calls to feed services are under way than we let be."""

    kind, name = "unavailable", "NotEnoughResources"
    say = "Too many feeds of other services are being read just now. Try again in a moment."


class Asked(NamedTuple):
    """An item as a service gave it. more: what goes to the reader as it came."""

    uri: str
    repost: str | None
    more: Json


class Skeleton(NamedTuple):
    """A page of a feed as a service gave it. request: its own name for this answer."""

    items: list[Asked]
    cursor: str | None
    request: str | None

    def resolved(self, page: Page) -> dict[Item, Asked]:
        """What of it is in the index, in its order."""
        found: dict[Item, Asked] = {}
        for asked in self.items:
            item = _reposted(page, asked.repost, asked.uri) if asked.repost else _written(page, asked.uri)
            if item is not None:
                found.setdefault(item, asked)
        return found


class Foreign:
    """Asks for one network. token_for: see TokenFor."""

    def __init__(self, client: Client, identity: Identity, token_for: TokenFor, clock: Clock) -> None:
        self._client = client
        self._identity = identity
        self._token_for = token_for
        self._under_way: Counter[str] = Counter()
        self._offers: Cache[frozenset[str]] = Cache(clock, **KNOWN)

    async def skeleton(
        self, feed: str, service: str, limit: int, cursor: str | None, viewer: str | None, languages: str | None
    ) -> Skeleton:
        """A page of a feed. service: its DID. Raises UnknownFeed, InvalidRequest, UpstreamFailed, FeedsBusy."""
        params: dict[str, Any] = {"feed": feed, "limit": limit} | ({"cursor": cursor} if cursor is not None else {})
        headers = {"accept-language": languages} if languages else {}
        token = self._token_for(viewer, service, SKELETON) if viewer is not None else None
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return _read(await self._ask(service, SKELETON, params, headers), limit)

    async def health(self, service: str) -> tuple[bool, frozenset[str]]:
        """(whether a service answers, the feeds that it says it offers), as of some minutes ago at most."""
        try:
            return True, await self._offers.get(service, lambda: self._describe(service))
        except Refused:
            return False, frozenset()

    async def _describe(self, service: str) -> frozenset[str]:
        described = as_dict(await self._ask(service, DESCRIBE, {}, {}))
        uris = (as_text(as_dict(feed).get("uri")) for feed in as_list(described.get("feeds")))
        return frozenset(uri for uri in uris if uri is not None)

    async def _ask(self, service: str, nsid: str, params: Params, headers: dict[str, str]) -> object:
        endpoint = await self._endpoint(service)
        with self._turn(service):
            try:
                remote = Remote(self._client, endpoint, headers)
                return await remote.query(nsid, params, max_bytes=MAX_BYTES, seconds=SECONDS)
            except RemoteRefused as refused:
                if refused.name == UnknownFeed.name:
                    raise UnknownFeed(refused.say, service=service) from None
                if 400 <= refused.status < 500:
                    raise Refusing(refused.say, name=refused.name, service=service) from None
                raise UpstreamFailed("feed unavailable", service=service, status=refused.status) from None

    async def _endpoint(self, service: str) -> str:
        try:
            document = await self._identity.did_document(service)
        except DidNotFound:
            raise InvalidRequest(f"could not resolve identity: {service}") from None
        endpoint = document.services.get(SERVICE)
        if endpoint is None:
            raise InvalidRequest(f"invalid feed generator service details in did document: {service}")
        return endpoint

    @contextmanager
    def _turn(self, service: str) -> Iterator[None]:
        if self._under_way.total() >= MOST_AT_ONCE or self._under_way[service] >= MOST_OF_ONE:
            raise FeedsBusy(service=service)
        self._under_way[service] += 1
        try:
            yield
        finally:
            self._under_way[service] -= 1
            if not self._under_way[service]:
                del self._under_way[service]


def _read(answer: object, limit: int) -> Skeleton:
    """The answer of a service, checked. Raises UpstreamFailed."""
    fields = as_dict(answer)
    items, cursor, request = fields.get("feed"), fields.get("cursor"), fields.get("reqId")
    wrong = not isinstance(items, list) or not all(_fits(item) for item in items)
    if wrong or not _short(cursor, LONGEST_CURSOR) or not _short(request, LONGEST_REQUEST):
        raise UpstreamFailed("feed provided an invalid response", name="InvalidFeedResponse")
    return Skeleton([_asked(item) for item in as_list(items)[:limit]], cursor or None, request)


def _fits(item: object) -> bool:
    fields = as_dict(item)
    return isinstance(fields.get("post"), str) and _short(fields.get("feedContext"), LONGEST_CONTEXT)


def _short(text: object, most: int) -> bool:
    return text is None or (isinstance(text, str) and len(text) <= most)


def _asked(item: Json) -> Asked:
    reason = as_dict(item.get("reason"))
    more: Json = {"feedContext": item["feedContext"]} if item.get("feedContext") is not None else {}
    if str(reason.get("$type", "")).endswith("#skeletonReasonPin"):
        more["reason"] = {"$type": PIN}
    return Asked(item["post"], as_text(reason.get("repost")), more)


def _written(page: Page, uri: str) -> Item | None:
    """The post itself."""
    id = post_id(page.tx, uri) if f"/{POST}/" in uri else None
    row = page.tx.one("SELECT moment, author, id FROM post WHERE id = :id AND moment IS NOT NULL", id=id)
    return Item._make(row) if row is not None else None


def _reposted(page: Page, repost: str, uri: str) -> Item | None:
    """The post as somebody echoed it, if that is the post that they echoed."""
    parts = repost.split("/")
    actor = find_actor(page.tx, parts[2]) if len(parts) == 5 else None
    row = page.tx.one(
        "SELECT feed_item.moment, repost.actor, repost.subject FROM repost CROSS JOIN feed_item"
        " ON feed_item.actor = repost.actor AND feed_item.moment >= repost.at << :ties"
        " AND feed_item.repost = repost.rkey"
        " WHERE repost.actor = :actor AND repost.rkey = :rkey AND repost.subject = :subject AND repost.main = 1"
        " ORDER BY feed_item.moment LIMIT 1",
        ties=TIE_BITS,
        actor=actor,
        rkey=parts[-1],
        subject=post_id(page.tx, uri),
    )
    return Item._make(row) if row is not None else None
