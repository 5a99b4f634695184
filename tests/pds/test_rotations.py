"""The network's own keys replaced while it runs: what ends, what goes on, and that nothing is lost in between.

Sources: https://web.plc.directory/spec/v0.1/did-plc, https://atproto.com/specs/label
"""

import ast
from functools import partial
from importlib import import_module
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from freehold.identity import plc_directory
from freehold.net.mail import Letter
from freehold.pds import keychain
from freehold.pds.reclaiming import NotTheOfflineKey
from freehold.pds.rotations import NotClaimed, rotation_keys
from freehold.pds.services import LABEL_KEY
from freehold.pds.tokens import REFRESH_SECONDS
from freehold.protocol import cbor, plc
from freehold.protocol.keys import K256Key, verify
from freehold.protocol.refused import Refused
from freehold.site.ground import SEALED
from freehold.store.keyring import Keyring, Source
from freehold.store.resealing import NotAllSealedAnew, Sealed
from freehold.store.sealed import BrokenSeal, Seal, _derive
from support.inside import SECOND, opened
from support.network import PASSWORD, Caller, Person, refused

SOURCE = Path(plc_directory.__file__).parent.parent


def quiet(done: int, total: int) -> None:
    assert done <= total


def keys_in(site, did: str) -> list[str]:
    with site.truth.reading() as tx:
        return plc_directory.last(tx, did)["rotationKeys"]


def members_and_services(site) -> list[str]:
    return [account.did for account in site.accounts.page(0, 1000)]


def own_keys(site):
    with site.truth.reading() as tx:
        host, retired, offline = rotation_keys(tx, site.seal)
    return host.did_key, [key.did_key for key in retired], offline


# --- signing keys of all


async def test_everybody_and_every_service_gets_another_signing_key(site, alice, bob, verified):
    await alice.post("before")
    before = {did: site.key_of(site.accounts.one(did)).did_key for did in members_and_services(site)}
    told = []
    walked = await site.rotations.rotate_signing_keys(lambda done, total: told.append((done, total)))
    assert (walked.done, walked.skipped) == (5, [])
    assert told == [(n, 5) for n in range(1, 6)]
    after = {did: site.key_of(site.accounts.one(did)).did_key for did in before}
    assert not set(before.values()) & set(after.values())
    for person in (alice, bob):
        await person.post("after")
        await verified(person)
    assert not site.rotations.is_walking


async def test_a_walk_that_was_broken_off_goes_on_where_it_was(site, alice, bob, monkeypatch):
    rotated, rotate = [], site.key_rotation.rotate

    async def dying(did: str) -> str:
        if len(rotated) == 3:
            raise RuntimeError("killed")
        rotated.append(did)
        return await rotate(did)

    monkeypatch.setattr(site.key_rotation, "rotate", dying)
    with pytest.raises(RuntimeError):
        await site.rotations.rotate_signing_keys(quiet)
    assert site.rotations.is_walking
    rotated.clear()
    walked = await site.rotations.rotate_signing_keys(quiet)
    assert (rotated, walked.done) == ([alice.did, bob.did], 5)


async def test_who_cannot_be_helped_is_named(site, alice, bob):
    with site.truth.reading() as tx:
        newest = plc_directory.last(tx, alice.did)
    own = K256Key.from_raw(b"\5" * 32)
    host = site.register._host_key
    taken = plc.sign_operation(plc.update(newest, rotationKeys=[own.did_key]), host)
    await site.truth.write(lambda tx: site.register.take(tx, alice.did, taken, limited=False))
    walked = await site.rotations.rotate_signing_keys(quiet)
    assert [handle for handle, _ in walked.skipped] == ["alice.test"]
    await alice.post("goes on with the old key")


# --- the labeler's key


async def test_all_labels_are_signed_by_the_new_label_key(site, alice):
    await site.truth.write(lambda tx: site.labels.put(tx, alice.did, "spam"))
    key = await site.rotations.rotate_label_key()
    await site.truth.write(lambda tx: site.labels.put(tx, alice.did, "rude"))
    labels = site.labels.read(0, 10)
    assert len(labels) == 2
    for label in labels:
        assert verify(key, cbor.encode(label.fields), label.sig)
    methods = (await site.identity.did_json(site.services.labeler))["verificationMethod"]
    assert f"did:key:{methods[1]['publicKeyMultibase']}" == key
    with site.truth.reading() as tx:
        assert K256Key.from_raw(keychain.require(tx, site.seal, LABEL_KEY)).did_key == key


# --- the session secret


