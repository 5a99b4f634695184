"""Who people are by the directory: asked some at a time, and once more later where it may have told what was.

In come DIDs, out go their hosts, keys and handles as they stand now.
"""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from freehold.identity import resolver
from freehold.outside import people
from freehold.outside.messages import Dropped, Identity
from freehold.outside.people import Person
from freehold.outside.sources import Source
from freehold.store.clock import Clock

LATER_MAX, LATER_AT_ONCE = 10_000, 100
ASKED_AT_ONCE = 4
"""People of one batch."""


class Answer(NamedTuple):
    """What the directory says of somebody; None where nobody can say, and they stay as they are known. began: when it
    was asked (micros)."""

    person: Person | None
    began: int


Answers = dict[str, Answer]


class Asking:
    """Asks, and remembers who is to be asked for again."""

    def __init__(self, identity: resolver.Identity, clock: Clock) -> None:
        self._identity, self._clock = identity, clock
        self._later: dict[str, tuple[int, tuple[Source, Identity]]] = {}

    async def ask_for(self, dids: Sequence[str]) -> Answers:
        """Who these are, some asked for at a time."""
        answers: Answers = {}
        for at in range(0, len(dids), ASKED_AT_ONCE):
            some = dids[at : at + ASKED_AT_ONCE]
            answers |= zip(some, await asyncio.gather(*map(self.ask, some)), strict=True)
        return answers

    async def ask(self, did: str) -> Answer:
        """What the directory says of one."""
        began = self._clock()
        try:
            return Answer(await people.person(self._identity, did, doubted=True), began)
        except Dropped:
            return Answer(None, began)

    def doubt(self, source: Source, message: Identity, began: int) -> None:
        """Ask once more later, where the directory was asked too shortly before: it may have told what was."""
        asked = self._identity.asked_at(message.did)
        if asked is not None and asked < began and len(self._later) < LATER_MAX:
            self._later[message.did] = asked + resolver.AGAIN_AFTER, (source, message)

    def due(self) -> list[tuple[Source, Identity]]:
        """What was said of those whose time has come, who are forgotten here."""
        now = self._clock()
        due = list(islice((told for at, told in self._later.values() if at <= now), LATER_AT_ONCE))
        for _, message in due:
            del self._later[message.did]
        return due
