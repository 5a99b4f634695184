"""When a flood has begun and when it is over, and what each kind of caller gets meanwhile.

Pure rules: in come moments, out comes whether there is a siege. It is told of every request and of every connection
that would begin TLS, asks every tick by how much the loop is late, and knows four signs that more comes than can be
answered: many requests that have not had their turn; the loop late three times in a row, or a little late most of the
time, while many ask; handshakes that take most of the loop's time; or the operator's word. It is over when everything
that strangers asked for would have fitted into a part of the loop's time for a while; what that is, is known from what
the few cost that were let in.
Source: https://doi.org/10.1145/3267809.3267823 (overload control in WeChat: queueing time as the sign, classes shed by
rank)
"""

import logging
from typing import Literal, NamedTuple

from freehold.net.limiter import Lane, Limiter

logger = logging.getLogger(__name__)

Mode = Literal["auto", "always", "never"]
Kind = Literal["member", "edge", "familiar", "proven", "entry", "stranger"]
Rank = Literal["known", "edge", "returning", "unknown"]

TICK_SECONDS = 0.05
"""How often the loop's lateness is looked at while requests come: 20 times a second cost some 0.02 % of a core."""
STEP_TICKS = 4
"""So many ticks are a step of the limiters; the least late of them counts, so that one long pause is no queue."""
LATE_SECONDS = 0.03
"""A request waits so long before anything of it is looked at: four home pages. Members begin to feel it."""
LATE_TICKS = 3
MOSTLY_LATE_SECONDS, MOST_OF_ONE_SECONDS = 0.015, 0.05
"""The loop is so late on average when it has no time left, however few wait at once: a flood that asks again only when
it was answered. One long pause counts for so much at most, so that it takes several to look like that."""
MANY_PER_SECOND = 30
"""Fewer requests than this are no flood, however late the loop is: then something else keeps it busy."""
WAITING_SECONDS = 0.25
WAITING_LEAST = 16
"""So long would a request have to wait for its first turn, behind at least so many, by the pace of late."""
TAKEN_PART = 0.6
"""Handshakes of callers that are not known take so much of the loop's time. It need not be late for that: the kernel
lets those wait that have no room."""
CALM_SECONDS = 15.0
CALM_PART = 0.3
"""The siege is over when all that strangers ask for takes less than this of the loop's time, for so long."""
FIRST_GUESS_SECONDS = 0.003
"""What a stranger's request is taken to cost before one was measured."""
LEARNING = 0.1

LANES: dict[Kind, Lane] = {
    # All the time there is. Bounded, because a crowd of members can be a flood too: then some of them wait.
    "member": Lane("member", most=2_048, each=64, patience=0.5, least=0.05),
    # An edge that asks whether all is well. One that hears nothing cuts off everybody who comes by it.
    "edge": Lane("edge", most=16, each=8, share=0.05, least=1.0),
    # Who shares an address with a member, or follows the stream: pictures of apps, relays that fetch repositories.
    "familiar": Lane("familiar", most=64, each=16, share=0.2, patience=0.1),
    # Did a piece of work for it. Machines can buy that, so together they get no more than a quarter.
    "proven": Lane("proven", most=32, each=6, share=0.25),
    # Those who would sign in. A password's hash takes a thread 30 ms, so few at once.
    "entry": Lane("entry", most=4, each=1, share=0.1, patience=0.1),
    # One after the other, each address in its turn. From these the cached pages are made, too.
    "stranger": Lane("stranger", most=4, each=1, share=0.03, least=0.3, again_seconds=5.0),
}

HANDSHAKE_SECONDS = 0.001
"""What opening TLS takes of the loop's time, with all that is done for the connection."""
HANDSHAKES: dict[Rank, Lane] = {
    # Where a member was seen lately. Bounded, because others may sit behind the same address.
    "known": Lane("known", most=256, each=64, share=0.5, patience=0.5, least=0.2),
    # An edge for itself, some seven times a second at most.
    "edge": Lane("edge", most=16, each=8, share=0.05, least=1.0),
    # Whose ticket of an earlier visit may be one of ours: that is found out only by the handshake.
    "returning": Lane("returning", most=64, each=4, share=0.15, patience=0.1, least=0.2, again_seconds=1.0),
    # Each address in its turn.
    "unknown": Lane("unknown", most=64, each=2, share=0.1, least=0.3, again_seconds=5.0),
}
OF_ONE_EDGE = 0.6
"""Of what others than known callers may have, the part that one edge may tell of."""


class Flood(NamedTuple):
    """One that was noticed. began, ended: seconds, as they were told; ended 0: it goes on. refused: strangers' requests
    that were turned away, and handshakes: their connections. members: requests of members that were let in, and
    members_refused: that were not."""

    began: float
    ended: float
    refused: int
    handshakes: int
    members: int
    members_refused: int


