"""Who holds a connection open: how many in all, of one address and by one edge, and for how long without asking.

Addresses are counted in memory, as callers (`net.budgets.caller_of`), and forgotten with their last connection. When
there are too many in all, the oldest that waits for nothing makes room, those that never had an answer first: who comes
to ask asks at once, who only holds does not. A request that comes in drops (slow loris) is cut off.
Source: https://httpd.apache.org/docs/2.4/mod/mod_reqtimeout.html
"""

from collections import Counter
from typing import Protocol

from freehold.net.budgets import apart

HEAD_SECONDS = 15.0
"""How long a connection may be open, or a request's head may take, before that is whole. Keep-alive is uvicorn's."""
BODY_SECONDS = 30.0
BODY_SLOWEST = 1_000
"""Bytes a second at least of a body, on average, after the first half minute."""
SWEEP_SECONDS = 5.0
OF_ONE_EDGE = 0.5
"""The part of all connections that may come by one edge."""


class Held(Protocol):
    """A connection. who: the caller. reading_since: when the first byte of what is being read came; 0: nothing is."""

    who: str
    reading_since: float
    body_bytes: int

    @property
    def is_asking(self) -> bool:
        """Is a whole request of it in the application's hands, or its body under way?"""
        ...

    def cut_off(self) -> None:
        """End it, without a word."""
        ...


class Connections:
    """All of one process. most: in all; most_each: of one caller."""

    def __init__(self, most: int, most_each: int) -> None:
        self.most, self.most_each = most, most_each
        self.cut_off = 0
        """Since the start: slow ones, and those that made room."""
        self._of: Counter[str] = Counter()
        self._sockets: Counter[str] = Counter()
        self._new: dict[Held, None] = {}
        self._known: dict[Held, None] = {}

    def __len__(self) -> int:
        return len(self._new) + len(self._known)

    def enter(self, one: Held, trusted: bool) -> bool:
        """A new one; False if it cannot be had. trusted: of a proxy of ours, which speaks for many."""
        edge = apart(one.who)[1]
        if not trusted and self._of[one.who] >= self.most_each:
            return False
        if edge and self._of[edge] >= self.most * OF_ONE_EDGE:
            return False
        if len(self) >= self.most and not self.make_room():
            return False
        self._new[one] = None
        self._of[one.who] += 1
        if edge:
            self._of[edge] += 1
        return True

    def served(self, one: Held) -> None:
        """It has had its first answer."""
        if one in self._new:
            del self._new[one]
            self._known[one] = None

    def leave(self, one: Held) -> None:
        """It is gone."""
        if self._forget(one):
            self._less(one.who)

    def upgraded(self, one: Held) -> None:
        """It is a websocket from now on: no head is awaited of it any more."""
        if self._forget(one):
            self._sockets[one.who] += 1

    def socket_left(self, who: str) -> None:
        """A websocket is gone."""
        self._sockets[who] -= 1
        if self._sockets[who] <= 0:
            del self._sockets[who]
        self._less(who)

    def follows(self, who: str) -> bool:
        """Has this caller a websocket open?"""
        return who in self._sockets

    def _forget(self, one: Held) -> bool:
        known = one in self._known or one in self._new
        self._new.pop(one, None)
        self._known.pop(one, None)
        return known

    def _less(self, caller: str) -> None:
        for who in filter(None, (caller, apart(caller)[1])):
            self._of[who] -= 1
            if self._of[who] <= 0:
                del self._of[who]

    def sweep(self, now: float) -> None:
        """Cut off those that take too long to say what they want. now: seconds, as in `reading_since`."""
        for one in [one for group in (self._new, self._known) for one in group if is_slow(one, now)]:
            self._end(one)

    def make_room(self) -> bool:
        """End the one that can be missed most; False if all are being answered."""
        for group in (self._new, self._known):
            for one in group:
                if not one.is_asking:
                    self._end(one)
                    return True
        return False

    def _end(self, one: Held) -> None:
        self.cut_off += 1
        self.leave(one)
        one.cut_off()


def is_slow(one: Held, now: float) -> bool:
    """Does what it is sending take too long?"""
    if not one.reading_since:
        return False
    passed = now - one.reading_since
    if not one.is_asking:
        return passed > HEAD_SECONDS
    return passed > BODY_SECONDS + one.body_bytes / BODY_SLOWEST
