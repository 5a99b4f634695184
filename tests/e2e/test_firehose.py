"""The firehose of a running network, as a subscriber sees it.

Source: https://atproto.com/specs/event-stream, https://atproto.com/specs/sync#firehose
"""

import asyncio

import httpx
import pytest
from websockets.asyncio.client import connect

from freehold.api import firehose as firehose_door
from freehold.protocol.cid import Cid
from freehold.protocol.diddoc import read as read_document
from freehold.repo import commit as commits
from freehold.repo.car import read_car
from freehold.stream import frames
from support.inside import HOUR, served
from support.network import LIKE, PASSWORD, PATIENCE_SECONDS, POST, Caller, Event, Events, Person, firehose, now
from support.pages import sign_in, submit
from support.proof import assure_all_proven

STREAM = "/xrpc/com.atproto.sync.subscribeRepos"


def of(person, events):
    return [event for event in events if event.did == person.did]


def kinds(events):
    return [event.kind for event in events]


# --- cursors


async def test_a_subscriber_without_a_cursor_hears_what_comes_from_now_on(network, alice, bob):
    await alice.post("before")
    async with firehose(network.url) as events:
        after = await bob.post("after")
        heard = await events.until(after.commit)
    assert [event.did for event in heard] == [bob.did]


async def test_from_cursor_0_every_event_comes_once_and_in_order(tmp_path, shared):
    async with served(tmp_path / "town", shared) as site, httpx.AsyncClient(base_url=site.place.base_url) as http:
        alice = await Person.join(http)
        for n in range(20):
            last = await alice.post(f"number {n}")
        async with firehose(site.place.base_url, 0) as events:
            heard = await events.until(last.commit)
            await alice.post("one more, live")
            heard.append(await events.next())
        assert [event.seq for event in heard] == list(range(1, site.log.last + 1))
        times = [event.payload["time"] for event in heard]
        assert times == sorted(times)


async def test_from_a_cursor_in_the_middle_the_stream_resumes_after_it(network, alice):
    async with firehose(network.url) as events:
        await alice.post("one")
        one = await events.next()
        two = await alice.post("two")
        three = await alice.post("three")
    async with firehose(network.url, one.seq) as events:
        heard = await events.until(three.commit)
    assert [str(event.payload["commit"]) for event in heard] == [two.commit, three.commit]


@pytest.mark.parametrize(
    ("cursor", "name"), [(2**40, "FutureCursor"), ("yesterday", "InvalidRequest"), (-1, "InvalidRequest")]
)
async def test_a_cursor_that_cannot_be_is_refused_by_name_and_the_server_hangs_up(network, cursor, name):
    async with firehose(network.url, cursor) as events:
        heard = await events.to_the_end()
    assert kinds(heard) == ["error"]
    assert heard[0].payload["error"] == name


async def test_a_cursor_older_than_what_is_kept_is_told_so_and_goes_on_from_the_oldest(tmp_path, shared, clock):
    async with (
        served(tmp_path / "town", shared, clock, event_keep_hours=72) as site,
        httpx.AsyncClient(base_url=site.place.base_url) as http,
    ):
        alice = await Person.join(http)
        clock.pass_by(73 * HOUR)
        alice = Person(http, await alice.do("com.atproto.server.createSession", **signing_in(alice)))
        kept = [await alice.post("kept"), await alice.post("kept too")]
        await site.sweep()
        async with firehose(site.place.base_url, 1) as events:
            heard = await events.until(kept[1].commit)
        assert (heard[0].kind, heard[0].payload["name"]) == ("info", "OutdatedCursor")
        assert [str(event.payload["commit"]) for event in heard[1:]] == [ref.commit for ref in kept]
        async with firehose(site.place.base_url, site.log.oldest() - 1) as events:
            assert kinds(await events.until(kept[1].commit)) == ["commit", "commit"]


def signing_in(person):
    return {"identifier": person.handle, "password": PASSWORD}


# --- what is told


