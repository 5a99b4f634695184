"""How an archive is sealed: every object by the archive's own key, and that key by the recovery passphrase.

AES-256-GCM with random nonces; an object's name is bound to it, so that it opens under no other. Names that would tell
something are keyed hashes. What shrinks is deflated first.
Sources: https://www.rfc-editor.org/rfc/rfc5116, rfc5869; the passphrase: store.sealed
"""

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from isal import isal_zlib

from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.store.sealed import KEY_BYTES, UnlockKey, WrongUnlockKey

_NONCE_BYTES = 12
_VERSION = b"\x01"
_PLAIN, _DEFLATED = b"\x00", b"\x01"
HASH_BYTES = 16


class Altered(Refused):
    """An object of the archive is not what was written there."""

    kind, name = "unavailable", "Altered"


class WrongPassphrase(Refused):
    """The recovery passphrase does not open the archive."""

    name = "WrongPassphrase"
    say = "That is not the recovery passphrase of this archive. Nothing was changed."


class ArchiveKey:
    """Seals and opens the objects of one archive. Shows nothing of itself when printed."""

    __slots__ = ("_cipher", "_names", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._cipher = AESGCM(_derived(raw, b"freehold archive objects"))
        self._names = _derived(raw, b"freehold archive names")

    @classmethod
    def new(cls) -> "ArchiveKey":
        """A random one."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def unwrapped(cls, wrapped: bytes, passphrase: str) -> "ArchiveKey":
        """What `wrapped` gave. Raises WrongPassphrase, BadUnlockKey."""
        try:
            return cls(UnlockKey.from_passphrase(passphrase).unwrap(wrapped))
        except WrongUnlockKey:
            raise WrongPassphrase from None

    def wrapped(self, passphrase: str) -> bytes:
        """To be opened by the passphrase alone. Raises BadUnlockKey when that is too short."""
        return UnlockKey.from_passphrase(passphrase).wrap(self.raw)

    def enclose(self, name: str, plain: bytes, *, deflate: bool = True) -> bytes:
        """The object `name`."""
        body = _DEFLATED + isal_zlib.compress(plain, 1) if deflate else _PLAIN + plain
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, body, name.encode())

    def open(self, name: str, box: bytes) -> bytes:
        """What was sealed as `name`. Raises Altered."""
        try:
            if box[:1] != _VERSION:
                raise ValueError("another version")
            body = self._cipher.decrypt(box[1 : 1 + _NONCE_BYTES], box[1 + _NONCE_BYTES :], name.encode())
            return isal_zlib.decompress(body[1:]) if body[:1] == _DEFLATED else body[1:]
        except (InvalidTag, ValueError):
            raise Altered(f"{name} in the archive is damaged, or not what was written there.") from None

    def blob_name(self, cid: Cid) -> str:
        """The object of a blob."""
        return "blob/" + hmac.digest(self._names, b"blob\0" + cid, "sha256").hex()

    def erased(self, did: str, path: str = "") -> bytes:
        """What tells of an erased record, or account, without naming it."""
        return hmac.digest(self._names, f"gone\0{did}\0{path}".encode(), "sha256")[:HASH_BYTES]


def _derived(key: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, None, info).derive(key)
