"""The right to acknowledge: who may say "yes" to a write. Pure; time is passed in.

The voters are the primary's synchronous standbys and a witness. A voter that grants promises to grant nobody a newer
epoch for `PROMISE_MS` of its own monotonic clock, counted from when it heard; the primary counts `LEASE_MS` of its own,
from *before* it asked. The primary needs the witness, or every standby that could succeed it; a successor needs the
witness and itself. So each pair has a voter in common (with one standby: two of three), and a newer epoch begins only
after the older lease ran out, as long as clocks run alike within a sixth. The witness grants a newer epoch only to a
standby that was in step when it heard last: a primary that loses one must have told so before it acknowledges without.
Source: C. Gray, D. Cheriton, "Leases", SOSP 1989.
"""

import msgspec

PROMISE_MS = 3_000
LEASE_MS = 2_500


class Request(msgspec.Struct, frozen=True):
    """Machine `machine` asks for `epoch`, or for more time in it. in_step: who else has all that was acknowledged."""

    epoch: int
    machine: str
    in_step: frozenset[str] = frozenset()


class Vote(msgspec.Struct, frozen=True):
    """What a voter granted last: to whom, who was in step then, and until when it grants no newer epoch.

    until: milliseconds of the voter's monotonic clock. All but that must be on disk before the grant is told.
    """

    epoch: int
    holder: str
    in_step: frozenset[str]
    until: int

    def asked(self, request: Request, now: int) -> "Vote | None":
        """The vote after granting the request; None: it is not granted."""
        renews = (request.epoch, request.machine) == (self.epoch, self.holder)
        succeeds = request.epoch > self.epoch and now >= self.until and request.machine in self.in_step
        if not (renews or succeeds):
            return None
        return Vote(request.epoch, request.machine, request.in_step, now + PROMISE_MS)

    def restarted(self, now: int) -> "Vote":
        """After a restart nobody knows when the promise was made: perhaps just now."""
        return msgspec.structs.replace(self, until=now + PROMISE_MS)


class Lease(msgspec.Struct, frozen=True):
    """What a primary holds. until: milliseconds of its own monotonic clock."""

    epoch: int
    until: int = 0

    def holds(self, now: int) -> bool:
        """Whether a write may be acknowledged now."""
        return now < self.until

    def granted(self, request: Request, asked_at: int) -> "Lease":
        """The lease after enough voters granted a request that was sent at `asked_at`."""
        if request.epoch != self.epoch:
            return self
        return Lease(self.epoch, max(self.until, asked_at + LEASE_MS))
