"""Passes for strangers who did a piece of work: they come before those who did none, for half an hour.

Nothing is kept of a challenge or a pass: both are signed with the network's key, so that they count on a machine that
takes over too, and for the one address (the /64 of IPv6) that they were given to.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable

from freehold.pds.proof_of_work import ProofOfWork, ProofRequired, StaleProof
from freehold.store.sealed import Seal

BITS = 18
"""A quarter of a second on a desk, one or two on an old phone. Each address pays anew."""
PASS_SECONDS = 1_800
COOKIE, HEADER = "siege-pass", "freehold-pass"
_PURPOSE = "siege pass"
_MICROS = 1_000_000


class Passes:
    """The passes of one network. Callers are named as `net.budgets.caller_of` does."""

    def __init__(self, seal: Seal, clock: Callable[[], int]) -> None:
        """clock: microseconds since 1970 UTC."""
        self._seal, self._clock = seal, clock
        self._work = ProofOfWork(seal, clock, "siege")

    def challenge(self, caller: str) -> str:
        """A piece of work for this caller alone, as in `pds.proof_of_work`."""
        return self._work.challenge(BITS, caller)

    def earn(self, proof: str, caller: str) -> str | None:
        """The pass for a proof; None for one that is wrong, too old, or somebody else's."""
        try:
            self._work.check(proof, caller)
        except (ProofRequired, StaleProof):
            return None
        until = self._clock() // _MICROS + PASS_SECONDS
        return f"{until}.{self._sign(until, caller)}"

    def counts(self, given: str, caller: str) -> bool:
        """Is this a pass of that caller's?"""
        until, _, signature = given.partition(".")
        if not (until.isascii() and until.isdecimal() and len(until) < 12 and signature.isascii()):
            return False
        good = hmac.compare_digest(self._sign(int(until), caller), signature)
        return good and int(until) > self._clock() // _MICROS

    def _sign(self, until: int, caller: str) -> str:
        return urlsafe_b64encode(self._seal.lookup(_PURPOSE, f"{until} {caller}")[:12]).decode("ascii")
