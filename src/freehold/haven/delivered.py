"""What goes along with the truth to another machine: the network's keys, where its history forked, its owner's feeds.

In come paths in a network's directory; out goes the content of each in one piece, which `put` makes files of elsewhere.
The feeds (DIRECTORY/feeds/*.py, see `feeds.programs`) are few and small: they go all together, so that one that was
taken away is gone over there too.
"""

import logging
import re
from pathlib import Path

import msgspec

from freehold.protocol.refused import Refused
from freehold.store.files import sync, write_durably

logger = logging.getLogger(__name__)

KEY, FORKS, FEEDS = "network.key", "forks.json", "feeds"
DELIVERED = (KEY, FORKS, FEEDS)
FEED = re.compile(r"[a-z0-9][a-z0-9-]{0,30}\.py")
FEEDS_MOST, FEED_MAX_BYTES = 50, 200_000
"""As many as are read, and as large as may be added; all of them may not be larger than a message."""
ALL_MAX_BYTES = 2_000_000
BEFORE = ".py.before"
"""A feed that is none any more is called so: a machine that was the primary may have the only copy of it."""
_Feeds = msgspec.msgpack.Decoder(dict[str, bytes])


class BadPaper(Refused):
    """What was delivered is not what its name says."""

    kind, name, say = "invalid", "BadPaper", "The other machine delivered something that is not what its name says."


def content(path: Path) -> bytes | None:
    """What is to be delivered; None where there is nothing."""
    if path.name == FEEDS:
        return feeds(path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def feeds(folder: Path) -> bytes:
    """The owner's feeds, packed; those that are too much stay here, and the log says so."""
    found: dict[str, bytes] = {}
    left = ALL_MAX_BYTES
    for path in sorted(folder.glob("*.py"))[:FEEDS_MOST]:
        try:
            text = path.read_bytes()
        except OSError:  # taken away meanwhile
            continue
        if not FEED.fullmatch(path.name) or len(text) > min(FEED_MAX_BYTES, left):
            logger.warning("the feed %s is not kept elsewhere: its name or its size is not a feed's", path)
            continue
        left -= len(text)
        found[path.name] = text
    return msgspec.msgpack.encode(found)


def put(directory: Path, name: str, data: bytes) -> None:
    """On disk when this returns. Raises BadPaper, changing nothing."""
    if name not in DELIVERED:
        raise BadPaper(called=name)
    if name == FEEDS:
        put_feeds(directory / FEEDS, data)
    else:
        write_durably(directory / name, data)


def put_feeds(folder: Path, data: bytes) -> None:
    """Let the folder hold these feeds and no others. What has not changed is not written. Raises BadPaper."""
    try:
        wanted = _Feeds.decode(data)
    except msgspec.DecodeError as error:
        raise BadPaper(because=repr(error)) from None
    if not all(map(FEED.fullmatch, wanted)):
        raise BadPaper(names=list(wanted))
    there = {path.name: path for path in folder.glob("*.py")}
    if not (wanted or there):
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, text in wanted.items():
        if name not in there or there[name].read_bytes() != text:
            write_durably(folder / name, text)
    for name in there.keys() - wanted.keys():
        there[name].replace(there[name].with_suffix(BEFORE))
    sync(folder)
