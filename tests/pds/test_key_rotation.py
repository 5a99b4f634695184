"""Another signing key: the document, the newest commit and the stream agree at every step, whoever keeps the log.

Source: https://atproto.com/specs/repository, https://atproto.com/specs/sync
"""

import pytest

from freehold.identity import plc_directory
from freehold.identity.operations import NotPlc
from freehold.net.errors import UpstreamFailed
from freehold.pds.accounts import AccountNotFound
from freehold.pds.key_rotation import LivesElsewhere
from freehold.protocol.keys import K256Key
from freehold.repo import commit
from freehold.repo.car import read_car
from freehold.repo.diff import invert
from freehold.store.tx import Tx
from freehold.stream import frames
from support.inside import calling, opened
from support.network import Person
from support.plc import Clock as PlcClock
from support.plc import DirectorySite
from support.servers import application

GET_REPO = "com.atproto.sync.getRepo"


async def key_of_document(site, did: str) -> str | None:
    return (await site.identity.did_document(did)).signing_key


def events_after(site, seq: int, did: str):
    return [frames.decode(event.frame) for event in site.log.read(seq) if event.did == did]


async def test_the_document_the_newest_commit_and_the_stream_agree(site, alice, verified):
    first = await alice.post("before")
    before, seq = await key_of_document(site, alice.did), site.log.last
    key = await site.key_rotation.rotate(alice.did)
    assert key != before
    assert await key_of_document(site, alice.did) == key
    (identity, _), (kind, told) = events_after(site, seq, alice.did)
    assert (identity, kind, told["ops"], told["since"]) == ("identity", "commit", [], first.rev)
    assert told["rev"] > first.rev
    roots, blocks = read_car(told["blocks"])
    signed = commit.read(blocks[roots[0]])
    commit.verify(signed, key)
    assert roots == [told["commit"]]
    assert signed.data == told["prevData"] == invert(signed.data, blocks, [])
    await verified(alice)
    second = await alice.post("after")
    assert second.rev > told["rev"]
    await verified(alice)


async def test_a_key_that_is_given_is_the_one(site, alice):
    key = K256Key.from_raw(b"\7" * 32)
    assert await site.key_rotation.rotate(alice.did, key) == key.did_key
    assert site.key_of(site.accounts.one(alice.did)).did_key == key.did_key
    length = len(log_of(site, alice.did))
    assert await site.key_rotation.rotate(alice.did, key) == key.did_key  # again: nothing to say, a commit more
    assert len(log_of(site, alice.did)) == length


def log_of(site, did: str):
    with site.truth.reading() as tx:
        return plc_directory.log(tx, did)


async def test_a_service_keeps_its_other_keys(site):
    before = (await site.identity.did_json(site.services.labeler))["verificationMethod"]
    key = await site.key_rotation.rotate(site.services.labeler)
    after = (await site.identity.did_json(site.services.labeler))["verificationMethod"]
    assert {m["id"] for m in after} == {m["id"] for m in before}
    labels = [[m for m in methods if m["id"].endswith("#atproto_label")] for methods in (before, after)]
    assert labels[0] == labels[1] != []
    assert await key_of_document(site, site.services.labeler) == key


async def test_who_does_not_speak_is_not_heard(site, alice, bob, operator, verified):
    await alice.post("before")
    await operator.set_takedown(alice.did, True)
    seq = site.log.last
    await site.key_rotation.rotate(alice.did)
    assert [kind for kind, _ in events_after(site, seq, alice.did)] == ["identity"]
    await operator.set_takedown(alice.did, False)
    await verified(alice)
    await bob.deactivate()
    seq = site.log.last
    await site.key_rotation.rotate(bob.did)
    assert events_after(site, seq, bob.did) == []
    await bob.activate()
    assert [kind for kind, _ in events_after(site, seq, bob.did)] == ["identity", "account", "sync"]
    await verified(bob)


async def test_an_operation_that_is_refused_changes_nothing(site, alice, monkeypatch):
    before, seq = site.key_of(site.accounts.one(alice.did)).did_key, site.log.last

    def fail(tx: Tx, *_: object) -> None:
        raise LookupError("the disk")

    monkeypatch.setattr(site.repositories, "_store_heads", fail)
    with pytest.raises(LookupError):
        await site.key_rotation.rotate(alice.did)
    monkeypatch.undo()
    assert site.key_of(site.accounts.one(alice.did)).did_key == await key_of_document(site, alice.did) == before
    assert site.log.last == seq
    await alice.post("goes on")


