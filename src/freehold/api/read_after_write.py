"""A host's members see at once what they wrote, though the views come from an AppView that is some seconds behind.

In comes what the AppView answers to one of `METHODS`. Its header `atproto-repo-rev` says up to which revision it knows
the caller's repository. If there is more here, the answer is read, completed and sent with how far behind it was, in
milliseconds; in every other case, and whenever anything of it is not as its lexicon says, it goes on as it came.
Source: https://github.com/bluesky-social/atproto `packages/pds/src/read-after-write`, for the names of headers
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from freehold.api import own_views
from freehold.api.answers import JSON, encode
from freehold.api.door import Passing, query_pairs
from freehold.api.own_views import Ask, Json, Own
from freehold.api.passing import Passage
from freehold.api.xrpc import Answer
from freehold.appview.parts import as_dict, embeds_of, reply_uris
from freehold.net.body import bounded
from freehold.pds.accounts import Account
from freehold.pds.unindexed import Fresh, written_since
from freehold.protocol.lexicon import Catalog, InvalidOutput
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import parse_at_uri
from freehold.site import Site

REV, LAG = "atproto-repo-rev", "atproto-upstream-lag"
MOST_BYTES = 4_000_000
"""Of an answer that is completed, packed or not; a hundred posts are some hundred kilobytes."""
PARENT_HEIGHT = "80"
THREAD = "app.bsky.feed.getPostThread"

Change = Callable[[Json, dict[str, str], Own], Awaitable[bool]]
"""(answer, parameters, what is new) -> whether the answer was changed."""


class Replay:
    """An answer whose beginning was read, from its beginning; as it was sent."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self._rest = aiter(passage)
        self._read: list[bytes] = []

    async def whole(self, most: int) -> bytes | None:
        """All of it, unpacked; None if it is longer, or packed as we do not know. Raises what reading raises."""
        async for piece in self._rest:
            self._read.append(piece)
            most -= len(piece)
            if most < 0:
                return None
        try:
            return b"".join([piece async for piece in bounded(_each(self._read), self._passage.headers, MOST_BYTES)])
        except Refused:
            return None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._read:
            yield piece
        async for piece in self._rest:
            yield piece

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._passage.aclose()


async def with_own(site: Site, account: Account, call: Passing, passage: Passage, answer: Answer, ask: Ask) -> Answer:
    """What the AppView answered (`passage`, as `answer`), with what `account` wrote since it last looked.

    Raises what reading the answer raises; the passage is then the caller's to close.
    """
    kind = (answer.content_type or "").partition(";")[0].strip().lower()
    unknown = call.nsid == THREAD and answer.status in (400, 404)
    if kind != JSON or not (answer.status == 200 or unknown):
        return answer
    with site.truth.reading() as tx:
        news = written_since(tx, account, passage.headers.get(REV, ""), site.takedowns)
    if news is None:
        return answer
    replay = Replay(passage)
    said = await replay.whole(MOST_BYTES)
    own = Own(account, news, site.image_url, checked(site.catalog, ask))
    new = await _completed(site.catalog, call, said, own, unknown) if said is not None else None
    if new is None:
        return Answer(replay, answer.content_type, answer.headers, answer.status)
    await passage.aclose()
    as_sent = ("content-encoding", "content-length", "vary")
    headers = [pair for pair in answer.headers if pair[0] not in as_sent]
    return Answer(new, JSON, [*headers, (LAG, str(max(0, site.clock() - news.since) // 1_000))], 200)


def checked(catalog: Catalog, ask: Ask) -> Ask:
    """The same, whose answers are as their lexicons say, or none."""

    async def asked(nsid: str, params: own_views.Params) -> Json | None:
        said = await ask(nsid, params)
        return said if said is not None and _fits(catalog, nsid, said) else None

    return asked


async def _completed(catalog: Catalog, call: Passing, data: bytes, own: Own, unknown: bool) -> bytes | None:
    """The answer with what is new in it, as JSON; None where there is nothing to add, or no telling how."""
    try:
        said, params = msgspec.json.decode(data), dict(query_pairs(call.scope["query_string"]))
        if unknown:
            said = await _unknown_thread(said, params, own)
            changed = said is not None
        else:
            changed = _fits(catalog, call.nsid, said) and await METHODS[call.nsid](said, params, own)
        return encode(said) if changed and _fits(catalog, call.nsid, said) else None
    except (
        Refused,
        msgspec.MsgspecError,
        RecursionError,
        OverflowError,
        ValueError,
    ):  # JSON that we cannot read, or not write again
        return None


def _fits(catalog: Catalog, nsid: str, said: object) -> bool:
    output = catalog.output(nsid)
    try:
        return output is not None and output.check is not None and bool(output.check(said))
    except InvalidOutput:
        return False


async def _timeline(said: Json, params: dict[str, str], own: Own) -> bool:
    return not params.get("cursor") and await own_views.into_feed(said, own.news.posts, own)


async def _author_feed(said: Json, params: dict[str, str], own: Own) -> bool:
    if not own.named(params.get("actor", "")):
        return False
    renewed = await _likes(said, params, own)
    posts = [post for post in own.news.posts if _belongs(post, params.get("filter", ""), own.did)]
    return (not params.get("cursor") and await own_views.into_feed(said, posts, own)) or renewed


async def _likes(said: Json, params: dict[str, str], own: Own) -> bool:
    """Own posts in a feed, by whatever author the feed is: under the new name and picture."""
    renewed = [own.renew(item["post"]["author"]) for item in said["feed"]]
    return any(renewed)


def _belongs(post: Fresh, wanted: str, did: str) -> bool:
    """Whether an author's feed by this filter holds the post."""
    kinds = {str(embed.get("$type")).removeprefix("app.bsky.embed.") for embed in embeds_of(post.record)}
    answered = [uri for uri in reply_uris(post.record) if uri is not None]
    match wanted:
        case "posts_no_replies":
            return not answered
        case "posts_and_author_threads":
            return all(str(uri).startswith(f"at://{did}/") for uri in answered)
        case "posts_with_media":
            return bool(kinds & {"images", "gallery", "video"})
        case "posts_with_video":
            return "video" in kinds
    return True


async def _thread(said: Json, params: dict[str, str], own: Own) -> bool:
    return await own_views.into_thread(said["thread"], own)


async def _unknown_thread(said: object, params: dict[str, str], own: Own) -> Json | None:
    """The thread of an own post of which the AppView says that there is none."""
    if as_dict(said).get("error") != "NotFound":
        return None
    at = parse_at_uri(params.get("uri", ""))
    if not own.named(at.authority):
        return None
    height = params.get("parentHeight", PARENT_HEIGHT)
    thread = await own_views.new_thread(f"at://{own.did}/{at.collection}/{at.rkey}", height, own)
    return {"thread": thread} if thread is not None else None


async def _profile(said: Json, params: dict[str, str], own: Own) -> bool:
    return own.renew(said, detailed=True)


async def _profiles(said: Json, params: dict[str, str], own: Own) -> bool:
    renewed = [own.renew(view, detailed=True) for view in said["profiles"]]
    return any(renewed)


METHODS: dict[str, Change] = {
    "app.bsky.feed.getTimeline": _timeline,
    "app.bsky.feed.getAuthorFeed": _author_feed,
    "app.bsky.feed.getActorLikes": _likes,
    THREAD: _thread,
    "app.bsky.actor.getProfile": _profile,
    "app.bsky.actor.getProfiles": _profiles,
}


async def _each(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
