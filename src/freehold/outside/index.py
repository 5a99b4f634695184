"""What this room needs of an index."""

from collections.abc import Callable, Collection
from typing import Protocol, TypeVar

from freehold.protocol.cid import Cid
from freehold.store.tx import Tx

T = TypeVar("T")


class Taker(Protocol):
    """Takes what accounts of other hosts did, within one transaction. tx: that transaction, for our own tables."""

    tx: Tx

    def identity(self, did: str, handle: str | None) -> None:
        """The account has this handle, confirmed both ways; or none that is."""
        ...

    def account(self, did: str, status: str | None) -> None:
        """How it stands with its host: None is active, `deleted` takes all that it said along."""
        ...

    def record(self, did: str, path: str, cid: Cid, raw: bytes, fits: bool | None = None) -> None:
        """A record as it is now. fits: whether it fits its lexicon, where that was looked at already."""
        ...

    def gone(self, did: str, path: str) -> None:
        """A record is there no more."""
        ...

    def only(self, did: str, paths: Collection[str]) -> None:
        """The account has records at these paths and no others."""
        ...

    def labelled(self, uri: str) -> None:
        """Something else is said of an account or record than before."""
        ...

    def reached(self, did: str, rev: str) -> None:
        """Its repository is known up to this revision."""
        ...


class Index(Protocol):
    """Where it goes."""

    async def take_in(self, change: Callable[[Taker], T]) -> T:
        """Run `change` in one transaction. Raises a Refused of kind `unavailable` while nothing can be taken."""
        ...
