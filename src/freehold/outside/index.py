"""What this room needs of an index."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, Protocol, TypeVar

from freehold.protocol.cid import Cid
from freehold.store.tx import Tx

T = TypeVar("T")
Json = dict[str, Any]


class Pack(Protocol):
    """A function of a module that packs records of one account for `Taker.records`, in the order of their paths."""

    __module__: str
    __qualname__: str

    def __call__(self, records: Iterable[tuple[str, bytes, bytes, Json | None]], now: int) -> bytes:
        """records: (path, CID, DAG-CBOR, JSON form) of each; no JSON form: it does not fit its lexicon. now: micros."""
        ...


class Taker(Protocol):
    """Takes what accounts of other hosts did, within one transaction. tx: that transaction, for our own tables."""

    tx: Tx

    def identity(self, did: str, handle: str | None) -> None:
        """The account has this handle, confirmed both ways; or none that is."""
        ...

    def account(self, did: str, status: str | None) -> None:
        """How it stands with its host: None is active, `deleted` takes all that it said along."""
        ...

    def record(self, did: str, path: str, cid: Cid, raw: bytes) -> None:
        """A record as it is now."""
        ...

    def records(self, did: str, packed: bytes) -> None:
        """Many records as they are now."""
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
