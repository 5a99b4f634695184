"""Somebody who uses the network of a drill, and goes on trying while it does not answer, as an app would.

In comes where the network is; out come calls, and what was said to them goes into the `History`. A member keeps the
network's beacon and the key of the first one, as a browser does (web/static/sw.js): when nobody answers, the spare
doors are asked, and a newer beacon by that key leads on. A session that ended with a name is begun anew by password.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from freehold.cli.drill.history import History, Span
from freehold.cli.drill.picture import picture
from freehold.net.client import Answer, Client
from freehold.net.guard import Guard, Lookup
from freehold.net.xrpc import Remote, RemoteRefused
from freehold.pds import beacon
from freehold.pds.beacon import Beacon
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import format_datetime
from freehold.store.clock import now_micros

WRITE_PAUSE, READ_PAUSE, TRY_AGAIN = 0.35, 0.15, 0.1
"""Seconds between calls, within a member's limits: 5,000 points of writing an hour, 3,000 of reading in 5 minutes."""
DISCREET = (2.5, 0.5, 1.0)
"""The same within those limits for as long as it may take, and within those of an edge for all who come from one
address: 200 connections in ten seconds."""
FAILURES_UNTIL_LOOK = 2
PATIENCE_SECONDS = 4.0
POST, FOLLOW, PROFILE = "app.bsky.feed.post", "app.bsky.graph.follow", "app.bsky.actor.profile"
BEACON = "/.well-known/freehold-beacon"
OK, UNAUTHORIZED, SIGN_IN_AGAIN = 200, 401, ("ExpiredToken", "InvalidToken", "AuthMissing")
Json = dict[str, Any]


class EmptyPage(Refused):
    """A view that lacks what it should show."""

    kind, name = "upstream", "EmptyPage"


class Ways(NamedTuple):
    """How members reach the network. url: where it began. trust: authorities; None: it is plain http, on this
    machine, and there is no beacon."""

    url: str
    look_up: Lookup
    trust: ssl.SSLContext | None = None
    host: str = ""
    """For the Host header, where that is not the URL's own."""


