"""PNG: keep the chunks that say how pixels look, leave out text, time, Exif, unknown chunks and all after IEND.

Source: https://www.w3.org/TR/png-3/
"""

from zlib import crc32

from freehold.pds.pictures import exif
from freehold.pds.pictures.ranges import BadPicture, Buffer, Ranges

_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_LOOKS = frozenset(b"tRNS gAMA cHRM sRGB iCCP cICP mDCV mDCv cLLI cLLi sBIT bKGD hIST pHYs sPLT acTL fcTL fdAT".split())
_PIXELS = frozenset({b"IDAT", b"fdAT"})


def walk(data: Buffer, kept: Ranges) -> None:
    """Sort a PNG's chunks into kept and cut. Raises BadPicture at a chunk that no decoder could pass over."""
    kept.keep(0, 8)
    at, name, oriented = 8, b"", False
    while at + 8 <= len(data) and name != b"IEND":
        kept.step()
        name, stop = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if not _can_be_sorted(name, stop - at - 12):
            raise BadPicture(reason="unknown critical chunk", at=at)
        if stop > len(data):
            return _keep_torn(name, at, kept)
        if name in _CRITICAL or name in _LOOKS:
            kept.keep(at, stop)
        elif name == b"eXIf" and not oriented:
            oriented = True
            _keep_orientation(data, at, stop, kept)
        else:
            kept.cut()
        at = stop
    if at < len(data):
        kept.cut()
    return None


def _can_be_sorted(name: bytes, length: int) -> bool:
    """A known critical chunk, or one that a decoder may ignore; the last chunk is empty."""
    return name.isalpha() and (name[:1].islower() or name in _CRITICAL) and (name != b"IEND" or length == 0)


def _keep_torn(name: bytes, at: int, kept: Ranges) -> None:
    """At the end of a torn file keep the first half of a pixel chunk, and of nothing else."""
    if name in _PIXELS:
        kept.keep(at, len(kept.data))
    else:
        kept.cut()


def _keep_orientation(data: Buffer, start: int, stop: int, kept: Ranges) -> None:
    body = data[start + 8 : stop - 4]
    orientation = exif.orientation_of(body)
    wanted = exif.minimal(orientation)
    if orientation == 1:
        kept.cut()
    elif body == wanted:
        kept.keep(start, stop)
    else:
        chunk = b"eXIf" + wanted
        kept.put(len(wanted).to_bytes(4, "big") + chunk + crc32(chunk).to_bytes(4, "big"))
