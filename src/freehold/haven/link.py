"""One standby that is connected, as the primary sees it.

In come the log's stretches, blobs and their endings; out they go as messages, each answered when it is on the standby's
disk. Several threads may use a link: each exchange has its turn, and one blob goes at a time.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from freehold.haven.delivered import content
from freehold.haven.lease import LEASE_MS
from freehold.haven.wire import (
    PART_BYTES,
    VERSION,
    Answer,
    AnyMessage,
    Begin,
    BlobPart,
    Channel,
    Check,
    Compare,
    Deliver,
    Entrust,
    Fold,
    Forget,
    Got,
    Hello,
    LinkLost,
    LinkRefused,
    Listing,
    Message,
    Names,
    Refuse,
    Seed,
    Show,
    Still,
    Succeed,
    Take,
    Whole,
)
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.store import files
from freehold.store.blobs import BlobStore
from freehold.store.wal import NOWHERE, Stretch

NEVER = -1
SILENT_SECONDS = LEASE_MS / 1_000
"""A standby that does not answer for as long as a lease lasts is given up, whether or not its connection ends."""
SLOW_BYTES = 131_072
"""For each so many that it is sent it is given a second more: they may go by a thin line."""
PATIENT_SECONDS = 10.0
LONG_WORK = Begin | Entrust | Seed | Whole | Fold | Compare | Check | Names | Show | Succeed
"""What a standby reads or writes much for, or asks others about."""


class OldEpoch(Refused):
    """Another machine became the primary meanwhile."""

    kind, name = "conflict", "OldEpoch"
    say = "Another machine is the primary of this network now. This one takes no more writes."


def as_it_is(paper: Path) -> Deliver:
    """A paper as it lies here."""
    return Deliver(paper.name, content(paper) or b"")


class Link:
    """A connection to the standby called `name`. position: how far its log goes. state: in a word, for people.

    papers: files that the truth is of no use without; they go before what was sealed by them.
    """

    def __init__(self, name: str, channel: Channel, blobs: BlobStore, papers: Sequence[Path] = ()) -> None:
        self.name = name
        self.bring(papers, as_it_is)
        self.machine = ""
        self.position = NOWHERE
        self.state = "greeting"
        self.locked = False
        self._channel = channel
        self._blobs = blobs
        self._turn = threading.Lock()
        self._begun = NOWHERE
        self._one_blob = threading.Lock()
        self._owed: dict[Cid, bool] = {}

    def bring(self, papers: Sequence[Path], said: Callable[[Path], Message]) -> None:
        """These papers, from now on, and what is said when one of them has changed."""
        self._papers, self._said = dict.fromkeys(papers, b""), said
        self._looked_at = NEVER

    def greet(self, epoch: int) -> Hello:
        """What the standby says first, and that we are the primary of this epoch. Raises LinkLost, OldEpoch."""
        hello = self._channel.receive()
        if not isinstance(hello, Hello) or hello.version != VERSION:
            raise LinkLost(because="the standby runs another version of Freehold")
        if hello.epoch > epoch:
            raise OldEpoch(ours=epoch, theirs=hello.epoch)
        self.exchange(Begin(epoch))
        self.machine = hello.machine
        return hello

    def exchange(self, message: Message, size: int = 0) -> Answer:
        """Say one thing, with so many bytes in it, and hear the answer. Raises LinkLost, and the link is of no use
        after."""
        with self._turn:
            self._say(message, size)
            answer = self._hear()
        return self._answered(answer)

    def _say(self, message: Message, size: int = 0) -> None:
        """size: of the bytes in it. Who begins a new log folds the old one first, which takes its time."""
        long = isinstance(message, LONG_WORK) or (isinstance(message, Take) and not message.start)
        try:
            self._channel.wait_at_most(PATIENT_SECONDS if long else SILENT_SECONDS + size // SLOW_BYTES)
            self._channel.send(message)
        except LinkLost:
            self._channel.close()
            raise

    def _hear(self) -> AnyMessage:
        try:
            return self._channel.receive()
        except LinkLost:
            self._channel.close()
            raise

    def _answered(self, answer: AnyMessage) -> Answer:
        if isinstance(answer, Answer):
            return answer
        self._channel.close()
        if isinstance(answer, Refuse):
            raise LinkRefused(answer.why, because=answer.why)
        raise LinkLost(because="an answer that is none")

    def still(self) -> None:
        """Hear that the standby is there, and whether it is locked. Raises LinkLost."""
        self._looked_at = NEVER
        answer = self.exchange(Still())
        self.locked = isinstance(answer, Got) and answer.locked

    def carry(self, stretch: Stretch) -> None:
        """A stretch of the log, in parts. Raises LinkLost."""
        for at in range(0, len(stretch.data), PART_BYTES):
            part = Stretch(stretch.salt, stretch.start + at, stretch.data[at : at + PART_BYTES])
            before = self.position
            self.exchange(Take(before.salt, before.end, part.salt, part.start, part.data), len(part.data))
            self.position = part.position

    def begin(self, stretch: Stretch) -> None:
        """Send a stretch of one part; the same thread calls `end`, if this did not raise. Raises LinkLost.

        Between the two nobody else uses the link, and others can be sent the same: they all write it down at once.
        """
        before = self.position
        self._turn.acquire()
        try:
            self._say(Take(before.salt, before.end, stretch.salt, stretch.start, stretch.data), len(stretch.data))
        except BaseException:
            self._turn.release()
            raise
        self._begun = stretch.position

    def end(self) -> None:
        """Hear that the standby has it. Raises LinkLost."""
        try:
            answer = self._hear()
        finally:
            self._turn.release()
        self._answered(answer)
        self.position = self._begun

    def fold(self) -> None:
        """The log ends here: let the standby put it into its file. Raises LinkLost."""
        self.exchange(Fold())
        self.position = NOWHERE

    def deliver(self, *, anew: bool = False) -> None:
        """The papers, if they are not those that were delivered last; or anew. Raises LinkLost.

        A commit costs no look at any file: what this process puts in its place is counted (`files.replaced`), and what
        somebody edits is seen after the next `still`.
        """
        replaced = files.replaced()
        if replaced == self._looked_at and not anew:
            return
        for path, known in self._papers.items():
            found = content(path)
            if found is not None and (anew or found != known):
                self.exchange(self._said(path))
                self._papers[path] = found
        self._looked_at = replaced

    # -- blobs

    def owe(self, cid: Cid, *, kept: bool) -> None:
        """Later, by `pay`: a blob that was kept, or is no more."""
        self._owed[cid] = kept

    @property
    def owes(self) -> bool:
        """Whether there is something to pay."""
        return bool(self._owed)

    def pay(self) -> None:
        """Send what is owed. Raises LinkLost."""
        while self._owed:
            with self._one_blob:
                if not self._owed:  # paid by who sent the same blob meanwhile
                    return
                cid, kept = self._owed.popitem()
                if kept:
                    self._send(cid)
                else:
                    self.exchange(Forget(cid))

    def send_blob(self, cid: Cid) -> None:
        """The standby has the blob when this returns. Raises LinkLost."""
        with self._one_blob:
            self._owed.pop(cid, None)  # an ending of the same content, from before, would undo this
            self._send(cid)

    def _send(self, cid: Cid) -> None:
        path = self._blobs.path(cid)
        if not path.exists():
            return  # gone meanwhile, which is owed too
        with path.open("rb") as file:
            part = file.read(PART_BYTES)
            while following := file.read(PART_BYTES):
                self.exchange(BlobPart(cid, part, last=False), len(part))
                part = following
            self.exchange(BlobPart(cid, part, last=True), len(part))

    def compare_blobs(self) -> None:
        """Send what the standby lacks and end what it has too much. Raises LinkLost."""
        theirs = self.blob_names()
        ours = set(self._blobs.cids())
        for cid in ours - theirs:
            self.send_blob(cid)
        for cid in theirs - ours:
            if not self._blobs.has(cid):
                self.exchange(Forget(cid))

    def blob_names(self) -> set[Cid]:
        """What the standby has. Raises LinkLost."""
        found: set[Cid] = set()
        after = b""
        while True:
            answer = self.exchange(Names(after))
            if not isinstance(answer, Listing) or not answer.cids:
                return found
            found.update(map(Cid, answer.cids))
            after = answer.cids[-1]

    def close(self) -> None:
        """End the connection."""
        self._channel.close()