async def test_a_new_account_is_told_of_in_order(network, http):
    async with firehose(network.url) as events:
        alice = await Person.join(http)
        first = await alice.post("hello")
        heard = of(alice, await events.until(first.commit))
    assert kinds(heard) == ["identity", "account", "commit", "commit"]
    identity, account, empty, post = (event.payload for event in heard)
    assert identity["handle"] == alice.handle
    assert (account["active"], account.get("status")) == (True, None)
    assert (empty["since"], empty["ops"], "prevData" in empty) == (None, [], False)
    assert (post["since"], post["rev"]) == (empty["rev"], first.rev)
    for event in heard:
        assert set(event.payload) >= {"seq", "time"}
        assert "$type" not in event.payload


async def test_each_commit_proves_itself(network, http):
    """Signature, tree and records, and undone it leads to the commit before: sync 1.1."""
    async with firehose(network.url) as events:
        alice = await Person.join(http)
        last = await write_variously(alice)
        heard = [event.payload for event in of(alice, await events.until(last.commit)) if event.kind == "commit"]
    document = read_document(alice.did, (await http.get(f"/plc/{alice.did}")).json())
    assert assure_all_proven(heard, document.signing_key) == 39
    proven = [op["action"] for payload in heard for op in payload["ops"]]
    assert {action: proven.count(action) for action in proven} == {"create": 27, "update": 3, "delete": 9}


async def write_variously(person):
    """Creations, updates and deletions, one by one and several at once. The last record's Ref."""
    refs = [await person.post(f"number {n}") for n in range(8)]
    values = [{"text": f"together {n}", "createdAt": now()} for n in range(8)]
    await person.apply(*({"do": "create", "collection": POST, "value": value} for value in values))
    likes = [await person.like(ref) for ref in refs]
    for ref in refs[:2]:
        await person.put(POST, ref.rkey, {"text": "changed", "createdAt": now()})
    for like in likes[:4]:
        await person.delete(like)
    await person.apply(
        {"do": "update", "collection": POST, "rkey": refs[2].rkey, "value": {"text": "so", "createdAt": now()}},
        {"do": "create", "collection": LIKE, "value": {"subject": refs[0].strong, "createdAt": now()}},
        {"do": "create", "collection": POST, "rkey": "aaa", "value": {"text": "first", "createdAt": now()}},
        *({"do": "delete", "collection": POST, "rkey": ref.rkey} for ref in refs[3:8]),
        validate=False,
    )
    return await person.post("the end")


async def test_what_becomes_of_an_account_is_told_and_its_words_go_with_it(network, alice, operator):
    heard = []

    async def hear(last):
        """Listen until this is told; what an account said is not sent once it has been silenced."""
        while not heard or status_of(heard[-1]) != last:
            event = await events.next()
            if event.did == alice.did:
                heard.append(event)

    async with firehose(network.url) as events:
        await alice.post("a word")
        await hear("commit")
        await alice.deactivate()
        await hear("deactivated")
        await alice.activate()
        await hear("sync")
        await operator.set_takedown(alice.did, True)
        await hear("takendown")
        await operator.set_takedown(alice.did, False)
        await hear("sync")
    assert [status_of(event) for event in heard] == [
        "commit",
        "deactivated",
        "identity",
        "active",
        "sync",
        "takendown",
        "active",
        "sync",
    ]
    synced = heard[4].payload
    roots, blocks = read_car(synced["blocks"])
    assert [*blocks] == roots
    assert commits.read(blocks[roots[0]]).rev == synced["rev"]


def status_of(event):
    if event.kind != "account":
        return event.kind
    return "active" if event.payload["active"] else event.payload["status"]


async def test_commits_of_an_account_that_is_gone_are_not_served_again(network, alice, bob, operator):
    async with firehose(network.url) as events:
        await alice.post("nobody shall read this again")
        first = await events.next()
        assert first.did == alice.did
    await operator.do("com.atproto.admin.deleteAccount", did=alice.did)
    end = await bob.post("later")
    async with firehose(network.url, first.seq - 1) as events:
        heard = await events.until(end.commit)
    assert [(event.kind, event.payload.get("status")) for event in of(alice, heard)] == [("account", "deleted")]


# --- what is not told


