"""A standby machine, put together: its copy, its doors, who its primary is, and its promotion.

In come a directory and what haven.json says; out come a copy that follows, and at last a primary's directory. Nothing
that is sealed is opened here: a standby works without the unlock key, and cannot be promoted without it.
"""

import base64
import hmac
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from freehold.appview.index import Index
from freehold.haven import aside, machine, papers
from freehold.haven.copy import Copy
from freehold.haven.following import PrimaryThere, Standby
from freehold.haven.lease import Request
from freehold.haven.machine import Machine, Peer, code_hash
from freehold.haven.receiving import Receiver
from freehold.haven.warm import Warm
from freehold.haven.wire import LinkLost
from freehold.haven.witness import FarWitness
from freehold.protocol.refused import InvalidRequest
from freehold.store.blobs import BlobStore

CODE_BYTES = 12

Warmed = Callable[[Copy, Index | None], Warm]


def nothing() -> None:
    """Nobody reads."""


class StandbyMachine:
    """The standby in `directory`, whose lock the caller holds. `open`, then `close`.

    succeed: called on a link's thread when the primary hands over; what it refuses is told to the primary. succeeded:
    when that was answered. entrusted: given the network's keys and settings, where this machine opens them by an unlock
    key of its own. warmed: makes what keeps an index beside the copy, from one that there was before; None where none
    is kept.
    """

    def __init__(
        self,
        directory: Path,
        succeed: Callable[[], object],
        succeeded: Callable[[], object] = nothing,
        entrusted: Callable[[bytes, bytes], object] = lambda ring, settings: None,
        warmed: Warmed | None = None,
    ) -> None:
        self.directory = directory
        self.machine = machine.read(directory)
        self._copy = Copy(directory)
        self._warmed = warmed
        self._warm: Warm | None = None
        self._index: Index | None = None
        self.following = Standby(
            self._copy,
            BlobStore(directory / "blobs"),
            self.machine.epoch,
            lambda epoch: self._write(epoch=epoch),
            id=self.machine.id,
            certificate=papers.own(directory),
            witness_at=self._witness_at,
            in_step=self._note_in_step,
            succeed=succeed,
            succeeded=succeeded,
            entrusted=entrusted if self.machine.own_key else None,
        )
        self._receiver = Receiver(directory, self.following, self._pair)
        self._context = papers.answering(directory, self.machine.pins)
        self._deciding = threading.Lock()
        self._elected = False

    def open(self) -> None:
        """Listen to the primary from now on. Raises OSError when the port is taken."""
        self._keep_warm()
        self._receiver.open()
        if self.machine.listen:
            self._receiver.open_port(self.machine.listen, self._context)

    def close(self) -> None:
        """Follow nobody any more, and let the copy go. The index stays open for `take_index`."""
        self._receiver.close()
        self._rest()
        self._copy.close()

    def take_index(self) -> Index | None:
        """The index as it was kept, for whoever closes it at the end."""
        index, self._index = self._index, None
        return index

    @contextmanager
    def reading(self, wanted: Callable[[], object]) -> Iterator[Index | None]:
        """The primary is gone: within this nobody writes to the copy, which may be opened to read only; with its index,
        which stays ours. Blocks. wanted: called when the primary is back, and waits. Raises PrimaryThere.
        """
        following = self.following
        self._rest()
        try:
            if not following.turn.acquire(blocking=False):
                raise PrimaryThere
            try:
                following.wanted = wanted
                if not following.primary_is_gone:  # it came back while the index took in the last
                    raise PrimaryThere
                yield self._index
            finally:
                following.wanted = nothing
                following.turn.release()
        finally:
            self._keep_warm()

    @property
    def is_readable(self) -> bool:
        """Whether there is a copy that has everything, as far as is known here, with an index that is not being made
        anew, and whose primary is gone."""
        indexed = self._warm is None or self._warm.has_caught_up
        return self.had_all and indexed and self._copy.whole and self.following.primary_is_gone

    @property
    def had_all(self) -> bool:
        """Whether the primary has said that this machine is in step, in its epoch."""
        return self.machine.in_step == self.machine.epoch

    def _keep_warm(self) -> None:
        if self._warmed is not None:
            self._warm = self._warmed(self._copy, self._index)
            self._warm.start()

    def _rest(self) -> None:
        """Keep the index as it is now."""
        if self._warm is not None:
            self._index, self._warm = self._warm.hand_over(), None

    @property
    def copied_bytes(self) -> int:
        """Of the truth, with its log."""
        path = self._copy.path
        return (path.stat().st_size if path.exists() else 0) + self._copy.position.end

    @property
    def may_ask(self) -> bool:
        """Whether this machine may ask the witness to succeed: it promised nobody not to, and has a whole copy."""
        return self.machine.witness is not None and self._copy.whole and self.following.may_succeed()

    def elected(self, *, by_hand: bool = False) -> bool:
        """Whether the witness grants that this machine succeeds its primary; blocks while it is asked.

        To be asked when it `may_ask`; or by_hand: a person decided it, as only one may without a witness. Raises
        LinkLost.
        """
        witness = self.machine.witness
        if witness is None:
            return by_hand
        far = FarWitness(self.directory, witness.address, witness.certificate)
        try:
            granted = far.ask(Request(self.machine.epoch + 1, self.machine.id), by_hand=by_hand).granted
        finally:
            far.close()
        return granted and (by_hand or self._still_succeeds(witness))

    def _still_succeeds(self, witness: Peer) -> bool:
        """Whether nothing that the primary said while the witness was asked stands against it; from now on it says
        nothing more about the witness. What was granted is granted again when it is asked again."""
        with self._deciding:
            self._elected = self.machine.witness == witness and self.following.may_succeed()
            return self._elected

    def forget_witness(self) -> None:
        """A person promotes this machine although the witness is out of reach: with it, nobody could say yes again."""
        self._write(witness=None)

    def promote(self, *, resumes: bool) -> None:
        """After `close`: this machine is the primary, under a newer epoch. It remembers the old one, to tell it so.

        resumes: it may lack what others have heard.
        """
        self._write(role="primary", epoch=self.machine.epoch + 1, standbys=(), token="", resumes=resumes)

    def _note_in_step(self, so: bool) -> None:
        epoch = self.machine.epoch if so else 0
        if epoch != self.machine.in_step:
            self._write(in_step=epoch)

    def _witness_at(self, address: str, certificate: bytes) -> None:
        peer = Peer("witness", address, base64.b64encode(certificate).decode()) if address else None
        with self._deciding:
            if self._elected:
                raise LinkLost(because="this machine takes over")
            if peer != self.machine.witness:
                self._write(witness=peer)

    def _pair(self, code: str, certificate: bytes) -> bool:
        """Once."""
        if not self.machine.token or not hmac.compare_digest(code_hash(code), self.machine.token):
            return False
        self._context.load_verify_locations(cadata=certificate)
        self._write(primary=base64.b64encode(certificate).decode(), token="")
        return True

    def _write(self, **changes: object) -> None:
        self.machine = msgspec.structs.replace(self.machine, **changes)
        machine.write(self.directory, self.machine)


