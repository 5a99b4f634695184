"""`freehold demo`: fill a new network with the community of `community.py`.

Everything goes through the code that members' own writes go through, with one difference: the network's clock is set
to the moment of each event, so that the history has its days. Pictures are drawn by two threads ahead of the writing.
"""

import argparse
import asyncio
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec
from tqdm import tqdm

from freehold import settings as all_settings
from freehold.cli.demo.art import Drawing, Sketch
from freehold.cli.demo.community import Community, Echoed, Event, Followed, Joined, Liked, Posted, community
from freehold.cli.opening import shared_by
from freehold.cli.rebuild import catch_up
from freehold.pds.accounts import Account
from freehold.pds.membership import Application
from freehold.pds.writes import Create, Put, Write
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import format_datetime
from freehold.site import Listening, Site
from freehold.store.clock import now_micros
from freehold.web.records import ORGANISATION
from freehold.web.text import facets

NAME = "Linden"
ABOUT = "The town of Linden, on its own ground. A demonstration: none of these people exists."
RULES = (
    "Speak to people as you would across a table.",
    "Ask before you post somebody’s picture.",
    "Say where news comes from.",
    "Cover what others may not want to see.",
)
PORT = 8000
SIGN_IN_FILE = "demo.txt"


DAYS = 14
DRAWN_AHEAD = 2
Json = dict[str, Any]


class Parts(NamedTuple):
    """Who plays whom. visitor: the member as whom to look around."""

    owner: str = "townhall"
    moderator: str = "ruth"
    visitor: str = "mei"


class NotNew(Refused):
    """There is a network in that directory already."""

    name = "NotNew"


def main(given: argparse.Namespace) -> None:
    """Make the network, write the story, say how to look at it."""
    if (given.directory / "truth.db").exists():
        raise NotNew(f"There is a network in {given.directory} already. Choose an empty directory, or delete that one.")
    story = community(given.seed, given.people, DAYS, until=now_micros())
    settings = all_settings.load(given.directory)
    clock = Clock(story.events[0].at)
    site = Site(given.directory, settings, Listening(PORT), shared_by(settings), clock)
    password = "-".join(secrets.token_hex(2) for _ in range(3))
    try:
        asyncio.run(Telling(site, clock, story, password).tell())
    finally:
        site.close()
    parts = cast(story)
    say = (
        f"Sign in as {parts.visitor}, {parts.moderator} (moderator) or {parts.owner} (owner)"
        f" with the password {password}"
    )
    (given.directory / SIGN_IN_FILE).write_text(say + "\n", "utf-8")
    print(f"\n{NAME} has {len(story.people)} people. To look around: freehold run {given.directory}\n{say}")


def cast(story: Community) -> Parts:
    """The town owns, the librarian moderates, the pastry cook shows visitors around; in a small story, whoever is
    there."""
    here = [person.handle for person in story.people]
    wanted = Parts("townhall", "ruth", "mei")
    return Parts(*(name if name in here else here[n % len(here)] for n, name in enumerate(wanted)))


