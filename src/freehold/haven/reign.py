"""The primary's lease, renewed each second on a thread of its own.

In come the witness and the links to the standbys; out goes, to the `Carrier`, until when writes may be acknowledged and
who must have them. When a voter knows a newer epoch this machine is the primary no more.
"""

import logging
import threading
from collections.abc import Callable

from freehold.haven.carrier import Carrier
from freehold.haven.lease import Lease, Request
from freehold.haven.wire import LinkLost
from freehold.haven.witness import FarWitness, now_ms

logger = logging.getLogger(__name__)

RENEW_SECONDS = 1.0


class Reign:
    """Of the machine `id` under `epoch`. fenced: called once when another machine is the primary."""

    def __init__(
        self, id: str, epoch: int, carrier: Carrier, witness: FarWitness, fenced: Callable[[], object]
    ) -> None:
        self._id, self._lease = id, Lease(epoch)
        self._carrier, self._witness, self._fenced = carrier, witness, fenced
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="reign", daemon=True)
        self.witness_state = "not asked yet"

    def start(self) -> None:
        """Renew from now on."""
        self._thread.start()

    def close(self) -> None:
        """Renew no more."""
        self._stopped.set()
        self._carrier.changed.set()
        self._thread.join()
        self._witness.close()

    def _keep(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._renew():
                    self._fenced()
                    return
            except Exception:
                logger.exception("the lease could not be renewed")
            self._carrier.changed.wait(RENEW_SECONDS)
            self._carrier.changed.clear()

    def _renew(self) -> bool:
        """Ask everybody. False: somebody knows a newer primary."""
        request = Request(self._lease.epoch, self._id, self._carrier.successors())
        asked_at = now_ms()
        by_witness = self._ask_witness(request)
        by_standbys = self._carrier.ask_all(request)
        if by_witness is False or by_standbys is False:
            return False
        if by_witness or by_standbys:
            self._lease = self._lease.granted(request, asked_at)
        self._carrier.reign_until(self._lease.until, request.in_step if by_witness else None)
        return True

    def _ask_witness(self, request: Request) -> bool | None:
        """Whether it granted; None if not now; False: it has another primary."""
        try:
            voted = self._witness.ask(request)
        except LinkLost as lost:
            self.witness_state = f"out of reach: {lost.facts.get('because', lost.say)}"
            return None
        ours = (request.epoch, request.machine)
        if not voted.granted and (voted.epoch, voted.holder) != ours and voted.epoch >= request.epoch:
            self.witness_state = "has another primary"
            return False
        self.witness_state = "grants" if voted.granted else "does not grant yet"
        return True if voted.granted else None
