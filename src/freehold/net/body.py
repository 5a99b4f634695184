"""An answer's body, read within a limit: by the length it announces, by what arrives, and by what it unpacks to."""

import zlib
from collections.abc import AsyncIterable, AsyncIterator, Mapping

from freehold.net.errors import UpstreamFailed, UpstreamTooLarge

_GZIP_OR_ZLIB = 47
"""zlib's window bits for either header."""


async def bounded(chunks: AsyncIterable[bytes], headers: Mapping[str, str], max_bytes: int) -> AsyncIterator[bytes]:
    """The body in pieces, unpacked if packed. Raises UpstreamTooLarge beyond max_bytes, UpstreamFailed if broken."""
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise UpstreamTooLarge(announced=announced, limit=max_bytes)
    unpack = unpacker(headers.get("content-encoding", "identity").strip().lower())
    left = max_bytes
    async for chunk in chunks:
        try:
            piece = chunk if unpack is None else unpack.decompress(chunk, left + 1)
        except zlib.error as error:
            raise UpstreamFailed(unpacking=str(error)) from None
        left -= len(piece)
        if left < 0:
            raise UpstreamTooLarge(limit=max_bytes)
        if piece:
            yield piece
    if unpack is not None and not unpack.eof:
        raise UpstreamFailed(unpacking="the body ended early")


def unpacker(encoding: str) -> "zlib._Decompress | None":
    """What unpacks a body of this encoding; None for one that is not packed. Raises UpstreamFailed for others."""
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(_GZIP_OR_ZLIB)
    raise UpstreamFailed(encoding=encoding)
