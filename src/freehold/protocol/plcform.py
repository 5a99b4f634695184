"""The form and the limits of a single did:plc operation.

In comes whatever was sent as JSON; out comes nothing or a BadOperation. What an operation may do in its place in the
log is plc's matter.
Source: https://web.plc.directory/spec/v0.1/did-plc; limits that it leaves out are those of the public directory
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from freehold.protocol import cbor
from freehold.protocol.keys import is_did_key
from freehold.protocol.refused import Refused

Operation = Mapping[str, Any]

MAX_OPERATION_BYTES = 7500
MAX_ROTATION_KEYS = 5
MAX_ENTRIES = 10
"""Most aliases, services and verification methods each."""
MAX_ALIAS = 258
MAX_ID = 32
MAX_SERVICE_TYPE = 256
MAX_ENDPOINT = 512

_ANY_DID_KEY = re.compile(r"did:key:z[1-9A-HJ-NP-Za-km-z]{1,247}")
_FIELDS = {
    "plc_operation": {"type", "rotationKeys", "verificationMethods", "alsoKnownAs", "services", "prev", "sig"},
    "plc_tombstone": {"type", "prev", "sig"},
    "create": {"type", "signingKey", "recoveryKey", "handle", "service", "prev", "sig"},
}


class BadOperation(Refused):
    """A did:plc operation that the log's rules do not allow."""

    say = "That did:plc operation is not valid."


def check_form(signed: Any, unknown_fields: bool = False) -> None:
    """The fields and their types. Limits are for check_limits: old logs hold more."""
    if not isinstance(signed, dict) or not isinstance(signed.get("type"), str) or signed["type"] not in _FIELDS:
        raise BadOperation("An operation is an object with a known type.")
    fields = _FIELDS[signed["type"]]
    if not fields <= signed.keys() or (not unknown_fields and fields != signed.keys()):
        raise BadOperation("The operation lacks a field or has an unknown one.", fields=sorted(signed)[:20])
    prev = signed["prev"]
    if not isinstance(signed["sig"], str) or not (prev is None or isinstance(prev, str)):
        raise BadOperation("prev and sig are texts.")
    if signed["type"] == "create":
        texts = [signed[name] for name in ("signingKey", "recoveryKey", "handle", "service")]
    elif signed["type"] == "plc_operation":
        texts = _texts_of(signed)
    else:
        texts = []
    if not all(isinstance(text, str) for text in texts):
        raise BadOperation("A field of the operation has the wrong type.")


def _texts_of(signed: Operation) -> list[Any]:
    """All that must be text. Raises BadOperation where a list or an object is not one."""
    keys, methods = signed["rotationKeys"], signed["verificationMethods"]
    aliases, services = signed["alsoKnownAs"], signed["services"]
    if not (isinstance(keys, list) and isinstance(aliases, list)):
        raise BadOperation("rotationKeys and alsoKnownAs are lists.")
    if not (isinstance(methods, dict) and isinstance(services, dict)):
        raise BadOperation("verificationMethods and services are objects.")
    if not all(isinstance(entry, dict) and {"type", "endpoint"} <= entry.keys() for entry in services.values()):
        raise BadOperation("A service has a type and an endpoint.")
    endpoints = [entry[name] for entry in services.values() for name in ("type", "endpoint")]
    return [*keys, *aliases, *methods.values(), *endpoints]


def check_limits(signed: Operation) -> None:
    if len(encoded(signed)) > MAX_OPERATION_BYTES:
        raise BadOperation(f"The operation is too large: at most {MAX_OPERATION_BYTES} bytes.")
    if signed["type"] == "plc_tombstone":
        return
    keys, aliases = signed["rotationKeys"], signed["alsoKnownAs"]
    methods, services = signed["verificationMethods"], signed["services"]
    if not 1 <= len(keys) <= MAX_ROTATION_KEYS or len(set(keys)) != len(keys):
        raise BadOperation(f"There must be 1 to {MAX_ROTATION_KEYS} rotation keys, each once.")
    if not all(map(is_did_key, keys)):
        raise BadOperation("A rotation key is not a did:key of secp256k1 or P-256.")
    if not all(map(_ANY_DID_KEY.fullmatch, methods.values())):
        raise BadOperation("A verification method is not a did:key.")
    if max(map(len, (aliases, methods, services))) > MAX_ENTRIES or len(set(aliases)) != len(aliases):
        raise BadOperation(f"At most {MAX_ENTRIES} aliases, verification methods and services each, none twice.")
    _check_lengths("alias", aliases, MAX_ALIAS)
    _check_lengths("id", [*methods, *services], MAX_ID)
    for service in services.values():
        if len(service) != 2:
            raise BadOperation("A service has a type and an endpoint, nothing else.")
        _check_lengths("service type", [service["type"]], MAX_SERVICE_TYPE)
        _check_lengths("service endpoint", [service["endpoint"]], MAX_ENDPOINT)


def _check_lengths(what: str, texts: Iterable[str], most: int) -> None:
    if any(len(text) > most for text in texts):
        raise BadOperation(f"The {what} is too long: at most {most} characters.")


def encoded(signed: Operation) -> bytes:
    """The bytes that are hashed. Raises BadOperation."""
    try:
        return cbor.encode(dict(signed))
    except cbor.BadCbor as error:
        raise BadOperation("The operation holds something that DAG-CBOR cannot.", facts=error.facts) from None