async def session(http, person: Person) -> dict:
    return await Caller(http, person.token).get("com.atproto.server.getSession")


async def test_sessions_go_on_and_change_over_when_they_are_renewed(site, http, alice, clock):
    old_refresh = alice.refresh_token
    await site.rotations.rotate_session_secret(at_once=False)
    assert (await session(http, alice))["did"] == alice.did
    clock.pass_by(SECOND)
    await alice.renew()
    assert (await session(http, alice))["did"] == alice.did
    clock.pass_by((REFRESH_SECONDS - 10) * SECOND)
    await site.truth.write(site.rotations.sweep)
    with site.truth.reading() as tx:
        assert len(keychain.retired(tx, site.seal, keychain.RETIRED_SESSION)) == 1
    clock.pass_by(10 * SECOND)
    await site.truth.write(site.rotations.sweep)
    with site.truth.reading() as tx:
        assert keychain.get(tx, site.seal, keychain.RETIRED_SESSION) is None
    with refused("InvalidToken"):
        await Caller(http, old_refresh).do("com.atproto.server.refreshSession")


async def test_in_an_emergency_every_session_ends(site, http, alice):
    await site.rotations.rotate_session_secret(at_once=False)
    await site.rotations.rotate_session_secret(at_once=True)
    for token in (alice.token, alice.refresh_token):
        with refused("InvalidToken"):
            await Caller(http, token).do("com.atproto.server.refreshSession")
    with site.truth.reading() as tx:
        assert tx.one("SELECT count(*) FROM refresh_token") == (0,)
    await Caller(http).do("com.atproto.server.createSession", identifier="alice", password=PASSWORD)