def make(directory: Path, listen: str, *, own_key: bool = False) -> tuple[Machine, str, str]:
    """Make `directory` a standby's; what it is then, the fingerprint of its certificate, and the code for its primary.

    listen: HOST:PORT for TLS, or empty. own_key: it is to open the network by an unlock key of its own. A directory
    with a network must have been fenced; what it had is put aside.
    Raises InvalidRequest.
    """
    before = machine.read(directory)
    if before.role == "leaving":
        raise InvalidRequest(f"{directory} holds a network that leaves, or has left, with its copy kept: take another.")
    if before.role == "primary" and (directory / "truth.db").exists():
        raise InvalidRequest(f"{directory} holds a network of which this machine is the primary.")
    if listen and not listen.rpartition(":")[2].isdecimal():
        raise InvalidRequest(f"“{listen}” is not HOST:PORT.")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if before.role == "fenced":
        aside.put(directory, before.epoch)
    code = secrets.token_urlsafe(CODE_BYTES)
    epoch = 0 if before.role == "primary" else before.epoch  # a new machine has heard of none
    token = code_hash(code) if listen else ""
    made = Machine(before.id, "standby", epoch, listen=listen, token=token, own_key=own_key)
    machine.write(directory, made)
    return made, papers.fingerprint(papers.own(directory)), code