class Member:
    """One of them. at: which address of the members' machine is theirs. discreet: there are real members beside them:
    they write less often, give no mail address, and report nobody."""

    def __init__(self, ways: Ways, history: History, at: str | None = None, *, discreet: bool = False) -> None:
        self._ways, self._history, self._at, self._discreet = ways, history, at, discreet
        pauses = DISCREET if discreet else (WRITE_PAUSE, READ_PAUSE, TRY_AGAIN)
        self._write_pause, self._read_pause, self._try_again = pauses
        self.url = ways.url
        self.did = self.handle = self._password = ""
        self._token = self.first_token = ""
        self._key, self._beacon = "", None if ways.trust is None else Beacon("", "", (), (), 0, "", "")
        self._failures, self._turn = 0, asyncio.Lock()
        self._client = self._new_client()

    # --- coming and going

    async def join(self, handle: str, password: str, name: str, invite: str) -> None:
        """Sign up. Raises RemoteRefused."""
        given = {"handle": handle, "password": password, "inviteCode": invite}
        if not self._discreet:
            given["email"] = f"{handle.partition('.')[0]}@members.example"
        made = cast("Json", await self.remote().procedure("com.atproto.server.createAccount", given))
        self.did, self.handle, self._password, self._token = made["did"], handle, password, made["accessJwt"]
        self.first_token = self._token
        self._history.names[self.did] = name
        await self._put(PROFILE, {"displayName": name}, rkey="self")
        await self.keep_beacon()

    async def sign_in(self, handle: str, password: str) -> None:
        """To an account that is there already. Raises RemoteRefused."""
        given = {"identifier": handle, "password": password}
        made = cast("Json", await self.remote().procedure("com.atproto.server.createSession", given))
        self.did, self.handle, self._password, self._token = made["did"], handle, password, made["accessJwt"]

    def elsewhere(self, ways: Ways, history: History, token: str = "") -> "Member":
        """The same person on another way, whose acknowledgements go into another history. token: of another session."""
        one = Member(ways, history, self._at if self._at and not token else None)
        one.did, one.handle, one._password, one._token = self.did, self.handle, self._password, token or self._token
        return one

    async def post(self, text: str) -> None:
        """Raises Refused."""
        await self._put(POST, {"text": text})

    async def follow(self, whom: str) -> None:
        """Somebody, by DID. Raises Refused."""
        self._history.begun_follows.add((self.did, whom))
        await self._put(FOLLOW, {"subject": whom})
        self._history.follows.add((self.did, whom))

    async def ask_for_letter(self) -> None:
        """To confirm an address. Raises Refused."""
        await self.remote().procedure("com.atproto.server.requestEmailConfirmation")

    async def has(self, url: str) -> bool:
        """Whether something is at an address."""
        with suppress(Refused):
            return bool(await self._client.get_bytes(url))
        return False

    async def hang_up(self) -> None:
        """End all connections: what comes next begins with a look-up."""
        before, self._client = self._client, self._new_client()
        await before.close()

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.close()

    def remote(self, url: str = "", token: str | None = None) -> Remote:
        """The network, in this member's name. url: elsewhere than where they take it to be."""
        sign = self._token if token is None else token
        headers = ({"authorization": f"Bearer {sign}"} if sign else {}) | (
            {"host": self._ways.host} if self._ways.host else {}
        )
        return Remote(self._client, url or self.url, headers)

    @property
    def knows_it_as(self) -> str:
        """The network's name, with the port if it is not the usual one."""
        return self._ways.host or urlsplit(self.url).netloc

    async def fetch(self, path: str) -> Answer:
        """What is at a path of the network's. Raises RemoteRefused, UpstreamFailed."""
        headers = {"host": self.knows_it_as, "authorization": f"Bearer {self._token}"}
        answer = await self._client.request("GET", self.url + path, headers=headers)
        if answer.status != OK:
            raise RemoteRefused(answer)
        return answer

    # --- what they do until they are cancelled

    async def write(self, others: list[str]) -> None:
        """Post, upload, follow, report, change settings."""
        for n in range(1_000_000):
            done = await self._tried(partial(self._write_once, n, others), self._history.writes)
            await asyncio.sleep(self._write_pause if done else self._try_again)

    async def read(self) -> None:
        """Look at the home timeline."""
        while True:
            done = await self._tried(self._read_once, self._history.reads)
            await asyncio.sleep(self._read_pause if done else self._try_again)

    async def _read_once(self) -> None:
        """An empty page, where somebody whom they follow has posted, is no answer."""
        seen = cast("Json", await self.remote().query("app.bsky.feed.getTimeline", {"limit": 20}))
        if not seen["feed"] and self._history.shows_something(self.did):
            raise EmptyPage

    async def _tried(self, work: Callable[[], Awaitable[object]], spans: list[Span]) -> bool:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await work()
        except (Refused, TimeoutError) as failed:
            self._history.refused.append(time.monotonic())
            await self._see_to(failed)
            return False
        self._failures = 0
        spans.append(Span(begun, time.monotonic()))
        return True

    async def _write_once(self, n: int, others: list[str]) -> None:
        if n < len(others):
            await self.follow(others[n])
        elif n % 5 == 0:
            await self._post_picture(n)
        elif n % 7 == 3:
            await self._set()
        elif n % 29 == 11 and not self._discreet:
            await self._report(n, others[n % len(others)])
        else:
            await self.post(f"post {n} of a drill")

    async def _post_picture(self, n: int) -> None:
        data = picture()
        sent = await self.remote().procedure("com.atproto.repo.uploadBlob", encoding="image/png", content=data)
        blob = cast("Json", sent)["blob"]
        image = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": blob}]}
        await self._put(POST, {"text": f"picture {n} of a drill", "embed": image})
        self._history.blobs[blob["ref"]["$link"]] = (self.did, data)

    async def _set(self) -> None:
        value = self._history.settings.get(self.did, 0) + 1
        tags = {"$type": "app.bsky.actor.defs#interestsPref", "tags": [f"drill-{value}"]}
        await self.remote().procedure("app.bsky.actor.putPreferences", {"preferences": [tags]})
        self._history.settings[self.did] = value

    async def _report(self, n: int, whom: str) -> None:
        words = f"report {n} of a drill"
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": whom}
        given = {"reasonType": "com.atproto.moderation.defs#reasonSpam", "subject": subject, "reason": words}
        made = cast("Json", await self.remote().procedure("com.atproto.moderation.createReport", given))
        self._history.reports[made["id"]] = (self.did, words)

    async def _put(self, collection: str, record: Json, rkey: str = "") -> None:
        whole = {"$type": collection, "createdAt": format_datetime(now_micros()), **record}
        given = {"repo": self.did, "collection": collection, "record": whole} | ({"rkey": rkey} if rkey else {})
        made = cast("Json", await self.remote().procedure("com.atproto.repo.createRecord", given))
        self._history.records[made["uri"]] = made["cid"]
        if collection == POST:
            self._history.authors.add(self.did)

    # --- what they do when it fails

    async def _see_to(self, failed: Exception) -> None:
        """Sign in again where a session has ended; look for the next door where nobody answers."""
        if self._turn.locked():  # they are at it already
            return
        async with self._turn:
            if isinstance(failed, RemoteRefused) and (failed.status == UNAUTHORIZED or failed.name in SIGN_IN_AGAIN):
                await self._sign_in()
                return
            self._failures += 1
            if self._beacon is not None and self._failures >= FAILURES_UNTIL_LOOK:
                await self._look_for_next_door(self._beacon)

    async def _sign_in(self) -> None:
        given = {"identifier": self.did, "password": self._password}
        with suppress(Refused):  # they try again with the next call
            made = await self.remote(token="").procedure("com.atproto.server.createSession", given)
            self._token = cast("Json", made)["accessJwt"]

    async def keep_beacon(self) -> None:
        """Keep what the network says of where it is, and the key of the first time. Raises Refused."""
        if self._beacon is None:
            return
        document = await self._client.get_bytes(self.url + BEACON)
        self._key = self._key or beacon.key_of(document)
        self._beacon = beacon.read(document, self._key, now_micros(), self._beacon.number)

    async def ask_doors(self) -> dict[str, str]:
        """The spare doors, and why each does not lead here; empty: it does."""
        known, found = self._beacon, dict[str, str]()
        for door in known.doors if known is not None else ():
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    document = await self._client.get_bytes(door + BEACON)
                url = beacon.read(document, self._key, now_micros()).url
                found[door] = "" if url == self.url else f"it leads to {url}"
            except TimeoutError:
                found[door] = "it does not answer"
            except Refused as refused:
                found[door] = refused.say
        return found

    async def _look_for_next_door(self, known: Beacon) -> None:
        for door in known.doors:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    document = await self._client.get_bytes(door + BEACON)
                self._beacon = found = beacon.read(document, self._key, now_micros(), known.number)
            except (Refused, TimeoutError):
                continue
            if found.url != self.url:
                self.url = found.url
                await self._sign_in()  # no session counts that was begun at another name
            return

    def _new_client(self) -> Client:
        guard = Guard(allow_loopback=True, lookup=self._ways.look_up)
        return Client(guard, context=self._ways.trust, from_address=self._at)
