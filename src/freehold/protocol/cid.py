"""Content identifiers: CIDv1 with sha-256, the only kind that we make.

A `Cid` *is* its raw bytes, so it goes in and out of SQLite and dictionaries as it stands; `str()` gives the text form.
Source: https://atproto.com/specs/data-model#link-and-cid-formats
"""

from base64 import b32decode, b32encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Self

from freehold.protocol.refused import Refused

_read: Callable[..., Any] | None
try:
    from cbrrr import decode_dag_cbor as _read
except ImportError:
    _read = None

DAG_CBOR = 0x71
RAW = 0x55
_CBOR_PREFIX = bytes((1, DAG_CBOR, 0x12, 0x20))
_RAW_PREFIX = bytes((1, RAW, 0x12, 0x20))
_CID_BYTES = 36
_LINK = b"\xd8\x2a\x58\x25\x00"  # what stands before a CID of so many bytes in DAG-CBOR
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_PLACES = range(280, -1, -10)


class BadCid(Refused):
    """Not a CID that this protocol uses."""

    say = "That is not a valid CID."


class Cid(bytes):
    """A CID as its raw bytes: version, codec, hash function, length, digest."""

    __slots__ = ()

    @classmethod
    def of_cbor(cls, data: bytes) -> Self:
        """The CID of a DAG-CBOR block."""
        return cls(_CBOR_PREFIX + sha256(data).digest())

    @classmethod
    def of_raw(cls, data: bytes) -> Self:
        """The CID of a blob."""
        return cls(_RAW_PREFIX + sha256(data).digest())

    @classmethod
    def of_raw_digest(cls, digest: bytes) -> Self:
        """The CID of a blob whose sha-256 is known already."""
        return cls(_RAW_PREFIX + digest)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the base32 text form. Raises BadCid for anything but CIDv1, sha-256, DAG-CBOR or raw."""
        if not text.startswith("b") or len(text) != 59 or not text.islower():
            raise BadCid(given=text[:80])
        try:
            raw = b32decode(text[1:].upper() + "======")
        except ValueError:
            raise BadCid(given=text[:80]) from None
        if not raw.startswith((_CBOR_PREFIX, _RAW_PREFIX)) or str(cls(raw)) != text:
            raise BadCid(given=text[:80])
        return cls(raw)

    @property
    def codec(self) -> int:
        """DAG_CBOR or RAW."""
        return self[1]

    def __str__(self) -> str:
        if len(self) != _CID_BYTES:
            return "b" + b32encode(self).decode("ascii").lower().rstrip("=")
        if _read is not None:  # which writes links as text, in an eighth of the time
            text: str = _read(_LINK + self, True)["$link"]
            return text
        bits = int.from_bytes(self, "big") << 2  # 290: what 58 letters hold
        pairs = _PAIRS
        return "b" + "".join([pairs[bits >> at & 1023] for at in _PLACES])

    def __repr__(self) -> str:
        return f"Cid({self})"
