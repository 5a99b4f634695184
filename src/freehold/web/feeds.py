"""What the pages need of feeds: which there are, what stands in one and why, which a member has on their home page.

Kept feeds are the member's preference that apps know too: what is pinned in one is pinned in the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from freehold.feeds.reasons import Why

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """A feed, or a list, which is read as one. name: of one that this network makes itself, else "".

    by: app.bsky.actor.defs#profileView of who declared another. fault: what is wrong with one of the owner's. kept: on
    the reader's home page.
    """

    uri: str
    name: str
    title: str
    description: str
    by: Json | None
    likes: int
    kept: bool = False
    fault: str = ""


class Feeds(Protocol):
    """Of one network. A member is named by their DID."""

    def uri(self, name: str) -> str:
        """The at-uri of a feed that this network makes itself."""
        ...

    async def all(self, viewer: str | None, *, limit: int, cursor: str | None) -> tuple[Sequence[Known], str | None]:
        """A page of those that there are, and where it goes on."""
        ...

    async def one(self, viewer: str | None, uri: str) -> Known:
        """One of them, or a list. Refuses one that is not there."""
        ...

    async def read(
        self, viewer: str | None, uri: str, *, limit: int, cursor: str | None
    ) -> tuple[list[tuple[Json, Why]], str | None]:
        """A page of app.bsky.feed.defs#feedViewPost, each with its reason, and where it goes on."""
        ...

    async def kept(self, did: str) -> Sequence[Known]:
        """Those on the member's home page, lists among them, in their order."""
        ...

    async def keep(self, did: str, uri: str, *, kept: bool) -> None:
        """Put one there, or take it off. Twice is the same as once."""
        ...
