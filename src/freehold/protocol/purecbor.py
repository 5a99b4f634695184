"""DAG-CBOR in plain Python: the careful codec.

Used where the compiled codec is absent, and for input that could make it reserve far more memory than the input is
long: here a length is believed only when the bytes are there. Same results, same refusals (tests compare the two), some
ten times slower. The two functions take the arguments of the compiled ones. Refusals are ValueError or TypeError.
Source: https://ipld.io/specs/codecs/dag-cbor/spec/, RFC 8949, https://atproto.com/specs/data-model
"""

import re
import struct
from base64 import b32decode, b32encode, b64decode, b64encode
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 64
"""Deepest nesting of arrays and maps that is read or written."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(7)
_LINK = 42
_SIMPLE = {20: False, 21: True, 22: None}
_BASE64 = re.compile(r"[A-Za-z0-9+/]*")
_BASE32 = re.compile(r"[A-Za-z2-7]*")


def decode_dag_cbor(data: bytes, atjson_mode: bool, cid_ctor: Callable[[bytes], Any]) -> Any:
    """The one value that `data` holds. With `atjson_mode`, links and bytes come as `{"$link"}` and `{"$bytes"}`."""
    value, end = decode_first(data, 0, atjson_mode, cid_ctor)
    if end != len(data):
        raise ValueError("bytes after the end of the value")
    return value


def decode_first(data: bytes, at: int, atjson_mode: bool, cid_ctor: Callable[[bytes], Any]) -> tuple[Any, int]:
    """The value that begins at byte `at`, and the place after its end."""
    reader = _Reader(data, at, atjson_mode, cid_ctor)
    return reader.value(0), reader.at


class _Reader:
    def __init__(self, data: bytes, at: int, json: bool, cid_ctor: Callable[[bytes], Any]) -> None:
        self.data, self.at, self.json, self.cid_ctor = data, at, json, cid_ctor

    def value(self, depth: int) -> Any:
        major, info = self.head()
        if major == _TEXT:
            return str(self.take(info), "utf-8")
        if major == _UNSIGNED:
            return info
        if major == _NEGATIVE:
            return ~info
        if major == _BYTES:
            raw = self.take(info)
            return {"$bytes": b64encode(raw).decode().rstrip("=")} if self.json else raw
        if major == _ARRAY:
            self.enter(info, depth)
            return [self.value(depth + 1) for _ in range(info)]
        if major == _MAP:
            self.enter(info, depth)
            return self.map(info, depth + 1)
        if major == _TAG:
            return self.link(info)
        return self.simple_or_float(info)

    def head(self) -> tuple[int, int]:
        """Major type and argument, which must be written as short as it can be."""
        head = self.take(1)[0]
        major, info = head >> 5, head & 31
        if info < 24 or major == 7:
            return major, info
        if info > 27:
            raise ValueError("indefinite length or reserved argument")
        argument = int.from_bytes(self.take(1 << (info - 24)), "big")
        if argument < (24, 0x100, 0x10000, 0x1_0000_0000)[info - 24]:
            raise ValueError("an integer is not in its shortest form")
        return major, argument

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise ValueError("the data ends too early")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def enter(self, count: int, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise ValueError("nested too deeply")
        if count > len(self.data) - self.at:
            raise ValueError("the data ends too early")

    def map(self, count: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        last = (-1, b"")
        for _ in range(count):
            major, length = self.head()
            if major != _TEXT:
                raise ValueError("a map key is not text")
            raw = self.take(length)
            if (length, raw) <= last:
                raise ValueError("map keys are out of order or doubled")
            last = (length, raw)
            key = str(raw, "utf-8")
            if self.json and key in ("$link", "$bytes"):
                raise ValueError("a reserved map key")
            found[key] = self.value(depth)
        return found

    def link(self, tag: int) -> Any:
        if tag != _LINK:
            raise ValueError("a tag other than 42")
        major, length = self.head()
        raw = self.take(length)
        if major != _BYTES or not raw.startswith(b"\0"):
            raise ValueError("a link without a CID")
        if self.json:
            return {"$link": "b" + b32encode(raw[1:]).decode().lower().rstrip("=")}
        return self.cid_ctor(raw[1:])

    def simple_or_float(self, info: int) -> Any:
        if info in _SIMPLE:
            return _SIMPLE[info]
        if info != 27 or self.json:
            raise ValueError("a simple value or float that is not allowed")
        number: float = struct.unpack(">d", self.take(8))[0]
        if number - number != 0:
            raise ValueError("NaN or infinity")
        return number


def encode_dag_cbor(obj: Any, atjson_mode: bool, cid_type: type) -> bytes:
    """`obj` as bytes. Instances of `cid_type` become links; with `atjson_mode`, `{"$link"}` and `{"$bytes"}` do."""
    out = bytearray()
    _write(out, obj, atjson_mode, cid_type, 0)
    return bytes(out)


def _write(out: bytearray, obj: Any, json: bool, cid_type: type, depth: int) -> None:
    kind = type(obj)
    if kind is str:
        raw = obj.encode()
        out += _head(_TEXT, len(raw)) + raw
    elif kind is dict:
        _write_map(out, obj, json, cid_type, depth)
    elif kind is list:
        _descend(depth)
        out += _head(_ARRAY, len(obj))
        for item in obj:
            _write(out, item, json, cid_type, depth + 1)
    elif kind is int:
        if not -(1 << 64) <= obj < 1 << 64:
            raise ValueError("integer out of range")
        out += _head(_UNSIGNED, obj) if obj >= 0 else _head(_NEGATIVE, ~obj)
    elif obj is None or kind is bool:
        out.append(0xF6 if obj is None else 0xF4 + obj)
    elif json:
        raise TypeError(f"no place for {kind} in a record")
    elif kind is cid_type:
        out += _link(bytes(obj))
    elif kind is bytes:
        out += _head(_BYTES, len(obj)) + obj
    elif kind is float and obj - obj == 0:
        out += b"\xfb" + struct.pack(">d", obj)
    else:
        raise TypeError(f"cannot encode {kind}")


def _write_map(out: bytearray, obj: dict[Any, Any], json: bool, cid_type: type, depth: int) -> None:
    if json and ("$link" in obj or "$bytes" in obj):
        out += _special(obj)
        return
    _descend(depth)
    out += _head(_MAP, len(obj))
    if not all(type(key) is str for key in obj):
        raise TypeError("map keys must be text")
    for raw, key in sorted(((key.encode(), key) for key in obj), key=lambda pair: (len(pair[0]), pair[0])):
        out += _head(_TEXT, len(raw)) + raw
        _write(out, obj[key], json, cid_type, depth + 1)


def _special(obj: dict[str, Any]) -> bytes:
    """`{"$bytes": base64}` or `{"$link": base32 CID}`, alone in its map."""
    ((key, text),) = obj.items()
    if type(text) is not str:
        raise TypeError("$link and $bytes take text")
    if key == "$bytes":
        text = text.rstrip("=")
        if not _BASE64.fullmatch(text) or len(text) % 4 == 1:
            raise ValueError("not base64")
        raw = b64decode(text + "=" * (-len(text) % 4))
        return _head(_BYTES, len(raw)) + raw
    if not text.startswith("b") or not _BASE32.fullmatch(text):
        raise ValueError("not a base32 CID")
    raw = b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8))
    if b32encode(raw).decode().rstrip("=") != text[1:].upper():
        raise ValueError("base32 with stray bits")
    return _link(raw)


def _link(raw: bytes) -> bytes:
    return b"\xd8\x2a" + _head(_BYTES, len(raw) + 1) + b"\0" + raw


def _descend(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise ValueError("nested too deeply")


def _head(major: int, argument: int) -> bytes:
    top = major << 5
    if argument < 24:
        return bytes((top | argument,))
    if argument < 0x100:
        return bytes((top | 24, argument))
    if argument < 0x10000:
        return bytes((top | 25,)) + argument.to_bytes(2, "big")
    if argument < 0x1_0000_0000:
        return bytes((top | 26,)) + argument.to_bytes(4, "big")
    return bytes((top | 27,)) + argument.to_bytes(8, "big")
