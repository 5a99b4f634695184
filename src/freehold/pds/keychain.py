"""The network's own secrets, sealed: the session secret and the rotation keys of its members' DIDs.

Tables: secret. Created with the network. The offline rotation key is shown once, to whoever claims the network, and
then forgotten here: only its public half stays in every member's DID.
"""

from base64 import b32decode, b32encode
from collections.abc import Callable
from hashlib import sha256

import msgspec

from freehold.protocol.keys import K256Key
from freehold.protocol.refused import Refused
from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SCHEMA = (Migration("pds-0-secret", "CREATE TABLE secret (name TEXT PRIMARY KEY, box BLOB NOT NULL);"),)

SESSION = "session secret"
HOST_KEY = "host rotation key"
OFFLINE_KEY = "offline rotation key"
OFFLINE_PUBLIC = "offline rotation key, public half"
RETIRED_SESSION = "retired session secrets"
RETIRED_HOST = "retired host rotation keys"
RETIRED_OFFLINE = "retired offline rotation keys, public halves"
CHECK_BYTES = 2
SEALED = (Sealed("secret", "box", by_row="name"),)


class MistypedKey(Refused):
    """A recovery key that was not copied right."""

    name = "InvalidRecoveryKey"
    say = "That is not a recovery key. Compare each group of four with what you wrote down."


def put(tx: Tx, seal: Seal, name: str, plain: bytes) -> None:
    """Store a secret under its name, replacing an older one."""
    tx.run(
        "INSERT INTO secret (name, box) VALUES (:name, :box) ON CONFLICT (name) DO UPDATE SET box = excluded.box",
        name=name,
        box=seal.seal(name, plain),
    )


def get(tx: Tx, seal: Seal, name: str) -> bytes | None:
    """The secret of that name, opened."""
    row = tx.one("SELECT box FROM secret WHERE name = :name", name=name)
    return seal.open(name, row[0]) if row else None


def require(tx: Tx, seal: Seal, name: str) -> bytes:
    """As `get`, for what every network has."""
    plain = get(tx, seal, name)
    if plain is None:
        raise LookupError(f"the {name} is not in the store")
    return plain


class Retired(msgspec.Struct, frozen=True):
    """A secret that was replaced and still counts for something. until: microseconds, 0 for no certain time."""

    key: bytes
    until: int = 0

    def __repr__(self) -> str:
        return f"Retired(…, until={self.until})"


def retired(tx: Tx, seal: Seal, name: str) -> list[Retired]:
    """What is kept under one of the names that begin with `retired`, the newest first."""
    plain = get(tx, seal, name)
    return msgspec.json.decode(plain, type=list[Retired]) if plain else []


def retire(tx: Tx, seal: Seal, name: str, found: list[Retired]) -> None:
    """Keep these under that name; none deletes it."""
    if found:
        put(tx, seal, name, msgspec.json.encode(found))
    else:
        tx.run("DELETE FROM secret WHERE name = :name", name=name)


def create_all(tx: Tx, seal: Seal, random: Callable[[int], bytes]) -> None:
    """The secrets of a new network."""
    put(tx, seal, SESSION, random(32))
    put(tx, seal, HOST_KEY, random(32))
    offline = K256Key.from_raw(random(32))
    put(tx, seal, OFFLINE_KEY, offline.raw)
    put(tx, seal, OFFLINE_PUBLIC, offline.did_key.encode())


def hand_over(tx: Tx, seal: Seal) -> str:
    """The offline key for its owner to write down; our copy is deleted. Empty when it was handed over before."""
    raw = get(tx, seal, OFFLINE_KEY)
    tx.run("DELETE FROM secret WHERE name = :name", name=OFFLINE_KEY)
    return written(raw) if raw else ""


def written(key: bytes) -> str:
    """A 32-byte key for paper: base32 in groups of four, with a check of two bytes at the end."""
    text = b32encode(key + sha256(key).digest()[:CHECK_BYTES]).decode("ascii").rstrip("=").lower()
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def read_written(text: str) -> bytes:
    """The key that was written down. Raises MistypedKey when the check does not hold."""
    letters = "".join(text.split()).replace("-", "").upper()
    try:
        raw = b32decode(letters + "=" * (-len(letters) % 8))
    except ValueError:
        raise MistypedKey from None
    key, check = raw[:-CHECK_BYTES], raw[-CHECK_BYTES:]
    if len(key) != 32 or sha256(key).digest()[:CHECK_BYTES] != check:
        raise MistypedKey
    return key
