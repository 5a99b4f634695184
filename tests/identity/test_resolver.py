"""DIDs and handles resolved, with another directory and other hosts really running."""

import json

import pytest

from freehold.identity import plc_directory
from freehold.identity.handles import HandleNotFound, Handles
from freehold.identity.resolver import INVALID_HANDLE, DidNotFound, Identity
from freehold.net.client import Client
from freehold.net.errors import UpstreamFailed
from freehold.net.guard import AddressRefused, Guard
from freehold.protocol import plc
from freehold.protocol.diddoc import BadDidDocument
from support.nameserver import nameserver
from support.plc import HOST, HOUR, Clock, DirectorySite, directory, ended, genesis, renamed
from support.servers import answer, application, serving

MINUTE = HOUR // 60


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def client():
    client = Client(Guard(allow_loopback=True))
    yield client
    await client.close()


@pytest.fixture
def truth(tmp_path, clock):
    with directory(tmp_path, clock) as db:
        yield db


@pytest.fixture
async def other(tmp_path, clock):
    """The public directory, as another process would run it; counts what it is asked."""
    (tmp_path / "other").mkdir()
    site = DirectorySite(tmp_path / "other", clock, dev=True)
    site.asked = []

    async def counted(scope, receive, send):
        site.asked.append(scope["path"])
        await site(scope, receive, send)

    async with application(counted) as origin:
        site.url = f"{origin}/plc"
        yield site
    site.truth.close()


@pytest.fixture
async def records():
    """What the little nameserver says; tests write into it."""
    return {}


@pytest.fixture
async def make(truth, client, clock, other, records):
    async with nameserver(records) as dns:

        def make(**more):
            given = {
                "reading": truth.reading,
                "client": client,
                "plc": "own",
                "public_plc": other.url,
                "local_handle": {"alice.home.example.org": "did:plc:" + "a" * 24}.get,
                "local_domain": ".home.example.org",
                "clock": clock,
                "handles": Handles(client, dns, scheme="http"),
            }
            return Identity(**{**given, **more})

        yield make


async def enter(db, did, *operations):
    for operation in operations:
        await db.write(lambda tx, o=operation: plc_directory.submit(tx, did, o, tx.now))


async def test_our_own_did_is_answered_from_our_own_log(make, truth, other):
    did, first = genesis()
    await enter(truth, did, first)
    assert await make().did_json(did) == plc.document(did, first)
    document = await make().did_document(did)
    assert (document.pds, document.signing_key, document.handles) == (
        "https://pds.example",
        HOST.did_key,
        ("alice.test",),
    )
    assert other.asked == []


async def test_our_own_change_is_seen_at_once(make, truth):
    did, first = genesis()
    identity = make()
    await enter(truth, did, first)
    await identity.did_json(did)
    await enter(truth, did, renamed(first, "other.test"))
    assert (await identity.did_document(did)).handles == ("other.test",)


async def test_an_ended_identity_is_not_found(make, truth):
    did, first = genesis()
    await enter(truth, did, first, ended(first))
    with pytest.raises(DidNotFound):
        await make().did_json(did)


async def test_a_foreign_did_is_asked_for_once_and_kept(make, other, clock):
    did, first = genesis()
    await enter(other.truth, did, first)
    identity = make()
    for _ in range(3):
        assert await identity.signing_key(did) == HOST.did_key
    assert other.asked == [f"/plc/{did}"]
    clock.pass_by(HOUR)
    await identity.did_json(did)
    assert len(other.asked) == 2


