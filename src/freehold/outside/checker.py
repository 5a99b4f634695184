"""A child process that proves whole repositories: on another core, within its own memory, without our keys.

It is told on its input, a line of JSON each, which file holds the repository of whom, signed by what key, and what the
time is; and answers on its output in packets, each after its length (four bytes, big end first):

    {"rev", "data", "paths"}    it is what its account signed; its records that are wanted, by path (in MessagePack)
    {"refused"}                 or it is not, and why; then nothing follows
    ...                         those records, some at a time, as the index packs them
    (nothing)                   that was all

One signature stands for all of it: every node of the tree and every record is under the hash that leads there. Each
record is read and held against its lexicon here; the index's own function then says what it means to the index, so
that this work is done beside the index's, on another core.
"""

import gc
import resource
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from freehold.outside.index import Json, Pack
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.lexicon import Catalog
from freehold.protocol.refused import Refused
from freehold.repo.car import CarReader
from freehold.repo.mst import MissingBlock
from freehold.repo.verify import verify_commit
from freehold.repo.walk import walk
from freehold.store.lexicons import official_documents

PIECE_BYTES = 1 << 18
RECORDS_AT_ONCE = 1_000
ROOM_BYTES = 512 * 2**20
TIMES = 4
"""How much more memory a repository takes than its file has bytes, at the most."""

Read = Callable[[str, bytes], Json | None]


class NoCommit(Refused):
    """The file names no commit."""

    name = "NoCommit"


def answers(
    path: Path, did: str, key: str, now: int, *, wanted: frozenset[str], read: Read, pack: Pack
) -> Iterator[bytes]:
    """The packets about one repository. now: micros."""
    try:
        root, blocks = _read(path)
        signed = verify_commit(blocks, root, did, key)
        records = [
            (path, cid)
            for run in walk(signed.data, blocks.__getitem__)  # under their own hashes: the reader has looked
            for path, cid in run
            if _there(blocks, cid) and path.partition("/")[0] in wanted
        ]
    except Refused as refused:
        yield msgspec.msgpack.encode({"refused": refused.name})
        return
    head = {"rev": signed.rev, "data": bytes(signed.data), "paths": [path for path, _ in records]}
    yield msgspec.msgpack.encode(head)
    for at in range(0, len(records), RECORDS_AT_ONCE):
        some = records[at : at + RECORDS_AT_ONCE]
        yield pack(((path, cid, blocks[cid], read(path.partition("/")[0], blocks[cid])) for path, cid in some), now)
    yield b""


def _read(path: Path) -> tuple[Any, dict[Any, bytes]]:
    reader = CarReader()
    blocks: dict[Any, bytes] = {}
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            blocks.update(reader.feed(piece))
    reader.finish()
    if not reader.roots:
        raise NoCommit
    return reader.roots[0], blocks


def _there(blocks: dict[Any, bytes], cid: bytes) -> bool:
    """Raises MissingBlock for a record that did not come along: a whole repository has all."""
    if cid not in blocks:
        raise MissingBlock(cid=str(Cid(cid)))
    return True


def by_lexicon(catalog: Catalog) -> Read:
    """Read a record; None for what does not fit the official lexicons. Of a collection that they do not know all
    fits that is a record at all."""

    def read(collection: str, raw: bytes) -> Json | None:
        check = catalog.record(collection)
        try:
            record = cbor.decode_json(raw)
            if not isinstance(record, dict):
                return None
            if check is not None:
                check(record)
        except Refused:
            return None
        return record

    return read


def named(name: str) -> Pack:
    """A function by its name, as `module:function`."""
    module, _, function = name.partition(":")
    found: Pack = getattr(import_module(module), function)
    return found


def main() -> None:
    """Answer until nothing more is asked. Its first line: {"wanted": collections, "max_bytes": of a file, "pack": the
    name of the function that packs records}."""
    asked, said = sys.stdin.buffer, sys.stdout.buffer
    start = msgspec.json.decode(asked.readline())
    room = ROOM_BYTES + TIMES * start["max_bytes"]
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    read, pack, wanted = by_lexicon(Catalog(official_documents())), named(start["pack"]), frozenset(start["wanted"])
    gc.freeze()  # the lexicons stay: they need not be gone through each time
    gc.set_threshold(50_000, 20, 50)
    for line in iter(asked.readline, b""):
        question = msgspec.json.decode(line)
        about = Path(question["path"]), question["did"], question["key"], question["now"]
        for packet in answers(*about, wanted=wanted, read=read, pack=pack):
            said.write(len(packet).to_bytes(4, "big"))
            said.write(packet)
        said.flush()


if __name__ == "__main__":
    main()