async def test_a_secret_that_was_replaced_stays_replaced(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        before = site.tokens.access("did:plc:a", 0)
        await site.rotations.rotate_session_secret(at_once=False)
        after = site.tokens.access("did:plc:a", 0)
    with opened(tmp_path / "town", shared) as site:
        assert site.tokens.access("did:plc:a", 0) == after != before
        for token in (before, after):
            site.tokens.read_access(token, 1)


# --- rotation keys


async def test_another_host_key_stands_in_every_identity(site, alice, bob):
    old, _, offline = own_keys(site)
    walked = await site.rotations.replace_host_key(quiet)
    new, retired, _ = own_keys(site)
    assert (walked.skipped, new != old, retired) == ([], True, [])
    for did in members_and_services(site):
        assert keys_in(site, did) == [offline, new]
        with site.truth.reading() as tx:
            plc.validate_log(plc_directory.audit(tx, did))
    assert await site.key_rotation.rotate(alice.did)


async def test_until_all_name_the_new_key_the_old_one_works_for_the_others(site, alice, bob, monkeypatch):
    old, _, _ = own_keys(site)
    make, seen = site.changes.make, []

    async def dying(did: str, change) -> None:
        if len(seen) == 4:
            raise RuntimeError("killed")
        seen.append(did)
        await make(did, change)

    monkeypatch.setattr(site.changes, "make", dying)
    with pytest.raises(RuntimeError):
        await site.rotations.replace_host_key(quiet)
    monkeypatch.undo()
    new, retired, _ = own_keys(site)
    assert (retired, keys_in(site, bob.did)[-1], keys_in(site, alice.did)[-1]) == ([old], old, new)
    for person in (alice, bob):
        await person.do("com.atproto.identity.updateHandle", handle=f"other-{person.handle}")
    await site.rotations.replace_host_key(quiet)
    assert own_keys(site)[:2] == (new, [])
    assert keys_in(site, bob.did)[-1] == new


async def test_the_offline_key_takes_back_what_a_stolen_host_key_signed(site, alice, bob, clock):
    written = await site.truth.write(lambda tx: keychain.hand_over(tx, site.seal))
    offline = K256Key.from_raw(keychain.read_written(written))
    stolen, thief = site.register._host_key, K256Key.from_raw(b"\7" * 32)

    def steal(did, **changes):
        def submit(tx):
            taken = plc.sign_operation(plc.update(plc_directory.last(tx, did), **changes), stolen)
            plc_directory.submit(tx, did, taken, tx.now)

        return site.truth.write(submit)

    elsewhere = {"atproto_pds": {"type": "AtprotoPersonalDataServer", "endpoint": "https://thief.example"}}
    await steal(alice.did, rotationKeys=[thief.did_key], services=elsewhere)
    await steal(bob.did, services=elsewhere)  # the offline key stays, the address does not
    with site.truth.reading() as tx:
        labeler = plc_directory.last(tx, site.services.labeler)["services"]
    await steal(
        site.services.labeler,
        services={name: {**one, "endpoint": "https://thief.example"} for name, one in labeler.items()},
    )
    own = (await site.own_keys.make(site.accounts.one(bob.did), PASSWORD)).did_key
    clock.pass_by(71 * 3600 * SECOND)
    before = site.log.last
    with pytest.raises(NotTheOfflineKey):
        await site.rotations.replace_host_key(quiet, partial(site.reclaiming.walk, thief))
    walked = await site.rotations.replace_host_key(quiet, partial(site.reclaiming.walk, offline))
    new, retired, _ = own_keys(site)
    assert (walked.skipped, retired, new != stolen.did_key) == ([], [], True)
    assert keys_in(site, alice.did) == [offline.did_key, new]
    assert keys_in(site, bob.did) == [own, offline.did_key, new]
    for did in members_and_services(site):
        with site.truth.reading() as tx:
            plc.validate_log(plc_directory.audit(tx, did))
            said = plc_directory.last(tx, did)
        assert {one["endpoint"] for one in said["services"].values()} == {site.place.base_url}
        assert stolen.did_key not in said["rotationKeys"]
    assert alice.did in {event.did for event in site.log.read(before) if event.kind == "identity"}
    again = await site.reclaiming.walk(offline, quiet)
    assert (again.skipped, keys_in(site, alice.did)) == ([], [offline.did_key, new])


async def test_after_three_days_only_the_holder_s_own_key_helps(site, alice, clock):
    written = await site.truth.write(lambda tx: keychain.hand_over(tx, site.seal))
    offline = K256Key.from_raw(keychain.read_written(written))
    stolen, thief = site.register._host_key, K256Key.from_raw(b"\7" * 32)

    def submit(tx):
        taken = plc.update(plc_directory.last(tx, alice.did), rotationKeys=[thief.did_key])
        plc_directory.submit(tx, alice.did, plc.sign_operation(taken, stolen), tx.now)

    await site.truth.write(submit)
    clock.pass_by(73 * 3600 * SECOND)
    walked = await site.reclaiming.walk(offline, quiet)
    assert [handle for handle, _ in walked.skipped] == [alice.handle]
    assert "more than 72 hours ago" in walked.skipped[0][1]


async def test_an_offline_key_that_was_lost_is_replaced(site, alice):
    with pytest.raises(NotClaimed):
        await site.rotations.replace_offline_key()
    await site.truth.write(lambda tx: keychain.hand_over(tx, site.seal))
    host, _, old = own_keys(site)
    written = await site.rotations.replace_offline_key()
    assert await site.rotations.replace_offline_key() == written
    await site.rotations.hand_over_offline_key(quiet)
    new = K256Key.from_raw(keychain.read_written(written)).did_key
    assert own_keys(site) == (host, [], new)
    assert new != old
    assert {tuple(keys_in(site, did)) for did in members_and_services(site)} == {(new, host)}
    with site.truth.reading() as tx:
        assert keychain.get(tx, site.seal, keychain.OFFLINE_KEY) is None
    assert site.rotations.unfinished() == []


# --- the network key


async def test_everything_opens_with_the_new_network_key_and_nothing_with_the_old(tmp_path, shared):
    directory = tmp_path / "town"
    with opened(directory, shared) as site:
        old = site.seal.ring
        account = site.accounts.one(site.services.labeler)
        key = site.key_of(account).did_key
        await site.truth.write(lambda tx: site.accounts.set_mail(tx, account, "town@mail.example"))
        told = []
        done = await site.resealing.run(lambda done, total: told.append((done, total)), settle=0)
        assert done == told[-1][0] == told[-1][1]
        assert done >= 8  # three signing keys, the secrets, a mail address
        assert not site.keyring.is_changing
        with pytest.raises(BrokenSeal), site.truth.reading() as tx:
            keychain.require(tx, Seal(old), keychain.SESSION)
    with opened(directory, shared) as site:
        assert site.seal.ring.keys != old.keys
        assert site.key_of(site.accounts.one(site.services.labeler)).did_key == key
        found = site.accounts.by_mail("TOWN@mail.example")
        assert found is not None
        assert site.accounts.mail_of(found) == "town@mail.example"
        files = [path for path in directory.glob("*") if path.is_file()]
        assert not any(key in path.read_bytes() for path in files for key in old.keys)


async def test_boxes_from_before_they_named_their_key_are_sealed_anew(site, alice):
    old_boxes(site)
    assert site.key_of(site.accounts.one(alice.did)).did_key
    await site.resealing.run(quiet, settle=0)
    await alice.post("signed")


def old_boxes(site) -> None:
    """As if the network had been made by the first version."""
    cipher = AESGCM(_derive(site.seal.ring.keys[-1], b"freehold seal"))

    def old(tx) -> None:
        for id, box in tx.run("SELECT id, signing_key FROM account"):
            plain = site.seal.open("signing key", box)
            first = b"\x01" + b"n" * 12 + cipher.encrypt(b"n" * 12, plain, b"signing key")
            tx.run("UPDATE account SET signing_key = :box WHERE id = :id", box=first, id=id)

    site.truth.write_sync(old)


async def test_a_change_of_the_network_key_goes_on_after_it_was_broken_off(tmp_path, shared, monkeypatch):
    directory = tmp_path / "town"
    with opened(directory, shared) as site:
        monkeypatch.setattr(site.resealing, "_seal_place", dies)
        with pytest.raises(RuntimeError):
            await site.resealing.run(quiet, settle=0)
        assert site.keyring.is_changing
    with opened(directory, shared) as site:
        assert site.keyring.is_changing
        keys = site.seal.ring.keys
        await site.resealing.run(quiet, settle=0)
        assert site.seal.ring.keys == keys[:1]


async def dies(*_: object) -> None:
    raise RuntimeError("killed")


async def test_the_old_key_stays_while_anything_is_sealed_with_it(site, monkeypatch):
    await site.truth.write(
        lambda tx: tx.run("INSERT INTO job (kind, payload, run_at, attempts) VALUES ('odd', :b, NULL, 0)", b=odd(site))
    )
    with pytest.raises(NotAllSealedAnew, match=r"job\.payload"):
        await site.resealing.run(quiet, settle=0)
    assert site.keyring.is_changing
    await site.truth.write(lambda tx: tx.run("DELETE FROM job WHERE kind = 'odd'"))
    await site.resealing.run(quiet, settle=0)


def odd(site) -> bytes:
    return site.seal.seal("odd", b"something")


async def test_a_value_that_does_not_open_stops_it_by_name(site, alice):
    await site.truth.write(
        lambda tx: tx.run("UPDATE account SET signing_key = :box WHERE did = :did", box=b"\2" * 50, did=alice.did)
    )
    with pytest.raises(BrokenSeal, match=r"account\.signing_key, row \d+\). The old key stays"):
        await site.resealing.run(quiet, settle=0)


async def test_what_waits_to_be_sent_is_sealed_anew(tmp_path, shared):
    settings = {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "town@town.example"}
    with opened(tmp_path / "town", shared, **settings) as site:
        letter = Letter("mei@mail.example", "A subject", "the words of it")
        await site.truth.write(lambda tx: site.letters.queue(tx, letter))
        await site.resealing.run(quiet, settle=0)
        with site.truth.reading() as tx:
            ((payload,),) = tx.run("SELECT payload FROM job WHERE kind = 'send letter'")
        with pytest.raises(Refused) as wrong:  # it opens, and goes as far as the server, which is not there
            await site.letters.deliver(msgspec.json.decode(payload))
        assert not isinstance(wrong.value, BrokenSeal)


def test_every_room_that_seals_says_where(site):
    """A module that seals what it stores names the place, or its values would stop the next change of the key."""
    silent = {"freehold/store/sealed.py", "freehold/store/resealing.py", "freehold/pds/signing_in.py"}
    sealing = set()
    for path in SOURCE.rglob("*.py"):
        name = str(path.relative_to(SOURCE.parent))
        calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        if any(isinstance(f, ast.Attribute) and f.attr == "seal" for f in calls) and name not in silent:
            sealing.add(name)
    for name in sealing:
        module = import_module(name.removesuffix(".py").replace("/", "."))
        assert module.SEALED, name
        assert set(module.SEALED) <= set(SEALED), name
    with site.truth.reading() as tx:
        for place in SEALED:
            assert isinstance(place, Sealed)
            columns = {row[1] for row in tx.run(f"PRAGMA table_info({place.table})")}
            assert place.column in columns, place


def test_a_keyring_is_that_of_the_file(tmp_path):
    tmp_path.chmod(0o700)
    first = Keyring.open_(tmp_path, Source("file"))
    box = first.seal.seal("a", b"value")
    first.begin()
    second = Keyring.open_(tmp_path, Source("file"))
    assert (second.is_changing, second.seal.open("a", box)) == (True, b"value")
    first.finish()
    with pytest.raises(BrokenSeal):
        Keyring.open_(tmp_path, Source("file")).seal.open("a", box)
