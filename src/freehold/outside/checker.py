"""A child process that proves whole repositories: on another core, within its own memory, without our keys.

It is told on its input, a line of JSON each, which file holds the repository of whom, signed by what key; and answers
on its output in packets, each after its length (four bytes, big end first), in MessagePack:

    {"rev", "data", "paths"}            it is what its account signed; its records that are wanted, by path
    [[path, cid, block, fits], ...]     those records; fits: whether it fits its lexicon, null where there is none
    null                                that was all
    {"refused"}                         it is not, and why

One signature stands for all of it: every node of the tree and every record is under the hash that leads there.
"""

import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

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

Fits = Callable[[str, bytes], bool | None]


class NoCommit(Refused):
    """The file names no commit."""

    name = "NoCommit"


def answers(path: Path, did: str, key: str, wanted: frozenset[str], fits: Fits) -> Iterator[object]:
    """The packets about one repository."""
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
        yield {"refused": refused.name}
        return
    yield {"rev": signed.rev, "data": bytes(signed.data), "paths": [path for path, _ in records]}
    for at in range(0, len(records), RECORDS_AT_ONCE):
        some = records[at : at + RECORDS_AT_ONCE]
        yield [(path, cid, blocks[cid], fits(path.partition("/")[0], blocks[cid])) for path, cid in some]
    yield None


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


def by_lexicon(catalog: Catalog) -> Fits:
    """Whether a record fits, by the official lexicons; None for a collection that they do not know."""

    def fits(collection: str, raw: bytes) -> bool | None:
        check = catalog.record(collection)
        if check is None:
            return None
        try:
            record = cbor.decode_json(raw)
            if not isinstance(record, dict):
                return False
            check(record)
        except Refused:
            return False
        return True

    return fits


def main() -> None:
    """Answer until nothing more is asked. Its first line: {"wanted": collections, "max_bytes": of a file}."""
    asked, said = sys.stdin.buffer, sys.stdout.buffer
    start = msgspec.json.decode(asked.readline())
    room = ROOM_BYTES + TIMES * start["max_bytes"]
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    fits = by_lexicon(Catalog(official_documents()))
    for line in iter(asked.readline, b""):
        question = msgspec.json.decode(line)
        where = Path(question["path"]), question["did"], question["key"]
        for packet in answers(*where, frozenset(start["wanted"]), fits):
            data = msgspec.msgpack.encode(packet)
            said.write(len(data).to_bytes(4, "big") + data)
        said.flush()


if __name__ == "__main__":
    main()
