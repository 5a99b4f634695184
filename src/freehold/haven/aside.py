"""What a primary had that was succeeded: put aside when it becomes a standby, looked at, and gone after some days.

Owns DIRECTORY/aside-EPOCH-…/: the truth as it was, and links to the blobs of its last days, which its new primary may
not keep. In comes a directory; out come the events that nobody else has, its *tail*. It is not the network's: nothing
of it is merged by itself, and a deletion does not reach it, so it is kept for as long as events are, and no longer.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from freehold.haven import forks
from freehold.pds import accounts
from freehold.pds.lost_posts import PICTURE_MAX_BYTES, Parcel
from freehold.protocol import cbor
from freehold.protocol.blobrefs import blob_refs
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.repo.car import read_own_car
from freehold.store.blobs import BlobStore
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.stream import frames
from freehold.stream.log import Event, Log, Private

KEEP_SECONDS = 72 * 3600
AT_ONCE = 500
NAME = re.compile(r"aside-(\d+)-[0-9a-f]{8}")


class NothingAside(Refused):
    """A directory in which nothing was put aside."""

    name = "NothingAside"


class ForkUnknown(Refused):
    """Nobody has told yet where the history went on without this machine."""

    kind, name = "unavailable", "ForkUnknown"


class Line(NamedTuple):
    """Something in the tail. handle: the member's name, or the DID. what: in plain words. at: micros since 1970 UTC."""

    handle: str
    what: str
    at: int


class Tail(NamedTuple):
    """public, private: the events that nobody else has, in order."""

    public: list[Event]
    private: list[Private]
    names: dict[str, str]
    """Handles by DID."""

    def lines(self) -> list[Line]:
        """All that is in it, oldest first."""
        told = [(event.at, event.did, what) for event in self.public for what in _words(event)]
        told += [(event.at, event.did, f"{event.kind} (private)") for event in self.private]
        return [Line(self.names.get(did, did), what, at) for at, did, what in sorted(told, key=lambda one: one[0])]


def put(directory: Path, epoch: int) -> None:
    """The truth of a primary that was succeeded, with what derives from it: the index would show its tail for ever."""
    aside = directory / f"aside-{epoch}-{secrets.token_hex(4)}"
    (aside / "blobs").mkdir(mode=0o700, parents=True)
    aside.chmod(0o700)
    young, blobs = time.time() - KEEP_SECONDS, BlobStore(directory / "blobs")
    for cid in blobs.cids():
        with suppress(FileNotFoundError):
            if blobs.path(cid).stat().st_mtime > young:
                os.link(blobs.path(cid), aside / "blobs" / str(cid))
    for file in sorted(directory.glob("truth.db*")):
        file.rename(aside / file.name)
    for file in directory.glob("index.db*"):
        file.unlink()


def found(directory: Path) -> list[Path]:
    """What was put aside in `directory`, the oldest reign first."""
    dated = [(int(known[1]), path) for path in directory.glob("aside-*") if (known := NAME.fullmatch(path.name))]
    return [path for _, path in sorted(dated)]


def discard_old(directory: Path) -> None:
    """What has been there for longer than events are kept."""
    for aside in found(directory):
        if (aside / "blobs").stat().st_mtime < time.time() - KEEP_SECONDS:  # nothing comes into that folder later
            discard(aside)


def discard(aside: Path) -> None:
    """It is gone."""
    shutil.rmtree(aside)


def tail(aside: Path, schema: Sequence[Migration]) -> Tail:
    """What is in the truth that was put aside and nowhere else. schema: of a truth. Raises ForkUnknown."""
    public, private = events(aside, schema)
    with _opened(aside, schema) as truth, truth.reading() as tx:
        dids = {event.did for event in public} | {event.did for event in private}
        known = {did: accounts.find(tx, did) for did in dids}
    return Tail(public, private, {did: account.handle for did, account in known.items() if account is not None})


def events(aside: Path, schema: Sequence[Migration]) -> tuple[list[Event], list[Private]]:
    """Those that nobody else has, public and private. Raises ForkUnknown."""
    fork = _fork(aside)
    with _opened(aside, schema) as truth:
        log = Log(truth)
        return _all(log.read, fork.public), _all(log.read_private, fork.private)


def _opened(aside: Path, schema: Sequence[Migration]) -> Database:
    return Database(aside / "truth.db", schema, durable=True, read_only=True)


def _fork(aside: Path) -> forks.Fork:
    reign = NAME.fullmatch(aside.name)
    fork = forks.after(aside.parent, int(reign[1])) if reign else None
    if fork is None:
        raise ForkUnknown(
            "This machine has not heard yet how far its successor came. Run it as the standby of that one, then look"
            " again."
        )
    return fork


def _all(read: Any, last: int) -> list[Any]:
    events: list[Any] = []
    while more := read(last, AT_ONCE):
        events += more
        last = more[-1].seq
    return events


def _words(event: Event) -> Iterator[str]:
    if event.kind != "commit":
        yield event.kind
        return
    for op in frames.payload_of("commit", event.frame)["ops"]:
        yield f"{op['action']} {op['path']}"


def parcel(aside: Path, found: Tail) -> Parcel:
    """What the new primary can offer to the authors: the signed commits of the tail, and pictures that they name."""
    commits = [event.frame for event in found.public if event.kind == "commit"]
    blobs: dict[str, bytes] = {}
    for cid in {cid for frame in commits for cid in _named(frame)}:
        file = aside / "blobs" / str(cid)
        with suppress(FileNotFoundError):
            if file.stat().st_size <= PICTURE_MAX_BYTES:
                blobs[str(cid)] = file.read_bytes()
    return Parcel(commits, blobs)


def _named(frame: bytes) -> Iterator[Cid]:
    """The blobs that records of a commit name."""
    payload = frames.payload_of("commit", frame)
    blocks = read_own_car(payload["blocks"])
    for op in payload["ops"]:
        if op["cid"] is not None and op["cid"] in blocks:
            yield from (ref.cid for ref in blob_refs(cbor.decode_json(blocks[op["cid"]])))
