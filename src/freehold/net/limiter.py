"""How much of one kind of caller is let in: so many at once, and so great a part of the event loop's time.

Pure rules: in come moments and seconds, out comes yes or no. The event loop is one thread, so what there is to share is
its time; a lane with a share of 0.05 rests, on average, nineteen times as long as it works. How many may be inside at
once bounds what can wait. Both are multiplied by one number that adapts by additive increase and multiplicative
decrease, as TCP's window does: while the loop answers later than the lane has patience for, it falls.
Sources: https://www.rfc-editor.org/rfc/rfc5681, https://github.com/Netflix/concurrency-limits (AIMD on latency)
"""

from collections import Counter, OrderedDict
from typing import NamedTuple

DECREASE = 0.7
"""What is left at each step while the loop is late: a tenth after a second and a half, five steps a second."""
INCREASE = 0.02
"""What comes back at each step in which somebody was refused and the loop was not late: all within ten seconds."""
SAVED_SECONDS = 2.0
"""What a lane did not use of its share in this time it may use at once: people come in bursts."""
LONGEST_REST_SECONDS = 2.0
"""However long one thing took: an accident must not shut a lane for minutes."""
MOST_REMEMBERED = 20_000
"""Callers of one lane that were let in lately; full, some 3 MB."""


class Lane(NamedTuple):
    """What one kind of caller gets.

    most: inside at once. each: of them, of one caller. share: of the loop's time, 1 for all that there is. patience: by
    how many seconds the loop may be late before this lane gets less. least: the part of `most` and `share` that is left
    however late it is. again_seconds: after which a caller who was let in may come again.
    """

    name: str
    most: int
    each: int
    share: float = 1.0
    patience: float = 0.05
    least: float = 0.1
    again_seconds: float = 0.0


class Limiter:
    """The state of one lane. part: what is left of `most` and of `share`. inside: how many are."""

    def __init__(self, lane: Lane) -> None:
        self.lane, self.part, self.inside = lane, 1.0, 0
        self.rests_until = 0.0
        self._of: Counter[str] = Counter()
        self._came: OrderedDict[str, float] = OrderedDict()
        self._refused = False

    def enter(self, who: str, now: float) -> bool:
        """May one more come in, for `who`? now: seconds, of a clock that does not go back."""
        lane = self.lane
        if self.inside >= max(1, int(lane.most * self.part)) or now < self.rests_until:
            self.refused()
            return False
        if self._of[who] >= lane.each or now < self._came.get(who, now):
            return False
        self.inside += 1
        self._of[who] += 1
        if lane.again_seconds:
            self._remember(who, now + lane.again_seconds)
        return True

    def _remember(self, who: str, until: float) -> None:
        self._came[who] = until
        self._came.move_to_end(who)
        if len(self._came) > MOST_REMEMBERED:
            self._came.popitem(last=False)

    def refused(self) -> None:
        """Somebody was turned away for want of room."""
        self._refused = True

    def leave(self, who: str) -> None:
        """One that came in is done."""
        self.inside -= 1
        self._of[who] -= 1
        if self._of[who] <= 0:
            del self._of[who]

    def spent(self, seconds: float, now: float) -> None:
        """One of them has had the loop for so long."""
        share = self.lane.share * self.part
        if self.lane.share < 1:
            rest = seconds * (1 / share - 1)
            self.rests_until = min(max(self.rests_until, now - SAVED_SECONDS) + rest, now + LONGEST_REST_SECONDS)

    def adapt(self, late: float) -> None:
        """A step: the loop was so many seconds late, at the best, since the step before."""
        if late > self.lane.patience:
            self.part = max(self.lane.least, self.part * DECREASE)
        elif self._refused:
            self.part = min(1.0, self.part + INCREASE)
        self._refused = False