async def test_only_accounts_here_have_keys_here(site):
    with pytest.raises(AccountNotFound):
        await site.key_rotation.rotate("did:plc:ewvi7nxzyoun6zhxrhs64oiz")


async def test_who_lives_at_another_host_keeps_that_ones_key(site, alice):
    key = site.key_of(site.accounts.one(alice.did)).did_key
    gone = {"atproto_pds": {"type": "AtprotoPersonalDataServer", "endpoint": "https://there.example"}}
    await site.truth.write(lambda tx: site.register.change(tx, alice.did, services=gone))
    with pytest.raises(LivesElsewhere):
        await site.key_rotation.rotate(alice.did)
    walked = await site.rotations.rotate_signing_keys(lambda done, total: None)
    assert walked.skipped == []
    assert site.key_of(site.accounts.one(alice.did)).did_key == await key_of_document(site, alice.did) == key


# --- where another directory has a say


@pytest.fixture
async def elsewhere(tmp_path):
    (tmp_path / "other").mkdir()
    other = DirectorySite(tmp_path / "other", PlcClock(), dev=True)
    async with application(other) as origin:
        other.url = f"{origin}/plc"
        yield other
    other.truth.close()


async def test_another_directory_hears_first(tmp_path, shared, elsewhere):
    with opened(tmp_path / "town", shared, plc=elsewhere.url) as site:
        async with calling(site) as http:
            alice = await Person.join(http, "alice")
            await alice.post("before")
            key = await site.key_rotation.rotate(alice.did)
            assert log_of(elsewhere, alice.did) == log_of(site, alice.did)
            assert log_of(elsewhere, alice.did)[-1]["verificationMethods"]["atproto"] == key
            assert site.key_rotation.pending() == []
            assert not await site.publisher.difference(alice.did)
        await site.stop()


async def test_a_directory_that_cannot_be_reached_leaves_the_old_key_at_work(tmp_path, shared, elsewhere):
    with opened(tmp_path / "town", shared, plc=elsewhere.url) as site:
        async with calling(site) as http:
            alice = await Person.join(http, "alice")
            url, site.publisher._url = site.publisher.url, "http://127.0.0.1:9"
            with pytest.raises(UpstreamFailed):
                await site.key_rotation.rotate(alice.did)
            site.publisher._url = url
            assert site.key_rotation.pending() == [alice.did]
            await alice.post("goes on")
            key = await site.key_rotation.rotate(alice.did)
            assert (site.key_rotation.pending(), await key_of_document(site, alice.did)) == ([], key)
        await site.stop()


async def test_an_answer_that_was_lost_loses_no_key(tmp_path, shared, elsewhere, monkeypatch):
    with opened(tmp_path / "town", shared, plc=elsewhere.url) as site:
        async with calling(site) as http:
            alice = await Person.join(http, "alice")
            monkeypatch.setattr(site.key_rotation, "_settle", dies)
            with pytest.raises(LookupError):
                await site.key_rotation.rotate(alice.did)
            told = log_of(elsewhere, alice.did)[-1]["verificationMethods"]["atproto"]
            assert await key_of_document(site, alice.did) != told
        await site.stop()
    with opened(tmp_path / "town", shared, plc=elsewhere.url) as site:
        assert site.key_rotation.pending() == [alice.did]
        assert await site.key_rotation.rotate(alice.did) == told
        assert site.key_of(site.accounts.one(alice.did)).did_key == told
        assert log_of(elsewhere, alice.did) == log_of(site, alice.did)
        await site.stop()


def dies(tx: Tx, *_: object) -> None:
    raise LookupError("killed")


async def test_an_account_is_erased_with_the_key_to_come(tmp_path, shared, elsewhere, monkeypatch):
    with opened(tmp_path / "town", shared, plc=elsewhere.url) as site:
        async with calling(site) as http:
            alice = await Person.join(http, "alice")
            monkeypatch.setattr(site.key_rotation, "_settle", dies)
            with pytest.raises(LookupError):
                await site.key_rotation.rotate(alice.did)
            await site.members.delete(site.accounts.one(alice.did))
            assert site.key_rotation.pending() == []
        await site.stop()


async def test_a_did_that_is_no_plc_is_changed_where_it_is_kept(site, alice):
    site.truth.write_sync(lambda tx: tx.run("UPDATE account SET did = 'did:web:a.example' WHERE did = :d", d=alice.did))
    site.accounts.forget_all()
    with pytest.raises(NotPlc):
        await site.key_rotation.rotate("did:web:a.example")
