"""Keys, signatures and proofs of possession, by themselves."""

from collections.abc import Callable

import msgspec
import pytest

from freehold.pds.oauth import jose
from freehold.pds.oauth.clients import BadRedirect, assure_id, assure_redirect, loopback, read_metadata
from freehold.pds.oauth.dpop import Proofs
from freehold.pds.oauth.errors import InvalidClient, InvalidProof, UseNonce
from freehold.pds.oauth.jose import BadJwt, Jwk
from support.apps import Key
from support.inside import SECOND, Clock

URL = "https://town.example/oauth/token"


def test_the_thumbprint_is_that_of_the_standards() -> None:
    """Of the key in RFC 9449 §6.1."""
    key = Jwk(
        kty="EC",
        crv="P-256",
        x="l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        y="9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    )
    assert jose.check_key(key).thumbprint == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "RSA"},
        {"crv": "P-384"},
        {"d": "AAAA"},
        {"x": "AAAA"},
        {"y": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs"},
        {"x": "l8tFrhx+34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs"},
    ],
)
def test_other_keys_are_refused(change: dict[str, str]) -> None:
    key = msgspec.convert(Key().jwk | change, Jwk)
    with pytest.raises(BadJwt):
        jose.check_key(key)


def altered(text: str) -> str:
    head, payload, signature = text.split(".")
    return f"{head}.{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


@pytest.mark.parametrize(
    "spoil",
    [
        altered,
        lambda text: text.rpartition(".")[0],
        lambda text: text + "=",
        lambda text: text.replace(".", "..", 1),
        lambda text: "é" + text,
        lambda text: text.rpartition(".")[0] + ".",
        lambda text: "e30." + text.partition(".")[2],
        lambda text: "W10." + text.partition(".")[2],
        lambda text: "a" * 10_000,
    ],
)
def test_a_spoilt_proof_is_refused(spoil: Callable[[str], str], clock: Clock) -> None:
    proofs, key = Proofs(clock), Key()
    with pytest.raises(InvalidProof):
        proofs.check(spoil(key.proof("POST", URL, proofs.nonce)), "POST", URL)


def test_a_proof_signed_by_nobody_is_refused(clock: Clock) -> None:
    proofs, key = Proofs(clock), Key()
    for header in ({"typ": "JWT", "jwk": key.jwk}, {"typ": "dpop+jwt"}, {"typ": "dpop+jwt", "jwk": Key().jwk}):
        claims = {"jti": "a", "htm": "POST", "htu": URL, "iat": clock() // SECOND, "nonce": proofs.nonce}
        with pytest.raises(InvalidProof):
            proofs.check(key.sign(header, claims), "POST", URL)
    with pytest.raises(InvalidProof):
        proofs.check(key.sign({"alg": "none", "typ": "dpop+jwt", "jwk": key.jwk}, claims), "POST", URL)


def test_the_address_is_compared_without_query_and_default_port(clock: Clock) -> None:
    proofs, key = Proofs(clock), Key()
    for spelt in (URL, URL + "?a=b#c", "https://TOWN.example:443/oauth/token"):
        assert proofs.check(key.proof("POST", spelt, proofs.nonce), "POST", URL)
    with pytest.raises(InvalidProof):
        proofs.check(key.proof("POST", "https://town.example:444/oauth/token", proofs.nonce), "POST", URL)


def test_a_nonce_lives_for_less_than_five_minutes(clock: Clock) -> None:
    proofs, key = Proofs(clock), Key()
    nonce = proofs.nonce
    clock.pass_by(130 * SECOND)
    assert proofs.nonce != nonce
    assert proofs.check(key.proof("POST", URL, nonce), "POST", URL)
    clock.pass_by(130 * SECOND)
    with pytest.raises(UseNonce):
        proofs.check(key.proof("POST", URL, nonce), "POST", URL)


def test_memory_is_bounded_and_a_full_one_forgets_no_proof(clock: Clock) -> None:
    proofs, key = Proofs(clock, most=5), Key()
    sent = []
    for _ in range(40):
        proof = key.proof("POST", URL, proofs.nonce)
        proofs.check(proof, "POST", URL)
        sent.append(proof)
    for proof in sent:
        with pytest.raises((InvalidProof, UseNonce)):
            proofs.check(proof, "POST", URL)


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example/client.json",
        "https://app.example",
        "https://app.example/",
        "https://app.example/a/",
        "https://app.example/a/../client.json",
        "https://app.example//client.json",
        "https://app.example:8443/client.json",
        "https://user:pass@app.example/client.json",
        "https://app.example/client.json#x",
        "https://192.0.2.7/client.json",
        "https://[2001:db8::1]/client.json",
        "https://localhost/client.json",
        "https://printer.local/client.json",
        "http://127.0.0.1/client.json",
        "https://app.example:x/client.json",
        "https://app.example/" + "a" * 3_000,
        "com.example.app",
    ],
)
def test_a_client_id_is_an_https_address_with_name_and_path(url: str) -> None:
    with pytest.raises(InvalidClient):
        assure_id(url, local_http=False)


def test_a_loopback_id_says_all_there_is_and_its_port_is_free() -> None:
    client = loopback("http://localhost?redirect_uri=http%3A%2F%2F127.0.0.1%2Fback&scope=atproto%20repo:*")
    assert client is not None
    assert client.scopes == {"atproto", "repo:*"}
    for fine in ("http://127.0.0.1/back", "http://127.0.0.1:1234/back"):
        assure_redirect(client, fine)
    for wrong in (
        "http://127.0.0.1:1234/",
        "http://[::1]:1234/back",
        "https://127.0.0.1:1/back",
        "http://localhost/back",
    ):
        with pytest.raises(BadRedirect):
            assure_redirect(client, wrong)
    plain = loopback("http://localhost")
    assert plain is not None
    assure_redirect(plain, "http://[::1]:99/")


@pytest.mark.parametrize(
    "query",
    ["redirect_uri=https%3A%2F%2Fthief.example%2F", "redirect_uri=http%3A%2F%2Flocalhost%2F", "name=x", "scope=repo:*"],
)
def test_a_loopback_id_off_the_rules_is_refused(query: str) -> None:
    with pytest.raises(InvalidClient):
        loopback(f"http://localhost?{query}")


def test_an_installed_app_comes_back_by_its_own_scheme() -> None:
    document = {
        "client_id": "https://app.example.com/client.json",
        "application_type": "native",
        "redirect_uris": ["com.example.app:/back"],
        "scope": "atproto",
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
        "dpop_bound_access_tokens": True,
    }
    encoded = msgspec.json.encode(document)
    assert read_metadata(str(document["client_id"]), encoded).redirect_uris == ("com.example.app:/back",)
    for wrong in ("com.example.app://back", "com.thief:/back", "https://other.example/back"):
        with pytest.raises(InvalidClient):
            read_metadata(str(document["client_id"]), msgspec.json.encode(document | {"redirect_uris": [wrong]}))
