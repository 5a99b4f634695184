"""The file DIRECTORY/network.key: a network's ring of keys, wrapped; and where the unlock key comes from that opens it.

The unlock key is from a file (made with the network), from the environment, from systemd's credentials or from a
prompt. While it is being changed the file holds the ring twice, wrapped by the old key and by the new one, so that it
opens at any moment by whichever the settings name. Every change is on disk before anything hangs on it.
Source: https://systemd.io/CREDENTIALS
"""

import os
from collections.abc import Callable, Sequence
from getpass import getpass
from pathlib import Path
from typing import NamedTuple, Self

from freehold.protocol.refused import Refused
from freehold.store.files import write_durably
from freehold.store.sealed import BadUnlockKey, Ring, Seal, UnlockKey, WrongUnlockKey, new_network_key

NETWORK_KEY, UNLOCK_KEY = "network.key", "unlock.key"
VARIABLE = "FREEHOLD_UNLOCK_KEY"
CREDENTIALS = "CREDENTIALS_DIRECTORY"
SOURCES = ("file", "env", "systemd", "prompt")
_SEVERAL = b"\x02"
_LENGTH_BYTES = 2
MAX_CREDENTIAL = 4096


class KeyMissing(Refused):
    """A network whose key, or the key to that, is not where it was."""

    kind, name = "unavailable", "KeyMissing"


class Source(NamedTuple):
    """Where an unlock key comes from. how: one of SOURCES. credential: its name among systemd's."""

    how: str
    credential: str = "freehold-unlock"


class Keyring:
    """A network's keys, open. Made by `open_`; `seal` is what the rooms use, and it follows every change here."""

    def __init__(self, path: Path, ring: Ring, unlock: UnlockKey) -> None:
        self._path = path
        self._unlock = unlock
        self.seal = Seal(ring)

    @classmethod
    def open_(cls, directory: Path, source: Source, ask: Callable[[str], str] = getpass) -> Self:
        """The keys of the network in `directory`; a new network gets its own now.

        Raises KeyMissing, BadUnlockKey, WrongUnlockKey.
        """
        path = directory / NETWORK_KEY
        new = not path.exists()
        if new and (directory / "truth.db").exists():
            raise KeyMissing(
                f"{path} is not there, and nothing that is sealed opens without it. Put it back from a copy."
            )
        unlock = unlock_key(directory, source, new, ask)
        if new:
            write_durably(path, wrapped(Ring.of(new_network_key()), [unlock]))
        return cls(path, unwrapped(path.read_bytes(), unlock), unlock)

    def stored(self) -> Ring:
        """The keys as the file holds them: what seals next is there before it is used. Some 0.1 s with a passphrase."""
        return unwrapped(self._path.read_bytes(), self._unlock)

    @property
    def is_changing(self) -> bool:
        """Is there an older key beside the newest?"""
        return len(self.seal.ring.keys) > 1

    def begin(self) -> None:
        """Seal with a new key from now on; the old one still opens. Where that was begun before, nothing."""
        if not self.is_changing:
            ring = self.seal.ring
            self._take_up(ring._replace(keys=(new_network_key(), *ring.keys)))

    def finish(self) -> None:
        """Forget all keys but the newest: nothing is sealed with them any more."""
        ring = self.seal.ring
        self._take_up(ring._replace(keys=ring.keys[:1]))

    def change_unlock(self, unlock: UnlockKey, settle: Callable[[], object]) -> None:
        """Let another unlock key open the file. `settle` puts it, and word of it, where the next start looks.

        Until that has returned the old one opens too.
        """
        write_durably(self._path, wrapped(self.seal.ring, [self._unlock, unlock]))
        settle()
        write_durably(self._path, wrapped(self.seal.ring, [unlock]))
        self._unlock = unlock

    @property
    def opens_by(self) -> int:
        """How many unlock keys open the file: two where a change was broken off."""
        return len(_slots(self._path.read_bytes()))

    def _take_up(self, ring: Ring) -> None:
        write_durably(self._path, wrapped(ring, [self._unlock]))
        self.seal.use(ring)


def entrust(directory: Path, unlock: UnlockKey, ring: bytes) -> None:
    """Keep the keys of another machine's network here, opened by this one's own unlock key. Raises WrongUnlockKey."""
    write_durably(directory / NETWORK_KEY, wrapped(Ring.unpacked(ring), [unlock]))


def wrapped(ring: Ring, unlocks: Sequence[UnlockKey]) -> bytes:
    """The file, openable by any of the unlock keys."""
    slots = [unlock.wrap(ring.packed()) for unlock in unlocks]
    return _SEVERAL + b"".join(len(slot).to_bytes(_LENGTH_BYTES, "big") + slot for slot in slots)


def unwrapped(data: bytes, unlock: UnlockKey) -> Ring:
    """The ring in the file. Raises WrongUnlockKey."""
    for slot in _slots(data):
        try:
            return Ring.unpacked(unlock.unwrap(slot))
        except WrongUnlockKey:
            continue
    raise WrongUnlockKey(slots=len(_slots(data)))


def _slots(data: bytes) -> list[bytes]:
    if data[:1] != _SEVERAL:
        return [data]  # from before there could be several
    slots, at = [], 1
    while at < len(data):
        end = at + _LENGTH_BYTES + int.from_bytes(data[at : at + _LENGTH_BYTES], "big")
        slots.append(data[at + _LENGTH_BYTES : end])
        at = end
    return slots


def unlock_key(directory: Path, source: Source, new: bool, ask: Callable[[str], str] = getpass) -> UnlockKey:
    """The unlock key from where the settings say; a file is made for a new network only. Raises KeyMissing,
    BadUnlockKey."""
    match source.how:
        case "env":
            return UnlockKey.from_env(VARIABLE)
        case "prompt":
            return UnlockKey.from_passphrase(ask("Unlock key of this network: "))
        case "systemd":
            return _of_systemd(source.credential)
    path = directory / UNLOCK_KEY
    if not path.exists() and (path.is_symlink() or not new):
        raise KeyMissing(f"The unlock key is not there: {path}. Put it back, or mount the disk that it is on.")
    return UnlockKey.from_file(path)


def _of_systemd(credential: str) -> UnlockKey:
    """What the service manager hands over to this service alone, in memory that is never swapped."""
    folder = os.environ.get(CREDENTIALS, "")
    path = Path(folder) / credential
    if not folder or not path.is_file():
        line = f"LoadCredentialEncrypted={credential}"
        raise KeyMissing(f"systemd hands over no credential {credential}. Put {line} into the service's unit.")
    try:
        return UnlockKey.from_text(path.read_bytes()[:MAX_CREDENTIAL].decode())
    except (BadUnlockKey, UnicodeDecodeError):
        raise BadUnlockKey(f"The credential {credential} is damaged: it is neither a key nor a passphrase.") from None
