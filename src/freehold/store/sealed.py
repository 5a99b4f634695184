"""Sealed values: what lies encrypted in the database from its first row, and how the key to it is kept.

Each network has one random network key, and while it is being replaced the one before beside it: together its `Ring`.
That is stored only wrapped, by an unlock key that need not lie on the same disk (see store.keyring). In come bytes and
a purpose that names the place they belong to ("mail"); a box opens for that purpose only, so it cannot be moved to
another column, and it says which key it was sealed with. AES-256-GCM with random nonces; subkeys by HKDF-SHA256;
passphrases by scrypt.
Sources: https://www.rfc-editor.org/rfc/rfc5116, rfc5869, rfc7914, https://doi.org/10.6028/NIST.SP.800-38D
"""

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from pathlib import Path
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from freehold.protocol.refused import Refused
from freehold.store.files import write_durably

KEY_BYTES = 32
PASSPHRASE_MIN = 12
MARK_BYTES = 9
"""Version and key id: how every box begins."""
_ID_BYTES = 8
_NONCE_BYTES = 12
_SALT_BYTES = 16
_VERSION = b"\x01"
"""Of a wrapped key, of a ring of one key, and of boxes from before there were rings, which do not name their key."""
_MARKED = b"\x02"
_BY_KEY, _BY_PASSPHRASE = b"\x01", b"\x02"
_SCRYPT_COST = 2**15  # 32 MiB and some 0.1 s a try


class BrokenSeal(Refused):
    """A sealed value does not open: other key, other purpose, or altered."""

    kind, name = "unavailable", "BrokenSeal"
    say = "A sealed value of this network cannot be opened. Its database and its key do not belong together."


class WrongUnlockKey(Refused):
    """The unlock key does not open this network's key."""

    kind, name = "unavailable", "WrongUnlockKey"
    say = "The unlock key does not fit this network. Give the key that it was made with."


class BadUnlockKey(Refused):
    """The unlock key is absent, too short or damaged."""

    name = "BadUnlockKey"
    say = f"The unlock key is missing or damaged. A passphrase needs {PASSPHRASE_MIN} characters or more."


class Ring(NamedTuple):
    """The keys of one network. keys: the newest first, which seals; the others open what is not sealed anew yet.

    lookup: what hashes are keyed with. It stays when the others go: codes and passwords are known by hashes alone, so
    nobody could key them anew. It opens nothing. Shows nothing of any when printed.
    """

    keys: tuple[bytes, ...]
    lookup: bytes

    def __repr__(self) -> str:
        return f"Ring({len(self.keys)} keys)"

    @classmethod
    def of(cls, network_key: bytes) -> Self:
        """The ring of a network that never had another key."""
        return cls((network_key,), _derive(network_key, b"freehold lookup"))

    def packed(self) -> bytes:
        """As it is wrapped."""
        return _MARKED + self.lookup + b"".join(self.keys)

    @classmethod
    def unpacked(cls, data: bytes) -> Self:
        """What was `packed`; or a key alone, as it was wrapped before there were rings."""
        if len(data) == KEY_BYTES:
            return cls.of(data)
        parts = [data[at : at + KEY_BYTES] for at in range(1, len(data), KEY_BYTES)]
        if data[:1] != _MARKED or len(parts) < 2 or len(parts[-1]) != KEY_BYTES:
            raise WrongUnlockKey(ring=len(data))
        return cls(tuple(parts[1:]), parts[0])


class Seal:
    """Seals and opens values with a network's keys. Shows nothing of them when printed."""

    __slots__ = ("_ciphers", "_oldest", "_ring", "mark")

    def __init__(self, keys: bytes | Ring) -> None:
        """keys: a ring, or a network key of 32 bytes."""
        self.use(keys if isinstance(keys, Ring) else Ring.of(keys))

    def use(self, ring: Ring) -> None:
        """Take up another ring, from the next value on. mark: what a box sealed by it begins with."""
        if not ring.keys or any(len(key) != KEY_BYTES for key in ring.keys):
            raise ValueError(f"a network key has {KEY_BYTES} bytes")
        marks = [_MARKED + _derive(key, b"freehold key id")[:_ID_BYTES] for key in ring.keys]
        self._ciphers = {
            mark: AESGCM(_derive(key, b"freehold seal")) for mark, key in zip(marks, ring.keys, strict=True)
        }
        self._ring, self._oldest, self.mark = ring, self._ciphers[marks[-1]], marks[0]

    @property
    def ring(self) -> Ring:
        """The keys."""
        return self._ring

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """A box of len(plain) + 37 bytes, another one each time."""
        nonce = os.urandom(_NONCE_BYTES)
        mark = self.mark
        return mark + nonce + self._ciphers[mark].encrypt(nonce, plain, purpose.encode())

    def open(self, purpose: str, box: bytes) -> bytes:
        """What `seal` was given for this purpose. Raises BrokenSeal."""
        if box[:1] == _VERSION:
            cipher, box = self._oldest, box[1:]
        else:
            found = self._ciphers.get(box[:MARK_BYTES])
            if found is None:
                raise BrokenSeal(purpose=purpose, mark=box[:MARK_BYTES].hex())
            cipher, box = found, box[MARK_BYTES:]
        try:
            return cipher.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError):
            raise BrokenSeal(purpose=purpose) from None

    def lookup(self, purpose: str, text: str) -> bytes:
        """A keyed hash (32 bytes), the same each time: finds a sealed value by its text without opening any."""
        return hmac.digest(self._ring.lookup, purpose.encode() + b"\0" + text.encode(), "sha256")


