"""Small pictures, made here: a PNG, a JPEG that says where it was taken."""

import struct
import zlib

import pyvips


def png(width: int, height: int, grey: int = 128) -> bytes:
    """A grey PNG."""
    rows = (b"\0" + bytes([grey]) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = _chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg_with_place(width: int = 60, height: int = 40) -> bytes:
    """A JPEG whose EXIF says where it was taken, and with what."""
    picture = pyvips.Image.black(width, height, bands=3).copy(interpretation="srgb")
    picture = picture.copy()
    for name, value in {
        "exif-ifd0-Make": "Camera Works",
        "exif-ifd3-GPSLatitudeRef": "N",
        "exif-ifd3-GPSLatitude": "51/1 30/1 0/1",
    }.items():
        picture.set_type(pyvips.GValue.gstr_type, name, value)
    return bytes(picture.jpegsave_buffer())
