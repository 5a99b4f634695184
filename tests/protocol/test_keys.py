"""Keys and signatures of both curves."""

import hashlib
import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.protocol import keys
from freehold.protocol.keys import (
    CURVES,
    BadKey,
    CoincurveK256Key,
    K256Key,
    OpensslK256Key,
    P256Key,
    did_key_of_multikey,
    is_did_key,
    signing_key,
    verify,
)

SECRET = hashlib.sha256(b"a secret for tests").digest()
KINDS = [CoincurveK256Key, OpensslK256Key, P256Key]


@pytest.fixture(params=["libsecp256k1", "openssl"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Verification once by coincurve and once as where it is not installed."""
    if request.param == "openssl":
        monkeypatch.setattr(keys, "_coincurve_verifier", lambda point: keys._openssl_verifier(keys.K256, point))
    keys._verifier.cache_clear()
    yield str(request.param)
    keys._verifier.cache_clear()


def unpadded(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4))


def test_official_signatures_verify_or_not_as_they_say(vectors: Path, library: str) -> None:
    cases = json.loads((vectors / "interop" / "crypto" / "signature-fixtures.json").read_text())
    for case in cases:
        signature = unpadded(case["signatureBase64"])
        valid = verify(case["publicKeyDid"], unpadded(case["messageBase64"]), signature)
        assert valid is case["validSignature"], case["comment"]
        assert did_key_of_multikey(case["publicKeyMultibase"], case["didDocSuite"]) == case["publicKeyDid"]


def test_official_private_keys_have_their_public_names(vectors: Path) -> None:
    for case in json.loads((vectors / "interop" / "crypto" / "w3c_didkey_K256.json").read_text()):
        raw = bytes.fromhex(case["privateKeyBytesHex"])
        assert {kind.from_raw(raw).did_key for kind in (CoincurveK256Key, OpensslK256Key)} == {case["publicDidKey"]}


@settings(max_examples=20)
@given(st.binary(min_size=32, max_size=32), st.binary())
def test_both_libraries_sign_alike(secret: bytes, data: bytes) -> None:
    try:
        one, other = CoincurveK256Key.from_raw(secret), OpensslK256Key.from_raw(secret)
    except BadKey:
        return
    assert one.sign(data) == other.sign(data)
    assert one.did_key == other.did_key


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_one_form_of_a_signature_verifies(kind: Any, library: str) -> None:
    key = kind.from_raw(SECRET)
    order = CURVES[key.curve].order
    for number in range(40):
        data = b"entry %d" % number
        signature = key.sign(data)
        high_s = signature[:32] + (order - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
        assert len(signature) == 64
        assert key.sign(data) == signature
        assert verify(key.did_key, data, signature)
        for wrong in (high_s, keys._der(signature), signature[:63], signature + b"\0", b"", bytes(64), b"\xff" * 64):
            assert not verify(key.did_key, data, wrong)
        assert not verify(key.did_key, data + b".", signature)
        assert not verify(key.did_key, data, bytes((signature[0] ^ 1,)) + signature[1:])


def test_a_signature_of_one_key_is_none_of_another(library: str) -> None:
    signature = K256Key.from_raw(SECRET).sign(b"data")
    assert not verify(K256Key.from_raw(SECRET[::-1]).did_key, b"data", signature)
    assert not verify(P256Key.from_raw(SECRET).did_key, b"data", signature)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "did:key:",
        "did:key:z",
        "did:key:zQ3sh",
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBm0",
        "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",  # ed25519
        "did:key:" + keys._base58_encode(b"\xe7\x01\x02" + b"\xff" * 32),  # not on the curve
        "did:key:" + keys._base58_encode(b"\x80\x24\x04" + b"\x01" * 64),
        "did:key:" + keys._base58_encode(b"\xe7\x01\x05" + b"\x01" * 32),
        "did:key:z" + "1" * 200_000,
    ],
)
def test_what_is_not_a_key_of_ours_is_refused(text: str, library: str) -> None:
    assert not is_did_key(text)
    assert verify(text, b"", bytes(64)) is False


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("raw", [b"", bytes(32), b"\xff" * 32, SECRET + b"\0", SECRET[1:]])
def test_what_is_not_a_secret_is_refused(kind: Any, raw: bytes) -> None:
    with pytest.raises(BadKey):
        kind.from_raw(raw)


@pytest.mark.parametrize("curve", ["secp256k1", "p256"])
def test_a_key_is_found_by_the_name_of_its_curve(curve: str) -> None:
    key = signing_key(curve, SECRET)
    assert (key.curve, key.raw) == (curve, SECRET)
    assert did_key_of_multikey(key.did_key.removeprefix("did:key:")) == key.did_key
    with pytest.raises(BadKey):
        signing_key("ed25519", SECRET)


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_in_a_repr(kind: Any) -> None:
    shown = repr(kind.from_raw(SECRET))
    assert SECRET.hex() not in shown
    assert "did:key:z" in shown


@given(st.binary(max_size=60))
def test_base58_reads_back(data: bytes) -> None:
    assert keys._base58_decode(keys._base58_encode(data)) == data