class UnlockKey:
    """Wraps and unwraps a network key. Shows nothing of itself when printed."""

    __slots__ = ("_is_passphrase", "_secret")

    def __init__(self, secret: bytes, *, is_passphrase: bool) -> None:
        """secret: 32 random bytes, or a passphrase in UTF-8. Raises BadUnlockKey."""
        if len(secret) < PASSPHRASE_MIN if is_passphrase else len(secret) != KEY_BYTES:
            raise BadUnlockKey
        self._secret = secret
        self._is_passphrase = is_passphrase

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """The key in `path`, for its owner's eyes only; made there if the file does not exist. Raises BadUnlockKey."""
        if not path.exists():
            write_durably(path, new_key_text().encode())  # a network whose key a power cut took is lost itself
        try:
            return cls(b64decode(path.read_bytes().strip(), validate=True), is_passphrase=False)
        except ValueError:
            raise BadUnlockKey(path=str(path)) from None

    @classmethod
    def from_text(cls, text: str) -> Self:
        """A key as a file holds it (base64 of 32 bytes), or else a passphrase. Raises BadUnlockKey."""
        try:
            raw = b64decode(text.strip(), validate=True)
        except ValueError:
            raw = b""
        return cls(raw, is_passphrase=False) if len(raw) == KEY_BYTES else cls.from_passphrase(text.rstrip("\r\n"))

    @classmethod
    def from_env(cls, variable: str) -> Self:
        """The passphrase in an environment variable. Raises BadUnlockKey."""
        try:
            return cls.from_passphrase(os.environ.get(variable, ""))
        except BadUnlockKey:
            say = f"Put the unlock key of this network into {variable}: {PASSPHRASE_MIN} characters or more."
            raise BadUnlockKey(say) from None

    @classmethod
    def from_passphrase(cls, passphrase: str) -> Self:
        """What a person typed. Raises BadUnlockKey when it is too short."""
        return cls(passphrase.encode(), is_passphrase=True)

    def wrap(self, network_key: bytes) -> bytes:
        """The network key, or a ring of them, locked. Some 0.1 s with a passphrase."""
        how = _BY_PASSPHRASE if self._is_passphrase else _BY_KEY
        salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
        head = _VERSION + how + salt
        return head + nonce + AESGCM(self._stretch(salt)).encrypt(nonce, network_key, head)

    def unwrap(self, wrapped: bytes) -> bytes:
        """What was wrapped. Raises WrongUnlockKey."""
        how = _BY_PASSPHRASE if self._is_passphrase else _BY_KEY
        head, rest = wrapped[: 2 + _SALT_BYTES], wrapped[2 + _SALT_BYTES :]
        if head[:2] != _VERSION + how:
            raise WrongUnlockKey(made_for=head[:2].hex())
        try:
            return AESGCM(self._stretch(head[2:])).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], head)
        except (InvalidTag, ValueError):
            raise WrongUnlockKey from None

    def _stretch(self, salt: bytes) -> bytes:
        if self._is_passphrase:
            return hashlib.scrypt(
                self._secret, salt=salt, n=_SCRYPT_COST, r=8, p=1, maxmem=2 * 128 * 8 * _SCRYPT_COST, dklen=KEY_BYTES
            )
        return _derive(self._secret, b"freehold unlock", salt)


def new_network_key() -> bytes:
    """32 random bytes."""
    return os.urandom(KEY_BYTES)


def new_key_text() -> str:
    """32 random bytes as a key file holds them."""
    return b64encode(os.urandom(KEY_BYTES)).decode("ascii") + "\n"


def _derive(key: bytes, info: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt, info).derive(key)
