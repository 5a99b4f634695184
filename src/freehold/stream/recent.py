"""The newest public events, in memory: who follows closely reads them here and not from the file.

In come the events of each group once they are acknowledged, on the writer's thread; any thread may ask for them. They
are few and small together, none is here that is not in the log, and who asks for one that is not here reads the log.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from freehold.protocol.cid import Cid

MOST = 256
MAX_BYTES = 1_500_000


class Changed(NamedTuple):
    """A record that a commit brought, or took away (None). value: its JSON form, where it was found to fit its lexicon
    before it was encoded."""

    path: str
    cid: Cid | None
    data: bytes | None
    value: dict[str, Any] | None


class Told(NamedTuple):
    """What the frame of a commit says, as who appended it knew it: what is heard in the same process need not be read
    out of the frame again."""

    rev: str
    changes: tuple[Changed, ...]


class Event(NamedTuple):
    """A public event. at: micros since 1970 UTC. frame: the whole websocket message, seq and time included. told: what
    a commit says, where it is known."""

    seq: int
    kind: str
    did: str
    at: int
    frame: bytes
    told: Told | None = None


class Recent:
    """The events by their numbers. A look at one of them, and a change of one, is atomic; nothing else has to be."""

    def __init__(self) -> None:
        self._events: dict[int, Event] = {}
        self._bytes = 0
        self.get = self._events.get

    def add(self, events: Iterable[Event]) -> None:
        """Take in what was appended; the oldest go."""
        kept = self._events
        for event in events:
            kept[event.seq] = event
            self._bytes += len(event.frame)
        while kept and (len(kept) > MOST or self._bytes > MAX_BYTES):
            self._bytes -= len(kept.pop(next(iter(kept))).frame)

    def clear(self) -> None:
        """Let go of all: nobody follows just now, or what an event says has changed."""
        self._events.clear()
        self._bytes = 0

    def after(self, seq: int, last: int, limit: int, max_bytes: int) -> list[Event] | None:
        """The events with numbers above `seq` up to `last`: at most `limit`, some `max_bytes` of frames. None where
        one of them is not here."""
        found: list[Event] = []
        size = 0
        for number in range(seq + 1, min(last, seq + limit) + 1):
            event = self.get(number)
            if event is None:
                return None
            found.append(event)
            size += len(event.frame)
            if size >= max_bytes:
                break
        return found
