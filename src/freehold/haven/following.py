"""The standby's side: take what the primary sends, and answer each message when it is on disk.

In come messages; out go `Got`, or `Refuse` and the end. The files are those of `Copy` and of the blob store.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from functools import partial
from heapq import nsmallest

import msgspec

from freehold.haven import delivered
from freehold.haven.copy import Copy
from freehold.haven.delivered import KEY
from freehold.haven.lease import Request, Vote
from freehold.haven.wire import (
    VERSION,
    Answer,
    AnyMessage,
    Ask,
    Begin,
    BlobPart,
    Block,
    Channel,
    Check,
    Checked,
    Compare,
    Deliver,
    Entrust,
    Fold,
    Forget,
    Got,
    Hashes,
    Hello,
    InStep,
    LinkLost,
    Listing,
    Message,
    Names,
    Refuse,
    Seed,
    Show,
    Still,
    Succeed,
    Take,
    Voted,
    Whole,
    WitnessAt,
)
from freehold.haven.witness import now_ms
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.store.blobs import BlobStore, Incoming
from freehold.store.wal import Position, Stretch

HASHES_MAX = 65_536
NAMES_MAX = 10_000
CHECKED_AT_ONCE = 50
LONG_AGO_SECONDS = 1e9
THERE_SECONDS = 5.0
GONE_SECONDS, PARTED_SECONDS = 1.2, 0.5
"""Of a primary that is there something is heard several times a second; one that lost its link comes back at once."""
LONGEST_PATIENCE_SECONDS = 16.0
BLOB_MAX_BYTES = 2**40


class OldPrimary(Refused):
    """A primary of an older epoch than this standby has heard of."""

    kind, name = "conflict", "OldPrimary"
    say = "This standby has a newer primary. It takes nothing from an older one."


class PrimaryThere(Refused):
    """A promotion while the primary is linked."""

    kind, name = "conflict", "PrimaryThere"
    say = (
        "The primary is there and was heard a moment ago. Stop it first, so that nobody writes in two places. If it"
        " cannot be stopped: promote with --even-so; it is fenced when it hears of it."
    )


class NotWhole(Refused):
    """A promotion of a standby that has no whole copy yet."""

    kind, name, say = "conflict", "NotWhole", "The first copy of the network has not come to its end here."


class KeysNotWanted(Refused):
    """Keys for a standby that has no unlock key of its own."""

    kind, name = "conflict", "KeysNotWanted"
    say = "This standby takes no keys: it was not made with --own-key."


class Standby:
    """A copy and its blobs, kept true to what one primary sends. Answers one channel at a time.

    id, certificate: of this machine. epoch: the newest known; `promise` writes down a newer one before it is answered.
    witness_at: told where the witness is, and its certificate. in_step: told whether the copy has everything, as far as
    this machine was told. succeed: the primary hands over; it may refuse. succeeded: it was answered.
    entrusted: keeps the network's keys and settings under an unlock key of this machine's own, where it has one.
    """

    def __init__(
        self,
        copy: Copy,
        blobs: BlobStore,
        epoch: int,
        promise: Callable[[int], object],
        *,
        id: str = "",
        certificate: bytes = b"",
        witness_at: Callable[[str, bytes], object] = lambda address, certificate: None,
        in_step: Callable[[bool], object] = lambda so: None,
        succeed: Callable[[], object] = lambda: None,
        succeeded: Callable[[], object] = lambda: None,
        entrusted: Callable[[bytes, bytes], object] | None = None,
    ) -> None:
        self._copy, self._blobs = copy, blobs
        self._epoch, self._promise = epoch, promise
        self._id, self._certificate, self._witness_at = id, certificate, witness_at
        self._in_step, self._succeed, self._succeeded, self._entrusted = in_step, succeed, succeeded, entrusted
        self.vote = Vote(epoch, "", frozenset(), 0).restarted(now_ms())
        self.heard_at = -LONG_AGO_SECONDS
        """When the primary was heard last, in seconds of the monotonic clock."""
        self._began_at, self._linked = time.monotonic(), False
        self._in_vain = 0
        """How often readers were sent away for a primary that has not brought this machine into step since."""
        self.ordered = threading.Event()
        """Set when the primary has handed over to this machine."""
        self.locked = False
        """Whether the keys of this network do not open here, as the primary is told."""
        self.turn = threading.Lock()
        """Had by whoever does what the primary says; or by whoever reads the copy while nothing is said."""
        self.wanted: Callable[[], object] = lambda: None
        """Called when the primary speaks while somebody else has the turn, which is waited for then."""
        self._upload: Incoming | None = None

    def follow(self, channel: Channel) -> None:
        """Greet, then take and answer until the link ends, by LinkLost; or until this machine was told to succeed.

        Who is greeted after that order was sent knows that it did not arrive: a link ends before the next is heard.
        """
        if self.ordered.is_set():
            raise LinkLost(because="this machine was told to succeed")
        self._hear(channel, self._hello)
        try:
            message = channel.receive()
            self._linked = True
            self._begin(message)
            while True:
                self._hear(channel, partial(self._answer, message))
                if self.ordered.is_set():
                    return
                message = channel.receive()
        except LinkLost:
            raise
        except Refused as refused:
            channel.send(Refuse(refused.say))
            raise LinkLost(because=refused.say) from refused
        finally:
            self._linked = False
            self._drop_upload()
            if self.ordered.is_set():  # whether or not that was heard
                self._succeeded()

    def _hear(self, channel: Channel, answered: Callable[[], Message]) -> None:
        """Answer, when nobody reads the copy any more."""
        self.heard_at = time.monotonic()
        if not self.turn.acquire(blocking=False):
            self._in_vain += 1
            self.wanted()
            self.turn.acquire()
            self.heard_at = time.monotonic()  # it may have given up meanwhile: it is there all the same
        try:
            answer = answered()
        finally:
            self.turn.release()
        channel.send(answer)
        self.heard_at = time.monotonic()
        if self._copy.has_grown:  # the index looks after the primary was answered, not beside
            self._copy.tell()

    @property
    def silent_seconds(self) -> float:
        """Since the primary was heard last."""
        return time.monotonic() - self.heard_at

    @property
    def primary_is_gone(self) -> bool:
        """Whether the primary is to be taken for lost, as far as reading goes."""
        if self.heard_at < self._began_at:  # not since this process began: it may be on its way
            return time.monotonic() - self._began_at > THERE_SECONDS
        return self.silent_seconds > (GONE_SECONDS if self._linked else PARTED_SECONDS) + self._patience

    @property
    def _patience(self) -> float:
        """On a machine so busy that opening and ending takes longer than a primary waits, it must come through."""
        return min(2.0**self._in_vain, LONGEST_PATIENCE_SECONDS) if self._in_vain else 0.0

    @property
    def promised_seconds(self) -> float:
        """How much longer it will keep what it promised; below zero when that ran out."""
        return (self.vote.until - now_ms()) / 1_000

    def may_succeed(self) -> bool:
        """Whether this machine promised nobody that it would not: its primary has been silent for longer."""
        return now_ms() >= self.vote.until

    def assure_promotable(self, *, even_so: bool) -> None:
        """even_so: although the primary is there. Raises PrimaryThere, NotWhole."""
        if not self._copy.whole:
            raise NotWhole
        if not even_so and self.silent_seconds < THERE_SECONDS:
            raise PrimaryThere

    def _answer(self, message: AnyMessage) -> Answer:
        """What was asked; or `Got`, when what was said is done and on disk."""
        copy = self._copy
        match message:
            case Compare(first, count, new):
                return Hashes(copy.hashes(first, min(count, HASHES_MAX), new=new))
            case Names(after):
                return Listing(nsmallest(NAMES_MAX, (cid for cid in self._blobs.cids() if cid > after)))
            case Show():
                return self._hello()
            case Ask(epoch, machine, in_step):
                return self._asked(Request(epoch, machine, frozenset(in_step)))
            case Check(after):
                return self._check(after)
            case _:
                self._do(message)
                return Got(self.locked)

    def _hello(self) -> Hello:
        copy = self._copy
        mine = self._id, self._certificate
        return Hello(VERSION, self._epoch, *mine, copy.newest(), copy.whole, *copy.position, digest=copy.digest())

    def _asked(self, request: Request) -> Voted:
        """The linked primary asks for more time. After a restart this machine has forgotten whose epoch it is."""
        vote = self.vote
        if not vote.holder and request.epoch >= vote.epoch:
            vote = msgspec.structs.replace(vote, epoch=request.epoch, holder=request.machine)
        granted = vote.asked(request, now_ms())
        if granted is not None:
            self.vote = granted
        return Voted(granted is not None, self.vote.epoch, self.vote.holder)

    def _do(self, message: AnyMessage) -> None:
        copy = self._copy
        match message:
            case Take(before_salt, before_end, salt, start, data):
                copy.take(Position(before_salt, before_end), Stretch(salt, start, data))
            case BlobPart():
                self._take_part(message)
            case Forget(cid):
                self._blobs.delete(Cid(cid))
            case InStep():
                self._in_vain = 0
                self._in_step(True)
            case Succeed():
                self._succeed()
                self.ordered.set()
            case WitnessAt(address, certificate):
                self._witness_at(address, certificate)
            case Deliver() | Entrust():
                self._take_paper(message)
            case Fold() | Seed() | Block() | Whole():
                self._do_with_file(message)
            case Begin() | Still():
                pass
            case _:
                raise LinkLost(because=f"a primary does not say {type(message).__name__}")

    def _do_with_file(self, message: Fold | Seed | Block | Whole) -> None:
        match message:
            case Fold():
                self._copy.fold(all_known=True)
            case Seed():
                self._in_step(False)  # the copy that begins may be older, on its way, than the one there is
                self._copy.seed()
            case Block(offset, data):
                self._copy.write(offset, data)
            case Whole(size):
                self._copy.finish(size)

    def _begin(self, message: AnyMessage) -> None:
        """Raises OldPrimary."""
        if not isinstance(message, Begin):
            raise LinkLost(because="a primary begins by its epoch")
        epoch = message.epoch
        if epoch < self._epoch:
            raise OldPrimary(theirs=epoch, known=self._epoch)
        if epoch > self._epoch:
            self._promise(epoch)
            self._epoch = epoch

    def _take_paper(self, paper: Deliver | Entrust) -> None:
        """A key wrapped by another machine's unlock key is of no use where keys are entrusted. Raises KeysNotWanted,
        BadPaper."""
        if isinstance(paper, Entrust):
            if self._entrusted is None:
                raise KeysNotWanted
            self._entrusted(paper.ring, paper.settings)
        elif paper.name != KEY or self._entrusted is None:
            delivered.put(self._copy.path.parent, paper.name, paper.data)

    def _check(self, after: bytes) -> Checked:
        cids = nsmallest(CHECKED_AT_ONCE, (cid for cid in self._blobs.cids() if cid > after))
        damaged: list[bytes] = [cid for cid in cids if not self._is_sound(cid)]
        return Checked(cids[-1] if cids else b"", len(cids), damaged)

    def _is_sound(self, cid: Cid) -> bool:
        try:
            with self._blobs.path(cid).open("rb") as file:
                return Cid.of_raw_digest(hashlib.file_digest(file, "sha256").digest()) == cid
        except FileNotFoundError:  # gone meanwhile
            return True

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
