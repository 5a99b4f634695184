"""Clocks in the parts of a running server: how much CPU time each takes, none counted twice.

`install` puts a clock around the functions of `PARTS`, where they are looked up; the functions do what they did.
A clock measures its own thread's CPU time and leaves out what the clocks inside it measure. What no clock sees is the
door's (HTTP, event loop) on the main thread, and the hand-over between threads on the others.
A clock costs about a microsecond and a half, so the sum lies somewhat above that of a server without them.
"""

import inspect
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from freehold.api import answers, app, door
from freehold.appview.chains import Chains
from freehold.appview.index import Index
from freehold.appview.page import Page
from freehold.appview.views import Views
from freehold.pds import repositories
from freehold.pds.repositories import Repositories
from freehold.pds.writes import Writes
from freehold.protocol.lexicon import Catalog
from freehold.store.database import Database

HTTP, HAND_OVER = "HTTP and event loop", "hand-over between threads"
AUTH, VALIDATE, ENCODE, TREE, SIGN = "auth", "parse and validate", "encode and hash", "tree and diff", "sign"
EVENT, TRANSACTION, INDEX = "event (frame, log row)", "transaction (SQL, fsync)", "index"
SKELETON, HYDRATE, PRESENT, JSON = "skeleton (which posts)", "hydrate", "present", "JSON"

PARTS: tuple[tuple[Any, str, str], ...] = (
    (app, "authenticate", AUTH),
    (app, "known", AUTH),
    (door, "read_json", VALIDATE),
    (Writes, "_checked", VALIDATE),
    (Writes, "_prepare", ENCODE),
    (Repositories, "write_all", TREE),
    (Repositories, "_opened", TRANSACTION),
    (Repositories, "_move", TRANSACTION),
    (repositories, "change", TREE),
    (Repositories, "_sign", SIGN),
    (repositories, "_said", EVENT),
    (repositories, "append_all", EVENT),
    (Index, "_news", INDEX),
    (Views, "get_timeline", PRESENT),
    (Chains, "newest", SKELETON),
    (Page, "__init__", HYDRATE),
    (Page, "load_posts", HYDRATE),
    (Page, "load_states", HYDRATE),
    (answers, "encode", JSON),
)
"""Where a function is looked up, its name, and the part that it belongs to. What is async here never waits."""


class Account:
    """CPU time by part, in nanoseconds since the start."""

    def __init__(self) -> None:
        self._threads: list[Counter[str]] = []
        self._here = threading.local()

    def clock(self, fn: Callable[..., Any], part: str) -> Callable[..., Any]:
        """`fn` with a clock around it."""
        if inspect.iscoroutinefunction(fn):

            @wraps(fn)
            async def timed_async(*args: Any, **named: Any) -> Any:
                began = self._enter()
                try:
                    return await fn(*args, **named)
                finally:
                    self._leave(part, began)

            return timed_async

        @wraps(fn)
        def timed(*args: Any, **named: Any) -> Any:
            began = self._enter()
            try:
                return fn(*args, **named)
            finally:
                self._leave(part, began)

        return timed

    def _enter(self) -> int:
        here = self._here
        if not hasattr(here, "inner"):
            spent: Counter[str] = Counter()
            here.inner, here.spent = [], spent
            self._threads.append(spent)
        here.inner.append(0)
        return time.thread_time_ns()

    def _leave(self, part: str, began: int) -> None:
        here = self._here
        spent = time.thread_time_ns() - began
        here.spent[part] += spent - here.inner.pop()
        if here.inner:
            here.inner[-1] += spent

    def totals(self) -> dict[str, int]:
        """By part, with what no clock saw. Call it on the main thread."""
        main = time.thread_time_ns()
        seen: Counter[str] = Counter()
        for spent in list(self._threads):
            seen.update(spent)
        seen_here: int = self._here.spent.total() if hasattr(self._here, "spent") else 0
        unseen_elsewhere = time.process_time_ns() - main - (seen.total() - seen_here)
        return {**seen, HTTP: main - seen_here, HAND_OVER: unseen_elsewhere}


def install(account: Account) -> None:
    """Put the clocks in. For a process that does nothing else: they stay."""
    for owner, name, part in PARTS:
        setattr(owner, name, account.clock(getattr(owner, name), part))
    _clock_bodies(account)
    _clock_writers(account)


def _clock_bodies(account: Account) -> None:
    """The checks of request bodies are closures, made at a method's first call."""
    compile_input = Catalog.input

    def clocked(self: Catalog, nsid: str) -> Any:
        body = compile_input(self, nsid)
        return body._replace(check=account.clock(body.check, VALIDATE)) if body and body.check else body

    Catalog.input = clocked  # type: ignore[method-assign]


def _clock_writers(account: Account) -> None:
    """The two files have a writer each: what it does besides the parts above is SQLite's work and its own."""
    open_database = Database.__init__

    def opened(self: Database, *args: Any, **named: Any) -> None:
        open_database(self, *args, **named)
        if self._writer is not None:
            part = TRANSACTION if self.durable else INDEX
            self._writer._write = account.clock(self._writer._write, part)  # type: ignore[method-assign]

    Database.__init__ = opened  # type: ignore[method-assign]
