"""DAG-CBOR, strictly: one value has one encoding, and anything else is refused.

Two forms. `encode`/`decode` carry links as `Cid` and byte strings as bytes: commits, tree nodes, frames, operations.
There a CID must be of the kinds that the protocol blesses. `encode_json`/`decode_json` carry records, in the JSON form
that XRPC speaks (`{"$link"}`, `{"$bytes"}`): integers stay within what JavaScript can hold, and links of foreign kinds
survive. No floats anywhere, no nesting beyond MAX_DEPTH.
Source: https://atproto.com/specs/data-model, https://ipld.io/specs/codecs/dag-cbor/spec/

The compiled codec (cbrrr) is strict about bytes, but knows no limit of depth, believes array lengths, checks no CIDs.
One pass over the input (in C) shows whether any of that can matter; only then is there a closer look.
"""

import re
from collections.abc import Callable
from itertools import islice
from typing import Any

from freehold.protocol import purecbor
from freehold.protocol.cid import Cid
from freehold.protocol.purecbor import MAX_DEPTH
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import is_cid_text

_read: Callable[..., Any]
_write: Callable[..., bytes]
_read_many: Callable[..., Any] | None
try:
    from cbrrr import decode_dag_cbor as _read
    from cbrrr import decode_multi_dag_cbor_in_violation_of_the_spec as _read_many
    from cbrrr import encode_dag_cbor as _write
except ImportError:
    _read, _write, _read_many = purecbor.decode_dag_cbor, purecbor.encode_dag_cbor, None

__all__ = [
    "MAX_DEPTH",
    "MAX_INTEGER",
    "BadCbor",
    "decode",
    "decode_json",
    "decode_json_own",
    "decode_own",
    "decode_pair",
    "encode",
    "encode_json",
    "encode_own",
]

MAX_INTEGER = 2**53 - 1
"""Largest integer in a record, and without its sign the smallest."""

_CONTAINERS = bytes((*range(0x81, 0x9C), *range(0xA1, 0xBC)))  # heads of arrays and maps that are not empty
_LONG_ARRAYS = bytes(range(0x98, 0x9C))
_INTEGER, _NEGATIVE, _TAG, _FLOAT = 0x1B, 0x3B, 0xD8, 0xFB  # heads of 64-bit integers, of tags, of floats
_TELLING = {*_CONTAINERS, _INTEGER, _NEGATIVE, _TAG, _FLOAT}
_HARMLESS = bytes(set(range(256)) - _TELLING)
_MAX_CLAIM = 4_000_000  # array slots reserved before the input is found to be a lie
_UNFIT = (ValueError, TypeError, SystemError)  # the last comes from the compiled codec, for keys of lone surrogates
_BLESSED = tuple(bytes((1, codec, hash_, 32)) for codec in (0x71, 0x55) for hash_ in (0x12, 0x1E))
_odd_link = re.compile(rb"\xd8\x2a(?!\x58\x25\x00\x01[\x55\x71]\x12\x20)").search  # not a plain sha-256 CID


class BadCbor(Refused):
    """Bytes that are not strict DAG-CBOR, or a value that has no such form."""

    say = "That data is not valid DAG-CBOR."


def encode(obj: Any) -> bytes:
    """The bytes of a value made of dict, list, str, bytes, Cid, int (64 bits), bool and None. Raises BadCbor."""
    try:
        data = _write(obj, False, Cid)
    except _UNFIT as error:
        raise BadCbor(cause=str(error)) from None
    telling = data.translate(None, _HARMLESS)
    _examine(obj, data, telling)
    return data


def encode_own(obj: Any) -> bytes:
    """As `encode`, of a value that this program put together itself: nothing is looked for, which saves half the time
    of a message that holds many random bytes."""
    data: bytes = _write(obj, False, Cid)
    return data


def decode_own(data: bytes) -> Any:
    """As `decode`, of bytes that `encode_own` made. Raises BadCbor for what cannot be read at all."""
    try:
        return _read(data, False, Cid)
    except _UNFIT as error:
        raise BadCbor(cause=str(error)) from None


def decode(data: bytes) -> Any:
    """The value that `data` encodes, links as Cid, byte strings as bytes. Raises BadCbor."""
    telling = data.translate(None, _HARMLESS)
    value = _decode(data, telling, False)
    _examine(value, data, telling)
    return value


def decode_pair(data: bytes) -> tuple[Any, Any]:
    """Two values, one right after the other, as in the frame of an event stream. Raises BadCbor."""
    try:
        if _read_many is None or _could_hoard(data, data.translate(None, _HARMLESS)):
            first, end = purecbor.decode_first(data, 0, False, Cid)
            pair = [first, purecbor.decode_dag_cbor(data[end:], False, Cid)]
        else:
            pair = list(islice(_read_many(data, False, Cid), 3))
    except _UNFIT as error:
        raise BadCbor(cause=str(error)) from None
    if len(pair) != 2:
        raise BadCbor(cause="not two values")
    for value in pair:
        _look(value, False, True)
        _measure(value, False)
    return pair[0], pair[1]


