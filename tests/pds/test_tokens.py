"""Session tokens: what is taken for one and what is not; service tokens: for whom, for what, for how long.

Source: RFC 7519, https://atproto.com/specs/xrpc#authentication
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from atproto import verify_jwt

from freehold.pds.tokens import ExpiredToken, InvalidToken, Tokens
from freehold.protocol.diddoc import read as read_document
from support.network import Caller, refused

SECRET, HOST, MEMBER = b"s" * 32, "did:web:town.example", "did:plc:" + "a" * 24
NOW = 1_795_000_000
SERVICE_AUTH = "com.atproto.server.getServiceAuth"


def part(value):
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(header, claims, secret=SECRET):
    body = f"{part(header)}.{part(claims)}"
    signature = urlsafe_b64encode(hmac.digest(secret, body.encode(), "sha256")).rstrip(b"=").decode()
    return f"{body}.{signature}"


def test_tokens_carry_what_clients_look_at():
    access = Tokens(SECRET, HOST).access(MEMBER, NOW)
    header, claims, _ = access.split(".")
    assert json.loads(urlsafe_b64decode(header + "==")) == {"typ": "at+jwt", "alg": "HS256"}
    said = json.loads(urlsafe_b64decode(claims + "=="))
    assert (said["sub"], said["aud"], said["scope"]) == (MEMBER, HOST, "com.atproto.access")
    assert said["exp"] - said["iat"] == 7200


def test_access_and_refresh_tokens_are_not_taken_for_each_other():
    tokens = Tokens(SECRET, HOST)
    access, refresh = tokens.access(MEMBER, NOW), tokens.refresh(MEMBER, "id", NOW, NOW + 9)
    assert tokens.read_access(access, NOW).sub == tokens.read_refresh(refresh, NOW).sub == MEMBER
    with pytest.raises(InvalidToken):
        tokens.read_access(refresh, NOW)
    with pytest.raises(InvalidToken):
        tokens.read_refresh(access, NOW)


def test_a_token_expires_also_when_it_was_seen_before():
    tokens = Tokens(SECRET, HOST)
    access = tokens.access(MEMBER, NOW)
    tokens.read_access(access, NOW + 7199)
    with pytest.raises(ExpiredToken):
        tokens.read_access(access, NOW + 7200)


CLAIMS = {"scope": "com.atproto.access", "sub": MEMBER, "aud": HOST, "iat": NOW, "exp": NOW + 100}


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "é.é.é",
        "x" * 5000,
        forged({"typ": "at+jwt", "alg": "none"}, CLAIMS),
        forged({"typ": "JWT", "alg": "HS256"}, CLAIMS),
        forged({"typ": "at+jwt", "alg": "HS256"}, CLAIMS, b"another secret"),
        forged({"typ": "at+jwt", "alg": "HS256"}, CLAIMS | {"aud": "did:web:other.example"}),
        forged({"typ": "at+jwt", "alg": "HS256"}, []),
        Tokens(SECRET, "did:web:other.example").access(MEMBER, NOW),
        Tokens(b"t" * 32, HOST).access(MEMBER, NOW),
        Tokens(SECRET, HOST).access(MEMBER, NOW)[:-1],
        Tokens(SECRET, HOST).access(MEMBER, NOW) + "A",
        Tokens(SECRET, HOST).access(MEMBER, NOW).rpartition(".")[0],
    ],
)
def test_what_is_not_our_token_is_refused(token):
    with pytest.raises(InvalidToken):
        Tokens(SECRET, HOST).read_access(token, NOW)


async def test_refusals_of_the_door_have_their_names(alice, http):
    for header, status, name in (
        (None, 401, "AuthMissing"),
        ("Bearer", 400, "InvalidToken"),
        ("Bearer nonsense", 400, "InvalidToken"),
        (f"Basic {alice.token}", 400, "InvalidToken"),
        (f"DPoP {alice.token}", 401, "invalid_dpop_proof"),
        (f"Bearer {alice.refresh_token}", 400, "InvalidToken"),
    ):
        headers = {"authorization": header} if header else {}
        answer = await http.get("/xrpc/com.atproto.server.getSession", headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (status, name), header
    assert (
        await http.get("/xrpc/com.atproto.server.getSession", headers={"authorization": f"bearer {alice.token}"})
    ).is_success
    with refused("InvalidToken"):
        await Caller(http, alice.token).do("com.atproto.server.refreshSession")


# --- tokens for other services


async def test_a_service_token_speaks_for_the_member_to_one_service(alice, http, site):
    token = (await alice.get(SERVICE_AUTH, aud="did:web:there.example#feed", lxm="app.bsky.feed.getFeedSkeleton"))[
        "token"
    ]
    document = read_document(alice.did, (await http.get(f"/plc/{alice.did}")).json())
    claims = verify_jwt(token, lambda issuer, again: document.signing_key, own_did="did:web:there.example#feed")
    assert (claims.iss, claims.lxm) == (alice.did, "app.bsky.feed.getFeedSkeleton")
    assert claims.exp - claims.iat == 60
    assert claims.jti
    with refused("InvalidToken"):  # and it is no session
        await Caller(http, token).get("com.atproto.server.getSession")


async def test_a_service_token_lives_no_longer_than_its_purpose(alice, site):
    now = site.clock() // 1_000_000
    aud = "did:web:there.example"
    for good in ({"lxm": "app.bsky.feed.getTimeline", "exp": now + 3500}, {"exp": now + 50}):
        assert (await alice.get(SERVICE_AUTH, aud=aud, **good))["token"]
    for bad in ({"lxm": "app.bsky.feed.getTimeline", "exp": now + 3700}, {"exp": now + 70}, {"exp": now - 1}):
        with refused("BadExpiration"):
            await alice.get(SERVICE_AUTH, aud=aud, **bad)


async def test_no_service_token_is_given_for_ones_own_account_management(alice):
    with refused("InvalidRequest", say="own session"):
        await alice.get(SERVICE_AUTH, aud="did:web:there.example", lxm="com.atproto.server.createAppPassword")
