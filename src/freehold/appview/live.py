"""Who is live: what an actor declares of what they do just now, with a link to it, until it runs out.

In come records `app.bsky.actor.status/self`, kept as declarations; out comes the part of a profile view that tells.
However long somebody says that it lasts, it is at least five minutes and at most four hours.
Source: the lexicons app.bsky.actor.status and app.bsky.actor.defs, #statusView
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from freehold.appview.declarations import STATUS
from freehold.appview.labelled import Labelers, Said, heard, of_version, redacted
from freehold.appview.moments import text_of
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.store.tx import Tx

MINUTE_MICROS = 60_000_000
SHORTEST_MINUTES = 5
LONGEST_MINUTES = 240
Json = dict[str, Any]
_FIND = (
    "SELECT actor, did, cid, record, at FROM declaration JOIN actor ON actor.id = declaration.actor"
    " WHERE collection = :collection AND rkey = 'self' AND actor IN (SELECT value FROM json_each(:ids))"
)


class Row(NamedTuple):
    """A status as it is declared. at: micros, from when it holds."""

    actor: int
    did: str
    cid: bytes
    record: bytes
    at: int

    @property
    def uri(self) -> str:
        """Where it stands."""
        return f"at://{self.did}/{STATUS}/self"


class Live(NamedTuple):
    """A status. view: #statusView, without `isActive` and without what `said` says of it. ends: micros, None if it
    does not run out."""

    view: Json
    ends: int | None
    said: tuple[Said, ...]

    def shown(self, labelers: Labelers, now: int) -> Json | None:
        """#statusView as of now; None where a labeler took it away."""
        if self.said and redacted(self.said, labelers, now):
            return None
        view = {**self.view, "labels": heard(self.said, labelers, now)}
        return view if self.ends is None else {**view, "isActive": self.ends > now}


def declared(tx: Tx, ids: Iterable[int]) -> list[Row]:
    """The statuses of those actors that declare one."""
    return [Row._make(row) for row in tx.run(_FIND, collection=STATUS, ids=str(list(ids)))]


def live(row: Row, embed: Json | None, said: Sequence[Said]) -> Live:
    """What is shown of a status. embed: the view of its link."""
    record: Json = cbor.decode_json(row.record)
    cid = str(Cid(row.cid))
    view: Json = {"uri": row.uri, "cid": cid, "status": record["status"], "record": record}
    minutes, ends = record.get("durationMinutes"), None
    if minutes:
        ends = row.at + max(SHORTEST_MINUTES, min(minutes, LONGEST_MINUTES)) * MINUTE_MICROS
        view["expiresAt"] = text_of(ends)
    if embed is not None:
        view["embed"] = embed
    return Live(view, ends, of_version(said, cid))
