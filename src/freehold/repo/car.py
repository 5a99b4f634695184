"""CAR version 1: blocks, each after its CID, as a stream.

A file is a header (`{roots, version: 1}`) and sections, each behind its length as an unsigned LEB128 number.
`CarReader` takes what arrives in pieces of any size and hands on each block once it is whole and its hash is right.
Source: https://ipld.io/specs/transport/car/carv1/
"""

from collections.abc import Sequence

from freehold.protocol import cbor
from freehold.protocol.cid import DAG_CBOR, RAW, Cid
from freehold.protocol.refused import Refused

MAX_HEADER_BYTES = 4096
MAX_BLOCK_BYTES = 2 * 1024 * 1024
_CID_BYTES = 36
_MAX_LENGTH_BYTES = 5  # of a length: room for 32 GiB, far above any limit here


class BadCar(Refused):
    """Not a CAR file that this protocol uses."""

    name, say = "InvalidCar", "That is not a valid CAR file."


class CarTooLarge(BadCar):
    """More bytes, or a longer block, than the reader allows."""

    kind, name, say = "too_large", "CarTooLarge", "That CAR file, or a block in it, is too large."


def header(roots: Sequence[Cid]) -> bytes:
    """The beginning of a file. `roots` may be empty."""
    data = cbor.encode_own({"roots": list(roots), "version": 1})
    return length(len(data)) + data


def block(cid: bytes, data: bytes) -> bytes:
    """One section."""
    return length(len(cid) + len(data)) + cid + data


def length(size: int) -> bytes:
    """What stands before a section of so many bytes, its CID included."""
    if size < len(_LENGTHS):
        return _LENGTHS[size]
    out = bytearray()
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    return bytes(out)


_LENGTHS: list[bytes] = []
_LENGTHS += [length(size) for size in range(4096)]


class CarReader:
    """Reads a CAR file fed piece by piece, in memory for one block and one piece.

    `roots` is None until the header is read. Blocks come in the order of the file, repeated ones too.
    Raises BadCar for what is malformed or does not hash to its CID, CarTooLarge past a limit; feed no more then.
    """

    def __init__(self, *, max_bytes: int | None = None, max_block_bytes: int = MAX_BLOCK_BYTES) -> None:
        self.roots: list[Cid] | None = None
        self._max_bytes = max_bytes
        self._max_section = max_block_bytes + _CID_BYTES
        self._taken = 0
        self._held = bytearray()
        self._needs = 1  # bytes held before it is worth looking again

    def feed(self, piece: bytes) -> list[tuple[Cid, bytes]]:
        """Take the next bytes; the blocks that they complete."""
        self._taken += len(piece)
        if self._max_bytes is not None and self._taken > self._max_bytes:
            raise CarTooLarge(bytes=self._taken)
        self._held += piece
        if len(self._held) < self._needs:
            return []
        return self._sections()

    def finish(self) -> None:
        """Say that nothing follows. Raises BadCar when the file ends too early."""
        if self._held or self.roots is None:
            raise BadCar("That CAR file ends too early.")

    def _sections(self) -> list[tuple[Cid, bytes]]:
        blocks = []
        at = 0
        while (span := self._span(at)) is not None:
            start, at = span
            section = bytes(self._held[start:at])
            if self.roots is None:
                self.roots = _read_header(section)
            else:
                blocks.append(_read_block(section))
        del self._held[:at]
        return blocks

    def _span(self, at: int) -> tuple[int, int] | None:
        """Where the section that begins at `at` has its content, or None until more has come."""
        limit = MAX_HEADER_BYTES if self.roots is None else self._max_section
        size = 0
        for digit, byte in enumerate(self._held[at : at + _MAX_LENGTH_BYTES]):
            size |= (byte & 0x7F) << 7 * digit
            if byte <= 0x7F:
                if size == 0 or (digit and byte == 0):
                    raise BadCar("A length in that CAR file is malformed.")
                if size > limit:
                    raise CarTooLarge(size=size, limit=limit)
                start = at + digit + 1
                self._needs = start + size - at
                return (start, start + size) if start + size <= len(self._held) else None
        if len(self._held) - at >= _MAX_LENGTH_BYTES:
            raise BadCar("A length in that CAR file is malformed.")
        self._needs = len(self._held) - at + 1
        return None


def _read_header(data: bytes) -> list[Cid]:
    try:
        raw = cbor.decode(data)
    except cbor.BadCbor as error:
        raise BadCar from error
    if not isinstance(raw, dict) or set(raw) != {"roots", "version"} or type(raw["version"]) is not int:
        raise BadCar
    if raw["version"] != 1:
        raise BadCar("That CAR file is not of version 1.", version=raw["version"])
    roots = raw["roots"]
    if not isinstance(roots, list) or not all(isinstance(root, Cid) for root in roots):
        raise BadCar
    return roots


def _read_block(section: bytes) -> tuple[Cid, bytes]:
    cid, data = Cid(section[:_CID_BYTES]), section[_CID_BYTES:]
    codec = section[1] if len(section) >= _CID_BYTES else None
    if codec not in (DAG_CBOR, RAW):
        raise BadCar("A block in that CAR file has a CID of another kind.")
    if cid != (Cid.of_cbor(data) if codec == DAG_CBOR else Cid.of_raw(data)):
        raise BadCar("A block in that CAR file does not have the hash that its CID says.", cid=str(cid))
    return cid, data


def read_car(data: bytes, *, max_block_bytes: int = MAX_BLOCK_BYTES) -> tuple[list[Cid], dict[Cid, bytes]]:
    """A whole file in memory: its roots, and its blocks by CID. Raises BadCar or CarTooLarge."""
    reader = CarReader(max_block_bytes=max_block_bytes)
    blocks = dict(reader.feed(data))
    reader.finish()
    return reader.roots or [], blocks


def read_own_car(data: bytes) -> dict[bytes, bytes]:
    """The blocks by CID of a file that this network wrote itself: nothing is checked, which saves most of the time."""
    blocks: dict[bytes, bytes] = {}
    at, end, first = 0, len(data), True
    while at < end:
        size = shift = 0
        while (byte := data[at]) > 0x7F:
            size |= (byte & 0x7F) << shift
            shift += 7
            at += 1
        at += 1
        size |= byte << shift
        if not first:  # the header
            blocks[data[at : at + _CID_BYTES]] = data[at + _CID_BYTES : at + size]
        first = False
        at += size
    return blocks


def write_car(roots: Sequence[Cid], blocks: dict[Cid, bytes]) -> bytes:
    """A whole file in memory, blocks in the order given."""
    return b"".join((header(roots), *(block(cid, data) for cid, data in blocks.items())))
