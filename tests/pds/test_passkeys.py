"""Passkeys: made on a member's word, sign in alone, count up, and answer one question once, at this origin only.

Source: https://www.w3.org/TR/webauthn-3/
"""

import json

import pytest

from freehold.pds.membership import AccountTakedown
from freehold.pds.passkeys import BadPasskey, CopiedPasskey, StaleChallenge
from freehold.protocol.refused import Refused
from support.authenticator import PRESENT, Authenticator
from support.inside import SECOND
from support.network import PASSWORD, Caller

ORIGIN = "http://localhost:8000"


async def made(site, person, name="Phone", **more):
    """A device with a passkey of this member."""
    device = Authenticator(ORIGIN, **more)
    account = site.accounts.one(person.did)
    offer = await site.passkeys.offer(account, PASSWORD)
    await site.passkeys.add(account, offer.ticket, device.make(offer.options), name)
    return device


async def signed_in(site, device, **false):
    asked = site.passkeys.challenge()
    return await site.signing_in.by_passkey(asked.ticket, device.sign(asked.options, **false))


async def test_a_passkey_signs_in_by_itself(site, alice):
    device = await made(site, alice)
    for _ in range(2):
        assert (await signed_in(site, device)).did == alice.did
    [known] = site.passkeys.of(site.accounts.one(alice.did))
    assert (known.name, known.host) == ("Phone", "localhost")
    assert known.used_at >= known.created_at


async def test_what_the_browser_is_asked_says_nothing_of_anybody(site, alice):
    offer = await site.passkeys.offer(site.accounts.one(alice.did), PASSWORD)
    assert offer.options["rp"]["id"] == "localhost"
    assert offer.options["authenticatorSelection"]["userVerification"] == "required"
    assert offer.options["authenticatorSelection"]["residentKey"] == "required"
    assert "attestation" not in offer.options
    json.dumps(offer.options)
    asked = site.passkeys.challenge()
    assert set(asked.options) == {"challenge", "rpId", "userVerification"}


async def test_making_one_needs_the_password(site, alice):
    with pytest.raises(Refused, match="not right"):
        await site.passkeys.offer(site.accounts.one(alice.did), "wrong password")


async def test_a_question_is_answered_once_and_soon(site, clock, alice):
    device = await made(site, alice)
    asked = site.passkeys.challenge()
    answer = device.sign(asked.options)
    await site.passkeys.recognise(asked.ticket, answer)
    for ticket in (asked.ticket, "", "nonsense", asked.ticket[:-6] + "AAAAAA"):
        with pytest.raises(StaleChallenge):
            await site.passkeys.recognise(ticket, answer)
    late = site.passkeys.challenge()
    clock.pass_by(11 * 60 * SECOND)
    with pytest.raises(StaleChallenge):
        await site.passkeys.recognise(late.ticket, device.sign(late.options))


async def test_a_question_of_one_kind_is_no_question_of_the_other(site, alice, bob):
    device = await made(site, alice)
    account = site.accounts.one(alice.did)
    offer, asked = await site.passkeys.offer(account, PASSWORD), site.passkeys.challenge()
    with pytest.raises(StaleChallenge):
        await site.passkeys.recognise(offer.ticket, device.sign(asked.options))
    with pytest.raises(StaleChallenge):
        await site.passkeys.add(account, asked.ticket, Authenticator(ORIGIN).make(offer.options), "")
    with pytest.raises(StaleChallenge):  # asked of alice, answered by bob
        await site.passkeys.add(site.accounts.one(bob.did), offer.ticket, Authenticator(ORIGIN).make(offer.options), "")


@pytest.mark.parametrize(
    "false",
    [
        {"origin": "http://localhost:8001"},
        {"origin": "https://evil.example"},
        {"type": "webauthn.create"},
        {"challenge": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
        {"flags": PRESENT},
        {"flags": 0},
    ],
)
async def test_an_answer_that_is_not_quite_right_is_refused(site, alice, false):
    device = await made(site, alice)
    with pytest.raises(BadPasskey):
        await signed_in(site, device, **false)
    account = site.accounts.one(alice.did)
    offer = await site.passkeys.offer(account, PASSWORD)
    if "type" in false:
        false = {"type": "webauthn.get"}
    with pytest.raises(BadPasskey):
        await site.passkeys.add(account, offer.ticket, Authenticator(ORIGIN).make(offer.options, **false), "")
    assert len(site.passkeys.of(account)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        *(
            "",
            "{}",
            "[]",
            "null",
            '{"rawId": 5}',
            '{"rawId": "AAAA", "response": {}}',
            "x" * 40_000,
            '{"response": null}',
        ),
        '{"id":"AA","rawId":"AA","response":{"clientDataJSON":"AA","authenticatorData":"AA","signature":"AA"}}',
    ],
)
async def test_nonsense_is_refused(site, alice, answer):
    account = site.accounts.one(alice.did)
    offer, asked = await site.passkeys.offer(account, PASSWORD), site.passkeys.challenge()
    with pytest.raises(BadPasskey):
        await site.passkeys.recognise(asked.ticket, answer)
    with pytest.raises(BadPasskey):
        await site.passkeys.add(account, offer.ticket, answer, "")


async def test_another_key_under_the_same_name_is_refused(site, alice):
    device, thief = await made(site, alice), Authenticator(ORIGIN)
    thief.id, thief.handle = device.id, device.handle
    with pytest.raises(BadPasskey):
        await signed_in(site, thief)
    thief.id = b"unknown" * 4
    with pytest.raises(BadPasskey):
        await signed_in(site, thief)


async def test_a_counter_that_goes_back_is_a_copy(site, alice):
    device = await made(site, alice, step=5)
    await signed_in(site, device)
    device.counter -= 5
    with pytest.raises(CopiedPasskey):
        await signed_in(site, device)
    silent = await made(site, alice, step=0)  # most phones do not count
    for _ in range(3):
        await signed_in(site, silent)


async def test_a_device_is_taken_once_and_an_account_has_not_endlessly_many(site, alice, bob, monkeypatch):
    device = await made(site, alice)
    account = site.accounts.one(bob.did)
    offer = await site.passkeys.offer(account, PASSWORD)
    with pytest.raises(BadPasskey, match="known"):
        await site.passkeys.add(account, offer.ticket, device.make(offer.options), "")
    monkeypatch.setattr("freehold.pds.passkeys.MOST", 1)
    with pytest.raises(Refused, match="at most"):
        await made(site, alice)


async def test_a_passkey_that_is_removed_opens_nothing(site, alice, bob):
    device = await made(site, alice)
    account = site.accounts.one(alice.did)
    [known] = site.passkeys.of(account)
    await site.passkeys.remove(site.accounts.one(bob.did), known.key)
    assert (await signed_in(site, device)).did == alice.did
    await site.passkeys.remove(account, known.key)
    assert site.passkeys.of(account) == []
    with pytest.raises(BadPasskey):
        await signed_in(site, device)


async def test_who_rests_may_come_in_and_who_is_taken_down_not(site, alice, operator):
    device = await made(site, alice)
    await alice.deactivate()
    assert (await signed_in(site, device)).status == "deactivated"
    await operator.set_takedown(alice.did, True)
    with pytest.raises(AccountTakedown):
        await signed_in(site, device)


async def test_passkeys_go_with_the_account(site, http, alice):
    await made(site, alice)
    await Caller(http).do("com.atproto.server.deleteAccount", did=alice.did, password=PASSWORD, token="x")
    with site.truth.reading() as tx:
        assert tx.one("SELECT count(*) FROM passkey") == (0,)
