"""JPEG: keep what a decoder needs, leave out the rest.

Kept: frames, tables, scans, JFIF without its thumbnail, the colour profile (APP2 ICC_PROFILE), Adobe's APP14. Cut:
every other application segment (Exif, XMP, Photoshop, the multi-picture index, maker data), comments, strays between
segments, and all after the end of image, where phones put second pictures and films.
Source: ITU-T T.81 annex B, ICC.1:2022 annex B.4, CIPA DC-007 (multi-picture format).
"""

import re

from freehold.pds.pictures import exif
from freehold.pds.pictures.ranges import BadPicture, Buffer, Ranges

_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_BARE = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})
_PICTURE = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xE0)}) - {0xC8}
_MARKER = re.compile(rb"\xff[^\xff]", re.DOTALL)
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_JFIF_BODY = 14


def walk(data: Buffer, kept: Ranges) -> None:
    """Sort a JPEG's segments into kept and cut. Raises BadPicture where the file is no sequence of segments."""
    kept.keep(0, 2)
    at, oriented = 2, False
    while found := _MARKER.search(data, at):
        kept.step()
        start, marker = found.start(), data[found.start() + 1]
        if start > at:
            kept.cut()
        if marker == _EOI:
            kept.keep(start, start + 2)
            if start + 2 < len(data):
                kept.cut()
            return
        if marker in _BARE:
            kept.cut()
            at = start + 2
            continue
        at = _segment_end(data, start)
        if at > len(data):
            break
        if marker == _APP1 and not oriented and data[start + 4 : start + 10] == exif.JPEG_PREFIX:
            oriented = True
            _keep_orientation(data, start, at, kept)
        elif marker == _SOS:
            at = _scan_end(data, at)
            kept.keep(start, at)
        else:
            _sort(data, marker, start, at, kept)
    if at != len(data):
        kept.cut()


def _segment_end(data: Buffer, start: int) -> int:
    length = int.from_bytes(data[start + 2 : start + 4], "big")
    if start + 4 <= len(data) and length < 2:
        raise BadPicture(reason="segment too short", at=start)
    return start + 2 + max(length, 2)


def _scan_end(data: Buffer, start: int) -> int:
    found = _SCAN_END.search(data, start)
    return found.start() if found else len(data)


def _keep_orientation(data: Buffer, start: int, stop: int, kept: Ranges) -> None:
    """Leave Exif out, or put a small one in its place when the picture stands on its side."""
    body = data[start + 4 : stop]
    orientation = exif.orientation_of(body)
    wanted = exif.JPEG_PREFIX + exif.minimal(orientation)
    if orientation == 1:
        kept.cut()
    elif body == wanted:
        kept.keep(start, stop)
    else:
        kept.put(b"\xff\xe1" + (len(wanted) + 2).to_bytes(2, "big") + wanted)


def _sort(data: Buffer, marker: int, start: int, stop: int, kept: Ranges) -> None:
    """Keep or cut one segment by its marker and its signature."""
    body = start + 4
    if marker in _PICTURE:
        kept.keep(start, stop)
    elif marker == _APP0 and data[body : body + 5] == b"JFIF\0":
        _keep_jfif(data, start, stop, kept)
    elif (marker == _APP2 and data[body : min(body + 12, stop)] == b"ICC_PROFILE\0") or (
        marker == _APP14 and data[body : body + 5] == b"Adobe"
    ):
        kept.keep(start, stop)
    elif _APP0 <= marker <= 0xEF or marker == _COM:
        kept.cut()
    else:
        raise BadPicture(reason="unknown marker", marker=marker)


def _keep_jfif(data: Buffer, start: int, stop: int, kept: Ranges) -> None:
    """Keep JFIF's density, not its thumbnail: that may show what was cropped away."""
    if stop - start - 4 <= _JFIF_BODY:
        kept.keep(start, stop)
    else:
        kept.put(b"\xff\xe0\x00\x10" + data[start + 4 : start + 16] + b"\0\0")
