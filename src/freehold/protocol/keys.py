"""Signing keys and signatures: secp256k1 (K-256) and NIST P-256, the two curves of the protocol.

A signature is ECDSA over the sha-256 of the data: 64 bytes, r and s, with s in the lower half of the group ("low-S").
Signing is deterministic (RFC 6979), so nothing here needs randomness; whoever makes a key brings 32 random bytes.
Public keys are texts: `did:key:z…`, or the same without `did:key:` ("multikey") in DID documents.
K-256 uses libsecp256k1 (coincurve) when it is installed, else OpenSSL as P-256 does: ten times slower, same bytes.
Source: https://atproto.com/specs/cryptography
"""

from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import ClassVar, NamedTuple, Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from freehold.protocol.refused import Refused

coincurve: ModuleType | None
try:
    import coincurve
except ImportError:
    coincurve = None

DID_KEY = "did:key:"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUES = {letter: value for value, letter in enumerate(_BASE58)}
_ECDSA = ec.ECDSA(SHA256())
_ECDSA_DETERMINISTIC = ec.ECDSA(SHA256(), deterministic_signing=True)

Verify = Callable[[bytes, bytes], bool]


class BadKey(Refused):
    """Not a key that this protocol uses."""

    say = "That is not a valid key. Keys are did:key texts of the curves secp256k1 or P-256."


class Curve(NamedTuple):
    """What we need to know of a curve. prefix, secret: multicodecs of its public and private keys. suite: the type of
    its keys in old DID documents."""

    name: str
    prefix: bytes
    secret: bytes
    order: int
    openssl: ec.EllipticCurve
    suite: str


K256 = Curve(
    "secp256k1",
    b"\xe7\x01",
    b"\x81\x26",
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    ec.SECP256K1(),
    "EcdsaSecp256k1VerificationKey2019",
)
P256 = Curve(
    "p256",
    b"\x80\x24",
    b"\x86\x26",
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ec.SECP256R1(),
    "EcdsaSecp256r1VerificationKey2019",
)
CURVES = {curve.name: curve for curve in (K256, P256)}
_BY_SUITE = {curve.suite: curve for curve in CURVES.values()}


class SigningKey(Protocol):
    """A private key. Its `repr` never shows the secret."""

    @property
    def curve(self) -> str:
        """`secp256k1` or `p256`."""
        ...

    @property
    def did_key(self) -> str:
        """The public key, `did:key:z…`."""
        ...

    @property
    def raw(self) -> bytes:
        """The secret, 32 bytes."""
        ...

    def sign(self, data: bytes, /) -> bytes:
        """64 bytes over the sha-256 of data, low-S, the same each time."""
        ...


class _Key:
    """What all private keys share."""

    parameters: ClassVar[Curve]

    def __init__(self, raw: bytes, point: bytes) -> None:
        self.raw = raw
        self.did_key = _did_key(self.parameters, point)

    @property
    def curve(self) -> str:
        return self.parameters.name

    @classmethod
    def _checked(cls, raw: bytes) -> int:
        secret = int.from_bytes(raw, "big")
        if len(raw) != 32 or not 0 < secret < cls.parameters.order:
            raise BadKey("That is not a private key: 32 bytes, not zero and below the order of the curve.")
        return secret

    def __repr__(self) -> str:
        return f"<private key of {self.did_key}>"


class _OpensslKey(_Key):
    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def from_raw(cls, raw: bytes) -> Self:
        """The key whose secret is `raw`, 32 bytes. Raises BadKey."""
        key = ec.derive_private_key(cls._checked(raw), cls.parameters.openssl)
        self = cls(raw, _compressed(key.public_key()))
        self._key = key
        return self

    def sign(self, data: bytes, /) -> bytes:
        r, s = decode_dss_signature(self._key.sign(data, _ECDSA_DETERMINISTIC))
        order = self.parameters.order
        return r.to_bytes(32, "big") + min(s, order - s).to_bytes(32, "big")


class P256Key(_OpensslKey):
    """A private key on P-256."""

    parameters = P256


class OpensslK256Key(_OpensslKey):
    """A private key on secp256k1, by OpenSSL."""

    parameters = K256


class CoincurveK256Key(_Key):
    """A private key on secp256k1, by libsecp256k1."""

    parameters = K256
    _sign: Callable[[bytes], bytes]

    @classmethod
    def from_raw(cls, raw: bytes) -> Self:
        """The key whose secret is `raw`, 32 bytes. Raises BadKey."""
        cls._checked(raw)
        assert coincurve is not None
        key = coincurve.PrivateKey(raw)
        self = cls(raw, key.public_key.format())
        self._sign = key.sign_recoverable
        return self

    def sign(self, data: bytes, /) -> bytes:
        return self._sign(data)[:64]


K256Key: type[CoincurveK256Key] | type[OpensslK256Key] = OpensslK256Key if coincurve is None else CoincurveK256Key


def signing_key(curve: str, raw: bytes) -> SigningKey:
    """The private key with the secret `raw` (32 bytes) on `secp256k1` or `p256`. Raises BadKey."""
    if curve == K256.name:
        return K256Key.from_raw(raw)
    if curve == P256.name:
        return P256Key.from_raw(raw)
    raise BadKey("That curve is not supported: use secp256k1 or p256.", curve=curve)


