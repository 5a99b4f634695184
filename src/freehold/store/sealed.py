"""Sealed values: what lies encrypted in the database from its first row, and how the key to it is kept.

Each network has one random network key. It is stored only wrapped, by an unlock key that need not lie on the same disk:
from a file (made if absent), from the environment, or from a prompt. In come bytes and a purpose that names the place
they belong to ("account.email"); a box opens for that purpose only, so it cannot be moved to another column.
AES-256-GCM with random nonces; subkeys by HKDF-SHA256; passphrases by scrypt.
Sources: https://www.rfc-editor.org/rfc/rfc5116, rfc5869, rfc7914, https://doi.org/10.6028/NIST.SP.800-38D
"""

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from getpass import getpass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from freehold.protocol.refused import Refused

KEY_BYTES = 32
PASSPHRASE_MIN = 12
_NONCE_BYTES = 12
_SALT_BYTES = 16
_VERSION = b"\x01"
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


class Seal:
    """Seals and opens values with a network's key (32 bytes). Shows nothing of it when printed."""

    __slots__ = ("_cipher", "_lookup_key")

    def __init__(self, network_key: bytes) -> None:
        if len(network_key) != KEY_BYTES:
            raise ValueError(f"a network key has {KEY_BYTES} bytes")
        self._cipher = AESGCM(_derive(network_key, b"freehold seal"))
        self._lookup_key = _derive(network_key, b"freehold lookup")

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """A box of len(plain) + 29 bytes, another one each time."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, purpose.encode())

    def open(self, purpose: str, box: bytes) -> bytes:
        """What `seal` was given for this purpose. Raises BrokenSeal."""
        if box[:1] != _VERSION:
            raise BrokenSeal(purpose=purpose, version=box[:1].hex())
        try:
            return self._cipher.decrypt(box[1 : 1 + _NONCE_BYTES], box[1 + _NONCE_BYTES :], purpose.encode())
        except (InvalidTag, ValueError):
            raise BrokenSeal(purpose=purpose) from None

    def lookup(self, purpose: str, text: str) -> bytes:
        """A keyed hash (32 bytes), the same each time: finds a sealed value by its text without opening any."""
        return hmac.digest(self._lookup_key, purpose.encode() + b"\0" + text.encode(), "sha256")


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
            _write_key(path, os.urandom(KEY_BYTES))
        try:
            return cls(b64decode(path.read_bytes().strip(), validate=True), is_passphrase=False)
        except ValueError:
            raise BadUnlockKey(path=str(path)) from None

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

    @classmethod
    def from_prompt(cls, ask: Callable[[str], str] = getpass) -> Self:
        """Ask whoever started the process. Raises BadUnlockKey when the answer is too short."""
        return cls.from_passphrase(ask("Unlock key: "))

    def wrap(self, network_key: bytes) -> bytes:
        """The network key, locked. Some 0.1 s with a passphrase."""
        how = _BY_PASSPHRASE if self._is_passphrase else _BY_KEY
        salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
        head = _VERSION + how + salt
        return head + nonce + AESGCM(self._stretch(salt)).encrypt(nonce, network_key, head)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The network key. Raises WrongUnlockKey."""
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


def _derive(key: bytes, info: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt, info).derive(key)


def _write_key(path: Path, key: bytes) -> None:
    """Durable before anything is sealed under it: a network whose key was lost in a power cut is lost itself."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, b64encode(key) + b"\n")
        os.fsync(file)
    finally:
        os.close(file)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
