"""The standby's side: take what the primary sends, and answer each message when it is on disk.

In come messages; out go `Got`, or `Refuse` and the end. The files are those of `Copy` and of the blob store.
"""

from collections.abc import Callable
from heapq import nsmallest

from freehold.haven.copy import Copy
from freehold.haven.wire import (
    VERSION,
    AnyMessage,
    Begin,
    BlobPart,
    Block,
    Channel,
    Compare,
    Forget,
    Got,
    Hashes,
    Hello,
    LinkLost,
    Listing,
    Names,
    Refuse,
    Seed,
    Still,
    Take,
    Whole,
)
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.store.blobs import BlobStore, Incoming
from freehold.store.wal import Position, Stretch

HASHES_MAX = 65_536
NAMES_MAX = 10_000
BLOB_MAX_BYTES = 2**40


class OldPrimary(Refused):
    """A primary of an older epoch than this standby has heard of."""

    kind, name = "conflict", "OldPrimary"
    say = "This standby has a newer primary. It takes nothing from an older one."


class Standby:
    """A copy and its blobs, kept true to what one primary sends. Answers one channel at a time.

    epoch: the newest known; `promise` writes down a newer one before it is answered. heard: called after each message.
    """

    def __init__(
        self,
        copy: Copy,
        blobs: BlobStore,
        epoch: int,
        promise: Callable[[int], object],
        heard: Callable[[], object] = lambda: None,
    ) -> None:
        self._copy, self._blobs = copy, blobs
        self._epoch, self._promise = epoch, promise
        self._heard = heard
        self._began = False
        self._upload: Incoming | None = None

    def follow(self, channel: Channel) -> None:
        """Greet, then take and answer until the link ends, which it does by LinkLost."""
        copy = self._copy
        self._began = False
        channel.send(Hello(VERSION, self._epoch, copy.whole, *copy.position, digest=copy.digest()))
        try:
            while True:
                channel.send(self._answer(channel.receive()))
                self._heard()
        except LinkLost:
            raise
        except Refused as refused:
            channel.send(Refuse(refused.say))
            raise LinkLost(because=refused.say) from refused
        finally:
            self._drop_upload()

    def _answer(self, message: AnyMessage) -> Got | Hashes | Listing:
        copy = self._copy
        if not self._began and not isinstance(message, Begin):
            raise LinkLost(because="a primary begins by its epoch")
        match message:
            case Begin(epoch):
                self._begin(epoch)
            case Take(before_salt, before_end, salt, start, data):
                copy.take(Position(before_salt, before_end), Stretch(salt, start, data))
            case BlobPart():
                self._take_part(message)
            case Forget(cid):
                self._blobs.delete(Cid(cid))
            case Seed():
                copy.seed()
            case Compare(first, count):
                return Hashes(copy.hashes(first, min(count, HASHES_MAX)))
            case Block(offset, data):
                copy.write(offset, data)
            case Whole(size):
                copy.finish(size)
            case Names(after):
                return Listing(nsmallest(NAMES_MAX, (cid for cid in self._blobs.cids() if cid > after)))
            case Still():
                pass
            case _:
                raise LinkLost(because=f"a primary does not say {type(message).__name__}")
        return Got()

    def _begin(self, epoch: int) -> None:
        """Raises OldPrimary."""
        if epoch < self._epoch:
            raise OldPrimary(theirs=epoch, known=self._epoch)
        if epoch > self._epoch:
            self._promise(epoch)
            self._epoch = epoch
        self._began = True

    def _take_part(self, part: BlobPart) -> None:
        if self._upload is None:
            self._upload = self._blobs.incoming(BLOB_MAX_BYTES)
        self._upload.write(part.data)
        if not part.last:
            return
        if self._upload.cid != part.cid:
            self._drop_upload()
            raise LinkLost(because="a blob arrived that is not what its name says")
        self._blobs.keep(self._upload)
        self._drop_upload()

    def _drop_upload(self) -> None:
        if self._upload is not None:
            upload, self._upload = self._upload, None
            upload.__exit__()
