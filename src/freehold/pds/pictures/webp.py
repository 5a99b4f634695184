"""WebP: leave out EXIF, XMP, unknown chunks and all after the RIFF's end; correct the flags and the size.

Source: https://developers.google.com/speed/webp/docs/riff_container (RFC 9649)
"""

from freehold.pds.pictures import exif
from freehold.pds.pictures.ranges import BadPicture, Buffer, Piece, Ranges, length_of

_KEPT = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
_IN_FRAME = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_PIXELS = _IN_FRAME | {b"ANMF"}
_EXIF_FLAG, _XMP_FLAG = 0x08, 0x04
_HEADER = 12


def walk(data: Buffer, kept: Ranges) -> None:
    """Sort a WebP's chunks into kept and cut. Raises BadPicture when a frame holds chunks of unknown meaning."""
    size = int.from_bytes(data[4:8], "little")
    end = min(8 + size + (size & 1), len(data))
    body = Ranges(data)
    at, extended, exif_kept, seen_exif = _HEADER, 0, False, False
    while at + 8 <= end:
        kept.step()
        name, stop = data[at : at + 4], _chunk_end(data, at)
        if stop > end and name not in _PIXELS:
            body.cut()
            break
        stop = min(stop, end)
        if name == b"VP8X":
            if at != _HEADER or stop != _HEADER + 18:
                raise BadPicture(reason="VP8X out of place")
            extended = stop
        elif name == b"EXIF" and extended and not seen_exif:
            seen_exif = True
            exif_kept = _keep_orientation(data, at, stop, body)
        elif name in _KEPT:
            if name == b"ANMF":
                _check_frame(data, at + 24, stop, kept)
            body.keep(at, stop)
        else:
            body.cut()
        at = stop
    if at < len(data):
        body.cut()
    if body.changed:
        _join(data, kept, body.pieces, extended, exif_kept)


def _chunk_end(data: Buffer, at: int) -> int:
    size = int.from_bytes(data[at + 4 : at + 8], "little")
    return at + 8 + size + (size & 1)


def _check_frame(data: Buffer, at: int, stop: int, kept: Ranges) -> None:
    """Make sure that one frame of an animation holds pixels only."""
    while at + 8 <= stop:
        kept.step()
        if data[at : at + 4] not in _IN_FRAME:
            raise BadPicture(reason="unknown chunk in a frame", at=at)
        at = _chunk_end(data, at)


def _keep_orientation(data: Buffer, start: int, stop: int, body: Ranges) -> bool:
    """Leave Exif out, or put a small one in its place; true when there is one afterwards."""
    size = int.from_bytes(data[start + 4 : start + 8], "little")
    orientation = exif.orientation_of(data[start + 8 : start + 8 + size])
    wanted = exif.minimal(orientation)
    if orientation == 1:
        body.cut()
        return False
    if data[start + 8 : start + 8 + size] == wanted:
        body.keep(start, stop)
    else:
        body.put(b"EXIF" + len(wanted).to_bytes(4, "little") + wanted)
    return True


def _join(data: Buffer, kept: Ranges, pieces: list[Piece], extended: int, exif_kept: bool) -> None:
    """Write the header anew (size, flags) before the kept chunks."""
    flags = b""
    if extended:
        head = bytearray(data[_HEADER:extended])
        head[8] = head[8] & ~(_EXIF_FLAG | _XMP_FLAG) | (_EXIF_FLAG if exif_kept else 0)
        flags = bytes(head)
    length = 4 + len(flags) + length_of(pieces)
    pad = b"\0" * (length & 1)
    kept.put(b"RIFF" + (length + len(pad)).to_bytes(4, "little") + b"WEBP" + flags)
    kept.pieces.extend(pieces)
    if pad:
        kept.put(pad)
