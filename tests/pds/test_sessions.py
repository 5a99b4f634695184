"""Sessions: refresh tokens turn over, an answer that was lost may be asked for again, a stolen token ends the family.

Source: https://atproto.com/specs/xrpc#authentication
"""

import asyncio
import json
from base64 import urlsafe_b64decode

import pytest

from freehold.cli import dev
from freehold.pds import sessions
from support.inside import HOUR, calling, opened
from support.network import PASSWORD, Caller, Person, Refusal, refused
from support.pages import sign_in

REFRESH, SIGN_IN = "com.atproto.server.refreshSession", "com.atproto.server.createSession"
SESSION = "com.atproto.server.getSession"
DAY = 24 * HOUR


async def turn_over(http, token):
    return await Caller(http, token).do(REFRESH)


async def test_a_refresh_token_gives_the_next_pair_and_the_old_access_token_stays_good(alice, http):
    again = await turn_over(http, alice.refresh_token)
    assert again["refreshJwt"] != alice.refresh_token
    assert (again["did"], again["handle"], again["active"]) == (alice.did, "alice.test", True)
    for token in (alice.token, again["accessJwt"]):
        assert (await Caller(http, token).get(SESSION))["did"] == alice.did


async def test_a_lost_answer_is_given_again_within_the_grace_period(alice, http, clock):
    first = await turn_over(http, alice.refresh_token)
    clock.pass_by(HOUR)
    second = await turn_over(http, alice.refresh_token)
    assert token_id(first) == token_id(second)
    assert token_id(await turn_over(http, first["refreshJwt"])) != token_id(first)


def token_id(session):
    return json.loads(urlsafe_b64decode(session["refreshJwt"].split(".")[1] + "=="))["jti"]


async def test_all_who_ask_at_once_get_the_same_next_token(alice, http):
    pairs = await asyncio.gather(*(turn_over(http, alice.refresh_token) for _ in range(6)))
    assert len({token_id(pair) for pair in pairs}) == 1


async def test_a_token_used_again_after_the_grace_period_ends_the_whole_family(alice, http, clock):
    stolen = alice.refresh_token
    current = (await turn_over(http, stolen))["refreshJwt"]
    clock.pass_by(3 * HOUR)
    with refused("ExpiredToken"):
        await turn_over(http, stolen)
    with refused("ExpiredToken"):
        await turn_over(http, current)
    other = Person(http, await Caller(http).do(SIGN_IN, identifier="alice", password=PASSWORD))
    await other.renew()  # another session is another family


async def test_reuse_ends_one_family_only(alice, http, clock):
    other = Person(http, await Caller(http).do(SIGN_IN, identifier="alice", password=PASSWORD))
    await turn_over(http, alice.refresh_token)
    clock.pass_by(3 * HOUR)
    with refused("ExpiredToken"):
        await turn_over(http, alice.refresh_token)
    await other.renew()


async def test_tokens_expire(alice, http, clock):
    clock.pass_by(2 * HOUR + 1)
    with refused("ExpiredToken"):
        await alice.get(SESSION)
    await alice.renew()
    assert (await alice.get(SESSION))["did"] == alice.did
    clock.pass_by(91 * DAY)
    with refused("ExpiredToken"):
        await alice.renew()


async def test_signing_out_ends_this_session_alone(alice, http):
    other = Person(http, await Caller(http).do(SIGN_IN, identifier="alice", password=PASSWORD))
    await Caller(http, alice.refresh_token).do("com.atproto.server.deleteSession")
    with refused("ExpiredToken"):
        await alice.renew()
    with refused("ExpiredToken"):
        await Caller(http, alice.refresh_token).do("com.atproto.server.deleteSession")
    await other.renew()


async def test_a_new_password_ends_every_session(alice, http, site, operator):
    web = await site.members.start_web(site.accounts.one(alice.did))
    await operator.do("com.atproto.admin.updateAccountPassword", did=alice.did, password="another password")
    with refused("ExpiredToken"):
        await alice.renew()
    with site.truth.reading() as tx:
        assert sessions.find_web(tx, web, site.clock()) is None
    with refused("AuthenticationRequired", 401):
        await Caller(http).do(SIGN_IN, identifier="alice", password=PASSWORD)
    await Caller(http).do(SIGN_IN, identifier="alice", password="another password")


