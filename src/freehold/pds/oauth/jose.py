"""The little of JOSE that the profile needs: ES256 keys and signatures, thumbprints, JWTs taken apart.

In come strings from strangers; out come checked values or `BadJwt`. Only ES256 over P-256 is known, so no algorithm can
be confused with another; a key that carries its private half is refused.
Source: RFC 7515, 7517, 7518 §3.4, 7519, 7638
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from freehold.protocol.unreadable import UNREADABLE

ALGORITHM = "ES256"
MAX_JWT = 8_192
_COORDINATE_BYTES = 32
_SIGNATURE_BYTES = 64

T = TypeVar("T")


class BadJwt(ValueError):  # noqa: N818 - the word of the product
    """Not a JWT, not a key, or not signed by that key."""


class Jwk(msgspec.Struct, frozen=True):
    """A public key of P-256. kid, use, alg: as its owner names it; empty where absent."""

    kty: str
    crv: str = ""
    x: str = ""
    y: str = ""
    kid: str = ""
    use: str = ""
    alg: str = ""
    d: str = ""

    @property
    def thumbprint(self) -> str:
        """Its SHA-256 thumbprint, base64url."""
        members = {"crv": self.crv, "kty": self.kty, "x": self.x, "y": self.y}  # in the order of RFC 7638 §3.2
        return encode(sha256(msgspec.json.encode(members)).digest())

    def verify(self, signed: bytes, signature: bytes) -> None:
        """Raises BadJwt unless this key made the signature."""
        if len(signature) != _SIGNATURE_BYTES:
            raise BadJwt("an ES256 signature has 64 bytes")
        half = _SIGNATURE_BYTES // 2
        r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
        try:
            _public(self).verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
        except InvalidSignature:
            raise BadJwt("the signature is not by that key") from None


class Header(msgspec.Struct, frozen=True):
    """A JWT's header. jwk: the key that it brings itself."""

    alg: str
    typ: str = ""
    kid: str = ""
    jwk: Jwk | None = None
    crit: Any = None


class Jwt(msgspec.Struct, frozen=True):
    """A JWT taken apart; nothing of it is proven before `Jwk.verify(signed, signature)`."""

    header: Header
    payload: bytes
    signed: bytes
    signature: bytes

    def claims(self, kind: type[T]) -> T:
        """Its claims as a struct. Raises BadJwt."""
        try:
            return msgspec.json.decode(self.payload, type=kind)
        except UNREADABLE:
            raise BadJwt("the claims are not of the right form") from None


def read_jwt(text: str) -> Jwt:
    """Take a compact JWT apart. Raises BadJwt for anything but ES256."""
    try:
        data = text.encode("ascii")
    except UnicodeEncodeError:
        raise BadJwt("not ASCII") from None
    parts = data.split(b".")
    if len(parts) != 3 or len(data) > MAX_JWT:
        raise BadJwt("a JWT has three parts")
    try:
        header = msgspec.json.decode(decode(parts[0]), type=Header)
    except UNREADABLE:
        raise BadJwt("the header is not of the right form") from None
    if header.alg != ALGORITHM or header.crit is not None:
        raise BadJwt("only ES256 is taken, without crit")
    return Jwt(header, decode(parts[1]), parts[0] + b"." + parts[1], decode(parts[2]))


def encode(data: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: bytes | str) -> bytes:
    """base64url without padding, in its one canonical form. Raises BadJwt."""
    data = text.encode() if isinstance(text, str) else text
    try:
        plain = urlsafe_b64decode(data + b"=" * (-len(data) % 4))
    except ValueError:
        raise BadJwt("not base64url") from None
    if urlsafe_b64encode(plain).rstrip(b"=") != data:
        raise BadJwt("not base64url")
    return plain


def check_key(key: Jwk) -> Jwk:
    """The key, if it is a public one of P-256 whose point lies on the curve. Raises BadJwt."""
    _public(key)
    return key


def _public(key: Jwk) -> ec.EllipticCurvePublicKey:
    if key.kty != "EC" or key.crv != "P-256" or key.d:
        raise BadJwt("the key must be a public one of P-256")
    x, y = decode(key.x), decode(key.y)
    if len(x) != _COORDINATE_BYTES or len(y) != _COORDINATE_BYTES:
        raise BadJwt("a coordinate of P-256 has 32 bytes")
    try:
        return ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1()).public_key()
    except ValueError:
        raise BadJwt("the point is not on the curve") from None
