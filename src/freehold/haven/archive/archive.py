"""One archive of a network, written: fed by the carrier, which never waits for it, and sent on a thread of its own.

In come stretches of the log (also on the writer's thread, before a fold), the database file when a new base is due, and
word of blobs; they are spooled on local disk at once. Out go objects, in an order in which every moment that can be
chosen for a restore is whole: blobs before the log that names them, chunks before the head of a base.
What cannot be sent waits; beyond a limit it is given up, and a new base begins when the archive is in reach again.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from freehold.haven.archive import expiring
from freehold.haven.archive.forms import KEY, Generation, Papers, Piece, epoch_name
from freehold.haven.archive.memory import FORM, recalled, remember
from freehold.haven.archive.pages import Gathering
from freehold.haven.archive.sealing import ArchiveKey
from freehold.haven.archive.sending import Pace, Sender
from freehold.haven.archive.spool import Spool
from freehold.haven.archive.stores import NoObject, OutOfReach, Store
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused
from freehold.store.blobs import BlobStore
from freehold.store.clock import Clock
from freehold.store.database import StoreFailed
from freehold.store.wal import NOWHERE, Position, Stretch
from freehold.stream.log import Log

logger = logging.getLogger(__name__)

HOUR_MICROS = 3600 * 1_000_000
BEGUN_BEFORE = 16
"""A base is begun this part of its time before it is due, so that it is there by then, and what is older gone."""
COPIED_AT_ONCE = 16_777_216
SEGMENT_BYTES = 16_777_216
LONGEST_PAUSE_SECONDS = 60.0
CLAIM_SECONDS = 60.0
FLUSH_SECONDS = 5.0
FOLD_TRIES = 20
FOLD_PAUSE_SECONDS = 0.1


class Superseded(Refused):
    """A machine of a newer epoch writes this archive, or another one of the same."""

    kind, name = "conflict", "Superseded"
    say = "Another machine writes this archive now. This one does no more."


class Plan(NamedTuple):
    """How an archive is kept, by the settings. every_seconds: at most so much is lost with the machine.
    max_bytes_per_second: that are sent; 0: as fast as they go. forget_hours: how long the stream still tells what was
    deleted."""

    every_seconds: int = 10
    base_hours: int = 24
    keep_hours: int = 48
    spool_max_bytes: int = 4_000_000_000
    rehearse_days: int = 7
    max_bytes_per_second: int = 0
    forget_hours: int = 24


class Source(NamedTuple):
    """What is archived of a network. epoch: of this machine's reign. papers: what they are now.
    fold: puts the log into the database file."""

    files: BlobStore
    log: Log
    epoch: int
    papers: Callable[[], Papers]
    clock: Clock
    fold: Callable[[], bool]


class Archive:
    """The archive at `store` as this machine writes it; `folder` is its own on local disk. `start`, then `close`."""

    def __init__(self, name: str, folder: Path, store: Store, key: ArchiveKey, source: Source, plan: Plan) -> None:
        self.name = f"archive {name}"
        self.state = "beginning"
        self.folder = folder
        self._source, self._plan, self._store, self._key = source, plan, store, key
        self._turn = threading.RLock()
        self._bell = threading.Event()
        self._done = threading.Event()
        self.memory = recalled(folder)
        self.spool = Spool(folder / "spool")
        self.sender = Sender(store, key, source.files, source.papers, Pace(plan.max_bytes_per_second, self._done.wait))
        self._generation: Generation | None = None
        self._number = 1
        self.position = NOWHERE
        """Where the log ends that is here; a commit that has only begun is in memory."""
        self._gathering: Gathering | None = None
        """What it makes pieces of; None after something was left out, until a new base."""
        self._had_all_at = 0
        self._wants_base = False
        self._given_up = False
        self._compare = True
        self._purge = False
        self._owed: dict[Cid, bool] = {}
        self._claimed = -CLAIM_SECONDS
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
        self.trouble: Refused | None = None
        """Why nothing could be sent the last time."""
        self.purged = threading.Event()
        """Set when nothing older than the newest base is there."""
        self._recall()

    # -- what the carrier asks, on its threads

    @property
    def done(self) -> bool:
        """It wants nothing any more."""
        return self._done.is_set()

    def wants_file(self, ours: Position, ended: Position) -> bool:
        """Whether a new base is to begin, because one is due or because the log does not go on from where we are.

        ours: where the log ends. ended: where the one before it ended.
        """
        with self._turn:
            if self._given_up:
                return False  # before somebody can take it
            if self._wants_base or self._generation is None:
                return True
            here = self.position
            goes_on = here == ended or (here.salt == ours.salt and here.end <= ours.end)
            return here == NOWHERE or not goes_on

    def prepare(self) -> None:
        """Have the log folded: it holds what was deleted lately, and would be the beginning of this one."""
        with suppress(StoreFailed):
            for _ in range(FOLD_TRIES):
                if self._source.fold() or self._done.wait(FOLD_PAUSE_SECONDS):
                    return

    def copying(self, path: Path) -> Iterator[None]:
        """Copy the file, which stands still meanwhile, piece by piece. Raises OSError."""
        self.state = "copying"
        with path.open("rb") as file, self.spool.part.open("wb") as copy:
            self.spool.part.chmod(0o600)
            while part := file.read(COPIED_AT_ONCE):
                copy.write(part)
                yield

    def turn_over(self, start: Position) -> None:
        """The copy is the base of a new generation, whose log begins at `start`."""
        with self._turn:
            generation = Generation(self._source.epoch, self._source.clock())
            self.spool.begin(generation)
            self._generation, self._number, self.position = generation, 1, start
            self._gathering = Gathering(start)
            self._wants_base, self._compare = False, True
            memory = self.memory
            memory.generation, memory.salt, memory.end = str(generation), start.salt, start.end
            memory.number, memory.base_sent, memory.form = 1, False, FORM
            self._remember()
            self._bell.set()

    def carry(self, stretch: Stretch) -> None:
        """Take a stretch, unless it is here already: the writer and the carrier's thread may both bring it."""
        with self._turn:
            if stretch.salt == self.position.salt and stretch.position.end <= self.position.end:
                return
            if self._given_up or self.done or self._generation is None or self._gathering is None:
                self._gathering = None
            else:
                self._spool(self._generation, self._gathering, stretch)
            self.position = stretch.position

    def has_all(self) -> None:
        """What was committed until now is here, unless something had to be given up."""
        with self._turn:
            if self._gathering is not None:
                self._had_all_at = self._source.clock()

    def _spool(self, generation: Generation, gathering: Gathering, stretch: Stretch) -> None:
        here = self.position
        if stretch.salt == here.salt and stretch.start < here.end:
            stretch = Stretch(stretch.salt, here.end, stretch.data[here.end - stretch.start :])
        pages = gathering.take(stretch)
        if pages is None:
            return
        piece = Piece.of(self._source.clock(), pages)
        try:
            if self.spool.bytes + len(piece.images) > self._plan.spool_max_bytes:
                raise OSError("the spool is full")
            self.spool.add(generation, self._number, piece)
        except OSError as error:
            logger.error("%s: its log cannot be kept here (%s); a new base will begin later", self.name, error)
            self.spool.drop_all()
            self._gathering, self._given_up, self._claimed = None, True, -CLAIM_SECONDS

    def owe(self, cid: Cid, *, kept: bool) -> None:
        """A blob that was kept, or is no more."""
        with self._turn:
            self._owed[cid] = kept
        self._bell.set()

    def close(self) -> None:
        """Take nothing any more. `finish` waits for the end."""
        self._done.set()
        self._bell.set()

    # -- what the operator asks

    def start(self) -> None:
        """Send from now on."""
        self._thread.start()

    def finish(self) -> None:
        """After `close`: wait a little while the rest is sent."""
        if self._thread.is_alive():
            self._thread.join(FLUSH_SECONDS)
        with self._turn:
            self.spool.end_file()

    def purge(self) -> None:
        """Begin a new base at once, and drop all older ones when it is there: `purged` is set then."""
        with self._turn:
            self.purged.clear()
            self._purge = self._wants_base = True

    def rehearsal_is_due(self) -> bool:
        """Whether it is time to restore it once, to see that it can be."""
        memory, after = self.memory, self._plan.rehearse_days * 24 * HOUR_MICROS
        return memory.base_sent and self._source.clock() - memory.rehearsed_at >= after

    def rehearsed(self, at: int, to: int, wrong: str) -> None:
        """Remember what a rehearsal found. to: the moment that was restored."""
        with self._turn:
            self.memory.rehearsed_at, self.memory.rehearsed_to, self.memory.rehearsal = at, to, wrong
            self._remember()

    # -- sending, on a thread of its own

    def _work(self) -> None:
        pause = 1.0
        while not self.done:
            self._bell.wait(min(pause, self._plan.every_seconds))
            self._bell.clear()
            pause = self._attempt(pause)
            if pause > 1.0:
                self._done.wait(pause)  # out of reach: word of blobs must not make it try all the time
        if pause == 1.0:
            self._attempt(pause)

    def _attempt(self, pause: float) -> float:
        """Do what is to be done; how long to wait before the next time."""
        try:
            self.step()
            self.trouble = None
            return 1.0
        except StoreFailed:
            return pause  # the database was closed: this is soon done
        except Superseded as refused:
            self.state, self.trouble = refused.say, refused
            logger.error("%s: %s", self.name, refused.say)
            self.spool.drop_all()
            self._done.set()
        except Refused as refused:
            self.state, self.trouble = refused.say, refused
            logger.warning("%s: %s", self.name, refused.say)
        except Exception:
            self.state = "something went wrong here: see the log"
            logger.exception("%s could not be written", self.name)
        return min(pause * 2, LONGEST_PAUSE_SECONDS)

    def step(self) -> None:
        """Send what there is. Raises OutOfReach, Superseded."""
        self._assure_claim()
        with self._turn:
            if self._given_up:
                self._given_up, self._wants_base = False, True
        if self._generation is None:
            return
        self._send_blobs()
        if not self.done:  # then the database is closed; the next start goes on
            self._send_erasures()
        self._send_spool()
        self._expire()
        self.state = "in step"

    def _assure_claim(self) -> None:
        """Be the one who writes under this epoch, and have heard of no newer one. Raises Superseded."""
        if time.monotonic() - self._claimed < CLAIM_SECONDS:
            return
        ours = epoch_name(self._source.epoch)
        names = [name for name, _ in self._store.entries("epoch")]
        if any(name > ours for name in names):
            raise Superseded
        writer = self.memory.writer.encode()
        if ours not in names:
            self._remember()  # who claims must know it after a restart
            self._store.put_new(ours, writer)
        if self._store.get(ours) != writer:
            raise Superseded
        try:
            self._store.get(KEY)
        except NoObject:
            raise OutOfReach("What is at the archive's address is not this archive.") from None
        self._claimed = time.monotonic()

    def _send_blobs(self) -> None:
        if self._compare:
            self._compare = False
            try:
                self._owe_difference()
            except Refused:
                self._compare = True
                raise
        while True:
            with self._turn:
                if not self._owed:
                    return
                cid, kept = self._owed.popitem()
            try:
                self.sender.blob(cid) if kept else self._store.delete([self._key.blob_name(cid)])
            except Refused:
                with self._turn:
                    self._owed.setdefault(cid, kept)
                raise

    def _owe_difference(self) -> None:
        """Owe what is there too much or too little."""
        theirs = {name for name, _ in self._store.entries("blob")}
        ours = {self._key.blob_name(cid): cid for cid in self._source.files.cids()}
        with self._turn:
            for name in ours.keys() - theirs:
                self._owed.setdefault(ours[name], True)
        stray = theirs - ours.keys()
        still = {self._key.blob_name(cid) for cid in self._source.files.cids()} if stray else set()
        self._store.delete([name for name in stray if name not in still])

    def _send_erasures(self) -> None:
        """What the stream told since the last time. If some of it was cut already, only a new base is free of it."""
        memory, log = self.memory, self._source.log
        if memory.gone_after < 0:
            memory.gone_after = log.last
            self._remember()
        if memory.gone_after + 1 < log.oldest() and log.last > memory.gone_after:
            memory.gone_after = log.oldest() - 1
            self.purge()
        sent = self.sender.erasures(log, memory.gone_after)
        if sent != memory.gone_after:
            with self._turn:
                memory.gone_after = sent
                self._remember()

    def _send_spool(self) -> None:
        with self._turn:
            whole_until = self._had_all_at
            self.spool.end_file()
            if self._generation is not None and (waiting := self.spool.of(self._generation)):
                self._number = int(waiting[-1].name) + 1
        for generation in self.spool.generations():
            base = self.spool.base(generation)
            if base is not None:
                self.state = "sending a base"
                self.sender.base(generation, base, self._assure_claim)
                with self._turn:
                    if str(generation) == self.memory.generation:
                        self.memory.base_sent = True
                        self._remember()
                    base.unlink(missing_ok=True)
            for path in self._closed(generation):
                self._send_segment(generation, path)
        with self._turn:
            self.spool.tidy(self._generation)
            self.memory.sent_at = max(whole_until, self.memory.sent_at)
            self._remember()

    def _closed(self, generation: Generation) -> list[Path]:
        with self._turn:
            return [path for path in self.spool.logs() if path.parent.name == str(generation)]

    def _send_segment(self, generation: Generation, path: Path) -> None:
        self._assure_claim()
        pieces = list(self.spool.read(path))
        number = int(path.name)
        if pieces:
            self.sender.segment(generation.segment(number), pieces)
        with self._turn:
            if pieces and str(generation) == self.memory.generation:
                memory, end = self.memory, pieces[-1].position
                memory.salt, memory.end, memory.number = end.salt, end.end, number + 1
                memory.page_bytes = pieces[-1].page_bytes
                self._remember()
            if path.exists():  # unless it was given up meanwhile
                self.spool.sent(path)

    def _expire(self) -> None:
        """Drop what is older than the window, and ask for a new base when one is due."""
        now = self._source.clock()
        with self._turn:
            generation = self._generation
            if generation is None or not self.memory.base_sent or self._wants_base:
                return
            due = self._plan.base_hours * HOUR_MICROS
            if now - generation.begins >= due - due // BEGUN_BEFORE:
                self._wants_base = True
            purge, counted = self._purge, now - self.memory.counted_at < HOUR_MICROS
        if counted and not purge:
            return
        self._store.sweep()
        left = expiring.expire(
            self._store, generation, before=now - self._plan.keep_hours * HOUR_MICROS, all_older=purge
        )
        with self._turn:
            self.memory.size, self.memory.counted_at = left, now
            self._remember()
            if purge:
                self._purge = False
                self.purged.set()

    # -- remembering

    def _remember(self) -> None:
        remember(self.folder, self.memory)

    def _recall(self) -> None:
        """Where the log goes on, by what was sent and what waits; if that has a hole, a new base begins."""
        memory = self.memory
        if not memory.generation:
            return
        generation = Generation.parse(memory.generation)
        whole = memory.base_sent or self.spool.base(generation)
        if generation.epoch != self._source.epoch or memory.form != FORM or not whole:
            self.spool.drop(generation)
            return
        self._generation, self.position, self._number = generation, Position(memory.salt, memory.end), memory.number
        page_bytes = memory.page_bytes
        for path in self.spool.of(generation):
            for piece in self.spool.read(path):
                if piece.before != self.position:
                    if piece.position == self.position:
                        continue
                    self.spool.drop_all()
                    self._wants_base = True
                    return
                self.position, page_bytes = piece.position, piece.page_bytes
            self._number = int(path.name) + 1
        self._gathering = Gathering(self.position, page_bytes)
