"""Messages that wait until the repository that they are about was fetched whole, within bounds."""

from collections import Counter
from collections.abc import Iterable

from freehold.outside.messages import Commit, Message, Sync
from freehold.outside.sources import Source

WAITING_MAX = 200
"""Messages that wait for one repository."""
WAITING_MAX_BYTES = 32_000_000
"""For all of those of one source."""

Told = tuple[Source, Message]
"""What was said, and by whom."""


class Waiting:
    """By DID. dropped: where those are counted for which there is no room."""

    def __init__(self, dropped: Counter[tuple[str, str]]) -> None:
        self._dropped = dropped
        self._told: dict[str, list[Told]] = {}
        self._bytes: Counter[str] = Counter()
        self._missed: set[str] = set()

    def __contains__(self, did: object) -> bool:
        return did in self._told

    def keep(self, told: Iterable[Told]) -> None:
        """Have these wait."""
        for source, message in told:
            held = self._told.setdefault(message.did, [])
            size = _size(message)
            if len(held) >= WAITING_MAX or self._bytes[source.url] + size > WAITING_MAX_BYTES:
                self._dropped[source.url, "too-many-waiting"] += 1
                self._missed.add(message.did)
                continue
            held.append((source, message))
            self._bytes[source.url] += size

    def let_go(self, did: str) -> list[Told]:
        """What waits for a repository, which waits no more."""
        told = self._told.pop(did, [])
        for source, message in told:
            self._bytes[source.url] -= _size(message)
        return told

    def has_missed(self, did: str) -> bool:
        """Whether there was no room for something, since `forgive`."""
        return did in self._missed

    def forgive(self, did: str) -> None:
        """What there was no room for is made good, or never will be."""
        self._missed.discard(did)


def _size(message: Message) -> int:
    return 500 + (len(message.blocks) if isinstance(message, Commit | Sync) else 0)