def encode_json(record: Any) -> bytes:
    """The bytes of a record in JSON form. A float without fraction is an integer, as in JavaScript. Raises BadCbor."""
    try:
        data = _write(record, True, Cid)
    except _UNFIT:
        try:
            record = _with_integers(record, 0)
            data = _write(record, True, Cid)
        except _UNFIT as error:
            raise BadCbor("That record holds something that records cannot hold.", cause=str(error)) from None
    telling = data.translate(None, _HARMLESS)
    _examine_json(record, data, telling)
    return data


def decode_json(data: bytes) -> Any:
    """The record that `data` encodes, in JSON form. Raises BadCbor."""
    telling = data.translate(None, _HARMLESS)
    value = _decode(data, telling, True)
    _examine_json(value, data, telling)
    return value


def decode_json_own(data: bytes) -> Any:
    """As `decode_json`, of a record that it read before and that nobody but this program had since: nothing is looked
    for, which saves half the time. Raises BadCbor for what cannot be read at all."""
    try:
        return _read(data, True, Cid)
    except _UNFIT as error:
        raise BadCbor(cause=str(error)) from None


def _decode(data: bytes, telling: bytes, json: bool) -> Any:
    hoard = len(data) * len(telling) > _MAX_CLAIM and _could_hoard(data, telling)
    try:
        return (purecbor.decode_dag_cbor if hoard else _read)(data, json, Cid)
    except _UNFIT as error:
        raise BadCbor(cause=str(error)) from None


def _examine(value: Any, data: bytes, telling: bytes) -> None:
    """What the compiled codec leaves unchecked, as far as the telling bytes of the encoded form give reason to."""
    odd_links = _TAG in telling and _odd_link(data) is not None
    if odd_links or _FLOAT in telling:
        _look(value, False, odd_links)
    if len(telling) > MAX_DEPTH:
        _measure(value, False)


def _examine_json(value: Any, data: bytes, telling: bytes) -> None:
    """The same for a record in JSON form, where the codec refuses floats itself."""
    odd_links = _TAG in telling and _odd_link(data) is not None
    if odd_links or _NEGATIVE in telling or _INTEGER in telling:
        _look(value, True, odd_links)
    if len(telling) > MAX_DEPTH:
        _measure(value, True)


def _could_hoard(data: bytes, telling: bytes) -> bool:
    """Whether nested array heads, each claiming the whole rest, could make the compiled codec reserve too much."""
    long_arrays = len(telling) - len(telling.translate(None, _LONG_ARRAYS))
    return 24 * len(telling) + len(data) * long_arrays > _MAX_CLAIM


def _look(value: Any, json: bool, odd_links: bool) -> None:
    """Go through the whole value for numbers and (if there are odd ones) links that are not allowed. Raises BadCbor."""
    pending = [value]
    for item in pending:  # which grows on the way
        kind = type(item)
        if kind is str:
            continue
        if kind is dict:
            pending.extend(item.values())
            if json and odd_links and "$link" in item and not is_cid_text(item["$link"].lower()):
                raise BadCbor("That record holds a link that is not a CID.", given=item["$link"][:80])
        elif kind is list:
            pending.extend(item)
        elif kind is int:
            if json and not -MAX_INTEGER <= item <= MAX_INTEGER:
                raise BadCbor("An integer is too large: records take up to 53 bits.")
        elif kind is float:
            raise BadCbor("Floating point numbers are not allowed.")
        elif odd_links and kind is Cid and not (len(item) == 36 and item.startswith(_BLESSED)):
            raise BadCbor("That data links to a kind of CID that is not allowed.", cid=bytes(item))


def _measure(value: Any, json: bool) -> None:
    """Raises BadCbor when arrays and maps nest deeper than MAX_DEPTH. Links and bytes in JSON form are not maps."""
    level = [value] if type(value) in (dict, list) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        level = [
            item
            for container in level
            for item in (container.values() if type(container) is dict else container)
            if type(item) in (dict, list)
        ]
    if not all(json and type(item) is dict and ("$link" in item or "$bytes" in item) for item in level):
        raise BadCbor("That data is nested too deeply.", depth=MAX_DEPTH)


def _with_integers(value: Any, depth: int) -> Any:
    """A copy in which whole floats are integers. Raises ValueError when nested too deeply or at a fraction."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if type(value) is dict:
        return {key: _with_integers(item, depth + 1) for key, item in value.items()}
    if type(value) is list:
        return [_with_integers(item, depth + 1) for item in value]
    if type(value) is float:
        if not value.is_integer():
            raise ValueError("a floating point number")
        return int(value)
    return value
