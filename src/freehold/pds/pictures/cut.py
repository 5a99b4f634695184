"""Metadata is cut from new pictures and films before they are stored, without decoding or encoding anything.

Where a picture was taken, by which camera and when, stays with the person who took it. What changes how pixels look
stays: the orientation (a minimal Exif that holds nothing else) and the colour profile. A file without such data keeps
every byte. In comes a file's bytes or an mmap of it, out go the ranges to keep, so large files stay on disk.
"""

from freehold.pds.pictures import bmff, gif, jpeg, png, webm, webp
from freehold.pds.pictures.ranges import BadPicture, Buffer, Piece, Ranges, read
from freehold.pds.pictures.sniff import HEAD_BYTES, sniff

__all__ = ["BadPicture", "Buffer", "Piece", "clean", "kept_ranges", "read"]

_WALKERS = {
    "image/jpeg": jpeg.walk,
    "image/png": png.walk,
    "image/webp": webp.walk,
    "image/gif": gif.walk,
    "video/webm": webm.walk,
}
_BOXED_PICTURES = frozenset({"image/avif", "image/heic"})
_BOXED_FILMS = frozenset({"video/mp4", "video/quicktime", "audio/mp4"})


def kept_ranges(data: Buffer) -> list[Piece]:
    """The parts of a file that make up its clean form: (start, stop) within `data`, or new bytes.

    One whole range when nothing has to go. Raises BadPicture when `data` starts like a picture but its metadata cannot
    be told from its pixels. Files of other kinds stay as they are.
    """
    kept = Ranges(data)
    mime = sniff(data[:HEAD_BYTES])
    if walker := _WALKERS.get(mime):
        walker(data, kept)
    elif mime in _BOXED_PICTURES or mime in _BOXED_FILMS:
        bmff.walk(data, kept, picture=mime in _BOXED_PICTURES)
    return kept.finished()


def clean(data: bytes) -> bytes:
    """The clean form of a small file; the same object when nothing has to go."""
    pieces = kept_ranges(data)
    return data if pieces == [(0, len(data))] else b"".join(read(data, pieces))
