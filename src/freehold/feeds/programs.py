"""The feeds that the owner adds: a file of Python each, in DIRECTORY/feeds, and what each of them wants.

    name = "Bread"
    description = "Everything about bread."

    def wants(post):
        return "It is about bread" if "bread" in post.text.lower() else None

A feed is asked about the newest posts when somebody reads it, at most every FRESH_SECONDS; what it wanted before and is
older than those it is shown still. A feed that fails shows what it had, and its fault is told to the owner in the log,
and on the page of feeds.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from heapq import nlargest
from pathlib import Path

from freehold.appview.feeds import Item
from freehold.feeds.own import BEST, DISCOVER_HOURS, WORDS
from freehold.feeds.questions import Answer, Question
from freehold.feeds.ranking import Pick, Standing, in_order, stands_at
from freehold.feeds.reasons import Why
from freehold.feeds.records import Words
from freehold.feeds.sieve import Sieve
from freehold.feeds.window import Seen
from freehold.protocol.refused import InvalidRequest, Refused

logger = logging.getLogger(__name__)

FOLDER = "feeds"
FIRST_LOOKS, LOOKS = 5_000, 1_000
"""How many of the newest feed items a feed is asked about the first time, and from then on."""
FRESH_SECONDS, FAILED_SECONDS = 15.0, 60.0
MOST = 50
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


class FeedFails(Refused):
    """A feed of the owner's that fails and has nothing to show."""

    kind, name = "unavailable", "FeedUnavailable"
    say = "This feed does not work at the moment. The owner of this network is told why."


class BadFeedName(InvalidRequest):
    """A file whose name cannot be that of a feed."""

    say = (
        "A feed's file is called by small letters, digits and dashes, as bread.py, and not as one of the network's own."
    )


class Program:
    """A feed of the owner's. fault: what went wrong last, empty if nothing did."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.title = self.description = self.fault = ""
        self.standings: list[Standing] = []
        self._until = 0.0
        self._asked = False
        self._asking: asyncio.Task[None] | None = None

    @property
    def works(self) -> bool:
        """Whether it ever loaded."""
        return bool(self.title)

    def learn(self, answer: Answer) -> None:
        """Take over what it says of itself."""
        if answer.title:
            self.title, self.description = answer.title, answer.description
        if answer.fault and answer.fault != self.fault:
            logger.error("the feed %s fails: %s", self.path, answer.fault)
        self.fault = answer.fault

    async def refresh(self, sieve: Sieve, window: Callable[[int], list[Seen]], fresh_seconds: float) -> None:
        """Ask it about the newest posts, unless that was just now; once, however many readers wait for it."""
        if time.monotonic() < self._until:
            return
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(sieve, window, fresh_seconds))
        await asyncio.shield(self._asking)

    def outdate(self) -> None:
        """Ask it anew when it is read next."""
        self._until = 0.0

    async def stop(self) -> None:
        """Ask it nothing more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    async def _ask(self, sieve: Sieve, window: Callable[[int], list[Seen]], fresh_seconds: float) -> None:
        seen = await asyncio.to_thread(window, LOOKS if self._asked else FIRST_LOOKS)
        answer = await sieve.ask(Question(str(self.path), [one.post for one in seen]))
        self.learn(answer)
        if answer.title:
            self._asked = True
            self._merge(seen, answer)
        self._until = time.monotonic() + (fresh_seconds if answer.title else FAILED_SECONDS)

    def _merge(self, seen: list[Seen], answer: Answer) -> None:
        """What it wants now; and what it wanted before, of older posts and of those on which it failed now."""
        oldest = seen[-1].moment if seen else 0
        failed = {seen[place].moment for place in answer.failed}
        before = [one for one in self.standings if one.moment < oldest or one.moment in failed]
        wanted = [_standing(seen[kept.place], kept.reason, kept.weight) for kept in answer.kept]
        self.standings = in_order(nlargest(BEST, [*wanted, *before], key=lambda one: one.moment))


class Programs:
    """The owner's feeds of one network. folder: of their files; the process that reads them works in another directory.
    window: the posts among so many newest feed items."""

    def __init__(
        self,
        folder: Path,
        window: Callable[[int], list[Seen]],
        *,
        sieve: Sieve | None = None,
        fresh_seconds: float = FRESH_SECONDS,
    ) -> None:
        self.folder = folder.absolute()
        self.all: dict[str, Program] = {}
        self._window = window
        self._sieve = sieve or Sieve()
        self._fresh_seconds = fresh_seconds

    @property
    def names(self) -> list[str]:
        """Those that work, or did."""
        return [name for name, program in self.all.items() if program.works]

    @property
    def words(self) -> dict[str, Words]:
        """What those say of themselves."""
        return {name: Words(self.all[name].title, self.all[name].description) for name in self.names}

    def fault(self, name: str) -> str:
        """What went wrong with a feed last; empty if nothing did."""
        return self.all[name].fault if name in self.all else ""

    async def load(self) -> None:
        """Read the folder anew. A feed that was there and does not load any more goes on with what it had."""
        paths = sorted(self.folder.glob("*.py"))[:MOST] if self.folder.is_dir() else []
        found = {}
        for path in paths:
            try:
                name = name_of(path)
            except BadFeedName:
                logger.error("%s is no feed: its name is not one that a feed can have", path)
                continue
            found[name] = program = self.all.get(name) or Program(path)
            program.outdate()
            program.learn(await self._sieve.ask(Question(str(path))))
        self.all = found

    async def try_file(self, path: Path) -> str:
        """What is wrong with a file, tried on the newest posts; empty if nothing is."""
        seen = await asyncio.to_thread(self._window, LOOKS)
        return (await self._sieve.ask(Question(str(path), [one.post for one in seen]))).fault

    async def standings(self, name: str) -> list[Standing]:
        """What a feed wants, in its order. Raises FeedFails."""
        program = self.all[name]
        await program.refresh(self._sieve, self._window, self._fresh_seconds)
        if program.fault and not program.standings:
            raise FeedFails(feed=name, fault=program.fault)
        return program.standings

    async def stop(self) -> None:
        """End the process that they run in."""
        for program in self.all.values():
            await program.stop()
        await self._sieve.stop()


def name_of(path: Path) -> str:
    """The name of the feed in a file. Raises BadFeedName."""
    if path.suffix != ".py" or not NAME.fullmatch(path.stem) or path.stem in WORDS:
        raise BadFeedName(path=str(path))
    return path.stem


def _standing(seen: Seen, reason: str, weight: float) -> Standing:
    pick = Pick(Item(seen.moment, seen.actor, seen.id), Why("said", name=reason))
    return Standing(stands_at(seen.moment, weight, DISCOVER_HOURS), seen.moment, pick)
