"""The one thing in Exif that changes what is seen: the orientation. Read it, and write an Exif that holds nothing else.

Source: CIPA DC-008 (Exif 2.32), TIFF 6.0.
"""

import struct

JPEG_PREFIX = b"Exif\0\0"
_ORIENTATION = 0x0112
_SHORT = 3
_MAX_ENTRIES = 1000


def orientation_of(exif: bytes) -> int:
    """The orientation (1–8) in a TIFF block, with or without the JPEG prefix; 1 when absent or unreadable."""
    tiff = exif[6:] if exif.startswith(JPEG_PREFIX) else exif
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, first)
        for at in range(first + 2, first + 2 + 12 * min(count, _MAX_ENTRIES), 12):
            tag, kind, values, value = struct.unpack_from(order + "HHIH", tiff, at)
            if tag == _ORIENTATION and kind == _SHORT and values == 1:
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def minimal(orientation: int) -> bytes:
    """A TIFF block that holds the orientation alone: 26 bytes, the same each time."""
    return struct.pack(">4sIHHHIHHI", b"MM\0*", 8, 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)