class Siege:
    """The state of one process. on: is there a flood? begun: how many sieges since the start."""

    def __init__(self, mode: Mode = "auto") -> None:
        self.mode, self.begun = mode, 0
        self.on = mode == "always"
        self.waiting = 0
        """Requests that came and have not had their first turn."""
        self.lanes = {kind: Limiter(lane) for kind, lane in LANES.items()}
        self.admitted = dict.fromkeys(LANES, 0)
        self.refused = dict.fromkeys(LANES, 0)
        self.handshakes = {rank: Limiter(lane) for rank, lane in HANDSHAKES.items()}
        self.handshakes_refused = 0
        """Connections that were closed before their handshake was computed."""
        self.kept = 0
        """Answers from the cached pages."""
        self._before = self._counts()
        self._last: Flood | None = None
        self._asked = self._ticks = self._late_ticks = 0
        self._best = self._lateness = self._mostly = 0.0
        self._strangers = self._connected = self._since_tick = 0
        self._cost, self._calm_since = FIRST_GUESS_SECONDS, 0.0
        self._looked = self._began_at = self._last_turn = self._ticked = self._taken = 0.0
        self._pace = FIRST_GUESS_SECONDS

    # --- told by the door

    def came(self, now: float) -> None:
        """A request has come."""
        self._asked += 1
        self.waiting += 1
        if self.waiting < WAITING_LEAST or self.on or self.mode != "auto":
            return
        if self.waiting * self._pace > WAITING_SECONDS:
            self._begin(now)

    def turn(self, now: float) -> None:
        """A request has its first turn. The pace is the time from one to the next while others wait."""
        self.waiting -= 1
        if self.waiting > 0:
            self._pace += (now - self._last_turn - self._pace) * LEARNING
        self._last_turn = now

    def asks(self, kind: Kind) -> None:
        """What it is was found out, during a siege."""
        if kind in ("stranger", "entry"):
            self._strangers += 1

    def connects(self) -> None:
        """Somebody who is not known would begin TLS."""
        self._asked += 1
        self._connected += 1
        self._since_tick += 1

    def cost(self, seconds: float) -> None:
        """A stranger's request has had the loop for so long in all."""
        self._cost += (seconds - self._cost) * LEARNING

    def tick(self, late: float, now: float) -> None:
        """The loop was so many seconds late."""
        self._best = late if self._ticks % STEP_TICKS == 0 else min(self._best, late)
        self._lateness += (late - self._lateness) * LEARNING
        self._ticks += 1
        taken = self._since_tick * HANDSHAKE_SECONDS / max(TICK_SECONDS, now - self._ticked)
        self._taken += (taken - self._taken) * LEARNING
        self._since_tick, self._ticked = 0, now
        if not self.on:
            self._look_for_signs(late, now)
        elif self._ticks % STEP_TICKS == 0:
            for limiter in (*self.lanes.values(), *self.handshakes.values()):
                limiter.adapt(self._best)
            if now - self._looked >= 1:
                self._look_for_calm(now)

    @property
    def lateness(self) -> float:
        """By how many seconds the loop was late of late."""
        return self._lateness

    @property
    def last(self) -> Flood | None:
        """The flood that is, or the last one that was; None: there was none since the start."""
        return self._flood(0.0) if self.on and self.begun else self._last

    # --- within

    def _flood(self, ended: float) -> Flood:
        counts = (now - before for now, before in zip(self._counts(), self._before, strict=True))
        return Flood(self._began_at, ended, *counts)

    def _counts(self) -> tuple[int, int, int, int]:
        """As `Flood` has them, since the start."""
        of_members = self.refused["member"]
        strangers = sum(self.refused.values()) - of_members
        return strangers, self.handshakes_refused, self.admitted["member"], of_members

    def _look_for_signs(self, late: float, now: float) -> None:
        if self.mode == "auto" and self._taken > TAKEN_PART:
            self._begin(now)
            return
        self._late_ticks = self._late_ticks + 1 if late > LATE_SECONDS else 0
        many = self._asked >= MANY_PER_SECOND * (now - self._looked)
        self._mostly += ((min(late, MOST_OF_ONE_SECONDS) if many else 0.0) - self._mostly) * LEARNING
        is_late = self._late_ticks >= LATE_TICKS or self._mostly > MOSTLY_LATE_SECONDS
        if self.mode == "auto" and many and is_late:
            self._begin(now)
        elif not self._late_ticks:
            self._asked, self._looked = 0, now

    def _begin(self, now: float) -> None:
        self.on, self.begun = True, self.begun + 1
        self._began_at = self._looked = self._calm_since = now
        self._strangers, self._connected, self._cost, self._mostly = 0, 0, FIRST_GUESS_SECONDS, 0.0
        self._before = self._counts()
        for limiter in (*self.lanes.values(), *self.handshakes.values()):
            limiter.part, limiter.rests_until = 1.0, now
        logger.warning(
            "a flood: members first, strangers wait",
            extra={"lateness_ms": round(self._lateness * 1e3), "waiting": self.waiting},
        )

    def _look_for_calm(self, now: float) -> None:
        wanted = (self._strangers * self._cost + self._connected * HANDSHAKE_SECONDS) / (now - self._looked)
        self._strangers, self._connected, self._looked = 0, 0, now
        if wanted > CALM_PART or self._best > LATE_SECONDS:
            self._calm_since = now
        elif self.mode == "auto" and now - self._calm_since >= CALM_SECONDS:
            self.on, self._last = False, self._flood(now)
            self._asked, self._late_ticks, self._looked = 0, 0, now
            logger.warning(
                "the flood is over",
                extra={
                    "seconds": round(now - self._began_at),
                    "refused": self._last.refused,
                    "handshakes": self._last.handshakes,
                    "members_refused": self._last.members_refused,
                    "kept": self.kept,
                },
            )
