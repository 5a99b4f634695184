"""A primary's haven, put together: its standing among the machines, the gate of its truth, the links to its standbys.

In come the network's directory and blobs; out come the gate for the database, and what the operator may do: add a
standby, look at it, compare it, let it go.
"""

import base64
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from freehold.haven import forks, machine, papers, transport
from freehold.haven.carrier import Carrier, NoSuchStandby, Unsure
from freehold.haven.delivered import DELIVERED, FEEDS, KEY
from freehold.haven.keeper import Keeper
from freehold.haven.lease import Request
from freehold.haven.link import Link, as_it_is
from freehold.haven.machine import Machine, Peer, Role
from freehold.haven.receiving import Herald, Receiver
from freehold.haven.reign import Reign
from freehold.haven.verifying import Report
from freehold.haven.wire import Channel, Entrust, Hello, LinkLost, LinkRefused, Pair, Refuse, WitnessAt
from freehold.haven.witness import FarWitness
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.store.blobs import BlobStore
from freehold.store.clock import now_micros

logger = logging.getLogger(__name__)

ENTRUSTED = (KEY, "settings.toml")
"""Whose changes a machine with an unlock key of its own hears of."""
UNSURE_SECONDS = 60.0
"""How long somebody who has a network moved waits for a standby that did not answer."""


NO_WITNESS = WitnessAt("", b"")


class NotPrimary(Refused):
    """A machine that is not to serve this network."""

    kind, name = "conflict", "NotPrimary"


class WitnessAway(Refused):
    """A witness that is out of reach and could let a standby succeed that is out of reach too."""

    kind, name = "unavailable", "WitnessAway"
    say = (
        "The witness is out of reach, and so is a standby that it could let take over: without either, nobody can know"
        " that it does not. Bring one of them back and try again; or, if that witness is lost for good and never runs"
        " again, say so with --even-so."
    )


class CalledOff(Refused):
    """A handing over that did not reach the standby."""

    kind, name = "unavailable", "CalledOff"
    say = "The standby was lost before it heard that it should be the primary. All is as it was, and writes go on here."


