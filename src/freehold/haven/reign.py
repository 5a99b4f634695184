"""The primary's lease, renewed each second: by the witness on one thread, by the standbys on another.

Neither waits for the other: a machine that vanished without a word is silent until its connection is given up, which
takes longer than a lease lasts. In come the witness and the links to the standbys; out goes, to the `Carrier`, until
when writes may be acknowledged and who must have them. When a voter knows a newer epoch this machine is the primary no
more.
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
NOT_ASKED = "not asked yet"


class Reign:
    """Of the machine `id` under `epoch`. fenced: called once when another machine is the primary. confirmed: told whom
    the witness takes for in step."""

    def __init__(
        self,
        id: str,
        epoch: int,
        carrier: Carrier,
        witness: FarWitness,
        fenced: Callable[[], object],
        confirmed: Callable[[frozenset[str]], object] = lambda in_step: None,
    ) -> None:
        self._id, self._lease = id, Lease(epoch)
        self._carrier, self._witness, self._fenced, self._confirmed = carrier, witness, fenced, confirmed
        self._turn = threading.Lock()
        self._ended = False
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._by_witness, name="reign by the witness", daemon=True),
            threading.Thread(target=self._by_standbys, name="reign by standbys", daemon=True),
        ]
        self._strangers: set[bytes] = set()
        self.witness_state = NOT_ASKED

    def start(self) -> None:
        """Renew from now on."""
        for thread in self._threads:
            thread.start()

    def introduce(self, certificate: bytes) -> None:
        """Let the witness know another machine, as soon as it is reached."""
        self._strangers.add(certificate)

    def close(self) -> None:
        """Renew no more."""
        self._stopped.set()
        self._carrier.changed.set()
        for thread in self._threads:
            thread.join()
        self._witness.close()

    def _by_witness(self) -> None:
        """It is told at once who came into step or was lost."""
        while not self._stopped.is_set():
            self._renew(self._ask_witness)
            self._carrier.changed.wait(RENEW_SECONDS)
            self._carrier.changed.clear()

    def _by_standbys(self) -> None:
        while not self._stopped.is_set():
            self._renew(self._ask_standbys)
            self._stopped.wait(RENEW_SECONDS)

    def _renew(self, ask: Callable[[], bool]) -> None:
        try:
            if not ask():
                self._end()
        except Exception:
            logger.exception("the lease could not be renewed")

    def _end(self) -> None:
        self._stopped.set()
        self._carrier.changed.set()
        with self._turn:
            first, self._ended = not self._ended, True
        if first:
            self._fenced()

    def _ask_witness(self) -> bool:
        """False: it has another primary."""
        request = Request(self._lease.epoch, self._id, self._carrier.successors())
        asked_at = now_ms()
        try:
            voted = self._witness.ask(request)
        except LinkLost as lost:
            self.witness_state = f"out of reach: {lost.facts.get('because', lost.say)}"
            return True
        ours = (request.epoch, request.machine)
        if not voted.granted and (voted.epoch, voted.holder) != ours and voted.epoch >= request.epoch:
            self.witness_state = "has another primary"
            return False
        self.witness_state = "grants" if voted.granted else "does not grant yet"
        if voted.granted:
            self._granted(request, asked_at, request.in_step)
            self._confirmed(request.in_step)
            self._introduce()
        return True

    def _introduce(self) -> None:
        """After the lease was renewed, which must not wait for anybody's papers."""
        for certificate in tuple(self._strangers):
            try:
                self._witness.introduce(certificate)
            except LinkLost:
                return
            self._strangers.discard(certificate)

    def _ask_standbys(self) -> bool:
        """False: one knows a newer primary."""
        request = Request(self._lease.epoch, self._id)
        asked_at = now_ms()
        granted = self._carrier.ask_all(request)
        if granted:
            self._granted(request, asked_at, None)
        return granted is not False

    def _granted(self, request: Request, asked_at: int, confirmed: frozenset[str] | None) -> None:
        """confirmed: whom the witness takes for in step now, if it was the witness."""
        with self._turn:
            self._lease = self._lease.granted(request, asked_at)
            self._carrier.reign_until(self._lease.until, confirmed)
