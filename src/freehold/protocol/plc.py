"""did:plc: identities whose owner can change everything but the name, proven by a log of signed operations.

An operation is a dictionary in JSON form, as the directory takes and shows it. The first one (genesis) gives the DID
its name by its hash; each later one names the one before it (`prev`) and is signed by one of that one's rotation keys,
which stand in order of rank. For 72 hours a higher key can take back what a lower one did, by forking before it.
The form of a single operation is checked in plcform; here is what the operations say together.
Source: https://web.plc.directory/spec/v0.1/did-plc
"""

import re
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.keys import DID_KEY, SigningKey, verify
from freehold.protocol.plcform import BadOperation, Operation, check_form, check_limits, encoded
from freehold.protocol.syntax import InvalidSyntax, parse_datetime

RECOVERY_MICROS = 72 * 3600 * 1_000_000
"""How long a higher rotation key can take back an operation, to the microsecond."""

_DID = re.compile(r"did:plc:[a-z2-7]{24}")
_SIGNATURE = re.compile(r"[A-Za-z0-9_-]{86}")


class Entry(NamedTuple):
    """An operation in the log, with what the directory says of it. at: microseconds since 1970 UTC."""

    operation: Operation
    cid: Cid
    at: int
    nullified: bool = False


def is_plc_did(text: str) -> bool:
    """Whether this is a did:plc, 32 characters."""
    return _DID.fullmatch(text) is not None


