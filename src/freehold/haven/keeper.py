"""Keeps the links to this machine's standbys: a thread for each, which connects, and again when the link is lost.

In come what haven.json says of the standbys, and the `Carrier`; out go links, and a state for each in plain words.
"""

import base64
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from freehold.haven import transport
from freehold.haven.carrier import Carrier
from freehold.haven.link import OldEpoch
from freehold.haven.machine import Peer
from freehold.haven.wire import Channel, LinkLost
from freehold.protocol.refused import Refused

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 2.0


class Keeper:
    """directory: of this machine. fenced: called when a standby knows a newer primary."""

    def __init__(self, directory: Path, carrier: Carrier, fenced: Callable[[], object] = lambda: None) -> None:
        self._directory, self._carrier, self._fenced = directory, carrier, fenced
        self._stopped: dict[str, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._lost: dict[str, str] = {}

    def add(self, peer: Peer) -> None:
        """Keep a link to it from now on."""
        stopped = self._stopped[peer.name] = threading.Event()
        thread = self._threads[peer.name] = threading.Thread(
            target=self._keep, args=(peer, stopped), name=f"standby {peer.name}", daemon=True
        )
        thread.start()

    def remove(self, name: str) -> None:
        """Keep no link to it any more; the one that stands is ended."""
        self._stopped.pop(name).set()
        self._carrier.part(name)
        self._threads.pop(name).join()
        self._lost.pop(name, None)

    def states(self) -> dict[str, str]:
        """Each standby by name: how its link is, or why there is none."""
        linked = self._carrier.states()
        return {name: linked.get(name) or self._lost.get(name, "connecting") for name in self._threads}

    def close(self) -> None:
        """End all, after the carrier was closed."""
        for stopped in self._stopped.values():
            stopped.set()
        for thread in self._threads.values():
            thread.join()

    def _keep(self, peer: Peer, stopped: threading.Event) -> None:
        pause = PAUSE_SECONDS
        while not stopped.is_set():
            try:
                pin = base64.b64decode(peer.pin) if peer.pin else None
                channel = Channel(transport.connect(peer.address, self._directory, pin))
                pause = PAUSE_SECONDS
                self._carrier.keep(peer.name, channel, sync=peer.sync)
            except OldEpoch:
                self._fenced()
                return
            except LinkLost as lost:
                self._lost[peer.name] = f"out of reach: {lost.facts.get('because', lost.say)}"
            except Refused as refused:
                self._lost[peer.name] = refused.say
                logger.error("the standby %s: %s", peer.name, refused.say)
            except Exception:
                self._lost[peer.name] = "something went wrong here: see the log"
                logger.exception("the link to the standby %s failed", peer.name)
            stopped.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
