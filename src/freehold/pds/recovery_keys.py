"""A member's own key: the highest rotation key of their DID, by which the identity is theirs without any host.

In comes nothing, or the text of a key as a member keeps it; out come a key pair and whether a DID is bound to it. The
secret half is handed out once and kept nowhere here. Its text is multibase with a multicodec, as other tools of the
protocol (goat, for one) read and write it.
Source: https://web.plc.directory/spec/v0.1/did-plc, https://atproto.com/specs/cryptography
"""

import re
import secrets
from collections.abc import Collection
from typing import NamedTuple

from freehold.pds import keychain
from freehold.pds.keychain import MistypedKey, read_written
from freehold.protocol import plc
from freehold.protocol.keys import BadKey, K256Key, SigningKey, key_of_secret, secret_text
from freehold.protocol.plcform import Operation
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

_MULTIBASE = re.compile(r"\bz[1-9A-HJ-NP-Za-km-z]{40,60}\b")
_HEX = re.compile(r"\b[0-9a-fA-F]{64}\b")
_MOST_TEXT = 20_000


class Made(NamedTuple):
    """A new key. secret: the text to keep. did_key: the public half, which goes into the DID."""

    secret: str
    did_key: str


def make() -> Made:
    """A new key, on secp256k1."""
    key = K256Key.from_raw(secrets.token_bytes(32))
    return Made(secret_text(key), key.did_key)


def key_of(text: str) -> SigningKey:
    """The key in a text: the bare secret, or the whole file that was handed out with it.

    Also taken: 64 hexadecimal digits (a secp256k1 key, as the official PDS keeps them), and a network's offline key as
    its owner wrote it down. Raises MistypedKey; neither it nor its facts repeat anything of the text.
    """
    text = text[:_MOST_TEXT]
    for word in _MULTIBASE.findall(text):
        try:
            return key_of_secret(word)
        except BadKey:
            continue
    found = _HEX.search(text)
    try:
        return K256Key.from_raw(bytes.fromhex(found[0]) if found else read_written(text))
    except BadKey:
        raise MistypedKey from None


def did_key_of(text: str) -> str:
    """The public half (did:key) of the key in a text. Raises MistypedKey."""
    return key_of(text).did_key


def network_keys(tx: Tx, seal: Seal, now: Collection[str]) -> frozenset[str]:
    """All rotation keys of the network that an identity may name: those of `now` (`register.rotation_keys`), and those
    that were replaced and stand in some identities still."""
    host = (K256Key.from_raw(one.key).did_key for one in keychain.retired(tx, seal, keychain.RETIRED_HOST))
    offline = (one.key.decode() for one in keychain.retired(tx, seal, keychain.RETIRED_OFFLINE))
    return frozenset((*now, *host, *offline))


def standing(newest: Operation | None, of_network: Collection[str] = ()) -> list[str]:
    """The rotation keys of a DID, highest first, that are not the network's. newest: its operation that counts now."""
    if newest is None or newest["type"] == "plc_tombstone":
        return []
    return [key for key in plc.modern(newest)["rotationKeys"] if key not in of_network]


def stands(newest: Operation | None, did_key: str, of_network: Collection[str] = ()) -> bool:
    """Is this one of the member's own rotation keys? newest: the DID's operation that counts now, as
    `identity.operations.Operations.newest` gives it; of_network: `network_keys`."""
    return did_key in standing(newest, of_network)
