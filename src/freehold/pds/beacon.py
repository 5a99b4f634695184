"""The beacon: a small signed document that says where the network is now, and where to look if it is not.

Tables: beacon. In come the address, the spare doors and the directories; out goes a JWS (flattened JSON, ES256) that
anybody may copy anywhere. Its key is the beacon's own, neither the domain's nor that of any certificate: who has seen
it once knows the network by it, whatever name it has. The number rises with each one, also after an older state of the
network was restored, for it follows the clock; readers refuse a lower number, a wrong key, and one that has expired.
Sources: https://www.rfc-editor.org/rfc/rfc7515 (§7.2.2), https://www.rfc-editor.org/rfc/rfc7518 (§3.4)
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from freehold.pds import keychain
from freehold.protocol.keys import BadKey, P256Key, did_key_of_point, verify
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import format_datetime, parse_datetime
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.sealed import Seal
from freehold.store.tx import Tx

SCHEMA = (
    Migration(
        "pds-80-beacon",
        "CREATE TABLE beacon (id INTEGER PRIMARY KEY CHECK (id = 1), number BIGINT NOT NULL, document BLOB NOT NULL);",
    ),
)

KEY = "beacon key"
TYPE = "freehold-beacon"
SECOND = 1_000_000
DAY = 86_400 * SECOND
LIFE = 90 * DAY
"""How long a beacon is good for, in micros: as long as somebody may stay away and still find the way."""
RENEWED_AFTER = DAY
MAX_BYTES = 16_384


class BadBeacon(Refused):
    """Not a beacon, or not one of this network's, or too old."""

    name = "BadBeacon"
    say = "That is no beacon of this network that still counts."


class Beacon(msgspec.Struct, frozen=True):
    """What it says. url: where the network is. doors: where else to ask. directories: of its members' identities.

    number: rises. issued, expires: RFC 3339.
    """

    network: str
    url: str
    doors: tuple[str, ...]
    directories: tuple[str, ...]
    number: int
    issued: str
    expires: str


class Beacons:
    """Issues the beacon of one network. content: what it shall say, but for number and times."""

    def __init__(
        self, truth: Database, seal: Seal, content: Callable[[], dict[str, Any]], clock: Callable[[], int]
    ) -> None:
        self._truth, self._seal, self._content, self._clock = truth, seal, content, clock
        self._document = b""

    @property
    def document(self) -> bytes:
        """The newest one, signed."""
        if not self._document:
            with self._truth.reading() as tx:
                row = tx.one("SELECT document FROM beacon")
            self._document = bytes(row[0]) if row else b""
        return self._document

    @property
    def doors(self) -> tuple[str, ...]:
        """The spare doors that it names."""
        return tuple(self._content()["doors"])

    def public_key(self) -> str:
        """The key's did:key text."""
        with self._truth.reading() as tx:
            return P256Key.from_raw(keychain.require(tx, self._seal, KEY)).did_key

    def renew(self, tx: Tx) -> None:
        """Issue another one, if there is none, if it would say something else, or if a day has passed. The key is made
        where there is none."""
        raw = keychain.get(tx, self._seal, KEY)
        if raw is None:
            raw = secrets.token_bytes(32)
            keychain.put(tx, self._seal, KEY, raw)
        row, content = tx.one("SELECT number, document FROM beacon"), self._content()
        if row is not None and self._still_says(bytes(row[1]), content, tx.now):
            return
        number = max(tx.now // SECOND, row[0] + 1 if row else 0)
        issued, expires = format_datetime(tx.now), format_datetime(tx.now + LIFE)
        document = signed(Beacon(**content, number=number, issued=issued, expires=expires), raw)
        tx.run(
            "INSERT INTO beacon (id, number, document) VALUES (1, :number, :document)"
            " ON CONFLICT (id) DO UPDATE SET number = excluded.number, document = excluded.document",
            number=number,
            document=document,
        )
        tx.after_commit(self.forget)

    def forget(self) -> None:
        """Read it again at the next look."""
        self._document = b""

    def _still_says(self, document: bytes, content: dict[str, Any], now: int) -> bool:
        beacon = payload_of(document)
        said = {name: getattr(beacon, name) for name in content}
        return said == content and parse_datetime(beacon.issued) > now - RENEWED_AFTER


def signed(beacon: Beacon, raw: bytes) -> bytes:
    """A beacon as it is published. raw: the P-256 key."""
    head = {"alg": "ES256", "typ": TYPE, "jwk": jwk(raw)}
    protected, payload = _text(msgspec.json.encode(head)), _text(msgspec.json.encode(beacon))
    signature = P256Key.from_raw(raw).sign(f"{protected}.{payload}".encode())
    return msgspec.json.encode({"protected": protected, "payload": payload, "signature": _text(signature)}) + b"\n"


def jwk(raw: bytes) -> dict[str, str]:
    """The public half as a JSON Web Key."""
    numbers = ec.derive_private_key(int.from_bytes(raw), ec.SECP256R1()).public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": _text(numbers.x.to_bytes(32)), "y": _text(numbers.y.to_bytes(32))}


def read(document: bytes, did_key: str, now: int, newer_than: int = 0) -> Beacon:
    """What a beacon says, if it is signed by this key, is not older than `newer_than`, and has not expired at `now`
    (micros). Raises BadBeacon."""
    try:
        said = msgspec.json.decode(document[:MAX_BYTES], type=dict[str, str])
        genuine = verify(did_key, f"{said['protected']}.{said['payload']}".encode(), _data(said["signature"]))
        head = msgspec.json.decode(_data(said["protected"]), type=dict[str, Any])
        beacon = payload_of(document)
        expires = parse_datetime(beacon.expires)
    except (ValueError, KeyError, msgspec.MsgspecError):
        raise BadBeacon from None
    if not genuine or head.get("alg") != "ES256" or head.get("typ") != TYPE:
        raise BadBeacon
    if beacon.number < newer_than or expires <= now:
        raise BadBeacon
    return beacon


def key_of(document: bytes) -> str:
    """The did:key text of the key that a beacon names as its own, for who sees it first. Raises BadBeacon."""
    try:
        said = msgspec.json.decode(document[:MAX_BYTES], type=dict[str, str])
        named = msgspec.json.decode(_data(said["protected"]), type=dict[str, Any])["jwk"]
        return did_key_of_point("p256", b"\4" + _data(named["x"]) + _data(named["y"]))
    except (ValueError, KeyError, TypeError, msgspec.MsgspecError, BadKey):
        raise BadBeacon from None


def payload_of(document: bytes) -> Beacon:
    """What it says, unchecked. Raises ValueError, KeyError, MsgspecError."""
    said = msgspec.json.decode(document, type=dict[str, str])
    return msgspec.json.decode(_data(said["payload"]), type=Beacon)


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _data(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