class Clock:
    """The network's clock while the story is told. `at`: microseconds since 1970 UTC."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at


class Telling:
    """Writes a story into a network."""

    def __init__(self, site: Site, clock: Clock, story: Community, password: str) -> None:
        self._site = site
        self._clock = clock
        self._story = story
        self._password = password
        self._parts = cast(story)
        self._who: dict[str, Account] = {}
        self._posts: dict[str, Json] = {}
        self._drawing: dict[Sketch, Future[Drawing]] = {}

    async def tell(self) -> None:
        """All events in order of time, then the index."""
        with (
            ThreadPoolExecutor(DRAWN_AHEAD) as hands,
            tqdm(total=len(self._story.events), desc=NAME, disable=None) as bar,
        ):
            for sketch in dict.fromkeys(sketch for event in self._story.events for sketch in sketches(event)):
                self._drawing[sketch] = hands.submit(sketch.draw)
            for event in self._story.events:
                self._clock.at = max(self._clock.at, event.at)
                await self._happen(event)
                bar.update()
        await self._claim()
        await catch_up(self._site)

    async def _happen(self, event: Event) -> None:
        match event:
            case Joined():
                await self._join(event)
            case Followed():
                await self._point_at(event.who, "app.bsky.graph.follow", self._who[event.whom].did)
            case Posted():
                await self._post(event)
            case Liked():
                await self._point_at(event.who, "app.bsky.feed.like", self._posts[event.key])
            case Echoed():
                await self._point_at(event.who, "app.bsky.feed.repost", self._posts[event.key])

    async def _join(self, event: Joined) -> None:
        role = {self._parts.owner: "owner", self._parts.moderator: "moderator"}.get(event.who, "member")
        handle = event.who + self._site.place.handle_domain
        self._who[event.who] = (await self._site.members.admit(Application(handle, self._password), role)).account
        profile: Json = {"displayName": event.name, "description": event.about, "createdAt": self._now()}
        profile["avatar"] = (await self._upload(event.who, event.avatar))[0]
        if event.banner is not None:
            profile["banner"] = (await self._upload(event.who, event.banner))[0]
        if event.organisation:
            profile["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": ORGANISATION}]}
        await self._write(event.who, Put("app.bsky.actor.profile", "self", profile))

    async def _post(self, event: Posted) -> None:
        record: Json = {"text": event.text, "langs": [event.language], "createdAt": self._now()}
        found = await facets(event.text, self._did_of, self._site.place.handle_domain)
        if found:
            record["facets"] = found
        if event.parent is not None and event.root is not None:
            record["reply"] = {"root": self._posts[event.root], "parent": self._posts[event.parent]}
        if event.pictures:
            record["embed"] = await self._pictures(event)
        elif event.quotes is not None:
            record["embed"] = {"$type": "app.bsky.embed.record", "record": self._posts[event.quotes]}
        uri, cid = await self._write(event.who, Create("app.bsky.feed.post", None, record))
        self._posts[event.key] = {"uri": uri, "cid": cid}

    async def _pictures(self, event: Posted) -> Json:
        images = []
        for sketch in event.pictures:
            blob, drawn = await self._upload(event.who, sketch)
            ratio = {"width": drawn.width, "height": drawn.height}
            images.append({"image": blob, "alt": drawn.alt, "aspectRatio": ratio})
        return {"$type": "app.bsky.embed.images", "images": images}

    async def _upload(self, who: str, sketch: Sketch) -> tuple[Json, Drawing]:
        drawn = await asyncio.wrap_future(self._drawing[sketch])

        async def pieces() -> AsyncIterator[bytes]:
            yield drawn.data

        return (await self._site.blobs.upload(self._who[who].id, pieces(), drawn.mime)).as_json(), drawn

    async def _point_at(self, who: str, collection: str, subject: str | Json) -> None:
        await self._write(who, Create(collection, None, {"subject": subject, "createdAt": self._now()}))

    async def _write(self, who: str, write: Write) -> tuple[str, str]:
        done = await self._site.writes.write(self._who[who].did, [write], validate=True)
        return done.results[0].uri, str(done.results[0].cid)

    async def _did_of(self, handle: str) -> str | None:
        account = self._site.accounts.find(handle)
        return account.did if account is not None else None

    async def _claim(self) -> None:
        """The story's owner is the network's."""
        choices = msgspec.structs.replace(
            self._site.network.choices,
            name=NAME,
            about=ABOUT,
            rules=RULES,
            owner=self._who[self._parts.owner].did,
            claimed_at=self._clock(),
            join="open",
        )
        await self._site.truth.write(lambda tx: self._site.network.choose(tx, choices))

    def _now(self) -> str:
        return format_datetime(self._clock())


def sketches(event: Event) -> tuple[Sketch, ...]:
    """The pictures that an event needs."""
    if isinstance(event, Joined):
        return (event.avatar, event.banner) if event.banner is not None else (event.avatar,)
    return event.pictures if isinstance(event, Posted) else ()
