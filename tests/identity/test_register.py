"""How our own identities are made: ranks of keys, changes, and where the first operation goes."""

import pytest

from freehold.identity import plc_directory
from freehold.identity.publish import JOB, OperationRefused
from freehold.identity.register import Register
from freehold.net.client import Client
from freehold.net.guard import Guard
from freehold.protocol import diddoc, plc
from support.plc import HOST, MEMBER, NETWORK, STRANGER, Clock, DirectorySite, directory, renamed
from support.servers import answer, application, pages

SIGNING = STRANGER.did_key


@pytest.fixture
def db(tmp_path):
    with directory(tmp_path, Clock()) as db:
        yield db


@pytest.fixture
async def client():
    client = Client(Guard(allow_loopback=True))
    yield client
    await client.close()


@pytest.fixture
def make(client):
    def make(kept="own", **more):
        given = {"host_key": HOST, "offline_key": NETWORK.did_key, "endpoint": "https://home.example", "client": client}
        return Register(kept=kept, **{**given, **more})

    return make


def entered(db, register, *given, **more):
    genesis = register.genesis(*given, **more)
    db.write_sync(lambda tx: register.record(tx, genesis))
    return genesis.did


def newest(db, did):
    with db.reading() as tx:
        return plc_directory.newest(tx, did)


def queued(db):
    with db.reading() as tx:
        return tx.run("SELECT kind FROM job")


def test_the_members_own_key_ranks_before_the_networks_and_that_before_the_hosts(db, make):
    did = entered(db, make(), "alice.test", SIGNING, MEMBER.did_key)
    assert newest(db, did)["rotationKeys"] == [MEMBER.did_key, NETWORK.did_key, HOST.did_key]


def test_a_member_without_a_key_of_their_own_relies_on_the_network(db, make):
    did = entered(db, make(), "alice.test", SIGNING)
    assert newest(db, did)["rotationKeys"] == [NETWORK.did_key, HOST.did_key]


def test_a_key_that_is_given_twice_is_listed_once(db, make):
    did = entered(db, make(), "alice.test", SIGNING, NETWORK.did_key)
    assert newest(db, did)["rotationKeys"] == [NETWORK.did_key, HOST.did_key]


def test_the_document_says_all_that_a_stranger_needs(db, make):
    did = entered(db, make(), "alice.test", SIGNING)
    with db.reading() as tx:
        document = diddoc.read(did, plc_directory.document(tx, did))
    assert (document.handles, document.signing_key, document.pds) == (("alice.test",), SIGNING, "https://home.example")


def test_a_new_handle_and_a_new_address_are_said_once(db, make):
    register = make()
    did = entered(db, register, "alice.test", SIGNING)
    assert db.write_sync(lambda tx: register.change_handle(tx, did, "alicia.test"))
    assert db.write_sync(lambda tx: register.change_handle(tx, did, "alicia.test")) is None
    moved = make(endpoint="https://new.example")
    assert db.write_sync(lambda tx: moved.repoint(tx, did))
    assert db.write_sync(lambda tx: moved.repoint(tx, did)) is None
    assert newest(db, did)["alsoKnownAs"] == ["at://alicia.test"]
    assert newest(db, did)["services"]["atproto_pds"]["endpoint"] == "https://new.example"
    with db.reading() as tx:
        assert len(plc.validate_log(plc_directory.audit(tx, did))) == 3


def test_our_own_directory_needs_no_job_and_others_do(db, make):
    entered(db, make("own"), "a.test", SIGNING)
    assert queued(db) == []
    entered(db, make("both"), "b.test", SIGNING)
    assert queued(db) == [(JOB,)]


def test_what_fails_with_the_account_leaves_neither_operation_nor_job(db, make):
    register = make("both")
    genesis = register.genesis("alice.test", SIGNING)

    def fails(tx):
        register.record(tx, genesis)
        raise LookupError

    with pytest.raises(LookupError):
        db.write_sync(fails)
    assert newest(db, genesis.did) is None
    assert queued(db) == []


def test_a_change_by_the_members_own_key_is_told(db, make):
    told = []
    register = make(changed=lambda tx, did: told.append(did))
    did = entered(db, register, "alice.test", SIGNING, MEMBER.did_key)
    assert told == []
    operation = renamed(newest(db, did), "mine.test", signer=MEMBER)
    db.write_sync(lambda tx: register.take(tx, did, operation, limited=True))
    assert told == [did]


async def test_where_identities_live_elsewhere_they_are_made_there_first(tmp_path, make):
    (tmp_path / "other").mkdir()
    other = DirectorySite(tmp_path / "other", Clock(), dev=True)
    async with application(other) as origin:
        register = make(f"{origin}/plc")
        genesis = register.genesis("alice.test", SIGNING)
        await register.publish_first(genesis)
    assert newest(other.truth, genesis.did) == genesis.operation
    other.truth.close()


async def test_an_identity_that_is_refused_elsewhere_is_not_made(make):
    register = make()
    genesis = register.genesis("alice.test", SIGNING)
    async with pages({f"/{genesis.did}": answer(400, b'{"message": "no"}')}) as origin:
        with pytest.raises(OperationRefused):
            await make(origin).publish_first(genesis)
