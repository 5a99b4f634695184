"""What a member keeps for themselves alone: bookmarks, drafts, whose posts they want to be told of, of whom they mute
reposts or quotes, and what they want to be told at all.

Table: kept (sealed, and found again by a keyed hash: whoever takes the disk learns how many there are, no more). The
event in the private log, appended in the same transaction, says only who changed something: the index asks here.
Source: the lexicons app.bsky.bookmark.*, app.bsky.draft.*, app.bsky.notification.putPreferencesV2 and
putActivitySubscription, app.bsky.graph.muteActor
"""

from typing import Any, NamedTuple

import msgspec

from freehold.pds import private
from freehold.pds.accounts import Account
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.protocol.tid import TidClock
from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx
from freehold.stream.log import append_private

SCHEMA = (
    Migration(
        "pds-91-kept",
        """
        CREATE TABLE kept (
            account BIGINT NOT NULL,
            kind TEXT NOT NULL,
            mark BLOB NOT NULL,
            box BLOB NOT NULL,
            PRIMARY KEY (account, kind, mark)
        );
        """,
    ),
)
PURPOSE = "kept"
SEALED = (Sealed("kept", "box", PURPOSE),)

BOOKMARK, DRAFT, SUBSCRIPTION, PART_MUTE, CHOICES = "bookmark", "draft", "subscription", "part-mute", "choices"
POSTS = "app.bsky.feed.post"
MOST = {BOOKMARK: 10_000, DRAFT: 500, SUBSCRIPTION: 1_000, PART_MUTE: 10_000, CHOICES: 1}
DRAFTS_MAX_BYTES = 5_000_000
"""Of all drafts of a member together."""
_ALL = "all"

Json = dict[str, Any]


class UnsupportedCollection(Refused):
    """A bookmark of something that is no post."""

    name = "UnsupportedCollection"
    say = "Only posts can be saved."


class DraftLimitReached(Refused):
    """As many drafts, or as much in them, as a member may keep."""

    name = "DraftLimitReached"
    say = "These are as many drafts as you can keep. Delete some first."


class Draft(NamedTuple):
    """draft: app.bsky.draft.defs#draft. made, changed: micros."""

    draft: Json
    made: int
    changed: int


class Choice(msgspec.Struct, omit_defaults=True):
    """What a member wants to be told of one kind of event: in the list, as a push, and by whom."""

    list: bool | None = None
    push: bool = True
    include: str | None = None


_SHAPES: dict[str, Any] = {
    BOOKMARK: tuple[str, int],
    DRAFT: tuple[Json, int, int],
    SUBSCRIPTION: tuple[bool, bool, int],
    PART_MUTE: tuple[bool, bool, int],
    CHOICES: dict[str, Choice],
}
"""Kind to what is kept under each key. Keys: URIs, TIDs, DIDs, DIDs, and one for all choices."""

# -- the table ---------------------------------------------------------------------------------------------------------


_DELETE = "DELETE FROM kept WHERE account = :id AND kind = :kind AND mark = :mark"


def all_of(tx: Tx, seal: Seal, account_id: int, kind: str) -> Json:
    """Everything of one kind, by key."""
    boxes = tx.run("SELECT box FROM kept WHERE account = :id AND kind = :kind", id=account_id, kind=kind)
    return dict(msgspec.json.decode(seal.open(PURPOSE, box)) for (box,) in boxes)


def _keep(tx: Tx, seal: Seal, account: Account, kind: str, key: str, value: object) -> None:
    """Keep a value in the place of the one before. Raises InvalidRequest for more than MOST."""
    mark = _mark(seal, account, kind, key)
    tx.run(_DELETE, id=account.id, kind=kind, mark=mark)
    if _count(tx, account, kind) >= MOST[kind]:
        raise InvalidRequest(f"You can keep {MOST[kind]} of these. Let some go first.")
    tx.run(
        "INSERT INTO kept (account, kind, mark, box) VALUES (:id, :kind, :mark, :box)",
        id=account.id,
        kind=kind,
        mark=mark,
        box=seal.seal(PURPOSE, msgspec.json.encode((key, value))),
    )
    _tell(tx, account)


def _one(tx: Tx, seal: Seal, account: Account, kind: str, key: str) -> Any:
    row = tx.one(
        "SELECT box FROM kept WHERE account = :id AND kind = :kind AND mark = :mark",
        id=account.id,
        kind=kind,
        mark=_mark(seal, account, kind, key),
    )
    return msgspec.json.decode(seal.open(PURPOSE, row[0]))[1] if row is not None else None


def _let_go(tx: Tx, seal: Seal, account: Account, kind: str, key: str) -> None:
    tx.run(_DELETE, id=account.id, kind=kind, mark=_mark(seal, account, kind, key))
    _tell(tx, account)


def _mark(seal: Seal, account: Account, kind: str, key: str) -> bytes:
    return seal.lookup(PURPOSE, f"{account.id} {kind} {key}")


def _count(tx: Tx, account: Account, kind: str) -> int:
    sql = "SELECT count(*) FROM kept WHERE account = :id AND kind = :kind"
    (count,) = tx.one(sql, id=account.id, kind=kind) or (0,)
    return int(count)


def _tell(tx: Tx, account: Account) -> None:
    append_private(tx, "kept", account.did, {})


def erase(tx: Tx, account_id: int) -> None:
    """The account ends: nothing of this stays."""
    tx.run("DELETE FROM kept WHERE account = :id", id=account_id)


# -- what it is for ----------------------------------------------------------------------------------------------------


def save_post(tx: Tx, seal: Seal, account: Account, uri: str, cid: str) -> None:
    """Bookmark a post; one that is saved already stays where it was. Raises UnsupportedCollection."""
    _assure_post(uri)
    if _one(tx, seal, account, BOOKMARK, uri) is None:
        _keep(tx, seal, account, BOOKMARK, uri, (cid, tx.now))


