"""What a live drill and the hand on a machine say to each other: one JSON object a line, each answered by one.

Numbers of bytes are bytes; times are micros since 1970 UTC.
"""

from typing import TypeAlias

import msgspec

from freehold.haven.edges.edges import Edge
from freehold.haven.machine import Peer
from freehold.protocol.refused import Refused


class NotReached(Refused):
    """A machine of a live drill does not answer any more."""

    kind, name = "unavailable", "NotReached"


class NotDoneThere(Refused):
    """What the hand on a machine was asked was refused there, in these words."""

    kind, name = "unavailable", "NotDoneThere"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Which drill is at work, and all that is needed to lead the network home after it.

    id: random, 16 hex digits. peer: the standby, as its primary knew it. home: the address at which the standby's
    machine follows this one meanwhile. home_listen, far_listen: HOST:PORT for TLS, or empty. own_key: both open the
    network by unlock keys of their own. accounts: DIDs that the drill made.
    """

    id: str
    began: int
    peer: Peer
    home: str
    home_listen: str
    far_listen: str
    own_key: bool
    accounts: tuple[str, ...] = ()


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """Something outside that the network calls: see `readiness.hosts`. addresses: of `host`, by that machine's look-up.

    stays: why a drill does not take it; empty: it can be taken.
    """

    kind: str
    name: str
    host: str
    port: int
    addresses: tuple[str, ...] = ()
    stays: str = ""

    def staying(self, why: str) -> "Service":
        """The same, which stays for this reason; empty: it does not."""
        return msgspec.structs.replace(self, stays=why)


class Word(msgspec.Struct, frozen=True, tag=True):
    """Something that a hand is asked to do."""


class Look(Word, frozen=True):
    """Say how it stands: `Seen`. weigh: count the bytes of all blobs, too."""

    weigh: bool = False


class PutMark(Word, frozen=True):
    """Keep this mark, and the right to hold a drill here; another one's is not taken."""

    mark: Mark


class DropMark(Word, frozen=True):
    """The drill is over."""

    id: str


class Order(Word, frozen=True):
    """`freehold COMMAND DIRECTORY WORDS`, in the running network: `Said`. answers: what to type when asked.

    fails: what it says counts, whatever its exit code is.
    """

    command: str
    words: tuple[str, ...]
    answers: tuple[str, ...] = ()
    fails: bool = False


class Kill(Word, frozen=True):
    """Kill the process that serves, without notice, and let nobody start it."""


class GiveBack(Word, frozen=True):
    """Start it again, if it was killed or stopped, and let it reach everything."""


class FindServices(Word, frozen=True):
    """Say what it calls outside: `Found`."""


class Cut(Word, frozen=True):
    """Let its process not reach these, until `Uncut`. To be said anew while it lasts, for names move on."""

    services: tuple[Service, ...]


class Uncut(Word, frozen=True):
    """Let it reach everything."""


class TryServices(Word, frozen=True):
    """Would its process reach these now? `Reached`."""

    services: tuple[Service, ...]


class MakeStandby(Word, frozen=True):
    """Stop it, let the directory be a standby's, start that: `Said` is the code for its primary."""

    listen: str
    own_key: bool


class Listen(Word, frozen=True):
    """Answer whoever comes to this port by a word, until `StopListening`: `Said` is that word, empty if the port is
    in use."""

    at: str


class StopListening(Word, frozen=True):
    """No more."""


class Reach(Word, frozen=True):
    """Can that address be reached from here? word: what must be answered there, empty: anything."""

    address: str
    word: str


class Rehearse(Word, frozen=True):
    """Restore from an archive into a folder of the drill's own, look for these records (CID by address), wipe it.

    `Said` says what was found. moment: the archive must reach as far, in micros.
    """

    id: str
    address: str
    passphrase: str
    moment: int
    records: dict[str, str]


class Keep(Word, frozen=True):
    """Keep a file of the drill's report: `Said` is where."""

    name: str
    text: str


class Still(Word, frozen=True):
    """Nothing but that the drill is there."""


AnyWord: TypeAlias = (Look | PutMark | DropMark | Order | Kill | GiveBack | MakeStandby | Listen | StopListening) | (
    Reach | Rehearse | Keep | Still | FindServices | Cut | Uncut | TryServices
)


class Answer(msgspec.Struct, frozen=True, tag=True):
    """What a hand says."""


class Said(Answer, frozen=True):
    """It is done. text: what is to be known of it."""

    text: str = ""


class No(Answer, frozen=True):
    """It was refused."""

    say: str


class Seen(Answer, frozen=True, kw_only=True):
    """How a machine stands.

    role, epoch, machine, listen, standbys: as in haven.json. witness: the address of one, or empty. runs: somebody
    serves here. others: networks that the same process serves. listed: what `freehold standby DIRECTORY list` says.
    url, plc: of the network, where it is served. mark: of a drill that was not ended. now: by this machine's clock.
    """

    version: str
    role: str
    epoch: int
    machine: str
    listen: str
    standbys: tuple[Peer, ...]
    witness: str
    runs: bool
    others: tuple[str, ...]
    listed: str
    url: str
    plc: str
    edges: tuple[Edge, ...]
    mark: Mark | None
    truth_bytes: int
    blob_bytes: int
    free_bytes: int
    now: int

    def in_step(self, name: str) -> bool:
        """Whether that standby has everything, and opens it."""
        line = next((line for line in self.listed.splitlines() if line.split()[:1] == [name]), "")
        return "in step" in line and "locked" not in line


class Found(Answer, frozen=True):
    """What the network calls outside, but for its own machines and doors."""

    services: tuple[Service, ...]


class Reached(Answer, frozen=True):
    """For each that was asked for."""

    reached: tuple[bool, ...]


AnyAnswer: TypeAlias = Said | No | Seen | Found | Reached
