"""The witness: a small process on a third machine that remembers who may acknowledge writes.

Owns DIRECTORY/witness.json: whom it knows, and the last vote, written down before it is told. It holds nothing of any
member's. In come requests of the primary and of standbys that would succeed it; out go votes. One directory, one
network.
Source: see `lease`.
"""

import base64
import hmac
import threading
import time
from pathlib import Path

import msgspec

from freehold.haven import papers, transport
from freehold.haven.lease import Request, Vote
from freehold.haven.listening import Listener
from freehold.haven.machine import code_hash
from freehold.haven.wire import AnyMessage, Ask, Channel, Got, Introduce, LinkLost, Pair, Refuse, Voted
from freehold.protocol.refused import InvalidRequest
from freehold.store.files import write_durably

FILE = "witness.json"


class Kept(msgspec.Struct, frozen=True):
    """What a witness remembers. code: SHA-256 of what lets a primary introduce itself, hex; empty once one did.

    machines: certificates, base64, of all that may ask.
    """

    code: str
    machines: tuple[str, ...] = ()
    epoch: int = 0
    holder: str = ""
    in_step: tuple[str, ...] = ()


SILENCE_SECONDS = 3.0
"""An answer that takes longer than a promise lasts is of no use to whoever asked."""
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux's monotonic clock stands still while the machine is suspended; a lease must not."""


def now_ms() -> int:
    """Of this machine's monotonic clock, the time that it slept included."""
    return time.clock_gettime_ns(CLOCK) // 1_000_000


def make(directory: Path, code: str) -> str:
    """Let `directory` be a witness's; the fingerprint of its certificate. Raises InvalidRequest when it is one."""
    if (directory / FILE).exists():
        raise InvalidRequest(f"{directory} is a witness already.")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(directory / FILE, msgspec.json.encode(Kept(code_hash(code))))
    return papers.fingerprint(papers.own(directory))


class Witness:
    """The witness in `directory`. Votes are given one at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._kept = msgspec.json.decode((directory / FILE).read_bytes(), type=Kept)
        kept = self._kept
        self._vote = Vote(kept.epoch, kept.holder, frozenset(kept.in_step), 0).restarted(now_ms())
        self._turn = threading.Lock()
        self._context = papers.answering(directory, [base64.b64decode(each) for each in kept.machines])
        self._listener = Listener("witness", self._hear)

    def open_port(self, listen: str) -> int:
        """Answer at HOST:PORT from now on; the port, for 0 takes a free one. Raises OSError."""
        return self._listener.at_port(listen, self._context)

    def close(self) -> None:
        """Answer nobody any more."""
        self._listener.close()

    def _hear(self, channel: Channel, known: bool) -> None:
        while True:
            message = channel.receive()
            with self._turn:
                answer = self.answer(message) if known else self._introduced(message)
            channel.send(answer)

    def _introduced(self, message: AnyMessage) -> Got | Refuse:
        """A machine without a certificate: the primary, once, by the code."""
        code = self._kept.code
        if isinstance(message, Pair) and code and hmac.compare_digest(code_hash(message.token), code):
            self._keep(code="")
            self._admit(message.certificate)
            return Got()
        return Refuse("That is not the code that this witness waits for.")

    def answer(self, message: AnyMessage) -> Got | Voted | Refuse:
        """What a known machine asked."""
        match message:
            case Introduce(certificate):
                self._admit(certificate)
                return Got()
            case Ask(epoch, machine, in_step, by_hand):
                return self._asked(Request(epoch, machine, frozenset(in_step)), by_hand)
            case _:
                return Refuse("A witness is asked for votes, and nothing else.")

    def _asked(self, request: Request, by_hand: bool) -> Voted:
        """A person who decides by hand is not made to wait for a lease, and may take who was not in step."""
        vote, now = self._vote, now_ms()
        if not vote.holder or (by_hand and request.epoch > vote.epoch):
            granted: Vote | None = Vote(request.epoch, request.machine, request.in_step, 0).restarted(now)
        else:
            granted = vote.asked(request, now)
        if granted is not None:
            self._keep(epoch=granted.epoch, holder=granted.holder, in_step=tuple(sorted(granted.in_step)))
            self._vote = granted
        return Voted(granted is not None, self._vote.epoch, self._vote.holder)

    def _admit(self, certificate: bytes) -> None:
        text = base64.b64encode(certificate).decode()
        if text not in self._kept.machines:
            self._context.load_verify_locations(cadata=certificate)
            self._keep(machines=(*self._kept.machines, text))

    def _keep(self, **changes: object) -> None:
        changed = msgspec.structs.replace(self._kept, **changes)
        if changed != self._kept:
            write_durably(self._directory / FILE, msgspec.json.encode(changed))
            self._kept = changed


class FarWitness:
    """The witness, as another machine asks it, from any thread. Its connection is made anew when it was lost."""

    def __init__(self, directory: Path, address: str, pin: bytes) -> None:
        self._directory, self._address, self._pin = directory, address, pin
        self._turn = threading.Lock()
        self._channel: Channel | None = None

    def ask(self, request: Request, *, by_hand: bool = False) -> Voted:
        """A vote. Raises LinkLost."""
        ask = Ask(request.epoch, request.machine, sorted(request.in_step), by_hand)
        answer = self._exchange(ask)
        if not isinstance(answer, Voted):
            raise LinkLost(because="the witness did not vote")
        return answer

    def introduce(self, certificate: bytes) -> None:
        """Let it know another machine of this network. Raises LinkLost."""
        self._exchange(Introduce(certificate))

    def close(self) -> None:
        """End the connection."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _exchange(self, message: Ask | Introduce) -> AnyMessage:
        with self._turn:
            try:
                if self._channel is None:
                    self._channel = Channel(
                        transport.connect(self._address, self._directory, self._pin, SILENCE_SECONDS)
                    )
                self._channel.send(message)
                return self._channel.receive()
            except LinkLost:
                self.close()
                raise
