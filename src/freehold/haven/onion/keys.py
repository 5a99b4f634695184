"""The key of a network's onion door, the name that follows from it, and the files in which tor reads it.

In come 32 random bytes, which lie sealed in the truth and so come along with a standby, an archive and a restore: the
name stays wherever the network goes. Out come the name and what tor wants to find. Pure but for `kept`.
Source: https://spec.torproject.org/rend-spec/encoding-onion-addresses.html
"""

import os
from base64 import b32encode
from hashlib import sha3_256, sha512

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from freehold.pds import keychain
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

KEY = "onion key"
SEED_BYTES = 32
SUFFIX = ".onion"
_VERSION = b"\x03"
_SECRET_HEAD = b"== ed25519v1-secret: type0 ==\0\0\0"
_PUBLIC_HEAD = b"== ed25519v1-public: type0 ==\0\0\0"


def found(tx: Tx, seal: Seal) -> bytes | None:
    """The network's own seed, if there is one."""
    return keychain.get(tx, seal, KEY)


def kept(tx: Tx, seal: Seal) -> bytes:
    """The network's own seed; made where there is none yet."""
    seed = found(tx, seal)
    if seed is None:
        seed = os.urandom(SEED_BYTES)
        keychain.put(tx, seal, KEY, seed)
    return seed


def address(seed: bytes) -> str:
    """The name of the door: 56 letters and digits, and `.onion`."""
    public = _public(seed)
    check = sha3_256(b".onion checksum" + public + _VERSION).digest()[:2]
    return b32encode(public + check + _VERSION).decode("ascii").lower() + SUFFIX


def files(seed: bytes) -> dict[str, bytes]:
    """What tor reads in the folder of an onion service, by name. The secret one holds the expanded key of RFC 8032."""
    digest = bytearray(sha512(seed).digest())
    digest[0] &= 248
    digest[31] = digest[31] & 63 | 64
    return {
        "hs_ed25519_secret_key": _SECRET_HEAD + bytes(digest),
        "hs_ed25519_public_key": _PUBLIC_HEAD + _public(seed),
    }


def _public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
