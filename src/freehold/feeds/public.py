"""A post as a feed of the owner's sees it: public fields and nothing else.

This is the whole of what such a feed is told; who likes, follows or mutes whom, drafts, addresses and settings are not
in it. Fields are only ever added, never renamed or taken away.
"""

from datetime import datetime

import msgspec


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """One post.

    author: DID; handle: of the author, "" where none is confirmed. created: aware, UTC; not later than when it came.
    langs: as the author says, "en" or "fr-CA". tags: of the text and beside it, in small letters, without #. links:
    addresses that it links to. likes, reposts, replies, quotes: how many there are now. pictures: how many it shows;
    alts: what they are described as. reply: it answers another post. quoting: it shows another post. labels: what its
    author says of it, such as "nudity".
    """

    uri: str
    author: str
    handle: str
    text: str
    created: datetime
    langs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    likes: int = 0
    reposts: int = 0
    replies: int = 0
    quotes: int = 0
    pictures: int = 0
    alts: tuple[str, ...] = ()
    video: bool = False
    reply: bool = False
    quoting: bool = False
    labels: tuple[str, ...] = ()
