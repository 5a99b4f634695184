"""CAR version 1: blocks, each after its CID, as a stream.

A file is a header (`{roots, version: 1}`) and sections, each behind its length as an unsigned LEB128 number.
`CarReader` takes what arrives in pieces of any size and hands on each block once it is whole and its hash is right.
Source: https://ipld.io/specs/transport/car/carv1/
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from freehold.protocol import cbor
from freehold.protocol.cid import DAG_CBOR, RAW, Cid
from freehold.protocol.refused import Refused

MAX_HEADER_BYTES = 4096
MAX_BLOCK_BYTES = 2 * 1024 * 1024
_CID_BYTES = 36
_DAG_CBOR, _RAW = (bytes((1, codec, 0x12, 32)) for codec in (DAG_CBOR, RAW))  # how CIDs begin
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


def sections(blocks: Mapping[Cid, bytes]) -> bytes:
    """A section for each of these blocks, in their order."""
    pieces: list[bytes] = []
    for cid, data in blocks.items():
        pieces += (length(len(cid) + len(data)), cid, data)
    return b"".join(pieces)


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
        blocks, end = self._sections(bytes(self._held))
        del self._held[:end]
        return blocks

    def finish(self) -> None:
        """Say that nothing follows. Raises BadCar when the file ends too early."""
        if self._held or self.roots is None:
            raise BadCar("That CAR file ends too early.")

    def _sections(self, data: bytes) -> tuple[list[tuple[Cid, bytes]], int]:
        """The blocks that are whole, and where the last one ends."""
        blocks: list[tuple[Cid, bytes]] = []
        at, size = 0, len(data)
        while True:
            if at + 1 < size and data[at] > 0x7F and 0 < data[at + 1] < 0x80:  # as with most: 128 to 16,383 bytes
                start, length = at + 2, data[at] & 0x7F | data[at + 1] << 7
            else:
                start, length = _length_at(data, at)
            if length > (self._max_section if self.roots is not None else MAX_HEADER_BYTES):
                raise CarTooLarge(size=length)
            end = start + length
            if end > size:
                self._needs = end - at
                return blocks, at
            if self.roots is None:
                self.roots = _read_header(data[start:end])
            else:
                cid, block = data[start : start + _CID_BYTES], data[start + _CID_BYTES : end]
                if cid != _DAG_CBOR + sha256(block).digest():
                    _check_raw(cid, block)
                blocks.append((Cid(cid), block))
            at = end


def _length_at(data: bytes, at: int) -> tuple[int, int]:
    """Where the section begins whose length stands at `at`, and that length; or of a length that is not whole yet, one
    byte beyond the data. Raises BadCar."""
    length = 0
    for place, byte in enumerate(data[at : at + _MAX_LENGTH_BYTES]):
        length |= (byte & 0x7F) << 7 * place
        if byte <= 0x7F:
            if length == 0 or (place and byte == 0):
                raise BadCar("A length in that CAR file is malformed.")
            return at + place + 1, length
    if len(data) - at >= _MAX_LENGTH_BYTES:
        raise BadCar("A length in that CAR file is malformed.")
    return len(data), 1


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


def _check_raw(cid: bytes, data: bytes) -> None:
    """Raises BadCar unless this is a raw block under its CID. It is known to be no DAG-CBOR block under its own."""
    if cid == _RAW + sha256(data).digest():
        return
    if len(cid) == _CID_BYTES and cid[1] in (DAG_CBOR, RAW):
        raise BadCar("A block in that CAR file does not have the hash that its CID says.", cid=str(Cid(cid)))
    raise BadCar("A block in that CAR file has a CID of another kind.")


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
