"""Event stream frames: two DAG-CBOR objects one after the other, a header that names the kind and the payload.

In come payloads with `Cid` and bytes in them; out come the bytes of one websocket message, and back again.
Source: https://atproto.com/specs/event-stream
"""

from functools import cache
from typing import Any

from freehold.protocol import cbor
from freehold.protocol.refused import Refused

MAX_FRAME_BYTES = 5_000_000

_TEXT, _MAP = 0x60, 0xA0


class BadFrame(Refused):
    """Bytes that are not a frame of an event stream."""

    name = "BadFrame"
    say = "That is not a frame of an event stream."


def encode(kind: str, payload: dict[str, Any]) -> bytes:
    """The frame of a message. kind: without `#`, as `commit`."""
    return _header(kind) + cbor.encode_own(payload)


def info_frame(name: str, message: str) -> bytes:
    """A notice to one subscriber, as `OutdatedCursor`; the stream goes on."""
    return encode("info", {"name": name, "message": message})


def error_frame(name: str, message: str) -> bytes:
    """The last frame before the server hangs up, as `FutureCursor`."""
    return cbor.encode({"op": -1}) + cbor.encode({"error": name, "message": message})


def payload_of(kind: str, frame: bytes) -> Any:
    """The payload of a frame that this network made, in which nothing is checked anew. Raises BadCbor, BadFrame."""
    header = _header(kind)
    if not frame.startswith(header):
        raise BadFrame(kind=kind, first=frame[:40].hex())
    return cbor.decode_own(frame[len(header) :])


def decode(frame: bytes) -> tuple[str, dict[str, Any]]:
    """Kind and payload; kind `error` for an error frame. Raises BadFrame, BadCbor."""
    if len(frame) > MAX_FRAME_BYTES:
        raise BadFrame(bytes=len(frame))
    header, end = _read_header(frame)
    payload = cbor.decode(frame[end:])
    if not isinstance(payload, dict):
        raise BadFrame(payload=type(payload).__name__)
    if header.get("op") == -1:
        return "error", payload
    kind = header.get("t")
    if header.get("op") != 1 or not isinstance(kind, str) or "#" not in kind:
        raise BadFrame(header=header)
    return kind.rpartition("#")[2], payload


@cache
def _header(kind: str) -> bytes:
    return cbor.encode({"op": 1, "t": f"#{kind}"})


def _read_header(frame: bytes) -> tuple[dict[str, int | str], int]:
    """The header and where it ends: a map of a few short texts and small integers, read by hand for it is not alone."""
    if not frame or not _MAP <= frame[0] <= _MAP + 8:
        raise BadFrame(first=frame[:1].hex())
    header: dict[str, int | str] = {}
    at = 1
    try:
        for _ in range(frame[0] - _MAP):
            key, at = _read_scalar(frame, at)
            value, at = _read_scalar(frame, at)
            header[str(key)] = value
    except (IndexError, UnicodeDecodeError):
        raise BadFrame(header=frame[:40].hex()) from None
    return header, at


def _read_scalar(data: bytes, at: int) -> tuple[int | str, int]:
    """A small integer (-24 to 23) or a text of up to 255 bytes, and where the next item starts."""
    first = data[at]
    if first < 0x18:
        return first, at + 1
    if 0x20 <= first < 0x38:
        return 0x1F - first, at + 1
    if _TEXT <= first < 0x78:
        start, size = at + 1, first - _TEXT
    elif first == 0x78:
        start, size = at + 2, data[at + 1]
    else:
        raise BadFrame(item=first)
    if start + size > len(data):
        raise BadFrame(cut_off=True)
    return data[start : start + size].decode(), start + size
