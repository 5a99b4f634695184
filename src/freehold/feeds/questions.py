"""What the network asks the process in which the owner's feeds run, and what it answers."""

import msgspec

from freehold.feeds.public import Post


class Question(msgspec.Struct):
    """Load the file at `path`, and if there are posts, sift them."""

    path: str
    posts: list[Post] = []


class Kept(msgspec.Struct, array_like=True):
    """A post that the feed wants, by its place in the question."""

    place: int
    reason: str
    weight: float


class Answer(msgspec.Struct):
    """What came of it. title, description: of the feed. failed: places of the posts on which it failed. fault: what
    went wrong first, in a line for the owner."""

    title: str = ""
    description: str = ""
    kept: list[Kept] = []
    failed: list[int] = []
    fault: str = ""