def operation(
    *,
    rotation_keys: Sequence[str],
    signing_key: str,
    handle: str,
    pds: str,
    prev: Cid | None = None,
    verification_methods: Mapping[str, str] | None = None,
    services: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """An unsigned operation for an atproto account: genesis when `prev` is None, else an update of that operation.

    rotation_keys: did:key texts, the highest first. pds: its URL. verification_methods, services: what there is beside
    `atproto` and `atproto_pds`, such as a labeler's.
    """
    pds_service = {"type": "AtprotoPersonalDataServer", "endpoint": pds}
    return {
        "type": "plc_operation",
        "rotationKeys": list(rotation_keys),
        "verificationMethods": {"atproto": signing_key, **(verification_methods or {})},
        "alsoKnownAs": [f"at://{handle}"],
        "services": {"atproto_pds": pds_service, **{id_: dict(entry) for id_, entry in (services or {}).items()}},
        "prev": None if prev is None else str(prev),
    }


def update(previous: Operation, **changes: Any) -> dict[str, Any]:
    """An unsigned operation that follows `previous` (signed) and says the same, save for the fields in `changes`."""
    fields = {key: value for key, value in modern(previous).items() if key != "sig"}
    if fields["type"] != "plc_operation":
        raise BadOperation("That identity has ended: only a recovery from before its end can revive it.")
    return {**fields, **changes, "prev": str(operation_cid(previous))}


def tombstone(prev: Cid) -> dict[str, Any]:
    """An unsigned operation that ends the identity after `prev`."""
    return {"type": "plc_tombstone", "prev": str(prev)}


def sign_operation(unsigned: Operation, key: SigningKey) -> dict[str, Any]:
    """The operation with its signature. Any signature that it has is replaced."""
    fields = {name: value for name, value in unsigned.items() if name != "sig"}
    signature = urlsafe_b64encode(key.sign(cbor.encode(fields))).decode().rstrip("=")
    return {**fields, "sig": signature}


def operation_cid(signed: Operation) -> Cid:
    """The CID of a signed operation, which the next one names as `prev`."""
    return Cid.of_cbor(encoded(signed))


def did_of(genesis: Operation) -> str:
    """The DID that a signed first operation makes."""
    return "did:plc:" + b32encode(sha256(encoded(genesis)).digest()).decode().lower()[:24]


def modern(signed: Operation) -> dict[str, Any]:
    """A legacy `create` in today's form, any other operation as it is. Only for reading: hashes are of the old form."""
    if signed["type"] != "create":
        return dict(signed)
    return {
        "type": "plc_operation",
        "rotationKeys": [signed["recoveryKey"], signed["signingKey"]],
        "verificationMethods": {"atproto": signed["signingKey"]},
        "alsoKnownAs": [_with_scheme(signed["handle"], "at://")],
        "services": {
            "atproto_pds": {
                "type": "AtprotoPersonalDataServer",
                "endpoint": _with_scheme(signed["service"], "https://"),
            }
        },
        "prev": signed["prev"],
        "sig": signed["sig"],
    }


def signer(signed: Operation, rotation_keys: Sequence[str]) -> int | None:
    """The rank (0 is highest) of the rotation key that signed, None when none of them did."""
    text = signed["sig"]
    if not _SIGNATURE.fullmatch(text):
        return None
    signature = urlsafe_b64decode(text + "==")
    if urlsafe_b64encode(signature).decode() != text + "==":  # stray bits in the last letter
        return None
    data = cbor.encode({name: value for name, value in signed.items() if name != "sig"})
    for rank, key in enumerate(rotation_keys):
        if verify(key, data, signature):
            return rank
    return None


def assure_next(did: str, log: Sequence[Entry], proposed: Any, now: int) -> list[Cid]:
    """Check an operation that someone wants appended to a log that is valid. Returns the CIDs that it nullifies.

    log: all entries of the DID in order, empty for a new one. proposed: anything that came as JSON. now: microseconds.
    Raises BadOperation, also for what old logs may hold but nobody may add: legacy form, too large, too many entries.
    """
    check_form(proposed)
    if proposed["type"] == "create":
        raise BadOperation("The legacy form of a first operation is no longer accepted: send a plc_operation.")
    check_limits(proposed)
    return _check_place(did, [entry for entry in log if not entry.nullified], proposed, now)


def validate_log(entries: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """Check a whole audit log, as `GET /{did}/log/audit` shows it. Raises BadOperation.

    Each entry's did, cid, createdAt and nullified are checked with its operation. Returns all entries in order.
    """
    log: list[Entry] = []
    shown: list[bool] = []
    did = None
    for number, entry in enumerate(entries):
        found, did_shown, nullified = _read_entry(entry)
        did = did or did_shown
        if did_shown != did or (log and found.at < log[-1].at):
            raise BadOperation("The entries of the log do not belong together.", entry=number)
        gone = _check_place(did, [each for each in log if not each.nullified], found.operation, found.at)
        log = [each._replace(nullified=each.nullified or each.cid in gone) for each in log]
        log.append(found)
        shown.append(nullified)
    if not log:
        raise BadOperation("The log is empty.")
    if [each.nullified for each in log] != shown:
        raise BadOperation("The log shows the wrong operations as nullified.", did=did)
    return log


def _read_entry(entry: Mapping[str, Any]) -> tuple[Entry, str, bool]:
    try:
        did, signed, cid, at = entry["did"], entry["operation"], entry["cid"], parse_datetime(entry["createdAt"])
        nullified = entry["nullified"]
    except (KeyError, TypeError, InvalidSyntax):
        raise BadOperation("An entry of the log lacks a field or has a wrong one.") from None
    check_form(signed, unknown_fields=True)
    found = operation_cid(signed)
    if str(found) != cid or type(nullified) is not bool:
        raise BadOperation("An entry of the log does not describe its operation.", cid=cid, found=str(found))
    return Entry(signed, found, at), did, nullified


def _check_place(did: str, current: Sequence[Entry], signed: Operation, at: int) -> list[Cid]:
    """Check order, signature, rank and time against the entries that are not nullified."""
    if not current:
        return _check_genesis(did, signed)
    if signed["type"] == "create" or signed["prev"] is None:
        raise BadOperation("That identity exists already: the operation needs a prev.", did=did)
    place = next((i for i, entry in enumerate(current) if str(entry.cid) == signed["prev"]), None)
    if place is None:
        raise BadOperation("prev names no current operation of that identity. Fetch the log and try again.", did=did)
    base, disputed = current[place].operation, current[place + 1 :]
    if base["type"] == "plc_tombstone":
        raise BadOperation("That identity has ended.", did=did)
    keys = modern(base)["rotationKeys"]
    if disputed:
        keys = keys[: signer(disputed[0].operation, keys) or 0]
        if at - disputed[0].at > RECOVERY_MICROS:
            raise BadOperation("The 72 hours in which that operation could be taken back are over.", did=did)
    if signer(signed, keys) is None:
        raise BadOperation("No rotation key that may do this has signed the operation.", did=did)
    return [entry.cid for entry in disputed]


def _check_genesis(did: str, signed: Operation) -> list[Cid]:
    if signed["type"] == "plc_tombstone" or signed["prev"] is not None:
        raise BadOperation("The first operation of an identity has no prev.", did=did)
    if did_of(signed) != did:
        raise BadOperation("The first operation does not hash to that DID.", did=did, hashes_to=did_of(signed))
    if signer(signed, modern(signed)["rotationKeys"]) is None:
        raise BadOperation("None of its own rotation keys has signed the first operation.", did=did)
    return []


def document(did: str, signed: Operation) -> dict[str, Any] | None:
    """The DID document that an operation stands for, in today's form. None after a tombstone."""
    if signed["type"] == "plc_tombstone":
        return None
    state = modern(signed)
    keys = state["verificationMethods"]
    suites = [suite for suite in _SUITES if any(key.startswith(suite[0]) for key in keys.values())]
    return {
        "@context": [
            "https://www.w3.org/ns/did/v1",
            "https://w3id.org/security/multikey/v1",
            *(context for _, context in suites),
        ],
        "id": did,
        "alsoKnownAs": list(state["alsoKnownAs"]),
        "verificationMethod": [
            {
                "id": f"{did}#{name}",
                "type": "Multikey",
                "controller": did,
                "publicKeyMultibase": key.removeprefix(DID_KEY),
            }
            for name, key in keys.items()
        ],
        "service": [
            {"id": f"#{name}", "type": entry["type"], "serviceEndpoint": entry["endpoint"]}
            for name, entry in state["services"].items()
        ],
    }


_SUITES = (
    (f"{DID_KEY}zQ3s", "https://w3id.org/security/suites/secp256k1-2019/v1"),
    (f"{DID_KEY}zDn", "https://w3id.org/security/suites/ecdsa-2019/v1"),
)
"""Which did:key texts belong to which of the contexts that the public directory names: secp256k1, P-256."""


def data(did: str, signed: Operation) -> dict[str, Any] | None:
    """What `GET /{did}/data` shows: the state without signature and history. None after a tombstone."""
    if signed["type"] == "plc_tombstone":
        return None
    state = modern(signed)
    fields = ("verificationMethods", "rotationKeys", "alsoKnownAs", "services")
    return {"did": did, **{name: state[name] for name in fields}}


def _with_scheme(text: str, scheme: str) -> str:
    if scheme == "at://":
        text = text.removeprefix("https://").removeprefix("http://").removeprefix("at://")
        return scheme + text
    return text if text.startswith(("http://", "https://")) else scheme + text
