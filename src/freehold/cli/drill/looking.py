"""Looking for everything that was acknowledged: what a drill ends with, and does after each thing that it takes away.

In come the members and their history; out come words for each thing that is not there, or is another. Repositories
are fetched whole, and every block is held against its hash and the signature of the key that the member's DID names;
pictures are compared byte by byte.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from freehold import settings as all_settings
from freehold.cli.drill.history import History
from freehold.cli.drill.machines import opened_truth
from freehold.cli.drill.member import Member
from freehold.cli.drill.picture import MAX_BYTES
from freehold.moderation import reports
from freehold.net.xrpc import RemoteRefused
from freehold.protocol.refused import Refused
from freehold.repo.car import read_car
from freehold.repo.verify import verify_repo
from freehold.store.keyring import Keyring, Source

REPO_BYTES, AT_ONCE, SECONDS, PAGE = 50_000_000, 4, 30, 500
WAIT_SECONDS, PAUSE_SECONDS = 10.0, 0.2
COME_AGAIN = (429, 503)
Json = dict[str, Any]


async def lost(members: list[Member], expected: "Expected", directory: Path | None) -> list[str]:
    """What of all this is not there. directory: of the network that serves now, where the reports can be read."""
    found = [word for words in await asyncio.gather(*(_of(each, expected) for each in members)) for word in words]
    if directory is not None:
        found += await asyncio.to_thread(lambda: list(_reports(directory, expected.reports)))
    return found


class Expected:
    """The history as it is now; members may go on meanwhile."""

    def __init__(self, history: History) -> None:
        self.records, self.blobs, self.names = dict(history.records), dict(history.blobs), dict(history.names)
        self.settings, self.reports = dict(history.settings), dict(history.reports)
        self.followers, self.history = history.followers(), history


Check = Callable[[Member, Expected], Awaitable[list[str]]]


async def _of(member: Member, expected: Expected) -> list[str]:
    found = []
    for check in (_repository, _profile, _setting, _pictures):
        found += await _patiently(check, member, expected)
    return found


async def _patiently(check: Check, member: Member, expected: Expected) -> list[str]:
    """Come again where nobody answers, or one is asked to, as after a flood; what cannot be had in the end is lost."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return await check(member, expected)
        except Refused as refused:
            final = isinstance(refused, RemoteRefused) and refused.status not in COME_AGAIN
            if final or time.monotonic() > until:
                return [f"{check.__name__.removeprefix('_')} of {member.handle}: {refused.facts or refused.say}"]
        await asyncio.sleep(PAUSE_SECONDS)


async def _repository(member: Member, expected: Expected) -> list[str]:
    """Each record by its CID, in a repository that is signed as the member's DID says; and where that says they are."""
    own = {uri: cid for uri, cid in expected.records.items() if uri.startswith(f"at://{member.did}/")}
    given = cast("Json", (await member.fetch(f"/plc/{member.did}/data")).json())
    async with member.remote().download(
        "com.atproto.sync.getRepo", {"did": member.did}, max_bytes=REPO_BYTES, seconds=SECONDS
    ) as got:
        car = b"".join([chunk async for chunk in got.chunks])
    roots, blocks = read_car(car)
    there = verify_repo(blocks, roots[0], member.did, given["verificationMethods"]["atproto"]).records
    at = given["services"]["atproto_pds"]["endpoint"]
    wrong = [] if urlsplit(at).netloc == member.knows_it_as else [f"the identity of {member.handle} names {at}"]
    missing = [uri for uri, cid in own.items() if str(there.get(uri.split("/", 3)[3], "")) != cid]
    return wrong + missing


async def _profile(member: Member, expected: Expected) -> list[str]:
    """Name, handle and followers, as anybody sees them, once the index has read what was written."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            wrong = _compared(member, await _profile_of(member), expected)
        except RemoteRefused as refused:
            if refused.status in COME_AGAIN:
                raise
            wrong = [f"{member.handle} is not shown: {refused.say}"]
        if not wrong or time.monotonic() > until:
            return wrong
        await asyncio.sleep(PAUSE_SECONDS)


async def _profile_of(member: Member) -> Json:
    return cast("Json", await member.remote().query("app.bsky.actor.getProfile", {"actor": member.did}))


def _compared(member: Member, seen: Json, expected: Expected) -> list[str]:
    name, least = expected.names[member.did], expected.followers[member.did]
    most = sum(whom == member.did for _, whom in expected.history.begun_follows)
    wrong = []
    if seen.get("displayName") != name:
        wrong.append(f"the name of {member.handle} is “{seen.get('displayName')}”")
    if not str(seen["handle"]).startswith(f"{member.handle.partition('.')[0]}."):
        wrong.append(f"{member.handle} is called {seen['handle']} now")
    if not least <= seen["followersCount"] <= most:
        wrong.append(f"{member.handle} has {seen['followersCount']} followers, and {least} were acknowledged")
    return wrong


async def _setting(member: Member, expected: Expected) -> list[str]:
    """What they set last; or what they were about to set next."""
    last = expected.settings.get(member.did, 0)
    if not last:
        return []
    found = cast("Json", await member.remote().query("app.bsky.actor.getPreferences"))["preferences"]
    tags = [tag for each in found for tag in each.get("tags", [])]
    number = int(tags[0].removeprefix("drill-")) if tags else 0
    return [] if number >= last else [f"the setting {last} of {member.handle} is {number}"]


async def _pictures(member: Member, expected: Expected) -> list[str]:
    own = [(cid, data) for cid, (did, data) in expected.blobs.items() if did == member.did]
    hands = asyncio.Semaphore(AT_ONCE)

    async def missing(cid: str, data: bytes) -> str:
        async with hands:
            return "" if await _blob(member, cid) == data else f"the picture {cid} of {member.handle}"

    return [word for word in await asyncio.gather(*(missing(*each) for each in own)) if word]


async def _blob(member: Member, cid: str) -> bytes:
    given = {"did": member.did, "cid": cid}
    try:
        async with member.remote().download(
            "com.atproto.sync.getBlob", given, max_bytes=MAX_BYTES, seconds=SECONDS
        ) as got:
            return b"".join([chunk async for chunk in got.chunks])
    except RemoteRefused as refused:
        if refused.status in COME_AGAIN:
            raise
        return b""


def _reports(directory: Path, expected: dict[int, tuple[str, str]]) -> Iterator[str]:
    """Reports have no door yet: they are read where they lie, and opened by the network's own key."""
    told = all_settings.load(directory)
    seal = Keyring.open_(directory, Source(told.unlock, told.unlock_credential)).seal
    with opened_truth(directory) as reading, reading() as tx:
        kept, after = dict[int, tuple[str, str | None]](), 0
        while page := reports.read(tx, seal, after, PAGE):
            kept |= {each.id: (each.reporter, each.words) for each in page}
            after = page[-1].id
    for number, said in expected.items():
        if kept.get(number) != said:
            yield f"the report {number} by {said[0]}"


async def everybody(member: Member) -> dict[str, str]:
    """The newest revision of each account's repository, by DID. Raises Refused."""
    found, cursor = dict[str, str](), ""
    while True:
        given: Json = {"limit": 1000} | ({"cursor": cursor} if cursor else {})
        page = cast("Json", await member.remote().query("com.atproto.sync.listRepos", given, max_bytes=REPO_BYTES))
        found |= {each["did"]: each["rev"] for each in page["repos"]}
        cursor = page.get("cursor", "")
        if not cursor:
            return found


def gone(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Who was there before and is not, or has an older repository."""
    return [f"the account {did}" for did, rev in before.items() if now.get(did, "") < rev]
