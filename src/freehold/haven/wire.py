"""What a primary and its standby say to each other: messages over a socket-like stream, one answer to each.

The primary speaks, the standby answers; only the greeting is the standby's. A message is four bytes of length,
big-endian, and a MessagePack array. Who the other one is, and that nobody listens, is the business of what carries the
bytes (ssh, TLS).
"""

import socket
from contextlib import suppress
from typing import Protocol, Self

import msgspec

from freehold.protocol.refused import Refused

VERSION = 1
PART_BYTES = 1_048_576
"""How much of a log, a file or a blob goes into one message."""
LENGTH_BYTES = 4
MESSAGE_MAX = 4 * PART_BYTES
AHEAD_BYTES = 16_384
"""What TLS has in one record; more than most messages have."""


class LinkLost(Refused):
    """The other side is gone, silent for too long, or speaks something else."""

    kind, name = "unavailable", "LinkLost"
    say = "The connection between this machine and its standby was lost."


class LinkRefused(LinkLost):
    """The other side said why it does not go on."""

    name = "LinkRefused"


class Message(msgspec.Struct, tag=True, frozen=True, array_like=True):
    """Any of the messages below."""


class Hello(Message, frozen=True):
    """The standby begins. salt, end: how far its copy of the log goes. digest: SHA-256 of that log; empty without one.

    epoch: the newest that it has heard of. whole: False until a first copy of the file was finished. machine: its id.
    certificate: its own, in DER, by which a witness may know it. newest: the newest numbers in the
    logs of its copy, public and private.
    """

    version: int
    epoch: int
    machine: str
    certificate: bytes
    newest: tuple[int, int]
    whole: bool
    salt: bytes
    end: int
    digest: bytes


class Pair(Message, frozen=True):
    """A machine that is not pinned yet shows the token that the standby's operator was given. certificate: its own."""

    token: str
    certificate: bytes


class Begin(Message, frozen=True):
    """The primary's answer to that. A standby takes nothing from a primary of an older epoch than it knows."""

    epoch: int


class Take(Message, frozen=True):
    """A stretch of the log. before_salt, before_end: where the standby must be, or it says Refuse."""

    before_salt: bytes
    before_end: int
    salt: bytes
    start: int
    data: bytes


class Ask(Message, frozen=True):
    """A request for a vote, as in `lease`; the answer is `Voted`. by_hand: a person has decided."""

    epoch: int
    machine: str
    in_step: list[str]
    by_hand: bool = False


class Voted(Message, frozen=True):
    """Whether it is granted; and the vote that stands now."""

    granted: bool
    epoch: int
    holder: str


class Introduce(Message, frozen=True):
    """To a witness, by a machine that it knows: another one, that it may know from now on."""

    certificate: bytes


class Succeed(Message, frozen=True):
    """To a standby that has everything: be the primary from now on. The old one says yes to nothing any more."""


class InStep(Message, frozen=True):
    """To a standby that has everything. Before it heard this, its copy may lack what members were told long ago, and is
    not shown to them; from now on it lacks nothing, or moments where it is not waited for."""


class WitnessAt(Message, frozen=True):
    """To a standby: where the witness is, and its certificate in DER; both empty: there is none."""

    address: str
    certificate: bytes


class Deliver(Message, frozen=True):
    """What goes along with the truth: one of `delivered.DELIVERED`."""

    name: str
    data: bytes


class Entrust(Message, frozen=True):
    """To a machine that opens the network by an unlock key of its own. ring: its keys, packed. settings: those that are
    the network's and not a machine's, as TOML."""

    ring: bytes
    settings: bytes


class Where(Message, frozen=True):
    """To a machine that succeeded: where is the network now? The answer is `Here`."""


class Here(Message, frozen=True):
    """The network's beacon."""

    document: bytes


class Show(Message, frozen=True):
    """Asks where the standby's log ends; the answer is a `Hello`."""


class Fold(Message, frozen=True):
    """To a standby whose log is the one that the primary folded last, to its end: fold it too."""


class Check(Message, frozen=True):
    """Asks the standby to hash its blobs, in order after this one; the answer is `Checked`."""

    after: bytes


class Seed(Message, frozen=True):
    """The standby's copy is to be made anew: until `Whole` it is none."""


class Compare(Message, frozen=True):
    """Asks for the hashes of blocks of the standby's file; the answer is `Hashes`. new: of the one being made."""

    first: int
    count: int
    new: bool = True


class Block(Message, frozen=True):
    """Bytes of the file, at this offset."""

    offset: int
    data: bytes


class Whole(Message, frozen=True):
    """The file has this size and is complete; the log begins anew."""

    size: int


