"""Coming back without e-mail: by a recovery code that counts once, or by the member's own key in the DID's log."""

import pyotp
import pytest

from freehold.pds import recovery_keys
from freehold.pds.keychain import written
from freehold.pds.membership import AccountTakedown
from freehold.pds.passwords import WeakPassword
from freehold.pds.recovery import NoProof
from freehold.protocol.keys import K256Key
from freehold.protocol.refused import Refused
from support.authenticator import Authenticator
from support.network import PASSWORD, Caller, Person, refused

NEW = "another good password"
SIGN_IN = "com.atproto.server.createSession"


async def code_of(site, person):
    return await site.recovery.make_code(site.accounts.one(person.did), PASSWORD)


async def test_a_code_sets_a_new_password_and_is_replaced(site, http, alice):
    code = await code_of(site, alice)
    assert len(code.split()) == 8
    recovered = await site.recovery.recover("alice", code.upper().replace(" ", "-"), NEW)
    assert recovered.account.did == alice.did
    with refused("AuthenticationRequired", 401):
        await Caller(http).do(SIGN_IN, identifier="alice", password=PASSWORD)
    await Caller(http).do(SIGN_IN, identifier="alice", password=NEW)
    with pytest.raises(NoProof):
        await site.recovery.recover("alice", code, PASSWORD)
    await site.recovery.recover("alice", recovered.code, PASSWORD)


async def test_whoever_recovers_an_account_holds_it_alone(site, http, alice):
    account = site.accounts.one(alice.did)
    code, browser = await code_of(site, alice), await site.members.start_web(account)
    app = (await alice.do("com.atproto.server.createAppPassword", name="app"))["password"]
    await site.second_factor.begin(account, PASSWORD)
    await site.second_factor.confirm(account, pyotp.TOTP(site.second_factor.begun(account)).at(site.clock() // 10**6))
    offer = await site.passkeys.offer(account, PASSWORD)
    await site.passkeys.add(account, offer.ticket, Authenticator("http://localhost:8000").make(offer.options), "x")
    await site.recovery.recover("alice", code, NEW)
    with refused("ExpiredToken"):
        await alice.renew()
    with refused("ExpiredToken"):
        await alice.get("com.atproto.server.getSession")
    with refused("AuthenticationRequired", 401):
        await Caller(http).do(SIGN_IN, identifier="alice", password=app)
    assert await site.signing_in.browser("alice", NEW) == account
    assert site.passkeys.of(account) == []
    with site.truth.reading() as tx:
        assert tx.one("SELECT count(*) FROM web_session") == (0,), browser


async def test_wrong_names_and_wrong_codes_are_told_the_same(site, alice, bob):
    code, other = await code_of(site, alice), await code_of(site, bob)
    said = set()
    for name, proof in (
        ("alice", other),
        ("bob", code),
        ("nobody", code),
        ("alice", ""),
        ("alice", "nonsense"),
        ("nobody", recovery_keys.make().secret),
        ("alice", recovery_keys.make().secret),
        ("", code),
    ):
        with pytest.raises(NoProof) as no:
            await site.recovery.recover(name, proof, NEW)
        said.add((no.value.say, no.value.name, str(no.value.facts)))
    assert len(said) == 1
    with pytest.raises(WeakPassword):
        await site.recovery.recover("alice", code, "short")
    await site.recovery.recover("alice", code, NEW)


async def test_a_code_needs_the_password_and_the_newest_counts(site, alice):
    account = site.accounts.one(alice.did)
    assert site.recovery.code_made_at(account) is None
    with pytest.raises(Refused, match="not right"):
        await site.recovery.make_code(account, "wrong password")
    first, second = await code_of(site, alice), await code_of(site, alice)
    assert site.recovery.code_made_at(account) is not None
    with pytest.raises(NoProof):
        await site.recovery.recover("alice", first, NEW)
    await site.recovery.recover("alice", second, NEW)


async def test_the_code_lies_here_as_a_keyed_hash(site, alice):
    code = await code_of(site, alice)
    with site.truth.reading() as tx:
        rows = repr(tx.run("SELECT * FROM recovery_code"))
    assert code not in rows
    assert code.replace(" ", "") not in rows


async def test_the_members_own_key_sets_a_new_password(site, http):
    key = recovery_keys.make()
    carol = await Person.join(http, "carol", recoveryKey=key.did_key)
    recovered = await site.recovery.recover("carol", f"  {key.secret}\n", NEW)
    assert recovered.account.did == carol.did
    await Caller(http).do(SIGN_IN, identifier="carol", password=NEW)
    await site.recovery.recover("carol", recovered.code, PASSWORD)
    await site.recovery.recover("carol", key.secret, NEW)  # a key is not spent


async def test_no_key_opens_an_account_whose_identity_is_at_another_host(site, http):
    own, theirs = recovery_keys.make(), recovery_keys.make()
    carol = await Person.join(http, "carol", recoveryKey=own.did_key)
    there = {"atproto_pds": {"type": "AtprotoPersonalDataServer", "endpoint": "https://there.example"}}
    keys = [own.did_key, theirs.did_key, *site.register.rotation_keys]
    await site.truth.write(lambda tx: site.register.change(tx, carol.did, services=there, rotationKeys=keys))
    for key in (theirs, own):
        with pytest.raises(NoProof):
            await site.recovery.recover("carol", key.secret, NEW)
    await site.truth.write(lambda tx: site.register.repoint(tx, carol.did))
    await site.recovery.recover("carol", own.secret, NEW)


async def test_the_networks_own_keys_are_nobodys(site, http, alice):
    from freehold.pds import keychain

    with site.truth.reading() as tx:
        for name in (keychain.HOST_KEY, keychain.OFFLINE_KEY):
            raw = keychain.require(tx, site.seal, name)
            for text in (written(raw), raw.hex()):
                with pytest.raises(NoProof):
                    await site.recovery.recover("alice", text, NEW)
    assert K256Key.from_raw(raw).did_key in site.register.rotation_keys


async def test_who_rests_may_recover_and_who_is_taken_down_not(site, alice, operator):
    code = await code_of(site, alice)
    await alice.deactivate()
    code = (await site.recovery.recover("alice", code, NEW)).code
    await operator.set_takedown(alice.did, True)
    with pytest.raises(AccountTakedown):
        await site.recovery.recover("alice", code, NEW)


async def test_the_code_goes_with_the_account(site, http, alice):
    await code_of(site, alice)
    await Caller(http).do("com.atproto.server.deleteAccount", did=alice.did, password=PASSWORD, token="x")
    with site.truth.reading() as tx:
        assert tx.one("SELECT count(*) FROM recovery_code") == (0,)