async def test_private_acts_leave_neither_an_event_nor_a_gap(tmp_path, shared):
    async with served(tmp_path / "town", shared) as site, httpx.AsyncClient(base_url=site.place.base_url) as http:
        alice, bob = await Person.join(http), await Person.join(http)
        word = await bob.post("a word")
        public, private = site.log.last, site.log.last_private
        await do_all_that_is_private(alice, bob, site)
        assert site.log.last == public
        assert site.log.last_private >= private + 4
        again = {"identifier": alice.handle, "password": PASSWORD + "!"}
        alice = Person(http, await Caller(http).do("com.atproto.server.createSession", **again))
        last = await alice.post("a public word")
        async with firehose(site.place.base_url, 0) as events:
            heard = await events.until(last.commit)
        assert [event.seq for event in heard] == list(range(1, public + 2))
        assert {event.kind for event in heard} <= {"identity", "account", "commit", "sync"}
        assert str(heard[-2].payload["commit"]) == word.commit


async def do_all_that_is_private(alice, bob, site):
    await alice.do("app.bsky.graph.muteActor", actor=bob.did)
    await alice.do("app.bsky.graph.unmuteActor", actor=bob.handle)
    preference = {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": False}
    await alice.do("app.bsky.actor.putPreferences", preferences=[preference])
    await alice.do("app.bsky.notification.updateSeen", seenAt=now())
    signed_in = Person(alice.http, await alice.do("com.atproto.server.createSession", **signing_in(alice)))
    signed_in.token = signed_in.refresh_token
    signed_in = Person(alice.http, await signed_in.do("com.atproto.server.refreshSession"))
    signed_in.token = signed_in.refresh_token
    await signed_in.do("com.atproto.server.deleteSession")
    await alice.get("com.atproto.server.getServiceAuth", aud="did:web:there.example#service")
    await alice.upload(b"a file that no record names", "application/x-anything")
    await use_the_pages(alice)


async def use_the_pages(person):
    """Sign in with a browser, change how pages look and the password, sign out everywhere."""
    await sign_in(person.http, person.handle)
    settings = await person.http.get("/settings")
    assert person.handle in settings.text
    await submit(person.http, settings, "/settings", language="fr", theme="dark")
    await submit(person.http, settings, "/settings/password", old=PASSWORD, new=PASSWORD + "!")
    settings = await person.http.get("/settings")
    await submit(person.http, settings, "/settings/sign-out-everywhere")


# --- the socket itself


async def test_the_stream_is_had_by_websocket_only(network, http):
    plain = await http.get(STREAM)
    assert (plain.status_code, plain.json()["error"]) == (426, "UpgradeRequired")
    assert plain.headers["upgrade"] == "websocket"
    posted = await http.post(STREAM, json={})
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET")


async def test_what_a_subscriber_says_is_not_listened_to(network, alice):
    url = network.url.replace("http://", "ws://") + STREAM
    async with connect(url) as socket:
        await socket.send("a text")
        await socket.send(b"some bytes")
        await alice.post("still there?")
        event = Event(*frames.decode(await socket.recv(decode=False)))
    assert event.did == alice.did
    assert isinstance(event.payload["commit"], Cid)


async def test_another_stream_path_is_closed(network):
    url = network.url.replace("http://", "ws://") + "/xrpc/com.atproto.label.subscribeNothing"
    with pytest.raises(Exception, match=r"403|1008"):
        async with connect(url) as socket:
            await socket.recv()


async def test_a_subscriber_that_does_not_read_is_let_go(tmp_path, shared, monkeypatch):
    monkeypatch.setattr(firehose_door, "SEND_SECONDS", 0.2)
    async with served(tmp_path / "town", shared) as site, httpx.AsyncClient(base_url=site.place.base_url) as http:
        alice = await Person.join(http)
        url = site.place.base_url.replace("http://", "ws://") + STREAM
        async with connect(url, max_size=frames.MAX_FRAME_BYTES, max_queue=1) as socket:
            heavy = [await alice.create("example.town.note", {"text": "x" * 900_000}) for _ in range(30)]
            async with asyncio.timeout(PATIENCE_SECONDS):
                while "\nfreehold_subscribers 0.0\n" not in (await http.get("/metrics")).text:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            heard = await Events(socket).to_the_end()
        assert len([event for event in heard if event.kind == "commit"]) < len(heavy)
        async with firehose(site.place.base_url, heard[0].seq) as events:  # and may come back
            assert (await events.until(heavy[-1].commit))[-1].did == alice.did
