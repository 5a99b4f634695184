"""A standby machine, put together: its copy, its doors, who its primary is, and its promotion.

In come a directory and what haven.json says; out come a copy that follows, and at last a primary's directory. Nothing
that is sealed is opened here: a standby works without the unlock key, and cannot be promoted without it.
"""

import base64
import hmac
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec

from freehold.haven import machine, papers
from freehold.haven.copy import Copy
from freehold.haven.following import Standby
from freehold.haven.lease import Request
from freehold.haven.machine import Machine, Peer, code_hash
from freehold.haven.receiving import Receiver
from freehold.haven.witness import FarWitness
from freehold.protocol.refused import InvalidRequest
from freehold.store.blobs import BlobStore

CODE_BYTES = 12


class StandbyMachine:
    """The standby in `directory`, whose lock the caller holds. `open`, then `close`.

    succeed: called on a link's thread when the primary hands over; what it refuses is told to the primary.
    """

    def __init__(self, directory: Path, succeed: Callable[[], object]) -> None:
        self.directory = directory
        self.machine = machine.read(directory)
        self._copy = Copy(directory)
        self.following = Standby(
            self._copy,
            BlobStore(directory / "blobs"),
            self.machine.epoch,
            lambda epoch: self._write(epoch=epoch),
            id=self.machine.id,
            certificate=papers.own(directory),
            witness_at=self._witness_at,
            succeed=succeed,
        )
        self._receiver = Receiver(directory, self.following, self._pair)
        self._context = papers.answering(directory, self.machine.pins)

    def open(self) -> None:
        """Listen to the primary from now on. Raises OSError when the port is taken."""
        self._receiver.open()
        if self.machine.listen:
            self._receiver.open_port(self.machine.listen, self._context)

    def close(self) -> None:
        """Follow nobody any more, and let the copy go."""
        self._receiver.close()
        self._copy.close()

    @property
    def copied_bytes(self) -> int:
        """Of the truth, with its log."""
        path = self._copy.path
        return (path.stat().st_size if path.exists() else 0) + self._copy.position.end

    def elected(self, *, by_hand: bool = False) -> bool:
        """Whether the witness grants that this machine succeeds its primary; blocks while it is asked.

        by_hand: a person decided it. Without a witness only a person may. Raises LinkLost.
        """
        witness = self.machine.witness
        if witness is None:
            return by_hand
        if not (by_hand or (self.following.may_succeed() and self._copy.whole)):
            return False
        far = FarWitness(self.directory, witness.address, witness.certificate)
        try:
            return far.ask(Request(self.machine.epoch + 1, self.machine.id), by_hand=by_hand).granted
        finally:
            far.close()

    def promote(self, *, resumes: bool) -> None:
        """After `close`: this machine is the primary, under a newer epoch. It remembers the old one, to tell it so.

        resumes: it may lack what others have heard.
        """
        self._write(role="primary", epoch=self.machine.epoch + 1, standbys=(), token="", resumes=resumes)

    def _witness_at(self, address: str, certificate: bytes) -> None:
        peer = Peer("witness", address, base64.b64encode(certificate).decode())
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


def make(directory: Path, listen: str) -> tuple[Machine, str, str]:
    """Make `directory` a standby's; what it is then, the fingerprint of its certificate, and the code for its primary.

    listen: HOST:PORT for TLS, or empty. A directory with a network must have been fenced; what it had is put aside.
    Raises InvalidRequest.
    """
    before = machine.read(directory)
    if before.role == "primary" and (directory / "truth.db").exists():
        raise InvalidRequest(f"{directory} holds a network of which this machine is the primary.")
    if listen and not listen.rpartition(":")[2].isdecimal():
        raise InvalidRequest(f"“{listen}” is not HOST:PORT.")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if before.role == "fenced":
        _put_aside(directory, before.epoch)
    code = secrets.token_urlsafe(CODE_BYTES)
    epoch = 0 if before.role == "primary" else before.epoch  # a new machine has heard of none
    made = Machine(before.id, "standby", epoch, listen=listen, token=code_hash(code) if listen else "")
    machine.write(directory, made)
    return made, papers.fingerprint(papers.own(directory)), code


def _put_aside(directory: Path, epoch: int) -> None:
    """The truth of a primary that was succeeded: its last writes may be nowhere else, and somebody may want to look."""
    aside = directory / f"aside-{epoch}-{secrets.token_hex(4)}"
    aside.mkdir(mode=0o700)
    for file in sorted(directory.glob("truth.db*")):
        file.rename(aside / file.name)
