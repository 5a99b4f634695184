"""What the pages need to know of posts that a lost machine had alone, and that their author may have back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LostPost:
    """One of them. files: how many pictures and videos it has; lacks: how many of those are lost for good.

    gone_at: when it is offered no more.
    """

    rkey: str
    text: str
    at: datetime
    gone_at: datetime
    files: int
    lacks: int
    reply: bool


class Offers(Protocol):
    """What is offered to the members of one network. A member is named by their DID."""

    def count(self, did: str) -> int:
        """How many posts."""
        ...

    def of(self, did: str) -> Sequence[LostPost]:
        """They, the oldest first."""
        ...

    async def post_again(self, did: str, rkey: str) -> None:
        """Let it be a post, at the address that it had. Raises NoSuchOffer."""
        ...

    async def discard(self, did: str, rkey: str) -> None:
        """It is not wanted back."""
        ...
