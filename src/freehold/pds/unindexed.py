"""What a member wrote that an AppView has not read yet: posts and the profile of later commits than the one it names.

In comes the revision up to which the AppView knows the repository; out come records. A post is looked for by its key,
which is the time when it was written: so no index is needed, and a repository that moved in, all of whose records have
the revision of that day, is not taken for news.
Source: https://atproto.com/specs/repository#repo-revisions
"""

from typing import Any, NamedTuple

from freehold.pds import repositories
from freehold.pds.accounts import Account
from freehold.pds.takedowns import Takedowns
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.syntax import is_tid
from freehold.protocol.tid import tid_decode, tid_encode
from freehold.store.tx import Tx

POST = "app.bsky.feed.post"
PROFILE = "app.bsky.actor.profile/self"

MOST_POSTS = 10
MOST_LOOKED_AT = 200
"""Newest keys among which the posts are looked for."""
SLOW_CLOCK_MICROS = 600_000_000
"""How far the clock of an app that names its own keys may be behind ours."""


class Fresh(NamedTuple):
    """A post. at: when it was written here, micros since 1970 UTC; record: its JSON."""

    uri: str
    cid: Cid
    at: int
    record: dict[str, Any]


class Unindexed(NamedTuple):
    """posts: the oldest first. profile: the record if it changed. since: micros of the oldest of all."""

    posts: list[Fresh]
    profile: dict[str, Any] | None
    since: int


def written_since(tx: Tx, account: Account, rev: str, takedowns: Takedowns) -> Unindexed | None:
    """What `account` wrote after the commit `rev`; None if that is nothing, or `rev` no revision."""
    if not is_tid(rev):
        return None
    head = repositories.head(tx, account.id)
    if head is None or head.rev <= rev:
        return None
    first = tid_encode(max(0, tid_decode(rev)[0] - SLOW_CLOCK_MICROS), 0)
    rows = repositories.written_after(tx, account.id, f"{POST}/{first}", f"{POST}0", rev, MOST_LOOKED_AT)
    posts = [
        Fresh(f"at://{account.did}/{path}", Cid(cid), tid_decode(written)[0], cbor.decode_json(data))
        for path, cid, written, data in rows
        if takedowns.ref_of(account.did, path) is None
    ][:MOST_POSTS]
    changed = repositories.written_after(tx, account.id, PROFILE, f"{PROFILE}\0", rev, 1)
    if takedowns.ref_of(account.did, PROFILE) is not None:
        changed = []
    times = [post.at for post in posts] + [tid_decode(written)[0] for _, _, written, _ in changed]
    if not times:
        return None
    return Unindexed(posts[::-1], cbor.decode_json(changed[0][3]) if changed else None, min(times))
