"""Which connections are opened by TLS, and whose first, while more come than can be.

A handshake takes about a millisecond of the event loop and costs whoever asks for it next to nothing, so a flood of
them needs no requests. While there is no siege every connection is opened, and counted. During one it is decided before
anything is computed: callers at whose address a member was seen lately come first, then those who show a ticket of an
earlier visit, then everybody else, each with a share of the loop's time (`net.siege`), each address in its turn, and
one edge with a part of what all strangers have, since it can invent addresses. Others are hung up on. An edge that asks
for itself whether all is well has a lane of its own: not heard, it would take the network for gone.

Whether a ticket counts is known only after its handshake. But tickets of one key begin alike: so those that counted
teach how ours begin, and who shows such a beginning without a ticket is a stranger from then on.
Source: https://www.rfc-editor.org/rfc/rfc5077#section-4 (a ticket begins with its key's name, as OpenSSL's do)
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from freehold.net.budgets import Budgets, Limit, TooMany, apart
from freehold.net.limiter import Lane, Limiter
from freehold.net.siege import HANDSHAKE_SECONDS, HANDSHAKES, OF_ONE_EDGE, Rank, Siege

OF_ONE_KNOWN = Limit("handshakes", points=120, seconds=30)
"""What an address has as a known one: many members may be behind it, and somebody who floods."""
KEY_NAME_BYTES = 16
MOST_KEY_NAMES = 64
"""Each certificate has a key for its tickets, and each renewed one another. All are looked for in a first message."""
LIAR_SECONDS = 900.0
MOST_LIARS = 20_000


class Turn:
    """One that may be opened, while the `with` lasts. rank: as what; None: nobody has to wait. limiters: in which it is
    counted. resumed: did its ticket count? None: it has not come to that."""

    def __init__(
        self, leave: Callable[["Turn"], None], caller: str, ticket: bytes, rank: Rank | None, limiters: list[Limiter]
    ) -> None:
        self._leave, self.caller, self.ticket, self.rank, self.limiters = leave, caller, ticket, rank, limiters
        self.resumed: bool | None = None

    def __enter__(self) -> "Turn":
        return self

    def __exit__(self, *_: object) -> None:
        for limiter in self.limiters:
            limiter.leave(self.caller)
        self._leave(self)


class Handshakes:
    """Of one process. is_known: was a member at this caller's address lately? now: seconds that do not go back."""

    def __init__(
        self, siege: Siege, is_known: Callable[[str], bool], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._siege, self._is_known, self._now = siege, is_known, now
        self._budgets = Budgets(lambda: int(now() * 1e6))
        self._key_names: OrderedDict[bytes, float] = OrderedDict()
        self._liars: OrderedDict[str, float] = OrderedDict()
        self._edges: dict[tuple[str, Rank], Limiter] = {}

    @property
    def are_paced(self) -> bool:
        """Is there a siege?"""
        return self._siege.on

    def turns_away(self, caller: str, data: bytes) -> bool:
        """Has this one no chance just now? By who it is, and what has come of its first message, unread. Counts it."""
        at, lane = self._now(), self._siege.handshakes["unknown"]
        if not self._siege.on or at >= lane.rests_until or self._is_known(caller):
            return False
        if any(name in data for name in self._key_names):
            return False
        lane.refused()
        self._siege.connects()
        self._siege.handshakes_refused += 1
        return True

    def enter(self, caller: str, ticket: bytes, *, edge_itself: bool = False) -> Turn | None:
        """May this one be opened? None: hang up. edge_itself: an edge speaks for nobody else."""
        known = self._is_known(caller)
        if not (known or edge_itself):
            self._siege.connects()
        if not self._siege.on:
            return Turn(self._learn, caller, ticket, None, [])
        ranks: Iterable[Rank] = ("edge",) if edge_itself else self._ranks(caller, ticket, known)
        for rank in ranks:
            limiters = self._let_in(rank, caller)
            if limiters:
                return Turn(self._learn, caller, ticket, rank, limiters)
        self._siege.handshakes_refused += 1
        return None

    def _learn(self, turn: Turn) -> None:
        """Whether its ticket counted."""
        if not turn.ticket or turn.resumed is None:
            return
        if turn.resumed:
            _keep(self._key_names, turn.ticket[:KEY_NAME_BYTES], 0.0, MOST_KEY_NAMES)
        elif turn.rank == "returning":
            _keep(self._liars, turn.caller, self._now() + LIAR_SECONDS, MOST_LIARS)

    def _ranks(self, caller: str, ticket: bytes, known: bool) -> Iterator[Rank]:
        """As what this one may come, the best first."""
        if known and self._has_budget(caller):
            yield "known"
        if ticket[:KEY_NAME_BYTES] in self._key_names and self._liars.get(caller, 0.0) < self._now():
            yield "returning"
        yield "unknown"

    def _has_budget(self, caller: str) -> bool:
        try:
            self._budgets.spend(OF_ONE_KNOWN, caller)
        except TooMany:
            return False
        return True

    def _let_in(self, rank: Rank, caller: str) -> list[Limiter]:
        """In what it is counted from now on; nothing where there is no room."""
        at, edge = self._now(), apart(caller)[1]
        entered: list[Limiter] = []
        of_edge = [self._of_edge(edge, rank)] if edge and rank != "known" else []
        for limiter in (*of_edge, self._siege.handshakes[rank]):
            if not limiter.enter(caller, at):
                for each in entered:
                    each.leave(caller)
                return []
            entered.append(limiter)
        for each in entered:
            each.spent(HANDSHAKE_SECONDS, at)
        return entered

    def _of_edge(self, edge: str, rank: Rank) -> Limiter:
        limiter = self._edges.get((edge, rank))
        if limiter is None:
            whole = HANDSHAKES[rank]
            lane = Lane(edge, most=int(whole.most * OF_ONE_EDGE), each=whole.each, share=whole.share * OF_ONE_EDGE)
            limiter = self._edges[edge, rank] = Limiter(lane)
        return limiter


def _keep(held: "OrderedDict[Any, float]", key: object, until: float, most: int) -> None:
    """Remember it, and forget the oldest."""
    held[key] = until
    held.move_to_end(key)
    if len(held) > most:
        held.popitem(last=False)