async def test_a_doubt_asks_again_but_once_a_minute_at_most(make, other, clock):
    did, first = genesis()
    await enter(other.truth, did, first)
    identity = make()
    await identity.did_json(did)
    await enter(other.truth, did, renamed(first, "other.test"))
    clock.pass_by(MINUTE // 2)
    assert (await identity.did_document(did, doubted=True)).handles == ("alice.test",)
    clock.pass_by(MINUTE)
    assert (await identity.did_document(did, doubted=True)).handles == ("other.test",)
    await identity.did_document(did, doubted=True)
    assert len(other.asked) == 2


async def test_a_did_that_nobody_knows_is_not_asked_for_again_and_again(make, other):
    identity = make()
    for _ in range(3):
        with pytest.raises(DidNotFound):
            await identity.did_json("did:plc:" + "z" * 24)
    assert len(other.asked) == 1


async def test_a_network_that_asks_nobody_outside_asks_nobody(make, other):
    identity = make(outside=False)
    for did in ("did:plc:" + "z" * 24, "did:web:example.org"):
        with pytest.raises(DidNotFound):
            await identity.did_json(did)
    with pytest.raises(HandleNotFound):
        await identity.resolve_handle("alice.example.org")
    assert other.asked == []


async def test_the_directory_that_the_setting_names_is_asked(make, other):
    did, first = genesis()
    await enter(other.truth, did, first)
    identity = make(plc=other.url + "/", public_plc="http://127.0.0.1:1", outside=False)
    assert (await identity.did_document(did)).did == did


@pytest.mark.parametrize(
    "did",
    [
        "did:web:",
        "did:web:example.org:path",
        "did:web:example.org%3A8080",
        "did:web:127.0.0.1",
        "did:web:[::1]",
        "did:web:localhost:8080",
        "did:web:localhost%3Aport",
        "did:web:user%40example.org",
        "did:web:example.org%2Fpath",
        "did:web:internal",
        "did:key:zQ3shhCGUqDKjStzuDxPkTxN6ujddP4RkEKJJouJGRRkaLGbg",
        "did:plc:" + "A" * 24,
        "did:web:" + "a." * 1100 + "org",
        "alice.example.org",
    ],
)
async def test_a_did_that_names_no_plain_host_is_never_fetched(make, did, other):
    async def lookup(host, port):
        raise AssertionError(f"asked for {host}")

    with pytest.raises(DidNotFound):
        await make(client=Client(Guard(allow_loopback=True, lookup=lookup))).did_json(did)
    assert other.asked == []


async def test_a_did_web_that_points_inside_is_refused(make):
    async def lookup(host, port):
        return ["10.0.0.1"]

    with pytest.raises(AddressRefused):
        await make(client=Client(Guard(lookup=lookup))).did_json("did:web:example.org")


async def test_a_did_web_of_this_machine_is_read_in_development(make):
    said = {}

    async def page(method, target, body, writer):
        writer.write(answer(200, json.dumps(said[target]).encode()))

    async with serving(page) as port:
        did = f"did:web:localhost%3A{port}"
        said["/.well-known/did.json"] = {"id": did, "service": []}
        assert (await make().did_document(did)).did == did
        said["/.well-known/did.json"] = {"id": "did:web:somebody.else"}
        with pytest.raises(BadDidDocument):
            await make().did_json(did)


async def test_a_did_web_of_our_own_needs_no_request(make, other):
    ours = {"id": "did:web:home.example.org"}
    identity = make(own_documents={ours["id"]: ours}.get)
    assert await identity.did_json("did:web:home.example.org") == ours


async def test_our_own_handles_ask_nobody(make, records):
    identity = make()
    assert await identity.resolve_handle("Alice.Home.Example.Org") == "did:plc:" + "a" * 24
    records["_atproto.nobody.home.example.org"] = ['"did=did:plc:' + "b" * 24 + '"']
    with pytest.raises(HandleNotFound):
        await identity.resolve_handle("nobody.home.example.org")


async def test_a_foreign_handle_counts_when_both_sides_say_so(make, other, records):
    did, first = genesis("bob.example.org")
    await enter(other.truth, did, first)
    records["_atproto.bob.example.org"] = [f'"did={did}"']
    records["_atproto.thief.example.org"] = [f'"did={did}"']
    identity = make()
    assert await identity.resolve_handle("bob.example.org") == did
    assert await identity.claimed_by("thief.example.org") == did
    with pytest.raises(HandleNotFound, match="does not claim it"):
        await identity.resolve_handle("thief.example.org")


async def test_a_claimed_handle_that_says_otherwise_is_invalid(make, other, records):
    did, first = genesis("bob.example.org")
    await enter(other.truth, did, first)
    identity = make()
    records["_atproto.bob.example.org"] = ['"did=did:plc:' + "b" * 24 + '"']
    assert (await identity.who(did)).handle == INVALID_HANDLE


async def test_everything_about_somebody_by_either_name(make, other, records):
    did, first = genesis("bob.example.org")
    await enter(other.truth, did, first)
    records["_atproto.bob.example.org"] = [f'"did={did}"']
    identity = make()
    assert await identity.who(did) == await identity.who("bob.example.org")
    who = await identity.who(did)
    assert (who.did, who.handle, who.json["id"]) == (did, "bob.example.org", did)


async def test_a_directory_that_is_away_is_an_upstream_failure_and_no_answer(make):
    with pytest.raises(UpstreamFailed):
        await make(public_plc="http://127.0.0.1:1").did_json("did:plc:" + "z" * 24)