class Haven:
    """Of the network in `directory`. alone: writes are acknowledged also while no standby is in step.

    keys: what is entrusted to machines that have an unlock key of their own. leaves: nobody is served from here, but
    another machine may be given what is here. reads: this is a standby whose copy is read while its primary is gone.
    """

    def __init__(
        self,
        directory: Path,
        blobs: BlobStore,
        *,
        alone: bool = False,
        keys: Callable[[], Entrust] | None = None,
        leaves: bool = False,
        reads: bool = False,
    ) -> None:
        self._directory, self._alone, self._keys, self._reads = directory, alone, keys, reads
        self.beacon: Callable[[], bytes] = bytes
        """What an old primary is told when it asks where the network is."""
        self.machine = machine.read(directory) if leaves or reads else assured_primary(directory)
        if not reads:
            forks.begin(directory, self.machine.epoch)
        key = [directory / name for name in DELIVERED]
        self.carrier = Carrier(
            directory / "truth.db",
            blobs,
            epoch=self.machine.epoch,
            papers=key,
            wait=self._waits,
            witnessed=self.machine.witness is not None,
            begun=False,
            greeted=self._greeted,
        )
        self._turn = threading.Lock()
        self._reign: Reign | None = None
        self._keeper = Keeper(directory, self.carrier, self._fence)
        self._started = False
        self._witness: FarWitness | None = None
        self._herald: Receiver | None = None
        self._heir: str | None = None
        """The standby that was told to succeed, as long as it is not known whether it does."""
        self._known = threading.Event()
        self._forgot = threading.Condition()

    def start(self) -> None:
        """Link to the standbys. From now on writes wait for them."""
        self._started = True
        if self.machine.epoch > 1:
            self._announce()
        self._begin_reign()
        for peer in self.machine.standbys:
            self._keeper.add(peer)
        self.carrier.begin()

    @property
    def is_served(self) -> bool:
        """Whether this machine may answer for the network: not one that has been succeeded."""
        return self._reads or self.machine.role == "primary"

    @property
    def is_confirmed(self) -> bool:
        """Whether what is here may be shown. After a kill the log may hold what no standby had, and nobody was told."""
        return self._reads or self.carrier.is_confirmed

    async def confirmed(self) -> None:
        """Wait until it may."""
        if not self._reads:
            await self.carrier.confirmed.wait()

    def has_resumed(self) -> None:
        """Everybody was told to look anew at what they have."""
        self._change(resumes=False)

    def add(self, peer: Peer) -> None:
        """Keep a copy there from now on. Raises InvalidRequest."""
        transport.parse(peer.address)
        if any(peer.name == each.name for each in self.machine.standbys):
            raise InvalidRequest(f"There is a standby called {peer.name} already. Give this one another --name.")
        waited = self._waits
        self._change(standbys=(*self.machine.standbys, peer))
        if self._started:
            if self._waits and not waited:
                self.carrier.wait_once_in_step()
            self._keeper.add(peer)

    def remove(self, name: str) -> None:
        """Keep no copy there any more; what it has stays there. Raises NoSuchStandby.

        Until the witness has heard of it, it could let that machine succeed: so nothing is acknowledged without it that
        long, not by this process and not by the next one (`has_forgotten`).
        """
        gone = next((peer for peer in self.machine.standbys if peer.name == name), None)
        if gone is None:
            raise NoSuchStandby(f"There is no standby called {name}.")
        if gone.machine and self.machine.witness is not None:
            self._change(former=(*self.machine.former, gone.machine))
        if self._started:
            self._keeper.remove(name)
        self._change(standbys=tuple(peer for peer in self.machine.standbys if peer.name != name))
        if self._started:
            self.carrier.go_on_alone(alone=not self._waits)
            self.carrier.changed.set()

    def has_forgotten(self, seconds: float) -> bool:
        """Wait until the witness lets no machine succeed that was removed; False if it has not heard of it in time."""
        with self._forgot:
            return self._forgot.wait_for(lambda: not self.machine.former, seconds)

    def _confirmed(self, in_step: frozenset[str]) -> None:
        """The witness takes these for in step, and no others."""
        standbys = {peer.machine for peer in self.machine.standbys}
        former = tuple(each for each in self.machine.former if each in in_step | standbys)
        if former != self.machine.former:
            self._change(former=former)
            with self._forgot:
                self._forgot.notify_all()

    def states(self) -> list[tuple[Peer, str]]:
        """Each standby, and how it is in plain words."""
        states = self._keeper.states()
        return [(peer, states.get(peer.name, "not linked")) for peer in self.machine.standbys]

    def verify(self, name: str, told: Callable[[str, int, int], object]) -> Report:
        """Compare all that a standby has, and remember when it was the same. Blocks. Raises NoSuchStandby, LinkLost."""
        report, now = self.carrier.verify(name, told), now_micros()
        if report.sound:
            self._change_peer(name, verified_at=now)
        return report

    def hand_over(self, name: str) -> None:
        """Let a standby be the primary, with nothing lost. Blocks; writes wait meanwhile.

        One that does not answer is asked again whether it is the primary now, for `UNSURE_SECONDS`, and whenever it
        comes back. Raises NoSuchStandby, LinkLost, LinkRefused, CalledOff (with all as it was), Unsure.
        """
        try:
            self.carrier.hand_over(name, lambda link: self._begin_handing(name))
        except LinkRefused:
            self._take_back()
            raise
        except Unsure:
            self._known.wait(UNSURE_SECONDS)
            if self._heir is not None:
                raise
            if self.machine.role == "primary":
                raise CalledOff from None
        self._heir = None

    def _begin_handing(self, name: str) -> None:
        """A restart in the midst must not make two primaries of it."""
        self._heir = name
        self._known.clear()
        self._change(role="fenced")

    def _take_back(self) -> None:
        if self._heir is not None:
            self._change(role="primary")
            self._heir = None
            self.carrier.take_back()
            self._known.set()

    def become(self, role: Role) -> None:
        """Write down what this machine is from now on. It acknowledges only as the primary that it was opened as."""
        self._change(role=role)

    def take_witness(self, peer: Peer) -> None:
        """From now on writes are acknowledged under a lease, and a standby may take over by itself."""
        if self.machine.witness is not None:
            raise InvalidRequest("This network has a witness already. Remove that one first.")
        self._change(witness=peer)
        if self._started:
            self._begin_reign()
            for link in self.carrier.in_step():
                link.close()  # they come back at once, and are told of the witness

    def remove_witness(self, *, even_so: bool = False) -> None:
        """No standby takes over by itself any more: only a person promotes. Raises InvalidRequest, WitnessAway.

        Either the witness has heard that nobody may succeed; or every machine that it could let succeed has written
        down that it asks that witness no more, and takes back what it asked before. Else it could let one of them reign
        beside us; even_so: a person knows that it never runs again.
        """
        if self._witness is None or self._reign is None:
            raise InvalidRequest("This network has no witness, or does not run.")
        self._reign.close()
        gone = self._lets_nobody_succeed(self._witness) or self.carrier.told_all_who_could_succeed(NO_WITNESS)
        if gone or even_so:
            self._change(witness=None, former=())
            self._witness = self._reign = None
            self.carrier.end_reign()
        else:
            self._begin_reign()
        for link in self.carrier.in_step():
            link.close()  # they come back at once, and are told which witness there is
        if not (gone or even_so):
            raise WitnessAway

    def _lets_nobody_succeed(self, witness: FarWitness) -> bool:
        """Whether it says so."""
        try:
            return witness.ask(Request(self.machine.epoch, self.machine.id)).granted
        except LinkLost:
            return False
        finally:
            witness.close()

    def witness_state(self) -> str:
        """How the witness is, in plain words; empty without one."""
        return self._reign.witness_state if self._reign is not None else ""

    def leave(self) -> None:
        """The network is about to be closed."""
        self._known.set()
        self.carrier.leave()

    def close(self) -> None:
        """After the database was closed."""
        if self._reign is not None:
            self._reign.close()
        self.carrier.close()
        self._keeper.close()
        if self._herald is not None:
            self._herald.close()

    def _begin_reign(self) -> None:
        peer = self.machine.witness
        if peer is None:
            return
        witness = FarWitness(self._directory, peer.address, peer.certificate)
        self._witness = witness
        standbys = {each.machine or each.name for each in self.machine.standbys if each.sync}
        self.carrier.reign(frozenset({*standbys, *self.machine.former}))
        self._reign = Reign(self.machine.id, self.machine.epoch, self.carrier, witness, self._fence, self._confirmed)
        self._reign.start()

    def _greeted(self, link: Link, hello: Hello) -> None:
        """On the link's thread: remember whose it is, and let it and the witness know of each other."""
        if link.name == self._heir:
            self._take_back()  # it is still a standby: see `Standby.follow`
        known = next((peer.machine for peer in self.machine.standbys if peer.name == link.name), hello.machine)
        if known != hello.machine:
            self._change_peer(link.name, machine=hello.machine)
        self._bring(link)
        peer = self.machine.witness
        link.exchange(WitnessAt(peer.address, peer.certificate) if peer is not None else NO_WITNESS)
        if self._reign is not None:
            self._reign.introduce(hello.certificate)

    def _bring(self, link: Link) -> None:
        """The papers that go to this standby."""
        peer, keys = next((each for each in self.machine.standbys if each.name == link.name), None), self._keys
        if peer is None or peer.keys == "wrapped" or keys is None:
            return
        entrusted = ENTRUSTED if peer.keys == "own" else ()
        kept_back = {KEY, FEEDS} if peer.keys == "last" else {KEY}  # another operator runs no programs of ours unasked
        names = (*entrusted, *(name for name in DELIVERED if name not in kept_back))
        papers = [self._directory / name for name in names]
        link.bring(papers, lambda path: keys() if path.name in entrusted else as_it_is(path))

    def _announce(self) -> None:
        """This machine was a standby: its old primary may come back, and is to know."""
        herald = Herald(self.machine.epoch, lambda: self.beacon())
        self._herald = Receiver(self._directory, herald, lambda code, certificate: False)
        self._herald.open()
        if self.machine.listen:
            try:
                self._herald.open_port(self.machine.listen, papers.answering(self._directory, self.machine.pins))
            except OSError as error:
                logger.warning("an old primary will not hear that it is one no more: %s", error)

    @property
    def _waits(self) -> bool:
        """Writes wait for a standby if there is one to wait for."""
        return any(peer.sync for peer in self.machine.standbys) and not self._alone

    def _fence(self) -> None:
        """Another machine is the primary: say yes to nothing, and say so to whoever starts this one again."""
        self.carrier.fence()
        if self.machine.role == "primary":
            self._change(role="fenced")
        self._heir = None
        self._known.set()
        logger.critical("another machine is the primary of %s now: no more is written here", self._directory)

    def _change_peer(self, name: str, **changes: object) -> None:
        with self._turn:
            standbys = tuple(
                msgspec.structs.replace(peer, **changes) if peer.name == name else peer
                for peer in self.machine.standbys
            )
            self._keep(msgspec.structs.replace(self.machine, standbys=standbys))

    def _change(self, **changes: object) -> None:
        with self._turn:
            self._keep(msgspec.structs.replace(self.machine, **changes))

    def _keep(self, changed: Machine) -> None:
        machine.write(self._directory, changed)
        self.machine = changed


