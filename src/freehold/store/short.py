"""Short writes run on the event loop that asks for them; only their commit, with its sync, is another thread's.

Two threads of Python have one interpreter by turns. A statement of SQL gives it away, and to have it back means to wait
for the event loop, on another core with cold caches: for writes of ten statements each that cost more than anything in
them. So those that came while a commit was on its way are run here as a group, one after the other, as the writer's
thread would have, and then the group is handed over once. Whatever is not short, or meets somebody else who writes,
goes to the writer's thread.
"""

import asyncio
import threading
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

MOST = 16
"""In a group: some milliseconds, in which the event loop does nothing else."""


class Asked(Protocol):
    """A write, and whom to answer."""

    loop: asyncio.AbstractEventLoop | None
    error: BaseException | None


J = TypeVar("J", bound=Asked)


class Turns(Protocol[J]):
    """What a writer does for those who write elsewhere than on its thread: see `writer.Writer`."""

    def assure_open(self) -> None: ...
    def submit(self, job: J) -> None: ...
    def take_turn(self) -> bool: ...
    def run(self, group: list[J]) -> None: ...
    def pass_turn(self) -> None: ...
    def conclude(self, group: list[J], error: Exception | None) -> None: ...
    def give_turn_back(self) -> None: ...
    def answer(self, group: list[J]) -> None: ...


class ShortWrites(Generic[J]):
    """Those of one writer. Jobs come on their event loops' threads."""

    def __init__(self, writer: Turns[J]) -> None:
        self._writer = writer
        self._lock = threading.Lock()
        self._waiting: list[J] = []
        self._busy: asyncio.AbstractEventLoop | None = None
        self._ran: SimpleQueue[tuple[list[J], Exception | None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def offer(self, job: J) -> None:
        """Have a job run with the next group. Raises StoreFailed when no more are taken."""
        assert job.loop is not None
        self._writer.assure_open()
        with self._lock:
            if self._busy is None:
                self._busy = job.loop
                job.loop.call_soon(self._begin)  # those that are read from their sockets in this round come along
            elif self._busy is not job.loop:
                self._writer.submit(job)
                return
            self._waiting.append(job)

    def give_up(self) -> None:
        """Leave what waits here to the writer's thread: their event loop may never come to it."""
        with self._lock:
            jobs, self._waiting, self._busy = self._waiting, [], None
        self._leave(jobs)

    def end(self) -> None:
        """Let the thread go. Nothing may be on its way."""
        if self._thread is not None:
            self._ran.put(None)
            self._thread = None

    # -- on the event loop -------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Run the next group, if the writer's turn can be had; else leave it to the writer's thread."""
        with self._lock:
            jobs, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if not jobs:
                self._busy = None
                return
        if not self._writer.take_turn():
            self._leave(jobs)
            self._begin()
            return
        error = None
        try:
            self._writer.run(jobs)
        except Exception as failed:  # the whole group is lost; it is for the thread to say so
            error = failed
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="commits", daemon=True)
            self._thread.start()
        self._writer.pass_turn()
        self._ran.put((jobs, error))

    def _leave(self, jobs: list[J]) -> None:
        for job in jobs:
            try:
                self._writer.submit(job)
            except Exception as refused:
                job.error = refused
                self._writer.answer([job])

    # -- on the thread -----------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while (ran := self._ran.get()) is not None:
            jobs, error = ran
            loop = jobs[0].loop
            self._writer.conclude(jobs, error)
            self._writer.give_turn_back()
            del ran, jobs  # nothing of what was written is kept until the next comes
            try:
                assert loop is not None
                loop.call_soon_threadsafe(self._begin)
            except RuntimeError:  # it was closed
                self.give_up()
