"""AVIF, HEIC, MP4 and QuickTime: blank out metadata in place, so that no offset inside the file moves.

Boxes of metadata (`udta`, `uuid`, a film's `meta`, what phones add behind a picture) become `free` boxes of zeros.
Exif, XMP and URI items of a still picture become zeros. A still picture's orientation is a property of its own (`irot`,
`imir`) and stays; so does `colr`. Not covered: tracks of timed metadata inside a film.
Source: ISO/IEC 14496-12, ISO/IEC 23008-12, https://aomediacodec.github.io/av1-avif/
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from freehold.pds.pictures.ranges import BadPicture, Buffer, Ranges

_BLANKED = frozenset({b"udta", b"uuid", b"meta", b"free", b"skip"})
_STILL = frozenset({b"ftyp", b"meta", b"moov", b"mdat"})
_OPENED = frozenset({b"moov", b"trak"})
_METADATA_ITEMS = frozenset({b"Exif", b"mime", b"uri "})
_ZEROS = bytes(1 << 16)
_ON_DISK, _IN_IDAT = 0, 1


class Box(NamedTuple):
    """One box: its type, where it starts, where its content starts, where it ends."""

    name: bytes
    start: int
    body: int
    stop: int


class Blank(NamedTuple):
    """A stretch that becomes zeros; `box` is where its box's type stands, if the box is to be called `free`."""

    start: int
    stop: int
    box: int | None = None


class _TornError(Exception):
    """A box does not fit in the one around it, or says what we do not know."""


def walk(data: Buffer, kept: Ranges, *, picture: bool) -> None:
    """Blank the metadata.

    Raises BadPicture for a still picture whose boxes cannot be followed. A torn film, which no player opens, stays.
    """
    try:
        blanks = list(_boxes_to_blank(data, 0, len(data), kept, still=picture))
        if picture:
            blanks += _items_to_blank(data, kept)
    except (_TornError, struct.error, IndexError):
        if picture:
            raise BadPicture(reason="torn box") from None
        return
    at = 0
    for blank in sorted(blanks, key=lambda blank: blank.start):
        at = _write_blank(data, at, blank, kept)
    kept.keep(at, len(data))


def _write_blank(data: Buffer, at: int, blank: Blank, kept: Ranges) -> int:
    """Keep all from `at` up to the stretch, then put zeros; answers where to go on."""
    if blank.box is not None and blank.box >= at and data[blank.box : blank.box + 4] != b"free":
        kept.keep(at, blank.box)
        kept.put(b"free")
        at = blank.box + 4
    start = max(at, blank.start)
    if start >= blank.stop or _is_zero(data, start, blank.stop):
        return at
    kept.keep(at, start)
    for part in range(start, blank.stop, len(_ZEROS)):
        kept.put(_ZEROS[: blank.stop - part])
    return blank.stop


def _is_zero(data: Buffer, start: int, stop: int) -> bool:
    return all(data[at : min(at + len(_ZEROS), stop)] == _ZEROS[: stop - at] for at in range(start, stop, len(_ZEROS)))


def _boxes(data: Buffer, start: int, stop: int, kept: Ranges) -> Iterator[Box]:
    """The boxes between two places, in order. Raises _TornError for one that does not fit."""
    at = start
    while at + 8 <= stop:
        kept.step()
        size, name, body = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], at + 8
        if size == 1:
            size, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        elif size == 0:
            size = stop - at
        if size < body - at or at + size > stop:
            raise _TornError
        yield Box(name, at, body, at + size)
        at += size


def _boxes_to_blank(data: Buffer, start: int, stop: int, kept: Ranges, *, still: bool) -> Iterator[Blank]:
    """Metadata boxes at the top, in `moov` and in its tracks. A picture's own `meta` describes its pixels: it stays."""
    for box in _boxes(data, start, stop, kept):
        if (box.name not in _STILL) if still else (box.name in _BLANKED):
            yield Blank(box.body, box.stop, box.start + 4)
        elif box.name in _OPENED:
            yield from _boxes_to_blank(data, box.body, box.stop, kept, still=False)


def _items_to_blank(data: Buffer, kept: Ranges) -> list[Blank]:
    """Where a still picture keeps the bytes of its Exif, XMP and URI items."""
    blanks: list[Blank] = []
    for meta in _boxes(data, 0, len(data), kept):
        if meta.name != b"meta":
            continue
        inside = {box.name: box for box in _boxes(data, meta.body + 4, meta.stop, kept)}
        if b"iinf" not in inside or b"iloc" not in inside:
            raise _TornError
        wanted = set(_metadata_items(data, inside[b"iinf"], kept))
        idat = inside.get(b"idat")
        blanks += _extents(data, inside[b"iloc"], wanted, idat, kept)
    return blanks


def _metadata_items(data: Buffer, iinf: Box, kept: Ranges) -> Iterator[int]:
    """The ids of the items that are not pixels."""
    entries = iinf.body + (6 if data[iinf.body] == 0 else 8)
    for entry in _boxes(data, entries, iinf.stop, kept):
        version = data[entry.body]
        if version not in (2, 3):
            raise _TornError
        item, _, kind = struct.unpack_from(">HH4s" if version == 2 else ">IH4s", data, entry.body + 4)
        if kind in _METADATA_ITEMS:
            yield item


class _Fields:
    """Reads big-endian numbers of given widths one after the other."""

    def __init__(self, data: Buffer, at: int, stop: int) -> None:
        self.data, self.at, self.stop = data, at, stop

    def number(self, width: int) -> int:
        if self.at + width > self.stop:
            raise _TornError
        value = int.from_bytes(self.data[self.at : self.at + width], "big")
        self.at += width
        return value


def _extents(data: Buffer, iloc: Box, wanted: set[int], idat: Box | None, kept: Ranges) -> Iterator[Blank]:
    """The stretches of the file that `iloc` gives for the wanted items."""
    fields = _Fields(data, iloc.body, iloc.stop)
    version, _ = fields.number(1), fields.number(3)
    widths = fields.number(2)
    offset_width, length_width, base_width = widths >> 12, widths >> 8 & 15, widths >> 4 & 15
    index_width = widths & 15 if version else 0
    for _ in range(fields.number(2 if version < 2 else 4)):
        item = fields.number(2 if version < 2 else 4)
        place = fields.number(2) & 15 if version else _ON_DISK
        fields.number(2)
        base = fields.number(base_width)
        for _ in range(fields.number(2)):
            kept.step()
            fields.number(index_width)
            start, length = base + fields.number(offset_width), fields.number(length_width)
            if item in wanted:
                yield _located(data, start, length, place, idat)


def _located(data: Buffer, start: int, length: int, place: int, idat: Box | None) -> Blank:
    """Turn an extent into a stretch of the file. Raises _TornError when it lies outside or its end is not said."""
    if place == _IN_IDAT and idat is not None:
        start += idat.body
    elif place != _ON_DISK:
        raise _TornError
    if not length or start + length > len(data):
        raise _TornError
    return Blank(start, start + length)
