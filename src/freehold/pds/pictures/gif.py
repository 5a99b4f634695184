"""GIF: keep pictures, timing, looping and colour profile; leave out comments, text, XMP and all after the trailer.

Source: https://www.w3.org/Graphics/GIF/spec-gif89a.txt
"""

from freehold.pds.pictures.ranges import BadPicture, Buffer, Ranges

_IMAGE, _EXTENSION, _TRAILER, _ZERO = 0x2C, 0x21, 0x3B, 0x00
_CONTROL, _APPLICATION = 0xF9, 0xFF
_APPLICATIONS = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"})


def walk(data: Buffer, kept: Ranges) -> None:
    """Sort a GIF's blocks into kept and cut. Raises BadPicture when no picture comes before the structure is lost."""
    at = 13 + _table_size(data, 10)
    if at > len(data):
        raise BadPicture(reason="no picture")
    kept.keep(0, at)
    pictures = 0
    while at < len(data):
        kept.step()
        block, start = data[at], at
        if block == _IMAGE:
            pictures += 1
            at = _blocks_end(data, start + 11 + _table_size(data, start + 9), kept)
            kept.keep(start, at)
        elif block == _EXTENSION:
            at = _blocks_end(data, start + 2, kept)
            if _is_needed(data, start):
                kept.keep(start, at)
            else:
                kept.cut()
        elif block == _ZERO:
            at += 1
            kept.cut()
        else:
            break
    if at < len(data):
        _end(data, at, pictures, kept)


def _end(data: Buffer, at: int, pictures: int, kept: Ranges) -> None:
    """Close the file at its trailer, or where its structure is lost."""
    if data[at] == _TRAILER:
        kept.keep(at, at + 1)
        if at + 1 < len(data):
            kept.cut()
    elif pictures:
        kept.put(b";")
    else:
        raise BadPicture(reason="no picture")


def _table_size(data: Buffer, at: int) -> int:
    """Bytes of the colour table that the flags at `at` announce."""
    flags = data[at] if at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks_end(data: Buffer, at: int, kept: Ranges) -> int:
    """Where a chain of sub-blocks ends; the end of the file when it is torn."""
    while at < len(data):
        kept.step()
        if data[at] == 0:
            return at + 1
        at += 1 + data[at]
    return len(data)


def _is_needed(data: Buffer, start: int) -> bool:
    label = data[start + 1] if start + 1 < len(data) else 0
    return label == _CONTROL or (label == _APPLICATION and data[start + 3 : start + 14] in _APPLICATIONS)
