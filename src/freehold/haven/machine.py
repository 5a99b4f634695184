"""What this machine is to its network: the primary, a standby, or fenced; under which epoch; and whom it knows.

Owns DIRECTORY/haven.json. It is not in the truth, which is copied to machines of another role. An epoch is the
reign of one primary; the number only grows. A machine without the file is the primary of a network without standbys.
"""

import base64
import hashlib
import os
from pathlib import Path
from typing import Literal

import msgspec

from freehold.protocol.refused import Refused
from freehold.store.files import write_durably

FILE = "haven.json"
Role = Literal["primary", "standby", "fenced", "leaving", "left"]


class BadMachine(Refused):
    """haven.json is not what was written there."""

    kind, name = "unavailable", "BadMachine"


class Peer(msgspec.Struct, frozen=True):
    """Another machine. address: ssh://…, tls://… or unix://…. pin: its certificate, base64, for tls.

    sync: it is waited for. machine: its id, once it was heard. keys: how the network's keys go there: wrapped as they
    are, as its own (it opens them by its own unlock key), or last of all, when the network leaves for it. verified_at:
    when all that it has was last compared and was the same, in micros; 0: never.
    """

    name: str
    address: str
    pin: str = ""
    sync: bool = True
    machine: str = ""
    keys: Literal["wrapped", "own", "last"] = "wrapped"
    verified_at: int = 0

    @property
    def certificate(self) -> bytes:
        """The pin, in DER."""
        return base64.b64decode(self.pin)


class Machine(msgspec.Struct, frozen=True):
    """id: random, 32 hex digits, made once.

    Of a primary, standbys: whom it carries its commits to; former: machines that are none any more, but that its
    witness may still let succeed. Of a standby, listen: HOST:PORT for TLS, or nothing;
    primary: the certificate of its primary, base64; token: SHA-256 of the code by which that one may introduce itself.
    in_step: of a standby, the epoch under which it was told that it has everything; 0: none.
    own_key: of a standby, it has an unlock key of its own, and is given the network's keys by its primary.
    resumes: it was promoted by a person, so that it may lack what others have heard, and has not told them yet.
    role: leaving and left are of a network that goes, or went, to another operator's machine (see `leaving`).
    """

    id: str
    role: Role = "primary"
    epoch: int = 1
    standbys: tuple[Peer, ...] = ()
    witness: Peer | None = None
    listen: str = ""
    primary: str = ""
    token: str = ""
    own_key: bool = False
    resumes: bool = False
    in_step: int = 0
    former: tuple[str, ...] = ()

    @property
    def pins(self) -> list[bytes]:
        """The certificate of a standby's primary, in DER, if it is known."""
        return [base64.b64decode(self.primary)] if self.primary else []


def code_hash(code: str) -> str:
    """Of a code by which a machine introduces itself, as it is kept: hex."""
    return hashlib.sha256(code.encode()).hexdigest()


def read(directory: Path) -> Machine:
    """What is written; without a file, a primary that stands alone. Raises BadMachine."""
    path = directory / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Machine)
    except (FileNotFoundError, NotADirectoryError):
        return Machine(os.urandom(16).hex())
    except (msgspec.DecodeError, OSError) as error:
        raise BadMachine(f"{path} cannot be read: {error}. Put it back from a copy.") from None


def write(directory: Path, machine: Machine) -> None:
    """On disk when this returns: what a machine has promised must outlive a power cut."""
    write_durably(directory / FILE, msgspec.json.format(msgspec.json.encode(machine)) + b"\n")