def assured_primary(directory: Path) -> Machine:
    """What this machine is. Raises NotPrimary unless it is the primary, BadMachine."""
    found = machine.read(directory)
    if found.role == "standby":
        raise NotPrimary(f"{directory} is a standby: it follows another machine, on which this is to be done.")
    if found.role in ("leaving", "left"):
        raise NotPrimary(f"The network in {directory} leaves, or left, for another operator's machine.")
    if found.role == "fenced":
        raise NotPrimary(
            f"Another machine has become the primary of the network in {directory}, so nothing is served from here. To"
            f" make this machine its standby: freehold standby {directory} make"
        )
    return found


def introduce(directory: Path, address: str, pin: str, code: str) -> str:
    """Tell a standby by TLS who its primary is; the standby's certificate, base64.

    pin: SHA-256 of that certificate, hex. code: what its operator was given. Raises LinkLost, InvalidRequest.
    """
    stream = transport.connect_nameless(address)
    certificate = stream.getpeercert(binary_form=True) or b""
    with Channel(stream) as channel:
        if papers.fingerprint(certificate) != pin:
            raise InvalidRequest("Whoever answers at that address is not the standby that the line was made by.")
        channel.send(Pair(code, papers.own(directory)))
        answer = channel.receive()
    if isinstance(answer, Refuse):
        raise LinkLost(answer.why)
    return base64.b64encode(certificate).decode()
