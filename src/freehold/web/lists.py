"""What the pages need of lists of people, and of starter packs: what they are, who is on them, making and using them.

Lists, who is on them, and blocks by them are records that everybody can read; mutes are seen by the member alone.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

Json = dict[str, Any]
Purpose = Literal["curatelist", "modlist"]


class Words(NamedTuple):
    """What a list is called, and says of itself."""

    name: str
    description: str


class Lists(Protocol):
    """Of one network. A member is named by their DID. After a write returns, the next view shows it."""

    async def of(self, viewer: str | None, actor: str, *, limit: int, cursor: str | None) -> Json:
        """app.bsky.graph.getLists"""
        ...

    async def packs_of(self, viewer: str | None, actor: str) -> Json:
        """app.bsky.graph.getActorStarterPacks, the newest 50."""
        ...

    async def one(self, viewer: str | None, uri: str, *, limit: int, cursor: str | None) -> Json:
        """app.bsky.graph.getList. Refuses one that is not there."""
        ...

    async def feed(self, viewer: str | None, uri: str, *, limit: int, cursor: str | None) -> Json:
        """app.bsky.feed.getListFeed"""
        ...

    async def pack(self, viewer: str | None, uri: str) -> Json:
        """app.bsky.graph.getStarterPack. Refuses one that is not there."""
        ...

    async def with_membership(self, did: str, other: str, *, limit: int, cursor: str | None) -> Json:
        """app.bsky.graph.getListsWithMembership"""
        ...

    async def make(self, did: str, words: Words, purpose: Purpose) -> str:
        """A new list; its record key."""
        ...

    async def change(self, did: str, rkey: str, words: Words) -> None:
        """Give a list other words; what the page does not show stays as it is. Refuses one that is not there."""
        ...

    async def delete(self, did: str, rkey: str) -> None:
        """A list, and who is on it. One that is gone already is no error."""
        ...

    async def put_on(self, did: str, rkey: str, other: str) -> None:
        """Put somebody on a list. Twice is the same as once."""
        ...

    async def take_off(self, did: str, rkey: str, other: str) -> None:
        """Take somebody off. Twice is the same as once."""
        ...

    async def mute(self, did: str, uri: str, *, muted: bool) -> None:
        """Hear nothing of those on a list, or hear them again."""
        ...

    async def block(self, did: str, uri: str) -> None:
        """Those on a list and the member do not see each other any more."""
        ...

    async def unblock(self, did: str, block_uri: str) -> None:
        """Take that back; `block_uri` is the list's `viewer.blocked`."""
        ...

    async def follow_all(self, did: str, others: Sequence[str]) -> None:
        """Follow these at once, 200 at most."""
        ...
