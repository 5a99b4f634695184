"""What the owner has chosen for the network, and who the owner is.

Tables: network_choice. It lies in the truth, so that it is copied, archived and moved with everything else. Beside the
choices stands what the newest move to another name did (`Move`).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec

from freehold.store.migrations import Migration
from freehold.store.tx import Tx

SCHEMA = (Migration("pds-6-network", "CREATE TABLE network_choice (name TEXT PRIMARY KEY, value BLOB NOT NULL);"),)


class Choices(msgspec.Struct, frozen=True, omit_defaults=True):
    """The owner's choices. hue: 0 to 360; chroma: 0 to 0.11; join: open, ask, invite or closed; claimed_at: micros.

    proof: joining without an invitation takes a proof of work, of `proof_bits` (2 ** bits hashes). hourly: sign-ups an
    hour from which a line forms; 0: none does. contact: how to reach whoever runs the network.
    alarm_reads: from how many different things of one kind within an hour a reader is reported; 0: never. alarm_slow:
    such a reader is slowed down for an hour.
    domain: chosen on the first page or by a move, taken up at the next start. base_url, handle_domain: what the
    members' DIDs and handles say now. former: host names that the network had before; they lead to the one of now.
    mail_reset: a lost password may be set anew by mail; off after a move, until the owner turns it on again.
    """

    name: str = "Freehold"
    about: str = ""
    rules: tuple[str, ...] = ()
    hue: int = 160
    chroma: float = 0.075
    join: str = "open"
    owner: str = ""
    claimed_at: int = 0
    domain: str = ""
    base_url: str = ""
    handle_domain: str = ""
    proof: bool = False
    proof_bits: int = 20
    hourly: int = 0
    contact: str = ""
    alarm_reads: int = 2_000
    alarm_slow: bool = False
    former: tuple[str, ...] = ()
    mail_reset: bool = True

    @property
    def claimed(self) -> bool:
        return self.claimed_at > 0


class Bound(msgspec.Struct, frozen=True):
    """A member whose identity, or handle, could not be moved from here. why: a sentence."""

    did: str
    handle: str
    why: str


class Move(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a move to another name did, for its owner to read. was, now: base URLs. at: micros, when it was done.

    moved: accounts. The rest ended with the old name: browsers and programs (sessions), apps (OAuth), passkeys.
    """

    was: str
    now: str
    at: int = 0
    moved: int = 0
    bound: tuple[Bound, ...] = ()
    browsers: int = 0
    programs: int = 0
    apps: int = 0
    passkeys: int = 0


class Network:
    """The choices of one network, kept in memory."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Tx]]) -> None:
        self._reading = reading
        self._now: Choices | None = None
        self.generation = 0

    @property
    def choices(self) -> Choices:
        """As they stand."""
        if self._now is None:
            with self._reading() as tx:
                row = tx.one("SELECT value FROM network_choice WHERE name = 'choices'")
            self._now = msgspec.json.decode(row[0], type=Choices) if row else Choices()
        return self._now

    def choose(self, tx: Tx, choices: Choices) -> None:
        """Replace the choices."""
        _put(tx, "choices", choices)
        tx.after_commit(self.forget)

    @property
    def last_move(self) -> Move | None:
        """The newest move to another name."""
        with self._reading() as tx:
            row = tx.one("SELECT value FROM network_choice WHERE name = 'move'")
        return msgspec.json.decode(row[0], type=Move) if row else None

    def note_move(self, tx: Tx, move: Move) -> None:
        """Keep what a move did."""
        _put(tx, "move", move)

    def forget(self) -> None:
        """Read them again at the next look."""
        self.generation += 1
        self._now = None


def _put(tx: Tx, name: str, value: msgspec.Struct) -> None:
    tx.run(
        "INSERT INTO network_choice (name, value) VALUES (:name, :value)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name=name,
        value=msgspec.json.encode(value),
    )