class BlobPart(Message, frozen=True):
    """Bytes of a blob, in order; the last one is answered when the blob is on disk under its name."""

    cid: bytes
    data: bytes
    last: bool


class Forget(Message, frozen=True):
    """A blob that is no more."""

    cid: bytes


class Names(Message, frozen=True):
    """Asks which blobs the standby has, in order after this one; the answer is `Listing`."""

    after: bytes


class Still(Message, frozen=True):
    """Asks whether the standby is there."""


class Got(Message, frozen=True):
    """The standby has it, on disk. locked: the network's keys do not open there, so that it cannot be promoted."""

    locked: bool = False


class Hashes(Message, frozen=True):
    """BLAKE2b hashes, 16 bytes each, of the blocks that were asked for; fewer when the file ends before."""

    hashes: bytes


class Listing(Message, frozen=True):
    """Blobs by CID, in order; none when there are no more."""

    cids: list[bytes]


class Checked(Message, frozen=True):
    """last: up to which blob; empty when there are no more. count: how many. damaged: those that belie their names."""

    last: bytes
    count: int
    damaged: list[bytes]


class Refuse(Message, frozen=True):
    """The standby cannot; the link ends."""

    why: str


AnyMessage = (
    Hello
    | Pair
    | Begin
    | Ask
    | Introduce
    | WitnessAt
    | InStep
    | Succeed
    | Deliver
    | Entrust
    | Where
    | Here
    | Take
    | Seed
    | Compare
    | Block
    | Whole
    | BlobPart
    | Forget
    | Names
    | Still
    | Show
    | Check
    | Fold
    | Got
    | Hashes
    | Listing
    | Checked
    | Voted
    | Refuse
)
Answer = Got | Hashes | Listing | Checked | Voted | Hello
_encode_into = msgspec.msgpack.Encoder(enc_hook=bytes).encode_into  # for Cid, which is bytes
_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)


class Stream(Protocol):
    """As much of a socket as is needed. Its time limit makes a silent other side an OSError."""

    def settimeout(self, seconds: float, /) -> None: ...
    def sendall(self, data: bytes | bytearray, /) -> None: ...
    def recv_into(self, buffer: memoryview, /) -> int: ...
    def shutdown(self, how: int, /) -> None: ...
    def close(self) -> None: ...


class Channel:
    """Messages over a stream. Used by one thread at a time; closed by any, and at the end of its `with`."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._patience = 0.0
        self._said = bytearray()
        """Kept, so that a commit is put together in memory that is there already."""
        self._ahead = memoryview(bytearray(AHEAD_BYTES))
        self._at = self._end = 0
        """What was read ahead and not heard yet: a short message, with its length, is one call to the stream."""

    def wait_at_most(self, seconds: float) -> None:
        """From now on, for the other side to take something or to say something. Raises LinkLost."""
        if seconds == self._patience:
            return
        try:
            self._stream.settimeout(seconds)
        except (OSError, ValueError) as error:
            raise LinkLost(because=repr(error)) from None
        self._patience = seconds

    def send(self, message: Message) -> None:
        """Raises LinkLost."""
        said = self._said
        _encode_into(message, said, LENGTH_BYTES)
        said[:LENGTH_BYTES] = (len(said) - LENGTH_BYTES).to_bytes(LENGTH_BYTES, "big")
        try:
            self._stream.sendall(said)
        except (OSError, ValueError) as error:
            raise LinkLost(because=repr(error)) from None

    def receive(self) -> AnyMessage:
        """The next message. Raises LinkLost."""
        length = int.from_bytes(self._exactly(LENGTH_BYTES), "big")
        if length > MESSAGE_MAX:
            raise LinkLost(because=f"a message of {length} bytes")
        try:
            return _decoder.decode(self._exactly(length))
        except msgspec.DecodeError as error:
            raise LinkLost(because=repr(error)) from None

    def _exactly(self, count: int) -> bytearray:
        buffer = bytearray(count)
        view = memoryview(buffer)
        done = 0
        while done < count:
            if self._at == self._end and count - done >= AHEAD_BYTES:
                done += self._read(view[done:])
                continue
            if self._at == self._end:
                self._at, self._end = 0, self._read(self._ahead)
            part = min(count - done, self._end - self._at)
            view[done : done + part] = self._ahead[self._at : self._at + part]
            self._at, done = self._at + part, done + part
        return buffer

    def _read(self, into: memoryview) -> int:
        try:
            got = self._stream.recv_into(into)
        except (OSError, ValueError) as error:  # ValueError: TLS on a socket that was closed meanwhile
            raise LinkLost(because=repr(error)) from None
        if not got:
            raise LinkLost(because="the stream ended")
        return got

    def close(self) -> None:
        """End the stream, also for a thread that waits on it. Idempotent."""
        with suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
