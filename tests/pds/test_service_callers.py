"""Calls by other services: a token counts for one service, one method, a short time, and once.

Source: https://atproto.com/specs/xrpc#inter-service-authentication-jwt
"""

from base64 import urlsafe_b64encode

import msgspec
import pytest

from freehold.pds.service_auth import service_token
from freehold.protocol import plc
from freehold.protocol.keys import K256Key, P256Key
from support.inside import SECOND, calling, opened
from support.network import Caller, Person, Refusal, refused

TIMELINE, PROFILE = "app.bsky.feed.getTimeline", "app.bsky.actor.getProfile"
HOME_KEY, LABEL_KEY = K256Key.from_raw(b"\1" * 32), P256Key.from_raw(b"\2" * 32)


@pytest.fixture
async def stranger(site):
    """A member of another host, whose identity is known here: the DID."""
    unsigned = plc.operation(
        rotation_keys=[HOME_KEY.did_key],
        signing_key=HOME_KEY.did_key,
        handle="mei.elsewhere.example",
        pds="https://elsewhere.example",
        verification_methods={"atproto_label": LABEL_KEY.did_key},
    )
    signed = plc.sign_operation(unsigned, HOME_KEY)
    did = plc.did_of(signed)
    await site.truth.write(lambda tx: site.register.take(tx, did, signed, limited=False))
    return did


@pytest.fixture
def said(site, stranger):
    """The claims of a good token for the timeline."""
    now = site.clock() // SECOND
    aud = f"{site.services.appview}#bsky_appview"
    return {"iss": stranger, "aud": aud, "iat": now, "exp": now + 60, "jti": "one", "lxm": TIMELINE}


def signed(claims, key=HOME_KEY, **header):
    alg = {"k256": "ES256K", "secp256k1": "ES256K"}.get(key.curve, "ES256") if "alg" not in header else header["alg"]
    head = {"typ": "JWT", "alg": alg, **header}
    body = b".".join(urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=") for part in (head, claims))
    return (body + b"." + urlsafe_b64encode(key.sign(body)).rstrip(b"=")).decode()


async def test_a_member_of_another_host_reads_views_as_themselves(http, said, alice):
    await alice.post("hello")
    assert (await Caller(http, signed(said)).get(TIMELINE))["feed"] == []
    profile = {**said, "lxm": PROFILE, "jti": "two", "aud": said["aud"].partition("#")[0]}  # the legacy audience
    assert (await Caller(http, signed(profile)).get(PROFILE, actor=alice.did))["handle"] == "alice.test"


async def test_what_our_own_host_signs_is_taken(http, site, alice):
    now = site.clock() // SECOND
    account, aud = site.accounts.one(alice.did), f"{site.services.appview}#bsky_appview"
    token = service_token(
        key=site.key_of(account), issuer=alice.did, audience=aud, method=TIMELINE, now=now, until=None, nonce="x"
    )
    assert (await Caller(http, token).get(TIMELINE))["feed"] == []


async def test_a_token_is_taken_once(http, said):
    token = signed(said)
    await Caller(http, token).get(TIMELINE)
    with refused("NonceNotUnique", 401):
        await Caller(http, token).get(TIMELINE)
    await Caller(http, signed({**said, "jti": "another"})).get(TIMELINE)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"aud": "did:web:other.example#bsky_appview"}, "BadJwtAudience"),
        ({"lxm": PROFILE}, "BadJwtLexiconMethod"),
        ({"exp": 1}, "JwtExpired"),
        ({"exp": 9_999_999_999}, "BadJwt"),
        ({"iat": 9_999_999_999}, "BadJwt"),
        ({"iat": 1}, "JwtExpired"),
        ({"jti": ""}, "BadJwt"),
        ({"jti": None}, "BadJwt"),
        ({"lxm": None}, "BadJwt"),
        ({"iss": "mei.elsewhere.example"}, "BadJwtIss"),
    ],
)
async def test_each_wrong_claim_is_refused_by_name(http, said, change, name):
    with refused(name, 401):
        await Caller(http, signed({**said, **change})).get(TIMELINE)


@pytest.mark.parametrize("more", [b"[" * 1_100 + b"]" * 1_100, b'"\xff"'], ids=["deep", "bytes"])
@pytest.mark.parametrize("part", [0, 1])
async def test_a_token_that_nobody_can_read_is_refused(http, said, part, more):
    parts = signed(said).split(".")
    parts[part] = urlsafe_b64encode(b'{"alg": "ES256K", "x": ' + more + b"}").rstrip(b"=").decode()
    with pytest.raises(Refusal) as caught:
        await Caller(http, ".".join(parts)).get(TIMELINE)
    assert caught.value.status in (400, 401)


async def test_the_key_is_the_one_that_kid_names(http, said):
    await Caller(http, signed(said, LABEL_KEY, kid="#atproto_label")).get(TIMELINE)
    for key, header in (
        (LABEL_KEY, {}),
        (HOME_KEY, {"kid": "#atproto_label"}),
        (HOME_KEY, {"kid": "#nothing"}),
        (K256Key.from_raw(b"\3" * 32), {}),
        (HOME_KEY, {"alg": "ES256"}),
    ):
        with refused("BadJwtSignature", 401):
            await Caller(http, signed({**said, "jti": repr((key.did_key, header))}, key, **header)).get(TIMELINE)


async def test_it_opens_no_method_that_is_not_for_services(http, said, stranger):
    for nsid in ("com.atproto.server.getSession", "app.bsky.actor.getPreferences"):
        with refused("InvalidToken"):
            await Caller(http, signed({**said, "lxm": nsid})).get(nsid)


async def test_a_member_who_was_taken_down_does_not_come_back_by_a_service(http, site, alice, operator):
    account, now = site.accounts.one(alice.did), site.clock() // SECOND
    aud, key = f"{site.services.appview}#bsky_appview", site.key_of(account)
    await operator.set_takedown(alice.did, True)
    token = service_token(key=key, issuer=alice.did, audience=aud, method=TIMELINE, now=now, until=None, nonce="x")
    with refused("AccountTakedown", 401):
        await Caller(http, token).get(TIMELINE)


async def test_a_token_from_before_a_restart_is_not_taken_again(tmp_path, shared, clock):
    with opened(tmp_path / "town", shared, clock) as site:
        async with calling(site) as http:
            alice = await Person.join(http, "alice")
            key, aud = site.key_of(site.accounts.one(alice.did)), f"{site.services.appview}#bsky_appview"
            now = site.clock() // SECOND
            token = service_token(
                key=key, issuer=alice.did, audience=aud, method=TIMELINE, now=now, until=now + 3000, nonce="x"
            )
            await Caller(http, token).get(TIMELINE)
    clock.pass_by(120 * SECOND)
    with opened(tmp_path / "town", shared, clock) as site:
        async with calling(site) as http:
            with refused("JwtExpired", 401):
                await Caller(http, token).get(TIMELINE)