async def test_an_access_token_ends_at_once_with_its_session_and_no_other_does(alice, bob, http, site, operator):
    other = Person(http, await Caller(http).do(SIGN_IN, identifier="alice", password=PASSWORD))
    for person in (alice, other, bob):
        await person.get(SESSION)
    await Caller(http, other.refresh_token).do("com.atproto.server.deleteSession")
    with refused("ExpiredToken", say="ended"):
        await other.get(SESSION)
    await alice.get(SESSION)
    await alice.renew()
    await alice.get(SESSION)
    await operator.do("com.atproto.admin.updateAccountPassword", did=alice.did, password="another password")
    with refused("ExpiredToken"):
        await alice.get(SESSION)
    await bob.get(SESSION)


async def test_a_session_that_is_ended_in_the_settings_is_over(alice, http, site):
    await alice.get(SESSION)
    account = site.accounts.one(alice.did)
    with site.truth.reading() as tx:
        [one] = sessions.open_sessions(tx, account.id)
    await site.truth.write(lambda tx: sessions.end_open(tx, account.id, one.kind, one.key))
    with refused("ExpiredToken"):
        await alice.get(SESSION)


async def test_expired_sessions_are_swept(alice, site, clock):
    await site.members.start_web(site.accounts.one(alice.did))
    clock.pass_by(91 * DAY)
    await site.sweep()
    with site.truth.reading() as tx:
        assert tx.one("SELECT count(*) FROM refresh_token") == (0,)
        assert tx.one("SELECT count(*) FROM web_session") == (0,)


async def test_a_web_session_is_stored_by_its_hash_only_and_expires(alice, site, clock):
    account = site.accounts.one(alice.did)
    session = await site.members.start_web(account)
    with site.truth.reading() as tx:
        assert sessions.find_web(tx, session, site.clock()) == account
        assert session.encode() not in tx.one("SELECT id_hash FROM web_session")
        assert sessions.find_web(tx, session, site.clock() + 31 * DAY) is None
        assert sessions.find_web(tx, session + "x", site.clock()) is None


async def test_a_browser_session_is_no_key_to_the_methods(alice, http, site):
    session = await site.members.start_web(site.accounts.one(alice.did))
    for cookie in ("session", "__Host-session", "freehold", "__Host-freehold"):
        answer = await http.get(f"/xrpc/{SESSION}", headers={"cookie": f"{cookie}={session}"})
        assert (answer.status_code, answer.json()["error"]) == (401, "AuthMissing")
    with pytest.raises(Refusal):
        await Caller(http, session).get(SESSION)


async def test_a_browser_that_is_signed_in_at_one_network_is_a_stranger_at_the_other(tmp_path, shared):
    with (
        opened(tmp_path / "linden", shared, several=True) as linden,
        opened(tmp_path / "maple", shared, several=True) as maple,
    ):
        async with calling(linden) as here, calling(maple) as there:
            await dev.prepare(linden)
            await dev.prepare(maple)
            alice = await Person.join(here, "alice", ".linden.test")
            await Person.join(there, "alice", ".maple.test")
            await sign_in(here, alice.handle)
            assert alice.handle in (await here.get("/settings")).text
            [session] = [value for name, value in here.cookies.items() if name == "session"]
            stranger = await there.get("/settings", headers={"cookie": f"session={session}"})
            assert stranger.headers["location"].startswith("/sign-in")


async def test_a_members_browser_session_shows_that_it_is_ours_without_a_look(site, alice):
    session, now = await site.members.start_web(site.accounts.one(alice.did)), site.clock() // 1_000_000
    assert site.tokens.shows_mark(session, now)
    assert not site.tokens.shows_mark(session, now + 31 * 86_400), "it has expired"
    for wrong in ("x" + session, session[:-1], session.replace(".", ".f", 1), "", ".", "a.fffff.b", "é" + session):
        assert not site.tokens.shows_mark(wrong, now)


async def test_what_a_rotation_lets_go_on_shows_its_mark_until_the_old_secret_is_gone(site, alice):
    session, now = await site.members.start_web(site.accounts.one(alice.did)), site.clock() // 1_000_000
    secret = site.tokens._secret
    site.tokens.use(b"another secret of some length", [secret])
    assert site.tokens.shows_mark(session, now)
    site.tokens.use(b"another secret of some length", [])
    assert not site.tokens.shows_mark(session, now)


def test_a_token_of_ours_is_known_and_one_that_has_ended_or_was_forged_is_not(site):
    now = site.clock() // 1_000_000
    access = site.tokens.access("did:plc:someone", now)
    refresh = site.tokens.refresh("did:plc:someone", "id", now, now + 60)
    assert site.tokens.is_ours(access, now)
    assert site.tokens.is_ours(refresh, now)
    assert not site.tokens.is_ours(access, now + 3 * 3600)
    assert not site.tokens.is_ours(refresh, now + 61)
    assert not site.tokens.is_ours(access[:-2], now)
