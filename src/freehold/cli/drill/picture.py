"""A picture for a drill to upload: a square of grey noise as PNG, another one each time.

Source: https://www.w3.org/TR/png-3/
"""

import os
import struct
import zlib

PIXELS = 100
MAX_BYTES = 200_000


def picture() -> bytes:
    """A new one, of MAX_BYTES at most."""
    rows = b"".join(b"\0" + os.urandom(PIXELS) for _ in range(PIXELS))
    head = struct.pack(">IIBBBBB", PIXELS, PIXELS, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
