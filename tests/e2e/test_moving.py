"""Accounts move between this host and the official PDS, both ways, by the official calls, with one directory.

Source: https://atproto.com/guides/account-migration; the official host is @atproto/pds (tests/node/peer).
"""

from contextlib import asynccontextmanager
from functools import partial
from io import BytesIO
from typing import NamedTuple

import httpx
import pytest

from freehold.pds import recovery_keys
from freehold.pds.backup import Backup
from freehold.pds.membership import Application
from freehold.pds.moving_out import Wanted, untold
from freehold.pds.moving_over import Asking
from freehold.pds.other_host import OtherHost
from freehold.protocol.cid import Cid
from support import moving
from support.inside import served
from support.mailbox import Mailbox, mailbox
from support.moving import REPO, SERVER, SYNC
from support.network import LIKE, PASSWORD, POST, PROFILE, Caller, Person, Ref, refused
from support.official_host import HANDLES, ROTATION_KEY, letter_code, official_host
from support.outside import find_peer
from support.pictures import jpeg_with_place, png

pytestmark = [pytest.mark.peer, pytest.mark.timeout(60)]

PREFERENCES = [
    {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": False},
    {"$type": "app.bsky.actor.defs#interestsPref", "tags": ["gardens"]},
]
ADDRESS = "mei@mail.example"


class Neighbour(NamedTuple):
    """The official host. http: its doors; box: where its letters arrive."""

    http: httpx.AsyncClient
    box: Mailbox


@pytest.fixture
async def neighbour(network, tmp_path):
    node = find_peer()
    assert node is not None
    async with (
        mailbox() as box,
        official_host(node, tmp_path / "official", f"{network.url}/plc", box) as origin,
        httpx.AsyncClient(base_url=origin, timeout=30) as http,
    ):
        yield Neighbour(http, box)


class Life(NamedTuple):
    """What somebody did. place: a photo that says where it was taken, as it was taken."""

    refs: list[Ref]
    blobs: dict[str, bytes]


async def live(person, friend, picture):
    """A post with a picture, a reply, a like, a follow, a profile, preferences."""
    hello = await friend.post("hello")
    blob = await person.upload(picture, "image/jpeg" if picture.startswith(b"\xff\xd8") else "image/png")
    refs = [
        await person.post_picture(blob, "from the garden"),
        await person.reply("good morning", hello),
        await person.like(hello),
        await person.follow(friend),
        await person.put(PROFILE, "self", {"displayName": "Mei", "description": "I move"}),
    ]
    await person.do("app.bsky.actor.putPreferences", preferences=PREFERENCES)
    return Life(refs, {blob["ref"]["$link"]: picture})


async def assure_lives_at(host, person, life, elsewhere):
    """Everything is at `host`, as it was; the account is active there alone, and the directory says so."""
    for ref in life.refs:
        read = await Caller(host).get(REPO + "getRecord", repo=person.did, collection=ref.collection, rkey=ref.rkey)
        assert read["cid"] == ref.cid
    for cid, data in life.blobs.items():
        got = await Caller(host).ask(SYNC + "getBlob", did=person.did, cid=cid)
        assert got.content == data
    status = await person.get(SERVER + "checkAccountStatus")
    assert (status["activated"], status["validDid"]) == (True, True)
    assert status["importedBlobs"] == status["expectedBlobs"] == len(life.blobs)
    kept = (await person.get("app.bsky.actor.getPreferences"))["preferences"]
    assert all(preference in kept for preference in PREFERENCES)
    assert (await Caller(elsewhere).get(SYNC + "getRepoStatus", did=person.did))["status"] == "deactivated"


async def sign_in(http, person):
    return Person(http, await Caller(http).do(SERVER + "createSession", identifier=person.did, password=PASSWORD))


async def password():
    """What stands in the place of a code at a network that sends no mail."""
    return PASSWORD


async def test_a_member_moves_to_the_official_host_and_comes_back(network, http, neighbour, alice):
    there, box = neighbour
    mei = await Person.join(http)
    life = await live(mei, alice, png(12, 12))
    moved = await moving.enter(mei, there, f"{mei.handle.removesuffix('.test')}{HANDLES}", email=ADDRESS)
    await moving.move(mei, moved, password)
    await assure_lives_at(there, moved, life, elsewhere=http)
    photo = jpeg_with_place()
    blob = await moved.upload(photo, "image/jpeg")
    life.refs.append(await moved.post_picture(blob, "where I am now"))
    life.blobs[blob["ref"]["$link"]] = photo
    with refused("AlreadyExists", say="deactivated"):
        await moving.enter(moved, http, "somebody-else.test")
    back = await sign_in(http, mei)
    await moving.move(moved, back, partial(letter_code, box))
    await assure_lives_at(http, back, life, elsewhere=there)
    life.refs.append(await back.post("home again"))
    feed = (await alice.get("app.bsky.feed.getAuthorFeed", actor=mei.did))["feed"]
    assert [item["post"]["record"]["text"] for item in feed][:2] == ["home again", "where I am now"]
    assert feed[0]["post"]["author"]["handle"] == mei.handle


async def test_an_account_of_the_official_host_moves_in_with_a_photo_that_tells_its_place(
    network, http, neighbour, alice
):
    there, box = neighbour
    ida = await Person.join(there, domain=HANDLES, email=ADDRESS)
    friend = await Person.join(there, domain=HANDLES, email="friend@mail.example")
    life = await live(ida, friend, jpeg_with_place())
    handle = ida.handle.removesuffix(HANDLES) + ".test"
    moved = await moving.enter(ida, http, handle)
    await moving.move(ida, moved, partial(letter_code, box))
    await assure_lives_at(http, moved, life, elsewhere=there)
    assert (await alice.get("app.bsky.actor.getProfile", actor=handle))["displayName"] == "Mei"
    with refused("AccountDeactivated", 401):
        await ida.post("nobody hears this")
    life.refs.append(await moved.post("now from here"))
    back = await sign_in(there, ida)
    await moving.move(moved, back, password)
    await assure_lives_at(there, back, life, elsewhere=http)
    listed = await Caller(there).get(REPO + "listRecords", repo=ida.did, collection=POST)
    assert len(listed["records"]) == 3
    assert len((await Caller(there).get(REPO + "listRecords", repo=ida.did, collection=LIKE))["records"]) == 1


# --- by this host's own hand: what the commands and the pages do


@pytest.fixture
async def town(tmp_path, shared):
    async with served(tmp_path / "town", shared) as site:
        yield site


@pytest.fixture
async def official(town, tmp_path):
    """The official host, whose directory of identities is that of the town."""
    node = find_peer()
    assert node is not None
    async with (
        mailbox() as box,
        official_host(node, tmp_path / "official", f"{town.place.base_url}/plc", box) as origin,
        httpx.AsyncClient(base_url=origin, timeout=30) as http,
    ):
        yield Neighbour(http, box)


async def test_this_host_fetches_an_account_from_the_official_one_and_takes_it_back(town, official):
    there, box = official
    ida = await Person.join(there, domain=HANDLES, email=ADDRESS)
    friend = await Person.join(there, domain=HANDLES, email="friend@mail.example")
    life = await live(ida, friend, jpeg_with_place())
    old = OtherHost(town.client, str(there.base_url))
    assert await old.sign_in(ida.handle, PASSWORD) == ida.did

    async def mine(key):
        raise AssertionError(f"{key} is the old host's own")

    asking = Asking(partial(letter_code, box), mine)
    moved = await town.moving_over.bring(ida.did, old, Application("ida.test", PASSWORD), asking, untold)
    assert (moved.records, moved.lacking) == (len(life.refs), 0)
    async with httpx.AsyncClient(base_url=town.place.base_url, timeout=30) as http:
        here = await sign_in(http, ida)
        await assure_lives_at(http, here, life, elsewhere=there)
        life.refs.append(await here.post("now from here"))
        account = town.accounts.one(ida.did)
        wanted = Wanted(str(there.base_url), ida.handle, ADDRESS, PASSWORD)
        await town.moving_out.begin(account, wanted, background=False)
        await town.moving_out.advance(account)
        await assure_lives_at(there, await sign_in(there, ida), life, elsewhere=http)


async def test_this_host_takes_a_member_to_the_official_one(town, official):
    there, _ = official
    async with httpx.AsyncClient(base_url=town.place.base_url, timeout=30) as http:
        mei = await Person.join(http, "mei")
        life = await live(mei, await Person.join(http, "friend"), png(12, 12))
        account = town.accounts.one(mei.did)
        await town.moving_out.begin(account, Wanted(str(there.base_url), "mei", ADDRESS, PASSWORD), background=False)
        move = await town.moving_out.advance(account)
        assert move.handle == f"mei{HANDLES}"
        await assure_lives_at(there, await sign_in(there, mei), life, elsewhere=http)


async def test_an_operator_brings_an_account_by_the_rotation_key_of_the_official_host(town, official, tmp_path):
    there, _ = official
    ida = await Person.join(there, domain=HANDLES, email=ADDRESS)
    picture = png(12, 12)
    post = await ida.post_picture(await ida.upload(picture, "image/png"), "from the garden")
    backup = Backup(BytesIO(await ida.car(SYNC + "getRepo", did=ida.did)))
    key = recovery_keys.key_of(ROTATION_KEY + "\n")
    files = tmp_path / "official" / "blobs" / ida.did

    @asynccontextmanager
    async def blob(cid):
        async def pieces():
            yield (files / str(cid)).read_bytes()

        yield pieces()

    assert await town.rescue.examine(backup, key) is None
    moved = await town.rescue.bring(backup, key, Application("ida.test", PASSWORD), blob, untold)
    assert (moved.records, moved.lacking) == (1, 0)
    async with httpx.AsyncClient(base_url=town.place.base_url, timeout=30) as http:
        assert (await sign_in(http, ida)).did == ida.did
        read = await Caller(http).get(REPO + "getRecord", repo=ida.did, collection=POST, rkey=post.rkey)
        assert read["cid"] == post.cid
        got = await Caller(http).ask(SYNC + "getBlob", did=ida.did, cid=str(Cid.of_raw(picture)))
        assert got.content == picture
