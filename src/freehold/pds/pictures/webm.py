"""WebM: blank out tags and attachments in place (Void elements of the same size): no offset inside the file moves.

A live recording whose clusters do not say their size is left as it is from there on: programs that write such files
cannot go back to write tags.
Source: RFC 8794 (EBML), https://www.matroska.org/technical/elements.html
"""

from freehold.pds.pictures.ranges import Buffer, Ranges

_SEGMENT = 0x18538067
_BLANKED = frozenset({0x1254C367, 0x1941A469})
_ZEROS = bytes(1 << 16)
_UNKNOWN = -1


def walk(data: Buffer, kept: Ranges) -> None:
    """Blank the tags and attachments of each segment. From a tear on, a film stays as it is."""
    at, written = 0, 0
    while (element := _head(data, at)) is not None:
        kept.step()
        name, body, size = element
        stop = body + size
        if name == _SEGMENT:
            at = body
            continue
        if size == _UNKNOWN or stop > len(data):
            break
        if name in _BLANKED:
            kept.keep(written, at)
            _put_void(kept, stop - at)
            written = stop
        at = stop
    kept.keep(written, len(data))


def _head(data: Buffer, at: int) -> tuple[int, int, int] | None:
    """An element's name, where its content starts, and its size; None where none can be read."""
    name_length = _length(data, at, 4)
    if not name_length:
        return None
    size_at = at + name_length
    size_length = _length(data, size_at, 8)
    if not size_length:
        return None
    body = size_at + size_length
    most = (1 << 7 * size_length) - 1
    size = int.from_bytes(data[size_at:body], "big") & most
    return int.from_bytes(data[at:size_at], "big"), body, _UNKNOWN if size == most else size


def _length(data: Buffer, at: int, most: int) -> int:
    """How many bytes a variable-length number takes, told by its first byte; 0 if it does not fit."""
    length = 9 - data[at].bit_length() if at < len(data) else 9
    return length if length <= most and at + length <= len(data) else 0


def _put_void(kept: Ranges, total: int) -> None:
    """A Void element of `total` bytes (at least 5)."""
    size_length = 8 if total >= 9 else 1
    content = total - 1 - size_length
    kept.put(b"\xec" + (content | 1 << 7 * size_length).to_bytes(size_length, "big"))
    for start in range(0, content, len(_ZEROS)):
        kept.put(_ZEROS[: content - start])
