"""What the pages need for what a member puts aside: posts to read again or to finish, people and words to hear less of.

Saved posts, drafts and mutes are seen by the member alone; a block is a record that everybody can read, as the
protocol has it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from freehold.appview.muted_words import MutedWord

Json = dict[str, Any]


class Kept(NamedTuple):
    """A draft: app.bsky.draft.defs#draft under its id, and when it was changed last."""

    id: str
    draft: Json
    changed: datetime


class Apart(Protocol):
    """Of the members of one network. A member is named by their DID. Whatever returns is seen by the next view."""

    async def save(self, did: str, uri: str, cid: str) -> None:
        """Keep a post to read again. Twice is the same as once."""
        ...

    async def let_go(self, did: str, uri: str) -> None:
        """Keep it no more."""
        ...

    async def saved(self, did: str, *, limit: int, cursor: str | None) -> Json:
        """app.bsky.bookmark.getBookmarks"""
        ...

    def drafts(self, did: str) -> Sequence[Kept]:
        """What the member began to write, the last changed first."""
        ...

    async def keep_draft(self, did: str, id: str, draft: Json) -> None:
        """Keep a new draft (id ""), or other words in one that is there. Refuses too many."""
        ...

    async def delete_draft(self, did: str, id: str) -> None:
        """Keep it no more. Twice is the same as once."""
        ...

    async def mute(self, did: str, other: str) -> None:
        """Show nothing of somebody in feeds and notices."""
        ...

    async def unmute(self, did: str, other: str) -> None:
        """Show it again."""
        ...

    async def muted(self, did: str, *, limit: int, cursor: str | None) -> Json:
        """app.bsky.graph.getMutes"""
        ...

    async def mute_thread(self, did: str, root_uri: str, *, muted: bool) -> None:
        """Tell of nothing more that is said in a conversation, or of all again. root_uri: the post it began with."""
        ...

    def muted_words(self, did: str) -> Sequence[MutedWord]:
        """The words that are muted now."""
        ...

    async def mute_word(self, did: str, word: str, *, in_text: bool, of_all: bool, days: int | None) -> None:
        """Show no post that holds it. in_text: not in hashtags alone; of_all: of those whom one follows, too; days:
        None for always. Refuses what is too long or too many."""
        ...

    async def unmute_word(self, did: str, id: str) -> None:
        """Show them again. Twice is the same as once."""
        ...

    async def block(self, did: str, other: str) -> None:
        """Neither sees the other any more."""
        ...

    async def unblock(self, did: str, block_uri: str) -> None:
        """Take a block back; `block_uri` is the view's `viewer.blocking`."""
        ...

    async def blocked(self, did: str, *, limit: int, cursor: str | None) -> Json:
        """app.bsky.graph.getBlocks"""
        ...
