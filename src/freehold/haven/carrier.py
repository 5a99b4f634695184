"""The primary's side: every commit is carried to the standbys, and acknowledged when one of them has it on disk.

`Carrier` is the gate of the truth's database. In come commits, on the writer's thread, which carries them to every
standby that is *in step*; in come blobs, on the threads of those who upload. A standby that joins is brought up to date
on a thread of its own, while writes go on. One that is asynchronous is never waited for and stays on its thread.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from freehold.haven import joining
from freehold.haven.acknowledged import Acknowledged
from freehold.haven.feeding import Fed
from freehold.haven.lease import Request
from freehold.haven.link import Link, OldEpoch
from freehold.haven.verifying import Report, verify
from freehold.haven.wire import PART_BYTES, Ask, Channel, Hello, InStep, LinkLost, LinkRefused, Message, Succeed, Voted
from freehold.haven.witness import now_ms
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.store.blobs import BlobStore
from freehold.store.wal import MOST_BYTES, NOWHERE, Log, Position
from freehold.stream.bell import Stroke

logger = logging.getLogger(__name__)
T = TypeVar("T")

NEAR_BYTES = 4 * PART_BYTES
"""A standby that lacks no more than this is brought up to date while writes wait."""
PING_SECONDS = 0.4
LOCKED = "locked: it has no unlock key, and cannot take over"
FED_EVERY_SECONDS = 0.5
"""Of all that an archive gets at once it keeps the last image of each page only."""
LEAVING_SECONDS = 3.0
CARRIED_SECONDS = 2.0
"""How long the folding of the log waits for what is on its way to those behind."""
BLOB_WAIT_SECONDS = 5.0
"""An upload holds a thread while it waits."""


class Fenced(Refused):
    """This machine may not acknowledge writes any more."""

    kind, name = "unavailable", "Fenced"
    say = "This machine may not take writes any more."


class NoSuchStandby(Refused):
    """A standby that is not linked."""

    kind, name, say = "missing", "NoSuchStandby", "No standby of this name is linked and up to date just now."


class Unsure(Refused):
    """A handing over that was not answered."""

    kind, name = "unavailable", "Unsure"
    say = (
        "The standby was lost before it answered, so it may be the primary now. This machine says yes to nothing any"
        " more. Look at the standby; if it is none, promote it."
    )


class NoStandby(Refused):
    """No standby is in step, and the operator wants none to be waited for in vain."""

    kind, name = "unavailable", "StoreFailed"
    say = "This cannot be saved just now, for no second machine has it yet. Please try again in a moment."


class Ended(msgspec.Struct):
    """Where the log ended that was folded last, and the file then: a later fold by somebody else would change it."""

    salt: bytes
    end: int
    file_bytes: int
    file_changed_ns: int


class Carrier:
    """The gate of the database at `path`, whose blobs are in `blobs`.

    epoch: that of this primary. papers: files that go along. wait: with no standby in step, writes wait; else they are
    acknowledged alone. witnessed: somebody may let a standby succeed, which then has all that was acknowledged, and
    nothing of what a kill left behind that. greeted: called on a standby's thread before it is brought up to date.
    begun: whether the network is open; what it writes while it is being opened is nobody's, and waits for nobody.
    """

    def __init__(
        self,
        path: Path,
        blobs: BlobStore,
        *,
        epoch: int,
        papers: Sequence[Path] = (),
        wait: bool = True,
        witnessed: bool = False,
        begun: bool = True,
        greeted: Callable[[Link, Hello], object] = lambda link, hello: None,
    ) -> None:
        self._path, self._blobs, self._papers = path, blobs, papers
        self._epoch, self._greeted = epoch, greeted
        self._log = Log(path)
        self._memory = path.with_name(path.name + ".ended")
        self._frames = 0
        self._ended = self._remembered()
        self._ending = NOWHERE
        self._turn = threading.RLock()
        """Had by whoever sends from the log, folds it or reads the file: for seconds, where another side is silent."""
        self._lock = threading.RLock()
        """Of what is known about everybody. Never had while something is sent; taken after the turn, not before."""
        self._company = threading.Condition(self._lock)
        self._news = threading.Condition(self._turn)
        self._opened = threading.Event()
        self._closed = threading.Event()
        self._fenced = False
        self._handed = False
        """Whether a standby was told to succeed and has not answered: until it is known, writes wait."""
        self._carried = False
        self._leaving = False
        self._wait, self._begun, self._witnessed = wait, begun, witnessed
        self._wait_once_in_step = False
        self._acknowledged = Acknowledged(path)
        self._unsure = False
        self.confirmed = Stroke(threading.Lock())
        """Rings when nothing is left in the log that no standby had when this machine was killed: before, what is here
        must not be shown."""
        self._reigns = False
        self._until = 0
        self._needed: frozenset[str] = frozenset()
        self.changed = threading.Event()
        """Set when a standby came into step or was lost: whoever renews the lease does so at once."""
        self._joining: list[Link] = []
        self._in_step: list[Link] = []
        self._behind: list[Link] = []
        self._carrying: list[Link] = []
        """Those behind to whom their own threads send something just now."""
        self._fed: list[Fed] = []
        self._copied: list[Fed] = []

    # -- the gate, on the writer's thread

    def opened(self, frames: int) -> None:
        """The log has so many frames from before."""
        with self._turn:
            self._frames = frames
            self._log.close()  # it may be another file now
            if not self._opened.is_set():
                self._unsure = (self._wait or self._witnessed) and not self._acknowledged.covers(self._log.end(frames))
                if not self._unsure:
                    self.confirmed.ring()
            self._opened.set()

    def committed(self, frames: int) -> None:
        """Carry what is new to all who are in step; return when one of them has it (or alone, if that is allowed)."""
        with self._turn:
            self._frames = frames
            self._carry_to_all(self.in_step())
            if self._behind or self._fed:
                self._news.notify_all()
        with self._lock:
            self._await_company()
        with self._turn:
            self._note_acknowledged()

    def _note_acknowledged(self) -> None:
        """With the turn."""
        if self._acknowledged.begun and not self._unsure:
            link = next(iter(self.in_step()), None)  # where it stands the log ends, and nothing has to be read for that
            self._acknowledged.note(link.position if link and self._frames else self._log.end(self._frames))

    def _be_sure(self) -> None:
        """With the turn: what is in the log is confirmed, or the operator wants no confirmation."""
        self._unsure = False
        self._note_acknowledged()
        self.confirmed.ring()

    @property
    def is_confirmed(self) -> bool:
        """Whether what is here may be shown: see `confirmed`."""
        return not self._unsure

    def _carry_to_all(self, links: Sequence[Link]) -> None:
        """With the turn. What fits into one message is on its way to all before the first answer is waited for."""
        begun = [link for link in links if self._tried(link, self._begin_to_carry)]
        for link in begun:
            self._tried(link, Link.end)

    def _begin_to_carry(self, link: Link) -> bool:
        """Whether an answer is to be heard. More than one message at once is carried here, to its end."""
        link.deliver()
        stretch = self._log.since(link.position, self._frames)
        if stretch is None:
            return False
        if len(stretch.data) > PART_BYTES:
            self._carry(link)
            return False
        link.begin(stretch)
        return True

    def _tried(self, link: Link, carry: Callable[[Link], T]) -> T | None:
        """What `carry` says; None: it is lost."""
        try:
            return carry(link)
        except LinkLost as lost:
            self._drop(link, lost)
            return None

    def _carry(self, link: Link) -> None:
        link.deliver()
        more = True
        while more and (stretch := self._log.since(link.position, self._frames)):
            link.carry(stretch)
            more = len(stretch.data) == MOST_BYTES

    def _await_company(self) -> None:
        """With the lock held, which waiting lets go. Who comes into step has everything that was committed before."""
        while not self._may_say_yes():
            if self._closed.is_set() or self._fenced:
                raise Fenced
            if not self._company.wait(LEAVING_SECONDS if self._leaving else None) and self._leaving:
                raise Fenced

    def _may_say_yes(self) -> bool:
        """Whether somebody else has it who must; and, where there is a witness, whether this machine still reigns."""
        if self._fenced or self._handed or (self._begun and self._wait and not self._in_step):
            return False
        return not self._reigns or (self._needed <= self._ids() and now_ms() < self._until)

    def _ids(self) -> frozenset[str]:
        return frozenset(link.machine for link in self._in_step)

    @contextmanager
    def folding(self) -> Iterator[bool]:
        """Not while somebody is joining, who reads the file and the log; those behind get the rest before."""
        with self._turn:
            if self._joining or self._copied or not self._news.wait_for(lambda: not self._carrying, CARRIED_SECONDS):
                yield False
                return
            for fed in self._fed:
                self._feed(fed)
            for link in tuple(self._behind):
                self._tried(link, self._carry)
            self._ending = self._log.end(self._frames)
            yield True

    def folded(self) -> None:
        """The log is empty; remember where it ended."""
        self._frames = 0
        self._note_acknowledged()
        if self._carried and self._ending != NOWHERE:
            self._ended = self._ending
            file = self._path.stat()
            self._memory.write_bytes(msgspec.msgpack.encode(Ended(*self._ended, file.st_size, file.st_mtime_ns)))

    def _remembered(self) -> Position:
        """From the time before this process, if nobody has folded since."""
        try:
            kept = msgspec.msgpack.decode(self._memory.read_bytes(), type=Ended)
            file = self._path.stat()
        except (OSError, msgspec.DecodeError):
            return NOWHERE
        same = (kept.file_bytes, kept.file_changed_ns) == (file.st_size, file.st_mtime_ns)
        return Position(kept.salt, kept.end) if same else NOWHERE

    # -- a standby, on a thread of its own

    def keep(self, name: str, channel: Channel, *, sync: bool = True) -> None:
        """Bring a standby up to date and stay with it until it is lost. Raises LinkLost, StandbyAhead, OldEpoch."""
        link = Link(name, channel, self._blobs, self._papers)
        self._carried = True
        self._opened.wait()  # before, the file is not yet what it is going to be
        try:
            self._join(link, sync)
            while not self._closed.is_set():
                link.pay()
                link.still()
                link.deliver()
                self._stay(link, sync)
        except Refused as lost:
            self._drop(link, lost)
            if isinstance(lost, OldEpoch):
                self.fence()
            raise
        finally:
            link.close()

    def _join(self, link: Link, sync: bool) -> None:
        hello = link.greet(self._epoch)
        self._greeted(link, hello)
        with self._turn:
            ours, ended = self._log.end(self._frames), self._ended
            with self._lock:
                self._joining.append(link)
        try:
            if not joining.resumes(link, hello, self._path, ours, ended):
                joining.assure_not_ahead(hello, self._path)
                joining.copy_file(link, self._path)
            link.state = "comparing blobs"
            link.compare_blobs()
            self._catch_up(link, self._in_step if sync else self._behind)
        finally:
            with self._lock:
                self._joining.remove(link)

    def _catch_up(self, link: Link, group: list[Link]) -> None:
        """Carry the log and what is owed while writes go on, until the rest is small; then that while they wait."""
        link.state = "catching up"
        while True:
            link.pay()
            with self._turn:
                stretch = self._log.since(link.position, self._frames)
                if stretch is None or len(stretch.data) <= NEAR_BYTES:
                    self._carry(link)
                    self._admit(link, group)
                    return
            link.carry(stretch)

    def _admit(self, link: Link, group: list[Link]) -> None:
        """With the turn: who has the log, and every blob, has all that is acknowledged from now on."""
        while True:
            link.pay()
            link.exchange(InStep())
            if self._admitted(link, group):
                break
        if group is self._in_step:
            self._acknowledged.begin()
            self._be_sure()
        self.changed.set()

    def _admitted(self, link: Link, group: list[Link]) -> bool:
        """False: a blob came meanwhile."""
        with self._lock:
            if link.owes:
                return False
            link.state = "in step"
            group.append(link)
            if group is self._in_step:
                self._wait, self._wait_once_in_step = self._wait or self._wait_once_in_step, False
            self._company.notify_all()
            return True

    def _stay(self, link: Link, sync: bool) -> None:
        """A second; or, for one that the writer does not carry to, until there is something to carry."""
        if sync:
            self._closed.wait(PING_SECONDS)
            return
        with self._turn:
            stretch = self._log.since(link.position, self._frames)
            if stretch is None:
                self._news.wait(PING_SECONDS)
                return
            self._carrying.append(link)
        try:
            link.carry(stretch)
        finally:
            with self._turn:
                self._carrying.remove(link)
                self._news.notify_all()

    def _drop(self, link: Link, lost: Refused) -> None:
        with self._lock:
            for group in (self._in_step, self._behind):
                if link in group:
                    group.remove(link)
                    self.changed.set()
                    logger.warning("the standby %s is lost: %s", link.name, lost.facts or lost.say)
        link.close()

    # -- an archive, on a thread of its own

    def feed(self, fed: Fed) -> None:
        """Let it have the log, and the file whenever it wants to begin anew, until it is done. Raises OSError."""
        self._carried = True
        self._opened.wait()
        try:
            while not (self._closed.is_set() or fed.done):
                with self._turn:
                    anew = fed.wants_file(self._log.end(self._frames), self._ended)
                    if not anew and fed not in self._fed:
                        self._fed.append(fed)
                if anew:
                    fed.prepare()
                    self._copy_to(fed)
                with self._turn:
                    self._feed(fed)
                    self._news.wait(PING_SECONDS)
                self._closed.wait(FED_EVERY_SECONDS)  # a few commits at once cost less
        finally:
            with self._turn:
                self._fed = [each for each in self._fed if each is not fed]

    def _feed(self, fed: Fed) -> None:
        """With the turn."""
        while stretch := self._log.since(fed.position, self._frames):
            fed.carry(stretch)
        fed.has_all()

    def _copy_to(self, fed: Fed) -> None:
        """The file as it is, while nobody folds; the log since it was folded last follows. What came before goes on
        to have the log until then."""
        with self._turn:
            self._copied.append(fed)
        try:
            for _ in fed.copying(self._path):
                with self._turn:
                    if fed in self._fed:
                        self._feed(fed)
            with self._turn:
                if fed in self._fed:
                    self._feed(fed)
                else:
                    self._fed.append(fed)
                fed.turn_over(NOWHERE if self._frames else self._ended)
                self._feed(fed)
        finally:
            with self._turn:
                self._copied.remove(fed)

    # -- the lease, on the thread of who renews it

    def reign(self, needed: frozenset[str]) -> None:
        """From now on writes are acknowledged under a lease. needed: machines that a witness may take for in step."""
        with self._lock:
            self._reigns = self._witnessed = True
            self._needed = needed

    def end_reign(self) -> None:
        """Writes are acknowledged without a lease again."""
        with self._lock:
            self._reigns = self._witnessed = False
            self._company.notify_all()
        with self._turn:
            if not self._wait and self._opened.is_set():
                self._be_sure()

    def successors(self) -> frozenset[str]:
        """Whom to name in the next request: those in step. They all must have what is acknowledged from now on.

        Where writes wait anyway while nobody is in step, those stay named who had the last of them.
        """
        with self._lock:
            named = self._ids() or (self._needed if self._wait else frozenset())
            self._needed |= named
            return named

    def ask_all(self, request: Request) -> bool | None:
        """Whether every standby that could succeed grants; None if one does not; False: a newer primary."""
        granted = set()
        for link in self.in_step():
            try:
                voted = link.exchange(Ask(request.epoch, request.machine, sorted(request.in_step)))
            except LinkLost as lost:
                self._drop(link, lost)
                continue
            if isinstance(voted, Voted) and voted.epoch > request.epoch:
                return False
            if isinstance(voted, Voted) and voted.granted:
                granted.add(link.machine)
        with self._lock:
            return True if self._needed <= granted else None

    def reign_until(self, until: int, confirmed: frozenset[str] | None) -> None:
        """until: milliseconds of the monotonic clock. confirmed: whom the witness takes for in step now, if it said."""
        with self._lock:
            self._until = until
            if confirmed is not None:
                self._needed = confirmed
            self._company.notify_all()
            alone = self._unsure and not self._wait and self._may_say_yes()
        if alone and self._turn.acquire(blocking=False):  # else when it is renewed next: a lease waits for nobody
            try:
                self._be_sure()
            finally:
                self._turn.release()

    def told_all_who_could_succeed(self, message: Message) -> bool:
        """Whether every machine that a witness may let succeed has heard this. While nobody renews the lease."""
        with self._lock:
            needed, links = self._needed, {link.machine: link for link in self._in_step}
        if not needed <= links.keys():
            return False
        return all(self._tried(links[machine], lambda link: link.exchange(message)) for machine in sorted(needed))

    def in_step(self) -> tuple[Link, ...]:
        """Those that the writer carries to."""
        with self._lock:
            return tuple(self._in_step)

    # -- blobs

    def carry_blob(self, cid: Cid) -> None:
        """Send a blob that is on disk here, before anything names it. Waits a little at most. Raises NoStandby."""
        while True:
            with self._lock:
                if not self._company.wait_for(lambda: self._in_step or not self._wait, BLOB_WAIT_SECONDS):
                    raise NoStandby
            with self._turn, self._lock:
                if self._wait and not self._in_step:
                    continue
                for link in (*self._joining, *self._behind):
                    link.owe(cid, kept=True)
                for fed in self._fed:
                    fed.owe(cid, kept=True)
                links = tuple(self._in_step)
            sent = [self._try_to_send(link, cid) for link in links]
            if any(sent) or not links:
                return

    def _try_to_send(self, link: Link, cid: Cid) -> bool:
        try:
            link.send_blob(cid)
        except LinkLost as lost:
            self._drop(link, lost)
            return False
        return True

    def forget_blob(self, cid: Cid) -> None:
        """A blob is no more; the standbys hear of it soon."""
        with self._turn, self._lock:
            for link in (*self._joining, *self._behind, *self._in_step):
                link.owe(cid, kept=False)
            for fed in self._fed:
                fed.owe(cid, kept=False)

    # -- what people ask

    def verify(self, name: str, told: Callable[[str, int, int], object]) -> Report:
        """Compare everything that a standby has with what is here, while writes go on. Raises LinkLost, NoSuchStandby.

        told: what is compared, how much of it, and of how much.
        """
        with self.standing_still(name) as link:
            link.deliver(anew=True)
            return verify(link, self._path, self._blobs, told)

    @contextmanager
    def standing_still(self, name: str) -> Iterator[Link]:
        """A standby that has what is here; within, nobody folds a log, so that both files stand still. Raises LinkLost,
        NoSuchStandby."""
        with self._turn:
            link = self._up_to_date(name)
            if not self._frames and link.position != NOWHERE:
                link.fold()  # as was done here
            with self._lock:
                self._joining.append(link)
        try:
            yield link
        finally:
            with self._lock:
                self._joining.remove(link)

    def _up_to_date(self, name: str) -> Link:
        """With the turn, which waiting lets go. Raises NoSuchStandby, LinkLost."""
        with self._lock:
            link = next((link for link in (*self._in_step, *self._behind) if link.name == name), None)
        if link is None:
            raise NoSuchStandby
        self._news.wait_for(lambda: link not in self._carrying)
        self._carry(link)
        return link

    def hand_over(self, name: str, last: Callable[[Link], object] = lambda link: None) -> None:
        """Let a standby be the primary: nothing is acknowledged here any more, and it has everything.

        last: what is still to be done then, before it hears of it. If that fails, or it refuses, all is as it was.
        Raises NoSuchStandby, LinkRefused, Unsure (writes wait until `fence` or `take_back`), and what `last` raises.
        """
        with self._turn:
            link = self._up_to_date(name)
            link.pay()
            last(link)
            with self._lock:
                self._handed = True  # before it hears of it: it may answer its first member before we hear its answer
            try:
                link.exchange(Succeed())
            except LinkRefused:
                self.take_back()
                raise
            except LinkLost:
                raise Unsure from None
            self.fence()

    def take_back(self) -> None:
        """The standby that was to succeed does not: writes go on."""
        with self._lock:
            self._handed = False
            self._company.notify_all()

    def states(self) -> dict[str, str]:
        """Each connected standby by name, and how it is: "in step" and so on."""
        with self._lock:
            return {
                link.name: f"{link.state}, {LOCKED}" if link.locked else link.state
                for link in (*self._joining, *self._in_step, *self._behind)
            }

    def part(self, name: str) -> None:
        """End the link to a standby that is one no more."""
        with self._lock:
            for link in (*self._joining, *self._in_step, *self._behind):
                if link.name == name:
                    link.close()

    def go_on_alone(self, *, alone: bool) -> None:
        """Whether writes are acknowledged while no standby is in step."""
        with self._lock:
            self._wait, self._wait_once_in_step = not alone, False
            self._company.notify_all()
        with self._turn:
            if alone and self._opened.is_set() and not self._witnessed:
                self._be_sure()

    def wait_once_in_step(self) -> None:
        """Writes go on while the first standby takes its first copy, and wait for it from then on."""
        with self._lock:
            self._wait_once_in_step = True

    def begin(self) -> None:
        """The network is open: from now on writes wait."""
        with self._lock:
            self._begun = True

    def leave(self) -> None:
        """This machine is about to stop: nobody waits longer than a moment for a standby any more."""
        with self._lock:
            self._leaving = True
            self._company.notify_all()

    def fence(self) -> None:
        """Acknowledge nothing any more: another machine does."""
        with self._lock:
            self._fenced = True
            self._company.notify_all()

    def close(self) -> None:
        """No more writes; all links end, and whoever waits for a standby waits no more. Before the database closes."""
        self._closed.set()
        with self._lock:
            self._company.notify_all()
            links = (*self._joining, *self._in_step, *self._behind)
        for link in links:  # also for who has the turn, and waits for an answer
            link.close()
        with self._turn:
            self._news.notify_all()
            for fed in self._fed:
                fed.close()
            self._log.close()
            self._acknowledged.close()