def let_post_go(tx: Tx, seal: Seal, account: Account, uri: str) -> None:
    """Remove a bookmark. Raises UnsupportedCollection."""
    _assure_post(uri)
    _let_go(tx, seal, account, BOOKMARK, uri)


def _assure_post(uri: str) -> None:
    if uri.split("/")[3:4] != [POSTS]:
        raise UnsupportedCollection(uri=uri)


def drafts(tx: Tx, seal: Seal, account: Account) -> list[tuple[str, Draft]]:
    """The member's drafts, the last changed first."""
    found = [(id, Draft(*value)) for id, value in all_of(tx, seal, account.id, DRAFT).items()]
    return sorted(found, key=lambda one: (one[1].changed, one[0]), reverse=True)


def make_draft(tx: Tx, seal: Seal, account: Account, draft: Json) -> str:
    """Keep a new draft; its id, a TID. Raises DraftLimitReached."""
    if _count(tx, account, DRAFT) >= MOST[DRAFT]:
        raise DraftLimitReached
    known = all_of(tx, seal, account.id, DRAFT)
    id = TidClock(0).next(tx.now, max(known, default=None))
    _put_draft(tx, seal, account, id, Draft(draft, tx.now, tx.now))
    return id


def change_draft(tx: Tx, seal: Seal, account: Account, id: str, draft: Json) -> None:
    """Put other words into a draft; one that is not there (any more) stays so. Raises DraftLimitReached."""
    found = _one(tx, seal, account, DRAFT, id)
    if found is not None:
        _put_draft(tx, seal, account, id, Draft(draft, Draft(*found).made, tx.now))


def _put_draft(tx: Tx, seal: Seal, account: Account, id: str, draft: Draft) -> None:
    _keep(tx, seal, account, DRAFT, id, draft)
    sql = "SELECT sum(length(box)) FROM kept WHERE account = :id AND kind = :kind"
    (size,) = tx.one(sql, id=account.id, kind=DRAFT) or (0,)
    if size > DRAFTS_MAX_BYTES:
        raise DraftLimitReached(f"Your drafts are more than {DRAFTS_MAX_BYTES // 1_000_000} MB together.")


def delete_draft(tx: Tx, seal: Seal, account: Account, id: str) -> None:
    """Let a draft go."""
    _let_go(tx, seal, account, DRAFT, id)


def subscribe(tx: Tx, seal: Seal, account: Account, did: str, *, posts: bool, replies: bool) -> None:
    """Want to be told of what somebody posts from now on, or of neither any more."""
    if did == account.did:
        raise InvalidRequest("You cannot subscribe to yourself.")
    if posts or replies:
        before = _one(tx, seal, account, SUBSCRIPTION, did)
        _keep(tx, seal, account, SUBSCRIPTION, did, (posts, replies, before[2] if before is not None else tx.now))
    else:
        _let_go(tx, seal, account, SUBSCRIPTION, did)


def mute(
    tx: Tx, seal: Seal, account: Account, did: str, *, muted: bool, reposts: bool = False, quotes: bool = False
) -> None:
    """Mute all of an account, or its reposts or quotes and no more; or hear all of it again."""
    private.set_mute(tx, seal, account, did, muted and not (reposts or quotes))
    _mute_partly(tx, seal, account, did, reposts=reposts, quotes=quotes)


def _mute_partly(tx: Tx, seal: Seal, account: Account, did: str, *, reposts: bool, quotes: bool) -> None:
    """Mute the reposts or the quotes of somebody, or neither any more."""
    if reposts or quotes:
        _keep(tx, seal, account, PART_MUTE, did, (reposts, quotes, tx.now))
    elif _one(tx, seal, account, PART_MUTE, did) is not None:
        _let_go(tx, seal, account, PART_MUTE, did)


def choices(tx: Tx, seal: Seal, account_id: int) -> Json:
    """What the member chose of app.bsky.notification.defs#preferences, by name; what is not in there is as usual."""
    return dict(all_of(tx, seal, account_id, CHOICES).get(_ALL, {}))


def choose(tx: Tx, seal: Seal, account: Account, given: Json) -> Json:
    """Put these choices over those before; all of them."""
    chosen = choices(tx, seal, account.id) | given
    _keep(tx, seal, account, CHOICES, _ALL, chosen)
    return chosen


def for_index(tx: Tx, seal: Seal, account_id: int) -> tuple[Json, Json, Json, Json]:
    """Bookmarks, subscriptions, choices, those muted in part: what the views of the member follow from."""
    bookmarks, subscriptions, muted = (
        all_of(tx, seal, account_id, kind) for kind in (BOOKMARK, SUBSCRIPTION, PART_MUTE)
    )
    return bookmarks, subscriptions, choices(tx, seal, account_id), muted


# -- moving ------------------------------------------------------------------------------------------------------------


def for_archive(tx: Tx, seal: Seal, account_id: int) -> Json:
    """All of it, by kind and key."""
    found = {kind: all_of(tx, seal, account_id, kind) for kind in _SHAPES}
    return {kind: kept for kind, kept in found.items() if kept}


def take_in(tx: Tx, seal: Seal, account: Account, found: object) -> None:
    """Keep what an archive holds, as `for_archive` gave it; what has another shape is left out."""
    for kind, shape in _SHAPES.items():
        values = found.get(kind) if isinstance(found, dict) else None
        for key, value in list(values.items())[: MOST[kind]] if isinstance(values, dict) else ():
            try:
                kept = msgspec.convert(value, shape)
            except msgspec.ValidationError:
                continue
            _keep(tx, seal, account, kind, str(key), kept)
