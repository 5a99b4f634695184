"""What callers ask for, turned into ids: actors by DID or handle, posts by URI, pages by cursor. And the refusals of
views.

A cursor is a moment (feeds, posts), or a time and an id with a dot between (lists of people); opaque to callers, good
for ever.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from freehold.appview.batch import POST, STRANGER
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.protocol.syntax import is_did
from freehold.store.tx import Tx

FAR = 2**63 - 1


class ActorNotFound(Refused):
    """No such account here, or one that is not shown."""

    say = "Profile not found"


class AccountHidden(Refused):
    """The account is there, but deactivated or taken down."""

    name = "AccountDeactivated"
    say = "This account is deactivated or was taken down."


class PostNotFound(Refused):
    """No such post here, or one that is not shown."""

    name = "NotFound"
    say = "Post not found"


class BlockedActor(Refused):
    """The reader blocks the account."""

    name = "BlockedActor"
    say = "You have blocked this account."


class BlockedByActor(Refused):
    """The account blocks the reader."""

    name = "BlockedByActor"
    say = "This account has blocked you."


class UnknownFeed(Refused):
    """A feed that this network does not serve."""

    name = "UnknownFeed"
    say = "This network does not have that feed."


class UnknownList(Refused):
    """No such list here, or one that is not shown."""

    name = "UnknownList"
    say = "List not found"


class PackNotFound(Refused):
    """No such starter pack here, or one that is not shown."""

    say = "Starter pack not found"


class BadCursor(Refused):
    """A cursor that none of our answers gave."""

    say = "Malformed cursor: use the one from the page before, as it is."


class BadQuery(Refused):
    """A search that cannot be understood."""

    name = "BadQueryString"
    say = "A search needs words or at least one filter."


class SignInNeeded(Refused):
    """A view that makes sense for a signed-in reader only."""

    kind, name = "unauthenticated", "AuthMissing"
    say = "Sign in to see this."


def find_actor(tx: Tx, actor: str) -> int | None:
    """The id of the account with this DID or handle, shown or not; None for one that nobody announced."""
    found = _announced(tx, actor)
    return found[0] if found is not None else None


def _announced(tx: Tx, actor: str) -> tuple[int, str | None] | None:
    """(id, status) of such an account."""
    if is_did(actor):
        row = tx.one("SELECT id, status FROM actor WHERE did = :did", did=actor)
    else:
        row = tx.one("SELECT id, status FROM actor WHERE handle = :handle", handle=actor.lower())
    return (row[0], row[1]) if row is not None and row[1] != STRANGER else None


class Knowing(Protocol):
    """Who may have an account in memory: the page."""

    tx: Tx

    def known(self, did: str) -> tuple[int, str | None] | None:
        """(id, status), or None for one that has to be looked up."""
        ...


def actor_id(page: Knowing, actor: str) -> int:
    """The id of an account that is shown. Raises ActorNotFound, AccountHidden."""
    id, status = page.known(actor) or _announced(page.tx, actor) or (0, "deleted")
    if status == "deleted":
        raise ActorNotFound(actor=actor)
    if status is not None:
        raise AccountHidden(name="AccountTakedown" if status in ("takendown", "suspended") else None, actor=actor)
    return id


def actor_ids(tx: Tx, actors: Iterable[str]) -> list[int]:
    """The ids of those that are there, in the order asked for."""
    found = (find_actor(tx, actor) for actor in actors)
    return [id for id in found if id is not None]


def post_id(tx: Tx, uri: str) -> int | None:
    """The id of a post (or other subject) by its URI, whose authority may be a handle."""
    parts = uri.split("/")
    if len(parts) != 5:
        return None
    author = find_actor(tx, parts[2])
    if author is None:
        return None
    rkey = parts[4] if parts[3] == POST else f"{parts[3]}/{parts[4]}"
    row = tx.one("SELECT id FROM post WHERE author = :author AND rkey = :rkey", author=author, rkey=rkey)
    return row[0] if row is not None else None


class UnknownAlgorithm(InvalidRequest):
    """A timeline in an order that there is not."""

    say = "There is one order of the timeline here: reverse-chronological."


def before(cursor: str | None) -> int:
    """The moment that a cursor names; FAR without one. Raises BadCursor."""
    if cursor is None:
        return FAR
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 19:
        raise BadCursor(cursor=cursor[:80])
    return min(int(cursor), FAR)


def before_pair(cursor: str | None) -> tuple[int, int]:
    """The (time, id) that a cursor names; (FAR, FAR) without one. Raises BadCursor."""
    if cursor is None:
        return FAR, FAR
    at, _, id = cursor.partition(".")
    return before(at), before(id)


def pair_cursor(rows: list[tuple[Any, ...]], limit: int) -> dict[str, str]:
    """The `cursor` of a page whose rows begin with (time, id), and that asked for `limit` of them."""
    return {"cursor": f"{rows[-1][0]}.{rows[-1][1]}"} if len(rows) == limit else {}