def secret_text(key: SigningKey) -> str:
    """The private key as multibase `z…` with its multicodec, the form that tools of the protocol share."""
    return _base58_encode(CURVES[key.curve].secret + key.raw)


def key_of_secret(text: str) -> SigningKey:
    """The private key that `secret_text` wrote. Raises BadKey, which does not repeat the text."""
    try:
        raw = _base58_decode(text)
    except BadKey:
        raw = b""
    for curve in CURVES.values():
        if raw.startswith(curve.secret) and len(raw) == 34:
            return signing_key(curve.name, raw[2:])
    raise BadKey("That is not a private key: one begins with z and names its curve.")


def verify(did_key: str, data: bytes, signature: bytes) -> bool:
    """Whether the key signed the data. False for high-S, DER, other lengths and for a key that is none of ours."""
    try:
        check = _verifier(did_key)
    except BadKey:
        return False
    return check(data, signature)


def is_did_key(text: str) -> bool:
    """Whether this is a public key of one of our curves, as `did:key:z…`."""
    try:
        _verifier(text)
    except BadKey:
        return False
    return True


def did_key_of_multikey(multikey: str, suite: str = "Multikey") -> str:
    """`did:key:z…` of the `publicKeyMultibase` in a DID document. Raises BadKey.

    suite: the verification method's `type`. `Multikey` says in itself which curve it is; the two types of 2019 do not,
    and mostly hold uncompressed points.
    """
    if suite == "Multikey":
        did_key = DID_KEY + multikey
        _verifier(did_key)
        return did_key
    if suite not in _BY_SUITE:
        raise BadKey("That type of key is not supported.", suite=suite[:80])
    curve = _BY_SUITE[suite]
    return _did_key(curve, _compressed(_point(curve, _base58_decode(multikey))))


def did_key_of_point(curve: str, point: bytes) -> str:
    """The did:key text of a public key as a point, compressed or not (SEC 1, 2.3.3). Raises BadKey."""
    return _did_key(CURVES[curve], _compressed(_point(CURVES[curve], point)))


@lru_cache(maxsize=8192)
def _verifier(did_key: str) -> Verify:
    if not did_key.startswith(DID_KEY):
        raise BadKey(given=did_key[:200])
    raw = _base58_decode(did_key.removeprefix(DID_KEY))
    for curve in CURVES.values():
        if raw.startswith(curve.prefix) and len(raw) == 35:
            return _low_s_verifier(curve, raw[2:])
    raise BadKey(given=did_key[:200])


def _low_s_verifier(curve: Curve, point: bytes) -> Verify:
    highest_s = (curve.order // 2).to_bytes(32, "big")
    if curve is K256 and coincurve is not None:
        check = _coincurve_verifier(point)
    else:
        check = _openssl_verifier(curve, point)

    def verify_low_s(data: bytes, signature: bytes) -> bool:
        return len(signature) == 64 and signature[32:] <= highest_s and check(data, signature)

    return verify_low_s


def _coincurve_verifier(point: bytes) -> Verify:
    assert coincurve is not None
    try:
        key = coincurve.PublicKey(point)
    except ValueError:
        raise BadKey(point=point) from None

    def check(data: bytes, signature: bytes) -> bool:
        valid: bool = key.verify(_der(signature), data)
        return valid

    return check


def _der(signature: bytes) -> bytes:
    """The same signature in ASN.1, as coincurve's public interface takes it. By hand: its own helpers cost 20 us."""
    r, s = signature[:32].lstrip(b"\0"), signature[32:].lstrip(b"\0")
    if r[:1] >= b"\x80" or not r:
        r = b"\0" + r
    if s[:1] >= b"\x80" or not s:
        s = b"\0" + s
    return bytes((0x30, 4 + len(r) + len(s), 2, len(r))) + r + bytes((2, len(s))) + s


def _openssl_verifier(curve: Curve, point: bytes) -> Verify:
    key = _point(curve, point)

    def check(data: bytes, signature: bytes) -> bool:
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        try:
            key.verify(encode_dss_signature(r, s), data, _ECDSA)
        except InvalidSignature:
            return False
        return True

    return check


def _point(curve: Curve, point: bytes) -> ec.EllipticCurvePublicKey:
    if (len(point), point[:1]) not in ((33, b"\2"), (33, b"\3"), (65, b"\4")):
        raise BadKey(point=point[:80])
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve.openssl, point)
    except ValueError:
        raise BadKey(point=point) from None


def _compressed(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def _did_key(curve: Curve, point: bytes) -> str:
    return DID_KEY + _base58_encode(curve.prefix + point)


def _base58_encode(data: bytes) -> str:
    """Multibase `z…`."""
    number, letters = int.from_bytes(data, "big"), []
    while number:
        number, value = divmod(number, 58)
        letters.append(_BASE58[value])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "z" + "1" * zeros + "".join(reversed(letters))


def _base58_decode(text: str) -> bytes:
    """The bytes of multibase `z…`. Raises BadKey. Keys are short, so the square cost of long texts is refused."""
    if not text.startswith("z") or len(text) > 128:
        raise BadKey(given=text[:200])
    number = 0
    for letter in text[1:]:
        if letter not in _BASE58_VALUES:
            raise BadKey(given=text)
        number = number * 58 + _BASE58_VALUES[letter]
    zeros = len(text[1:]) - len(text[1:].lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
